/* view.h: a profile made ready to be looked at: one sample type, frames instead of addresses.
 *
 *     pf_profile --drop_frames, filters (filter.h)--> pf_profile --frames (granularity.h)--> pf_view
 *                                                                                              |
 *            flame.h, top.h, folded.h, svg.h, dot.h  <-----------------------------------------+
 *
 * This room stands on pprof/ and knows no HTTP and no store. Whatever it makes lives in the arena that
 * it is given, whose limit bounds it: reaching that is PF_QUERY_LIMIT. Stacks may be of any depth: nothing
 * here recurses on it. What a value counts, and what a name says, is as `go tool pprof -top` has it.
 * Not thread-safe: a view belongs to one thread.
 */
#ifndef PF_VIEW_VIEW_H
#define PF_VIEW_VIEW_H

#include "view/granularity.h"

/* Asked every few milliseconds of work; anything but PF_OK ends it. */
typedef struct pf_stop {
    pf_code (*check)(const void *ctx, pf_error *err); /* NULL: nothing stops it */
    const void *ctx;
} pf_stop;

typedef struct pf_view_options {
    pf_str sample_type; /* "cpu"; empty: the profile's default, else its last one */
    pf_granularity granularity;
    bool is_diff; /* samples labelled pprof::base are the base's, negated (diff.h) */
    pf_stop stop;
} pf_view_options;

typedef struct pf_view {
    const pf_profile *profile;
    pf_frames frames;
    uint32_t sample_type; /* index */
    bool is_diff;
    const bool *is_base;       /* by sample; NULL where there is no base */
    int64_t total, base_total; /* sums over the samples, those without a stack too */
    pf_stop stop;
    pf_arena *arena;
} pf_view;

/* PF_INVALID: no such sample type, naming those that there are. `p` must outlive the view. */
pf_code pf_view_make(pf_view *v, const pf_profile *p, const pf_view_options *o, pf_arena *a,
                     pf_error *err);

/* The index of a sample type as a query names it. */
pf_code pf_view_sample_type(const pf_profile *p, pf_str name, uint32_t *out, pf_error *err);

/* The value of a sample: the compared side's or, where *base says so, the base's; both as they were before the
 * base was negated. */
static inline int64_t pf_view_value(const pf_view *v, uint32_t sample, bool *base)
{
    uint64_t value =
        (uint64_t)v->profile->value[(size_t)sample * v->profile->nsample_type + v->sample_type];
    *base = v->is_base && v->is_base[sample];
    return (int64_t)(*base ? 0 - value : value);
}

pf_code pf_stop_check(const pf_stop *s, pf_error *err);

/* What to return when the arena has given NULL: as pf_arena_fail, but its limit is the query's. */
pf_code pf_view_nomem(const pf_arena *a, pf_error *err);

/* a + b modulo 2^64: sums of a profile's values may leave int64 on their way, as in Go. */
static inline int64_t pf_wrap_add(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

/* |a|, for comparing: INT64_MIN has one, too. */
static inline uint64_t pf_magnitude(int64_t a)
{
    return a < 0 ? 0 - (uint64_t)a : (uint64_t)a;
}

#endif
