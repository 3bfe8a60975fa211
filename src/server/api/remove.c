/* remove.c: DELETE /api/0/profiles and /api/0/profiles/<id>: profiles are deleted, or counted with `dry_run`.
 *
 * A deletion by query may take seconds and is made in pieces, each durable. Where it ends early (its deadline, a failing
 * disk) the error says how many went.
 */
#include "server/api/admission.h"
#include "server/api/internal.h"
#include "server/api/params.h"

static pf_code remove_selected(pf_call *call, const pf_selection *what, pf_json *out, pf_error *err)
{
    pf_removal r = {.what = *what};
    pf_code code = pf_params_flag(call->req, "dry_run", &r.dry_run, err);
    if (code)
        return code;
    pf_error why;
    int64_t removed = 0;
    pf_op op = pf_call_op(call);
    code = pf_store_remove(call->api->cfg.store, &r, &op, &removed, &why);
    if (!r.dry_run)
        pf_audit(call, code, "profiles deleted", removed);
    if (code && removed && !r.dry_run)
        return pf_fail_as(err, &why, code, "%s; %lld profiles were deleted before that", why.msg,
                          (long long)removed);
    if (code) {
        *err = why;
        return code;
    }
    pf_json_open(out, '{');
    pf_json_key(out, "profiles");
    pf_json_int(out, removed);
    pf_json_close(out, '}');
    return PF_OK;
}

pf_code pf_body_remove(pf_call *call, pf_json *out, pf_error *err)
{
    pf_query query;
    pf_selection what = {.query = &query};
    static const char *const names[] = {"service", "type",    "labels", "from",
                                        "to",      "dry_run", "limit",  NULL};
    pf_code code = pf_params_only(call->req, names, err);
    if (!code)
        code = pf_params_removal(call->req, &query, err);
    return code ? code : remove_selected(call, &what, out, err);
}

pf_code pf_body_remove_ids(pf_call *call, pf_json *out, pf_error *err)
{
    static const char *const names[] = {"dry_run", NULL};
    pf_str *ids = NULL;
    pf_selection what = {0};
    pf_code code = pf_params_only(call->req, names, err);
    if (!code)
        code = pf_params_ids(call->req, &ids, &what.nids, err);
    what.ids = ids;
    return code ? code : remove_selected(call, &what, out, err);
}
