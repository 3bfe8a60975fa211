/* fault_vfs.h: SQLite's files, failing on demand: a layer over the VFS that is the default.
 *
 * Call fault_vfs_install() before anything opens a database. While `fault_vfs.write` (or sync, truncate, read)
 * holds an SQLite result code, those operations on files whose name contains `in_name` fail with it, the first
 * `after` of them excepted. All fields may be set from any thread.
 */
#ifndef PF_TESTS_FAULT_VFS_H
#define PF_TESTS_FAULT_VFS_H

#include <stdatomic.h>

typedef struct fault_switches {
    atomic_int write, sync, truncate, read; /* SQLITE_OK: does not fail */
    atomic_long after;                      /* matching operations that still go well */
    _Atomic(const char *) in_name;          /* NULL: all files */
    atomic_long failed;                     /* operations that were made to fail */
} fault_switches;

extern fault_switches fault_vfs;

void fault_vfs_install(void);
void fault_vfs_clear(void); /* nothing fails any more */

#endif
