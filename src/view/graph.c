#include "view/graph.h"

#include "view/pairs.h"
#include "view/stack.h"

enum { CHECK_EVERY = 256 };

typedef struct builder {
    const pf_view *v;
    const bool *keep;
    pf_pairs edges;
    pf_stack stack;
} builder;

typedef struct step {
    uint32_t parent; /* PF_NO_INDEX at the root */
    bool residual;
} step;

static pf_code add_frame(builder *b, step *s, pf_stack_frame f, uint32_t sample, int64_t value,
                         pf_error *err)
{
    if (b->keep && !b->keep[f.frame]) {
        s->residual = true;
        return PF_OK;
    }
    if (s->parent != PF_NO_INDEX && s->parent != f.frame) {
        uint32_t number;
        pf_code code = pf_pairs_at(&b->edges, s->parent, f.frame, &number, err);
        if (code)
            return code;
        pf_edge *e = &((pf_edge *)b->edges.item)[number];
        if (!e->seen)
            *e = (pf_edge){.from = s->parent, .to = f.frame, .inlined = true};
        if (e->seen != sample + 1) {
            e->seen = sample + 1;
            e->weight = pf_wrap_add(e->weight, value);
            e->inlined &= f.inlined;
            e->residual |= s->residual;
        }
    }
    *s = (step){.parent = f.frame};
    return PF_OK;
}

static pf_code add_sample(builder *b, uint32_t i, pf_error *err)
{
    bool base;
    int64_t value = pf_view_value(b->v, i, &base);
    step s = {.parent = PF_NO_INDEX};
    if (!value || base)
        return PF_OK;
    pf_code code = pf_stack_read(&b->stack, b->v, i, err);
    for (size_t k = 0; !code && k < b->stack.n; k++)
        code = add_frame(b, &s, b->stack.at[k], i, value, err);
    return code;
}

pf_code pf_graph_make(pf_graph *g, const pf_view *v, const bool *keep, pf_error *err)
{
    *g = (pf_graph){0};
    builder b = {.v = v,
                 .keep = keep,
                 .edges = {.arena = v->arena, .what = "edges", .size = sizeof(pf_edge)}};
    for (uint32_t i = 0; i < v->profile->nsample; i++) {
        pf_code code = i % CHECK_EVERY ? PF_OK : pf_stop_check(&v->stop, err);
        if (!code)
            code = add_sample(&b, i, err);
        if (code)
            return code;
    }
    *g = (pf_graph){b.edges.item, b.edges.n};
    return PF_OK;
}
