/* external.h: pushes that came before: (service, external id) -> the profile that the first of them made.
 *
 * A client that got no answer sends its push again under the same external id. It is stored once, also after kill -9 and
 * across the end of a partition: the committer asks the partition that it writes to inside the transaction, and before
 * that those others that hold any external id.
 *
 * The body is recognised by XXH3, 128 bits, unseeded, of what is stored (the inflated profile, a trace's bytes): who
 * prepares a collision loses a push of their own, and nobody else's.
 */
#ifndef PF_STORAGE_LOCAL_EXTERNAL_H
#define PF_STORAGE_LOCAL_EXTERNAL_H

#include "storage/local/job.h"
#include "storage/local/partitions.h"

/* The statements of one connection of the committer. */
typedef struct pf_external {
    sqlite3 *db; /* not owned */
    sqlite3_stmt *find, *add;
    bool added; /* since it was opened */
} pf_external;

pf_code pf_external_open(pf_external *x, sqlite3 *db, pf_error *err);
void pf_external_close(pf_external *x); /* after an error, too; zeroed is fine */

/* What the body of a push is recognised by. */
void pf_external_hash(const pf_write *w, uint8_t out[static PF_EXTERNAL_HASH]);

/* Inside a transaction: when the partition has the job's external id, sets job->repeated, job->xid and job->first, its
 * labels in the write's arena. PF_CONFLICT: with another body. */
pf_code pf_external_find(pf_external *x, pf_job *job, pf_error *err);

/* Inside a transaction: the profile of this number is the first of its external id. */
pf_code pf_external_add(pf_external *x, const pf_job *job, int64_t service, int64_t number,
                        pf_error *err);

/* pf_external_find in all partitions of the set but `written`, the latest first, with job->repeated_elsewhere. One that
 * can't be asked is as if it were not there: what is damaged must not keep new profiles out. The committer's alone. */
pf_code pf_external_find_elsewhere(pf_partitions *set, const pf_partition *written, pf_job *job,
                                   pf_error *err);

#endif
