/* Opening the store's directory: what is made, what is refused, and that a refusal touches nothing. */
#include "storage/local/dir.h"
#include "storage/local/local.h"
#include "support/store_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char *dir; /* of the test */

static int make_dir(void **state)
{
    (void)state;
    dir = fx_make_dir();
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    fx_remove_dir(dir);
    return 0;
}

static char *under(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void put_file(const char *name, const void *bytes, size_t n)
{
    FILE *f = fopen(under(name), "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    fclose(f);
}

static bool exists(const char *name)
{
    return access(under(name), F_OK) == 0;
}

static pf_code open_store(const char *path, pf_store **s, pf_error *err)
{
    pf_local_config cfg = pf_local_config_default();
    cfg.dir = path;
    cfg.min_free = 0;
    *s = NULL;
    *err = (pf_error){0};
    return pf_local_open(&cfg, s, err);
}

static void check_refused(const char *path, pf_code code, const char *words)
{
    pf_store *s;
    pf_error err;
    assert_int_equal(open_store(path, &s, &err), code);
    assert_null(s);
    assert_non_null(strstr(err.msg, words));
    assert_null(strchr(err.msg, '\n'));
}

/* A store with one profile, closed again; its partition's path below dir. */
static const char *make_store(void)
{
    static char name[128];
    pf_store *s;
    pf_error err;
    assert_int_equal(open_store(dir, &s, &err), PF_OK);
    assert_int_equal(fx_write(s, "svc", PF_TYPE_CPU, "", 1, "x", NULL, &err), PF_OK);
    pf_store_close(s);
    DIR *partitions = opendir(under("partitions"));
    assert_non_null(partitions);
    for (struct dirent *e; (e = readdir(partitions));)
        if (strlen(e->d_name) == 13)
            snprintf(name, sizeof name, "partitions/%.13s", e->d_name);
    closedir(partitions);
    return name;
}

static void test_makes_missing_parents(void **state)
{
    (void)state;
    pf_store *s;
    pf_error err;
    char path[600];
    snprintf(path, sizeof path, "%s/a/b//c/", dir);
    assert_int_equal(open_store(path, &s, &err), PF_OK);
    assert_true(exists("a/b/c/partitions"));
    struct stat st;
    assert_int_equal(stat(under("a/b/c"), &st), 0);
    assert_int_equal(st.st_mode & 0007, 0);
    pf_store_close(s);
}

static void test_locked(void **state)
{
    (void)state;
    pf_store *s;
    pf_error err;
    char pid[32];
    assert_int_equal(open_store(dir, &s, &err), PF_OK);
    snprintf(pid, sizeof pid, "pid %ld", (long)getpid());
    check_refused(dir, PF_UNAVAILABLE, "locked by another process");
    check_refused(dir, PF_UNAVAILABLE, pid);
    pf_store_close(s);
    assert_int_equal(open_store(dir, &s, &err), PF_OK);
    pf_store_close(s);
}

static void test_not_a_directory(void **state)
{
    (void)state;
    put_file("file", "x", 1);
    check_refused(under("file"), PF_INVALID, "is not a directory");
    char path[600];
    snprintf(path, sizeof path, "%s/file/below", dir);
    check_refused(path, PF_INVALID, "is not a directory");
    check_refused("", PF_INVALID, "empty name");
}

static void test_read_only(void **state)
{
    (void)state;
    if (geteuid() == 0) {
        /* The permissions of a directory mean nothing to root; /proc can't be written to by anybody. */
        check_refused("/proc/self/task", PF_INTERNAL, "/proc/self/task");
        return;
    }
    assert_int_equal(chmod(dir, 0500), 0);
    check_refused(dir, PF_INTERNAL, "can't write in");
    chmod(dir, 0700);
}

static void test_badger_is_refused_untouched(void **state)
{
    (void)state;
    static const char *const names[] = {"MANIFEST", "000001.vlog", "000007.sst", "KEYREGISTRY"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        put_file(names[i], "badger", 6);
        check_refused(dir, PF_INVALID, "Badger");
        assert_false(exists("LOCK"));
        assert_false(exists("partitions"));
        assert_int_equal(unlink(under(names[i])), 0);
    }
}

static void test_newer_format(void **state)
{
    (void)state;
    const char *name = make_store();
    sqlite3 *db;
    assert_int_equal(sqlite3_open(under(name), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA user_version=3", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    check_refused(dir, PF_INVALID, "newer than format 2");
}

static void test_foreign_database(void **state)
{
    (void)state;
    assert_int_equal(mkdir(under("partitions"), 0700), 0);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(under("partitions/2026-11-22.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE t(x)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    check_refused(dir, PF_INVALID, "not a partition");
}

static size_t list(pf_store *s)
{
    fx_found f = fx_find(s, "svc", PF_TYPE_UNKNOWN, "", INT64_MIN, INT64_MAX, 0, 100);
    size_t n = f.n;
    fx_found_free(&f);
    return n;
}

static pf_buf content(const char *name)
{
    pf_buf b = PF_BUF_INIT;
    char block[4096];
    FILE *f = fopen(under(name), "r");
    assert_non_null(f);
    for (size_t n; (n = fread(block, 1, sizeof block, f)) > 0;)
        pf_buf_put(&b, block, n);
    fclose(f);
    return b;
}

/* Frees `before`. */
static void assert_unchanged(const char *name, pf_buf *before)
{
    pf_buf after = content(name);
    assert_int_equal(after.len, before->len);
    assert_memory_equal(after.data, before->data, before->len);
    pf_buf_free(&after);
    pf_buf_free(before);
}

/* The store opens without the file, says so, and takes profiles; the file stays as it is. */
static void check_put_aside(const char *name, const char *shown, size_t others)
{
    pf_store *s;
    pf_error err;
    pf_buf before = content(name), problems = PF_BUF_INIT;
    for (size_t round = 1; round <= 2; round++) {
        if (open_store(dir, &s, &err))
            fail_msg("open: %s", err.msg);
        pf_store_problems(s, &problems);
        pf_buf_putc(&problems, 0);
        assert_non_null(strstr(problems.data, "damaged"));
        assert_non_null(strstr(problems.data, shown));
        assert_int_equal(fx_write(s, "svc", PF_TYPE_CPU, "", 1, "x", NULL, &err), PF_OK);
        assert_int_equal(list(s), others + round);
        pf_store_close(s);
        pf_buf_clear(&problems);
    }
    assert_unchanged(name, &before);
    pf_buf_free(&problems);
}

static void test_not_sqlite(void **state)
{
    (void)state;
    assert_int_equal(mkdir(under("partitions"), 0700), 0);
    put_file("partitions/2026-11-22.db", "this is no database, though long enough for its header",
             54);
    check_put_aside("partitions/2026-11-22.db", "2026-11-22", 0);
    put_file("partitions/2026-11-22.db", "short", 5);
    check_put_aside("partitions/2026-11-22.db", "2026-11-22", 2);
}

static void test_cut_off(void **state)
{
    (void)state;
    const char *name = make_store();
    struct stat st;
    assert_int_equal(stat(under(name), &st), 0);
    assert_int_equal(truncate(under(name), st.st_size - 4096), 0);
    check_put_aside(name, "damaged partitions", 0); /* today's: what comes goes beside it */
}

static void test_overwritten_page(void **state)
{
    (void)state;
    const char *name = make_store();
    static const char rubbish[4096] = {1, 2, 3};
    int fd = open(under(name), O_WRONLY);
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    for (off_t at = 4096; at < st.st_size; at += 4096)
        assert_int_equal(pwrite(fd, rubbish, sizeof rubbish, at), sizeof rubbish);
    close(fd);
    check_put_aside(name, "damaged partitions", 0);
}

static void run_sql(const char *name, const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(under(name), &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_close(db);
}

static void test_features(void **state)
{
    (void)state;
    pf_store *s;
    pf_error err;
    const char *name = make_store();
    run_sql(name, "UPDATE meta SET value = CAST(value || char(10) || 'new-toy' AS BLOB)"
                  " WHERE name = CAST('compatible' AS BLOB)");
    assert_int_equal(open_store(dir, &s, &err), PF_OK);
    assert_int_equal(fx_write(s, "svc", PF_TYPE_CPU, "", 1, "x", NULL, &err), PF_OK);
    assert_int_equal(list(s), 2);
    pf_store_close(s);
    run_sql(name, "UPDATE meta SET value = CAST(value || char(10) || 'new-index' AS BLOB)"
                  " WHERE name = CAST('read_only' AS BLOB)");
    pf_buf before = content(name);
    assert_int_equal(open_store(dir, &s, &err), PF_OK);
    assert_int_equal(list(s), 2);
    assert_int_equal(fx_write(s, "svc", PF_TYPE_CPU, "", 1, "x", NULL, &err), PF_OK);
    assert_int_equal(list(s), 3);
    pf_store_close(s);
    assert_unchanged(name, &before);
    run_sql(name, "UPDATE meta SET value = CAST('new-rows' AS BLOB)"
                  " WHERE name = CAST('incompatible' AS BLOB)");
    check_refused(dir, PF_INVALID, "has the feature \"new-rows\"");
}

/* What version 2 added is taken away: what is left is what version 1 wrote. */
static void make_version_1(const char *name)
{
    run_sql(name, "DROP TABLE meta; DROP TABLE type; DROP TABLE external; DROP TABLE hour;"
                  " DROP TABLE generation; DROP TABLE sample_label; PRAGMA user_version = 1");
}

static void check_version_1(const char *mode)
{
    pf_store *s;
    pf_error err;
    int64_t removed;
    char id[PF_ID_MAX + 1];
    const char *name = make_store();
    make_version_1(name);
    run_sql(name, mode);
    pf_buf before = content(name);
    for (size_t round = 1; round <= 2; round++) {
        assert_int_equal(open_store(dir, &s, &err), PF_OK);
        assert_int_equal(fx_write(s, "svc", PF_TYPE_CPU, "", 1, "y", id, &err), PF_OK);
        assert_int_equal(list(s), 1 + round);
        pf_query q = {.service = PF_STR("svc"), .from = INT64_MIN, .to = INT64_MAX};
        pf_removal all = {.what = {.query = &q}};
        assert_int_equal(pf_store_remove(s, &all, NULL, &removed, &err), PF_CONFLICT);
        assert_int_equal(removed, 0);
        assert_int_equal(list(s), 1 + round);
        pf_store_close(s);
    }
    assert_unchanged(name, &before);
}

/* Not even its journal mode, which stands in it: a copy by VACUUM INTO has another. */
static void test_a_file_of_version_1_is_read_and_not_written(void **state)
{
    check_version_1("PRAGMA journal_mode=WAL");
    remove_dir(state);
    make_dir(state);
    check_version_1("PRAGMA journal_mode=DELETE");
}

/* A process killed while it made a partition leaves a file of no bytes, or one without tables. */
static void test_unfinished_partition_is_finished(void **state)
{
    (void)state;
    assert_int_equal(mkdir(under("partitions"), 0700), 0);
    put_file("partitions/2026-11-21.db", "", 0);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(under("partitions/2026-11-22.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA journal_mode=WAL", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    make_store();
}

static void test_orphaned_log_is_removed(void **state)
{
    (void)state;
    assert_int_equal(mkdir(under("partitions"), 0700), 0);
    put_file("partitions/2026-11-20.db-wal", "rest", 4);
    put_file("partitions/2026-11-20.db-shm", "rest", 4);
    put_file("partitions/notes.txt", "mine", 4);
    make_store();
    assert_false(exists("partitions/2026-11-20.db-wal"));
    assert_false(exists("partitions/2026-11-20.db-shm"));
    assert_true(exists("partitions/notes.txt"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_makes_missing_parents),
        CASE(test_locked),
        CASE(test_not_a_directory),
        CASE(test_read_only),
        CASE(test_badger_is_refused_untouched),
        CASE(test_newer_format),
        CASE(test_foreign_database),
        CASE(test_not_sqlite),
        CASE(test_cut_off),
        CASE(test_overwritten_page),
        CASE(test_features),
        CASE(test_a_file_of_version_1_is_read_and_not_written),
        CASE(test_unfinished_partition_is_finished),
        CASE(test_orphaned_log_is_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
