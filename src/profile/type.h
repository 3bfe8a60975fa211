/* type.h: the kinds of profile that the API knows (docs/api.md, "Types").
 *
 * The numbers are those of the original server and stand in object-store keys and on disk.
 */
#ifndef PF_PROFILE_TYPE_H
#define PF_PROFILE_TYPE_H

#include "base/str.h"

typedef enum pf_type {
    PF_TYPE_UNKNOWN = 0, /* any other word: "any type" in a query */
    PF_TYPE_CPU = 1,
    PF_TYPE_HEAP = 2,
    PF_TYPE_BLOCK = 3,
    PF_TYPE_MUTEX = 4,
    PF_TYPE_GOROUTINE = 5,
    PF_TYPE_THREADCREATE = 6,
    PF_TYPE_OTHER = 127,
    PF_TYPE_TRACE = 128, /* a Go execution trace: not pprof, kept byte for byte */
} pf_type;

pf_type pf_type_parse(pf_str word);     /* PF_TYPE_UNKNOWN for any other word; case matters */
const char *pf_type_name(pf_type type); /* "unknown" for any other number */

/* True where a profile's value is what was measured while it was taken (CPU time, allocations), so that values of
 * several profiles add up; false where it is a state (heap in use, goroutines), of which a mean is shown. */
bool pf_type_is_cumulative(pf_type type, pf_str sample_type);

#endif
