/* flame.h: the tree of stacks: a flame graph.
 *
 *     root 100 --+-- main 90 --+-- a 60
 *                |             \-- (other) 30, folded 5      five nodes that were left out
 *                \-- gc 10
 *
 * Node 0 is the root. Parents stand before their children; the children of a node stand side by side, by
 * total descending, then name, "(other)" last. A node's total is its self and its children's totals.
 * Stacks may also be laid from the leaf to the root, and around one function:
 *
 *     down             root --> main --> f --> x          callees of f   f --> x
 *     up               root --> x --> f --> main          callers of f   f --> main
 *
 * Around a function only stacks that have it count, each from its outermost occurrence, so that recursion counts
 * once: node 0 is the function, and its total what `top` calls cum.
 *
 * The tree is cut to `max_nodes` by keeping those of the largest totals; what is left out of a parent's
 * children is one node more, "(other)", with their exact total, so that sums hold everywhere.
 */
#ifndef PF_VIEW_FLAME_H
#define PF_VIEW_FLAME_H

#include "view/view.h"

#define PF_FLAME_ROOT (UINT32_MAX - 1) /* frame of the root */
#define PF_FLAME_OTHER UINT32_MAX      /* frame of "(other)" */

typedef struct pf_flame_node {
    uint32_t parent; /* index; the root's is 0 */
    uint32_t frame;  /* in the view, or one of the two above; node 0: the function's first */
    int64_t self, total, base_self, base_total;
    uint32_t folded; /* of "(other)": nodes that it stands for; else 0 */
    bool inlined;    /* into its caller, wherever it stands here */
} pf_flame_node;

typedef struct pf_flame_options {
    uint32_t max_nodes; /* 0: all */
    bool up;
    pf_str function; /* as a root path's element, but not escaped (rootpath.h); empty: none */
    /* Names from the root on, below the function, each URL-escaped, joined by ';': the tree begins there.
     * Empty: all. */
    pf_str root;
} pf_flame_options;

typedef struct pf_flame {
    pf_flame_node *node;
    uint32_t n;
    uint32_t left_out; /* nodes */
    int64_t left_out_value;
} pf_flame;

/* In the view's arena. PF_NOT_FOUND: no stack has the function, or begins with `root`; PF_QUERY_LIMIT. */
pf_code pf_flame_make(pf_flame *f, const pf_view *v, const pf_flame_options *o, pf_error *err);

/* "root", "(other)", or the frame's name. */
pf_str pf_flame_name(const pf_flame *f, const pf_view *v, uint32_t node);

/* What a node weighs: its total, or the larger side's. */
static inline uint64_t pf_flame_weight(const pf_flame_node *n)
{
    uint64_t a = pf_magnitude(n->total), b = pf_magnitude(n->base_total);
    return a > b ? a : b;
}

#endif
