/* series.c: GET /api/0/series, values over time, from the totals that the store keeps: no profile is read, but for
 * `function=` (funcline.h).
 */
#include "base/clock.h"
#include "server/api/funcline.h"
#include "server/api/internal.h"
#include "server/api/params.h"
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
        code =
            pf_fail_param(err, PF_INVALID, "type", "bad request: a series needs a known \"type\"");
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

static void put_cell(pf_json *j, column which, const pf_step *s)
{
    if (which == DURATION && s->duration)
        pf_json_double(j, (double)s->duration / (double)PF_NS_PER_SEC, 9);
    else if (which == MEAN && s->sum)
        pf_json_double(j, (double)s->sum / (double)s->count, 15);
    else
        pf_json_int(j, which == SUM ? s->sum : which == COUNT ? s->count : 0);
}

static void put_column(pf_json *j, const char *key, column which, const pf_step *row, uint32_t n)
{
    pf_json_key(j, key);
    pf_json_open(j, '[');
    for (uint32_t i = 0; i < n; i++)
        put_cell(j, which, &row[i]);
    pf_json_close(j, ']');
}

static void put_values(pf_json *j, const char *key, const int64_t *v, uint32_t n)
{
    pf_json_key(j, key);
    pf_json_open(j, '[');
    for (uint32_t i = 0; i < n; i++)
        pf_json_int(j, v[i]);
    pf_json_close(j, ']');
}

static pf_code put_function(pf_json *j, const series *s, const pf_funcline *f, uint32_t i,
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
        put_values(j, "self", self, t->points);
        put_values(j, "total", total, t->points);
    }
    pf_arena_free(&scratch);
    return code;
}

static pf_code put_group(pf_json *j, const series *s, const pf_funcline *f, uint32_t i,
                         pf_step *row, pf_error *err)
{
    const pf_timeline *t = &s->line;
    const pf_group *g = &t->group[i];
    pf_timeline_row(t, i, row);
    pf_json_open(j, '{');
    if (g->has_label || g->is_other)
        pf_json_put_str(j, "value", g->value);
    else
        pf_json_put_null(j, "value");
    if (g->is_other)
        pf_json_put_bool(j, "other", true);
    put_column(j, "sum", SUM, row, t->points);
    put_column(j, "count", COUNT, row, t->points);
    put_column(j, "duration", DURATION, row, t->points);
    if (!t->is_cumulative)
        put_column(j, "mean", MEAN, row, t->points);
    pf_code code = s->function.n && !g->is_other ? put_function(j, s, f, i, row, err) : PF_OK;
    pf_json_close(j, '}');
    return code;
}

static pf_code put_series(pf_json *j, series *s, const pf_funcline *f, pf_error *err)
{
    const pf_timeline *t = &s->line;
    pf_code code = PF_OK;
    pf_step *row = pf_arena_array(&s->arena, t->points, sizeof *row);
    if (!row)
        return pf_arena_fail(&s->arena, err, "a series");
    pf_json_open(j, '{');
    pf_json_key(j, "sample_type");
    pf_json_open(j, '{');
    pf_json_put_str(j, "type", s->sample_type);
    pf_json_put_str(j, "unit", s->unit);
    pf_json_close(j, '}');
    pf_json_put_bool(j, "cumulative", t->is_cumulative);
    pf_json_put_double(j, "start", (double)t->start / (double)PF_NS_PER_SEC, 15);
    pf_json_put_double(j, "step", (double)t->step / (double)PF_NS_PER_SEC, 15);
    pf_json_put_int(j, "points", t->points);
    pf_json_key(j, "groups");
    pf_json_open(j, '[');
    for (uint32_t i = 0; !code && i < t->ngroup && !j->out->failed; i++)
        code = put_group(j, s, f, i, row, err);
    pf_json_close(j, ']');
    pf_json_put_bool(j, "truncated", t->ngroup && t->group[t->ngroup - 1].is_other);
    pf_json_close(j, '}');
    return code;
}

static pf_code make(pf_call *call, series *s, pf_json *out, pf_error *err)
{
    pf_op op = pf_call_op(call);
    pf_store *store = call->api->cfg.store;
    pf_code code = read_params(call->req, s, err);
    if (!code)
        code = pf_store_totals(store, &s->query, &op, add_total, s, err);
    if (!code && !s->any)
        code = pf_fail(err, PF_NOT_FOUND, "nothing found");
    if (!code && !s->unit.p)
        code = pf_params_bad("sample_type", s->sample_type, "no profile here has it", err);
    if (!code)
        code = pf_timeline_finish(&s->line, err);
    pf_funcline f = {store, &op, &s->query, s->function, s->sample_type};
    return code ? code : put_series(out, s, &f, err);
}

pf_code pf_body_series(pf_call *call, pf_json *out, pf_error *err)
{
    series s = {0};
    pf_arena_init(&s.arena, call->api->cfg.budget, call->api->cfg.query_max_memory);
    pf_code code = make(call, &s, out, err);
    pf_timeline_free(&s.line);
    pf_arena_free(&s.arena);
    return code;
}
