/* flame_cut.c: which nodes stay, and in which order.
 *
 * Those of the largest weight stay. A node weighs what the heaviest node under it weighs, itself included
 * (with negative values a child may weigh more than its parent), and among equals the one with the smaller
 * number, which a parent has, goes first: so what stays is a tree. The limit is found by selection, not by
 * sorting, since trees may have a million nodes.
 *
 * The order is breadth first: level by level, the children of one node side by side.
 */
#include "view/flame_cut.h"

#include <stdlib.h>
#include <string.h>

typedef struct ranked {
    uint64_t weight;
    uint32_t node;
} ranked;

static bool goes_first(ranked a, ranked b)
{
    return a.weight != b.weight ? a.weight > b.weight : a.node < b.node;
}

/* Hoare's selection: afterwards list[0..k) go before all others. */
static void select_first(ranked *list, size_t n, size_t k)
{
    size_t lo = 0, hi = n;
    while (hi - lo > 1) {
        ranked pivot = list[lo + (hi - lo) / 2];
        size_t i = lo, j = hi - 1;
        for (;;) {
            while (goes_first(list[i], pivot))
                i++;
            while (goes_first(pivot, list[j]))
                j--;
            if (i >= j)
                break;
            ranked swap = list[i];
            list[i++] = list[j];
            list[j--] = swap;
        }
        size_t cut = i > lo ? i : lo + 1;
        if (k < cut)
            hi = cut;
        else
            lo = cut;
        if (lo >= k)
            return;
    }
}

typedef struct cutter {
    const pf_view *v;
    const pf_flame_node *node;
    uint32_t n;
    uint32_t *under; /* nodes under a node and itself; of those that stay it is not used */
    bool *stays;
} cutter;

static pf_code choose(cutter *c, uint32_t max_nodes, pf_error *err)
{
    pf_arena *a = c->v->arena;
    c->stays = pf_arena_array(a, c->n, sizeof *c->stays);
    if (!c->stays)
        return pf_view_nomem(a, err);
    memset(c->stays, !max_nodes || c->n <= max_nodes, c->n * sizeof *c->stays);
    if (c->stays[0])
        return PF_OK;
    ranked *list = pf_arena_array(a, c->n, sizeof *list);
    if (!list)
        return pf_view_nomem(a, err);
    for (uint32_t i = 0; i < c->n; i++)
        list[i] = (ranked){pf_flame_weight(&c->node[i]), i};
    for (uint32_t i = c->n; --i > 0;) {
        ranked *parent = &list[c->node[i].parent];
        parent->weight = list[i].weight > parent->weight ? list[i].weight : parent->weight;
    }
    select_first(list, c->n, max_nodes);
    for (uint32_t i = 0; i < max_nodes; i++)
        c->stays[list[i].node] = true;
    c->stays[0] = true;
    return PF_OK;
}

static pf_code count_under(cutter *c, pf_error *err)
{
    c->under = pf_arena_array(c->v->arena, c->n, sizeof *c->under);
    if (!c->under)
        return pf_view_nomem(c->v->arena, err);
    for (uint32_t i = 0; i < c->n; i++)
        c->under[i] = 1;
    for (uint32_t i = c->n; --i > 0;)
        if (!c->stays[i])
            c->under[c->node[i].parent] += c->under[i];
    return PF_OK;
}

/* The list that stays, the "(other)" of each parent among it, and by parent where its children begin. */
typedef struct children {
    pf_flame_node *list; /* parent: old numbers */
    uint32_t *old;       /* by entry: its old number; of "(other)" none */
    uint32_t *first;     /* by old number, and one more */
} children;

static void add_other(pf_flame_node *other, const pf_flame_node *node, uint32_t under)
{
    other->self = other->total = pf_wrap_add(other->total, node->total);
    other->base_self = other->base_total = pf_wrap_add(other->base_total, node->base_total);
    other->folded += under;
}

