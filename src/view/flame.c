/* flame.c: stacks into a tree, in three passes that only walk arrays:
 *
 *   1. each sample walks down from the root, its stack in the order that is asked for; a child is found by
 *      (parent, frame) in a hash table; the value goes to the last node's self. A child is made after its
 *      parent, so its index is the larger one:
 *   2. from the last node to the first, totals are added to the parents';
 *   3. the nodes are cut, sorted and numbered anew (flame_cut.c).
 */
#include "view/flame.h"

#include "view/flame_cut.h"
#include "view/pairs.h"
#include "view/rootpath.h"
#include "view/stack.h"

enum { CHECK_EVERY = 256 };

typedef struct builder {
    const pf_view *v;
    pf_pairs nodes; /* pf_flame_node by (parent, frame) */
    pf_stack stack;
    pf_root_path function, path;
    bool up;
} builder;

static pf_flame_node *node_at(const builder *b, uint32_t number)
{
    return &((pf_flame_node *)b->nodes.item)[number];
}

static pf_code child_of(builder *b, uint32_t parent, pf_stack_frame f, uint32_t *out, pf_error *err)
{
    uint32_t before = b->nodes.n;
    pf_code code = pf_pairs_at(&b->nodes, parent, f.frame, out, err);
    if (code)
        return code;
    pf_flame_node *node = node_at(b, *out);
    if (*out == before)
        *node = (pf_flame_node){.parent = parent, .frame = f.frame, .inlined = true};
    node->inlined &= f.inlined;
    return PF_OK;
}

/* What of the stack makes the tree: from the frame before `end` up, or from `begin` down. */
typedef struct way {
    size_t begin, end;
} way;

/* The k-th frame on the way. */
static pf_stack_frame frame_on(const builder *b, const way *w, size_t k)
{
    return b->stack.at[b->up ? w->end - 1 - k : w->begin + k];
}

/* False: the stack does not have the function. */
static bool find_way(builder *b, way *w)
{
    const pf_stack *s = &b->stack;
    *w = (way){0, s->n};
    if (!b->function.n)
        return true;
    size_t at = 0;
    while (at < s->n && !pf_root_path_has(&b->function, 0, s->at[at].frame))
        at++;
    if (at == s->n)
        return false;
    if (!b->function.found)
        node_at(b, 0)->frame = s->at[at].frame;
    b->function.found = true;
    *w = b->up ? (way){0, at} : (way){at + 1, s->n};
    return true;
}

/* Leaves out what the path asks for; false: the stack does not begin so. */
static bool follow_path(builder *b, way *w)
{
    size_t n = b->path.n;
    if (w->end - w->begin < n)
        return false;
    for (uint32_t i = 0; i < n; i++)
        if (!pf_root_path_has(&b->path, i, frame_on(b, w, i).frame))
            return false;
    *w = b->up ? (way){w->begin, w->end - n} : (way){w->begin + n, w->end};
    b->path.found = true;
    return true;
}

static pf_code add_sample(builder *b, uint32_t i, pf_error *err)
{
    bool base;
    int64_t value = pf_view_value(b->v, i, &base);
    if (!value)
        return PF_OK;
    way w;
    pf_code code = pf_stack_read(&b->stack, b->v, i, err);
    if (code || !find_way(b, &w) || !follow_path(b, &w))
        return code;
    uint32_t at = 0;
    for (size_t k = 0; !code && k < w.end - w.begin; k++)
        code = child_of(b, at, frame_on(b, &w, k), &at, err);
    if (code)
        return code;
    int64_t *self = base ? &node_at(b, at)->base_self : &node_at(b, at)->self;
    *self = pf_wrap_add(*self, value);
    return PF_OK;
}

static void add_up(builder *b)
{
    for (uint32_t i = b->nodes.n; i-- > 0;) {
        pf_flame_node *node = node_at(b, i), *parent = node_at(b, node->parent);
        node->total = pf_wrap_add(node->total, node->self);
        node->base_total = pf_wrap_add(node->base_total, node->base_self);
        if (i) {
            parent->total = pf_wrap_add(parent->total, node->total);
            parent->base_total = pf_wrap_add(parent->base_total, node->base_total);
        }
    }
}

static pf_code start(builder *b, const pf_flame_options *o, pf_error *err)
{
    uint32_t root;
    pf_code code = pf_root_path_make_one(&b->function, o->function, b->v, err);
    if (!code)
        code = pf_root_path_make(&b->path, o->root, b->v, err);
    if (!code) /* nobody's child: no frame has that number */
        code = pf_pairs_at(&b->nodes, 0, PF_FLAME_ROOT, &root, err);
    if (!code)
        node_at(b, root)->frame = PF_FLAME_ROOT;
    return code;
}

pf_code pf_flame_make(pf_flame *f, const pf_view *v, const pf_flame_options *o, pf_error *err)
{
    *f = (pf_flame){0};
    builder b = {.v = v,
                 .nodes = {.arena = v->arena, .what = "nodes", .size = sizeof(pf_flame_node)},
                 .up = o->up};
    pf_code code = start(&b, o, err);
    for (uint32_t i = 0; !code && i < v->profile->nsample; i++) {
        code = add_sample(&b, i, err);
        if (!code && i % CHECK_EVERY == 0)
            code = pf_stop_check(&v->stop, err);
    }
    if (!code && b.function.n && !b.function.found)
        code = pf_fail(err, PF_NOT_FOUND, "nothing found: no stack has this \"function\"");
    if (!code && b.path.n && !b.path.found)
        code = pf_fail(err, PF_NOT_FOUND, "nothing found: no stack begins with this \"root\"");
    if (code)
        return code;
    if (b.path.n)
        node_at(&b, 0)->frame = PF_FLAME_ROOT;
    add_up(&b);
    return pf_flame_cut(f, v, b.nodes.item, b.nodes.n, o->max_nodes, err);
}

pf_str pf_flame_name(const pf_flame *f, const pf_view *v, uint32_t node)
{
    uint32_t frame = f->node[node].frame;
    if (frame == PF_FLAME_ROOT)
        return PF_STR("root");
    return frame == PF_FLAME_OTHER ? PF_STR("(other)") : v->frames.frame[frame].name;
}
