/* view.c: `format=` on /api/0/profiles/merge and /api/0/profiles/<id>: what was selected, made to be looked at.
 *
 *     store: pf_store_merge_profile --pf_profile--> src/view --JSON or text--> reply
 *
 * The view is made while the store's result is at hand, in an arena bounded by -query.max-memory.
 */
#include "profile/time.h"
#include "server/api/internal.h"
#include "server/api/params.h"
#include "server/api/reply.h"
#include "view/json.h"

enum { MAX_NODES = 200000, NODES = 10000, ROWS = 1000, ROWS_MAX = 1000000 };

typedef enum format { FLAMEGRAPH, TOP } format;

static const char *const formats[] = {"flamegraph", "top"};

typedef struct viewing {
    pf_op op;
    format format;
    pf_view_options options;
    pf_flame_options flame;
    int64_t limit;
    pf_buf out;
} viewing;

bool pf_view_is_wanted(pf_req *req, pf_str *word)
{
    return !pf_params_text(req, "format", word, NULL) && word->n &&
           !pf_str_eq(*word, PF_STR("pprof"));
}

static pf_code check_op(const void *op, pf_error *err)
{
    return pf_op_check(op, err);
}

static pf_code read_format(pf_str word, format *out, pf_error *err)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (pf_str_eq(word, pf_str_c(formats[i]))) {
            *out = (format)i;
            return PF_OK;
        }
    }
    return pf_params_bad("format", word, "there are pprof, flamegraph, top", err);
}

static pf_code read_options(pf_req *req, pf_str format_word, viewing *w, pf_error *err)
{
    pf_str granularity;
    int64_t nodes = 0;
    pf_code code = read_format(format_word, &w->format, err);
    if (!code)
        code = pf_params_text(req, "sample_type", &w->options.sample_type, err);
    if (!code)
        code = pf_params_text(req, "granularity", &granularity, err);
    if (!code && !pf_granularity_parse(granularity, &w->options.granularity))
        code = pf_params_bad("granularity", granularity,
                             "there are functions, files, lines, addresses", err);
    if (!code)
        code = pf_params_text(req, "root", &w->flame.root, err);
    if (!code)
        code = pf_params_number(req, "max_nodes", 1, MAX_NODES, NODES, &nodes, err);
    w->flame.max_nodes = (uint32_t)nodes;
    if (!code) /* on the merge the limit is the query's: how many profiles */
        code = pf_params_number(req, "rows", 0, ROWS_MAX, ROWS, &w->limit, err);
    return code;
}

static pf_code show(viewing *w, const pf_view *v, const pf_view_facts *facts, pf_error *err)
{
    pf_flame flame;
    pf_top top;
    pf_code code = PF_OK;
    switch (w->format) {
    case FLAMEGRAPH:
        code = pf_flame_make(&flame, v, &w->flame, err);
        return code ? code : pf_json_flame(&flame, v, facts, &w->out, err);
    case TOP:
        code = pf_top_make(&top, v, (uint32_t)w->limit, err);
        if (!code)
            pf_json_top(&top, v, facts, &w->out);
        return code;
    }
    return code;
}

static pf_code view_merged(void *ctx, const pf_merged *m, pf_error *err)
{
    viewing *w = ctx;
    pf_arena arena;
    pf_view v;
    char time[PF_TIME_CHARS + 1];
    pf_time_format(m->profile->time_nanos ? m->profile->time_nanos : m->first, time);
    pf_view_facts facts = {m->count, time, w->options.granularity == PF_BY_ADDRESS};
    pf_arena_init(&arena, w->op.budget, w->op.max_memory);
    pf_error why;
    pf_code code = pf_view_make(&v, m->profile, &w->options, &arena, &why);
    if (!code)
        code = show(w, &v, &facts, &why);
    if (!code && w->out.failed)
        code = pf_fail(&why, PF_QUERY_LIMIT, "the view needs more than %zu bytes", w->out.max);
    pf_arena_free(&arena);
    if (code == PF_INVALID)
        return pf_fail(err, code, "bad request: %s", why.msg);
    return code ? pf_fail(err, code, "%s", why.msg) : PF_OK;
}

void pf_view_reply(pf_api *api, pf_req *req, const pf_selection *sel, pf_str word)
{
    pf_error err;
    viewing w = {.op = pf_api_op(api, req), .out = {.max = api->cfg.query_max_memory}};
    w.options.stop = (pf_stop){check_op, &w.op};
    pf_code code = read_options(req, word, &w, &err);
    pf_reply_open(&w.out);
    if (!code)
        code = pf_store_merge_profile(api->cfg.store, sel, &w.op, view_merged, &w, &err);
    if (code) {
        pf_buf_free(&w.out);
        if (code == PF_NOT_ALLOWED)
            pf_reply_not_allowed(req, "GET, HEAD", &err);
        else
            pf_req_reply_error(req, code, &err);
        return;
    }
    pf_reply_close(&w.out);
    pf_reply_json_take(req, &w.out);
}
