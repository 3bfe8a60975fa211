/* job.h: a write made ready in the thread that asks for it, so that the committer has little left
 * to do.
 *
 * Everything that does not need the partition is done here: bare protobuf is gzipped, labels,
 * sample types and totals get their encodings, the series its hash. All memory that the profile takes out of its
 * arena is taken here, so that none is refused inside a transaction, which others share. Belongs to one thread at a
 * time.
 */
#ifndef PF_STORAGE_LOCAL_JOB_H
#define PF_STORAGE_LOCAL_JOB_H

#include "base/hash.h"
#include "base/xid.h"
#include "storage/local/symbols/intern.h"
#include "storage/storage.h"

enum { PF_EXTERNAL_HASH = 16 };

typedef struct pf_job {
    pf_write *write;
    const pf_content *content; /* for a row of columns: the writer makes its bytes */
    pf_intern_room room;       /* what that takes */
    pf_str row;                /* of a raw row: the pushed bytes, or those in `gzip` */
    pf_buf gzip;               /* of bare protobuf */
    pf_buf text;               /* holds what labels, types and sums point to */
    pf_str labels, types, sums;
    pf_hash service_hash, series_hash, types_hash;
    int kind;
    pf_xid xid; /* set by the writer */

    /* Of a write with an external id (external.h): what its body is recognised by; whether it was there before, in the
     * partition that is written or in another; what the first of them was. */
    uint8_t body_hash[PF_EXTERNAL_HASH];
    bool repeated, repeated_elsewhere;
    pf_meta first; /* type, created_at, labels */

    pf_code code;
    pf_error err;
} pf_job;

/* PF_TOO_LARGE when the row is more than a partition can hold; what the arena says; PF_INTERNAL out of memory. */
pf_code pf_job_new(pf_write *w, const pf_hash_key *key, pf_job **out, pf_error *err);
void pf_job_free(pf_job *job);

size_t pf_job_bytes(const pf_job *job); /* what it adds to a transaction */

#endif
