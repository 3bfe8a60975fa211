/* about.c: GET /api/0/types, /api/0/sample_types and /api/0/labels: what profiles there are of a service.
 *
 * All three walk the totals that the store keeps beside its index (pf_store_totals), so they read no profile.
 */
#include "base/map.h"
#include "profile/time.h"
#include "server/api/internal.h"
#include "server/api/params.h"
#include "server/api/reply.h"

#include <stdlib.h>
#include <string.h>

enum { VALUES_MAX = 1000, LABELS_SEEN_MAX = 200000 };

static void put_time(pf_buf *b, const char *key, int64_t ns)
{
    char text[PF_TIME_CHARS + 1];
    pf_time_format(ns, text);
    pf_buf_printf(b, ",\"%s\":\"%s\"", key, text);
}

/* Sends what was made between pf_reply_open and here, or the error. */
static void answer(pf_req *req, pf_code code, pf_buf *b, const pf_error *err)
{
    if (code) {
        pf_buf_free(b);
        pf_req_reply_error(req, code, err);
        return;
    }
    pf_reply_close(b);
    pf_reply_json_take(req, b);
}

static pf_code nothing(pf_error *err)
{
    return pf_fail(err, PF_NOT_FOUND, "nothing found");
}

/* types */

typedef struct type_row {
    pf_type type;
    int64_t count, first, last;
} type_row;

typedef struct type_rows {
    type_row row[PF_TYPE_TRACE + 1];
} type_rows;

static pf_code count_type(void *ctx, const pf_total *t, pf_error *err)
{
    (void)err;
    type_rows *all = ctx;
    type_row *r = &all->row[t->type <= PF_TYPE_TRACE ? t->type : PF_TYPE_OTHER];
    r->type = t->type;
    r->first = !r->count || t->created_at < r->first ? t->created_at : r->first;
    r->last = !r->count || t->created_at > r->last ? t->created_at : r->last;
    r->count++;
    return PF_OK;
}

static int by_count(const void *pa, const void *pb)
{
    const type_row *a = pa, *b = pb;
    return a->count != b->count ? (a->count < b->count) - (a->count > b->count)
                                : (int)a->type - (int)b->type;
}

void pf_handle_types(pf_api *api, pf_req *req)
{
    pf_error err;
    pf_query query;
    type_rows all = {0};
    pf_op op = pf_api_op(api, req);
    pf_code code = pf_params_scope(req, true, &query, &err);
    query.type = PF_TYPE_UNKNOWN;
    if (!code)
        code = pf_store_totals(api->cfg.store, &query, &op, count_type, &all, &err);
    qsort(all.row, sizeof all.row / sizeof *all.row, sizeof *all.row, by_count);
    if (!code && !all.row[0].count)
        code = nothing(&err);
    pf_buf b = PF_BUF_INIT;
    pf_reply_open(&b);
    pf_buf_putc(&b, '[');
    for (size_t i = 0; !code && i < sizeof all.row / sizeof *all.row && all.row[i].count; i++) {
        const type_row *r = &all.row[i];
        pf_buf_printf(&b, "%s{\"type\":\"%s\",\"count\":%lld", i ? "," : "", pf_type_name(r->type),
                      (long long)r->count);
        put_time(&b, "first", r->first);
        put_time(&b, "last", r->last);
        pf_buf_putc(&b, '}');
    }
    pf_buf_putc(&b, ']');
    answer(req, code, &b, &err);
}

/* sample types */

enum { SAMPLE_TYPES_MAX = 256 };

typedef struct sample_types {
    pf_arena *arena;
    const pf_sample_types *last; /* the list of the profile before */
    pf_sample_type list[SAMPLE_TYPES_MAX];
    size_t n;
} sample_types;

static bool is_known(const sample_types *all, const pf_sample_type *t)
{
    for (size_t i = 0; i < all->n; i++)
        if (pf_str_eq(all->list[i].type, t->type) && pf_str_eq(all->list[i].unit, t->unit))
            return true;
    return false;
}

