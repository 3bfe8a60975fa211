/* Disks that are full, that fail, that fail to sync: what was acknowledged stays, what was refused stays away, and
 * writing goes on by itself. Damaged rows are found out.
 */
#include "base/log.h"
#include "storage/local/store.h"
#include "storage/local/walbuffer.h"
#include "support/fault_vfs.h"
#include "support/store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char *dir;
static pf_store *store;

static pf_store *open_at(const char *path)
{
    pf_local_config cfg = pf_local_config_default();
    cfg.dir = path;
    cfg.min_free = 0;
    pf_store *s = NULL;
    pf_error err;
    if (pf_local_open(&cfg, &s, &err))
        fail_msg("open: %s", err.msg);
    return s;
}

static int set_up(void **state)
{
    (void)state;
    fault_vfs_clear();
    dir = fx_make_dir();
    store = open_at(dir);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fault_vfs_clear();
    pf_store_close(store);
    fx_remove_dir(dir);
    return 0;
}

static pf_code put(const char *body, char id[PF_ID_MAX + 1], pf_error *err)
{
    return fx_write(store, "svc", PF_TYPE_CPU, "k=v", 1, body, id, err);
}

static void must_put(const char *body, char id[PF_ID_MAX + 1])
{
    pf_error err;
    if (put(body, id, &err))
        fail_msg("write: %s", err.msg);
}

static size_t count(pf_store *s)
{
    fx_found f = fx_find(s, "svc", PF_TYPE_UNKNOWN, "", INT64_MIN, INT64_MAX, 0, 100);
    size_t n = f.n;
    fx_found_free(&f);
    return n;
}

static void tick(void)
{
    pf_committer_tick(&((pf_local *)store)->committer);
}

/* Every way in which the log can fail, at every operation of a commit. */
static void refuse_and_recover(atomic_int *which, int rc, const char *in_name, const char *words)
{
    enum { ROUNDS = 12 };
    char kept[ROUNDS + 1][PF_ID_MAX + 1];
    pf_error err;
    size_t refused = 0;
    must_put("first", kept[0]);
    for (int i = 0; i < ROUNDS; i++) {
        atomic_store(&fault_vfs.in_name, in_name);
        atomic_store(&fault_vfs.after, i);
        atomic_store(which, rc);
        pf_code code = put("maybe", kept[i + 1], &err);
        if (code) {
            refused++;
            assert_int_equal(code, PF_UNAVAILABLE);
            assert_non_null(strstr(err.msg, words));
            assert_int_equal(pf_store_ready(store, &err), PF_UNAVAILABLE);
        }
        assert_true(fx_reads_back(store, kept[0], "first"));
        fault_vfs_clear();
        if (code)
            must_put("maybe", kept[i + 1]);
        assert_int_equal(pf_store_ready(store, &err), PF_OK);
        assert_int_equal(count(store), i + 2);
    }
    assert_true(refused > 0);
    pf_store_close(store);
    store = open_at(dir);
    assert_int_equal(count(store), ROUNDS + 1);
    for (int i = 1; i <= ROUNDS; i++)
        assert_true(fx_reads_back(store, kept[i], "maybe"));
}

static void test_full_disk(void **state)
{
    (void)state;
    refuse_and_recover(&fault_vfs.write, SQLITE_FULL, NULL, "the disk is full");
}

static void test_failing_write(void **state)
{
    (void)state;
    refuse_and_recover(&fault_vfs.write, SQLITE_IOERR_WRITE, NULL, "the disk failed");
}

static void test_failing_sync(void **state)
{
    (void)state;
    refuse_and_recover(&fault_vfs.sync, SQLITE_IOERR_FSYNC, NULL, "the disk failed");
}

/* The log's commit is there, only its sync failed; then the process dies. What was refused must not come back once
 * the store has recovered from it. */
static void test_what_was_refused_stays_away(void **state)
{
    (void)state;
    char id[PF_ID_MAX + 1], command[1200], *copy = fx_make_dir();
    pf_error err;
    must_put("first", NULL);
    atomic_store(&fault_vfs.in_name, "-wal");
    atomic_store(&fault_vfs.sync, SQLITE_IOERR_FSYNC);
    for (int i = 0; i < 3; i++)
        assert_int_equal(put("refused", id, &err), PF_UNAVAILABLE);
    assert_int_equal(count(store), 1);
    fault_vfs_clear();
    tick(); /* nobody writes: the store finds out by itself */
    assert_int_equal(pf_store_ready(store, &err), PF_OK);
    /* A copy of the files as they are is what a process killed now would leave. */
    snprintf(command, sizeof command, "cp -r %s/partitions %s/", dir, copy);
    assert_int_equal(system(command), 0);
    pf_store *s = open_at(copy);
    assert_int_equal(count(s), 1);
    pf_store_close(s);
    fx_remove_dir(copy);
}

