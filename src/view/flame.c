/* flame.c: stacks into a tree, in three passes that only walk arrays:
 *
 *   1. each sample walks down from the root; a child is found by (parent, frame) in a hash table; the value
 *      goes to the last node's self. A child is made after its parent, so its index is the larger one:
 *   2. from the last node to the first, totals are added to the parents';
 *   3. the nodes are cut, sorted and numbered anew (flame_cut.c).
 */
#include "view/flame.h"

#include "view/flame_cut.h"
#include "view/rootpath.h"

#include <string.h>

enum { SAMPLES_A_LOOK = 256 };

typedef struct builder {
    const pf_view *v;
    pf_arena *arena;
    pf_flame_node *node;
    uint32_t n, cap;
    uint32_t *slot;  /* node numbers by (parent, frame); 0 is empty: the root is nobody's child */
    uint32_t nslots; /* a power of two */
    pf_root_path path;
} builder;

static uint32_t hash_of(uint32_t parent, uint32_t frame)
{
    uint64_t h = ((uint64_t)parent << 32 | frame) * UINT64_C(0x9e3779b97f4a7c15);
    h ^= h >> 29;
    return (uint32_t)((h * UINT64_C(0xbf58476d1ce4e5b9)) >> 32);
}

static pf_code grow(builder *b, pf_error *err)
{
    if (b->n >= PF_FLAME_ROOT - 1)
        return pf_fail(err, PF_QUERY_LIMIT, "the view has too many nodes");
    uint32_t cap = b->cap ? b->cap * 2 : 1024, nslots = cap * 2;
    pf_flame_node *node =
        cap <= UINT32_MAX / 4 ? pf_arena_array(b->arena, cap, sizeof *node) : NULL;
    uint32_t *slot = node ? pf_arena_zalloc(b->arena, nslots * sizeof *slot) : NULL;
    if (!slot)
        return pf_view_nomem(b->arena, err);
    if (b->n)
        memcpy(node, b->node, b->n * sizeof *node);
    for (uint32_t i = 1; i < b->n; i++) {
        uint32_t at = hash_of(node[i].parent, node[i].frame) & (nslots - 1);
        while (slot[at])
            at = (at + 1) & (nslots - 1);
        slot[at] = i;
    }
    b->node = node;
    b->cap = cap;
    b->slot = slot;
    b->nslots = nslots;
    return PF_OK;
}

static pf_code child_of(builder *b, uint32_t parent, uint32_t frame, bool inlined, uint32_t *out,
                        pf_error *err)
{
    uint32_t at = hash_of(parent, frame) & (b->nslots - 1);
    for (; b->slot[at]; at = (at + 1) & (b->nslots - 1)) {
        pf_flame_node *node = &b->node[b->slot[at]];
        if (node->parent == parent && node->frame == frame) {
            node->inlined &= inlined;
            *out = b->slot[at];
            return PF_OK;
        }
    }
    if (b->n == b->cap) {
        pf_code code = grow(b, err);
        return code ? code
                    : child_of(b, parent, frame, inlined, out, err); /* once: there is room now */
    }
    b->node[b->n] = (pf_flame_node){.parent = parent, .frame = frame, .inlined = inlined};
    b->slot[at] = *out = b->n++;
    return PF_OK;
}

static pf_code add_sample(builder *b, uint32_t i, pf_error *err)
{
    const pf_view *v = b->v;
    const pf_sample *s = &v->profile->sample[i];
    const pf_frames *f = &v->frames;
    bool base;
    int64_t value = pf_view_value(v, i, &base);
    uint32_t at = 0, skipped = 0;
    if (!value)
        return PF_OK;
    for (uint32_t k = s->loc_n; k-- > 0;) {
        uint32_t loc = v->profile->sample_location[s->loc_off + k];
        for (uint32_t j = f->off[loc + 1]; j-- > f->off[loc];) {
            if (skipped < b->path.n) {
                if (!pf_root_path_has(&b->path, skipped, f->of[j]))
                    return PF_OK;
                skipped++;
                continue;
            }
            pf_code code = child_of(b, at, f->of[j], j + 1 < f->off[loc + 1], &at, err);
            if (code)
                return code;
        }
    }
    if (skipped < b->path.n)
        return PF_OK;
    b->path.found = true;
    int64_t *self = base ? &b->node[at].base_self : &b->node[at].self;
    *self = pf_wrap_add(*self, value);
    return PF_OK;
}

static void add_up(builder *b)
{
    for (uint32_t i = b->n; i-- > 0;) {
        pf_flame_node *node = &b->node[i], *parent = &b->node[node->parent];
        node->total = pf_wrap_add(node->total, node->self);
        node->base_total = pf_wrap_add(node->base_total, node->base_self);
        if (i) {
            parent->total = pf_wrap_add(parent->total, node->total);
            parent->base_total = pf_wrap_add(parent->base_total, node->base_total);
        }
    }
}

pf_code pf_flame_make(pf_flame *f, const pf_view *v, const pf_flame_options *o, pf_error *err)
{
    *f = (pf_flame){0};
    builder b = {.v = v, .arena = v->arena};
    pf_code code = pf_root_path_make(&b.path, o->root, &v->frames, v->arena, err);
    if (!code)
        code = grow(&b, err);
    if (code)
        return code;
    b.node[b.n++] = (pf_flame_node){.frame = PF_FLAME_ROOT};
    for (uint32_t i = 0; !code && i < v->profile->nsample; i++) {
        code = add_sample(&b, i, err);
        if (!code && i % SAMPLES_A_LOOK == 0)
            code = pf_stop_check(&v->stop, err);
    }
    if (!code && b.path.n && !b.path.found)
        code = pf_fail(err, PF_NOT_FOUND, "nothing found: no stack begins with this \"root\"");
    if (code)
        return code;
    add_up(&b);
    return pf_flame_cut(f, v, b.node, b.n, o->max_nodes, err);
}

pf_str pf_flame_name(const pf_flame *f, const pf_view *v, uint32_t node)
{
    uint32_t frame = f->node[node].frame;
    if (frame == PF_FLAME_ROOT)
        return PF_STR("root");
    return frame == PF_FLAME_OTHER ? PF_STR("(other)") : v->frames.frame[frame].name;
}
