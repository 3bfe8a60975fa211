/* folded.h: stacks as text, a line each, for flamegraph.pl, inferno, speedscope and grep:
 *
 *     main;work;parse 120
 *
 * Outermost frame first, or the leaf of a tree that goes up; around a function that one before the others. Equal
 * stacks are joined, the value stands behind the last space. In names ';' becomes ':', control characters and line
 * separators become spaces, what is not UTF-8 becomes U+FFFD. Samples without a stack stand as "(no stack)".
 */
#ifndef PF_VIEW_FOLDED_H
#define PF_VIEW_FOLDED_H

#include "view/flame.h"

/* `f` must be whole (max_nodes 0). PF_QUERY_LIMIT when out->max is reached. */
pf_code pf_folded_write(const pf_flame *f, const pf_view *v, pf_buf *out, pf_error *err);

#endif