static void test_no_room_for_a_new_partition(void **state)
{
    (void)state;
    char id[PF_ID_MAX + 1];
    pf_error err;
    for (int i = 0; i < 12; i++) {
        atomic_store(&fault_vfs.after, i * 2);
        atomic_store(&fault_vfs.write, SQLITE_FULL);
        if (put("x", id, &err) == PF_OK)
            break;
        assert_int_equal(err.code, PF_UNAVAILABLE);
    }
    fault_vfs_clear();
    size_t before = count(store);
    must_put("x", id);
    assert_int_equal(count(store), before + 1);
    assert_true(fx_reads_back(store, id, "x"));
}

/* What is stored can be read from a full disk, after a restart too. */
static void test_opens_on_a_full_disk(void **state)
{
    (void)state;
    char id[PF_ID_MAX + 1];
    must_put("x", id);
    pf_store_close(store);
    atomic_store(&fault_vfs.write, SQLITE_FULL);
    store = open_at(dir);
    assert_true(fx_reads_back(store, id, "x"));
    pf_error err;
    assert_int_equal(put("y", NULL, &err), PF_UNAVAILABLE);
    fault_vfs_clear();
    must_put("y", id);
    assert_true(fx_reads_back(store, id, "y"));
}

static void test_failing_reads_are_told(void **state)
{
    (void)state;
    char id[PF_ID_MAX + 1];
    pf_error err;
    pf_blob blob;
    must_put("x", id);
    pf_store_close(store);
    store = open_at(dir);
    atomic_store(&fault_vfs.read, SQLITE_IOERR_READ);
    assert_int_equal(pf_store_read(store, pf_str_c(id), NULL, &blob, &err), PF_UNAVAILABLE);
    assert_non_null(strstr(err.msg, "the disk failed"));
    fault_vfs_clear();
    assert_true(fx_reads_back(store, id, "x"));
}

/* Runs SQL in the partition of the closed store. */
static void tamper(const char *sql)
{
    pf_store_close(store);
    sqlite3 *db = NULL;
    char name[PF_PARTITION_NAME + 1], path[600];
    pf_partition_name((pf_partition_key){pf_clock_wall(NULL) / PF_NS_PER_SEC / 86400, 1}, name);
    snprintf(path, sizeof path, "%s/partitions/%s.db", dir, name);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_close(db);
    store = open_at(dir);
}

static void test_damaged_rows_are_told(void **state)
{
    (void)state;
    static const char *const damages[] = {
        "UPDATE profile SET row = zeroblob(20)",
        "UPDATE profile SET row = CAST(substr(row, 1, length(row) - 1) AS BLOB)",
        "UPDATE profile SET created_at = created_at + 1",
        "UPDATE profile SET totals = x'00'",
        "UPDATE profile SET type = 2",
        "UPDATE profile SET checksum = checksum + 1",
        "UPDATE profile SET kind = 9",
    };
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        char id[PF_ID_MAX + 1], words[PF_ID_MAX + 64];
        pf_error err;
        pf_blob blob;
        must_put("x", id);
        tamper(damages[i]);
        assert_int_equal(pf_store_read(store, pf_str_c(id), NULL, &blob, &err), PF_INTERNAL);
        snprintf(words, sizeof words, "profile %s is damaged on disk", id);
        assert_string_equal(err.msg, words);
        tamper("DELETE FROM profile");
    }
}

static bool ignore_meta(void *ctx, const pf_meta *meta)
{
    (void)ctx;
    (void)meta;
    return true;
}

static void test_damaged_series_are_told(void **state)
{
    (void)state;
    static const char *const damages[] = {"UPDATE series SET labels = x'016b0177'",
                                          "UPDATE series SET type = 2", "DELETE FROM series",
                                          "UPDATE service SET name = CAST('svd' AS BLOB)"};
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        pf_query q = {
            .service = i == 3 ? PF_STR("svd") : PF_STR("svc"), .from = INT64_MIN, .to = INT64_MAX};
        pf_find_pos pos = {0};
        pf_error err;
        must_put("x", NULL);
        tamper(damages[i]);
        assert_int_equal(pf_store_find(store, &q, &pos, 10, NULL, ignore_meta, NULL, &err),
                         PF_INTERNAL);
        assert_non_null(strstr(err.msg, "is damaged on disk"));
        tamper("DELETE FROM profile; DELETE FROM series; DELETE FROM service; DELETE FROM posting");
    }
}

static _Atomic int64_t moved; /* ns that the clock has been moved on */

static int64_t moved_wall(void *ctx)
{
    (void)ctx;
    return INT64_C(20000) * 86400 * PF_NS_PER_SEC + atomic_load(&moved);
}

