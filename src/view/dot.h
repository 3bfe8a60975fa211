/* dot.h: the call graph as Graphviz's text, in the manner of `go tool pprof -dot`.
 *
 * The frames of the largest cumulative values stay; boxes grow with the flat value, arrows with what went along
 * them; a dashed arrow goes over frames that were left out, an inlined call says so.
 */
#ifndef PF_VIEW_DOT_H
#define PF_VIEW_DOT_H

#include "view/view.h"

/* `max_nodes` 0: all. PF_QUERY_LIMIT when out->max is reached. */
pf_code pf_dot_write(const pf_view *v, uint32_t max_nodes, pf_buf *out, pf_error *err);

#endif
