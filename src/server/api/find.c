/* find.c: GET /api/0/profiles, a list of profiles, with `totals=true` what each comes to.
 *
 * A list may be a million entries long, so it is made page by page as the client takes it: the
 * store is asked for the next PAGE metas after where the last page ended.
 */
#include "server/api/internal.h"
#include "server/api/params.h"
#include "server/api/reply.h"

enum { PAGE = 1000 };

typedef struct listing {
    pf_call *call;
    pf_query query;
    pf_find_pos pos;
    pf_json json; /* into the page that is being made */
    bool begun, totals;
} listing;

static bool put_both(void *ctx, const pf_meta *meta, const pf_total *total)
{
    listing *l = ctx;
    if (!l->begun) {
        pf_reply_open(l->json.out);
        pf_json_open(&l->json, '[');
    }
    l->begun = true;
    pf_reply_put_meta(&l->json, meta, total);
    return !l->json.out->failed;
}

static bool put_one(void *ctx, const pf_meta *meta)
{
    return put_both(ctx, meta, NULL);
}

static pf_code next_page(void *ctx, pf_buf *out, bool *end, pf_error *err)
{
    listing *l = ctx;
    pf_op op = pf_call_op(l->call);
    pf_store *s = l->call->api->cfg.store;
    l->json.out = out;
    pf_code code = l->totals
                       ? pf_store_find_totals(s, &l->query, &l->pos, PAGE, &op, put_both, l, err)
                       : pf_store_find(s, &l->query, &l->pos, PAGE, &op, put_one, l, err);
    if (code)
        return code;
    if (out->failed)
        return pf_fail_nomem(err, "a list of profiles");
    if (!l->pos.finished)
        return PF_OK;
    if (!l->begun)
        return pf_fail(err, PF_NOT_FOUND, "nothing found");
    pf_json_close(&l->json, ']');
    pf_reply_close(out);
    *end = true;
    return PF_OK;
}

pf_code pf_do_find(pf_call *call, pf_error *err)
{
    pf_arena *a = pf_req_arena(call->req);
    listing *l = pf_arena_zalloc(a, sizeof *l);
    if (!l)
        return pf_arena_fail(a, err, "a query");
    pf_code code = pf_params_query(call->req, &l->query, err);
    if (!code)
        code = pf_params_flag(call->req, "totals", &l->totals, err);
    if (code)
        return code;
    l->call = call;
    pf_req_reply_stream(call->req, 200, PF_JSON, next_page, NULL, l);
    return PF_OK;
}
