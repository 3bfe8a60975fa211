/* walbuffer.h: a layer over SQLite's files that writes what a transaction adds to the log in one piece.
 *
 * SQLite writes its log frame by frame, each in two calls, 24 bytes and a page: some thirty calls and twice as
 * many looks into the kernel's page cache for a transaction of ours. This layer keeps writes to a -wal file that follow
 * one another, and writes them together when SQLite asks for a sync:
 *
 *     xWrite xWrite ... xWrite   -->   | frame | page | frame | page | ...   -->   one write, then fsync
 *                                      at                              at + n
 *
 * What SQLite relies on holds as without it:
 * - When xSync returns SQLITE_OK all that was written before is on disk. A connection that opens files through this layer
 *   must commit with synchronous=FULL, as pf_db_open sees to: then each commit syncs the log before its index shows
 *   it to others, who read the file and know nothing of what is kept here.
 * - The connection itself reads back what it wrote. Sizes count it.
 * - A write that fails is told by the call that makes it, at the latest by the xSync of the commit. What was kept is
 *   forgotten then: the transaction has failed, and must not get into the file later.
 * - A process that dies loses what is kept, which nobody was promised.
 *
 * All other files, and the log's index, are those of the layer below untouched.
 */
#ifndef PF_STORAGE_LOCAL_WALBUFFER_H
#define PF_STORAGE_LOCAL_WALBUFFER_H

#include <sqlite3.h>

/* Bytes kept; more are written as they come. SQLite writes no more than 2^17 - 1 in a call (os_unix.c). */
enum { PF_WALBUFFER_MAX = 120 << 10 };

/* Registers the layer over what is SQLite's default then; once, before PF_WALBUFFER_VFS is opened with. */
int pf_walbuffer_register(void);

#define PF_WALBUFFER_VFS "profefe-wal"

#endif
