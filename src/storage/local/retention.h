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

/* `max_size` is a ceiling of what all partitions take on disk, logs included. A partition is closed once it takes an eighth
 * of that (PF_SHARE_MIN at least), so the oldest can go in small steps, and the log is kept within a fraction of that. What
 * may be passed is one transaction; and where the ceiling is too low for two partitions of PF_SHARE_MIN, those. */
enum { PF_SHARE_MIN = 512 << 10 };

/* Drops the oldest partitions until c->max_size is kept; never the one that is written (today's last), and never the one that the
 * last profile arrived in, which after a start or a clock that was set back is another one. */
void pf_retention_shrink(pf_committer *c);

/* After a transaction: what was written may have filled the partition, or passed the ceiling. Costs two looks at files. */
void pf_retention_note_growth(pf_committer *c);

/* Pages of the log at which it is copied into its file; `most` where there is no ceiling. */
int pf_retention_log_pages(int64_t max_size, int most);

#endif
