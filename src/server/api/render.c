#include "server/api/render.h"

#include "pprof/gzip.h"
#include "pprof/merge.h"
#include "profile/time.h"
#include "server/api/params.h"
#include "server/api/reply.h"
#include "view/dot.h"
#include "view/folded.h"
#include "view/pgo.h"
#include "view/svg.h"
#include "view/top.h"

enum {
    NODES = 10000,
    NODES_DOT = 80,
    NODES_MAX = 200000,
    ROWS = 1000,
    ROWS_MAX = 1000000,
};
enum { GZIP_FAST = 1, GZIP_SMALL = 12 }; /* what is read once; what is kept in a repository */

#define FORMATS "there are pprof, flamegraph, top, folded, svg, dot, pgo"
static const char *const formats[PF_FORMATS] = {"pprof", "flamegraph", "top", "folded",
                                                "svg",   "dot",        "pgo"};

static pf_code check_op(const void *op, pf_error *err)
{
    return pf_op_check(op, err);
}

static pf_code read_format(pf_req *req, pf_format *out, pf_error *err)
{
    pf_str word;
    pf_code code = pf_params_text(req, "format", &word, err);
    *out = PF_FORMAT_PPROF;
    for (int i = 0; !code && i < PF_FORMATS; i++) {
        if (pf_str_eq(word, pf_str_c(formats[i]))) {
            *out = (pf_format)i;
            return PF_OK;
        }
    }
    return code || !word.n ? code : pf_params_bad("format", word, FORMATS, err);
}

static pf_code read_pattern(pf_req *req, const char *name, pf_regex **out, pf_error *err)
{
    pf_str text;
    pf_error why;
    pf_code code = pf_params_text(req, name, &text, err);
    if (code || !text.n)
        return code;
    code = pf_regex_new(text, PF_REGEX_SEARCH, out, &why);
    if (code == PF_INVALID)
        return pf_params_bad(name, text, why.msg, err);
    return code ? pf_fail_as(err, &why, code, "%s", why.msg) : PF_OK;
}

static pf_code read_filter(pf_req *req, pf_filter *f, pf_error *err)
{
    pf_code code = read_pattern(req, "focus", &f->focus, err);
    if (!code)
        code = read_pattern(req, "ignore", &f->ignore, err);
    if (!code)
        code = read_pattern(req, "hide", &f->hide, err);
    if (!code)
        code = read_pattern(req, "show", &f->show, err);
    return code ? code : read_pattern(req, "show_from", &f->show_from, err);
}

/* What makes the tree of a flame graph, in whichever format. */
static pf_code read_flame(pf_req *req, pf_flame_options *o, pf_error *err)
{
    pf_str direction;
    pf_code code = pf_params_text(req, "root", &o->root, err);
    if (!code)
        code = pf_params_text(req, "function", &o->function, err);
    if (!code)
        code = pf_params_text(req, "direction", &direction, err);
    if (code)
        return code;
    o->up = pf_str_eq(direction, PF_STR("up"));
    if (!o->up && direction.n && !pf_str_eq(direction, PF_STR("down")))
        return pf_params_bad("direction", direction, "there are down, up", err);
    return PF_OK;
}

pf_code pf_render_read(pf_call *call, pf_render *r, pf_error *err)
{
    pf_req *req = call->req;
    pf_str granularity;
    int64_t nodes = 0;
    *r = (pf_render){.op = pf_call_op(call), .out = {.max = call->api->cfg.query_max_memory}};
    r->options.stop = (pf_stop){check_op, &r->op};
    pf_arena_init(&r->arena, r->op.budget, r->op.max_memory);
    pf_code code = read_format(req, &r->format, err);
    if (!code)
        code = read_filter(req, &r->filter, err);
    if (!code)
        code = pf_params_text(req, "sample_type", &r->options.sample_type, err);
    if (!code)
        code = pf_params_text(req, "granularity", &granularity, err);
    if (!code && !pf_granularity_parse(granularity, &r->options.granularity))
        code = pf_params_bad("granularity", granularity,
                             "there are functions, files, lines, addresses", err);
    if (!code)
        code = read_flame(req, &r->flame, err);
    if (!code)
        code = pf_params_number(req, "max_nodes", 1, NODES_MAX,
                                r->format == PF_FORMAT_DOT ? NODES_DOT : NODES, &nodes, err);
    r->flame.max_nodes = (uint32_t)nodes;
    return code ? code : pf_params_number(req, "rows", 0, ROWS_MAX, ROWS, &r->rows, err);
}

void pf_render_free(pf_render *r)
{
    pf_regex_free(r->filter.focus);
    pf_regex_free(r->filter.ignore);
    pf_regex_free(r->filter.hide);
    pf_regex_free(r->filter.show);
    pf_regex_free(r->filter.show_from);
    pf_arena_free(&r->arena);
    pf_buf_free(&r->out);
}

