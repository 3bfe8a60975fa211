/* types.c: GET /api/0/types and /api/0/sample_types, what profiles there are of a service.
 *
 * Both walk the totals that the store keeps beside its index (pf_store_totals), so they read no profile.
 */
#include "server/api/internal.h"
#include "server/api/params.h"
#include "server/api/reply.h"

#include <stdlib.h>

static pf_code nothing(pf_error *err)
{
    return pf_fail(err, PF_NOT_FOUND, "nothing found");
}

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

static void put_types(pf_json *out, const type_rows *all)
{
    pf_json_open(out, '[');
    for (size_t i = 0; i < sizeof all->row / sizeof *all->row && all->row[i].count; i++) {
        const type_row *r = &all->row[i];
        pf_json_open(out, '{');
        pf_json_put_str(out, "type", pf_str_c(pf_type_name(r->type)));
        pf_json_put_int(out, "count", r->count);
        pf_reply_put_time(out, "first", r->first);
        pf_reply_put_time(out, "last", r->last);
        pf_json_close(out, '}');
    }
    pf_json_close(out, ']');
}

pf_code pf_body_types(pf_call *call, pf_json *out, pf_error *err)
{
    pf_query query;
    type_rows all = {0};
    pf_op op = pf_call_op(call);
    pf_code code = pf_params_scope(call->req, true, &query, err);
    query.type = PF_TYPE_UNKNOWN;
    if (!code)
        code = pf_store_totals(call->api->cfg.store, &query, &op, count_type, &all, err);
    if (code)
        return code;
    qsort(all.row, sizeof all.row / sizeof *all.row, sizeof *all.row, by_count);
    if (!all.row[0].count)
        return nothing(err);
    put_types(out, &all);
    return PF_OK;
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

static void put_sample_types(pf_json *out, const sample_types *all, pf_type type)
{
    pf_json_open(out, '[');
    for (size_t i = 0; i < all->n; i++) {
        const pf_sample_type *t = &all->list[i];
        pf_json_open(out, '{');
        pf_json_put_str(out, "type", t->type);
        pf_json_put_str(out, "unit", t->unit);
        pf_json_put_bool(out, "default", i + 1 == all->n);
        pf_json_put_bool(out, "cumulative", pf_type_is_cumulative(type, t->type));
        pf_json_close(out, '}');
    }
    pf_json_close(out, ']');
}

pf_code pf_body_sample_types(pf_call *call, pf_json *out, pf_error *err)
{
    pf_query query;
    pf_op op = pf_call_op(call);
    pf_arena *a = pf_req_arena(call->req);
    sample_types *all = pf_arena_zalloc(a, sizeof *all);
    if (!all)
        return pf_arena_fail(a, err, "sample types");
    all->arena = a;
    pf_code code = pf_params_scope(call->req, true, &query, err);
    if (!code)
        code = pf_store_totals(call->api->cfg.store, &query, &op, add_sample_types, all, err);
    if (!code && !all->n)
        code = nothing(err);
    if (!code)
        put_sample_types(out, all, query.type);
    return code;
}
