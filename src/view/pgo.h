/* pgo.h: a CPU profile for Go's -pgo, small enough to be committed beside the program.
 *
 * The compiler reads call edges: (caller, callee, line of the call less the caller's first line) and the weight of
 * each. So that is what is in it, each edge as one sample of two frames:
 *
 *     full:   main.main:12 > work:40 > parse:7   30       pgo:   main.main:12 > work    30
 *             main.main:12 > work:40 > read:9    12 - 30         work:40      > parse   30 ...
 *
 * Every edge is there with the weight that it has in the full profile, so the sum and the order of the edges,
 * by which the compiler decides what is hot, are those of the full one. Files, addresses, labels, binaries and the
 * second sample type are not. It is of no use to look at: flat values mean nothing in it.
 * Source: cmd/internal/pgo and cmd/compile/internal/pgo of Go 1.21 to 1.24.
 */
#ifndef PF_VIEW_PGO_H
#define PF_VIEW_PGO_H

#include "view/view.h"

/* In `a`. PF_INVALID: no sample type samples/count or cpu/nanoseconds. */
pf_code pf_pgo_make(const pf_profile *in, const pf_stop *stop, pf_arena *a, pf_profile *out,
                    pf_error *err);

#endif
