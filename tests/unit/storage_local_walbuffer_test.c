/* The layer that gathers writes to the log: nobody can tell it from the file below but by the number of writes. */
#include "storage/local/db.h"
#include "storage/local/walbuffer.h"
#include "support/fault_vfs.h"
#include "support/store_fixture.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { FRAME = 24 + 4096, SIZE_MAX_TESTED = 600 << 10 };

static char *dir, db_path[600], wal_path[610];
static sqlite3_file *file; /* the log, through the layer */

static int set_up(void **state)
{
    (void)state;
    dir = fx_make_dir();
    snprintf(db_path, sizeof db_path, "%s/x.db", dir);
    snprintf(wal_path, sizeof wal_path, "%s-wal", db_path);
    close(open(db_path, O_CREAT | O_WRONLY, 0600)); /* a log takes its mode from it */
    sqlite3_vfs *vfs = sqlite3_vfs_find(PF_WALBUFFER_VFS);
    assert_non_null(vfs);
    file = calloc(1, (size_t)vfs->szOsFile);
    assert_non_null(file);
    int flags = SQLITE_OPEN_WAL | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    assert_int_equal(vfs->xOpen(vfs, wal_path, file, flags, &flags), SQLITE_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fault_vfs_clear();
    if (file)
        file->pMethods->xClose(file);
    free(file);
    file = NULL;
    fx_remove_dir(dir);
    return 0;
}

static void write_at(const void *p, int n, sqlite3_int64 at)
{
    assert_int_equal(file->pMethods->xWrite(file, p, n, at), SQLITE_OK);
}

/* Bytes of the file as others see it. */
static sqlite3_int64 size_on_disk(void)
{
    int fd = open(wal_path, O_RDONLY);
    assert_true(fd >= 0);
    sqlite3_int64 n = lseek(fd, 0, SEEK_END);
    close(fd);
    return n;
}

static void test_a_transaction_is_written_at_its_sync(void **state)
{
    (void)state;
    char header[24] = "frame", page[4096] = "page", back[FRAME];
    for (int i = 0; i < 10; i++) {
        header[10] = page[10] = (char)i;
        write_at(header, sizeof header, (sqlite3_int64)i * FRAME);
        write_at(page, sizeof page, (sqlite3_int64)i * FRAME + 24);
    }
    sqlite3_int64 size;
    assert_int_equal(size_on_disk(), 0);
    assert_int_equal(file->pMethods->xFileSize(file, &size), SQLITE_OK);
    assert_int_equal(size, 10 * FRAME);
    assert_int_equal(file->pMethods->xRead(file, back, FRAME, 7 * FRAME), SQLITE_OK);
    assert_true(back[10] == 7 && back[24 + 10] == 7);
    assert_int_equal(file->pMethods->xSync(file, SQLITE_SYNC_NORMAL), SQLITE_OK);
    assert_int_equal(size_on_disk(), 10 * FRAME);
}

static void test_more_than_it_keeps_is_written_on_the_way(void **state)
{
    (void)state;
    static char big[PF_WALBUFFER_MAX / 2 + 1];
    write_at(big, sizeof big, 0);
    assert_int_equal(size_on_disk(), 0);
    write_at(big, sizeof big, sizeof big);
    assert_int_equal(size_on_disk(), sizeof big);
    assert_int_equal(file->pMethods->xSync(file, SQLITE_SYNC_NORMAL), SQLITE_OK);
    assert_int_equal(size_on_disk(), 2 * sizeof big);
}

static void test_closing_leaves_the_file_whole(void **state)
{
    (void)state;
    write_at("abc", 3, 0);
    assert_int_equal(file->pMethods->xClose(file), SQLITE_OK);
    free(file);
    file = NULL;
    assert_int_equal(size_on_disk(), 3);
}

/* What could not be written belongs to a transaction that has failed. */
static void test_what_failed_is_forgotten(void **state)
{
    (void)state;
    char byte;
    write_at("abc", 3, 0);
    atomic_store(&fault_vfs.write, SQLITE_FULL);
    assert_int_equal(file->pMethods->xSync(file, SQLITE_SYNC_NORMAL), SQLITE_FULL);
    fault_vfs_clear();
    assert_int_equal(file->pMethods->xSync(file, SQLITE_SYNC_NORMAL), SQLITE_OK);
    assert_int_equal(size_on_disk(), 0);
    assert_int_equal(file->pMethods->xRead(file, &byte, 1, 0), SQLITE_IOERR_SHORT_READ);
    write_at("abc", 3, 0); /* each call that has to write tells of it */
    atomic_store(&fault_vfs.write, SQLITE_IOERR_WRITE);
    assert_int_equal(file->pMethods->xWrite(file, "x", 1, 100), SQLITE_IOERR_WRITE);
    fault_vfs_clear();
    write_at("abc", 3, 0);
    atomic_store(&fault_vfs.write, SQLITE_IOERR_WRITE);
    assert_int_equal(file->pMethods->xTruncate(file, 0), SQLITE_IOERR_WRITE);
    fault_vfs_clear();
    write_at("abc", 3, 0);
    atomic_store(&fault_vfs.sync, SQLITE_IOERR_FSYNC);
    assert_int_equal(file->pMethods->xSync(file, SQLITE_SYNC_NORMAL), SQLITE_IOERR_FSYNC);
    assert_int_equal(size_on_disk(), 3);
}

static unsigned next_random(unsigned *seed)
{
    *seed = *seed * 1103515245 + 12345;
    return *seed >> 8;
}

static void check_read(const char *model, sqlite3_int64 size, sqlite3_int64 at, int n)
{
    static char back[70000];
    int rc = file->pMethods->xRead(file, back, n, at);
    sqlite3_int64 there = size - at < 0 ? 0 : size - at < n ? size - at : n;
    assert_int_equal(rc, there == n ? SQLITE_OK : SQLITE_IOERR_SHORT_READ);
    assert_memory_equal(back, model + at, (size_t)there);
}

/* Appends, mostly; overwrites, gaps, reads across the edges, cuts and syncs, against plain memory. */
static void test_any_order_of_calls(void **state)
{
    (void)state;
    static char model[SIZE_MAX_TESTED], piece[70000];
    sqlite3_int64 size = 0, told;
    unsigned seed = 1;
    for (int i = 0; i < 20000; i++) {
        unsigned what = next_random(&seed) % 100, far = next_random(&seed) % 16;
        int n = 1 + (int)(next_random(&seed) % (far ? 5000 : sizeof piece - 1));
        sqlite3_int64 at = size && far < 8 ? (sqlite3_int64)next_random(&seed) % size : size;
        at += far == 9 ? 77 : 0;
        if (what < 70 && at + n <= SIZE_MAX_TESTED) {
            memset(piece, 1 + i % 100, (size_t)n);
            write_at(piece, n, at);
            if (at > size)
                memset(model + size, 0, (size_t)(at - size));
            memcpy(model + at, piece, (size_t)n);
            size = at + n > size ? at + n : size;
        } else if (what < 92) {
            check_read(model, size, at, n);
        } else if (what < 96) {
            assert_int_equal(file->pMethods->xSync(file, SQLITE_SYNC_NORMAL), SQLITE_OK);
            assert_int_equal(size_on_disk(), size);
        } else if (at < size) {
            assert_int_equal(file->pMethods->xTruncate(file, at), SQLITE_OK);
            size = at;
        }
        assert_int_equal(file->pMethods->xFileSize(file, &told), SQLITE_OK);
        assert_int_equal(told, size);
    }
    check_read(model, size, 0, (int)(size < 70000 ? size : 70000));
}

static int64_t number(sqlite3 *db, const char *sql)
{
    int64_t n = -1;
    pf_error err;
    assert_int_equal(pf_db_number(db, sql, &n, &err), PF_OK);
    return n;
}

/* Transactions larger than SQLite's page cache go to the log before their end, frames are written twice, some are
 * rolled back; a reader, who knows nothing of the layer, sees each commit at once and nothing else. */
static void test_sqlite_above_it(void **state)
{
    (void)state;
    sqlite3 *writer, *reader;
    pf_error err;
    file->pMethods->xClose(file);
    free(file);
    file = NULL;
    assert_int_equal(pf_db_open(db_path, PF_DB_WRITER, 16 << 10, &writer, &err), PF_OK);
    assert_int_equal(pf_db_exec(writer, "PRAGMA journal_mode=WAL; CREATE TABLE t(a, b)", &err),
                     PF_OK);
    assert_int_equal(pf_db_open(db_path, PF_DB_READ_ONLY, 1 << 20, &reader, &err), PF_OK);
    int64_t rows = 0;
    for (int i = 0; i < 12; i++) {
        assert_int_equal(pf_db_exec(writer, "BEGIN IMMEDIATE", &err), PF_OK);
        assert_int_equal(
            pf_db_exec(writer,
                       "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)"
                       " INSERT INTO t SELECT i, randomblob(900) FROM n;"
                       "UPDATE t SET a = a + 1",
                       &err),
            PF_OK);
        assert_int_equal(number(reader, "SELECT count(*) FROM t"), rows);
        bool keep = i % 3 != 1;
        assert_int_equal(pf_db_exec(writer, keep ? "COMMIT" : "ROLLBACK", &err), PF_OK);
        rows += keep ? 300 : 0;
        assert_int_equal(number(reader, "SELECT count(*) FROM t"), rows);
        if (i == 6)
            assert_int_equal(pf_db_exec(writer, "PRAGMA wal_checkpoint(PASSIVE)", &err), PF_OK);
    }
    assert_int_equal(number(reader, "SELECT count(*) FROM pragma_integrity_check"
                                    " WHERE integrity_check <> 'ok'"),
                     0);
    sqlite3_close(reader);
    sqlite3_close(writer);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    pf_db_setup();
    fault_vfs_install();
    if (pf_walbuffer_register() != SQLITE_OK) /* above it */
        return 1;
    const struct CMUnitTest tests[] = {
        CASE(test_a_transaction_is_written_at_its_sync),
        CASE(test_more_than_it_keeps_is_written_on_the_way),
        CASE(test_closing_leaves_the_file_whole),
        CASE(test_what_failed_is_forgotten),
        CASE(test_any_order_of_calls),
        CASE(test_sqlite_above_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
