#include "server/api/funcline.h"

#include "view/filter.h"
#include "view/top.h"

#include <string.h>

typedef struct function_sums {
    const pf_funcline *f;
    int64_t self, total;
} function_sums;

static pf_code check_op(const void *op, pf_error *err)
{
    return pf_op_check(op, err);
}

static pf_code look(function_sums *w, const pf_profile *p, pf_arena *a, pf_error *err)
{
    pf_profile pruned;
    pf_view v = {0};
    pf_top top = {0};
    pf_view_options o = {.sample_type = w->f->sample_type, .stop = {check_op, w->f->op}};
    pf_code code = pf_filter_prune(p, &o.stop, a, &pruned, err);
    if (!code)
        code = pf_view_make(&v, &pruned, &o, a, err);
    if (!code)
        code = pf_top_make(&top, &v, 0, err);
    for (uint32_t i = 0; !code && i < top.n; i++) {
        const pf_frame *frame = &v.frames.frame[top.row[i].frame];
        if (!pf_str_eq(frame->name, w->f->function))
            continue;
        w->self = pf_wrap_add(w->self, top.row[i].flat);
        w->total = pf_wrap_add(w->total, top.row[i].cum);
    }
    return code;
}

static pf_code look_merged(void *ctx, const pf_merged *m, pf_error *err)
{
    function_sums *w = ctx;
    pf_arena arena;
    pf_arena_init(&arena, w->f->op->budget, w->f->op->max_memory);
    pf_code code = look(w, m->profile, &arena, err);
    pf_arena_free(&arena);
    return code;
}

/* The query's labels and what makes the group: the label's first value, or that there is none. The pair is asked for
 * as well, since a store finds by pairs. */
static pf_code narrow(const pf_funcline *f, const pf_timeline *t, const pf_group *g, pf_query *out,
                      pf_error *err)
{
    pf_arena *a = t->arena;
    *out = *f->query;
    out->limit = 0;
    if (!t->group_by.n)
        return PF_OK;
    pf_matcher *list = pf_arena_array(a, f->query->matchers.n + 1, sizeof *list);
    if (!list)
        return pf_arena_fail(a, err, "a series");
    if (f->query->matchers.n)
        memcpy(list, f->query->matchers.list, f->query->matchers.n * sizeof *list);
    pf_matcher *last = &list[f->query->matchers.n];
    out->matchers = (pf_matchers){list, f->query->matchers.n + 1};
    *last = (pf_matcher){.op = PF_MATCH_FIRST, .key = t->group_by};
    if (!g->has_label)
        return PF_OK;
    last->value = (pf_str){g->value.p ? g->value.p : "", g->value.n};
    pf_pair *pairs = pf_arena_array(a, f->query->labels.n + 1, sizeof *pairs);
    if (!pairs)
        return pf_arena_fail(a, err, "a series");
    size_t at = 0; /* sorted by key, then value, without repeats */
    pf_pair own = {t->group_by, g->value};
    for (size_t i = 0; i < f->query->labels.n; i++) {
        const pf_pair *p = &f->query->labels.pairs[i];
        int c = own.key.p ? pf_str_cmp(own.key, p->key) : 1;
        c = own.key.p && !c ? pf_str_cmp(own.value, p->value) : c;
        if (own.key.p && c < 0)
            pairs[at++] = own;
        if (c <= 0)
            own.key.p = NULL;
        pairs[at++] = *p;
    }
    if (own.key.p)
        pairs[at++] = own;
    out->labels = (pf_labels){pairs, at};
    return PF_OK;
}

pf_code pf_funcline_row(const pf_funcline *f, const pf_timeline *t, uint32_t group,
                        const pf_step *row, int64_t *self, int64_t *total, pf_error *err)
{
    pf_query q;
    pf_code code = narrow(f, t, &t->group[group], &q, err);
    for (uint32_t i = 0; !code && i < t->points; i++) {
        function_sums w = {.f = f};
        self[i] = total[i] = 0;
        if (!row[i].count)
            continue;
        int64_t from = t->start + (int64_t)i * t->step, to;
        if (__builtin_add_overflow(from, t->step - 1, &to))
            to = INT64_MAX;
        q.from = from > f->query->from ? from : f->query->from;
        q.to = to < f->query->to ? to : f->query->to;
        code = pf_store_merge_profile(f->store, &(pf_selection){.query = &q}, f->op, look_merged,
                                      &w, err);
        if (code == PF_NOT_FOUND) /* expired meanwhile */
            code = PF_OK;
        if (code == PF_TIMEOUT)
            return pf_fail(
                err, code,
                "the query took longer than it may (-query.timeout): \"function\" reads the "
                "profiles of every step and group; a longer \"step\", a shorter range or no "
                "\"group_by\" takes less");
        self[i] = w.self;
        total[i] = w.total;
    }
    return code;
}
