/* svg.h: a flame graph as a picture: static, without scripts, opened by anything that shows SVG.
 *
 * The root is on top. Frames narrower than a third of a pixel are left out; what they come to is the gap that
 * stays. Each frame carries its name, value and share as a title, which viewers show when pointed at.
 */
#ifndef PF_VIEW_SVG_H
#define PF_VIEW_SVG_H

#include "view/flame.h"

/* PF_QUERY_LIMIT when out->max is reached. */
pf_code pf_svg_write(const pf_flame *f, const pf_view *v, pf_buf *out, pf_error *err);

#endif
