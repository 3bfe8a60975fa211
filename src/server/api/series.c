/* series.c: GET /api/0/series, values over time, from the totals that the store keeps: no profile is read, but for
 * `function=` (funcline.h).
 */
#include "base/clock.h"
#include "server/api/funcline.h"
#include "server/api/internal.h"
#include "server/api/params.h"
#include "server/api/reply.h"
#include "server/api/timeline.h"

#include <string.h>

typedef struct series {
    pf_query query;
    pf_str sample_type; /* empty until it is known */
    pf_str unit;
    pf_str function; /* empty: none */
    pf_timeline line;
    pf_arena arena;

    const pf_sample_types *last; /* the list of the profile before, and which of it is meant */
    size_t index;
    bool any;
    pf_sample_types seen; /* of some profile: to say what there is */
} series;

static size_t index_in(const pf_sample_types *types, pf_str name)
{
    for (size_t i = 0; i < types->n; i++)
        if (pf_str_eq(types->list[i].type, name))
            return i;
    return types->n;
}

/* Lists are few and come in long runs. */
static pf_code meet_types(series *s, const pf_sample_types *types, pf_error *err)
{
    if (types == s->last)
        return PF_OK;
    s->last = types;
    if (types->n && !s->sample_type.n)
        s->sample_type = pf_arena_str(&s->arena, types->list[types->n - 1].type);
    if (types->n && !s->sample_type.p)
        return pf_arena_fail(&s->arena, err, "a series");
    s->index = index_in(types, s->sample_type);
    if (s->index < types->n && !s->unit.p) {
        s->unit = pf_arena_str(&s->arena, types->list[s->index].unit);
        s->line.is_cumulative = pf_type_is_cumulative(s->query.type, s->sample_type);
    }
    return PF_OK;
}

static pf_code add_total(void *ctx, const pf_total *t, pf_error *err)
{
    series *s = ctx;
    if (!t->types)
        return PF_OK;
    s->any = true;
    pf_code code = meet_types(s, t->types, err);
    if (code || s->index >= t->types->n || !t->has_sum[s->index])
        return code;
    return pf_timeline_add(&s->line, t, t->sum[s->index], err);
}

static pf_code read_params(pf_req *req, series *s, pf_error *err)
{
    pf_str step_text = {0}, group_by = {0};
    int64_t step = 0;
    pf_code code = pf_params_scope(req, false, &s->query, err);
    if (!code && s->query.type == PF_TYPE_UNKNOWN)
        code = pf_fail(err, PF_INVALID, "bad request: a series needs a known \"type\"");
    if (!code)
        code = pf_params_text(req, "sample_type", &s->sample_type, err);
    if (!code)
        code = pf_params_text(req, "function", &s->function, err);
    if (!code)
        code = pf_params_text(req, "step", &step_text, err);
    if (!code && step_text.n && !pf_step_parse(step_text, &step))
        code = pf_params_bad("step", step_text, "seconds, or the like of 30s, 5m, 1h", err);
    if (!code)
        code = pf_params_text(req, "group_by", &group_by, err);
    return code ? code
                : pf_timeline_init(&s->line, s->query.from, s->query.to, step, group_by, &s->arena,
                                   err);
}

typedef enum column { SUM, COUNT, DURATION, MEAN } column;

static void put_column(pf_buf *b, const char *key, column which, const pf_step *row, uint32_t n)
{
    pf_buf_printf(b, ",\"%s\":[", key);
    for (uint32_t i = 0; i < n; i++) {
        const pf_step *s = &row[i];
        if (i)
            pf_buf_putc(b, ',');
        if ((which == DURATION && !s->duration) || (which == COUNT && !s->count) ||
            (which != COUNT && which != DURATION && !s->sum))
            pf_buf_putc(b, '0');
        else if (which == DURATION)
            pf_buf_printf(b, "%.9g", (double)s->duration / (double)PF_NS_PER_SEC);
        else if (which == MEAN)
            pf_buf_printf(b, "%.15g", (double)s->sum / (double)s->count);
        else
            pf_buf_printf(b, "%lld", (long long)(which == SUM ? s->sum : s->count));
    }
    pf_buf_putc(b, ']');
}

static void put_values(pf_buf *b, const char *key, const int64_t *v, uint32_t n)
{
    pf_buf_printf(b, ",\"%s\":[", key);
    for (uint32_t i = 0; i < n; i++)
        pf_buf_printf(b, "%s%lld", i ? "," : "", (long long)v[i]);
    pf_buf_putc(b, ']');
}

