/* Every connection to a partition is in WAL mode, whatever mode the file came in, or says why it can't be. */
#include "base/log.h"
#include "storage/local/store.h"
#include "support/store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char *dir;
static pf_store *store;
static char path[512]; /* of the only partition */

static int64_t read_noon(void *ctx)
{
    (void)ctx;
    return (20000 * INT64_C(24) + 12) * 3600 * PF_NS_PER_SEC;
}

static int64_t read_boot(void *ctx)
{
    (void)ctx;
    return PF_NS_PER_SEC;
}

static const pf_clock noon = {read_noon, read_boot, NULL};

static void open_store(void)
{
    pf_local_config cfg = pf_local_config_default();
    cfg.dir = dir;
    cfg.min_free = 0;
    cfg.clock = &noon;
    pf_error err;
    if (pf_local_open(&cfg, &store, &err))
        fail_msg("open: %s", err.msg);
}

static void close_store(void)
{
    pf_store_close(store);
    store = NULL;
}

static void put(char id[PF_ID_MAX + 1])
{
    pf_error err;
    if (fx_write(store, "svc", PF_TYPE_CPU, "k=v", 1, "x", id, &err))
        fail_msg("write: %s", err.msg);
}

static sqlite3 *open_file(const char *vfs)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, vfs), SQLITE_OK);
    return db;
}

static void run(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
}

static bool is_wal(sqlite3 *db)
{
    sqlite3_stmt *st;
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA journal_mode", -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    bool wal = strcmp((const char *)sqlite3_column_text(st, 0), "wal") == 0;
    sqlite3_finalize(st);
    return wal;
}

/* As somebody does who may: no connection of ours is open then. */
static void take_out_of_wal(void)
{
    sqlite3 *db = open_file(NULL);
    run(db, "PRAGMA journal_mode=DELETE");
    assert_false(is_wal(db));
    sqlite3_close(db);
}

static int set_up(void **state)
{
    (void)state;
    dir = fx_make_dir();
    open_store();
    put(NULL);
    close_store();
    snprintf(path, sizeof path, "%s/partitions/2024-10-04.db", dir);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (store)
        close_store();
    fx_remove_dir(dir);
    return 0;
}

/* Pushes are taken while somebody reads for long, as a check or a backup does. */
static void test_a_restored_copy_takes_pushes_beside_a_reader(void **state)
{
    (void)state;
    char copy[600], sql[700], id[PF_ID_MAX + 1];
    sqlite3 *db = open_file(NULL);
    snprintf(copy, sizeof copy, "%s/copy.db", dir);
    snprintf(sql, sizeof sql, "VACUUM INTO '%s'", copy);
    run(db, sql);
    sqlite3_close(db);
    assert_int_equal(rename(copy, path), 0);
    open_store();
    db = open_file(NULL);
    assert_true(is_wal(db));
    run(db, "BEGIN; SELECT count(*) FROM profile");
    put(id);
    put(NULL);
    assert_true(fx_reads_back(store, id, "x"));
    run(db, "COMMIT");
    sqlite3_close(db);
    fx_found found = fx_find(store, "svc", PF_TYPE_CPU, "", INT64_MIN, INT64_MAX, 0, 10);
    assert_int_equal(found.n, 3);
    fx_found_free(&found);
}

static void test_the_committer_sets_it(void **state)
{
    (void)state;
    open_store();
    take_out_of_wal();
    put(NULL);
    sqlite3 *db = open_file(NULL);
    assert_true(is_wal(db));
    sqlite3_close(db);
}

static void test_readers_set_it(void **state)
{
    (void)state;
    pf_partition **list;
    size_t n;
    pf_error err;
    pf_conn *conn;
    open_store();
    take_out_of_wal();
    pf_local *l = (pf_local *)store;
    assert_int_equal(pf_partitions_all(&l->set, &list, &n, &err), PF_OK);
    assert_int_equal(n, 1);
    assert_int_equal(pf_conns_take(&l->conns, list[0], NULL, &conn, &err), PF_OK);
    assert_true(is_wal(conn->db));
    pf_conns_give(&l->conns, conn);
    pf_partitions_release(list, n);
}

static void test_a_busy_file_is_named(void **state)
{
    (void)state;
    pf_error err;
    sqlite3 *db;
    take_out_of_wal();
    sqlite3 *other = open_file(NULL);
    run(other, "BEGIN; SELECT count(*) FROM profile");
    assert_int_equal(pf_db_open(path, 0, 1 << 20, &db, &err), PF_OK);
    pf_db_set_patience(db, 0);
    assert_int_equal(pf_db_set_wal(db, &err), PF_UNAVAILABLE);
    assert_non_null(strstr(err.msg, "2024-10-04.db can't be opened in WAL mode"));
    assert_non_null(strstr(err.msg, "another program"));
    run(other, "COMMIT");
    assert_int_equal(pf_db_set_wal(db, &err), PF_OK);
    sqlite3_close(other);
    sqlite3_close(db);
}

/* SQLite says nothing of it: the mode is just another one. */
static void test_a_file_system_without_shared_memory_is_named(void **state)
{
    (void)state;
    pf_error err;
    take_out_of_wal();
    sqlite3 *db = open_file("unix-none");
    assert_int_equal(pf_db_set_wal(db, &err), PF_INTERNAL);
    assert_non_null(strstr(err.msg, "2024-10-04.db can't be opened in WAL mode"));
    assert_non_null(strstr(err.msg, "\"delete\""));
    sqlite3_close(db);
}

/* A database that is another program's is refused before its mode is touched. */
static void test_what_is_not_ours_is_left_as_it_is(void **state)
{
    (void)state;
    pf_error err;
    take_out_of_wal();
    sqlite3 *db = open_file(NULL);
    run(db, "PRAGMA application_id=1");
    sqlite3_close(db);
    pf_local_config cfg = pf_local_config_default();
    cfg.dir = dir;
    assert_int_equal(pf_local_open(&cfg, &store, &err), PF_INVALID);
    store = NULL;
    db = open_file(NULL);
    assert_false(is_wal(db));
    sqlite3_close(db);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    pf_log_setup(PF_LOG_LEVEL_ERROR, PF_LOG_FORMAT_LOGFMT);
    const struct CMUnitTest tests[] = {
        CASE(test_a_restored_copy_takes_pushes_beside_a_reader),
        CASE(test_the_committer_sets_it),
        CASE(test_readers_set_it),
        CASE(test_a_busy_file_is_named),
        CASE(test_a_file_system_without_shared_memory_is_named),
        CASE(test_what_is_not_ours_is_left_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
