/* stack.h: the frames of one sample after the other, side by side. Internal to this room.
 *
 *     locations, leaf first:  7 | 3        frames, outermost first:  main, work, parse (inlined)
 *                     7: parse, inlined into work
 */
#ifndef PF_VIEW_STACK_H
#define PF_VIEW_STACK_H

#include "view/view.h"

typedef struct pf_stack_frame {
    uint32_t frame;
    bool inlined; /* into the one before it */
} pf_stack_frame;

/* Zeroed at the start; in the view's arena. */
typedef struct pf_stack {
    pf_stack_frame *at;
    size_t n, cap;
} pf_stack;

/* The stack of `sample`. PF_QUERY_LIMIT. */
pf_code pf_stack_read(pf_stack *s, const pf_view *v, uint32_t sample, pf_error *err);

#endif
