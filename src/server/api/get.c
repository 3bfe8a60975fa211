/* get.c: GET /api/0/profiles/<id>, /api/0/profiles/<id>+<id>… and /api/0/profiles/merge: bytes for
 * pprof.
 */
#include "server/api/internal.h"
#include "server/api/params.h"
#include "server/api/reply.h"

static void reply_blob(pf_req *req, pf_code code, pf_blob *blob, pf_str stem, const pf_error *err)
{
    if (code == PF_NOT_ALLOWED)
        pf_reply_not_allowed(req, "GET, HEAD", err);
    else if (code)
        pf_req_reply_error(req, code, err);
    else
        pf_reply_blob_take(req, blob, stem);
}

void pf_handle_get(pf_api *api, pf_req *req)
{
    pf_error err;
    pf_str *ids;
    size_t n;
    pf_blob blob = {0};
    pf_op op = pf_api_op(api, req);
    pf_code code = pf_params_ids(req, &ids, &n, &err);
    if (!code && pf_view_is_wanted(req)) {
        pf_view_reply(api, req, &(pf_selection){.ids = ids, .nids = n});
        return;
    }
    if (!code && n == 1)
        code = pf_store_read(api->cfg.store, ids[0], &op, &blob, &err);
    else if (!code)
        code = pf_store_merge(api->cfg.store, &(pf_selection){.ids = ids, .nids = n}, &op, &blob,
                              &err);
    reply_blob(req, code, &blob, code || n > 1 ? PF_STR("merged") : ids[0], &err);
}

void pf_handle_merge(pf_api *api, pf_req *req)
{
    pf_error err;
    pf_query query;
    pf_blob blob = {0};
    pf_op op = pf_api_op(api, req);
    pf_code code = pf_params_query(req, &query, &err);
    if (!code && (query.type == PF_TYPE_UNKNOWN || query.type == PF_TYPE_TRACE))
        code = pf_fail(&err, PF_NOT_ALLOWED, "can't merge profiles of %s type",
                       pf_type_name(query.type));
    if (!code && pf_view_is_wanted(req)) {
        pf_view_reply(api, req, &(pf_selection){.query = &query});
        return;
    }
    if (!code)
        code = pf_store_merge(api->cfg.store, &(pf_selection){.query = &query}, &op, &blob, &err);
    reply_blob(req, code, &blob, pf_str_c(code ? "" : pf_type_name(query.type)), &err);
}
