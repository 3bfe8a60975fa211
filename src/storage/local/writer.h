/* writer.h: the committer's hand in one partition: one connection, one transaction at a time.
 *
 *     begin -> add, add, ... -> commit      all or nothing; numbers given out in a transaction
 *                            -> rollback    that is rolled back are forgotten with it, and only those
 *
 * Not thread-safe: the committer's alone.
 */
#ifndef PF_STORAGE_LOCAL_WRITER_H
#define PF_STORAGE_LOCAL_WRITER_H

#include "base/map.h"
#include "storage/local/external.h"
#include "storage/local/partition.h"
#include "storage/local/symwriter.h"

enum { PF_WRITER_LOG_PAGES = 2000 }; /* 8 MB */

/* How many series a partition may hold. */
typedef struct pf_series_limits {
    int64_t series, series_per_service;
} pf_series_limits;

typedef struct pf_learned {
    pf_map *map;
    pf_hash key;
    uint32_t number;
} pf_learned;

typedef struct pf_writer {
    pf_partition *partition; /* a counted reference */
    sqlite3 *db;
    sqlite3_stmt *stmt[16];
    pf_map services, series, types;                /* content hash -> number; caches */
    int64_t nservices, nseries, ntypes, nprofiles; /* the highest numbers given out */
    pf_series_limits limits;
    pf_map counts;       /* service hash -> its series here; a cache */
    pf_learned *learned; /* given out in the transaction: the caches learn it at the commit */
    size_t nlearned;
    int64_t had_services, had_series, had_types; /* the highest numbers before the transaction */
    pf_extent extent;                            /* as it will be after the commit */
    int wal_pages;                               /* in the log after the last commit */
    int logged;        /* pages written to it since the committer looked */
    int log_pages;     /* that are worth a checkpoint */
    int checkpoint_at; /* of them, where the next checkpoint is worth a try */
    pf_symwriter symbols;
    pf_external external;
    pf_symbol_cache *known; /* the committer's, for all partitions in turn */
    const pf_hash_key *key; /* the store's */
    size_t cache;
    bool suspect; /* the disk failed: see pf_writer_recover */
    bool broken;  /* the file is damaged: it is of no more use to write to */
} pf_writer;

/* `cache` bytes of page cache; `known` and `key` must outlive the writer. */
pf_code pf_writer_open(pf_writer *w, pf_partition *p, pf_series_limits limits, size_t cache,
                       pf_symbol_cache *known, const pf_hash_key *key, pf_error *err);

/* Moves the log into the file and closes. A writer that is zeroed may be closed. */
void pf_writer_close(pf_writer *w);

pf_code pf_writer_begin(pf_writer *w, pf_error *err);

/* Adds one profile that arrived at `seconds`; job->xid is its id. One that is there already by its external id is not
 * added: job->repeated is set. After an error the transaction must be rolled back, unless *clean is set: then nothing
 * was written. */
pf_code pf_writer_add(pf_writer *w, pf_job *job, int64_t seconds, bool *clean, pf_error *err);

/* Durable when PF_OK; else rolled back. Shows the new extent to readers. */
pf_code pf_writer_commit(pf_writer *w, pf_error *err);
void pf_writer_rollback(pf_writer *w);

/* Ends a transaction in which nothing was written: nothing needs to be forgotten. */
void pf_writer_cancel(pf_writer *w);

/* True when the last error was the disk's (full or failing) or the file's, not the row's; notes whether it was the
 * file's. */
bool pf_writer_disk_failed(pf_writer *w);

/* Keeps the log short: copies it into the file, and when it has become too long for that waits for
 * the readers and starts it anew. Failing is harmless for what is stored. */
void pf_writer_checkpoint(pf_writer *w);

/* For quiet times: moves the log into the file and cuts it to nothing, unless readers are in the way. */
void pf_writer_settle(pf_writer *w);

/* After a failed write or fsync: see the essay in writer.c. PF_UNAVAILABLE while the disk goes on
 * failing. */
pf_code pf_writer_recover(pf_writer *w, pf_error *err);

#endif
