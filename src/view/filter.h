/* filter.h: leaves out stacks and frames, with the meaning that google/pprof gives to its options.
 * Source: github.com/google/pprof, profile/filter.go and profile/prune.go.
 *
 *     focus      keeps stacks in which some frame matches
 *     ignore     drops stacks in which some frame matches
 *     hide       leaves out frames that match, their callees move up
 *     show       leaves out frames that do not match
 *     show_from  leaves out what is above the outermost frame that matches; stacks without one go
 *
 * A frame matches by its function's name or file, or its location by its binary. Patterns are looked up once a
 * text, however often it stands in stacks. The result shares what it can with `in`, which must outlive it; new
 * arrays live in `a`.
 */
#ifndef PF_VIEW_FILTER_H
#define PF_VIEW_FILTER_H

#include "base/regex.h"
#include "view/view.h"

typedef struct pf_filter {
    pf_regex *focus, *ignore, *hide, *show, *show_from; /* NULL: not asked for */
} pf_filter;

/* In google/pprof's order. Errors: those of the patterns, naming the option; PF_QUERY_LIMIT; the stop's. */
pf_code pf_filter_apply(const pf_filter *f, const pf_profile *in, const pf_stop *stop, pf_arena *a,
                        pf_profile *out, pf_error *err);

/* Leaves out what the profile itself calls uninteresting: frames at and below one that its drop_frames matches
 * and keep_frames does not. Patterns that can't be read or take too long are passed over, as there. */
pf_code pf_filter_prune(const pf_profile *in, const pf_stop *stop, pf_arena *a, pf_profile *out,
                        pf_error *err);

/* A function's name without its arguments: what drop_frames is held against. */
pf_str pf_simple_name(pf_str name);

#endif