/* Places of the children: counted, then filled by parent. "(other)" comes last among them. */
static pf_code gather(cutter *c, children *out, pf_flame *f, pf_error *err)
{
    pf_arena *a = c->v->arena;
    uint32_t *next = pf_arena_array(a, c->n, sizeof *next);
    bool *has_other = pf_arena_zalloc(a, c->n * sizeof *has_other);
    out->first = pf_arena_zalloc(a, ((size_t)c->n + 1) * sizeof *out->first);
    if (!next || !has_other || !out->first)
        return pf_view_nomem(a, err);
    for (uint32_t i = 1; i < c->n; i++) {
        uint32_t parent = c->node[i].parent;
        bool first_other = !c->stays[i] && c->stays[parent] && !has_other[parent];
        has_other[parent] |= first_other;
        out->first[parent + 1] += c->stays[i] || first_other;
    }
    for (uint32_t i = 0; i < c->n; i++)
        out->first[i + 1] += out->first[i];
    uint32_t total = out->first[c->n];
    out->list = pf_arena_zalloc(a, ((size_t)total + 1) * sizeof *out->list);
    out->old = pf_arena_array(a, (size_t)total + 1, sizeof *out->old);
    if (!out->list || !out->old)
        return pf_view_nomem(a, err);
    memcpy(next, out->first, c->n * sizeof *next);
    for (uint32_t i = 1; i < c->n; i++) {
        const pf_flame_node *node = &c->node[i];
        if (c->stays[i]) {
            out->old[next[node->parent]] = i;
            out->list[next[node->parent]++] = *node;
        } else if (c->stays[node->parent]) {
            uint32_t at = out->first[node->parent + 1] - 1;
            pf_flame_node *other = &out->list[at];
            other->frame = PF_FLAME_OTHER;
            other->parent = node->parent;
            out->old[at] = PF_NO_INDEX;
            add_other(other, node, c->under[i]);
            f->left_out += c->under[i];
            f->left_out_value = pf_wrap_add(f->left_out_value, node->total);
        }
    }
    return PF_OK;
}

typedef struct sibling {
    pf_flame_node node;
    uint32_t old;
    const pf_frame *frame; /* NULL: "(other)" */
} sibling;

static int by_total(const void *pa, const void *pb)
{
    const sibling *a = pa, *b = pb;
    if (!a->frame || !b->frame)
        return !a->frame - !b->frame;
    if (a->node.total != b->node.total)
        return a->node.total > b->node.total ? -1 : 1;
    if (a->node.base_total != b->node.base_total)
        return a->node.base_total > b->node.base_total ? -1 : 1;
    int c = pf_str_cmp(a->frame->name, b->frame->name);
    if (!c)
        c = pf_str_cmp(a->frame->file, b->frame->file);
    if (!c)
        c = (a->frame->line > b->frame->line) - (a->frame->line < b->frame->line);
    if (!c)
        c = (a->frame->address > b->frame->address) - (a->frame->address < b->frame->address);
    return c ? c : (a->node.frame > b->node.frame) - (a->node.frame < b->node.frame);
}

static void sort_children(const cutter *c, children *ch, uint32_t first, uint32_t n,
                          sibling *scratch)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t frame = ch->list[first + i].frame;
        scratch[i] = (sibling){ch->list[first + i], ch->old[first + i],
                               frame == PF_FLAME_OTHER ? NULL : &c->v->frames.frame[frame]};
    }
    qsort(scratch, n, sizeof *scratch, by_total);
    for (uint32_t i = 0; i < n; i++) {
        ch->list[first + i] = scratch[i].node;
        ch->old[first + i] = scratch[i].old;
    }
}

static pf_code lay_out(cutter *c, children *ch, pf_flame *f, pf_error *err)
{
    uint32_t total = ch->first[c->n], most = 0;
    for (uint32_t i = 0; i < c->n; i++)
        most = ch->first[i + 1] - ch->first[i] > most ? ch->first[i + 1] - ch->first[i] : most;
    pf_arena *a = c->v->arena;
    sibling *scratch = pf_arena_array(a, most, sizeof *scratch);
    uint32_t *old = pf_arena_array(a, (size_t)total + 1, sizeof *old);
    f->node = pf_arena_array(a, (size_t)total + 1, sizeof *f->node);
    if (!scratch || !old || !f->node)
        return pf_view_nomem(a, err);
    f->node[0] = c->node[0];
    old[0] = 0;
    f->n = 1;
    for (uint32_t at = 0; at < f->n; at++) {
        if (old[at] == PF_NO_INDEX)
            continue;
        uint32_t first = ch->first[old[at]], n = ch->first[old[at] + 1] - first;
        if (n > 1)
            sort_children(c, ch, first, n, scratch);
        for (uint32_t i = 0; i < n; i++) {
            f->node[f->n] = ch->list[first + i];
            f->node[f->n].parent = at;
            old[f->n++] = ch->old[first + i];
        }
    }
    return PF_OK;
}

pf_code pf_flame_cut(pf_flame *f, const pf_view *v, pf_flame_node *node, uint32_t n,
                     uint32_t max_nodes, pf_error *err)
{
    cutter c = {.v = v, .node = node, .n = n};
    children ch = {0};
    pf_code code = choose(&c, max_nodes, err);
    if (!code)
        code = count_under(&c, err);
    if (!code)
        code = gather(&c, &ch, f, err);
    return code ? code : lay_out(&c, &ch, f, err);
}