static pf_code write_pprof(const pf_profile *p, int level, pf_buf *out, pf_error *err)
{
    pf_buf bare = {.max = out->max};
    pf_code code = pf_profile_encode(p, &bare, err);
    if (!code)
        code = pf_gzip(pf_buf_str(&bare), level, out, err);
    pf_buf_free(&bare);
    return code == PF_TOO_LARGE
               ? pf_fail(err, PF_QUERY_LIMIT, "the profile needs more than %zu bytes", out->max)
               : code;
}

/* Through a merge once more: that leaves out what the filters left unused. */
static pf_code show_pprof(pf_render *r, const pf_profile *p, pf_error *err)
{
    pf_merge *m = pf_merge_new(r->op.budget, r->op.max_memory);
    if (!m)
        return pf_fail_nomem(err, "a view");
    pf_profile result;
    pf_code code = pf_merge_add(m, p, err);
    if (!code)
        code = pf_merge_finish(m, &result, err);
    if (!code)
        code = write_pprof(&result, GZIP_FAST, &r->out, err);
    pf_merge_free(m);
    return code;
}

static pf_code show_pgo(pf_render *r, const pf_profile *p, pf_error *err)
{
    pf_profile edges;
    pf_code code = pf_pgo_make(p, &r->options.stop, &r->arena, &edges, err);
    return code ? code : write_pprof(&edges, GZIP_SMALL, &r->out, err);
}

static pf_code show_flame(pf_render *r, const pf_view *v, const pf_view_facts *facts, pf_error *err)
{
    pf_flame flame;
    if (r->format == PF_FORMAT_FOLDED)
        r->flame.max_nodes = 0;
    pf_code code = pf_flame_make(&flame, v, &r->flame, err);
    if (code)
        return code;
    if (r->format == PF_FORMAT_SVG)
        return pf_svg_write(&flame, v, &r->out, err);
    if (r->format == PF_FORMAT_FOLDED)
        return pf_folded_write(&flame, v, &r->out, err);
    pf_reply_open(&r->out);
    code = pf_json_flame(&flame, v, facts, &r->out, err);
    pf_reply_close(&r->out);
    return code;
}

static pf_code show_view(pf_render *r, const pf_profile *p, const pf_view_facts *facts,
                         pf_error *err)
{
    pf_view v;
    pf_top top;
    pf_code code = pf_view_make(&v, p, &r->options, &r->arena, err);
    if (code)
        return code;
    if (r->format == PF_FORMAT_DOT)
        return pf_dot_write(&v, r->flame.max_nodes, &r->out, err);
    if (r->format != PF_FORMAT_TOP)
        return show_flame(r, &v, facts, err);
    code = pf_top_make(&top, &v, (uint32_t)r->rows, err);
    pf_reply_open(&r->out);
    if (!code)
        pf_json_top(&top, &v, facts, &r->out);
    pf_reply_close(&r->out);
    return code;
}

pf_code pf_render_make(pf_render *r, const pf_merged *m, pf_error *err)
{
    char time[PF_TIME_CHARS + 1];
    pf_time_format(m->profile->time_nanos ? m->profile->time_nanos : m->first, time);
    pf_view_facts facts = {m->count, time, r->options.granularity == PF_BY_ADDRESS};
    pf_error why;
    pf_profile pruned = *m->profile, filtered;
    pf_code code = PF_OK;
    if (r->format != PF_FORMAT_PPROF && r->format != PF_FORMAT_PGO)
        code = pf_filter_prune(m->profile, &r->options.stop, &r->arena, &pruned, &why);
    if (!code)
        code = pf_filter_apply(&r->filter, &pruned, &r->options.stop, &r->arena, &filtered, &why);
    if (!code)
        code = r->format == PF_FORMAT_PPROF ? show_pprof(r, &filtered, &why)
               : r->format == PF_FORMAT_PGO ? show_pgo(r, &filtered, &why)
                                            : show_view(r, &filtered, &facts, &why);
    if (!code && r->out.failed && r->out.over_budget)
        code =
            pf_fail(&why, PF_UNAVAILABLE, "the memory for requests in flight is used up (a view)");
    if (!code && r->out.failed)
        code = pf_fail(&why, PF_QUERY_LIMIT, "the view needs more than %zu bytes", r->out.max);
    return code
               ? pf_fail_as(err, &why, code, code == PF_INVALID ? "bad request: %s" : "%s", why.msg)
               : PF_OK;
}

void pf_render_reply(pf_req *req, pf_render *r, const char *stem)
{
    static const char *const types[PF_FORMATS] = {
        NULL,
        PF_JSON,
        PF_JSON,
        PF_TEXT,
        "image/svg+xml",
        "text/vnd.graphviz; charset=utf-8",
        "application/octet-stream",
    };
    if (r->format == PF_FORMAT_PPROF) {
        pf_blob blob = {.bytes = r->out, .type = PF_TYPE_OTHER};
        r->out = PF_BUF_INIT;
        pf_reply_blob_take(req, &blob, pf_str_c(stem));
    } else {
        if (r->format == PF_FORMAT_PGO)
            pf_req_add_header(req, "Content-Disposition", "attachment; filename=\"default.pgo\"");
        pf_req_reply_take(req, 200, types[r->format], &r->out);
    }
}
