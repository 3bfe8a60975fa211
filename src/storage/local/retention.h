/* retention.h: which partitions have to go, and whether the clock may be believed when it says so.
 *
 * A wrong clock must not delete anything. The clock is trusted once wall clock and boot clock
 * (which nobody sets) have advanced together for an hour: looked at once a second, their difference
 * may move by at most two seconds from one look to the next, which leaves room for a clock that is
 * being slewed. More is a jump: it is logged and the hour begins anew, as it does with each start.
 * Not thread-safe: the committer's thread.
 */
#ifndef PF_STORAGE_LOCAL_RETENTION_H
#define PF_STORAGE_LOCAL_RETENTION_H

#include "storage/local/committer.h"

#define PF_TRUST_AFTER (3600 * PF_NS_PER_SEC)
#define PF_TRUST_SLACK (2 * PF_NS_PER_SEC)

typedef struct pf_trust {
    bool started;
    int64_t offset; /* wall clock less boot clock at the last look, ns */
    int64_t since;  /* boot clock when they began to agree, ns */
} pf_trust;

/* Looks at both clocks; true when the wall clock may be believed. *jump is by how much it jumped
 * since the last look, ns, 0 when it did not. */
bool pf_trust_look(pf_trust *t, const pf_clock *clock, int64_t *jump);

/* Drops the partitions whose newest profile arrived more than `ttl` ns before `now`. */
void pf_retention_expire(pf_committer *c, int64_t now, int64_t ttl);

/* Drops the oldest partitions until `max_size` bytes are kept; never today's, whether something has been pushed
 * since the start or not, and never the one that the last profile arrived in, which after a clock that was set
 * back is another one. */
void pf_retention_shrink(pf_committer *c, int64_t max_size);

#endif