static pf_code put_function(pf_buf *b, const series *s, const pf_funcline *f, uint32_t i,
                            const pf_step *row, pf_error *err)
{
    const pf_timeline *t = &s->line;
    pf_arena scratch;
    pf_arena_init(&scratch, s->arena.budget, s->arena.limit);
    int64_t *self = pf_arena_array(&scratch, t->points, sizeof *self);
    int64_t *total = pf_arena_array(&scratch, t->points, sizeof *total);
    pf_code code = self && total ? pf_funcline_row(f, t, i, row, self, total, err)
                                 : pf_arena_fail(&scratch, err, "a series");
    if (!code) {
        put_values(b, "self", self, t->points);
        put_values(b, "total", total, t->points);
    }
    pf_arena_free(&scratch);
    return code;
}

static pf_code put_group(pf_buf *b, const series *s, const pf_funcline *f, uint32_t i, pf_step *row,
                         pf_error *err)
{
    const pf_timeline *t = &s->line;
    const pf_group *g = &t->group[i];
    pf_timeline_row(t, i, row);
    pf_buf_puts(b, i ? ",{\"value\":" : "{\"value\":");
    if (g->has_label || g->is_other)
        pf_buf_put_json(b, g->value);
    else
        pf_buf_puts(b, "null");
    if (g->is_other)
        pf_buf_puts(b, ",\"other\":true");
    put_column(b, "sum", SUM, row, t->points);
    put_column(b, "count", COUNT, row, t->points);
    put_column(b, "duration", DURATION, row, t->points);
    if (!t->is_cumulative)
        put_column(b, "mean", MEAN, row, t->points);
    pf_code code = s->function.n && !g->is_other ? put_function(b, s, f, i, row, err) : PF_OK;
    pf_buf_putc(b, '}');
    return code;
}

static pf_code put_series(pf_buf *b, series *s, const pf_funcline *f, pf_error *err)
{
    const pf_timeline *t = &s->line;
    pf_code code = PF_OK;
    pf_step *row = pf_arena_array(&s->arena, t->points, sizeof *row);
    if (!row)
        return pf_arena_fail(&s->arena, err, "a series");
    pf_buf_puts(b, "{\"sample_type\":{\"type\":");
    pf_buf_put_json(b, s->sample_type);
    pf_buf_puts(b, ",\"unit\":");
    pf_buf_put_json(b, s->unit);
    pf_buf_printf(b,
                  "},\"cumulative\":%s,\"start\":%.15g,\"step\":%.15g,\"points\":%u,\"groups\":[",
                  t->is_cumulative ? "true" : "false", (double)t->start / (double)PF_NS_PER_SEC,
                  (double)t->step / (double)PF_NS_PER_SEC, t->points);
    for (uint32_t i = 0; !code && i < t->ngroup; i++)
        code = put_group(b, s, f, i, row, err);
    if (code)
        return code;
    bool truncated = t->ngroup && t->group[t->ngroup - 1].is_other;
    pf_buf_printf(b, "],\"truncated\":%s}", truncated ? "true" : "false");
    return b->failed ? pf_fail(err, PF_QUERY_LIMIT, "the series needs more than %zu bytes", b->max)
                     : PF_OK;
}

static pf_code make(pf_api *api, pf_req *req, series *s, pf_buf *b, pf_error *err)
{
    pf_op op = pf_api_op(api, req);
    pf_code code = read_params(req, s, err);
    if (!code)
        code = pf_store_totals(api->cfg.store, &s->query, &op, add_total, s, err);
    if (!code && !s->any)
        code = pf_fail(err, PF_NOT_FOUND, "nothing found");
    if (!code && !s->unit.p)
        code = pf_params_bad("sample_type", s->sample_type, "no profile here has it", err);
    if (!code)
        code = pf_timeline_finish(&s->line, err);
    pf_funcline f = {api->cfg.store, &op, &s->query, s->function, s->sample_type};
    return code ? code : put_series(b, s, &f, err);
}

void pf_handle_series(pf_api *api, pf_req *req)
{
    pf_error err;
    pf_buf b = {.max = api->cfg.query_max_memory};
    series s = {0};
    pf_arena_init(&s.arena, api->cfg.budget, api->cfg.query_max_memory);
    pf_reply_open(&b);
    pf_code code = make(api, req, &s, &b, &err);
    pf_timeline_free(&s.line);
    pf_arena_free(&s.arena);
    pf_reply_json_finish(req, code, &b, &err);
}
