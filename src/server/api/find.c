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
    pf_api *api;
    pf_req *req;
    pf_query query;
    pf_find_pos pos;
    pf_buf *out; /* of the page that is being made */
    bool any, totals;
} listing;

static bool put_both(void *ctx, const pf_meta *meta, const pf_total *total)
{
    listing *l = ctx;
    if (l->any)
        pf_buf_putc(l->out, ',');
    else
        pf_reply_open(l->out), pf_buf_putc(l->out, '[');
    l->any = true;
    pf_reply_put_meta(l->out, meta, total);
    return !l->out->failed;
}

static bool put_one(void *ctx, const pf_meta *meta)
{
    return put_both(ctx, meta, NULL);
}

static pf_code next_page(void *ctx, pf_buf *out, bool *end, pf_error *err)
{
    listing *l = ctx;
    pf_op op = pf_api_op(l->api, l->req);
    l->out = out;
    pf_store *s = l->api->cfg.store;
    pf_code code = l->totals
                       ? pf_store_find_totals(s, &l->query, &l->pos, PAGE, &op, put_both, l, err)
                       : pf_store_find(s, &l->query, &l->pos, PAGE, &op, put_one, l, err);
    if (code)
        return code;
    if (out->failed)
        return pf_fail_nomem(err, "a list of profiles");
    if (!l->pos.finished)
        return PF_OK;
    if (!l->any)
        return pf_fail(err, PF_NOT_FOUND, "nothing found");
    pf_buf_putc(out, ']');
    pf_reply_close(out);
    *end = true;
    return PF_OK;
}

void pf_handle_find(pf_api *api, pf_req *req)
{
    pf_error err;
    pf_arena *a = pf_req_arena(req);
    listing *l = pf_arena_zalloc(a, sizeof *l);
    pf_code code = l ? pf_params_query(req, &l->query, &err) : pf_arena_fail(a, &err, "a query");
    if (!code)
        code = pf_params_flag(req, "totals", &l->totals, &err);
    if (code) {
        pf_req_reply_error(req, code, &err);
        return;
    }
    l->api = api;
    l->req = req;
    pf_req_reply_stream(req, 200, PF_JSON, next_page, NULL, l);
}
