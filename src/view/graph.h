/* graph.h: who calls whom, and how much of what was measured went that way.
 *
 * An edge's weight is what google/pprof's graph gives it: a sample adds its value once to each pair of frames that
 * stand next to each other somewhere in its stack, and nothing to a frame that calls itself directly. Where some
 * frames are left out, their neighbours are joined by a residual edge.
 */
#ifndef PF_VIEW_GRAPH_H
#define PF_VIEW_GRAPH_H

#include "view/view.h"

typedef struct pf_edge {
    uint32_t from, to; /* frames */
    int64_t weight;
    bool inlined;  /* wherever it stands */
    bool residual; /* goes over frames that were left out, somewhere */
    uint32_t seen; /* of the maker's */
} pf_edge;

typedef struct pf_graph {
    pf_edge *edge;
    uint32_t n;
} pf_graph;

/* In the view's arena. `keep`, by frame, says which frames are in it; NULL: all. The base's samples of a
 * comparison are not counted. */
pf_code pf_graph_make(pf_graph *g, const pf_view *v, const bool *keep, pf_error *err);

#endif
