/* get.c: GET /api/0/profiles/<id>, /api/0/profiles/<id>+<id>… and /api/0/profiles/merge: bytes for pprof; or, with
 * `format=` or a filter, a view of the same.
 *
 *     store: pf_store_read, pf_store_merge ---------- bytes --> reply
 *     store: pf_store_merge_profile --pf_profile--> render.c --> reply
 *
 * A view is made while the store's result is at hand, so nothing is encoded only to be decoded again.
 */
#include "server/api/params.h"
#include "server/api/render.h"
#include "server/api/reply.h"

static bool is_view(pf_req *req)
{
    static const char *const names[] = {"focus", "ignore", "hide", "show", "show_from"};
    pf_str text;
    if (pf_params_text(req, "format", &text, NULL) || (text.n && !pf_str_eq(text, PF_STR("pprof"))))
        return true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (pf_params_text(req, names[i], &text, NULL) || text.n)
            return true;
    return false;
}

static pf_code make_view(void *render, const pf_merged *m, pf_error *err)
{
    return pf_render_make(render, m, err);
}

static pf_code reply_view(pf_call *call, const pf_selection *sel, pf_error *err)
{
    pf_render r;
    pf_code code = pf_render_read(call, &r, err);
    if (!code)
        code = pf_store_merge_profile(call->api->cfg.store, sel, &r.op, make_view, &r, err);
    if (!code)
        pf_render_reply(call->req, &r, "filtered");
    pf_render_free(&r);
    return code;
}

static pf_code reply_selected(pf_call *call, const pf_selection *sel, pf_str stem, pf_error *err)
{
    pf_blob blob = {0};
    if (is_view(call->req))
        return reply_view(call, sel, err);
    pf_op op = pf_call_op(call);
    bool single = !sel->query && sel->nids == 1; /* as it is stored, a trace too */
    pf_code code = single ? pf_store_read(call->api->cfg.store, sel->ids[0], &op, &blob, err)
                          : pf_store_merge(call->api->cfg.store, sel, &op, &blob, err);
    if (!code)
        pf_reply_blob_take(call->req, &blob, stem);
    return code;
}

pf_code pf_do_get(pf_call *call, pf_error *err)
{
    pf_str *ids;
    pf_selection sel = {0};
    pf_code code = pf_params_ids(call->req, &ids, &sel.nids, err);
    if (!code)
        code = pf_params_check_options(call->req, err);
    if (code)
        return code;
    sel.ids = ids;
    return reply_selected(call, &sel, sel.nids > 1 ? PF_STR("merged") : ids[0], err);
}

pf_code pf_do_merge(pf_call *call, pf_error *err)
{
    pf_query query;
    pf_selection sel = {.query = &query};
    pf_code code = pf_params_query(call->req, &query, err);
    if (!code)
        code = pf_params_mergeable(query.type, err);
    if (!code)
        code = pf_params_check_options(call->req, err);
    return code ? code : reply_selected(call, &sel, pf_str_c(pf_type_name(query.type)), err);
}
