/* top.h: flat and cumulative values by frame, as `go tool pprof -top` counts them.
 *
 * Flat is what was measured in the frame itself, cum what was measured in it and below; a frame that stands
 * several times in a stack counts once. Rows by |flat| descending, then |cum|, then name; rows that are zero
 * in all are left out. What `limit` leaves out is said.
 */
#ifndef PF_VIEW_TOP_H
#define PF_VIEW_TOP_H

#include "view/view.h"

typedef struct pf_top_row {
    uint32_t frame;
    int64_t flat, cum, base_flat, base_cum;
} pf_top_row;

typedef struct pf_top {
    pf_top_row *row;
    uint32_t n;
    uint32_t left_out; /* rows */
    int64_t left_out_flat, left_out_base_flat;
} pf_top;

/* In the view's arena. `limit` 0: all. */
pf_code pf_top_make(pf_top *t, const pf_view *v, uint32_t limit, pf_error *err);

#endif