static pf_code add_sample_types(void *ctx, const pf_total *t, pf_error *err)
{
    sample_types *all = ctx;
    if (!t->types || t->types == all->last)
        return PF_OK;
    all->last = t->types;
    for (size_t i = 0; i < t->types->n && all->n < SAMPLE_TYPES_MAX; i++) {
        const pf_sample_type *one = &t->types->list[i];
        if (is_known(all, one))
            continue;
        pf_sample_type copy = {pf_arena_str(all->arena, one->type),
                               pf_arena_str(all->arena, one->unit)};
        if (!copy.type.p || !copy.unit.p)
            return pf_arena_fail(all->arena, err, "sample types");
        all->list[all->n++] = copy;
    }
    return PF_OK;
}

static void put_sample_types(pf_buf *b, const sample_types *all, pf_type type)
{
    for (size_t i = 0; i < all->n; i++) {
        const pf_sample_type *t = &all->list[i];
        pf_buf_puts(b, i ? ",{\"type\":" : "{\"type\":");
        pf_buf_put_json(b, t->type);
        pf_buf_puts(b, ",\"unit\":");
        pf_buf_put_json(b, t->unit);
        pf_buf_printf(b, ",\"default\":%s,\"cumulative\":%s}", i + 1 == all->n ? "true" : "false",
                      pf_type_is_cumulative(type, t->type) ? "true" : "false");
    }
}

void pf_handle_sample_types(pf_api *api, pf_req *req)
{
    pf_error err;
    pf_query query;
    pf_op op = pf_api_op(api, req);
    sample_types *all = pf_arena_zalloc(pf_req_arena(req), sizeof *all);
    pf_code code = all ? pf_params_scope(req, true, &query, &err)
                       : pf_arena_fail(pf_req_arena(req), &err, "sample types");
    if (!code) {
        all->arena = pf_req_arena(req);
        code = pf_store_totals(api->cfg.store, &query, &op, add_sample_types, all, &err);
    }
    if (!code && !all->n)
        code = nothing(&err);
    pf_buf b = PF_BUF_INIT;
    pf_reply_open(&b);
    pf_buf_putc(&b, '[');
    if (!code)
        put_sample_types(&b, all, query.type);
    pf_buf_putc(&b, ']');
    answer(req, code, &b, &err);
}

/* labels */

typedef struct value_row {
    pf_str key, value;
    int64_t count;
} value_row;

typedef struct label_values {
    int64_t *by_series; /* profiles of each series */
    pf_labels *labels;  /* of each series */
    size_t n, cap;
    bool any;
    pf_arena *arena;
    value_row *row;
    size_t nrow;
} label_values;

static pf_code reach_series(label_values *all, size_t n, pf_error *err)
{
    if (n < all->cap)
        return PF_OK;
    size_t cap = all->cap ? all->cap : 256;
    while (cap <= n)
        cap *= 2;
    int64_t *counts = realloc(all->by_series, cap * sizeof *counts);
    if (counts)
        all->by_series = counts;
    pf_labels *labels = realloc(all->labels, cap * sizeof *labels);
    if (labels)
        all->labels = labels;
    if (!counts || !labels)
        return pf_fail_nomem(err, "labels");
    memset(counts + all->cap, 0, (cap - all->cap) * sizeof *counts);
    all->cap = cap;
    return PF_OK;
}

static pf_code copy_labels(pf_arena *a, pf_labels in, pf_labels *out, pf_error *err)
{
    pf_pair *pairs = pf_arena_array(a, in.n, sizeof *pairs);
    for (size_t i = 0; pairs && i < in.n; i++) {
        pairs[i] = (pf_pair){pf_arena_str(a, in.pairs[i].key), pf_arena_str(a, in.pairs[i].value)};
        if (!pairs[i].key.p || !pairs[i].value.p)
            return pf_arena_fail(a, err, "labels");
    }
    *out = (pf_labels){pairs, in.n};
    return pairs ? PF_OK : pf_arena_fail(a, err, "labels");
}

