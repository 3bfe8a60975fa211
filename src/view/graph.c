#include "view/graph.h"

#include <string.h>

enum { SAMPLES_A_LOOK = 256 };

typedef struct builder {
    const pf_view *v;
    const bool *keep;
    pf_graph *g;
    uint32_t cap;
    uint32_t *slot; /* by (from, to): the edge's number, one more; 0 is empty */
    uint32_t nslots;
} builder;

static uint32_t hash_of(uint32_t from, uint32_t to)
{
    uint64_t h = ((uint64_t)from << 32 | to) * UINT64_C(0x9e3779b97f4a7c15);
    h ^= h >> 29;
    return (uint32_t)((h * UINT64_C(0xbf58476d1ce4e5b9)) >> 32);
}

static pf_code grow(builder *b, pf_error *err)
{
    uint32_t cap = b->cap ? b->cap * 2 : 256, nslots = cap * 2;
    pf_arena *a = b->v->arena;
    if (cap > UINT32_MAX / 8)
        return pf_fail(err, PF_QUERY_LIMIT, "the view has too many edges");
    pf_edge *edge = pf_arena_array(a, cap, sizeof *edge);
    uint32_t *slot = pf_arena_zalloc(a, nslots * sizeof *slot);
    if (!edge || !slot)
        return pf_view_nomem(a, err);
    if (b->g->n)
        memcpy(edge, b->g->edge, b->g->n * sizeof *edge);
    for (uint32_t i = 0; i < b->g->n; i++) {
        uint32_t at = hash_of(edge[i].from, edge[i].to) & (nslots - 1);
        while (slot[at])
            at = (at + 1) & (nslots - 1);
        slot[at] = i + 1;
    }
    b->g->edge = edge;
    b->cap = cap;
    b->slot = slot;
    b->nslots = nslots;
    return PF_OK;
}

static pf_code edge_of(builder *b, uint32_t from, uint32_t to, pf_edge **out, pf_error *err)
{
    if (b->g->n == b->cap) {
        pf_code code = grow(b, err);
        if (code)
            return code;
    }
    uint32_t at = hash_of(from, to) & (b->nslots - 1);
    for (; b->slot[at]; at = (at + 1) & (b->nslots - 1)) {
        *out = &b->g->edge[b->slot[at] - 1];
        if ((*out)->from == from && (*out)->to == to)
            return PF_OK;
    }
    b->g->edge[b->g->n] = (pf_edge){.from = from, .to = to, .inlined = true};
    *out = &b->g->edge[b->g->n++];
    b->slot[at] = b->g->n;
    return PF_OK;
}

typedef struct step {
    uint32_t parent; /* PF_NO_INDEX at the root */
    bool residual;
} step;

static pf_code add_frame(builder *b, step *s, uint32_t frame, bool inlined, uint32_t sample,
                         int64_t value, pf_error *err)
{
    if (b->keep && !b->keep[frame]) {
        s->residual = true;
        return PF_OK;
    }
    if (s->parent != PF_NO_INDEX && s->parent != frame) {
        pf_edge *e = NULL;
        pf_code code = edge_of(b, s->parent, frame, &e, err);
        if (code)
            return code;
        if (e->seen != sample + 1) {
            e->seen = sample + 1;
            e->weight = pf_wrap_add(e->weight, value);
            e->inlined &= inlined;
            e->residual |= s->residual;
        }
    }
    *s = (step){.parent = frame};
    return PF_OK;
}

static pf_code add_sample(builder *b, uint32_t i, pf_error *err)
{
    const pf_view *v = b->v;
    const pf_sample *sample = &v->profile->sample[i];
    const pf_frames *f = &v->frames;
    bool base;
    int64_t value = pf_view_value(v, i, &base);
    step s = {.parent = PF_NO_INDEX};
    if (!value || base)
        return PF_OK;
    for (uint32_t k = sample->loc_n; k-- > 0;) {
        uint32_t loc = v->profile->sample_location[sample->loc_off + k];
        for (uint32_t j = f->off[loc + 1]; j-- > f->off[loc];) {
            pf_code code = add_frame(b, &s, f->of[j], j + 1 < f->off[loc + 1], i, value, err);
            if (code)
                return code;
        }
    }
    return PF_OK;
}

pf_code pf_graph_make(pf_graph *g, const pf_view *v, const bool *keep, pf_error *err)
{
    *g = (pf_graph){0};
    builder b = {.v = v, .keep = keep, .g = g};
    for (uint32_t i = 0; i < v->profile->nsample; i++) {
        pf_code code = i % SAMPLES_A_LOOK ? PF_OK : pf_stop_check(&v->stop, err);
        if (!code)
            code = add_sample(&b, i, err);
        if (code)
            return code;
    }
    return PF_OK;
}
