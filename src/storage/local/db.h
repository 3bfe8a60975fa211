/* db.h: what the store needs of SQLite besides SQL: opening as we want it, errors as ours.
 *
 * A connection belongs to one thread at a time (SQLITE_OPEN_NOMUTEX); handing it over is fine.
 */
#ifndef PF_STORAGE_LOCAL_DB_H
#define PF_STORAGE_LOCAL_DB_H

#include "base/error.h"
#include "base/str.h"

#include <sqlite3.h>

enum {
    PF_DB_CREATE = 1,    /* make the file when it is missing */
    PF_DB_READ_ONLY = 2, /* refuse statements that write */
    PF_DB_WRITER = 4,    /* write the log a transaction at a time (walbuffer.h) */
};

/* Once a process, before SQLite is used. Thread-safe, repeatable. */
void pf_db_setup(void);

/* Opens with synchronous=FULL, no automatic checkpoints, no mmap, a page cache of `cache` bytes,
 * PF_DB_PATIENCE. */
pf_code pf_db_open(const char *path, int flags, size_t cache, sqlite3 **out, pf_error *err);

/* Switches the file to write-ahead logging if it is not (a copy made with VACUUM INTO is not), and sees that it is:
 * else a reader would keep the committer waiting. Every connection to a partition that a server has asks for it, but
 * first it must be known that the file is a partition. PF_UNAVAILABLE or PF_INTERNAL, naming file and reason. */
pf_code pf_db_set_wal(sqlite3 *db, pf_error *err);

/* Changes the page cache to `cache` bytes; what is in it above that is let go of at once. */
void pf_db_set_cache(sqlite3 *db, size_t cache);

/* How long operations on a busy file wait for it, ms. */
enum { PF_DB_PATIENCE = 5000 };
void pf_db_set_patience(sqlite3 *db, int ms);

/* Runs SQL that gives no rows; several statements may stand in it. */
pf_code pf_db_exec(sqlite3 *db, const char *sql, pf_error *err);

/* The first column of the first row as an integer. `sql` gives one row. */
pf_code pf_db_number(sqlite3 *db, const char *sql, int64_t *out, pf_error *err);

/* Prepares a statement that is kept. */
pf_code pf_db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out, pf_error *err);

/* Turns what the connection said last into one of ours: PF_UNAVAILABLE for a full disk, an I/O
 * error and a busy file, PF_INTERNAL for a damaged file and all else. The message names the file.
 */
pf_code pf_db_fail(sqlite3 *db, pf_error *err);

/* A blob column, borrowed until the statement steps on. */
pf_str pf_db_blob(sqlite3_stmt *st, int column);

static inline int pf_db_bind(sqlite3_stmt *st, int at, pf_str bytes)
{
    /* A NULL pointer would bind NULL: an empty blob is meant. */
    return sqlite3_bind_blob64(st, at, bytes.n ? bytes.p : "", bytes.n, SQLITE_STATIC);
}

#endif
