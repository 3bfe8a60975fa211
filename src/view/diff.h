/* diff.h: a profile and a base in one, as `go tool pprof -diff_base` makes it.
 *
 *     compared:  a b 10      base:  a b 7        result:  a b 10
 *                                                         a b -7   pprof::base=true
 *
 * The base's values are negated and its samples labelled, so that what opens the result shows the difference and
 * still tells the sides apart.
 */
#ifndef PF_VIEW_DIFF_H
#define PF_VIEW_DIFF_H

#include "pprof/merge.h"
#include "view/view.h"

typedef struct pf_diff_options {
    bool normalize; /* scale the compared side so that its sums are the base's, by sample type */
} pf_diff_options;

/* Into `m`, new and empty; *out lives as long as it. PF_INVALID: sample types differ, a value leaves int64. */
pf_code pf_diff_make(const pf_profile *compared, const pf_profile *base, const pf_diff_options *o,
                     pf_merge *m, pf_arena *a, pf_profile *out, pf_error *err);

#endif
