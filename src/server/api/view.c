/* view.c: `format=` and filters on /api/0/profiles/merge and /api/0/profiles/<id>: what was selected, made to be
 * looked at.
 *
 *     store: pf_store_merge_profile --pf_profile--> render.c --JSON, text or pprof--> reply
 *
 * The view is made while the store's result is at hand, so nothing is encoded only to be decoded again.
 */
#include "server/api/params.h"
#include "server/api/render.h"

bool pf_view_is_wanted(pf_req *req)
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

static pf_code show(void *viewing, const pf_merged *m, pf_error *err)
{
    return pf_render_make(viewing, m, err);
}

void pf_view_reply(pf_api *api, pf_req *req, const pf_selection *sel)
{
    pf_error err;
    pf_render r;
    pf_code code = pf_render_read(api, req, &r, &err);
    if (!code)
        code = pf_store_merge_profile(api->cfg.store, sel, &r.op, show, &r, &err);
    pf_render_reply(req, &r, code, "filtered", &err);
    pf_render_free(&r);
}
