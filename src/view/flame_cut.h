/* flame_cut.h: the last pass over a tree: cut, sort, number anew. Internal to this room. */
#ifndef PF_VIEW_FLAME_CUT_H
#define PF_VIEW_FLAME_CUT_H

#include "view/flame.h"

/* `node` is a tree whose parents stand before their children, totals added up; it is changed. max_nodes 0: all. */
pf_code pf_flame_cut(pf_flame *f, const pf_view *v, pf_flame_node *node, uint32_t n,
                     uint32_t max_nodes, pf_error *err);

#endif
