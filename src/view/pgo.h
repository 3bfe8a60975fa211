/* pgo.h: a CPU profile for Go's -pgo: what the compiler reads, and nothing else.
 *
 * It reads call edges: (caller, callee, line of the call less the caller's first line) and the weight of each. The first
 * release that knew -pgo counts all edges of a stack; those since count only the calls that the innermost two locations
 * stand for, with what is inlined there, and take hot to be what makes up most of their sum. Both get the very weights
 * here that the full profile has for them, since stacks stay whole. Gone are files, binaries, addresses, labels and the
 * second sample type, and with them what kept locations and stacks apart that are the same to a compiler: a third to
 * a half of the bytes.
 * Source: cmd/internal/pgo and internal/profile/graph.go of Go 1.24.
 */
#ifndef PF_VIEW_PGO_H
#define PF_VIEW_PGO_H

#include "view/view.h"

/* In `a`; shares texts with `in`. PF_INVALID: no sample type samples/count or cpu/nanoseconds. PF_QUERY_LIMIT. */
pf_code pf_pgo_make(const pf_profile *in, const pf_stop *stop, pf_arena *a, pf_profile *out,
                    pf_error *err);

#endif
