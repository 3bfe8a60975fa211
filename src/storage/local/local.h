/* local.h: the embedded store, on SQLite. docs/storage-format.md describes what is on disk.
 *
 * One directory, one process: the directory is locked (flock) while it is open.
 */
#ifndef PF_STORAGE_LOCAL_LOCAL_H
#define PF_STORAGE_LOCAL_LOCAL_H

#include "base/clock.h"
#include "storage/storage.h"

typedef struct pf_local_config {
    const char *dir;    /* created when missing, its parents too */
    int64_t data_ttl;   /* ns that a profile is kept after it arrived; 0: for ever */
    int64_t max_size;   /* bytes on disk above which the oldest partition goes; 0: no ceiling */
    int64_t min_free;   /* bytes free on the file system below which writes are refused */
    size_t cache_size;  /* bytes of SQLite page cache, all connections together */
    int64_t max_series; /* (service, type, labels) that a day may bring; over it: PF_UNAVAILABLE */
    int64_t max_series_per_service; /* the same of one service, so that no service takes all */
    size_t readers;        /* threads that read at once: so many connections may a partition need */
    size_t symbols_memory; /* bytes of the hash-to-number maps, all services together */
    size_t queue_max;      /* writes waiting for the committer; above it: PF_UNAVAILABLE */
    const pf_clock *clock; /* NULL: the machine's */
} pf_local_config;

/* Defaults for everything but dir and clock. */
pf_local_config pf_local_config_default(void);

/* PF_UNAVAILABLE when another process has the directory, PF_INTERNAL or PF_INVALID when it can't be
 * made, read or written, is of a newer format, is corrupted, or holds Badger's files. One line of
 * message. */
pf_code pf_local_open(const pf_local_config *cfg, pf_store **out, pf_error *err);

#endif
