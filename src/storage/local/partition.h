/* partition.h: one SQLite file, and what is kept of it in memory.
 *
 * A day has more than one file where one is damaged, of an older format, or as large as it may get: 2026-11-22.db, then
 * 2026-11-22.2.db and so on. The last that can be written to takes what arrives.
 *
 * Counted references: the set (partitions.h) holds one, every operation that uses the partition
 * another. The files of a dropped partition are unlinked by the set, once its own reference is the
 * last one. Thread-safe; `extent` is guarded by `lock`, the rest is fixed once made.
 */
#ifndef PF_STORAGE_LOCAL_PARTITION_H
#define PF_STORAGE_LOCAL_PARTITION_H

#include "storage/local/db.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

enum {
    PF_PARTITION_NAME = 18,       /* characters of a name at most: 2026-11-22.1000000 */
    PF_PARTITION_FILES = 1000000, /* of a day: more are not made */
};

/* Which one: the day of its name, and the how manieth file of that day, from 1. */
typedef struct pf_partition_key {
    int64_t day; /* since the epoch */
    int file;
} pf_partition_key;

enum { PF_KIND_RAW = 0, PF_KIND_COLUMNS = 1, PF_KINDS = 2 };

/* What a partition spans: enough to know that a query has nothing to look for in it. */
typedef struct pf_extent {
    int64_t first_created, last_created; /* ns; meaningful when there are rows */
    int64_t rows[PF_KINDS];
    int64_t first_arrival, last_arrival; /* Unix seconds of the ids */
} pf_extent;

typedef struct pf_partition {
    char name[PF_PARTITION_NAME + 1];
    pf_partition_key key;
    int format;      /* 1 or 2 */
    bool writable;   /* see pf_schema */
    uint64_t serial; /* no other partition of this process has it */
    char *path, *dir;
    atomic_int refs;
    atomic_bool
        damaged; /* a page of it could not be read as what it should be: no more is written to it */
    atomic_bool full;         /* as large as it may get: no more is written to it */
    atomic_bool has_external; /* some profile of it has an external id */
    atomic_bool has_removed;  /* some profile was deleted from it */
    atomic_bool may_shrink;   /* it may have free pages that nobody will use */
    pthread_mutex_t lock;
    pf_extent extent;
} pf_partition;

/* "2026-11-22", "2026-11-22.2" (years 1970 to 9999). */
void pf_partition_name(pf_partition_key key, char out[static PF_PARTITION_NAME + 1]);

/* The key of "2026-11-22.db" or "2026-11-22.2.db"; false for any other name. */
bool pf_partition_parse(const char *file, pf_partition_key *key);

/* Opens or makes <dir>/<name>.db: recovers its log, checks that it is ours, whole at its ends and
 * not of a newer format, reads its extent. Takes time that does not grow with what is in it. The
 * new partition has one reference. PF_INVALID or PF_INTERNAL with one line that names the file; *damaged says
 * whether the file is ours and broken. */
pf_code pf_partition_open(const char *dir, pf_partition_key key, bool create, pf_partition **out,
                          bool *damaged, pf_error *err);

void pf_partition_ref(pf_partition *p);
void pf_partition_unref(pf_partition *p);

/* Removes its files. Nothing may have them open. */
void pf_partition_unlink(const pf_partition *p);

pf_extent pf_partition_extent(pf_partition *p);
void pf_partition_set_extent(pf_partition *p, const pf_extent *e);
int64_t pf_extent_rows(const pf_extent *e);

/* Bytes that its files take on disk. */
int64_t pf_partition_bytes(const pf_partition *p);

#endif
