/* The stacks of a merge as a tree: each (caller, location) is a node, once.
 *
 * Nearly every look-up of a merge is one here, and most find nothing yet: four bytes a slot keep the table in
 * the caches where slots with keys in them would not.
 */
#include "pprof/merge_state.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAP = 256 };

/* The slot of the node, or the free one where it would be. */
static inline uint32_t *probe(const pf_merge_nodes *t, const pf_tree_node *node, uint32_t parent,
                              uint32_t location)
{
    const size_t mask = t->cap - 1;
    /* Only the top bits of the product depend on all bits of the pair. */
    size_t i = ((uint64_t)parent << 32 | location) * t->factor >> t->shift;
    for (uint32_t n; (n = t->slots[i]) != 0; i = (i + 1) & mask)
        if (node[n].parent == parent && node[n].location == location)
            break;
    return &t->slots[i];
}

static pf_code resize(pf_merge *m, size_t cap, pf_error *err)
{
    pf_merge_nodes *t = &m->nodes;
    const pf_tree_node *node = m->node.rows;
    size_t bytes = cap * sizeof *t->slots;
    if (!pf_merge_fits(m, bytes))
        return pf_merge_over_limit(m, err);
    if (m->budget && !pf_ledger_take(m->budget, bytes, NULL))
        return pf_merge_over_budget(err);
    uint32_t *slots = calloc(cap, sizeof *slots);
    if (!slots) {
        if (m->budget)
            pf_ledger_give(m->budget, bytes);
        return pf_fail_nomem(err, "merging");
    }
    pf_merge_nodes_free(m);
    t->slots = slots;
    t->cap = cap;
    t->shift = 64 - (unsigned)__builtin_ctzll(cap);
    for (uint32_t n = 1; n < m->node.n; n++)
        *probe(t, node, node[n].parent, node[n].location) = n;
    return PF_OK;
}

void pf_merge_nodes_free(pf_merge *m)
{
    if (m->budget)
        pf_ledger_give(m->budget, pf_merge_nodes_bytes(&m->nodes));
    free(m->nodes.slots);
    m->nodes.slots = NULL;
    m->nodes.cap = 0;
}

void pf_merge_nodes_reserve(pf_merge *m, size_t n)
{
    size_t cap = m->nodes.cap ? m->nodes.cap : FIRST_CAP;
    pf_error unused;
    while (n * 2 > cap)
        cap *= 2;
    if (cap > m->nodes.cap)
        resize(m, cap, &unused); /* else it grows later, or fails then */
}

/* A row of both tables; *out is which. */
static pf_code append(pf_merge *m, pf_tree_node node, uint32_t *out, pf_error *err)
{
    uint32_t at;
    pf_code code = pf_merge_append(m, &m->unlabelled, 1, &at, err);
    if (!code)
        code = pf_merge_append(m, &m->node, 1, out, err);
    if (code)
        return code;
    *PF_ROW(&m->unlabelled, uint32_t, at) = PF_NO_INDEX;
    *PF_ROW(&m->node, pf_tree_node, *out) = node;
    return PF_OK;
}

pf_code pf_merge_nodes_begin(pf_merge *m, pf_error *err)
{
    uint32_t root;
    return append(m, (pf_tree_node){0, PF_NO_INDEX}, &root, err);
}

pf_code pf_merge_node(pf_merge *m, uint32_t parent, uint32_t location, uint32_t *out, pf_error *err)
{
    pf_merge_nodes *t = &m->nodes;
    if ((size_t)m->node.n * 2 > t->cap) {
        pf_code code = resize(m, t->cap ? t->cap * 2 : FIRST_CAP, err);
        if (code)
            return code;
    }
    uint32_t *slot = probe(t, m->node.rows, parent, location);
    if ((*out = *slot) != 0)
        return PF_OK;
    pf_code code = append(m, (pf_tree_node){parent, location}, out, err);
    if (!code)
        *slot = *out;
    return code;
}