static pf_code count_series(void *ctx, const pf_total *t, pf_error *err)
{
    label_values *all = ctx;
    pf_code code = reach_series(all, t->series, err);
    all->any = true;
    if (!code && !all->by_series[t->series]++)
        code = copy_labels(all->arena, t->labels, &all->labels[t->series], err);
    if (!code && t->series >= all->n)
        all->n = t->series + 1;
    return code;
}

static int by_pair(const void *pa, const void *pb)
{
    const value_row *a = pa, *b = pb;
    int c = pf_str_cmp(a->key, b->key);
    return c ? c : pf_str_cmp(a->value, b->value);
}

static int by_key_then_count(const void *pa, const void *pb)
{
    const value_row *a = pa, *b = pb;
    int c = pf_str_cmp(a->key, b->key);
    if (c || a->count == b->count)
        return c ? c : pf_str_cmp(a->value, b->value);
    return a->count < b->count ? 1 : -1;
}

/* One row a pair, then one a (key, value) with the counts added up. */
static pf_code join_values(label_values *all, pf_error *err)
{
    size_t n = 0;
    for (size_t i = 0; i < all->n; i++)
        n += all->by_series[i] ? all->labels[i].n : 0;
    all->row = pf_arena_array(all->arena, n, sizeof *all->row);
    if (!all->row)
        return pf_arena_fail(all->arena, err, "labels");
    for (size_t i = 0; i < all->n; i++)
        for (size_t k = 0; all->by_series[i] && k < all->labels[i].n; k++)
            all->row[all->nrow++] = (value_row){all->labels[i].pairs[k].key,
                                                all->labels[i].pairs[k].value, all->by_series[i]};
    qsort(all->row, n, sizeof *all->row, by_pair);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (kept && by_pair(&all->row[kept - 1], &all->row[i]) == 0)
            all->row[kept - 1].count += all->row[i].count;
        else
            all->row[kept++] = all->row[i];
    }
    all->nrow = kept;
    qsort(all->row, kept, sizeof *all->row, by_key_then_count);
    return PF_OK;
}

static void put_labels(pf_buf *b, const label_values *all)
{
    for (size_t i = 0, next; i < all->nrow; i = next) {
        for (next = i; next < all->nrow && pf_str_eq(all->row[next].key, all->row[i].key);)
            next++;
        pf_buf_puts(b, i ? ",{\"key\":" : "{\"key\":");
        pf_buf_put_json(b, all->row[i].key);
        pf_buf_puts(b, ",\"values\":[");
        for (size_t k = i; k < next && k < i + VALUES_MAX; k++) {
            pf_buf_puts(b, k > i ? ",{\"value\":" : "{\"value\":");
            pf_buf_put_json(b, all->row[k].value);
            pf_buf_printf(b, ",\"count\":%lld}", (long long)all->row[k].count);
        }
        pf_buf_printf(b, "],\"truncated\":%s}", next - i > VALUES_MAX ? "true" : "false");
    }
}

void pf_handle_labels(pf_api *api, pf_req *req)
{
    pf_error err;
    pf_query query;
    pf_op op = pf_api_op(api, req);
    pf_arena arena;
    pf_arena_init(&arena, op.budget, op.max_memory);
    label_values all = {.arena = &arena};
    pf_code code = pf_params_scope(req, true, &query, &err);
    if (!code)
        code = pf_store_totals(api->cfg.store, &query, &op, count_series, &all, &err);
    if (!code && !all.any)
        code = nothing(&err);
    if (!code)
        code = join_values(&all, &err);
    pf_buf b = {.max = api->cfg.query_max_memory};
    pf_reply_open(&b);
    pf_buf_putc(&b, '[');
    if (!code)
        put_labels(&b, &all);
    pf_buf_putc(&b, ']');
    free(all.by_series);
    free(all.labels);
    pf_arena_free(&arena);
    answer(req, code, &b, &err);
}
