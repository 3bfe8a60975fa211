#include "storage/local/db.h"

#include "storage/local/walbuffer.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { NS_PER_MS = 1000000 };

static void setup(void)
{
    /* Statistics of SQLite's allocator cost a global lock at every allocation. Refused, and
     * harmless, when SQLite runs already. */
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    /* No 20 pages for each connection from the start, however small its cache. */
    sqlite3_config(SQLITE_CONFIG_PAGECACHE, NULL, 0, 0);
    sqlite3_initialize();
    pf_walbuffer_register();
}

void pf_db_setup(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, setup);
}

/* There is one writer, so a busy file is a short affair: another connection recovers the log,
 * closes the file as the last one, or still reads what a checkpoint wants to overwrite. */
static int wait_while_busy(void *ctx, int tries)
{
    struct timespec pause = {.tv_nsec = NS_PER_MS};
    nanosleep(&pause, NULL);
    return tries < (int)(intptr_t)ctx;
}

void pf_db_set_patience(sqlite3 *db, int ms)
{
    sqlite3_busy_handler(db, wait_while_busy, (void *)(intptr_t)ms);
}

/* Of the file, without its directory. */
static const char *name_of(sqlite3 *db)
{
    const char *file = sqlite3_db_filename(db, "main");
    const char *slash = file ? strrchr(file, '/') : NULL;
    return slash ? slash + 1 : file ? file : "";
}

pf_code pf_db_fail(sqlite3 *db, pf_error *err)
{
    int rc = sqlite3_extended_errcode(db);
    const char *file = name_of(db);
    switch (rc & 0xff) {
    case SQLITE_FULL:
        return pf_fail(err, PF_UNAVAILABLE, "the disk is full");
    case SQLITE_IOERR:
        return pf_fail(err, PF_UNAVAILABLE, "the disk failed (partition %s: %s, code %d)", file,
                       sqlite3_errmsg(db), rc);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return pf_fail(err, PF_UNAVAILABLE, "partition %s is busy", file);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return pf_fail(err, PF_INTERNAL, "partition %s is damaged: %s", file, sqlite3_errmsg(db));
    case SQLITE_NOMEM:
        return pf_fail_nomem(err, "database");
    default:
        return pf_fail(err, PF_INTERNAL, "partition %s: %s (code %d)", file, sqlite3_errmsg(db),
                       rc);
    }
}

pf_code pf_db_exec(sqlite3 *db, const char *sql, pf_error *err)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? PF_OK : pf_db_fail(db, err);
}

pf_code pf_db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out, pf_error *err)
{
    int rc = sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);
    return rc == SQLITE_OK ? PF_OK : pf_db_fail(db, err);
}

pf_code pf_db_number(sqlite3 *db, const char *sql, int64_t *out, pf_error *err)
{
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
        return pf_db_fail(db, err);
    pf_code code = PF_OK;
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW)
        *out = sqlite3_column_int64(st, 0);
    else if (rc == SQLITE_DONE)
        *out = 0;
    else
        code = pf_db_fail(db, err);
    sqlite3_finalize(st);
    return code;
}

pf_code pf_db_set_wal(sqlite3 *db, pf_error *err)
{
    sqlite3_stmt *st = NULL;
    pf_error why;
    pf_code code = PF_OK;
    int rc = sqlite3_prepare_v2(db, "PRAGMA journal_mode=WAL", -1, &st, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(st);
    const char *mode = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(st, 0) : NULL;
    if (rc == SQLITE_ROW && !mode)
        code = pf_fail_nomem(err, "database");
    else if (rc == SQLITE_ROW && strcmp(mode, "wal") != 0)
        code =
            pf_fail(err, PF_INTERNAL,
                    "partition %s can't be opened in WAL mode: it stays in mode \"%s\", as where a "
                    "file system has no shared memory",
                    name_of(db), mode);
    else if (rc == SQLITE_BUSY || (rc & 0xff) == SQLITE_FULL || (rc & 0xff) == SQLITE_READONLY)
        code =
            pf_fail(err, pf_db_fail(db, &why), "partition %s can't be opened in WAL mode: %s",
                    name_of(db), rc == SQLITE_BUSY ? "another program may have it open" : why.msg);
    else if (rc != SQLITE_ROW)
        code = pf_db_fail(db, err);
    sqlite3_finalize(st);
    return code;
}

pf_str pf_db_blob(sqlite3_stmt *st, int column)
{
    const char *p = sqlite3_column_blob(st, column); /* before _bytes: the documented order */
    int n = sqlite3_column_bytes(st, column);
    return (pf_str){p, p ? (size_t)n : 0};
}

void pf_db_set_cache(sqlite3 *db, size_t cache)
{
    char sql[64];
    snprintf(sql, sizeof sql, "PRAGMA cache_size=-%zu", cache / 1024 ? cache / 1024 : 1);
    sqlite3_exec(db, sql, NULL, NULL, NULL); /* the old one does as well */
}

pf_code pf_db_open(const char *path, int flags, size_t cache, sqlite3 **out, pf_error *err)
{
    sqlite3 *db = NULL;
    int how = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    if (flags & PF_DB_CREATE)
        how |= SQLITE_OPEN_CREATE;
    const char *vfs = flags & PF_DB_WRITER ? PF_WALBUFFER_VFS : NULL;
    if (sqlite3_open_v2(path, &db, how, vfs) != SQLITE_OK) {
        pf_code code = db ? pf_db_fail(db, err) : pf_fail_nomem(err, "database");
        sqlite3_close(db);
        return code;
    }
    pf_db_set_patience(db, PF_DB_PATIENCE);
    char sql[256];
    snprintf(sql, sizeof sql,
             "PRAGMA cache_size=-%zu; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0;"
             "PRAGMA secure_delete=OFF; PRAGMA mmap_size=0; PRAGMA temp_store=MEMORY%s",
             cache / 1024 ? cache / 1024 : 1,
             flags & PF_DB_READ_ONLY ? "; PRAGMA query_only=1" : "");
    pf_code code = PF_OK;
    /* Pragmas are read again after a busy file or a failed read of the header: their errors are
     * real. */
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        code = pf_db_fail(db, err);
    if (code)
        sqlite3_close(db);
    else
        *out = db;
    return code;
}
