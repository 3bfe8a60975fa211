/* diff.c: GET /api/0/profiles/diff, two selections held against each other.
 *
 *     store: compared --+
 *                       +--> src/view/diff.c: one profile, the base's samples negated and labelled --> render.c
 *     store: base ------+
 *
 * The base is merged while the compared side is held: each is bounded by -query.max-memory.
 */
#include "view/diff.h"
#include "server/api/params.h"
#include "server/api/render.h"

#include <string.h>

typedef struct side {
    pf_query query;
    pf_str *ids; /* NULL: the query */
    size_t nids;
} side;

typedef struct comparison {
    pf_call *call;
    pf_render view;
    pf_diff_options options;
    side compared, base;
    const pf_merged *left; /* during the base's merge */
} comparison;

static pf_selection selection_of(const side *s)
{
    return (pf_selection){.query = s->ids ? NULL : &s->query, .ids = s->ids, .nids = s->nids};
}

static pf_code show_both(void *ctx, const pf_merged *base, pf_error *err)
{
    comparison *c = ctx;
    pf_profile both;
    pf_error why;
    pf_op *op = &c->view.op;
    pf_merge *m = pf_merge_new(op->budget, op->max_memory);
    if (!m)
        return pf_fail_nomem(err, "a comparison");
    pf_code code =
        pf_diff_make(c->left->profile, base->profile, &c->options, m, &c->view.arena, &both, &why);
    if (code)
        code = pf_fail_as(err, &why, code, code == PF_INVALID ? "bad request: %s" : "%s", why.msg);
    else
        code = pf_render_make(
            &c->view,
            &(pf_merged){&both, c->left->type, c->left->count, c->left->first, c->left->last}, err);
    pf_merge_free(m);
    return code;
}

static pf_code merge_base(void *ctx, const pf_merged *compared, pf_error *err)
{
    comparison *c = ctx;
    pf_error why;
    pf_selection sel = selection_of(&c->base);
    c->left = compared;
    pf_code code =
        pf_store_merge_profile(c->call->api->cfg.store, &sel, &c->view.op, show_both, c, &why);
    if (code == PF_NOT_FOUND && !c->base.ids)
        return pf_fail(err, code, "nothing found for the base");
    return code ? pf_fail_as(err, &why, code, "%s", why.msg) : PF_OK;
}

static pf_code read_ids(pf_req *req, const char *name, side *s, pf_error *err)
{
    pf_str text;
    pf_code code = pf_params_text(req, name, &text, err);
    if (code || !text.n)
        return code;
    size_t n = 1;
    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == '+' || text.p[i] == ' ';
    s->ids = pf_arena_array(pf_req_arena(req), n, sizeof *s->ids);
    if (!s->ids)
        return pf_arena_fail(pf_req_arena(req), err, "a list of ids");
    for (; s->nids < n; s->nids++) { /* a '+' that was not escaped has become a space */
        bool plus = memchr(text.p, '+', text.n) != NULL;
        pf_str_cut(text, plus ? '+' : ' ', &s->ids[s->nids], &text);
        if (!s->ids[s->nids].n)
            return pf_params_bad(name, text, "an empty id", err);
    }
    return PF_OK;
}

static pf_code read_sides(pf_req *req, comparison *c, pf_error *err)
{
    pf_code code = read_ids(req, "id", &c->compared, err);
    if (!code)
        code = read_ids(req, "base_id", &c->base, err);
    if (!code && !c->compared.ids)
        code = pf_params_query(req, &c->compared.query, err);
    if (!code && !c->compared.ids)
        code = pf_params_mergeable(c->compared.query.type, err);
    if (!code && !c->base.ids && c->compared.ids)
        code = pf_fail_param(err, PF_INVALID, "base_id", "bad request: missing \"base_id\"");
    if (!code && !c->base.ids)
        code = pf_params_base(req, &c->compared.query, &c->base.query, err);
    return code;
}

pf_code pf_do_diff(pf_call *call, pf_error *err)
{
    comparison c = {.call = call};
    pf_code code = pf_render_read(call, &c.view, err);
    c.view.options.is_diff = true;
    if (!code)
        code = pf_params_check_options(call->req, err);
    if (!code)
        code = pf_params_flag(call->req, "normalize", &c.options.normalize, err);
    if (!code && c.view.format > PF_FORMAT_TOP)
        code =
            pf_fail_param(err, PF_INVALID, "format",
                          "bad request: bad \"format\": a comparison has pprof, flamegraph, top");
    if (!code)
        code = read_sides(call->req, &c, err);
    pf_selection sel = selection_of(&c.compared);
    if (!code)
        code = pf_store_merge_profile(call->api->cfg.store, &sel, &c.view.op, merge_base, &c, err);
    if (!code)
        pf_render_reply(call->req, &c.view, "diff");
    pf_render_free(&c.view);
    return code;
}
