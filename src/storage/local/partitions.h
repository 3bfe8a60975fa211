/* partitions.h: the set of partitions, oldest first, and which one a moment belongs to.
 *
 *     dropped: out of the set at once --> its readers finish --> pf_partitions_reap unlinks its files
 *
 * Thread-safe. Only the committer adds and drops.
 */
#ifndef PF_STORAGE_LOCAL_PARTITIONS_H
#define PF_STORAGE_LOCAL_PARTITIONS_H

#include "base/buf.h"
#include "storage/local/conns.h"

/* A file that was put aside: it can't be opened, and stays where it is. */
typedef struct pf_aside {
    pf_partition_key key;
    char name[PF_PARTITION_NAME + 1];
} pf_aside;

typedef struct pf_partitions {
    pthread_mutex_t lock; /* guards the two lists and generation */
    pf_partition **list;  /* by key, oldest first */
    size_t n, cap;
    pf_partition **dying; /* dropped, not yet unlinked */
    size_t ndying, dying_cap;
    pf_aside *aside; /* files that are kept and not read */
    size_t naside;
    char *dir;
    pf_conns *conns;
    int64_t days; /* that a partition spans */
} pf_partitions;

/* Days that a partition spans when profiles are kept for `data_ttl` ns: an eighth, 1 to 30; 30 for
 * ever. */
int64_t pf_partitions_days(int64_t data_ttl);

/* Opens what is in `dir`; removes logs whose partition is gone. A file that is ours and broken is put aside, so that it
 * does not keep the others from being read; it is named in the log. What is a newer server's or another program's ends
 * the start, as long as its name is a partition's. */
pf_code pf_partitions_open(pf_partitions *s, const char *dir, int64_t days, pf_conns *conns,
                           pf_error *err);
void pf_partitions_close(pf_partitions *s);

/* The day that names the partition which takes what arrives at `wall` (ns), whether it is there or not. */
int64_t pf_partitions_day(const pf_partitions *s, int64_t wall);

/* The partition that takes what arrives at `wall` (ns), made if need be; a reference for the
 * caller. It is the last file of its day, or a new one behind it where that can't be written to. */
pf_code pf_partitions_for(pf_partitions *s, int64_t wall, pf_partition **out, pf_error *err);

/* A list of all, oldest first, each with a reference. Free with pf_partitions_release. */
pf_code pf_partitions_all(pf_partitions *s, pf_partition ***list, size_t *n, pf_error *err);
void pf_partitions_release(pf_partition **list, size_t n);

/* Takes it out of the set; its files go once the last reader has finished. */
void pf_partitions_drop(pf_partitions *s, pf_partition *p);

/* Unlinks those dropped ones that nobody uses any more; the others keep only connections that are in use. The committer's
 * alone. */
void pf_partitions_reap(pf_partitions *s);

size_t pf_partitions_count(pf_partitions *s);

/* No more is written to `p`, since it is damaged: what can be read of it is. The committer's alone. */
void pf_partitions_distrust(pf_partitions *s, pf_partition *p, const char *why);

/* Appends the names of those that are damaged, joined by ", "; their number. */
size_t pf_partitions_damaged(pf_partitions *s, pf_buf *names);

#endif
