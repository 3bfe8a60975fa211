/* funcline.h: one function's self and total over time: what `function=` adds to /api/0/series.
 *
 * Sums of whole profiles don't tell: each step of each group that has profiles is merged and looked at, one after
 * another, so this costs what the merges cost and stands under the query's limits.
 */
#ifndef PF_SERVER_API_FUNCLINE_H
#define PF_SERVER_API_FUNCLINE_H

#include "server/api/timeline.h"

typedef struct pf_funcline {
    pf_store *store;
    const pf_op *op;
    const pf_query *query; /* of the whole time line */
    pf_str function, sample_type;
} pf_funcline;

/* Fills self and total, t->points of each, for a group that is not the "(other)" one; `row` is that group's
 * (pf_timeline_row). Functions are told apart by name, as in a top; drop_frames applies. */
pf_code pf_funcline_row(const pf_funcline *f, const pf_timeline *t, uint32_t group,
                        const pf_step *row, int64_t *self, int64_t *total, pf_error *err);

#endif
