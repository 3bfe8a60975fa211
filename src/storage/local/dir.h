/* dir.h: the store's directory: made, checked and locked before anything is read from it.
 *
 *     <dir>/LOCK                        flock(2)ed while the store is open; holds the pid, for people
 *     <dir>/partitions/2026-11-22.db    one SQLite file a partition, -wal and -shm beside it
 */
#ifndef PF_STORAGE_LOCAL_DIR_H
#define PF_STORAGE_LOCAL_DIR_H

#include "base/error.h"

#include <stdbool.h>

typedef struct pf_dir {
    char *path;       /* as given */
    char *partitions; /* <path>/partitions */
    int lock_fd;
} pf_dir;

/* Makes what is missing (mode 0750, each new entry fsynced) and takes the lock. A directory with
 * Badger's files is refused before anything in it is touched. PF_UNAVAILABLE: another process has
 * it; PF_INVALID: not a directory, or Badger's; PF_INTERNAL: the system said no. On failure there
 * is nothing to close. */
pf_code pf_dir_open(pf_dir *d, const char *path, pf_error *err);
void pf_dir_close(pf_dir *d);

/* Whether a process has it just now. Touches nothing. */
bool pf_dir_is_locked(const char *path);

/* fsync(2) of a directory: makes the names that were created or removed in it durable. */
pf_code pf_dir_sync(const char *path, pf_error *err);

#endif
