/* labels.c: GET /api/0/labels, the labels that profiles carry, with their values.
 *
 * Walks the totals that the store keeps beside its index, counting profiles by series; labels are looked at once a
 * series.
 */
#include "server/api/internal.h"
#include "server/api/params.h"
#include "server/api/reply.h"

#include <stdlib.h>
#include <string.h>

enum { VALUES_MAX = 1000 };

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

static void put_values(pf_json *j, const value_row *row, size_t n)
{
    pf_json_key(j, "values");
    pf_json_open(j, '[');
    for (size_t i = 0; i < n && i < VALUES_MAX; i++) {
        pf_json_open(j, '{');
        pf_json_put_str(j, "value", row[i].value);
        pf_json_put_int(j, "count", row[i].count);
        pf_json_close(j, '}');
    }
    pf_json_close(j, ']');
}

static void put_labels(pf_json *j, const label_values *all)
{
    pf_json_open(j, '[');
    for (size_t i = 0, next; i < all->nrow; i = next) {
        for (next = i; next < all->nrow && pf_str_eq(all->row[next].key, all->row[i].key);)
            next++;
        pf_json_open(j, '{');
        pf_json_put_str(j, "key", all->row[i].key);
        put_values(j, all->row + i, next - i);
        pf_json_put_bool(j, "truncated", next - i > VALUES_MAX);
        pf_json_close(j, '}');
    }
    pf_json_close(j, ']');
}

pf_code pf_body_labels(pf_call *call, pf_json *out, pf_error *err)
{
    pf_query query;
    pf_op op = pf_call_op(call);
    pf_arena arena;
    pf_arena_init(&arena, op.budget, op.max_memory);
    label_values all = {.arena = &arena};
    pf_code code = pf_params_scope(call->req, true, &query, err);
    if (!code)
        code = pf_store_totals(call->api->cfg.store, &query, &op, count_series, &all, err);
    if (!code && !all.any)
        code = pf_fail(err, PF_NOT_FOUND, "nothing found");
    if (!code)
        code = join_values(&all, err);
    if (!code)
        put_labels(out, &all);
    free(all.by_series);
    free(all.labels);
    pf_arena_free(&arena);
    return code;
}