/* A write that was refused since its sync failed must not come back when the day ends while the disk still fails. */
static void test_what_was_refused_stays_away_over_midnight(void **state)
{
    (void)state;
    static const pf_clock clock = {.wall = moved_wall};
    char ids[4][PF_ID_MAX + 1];
    pf_error err;
    pf_store_close(store);
    pf_local_config cfg = pf_local_config_default();
    cfg.dir = dir;
    cfg.min_free = 0;
    cfg.clock = &clock;
    assert_int_equal(pf_local_open(&cfg, &store, &err), PF_OK);
    must_put("first", ids[0]);
    atomic_store(&fault_vfs.in_name, "2024-10-04");
    atomic_store(&fault_vfs.sync, SQLITE_IOERR_FSYNC);
    assert_int_equal(put("refused", ids[1], &err), PF_UNAVAILABLE);
    atomic_store(&moved, 86400 * PF_NS_PER_SEC);
    size_t acknowledged = 1 + (put("next day", ids[1], &err) == PF_OK);
    fault_vfs_clear();
    pf_conns_close_idle(&((pf_local *)store)->conns, NULL, INT64_MAX);
    must_put("later", ids[2]);
    acknowledged++;
    assert_int_equal(count(store), acknowledged);
    pf_store_close(store);
    assert_int_equal(pf_local_open(&cfg, &store, &err), PF_OK);
    assert_int_equal(count(store), acknowledged);
    atomic_store(&moved, 0);
}

/* Overwrites all pages of today's file but the first; the store is closed meanwhile. */
static void spoil_pages_of(const char *table)
{
    pf_store_close(store);
    char name[PF_PARTITION_NAME + 1], path[600], sql[200];
    pf_partition_name((pf_partition_key){pf_clock_wall(NULL) / PF_NS_PER_SEC / 86400, 1}, name);
    snprintf(path, sizeof path, "%s/partitions/%s.db", dir, name);
    snprintf(sql, sizeof sql, "SELECT rootpage FROM sqlite_schema WHERE name = '%s'", table);
    sqlite3 *db = NULL;
    pf_error err;
    int64_t page = 0;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(pf_db_number(db, sql, &page, &err), PF_OK);
    sqlite3_close(db);
    assert_true(page > 1);
    static const char rubbish[4096] = {1, 2, 3};
    FILE *f = fopen(path, "r+");
    assert_non_null(f);
    assert_int_equal(fseek(f, (long)(page - 1) * 4096, SEEK_SET), 0);
    assert_int_equal(fwrite(rubbish, sizeof rubbish, 1, f), 1);
    fclose(f);
    store = open_at(dir);
}

/* A page that only a push touches: the pushes go on in a file beside it, and none is refused. */
static void test_damage_in_todays_file(void **state)
{
    (void)state;
    static const char *const tables[] = {"posting",        "series",   "sample_types",
                                         "profile_series", "external", "sqlite_autoindex_series_1",
                                         "profile_time",   "symbols"};
    char old[PF_ID_MAX + 1], id[PF_ID_MAX + 1];
    pf_error err;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        must_put("old", old);
        spoil_pages_of(tables[i]);
        pf_arena a;
        pf_arena_init(&a, NULL, 0);
        pf_write w = {.meta = {.service = PF_STR("svc"),
                               .type = PF_TYPE_TRACE,
                               .labels = fx_labels(&a, "k=w"),
                               .created_at = 1},
                      .external_id = PF_STR("once"),
                      .body = PF_STR("new"),
                      .arena = &a};
        for (int time = 0; time < 2; time++) {
            if (pf_store_write_wait(store, &w, &err))
                fail_msg("%s: %s", tables[i], err.msg);
            assert_int_equal(w.repeated, time == 1);
        }
        strcpy(id, w.id);
        pf_arena_free(&a);
        if (strcmp(tables[i], "symbols") == 0) { /* which a trace has none of */
            tear_down(NULL);
            set_up(NULL);
            continue;
        }
        assert_true(fx_reads_back(store, id, "new"));
        assert_true(fx_reads_back(store, old, "old"));
        pf_buf problems = PF_BUF_INIT;
        pf_store_problems(store, &problems);
        pf_buf_putc(&problems, 0);
        assert_non_null(strstr(problems.data, "damaged"));
        pf_buf_free(&problems);
        assert_int_equal(pf_store_ready(store, &err), PF_OK);
        tear_down(NULL);
        set_up(NULL);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    pf_log_setup(PF_LOG_LEVEL_ERROR, PF_LOG_FORMAT_LOGFMT);
    pf_db_setup();
    fault_vfs_install();
    if (pf_walbuffer_register() != SQLITE_OK) /* above it */
        return 1;
    const struct CMUnitTest tests[] = {
        CASE(test_full_disk),
        CASE(test_failing_write),
        CASE(test_failing_sync),
        CASE(test_what_was_refused_stays_away),
        CASE(test_what_was_refused_stays_away_over_midnight),
        CASE(test_damage_in_todays_file),
        CASE(test_no_room_for_a_new_partition),
        CASE(test_opens_on_a_full_disk),
        CASE(test_failing_reads_are_told),
        CASE(test_damaged_rows_are_told),
        CASE(test_damaged_series_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
