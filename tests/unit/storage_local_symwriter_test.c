/* What the committer knows of a partition's symbols: over a transaction that is rolled back, beside pushes that can't be had, over a
 * restart. */
#include "base/log.h"
#include "base/metrics.h"
#include "pprof/gzip.h"
#include "storage/local/store.h"
#include "storage/local/symbols/chunk.h"
#include "support/profile_eq.h"
#include "support/store_fixture.h"
#include "support/symbols_path.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOON (INT64_C(20000) * 86400 * PF_NS_PER_SEC + 43200 * PF_NS_PER_SEC)

static char *dir;
static pf_store *store;
static int64_t now = NOON;
static size_t symbols_memory = 32 << 20;

static int64_t at_noon(void *ctx)
{
    (void)ctx;
    return now;
}

static const pf_clock noon = {.wall = at_noon};

static void open_store(void)
{
    pf_local_config cfg = pf_local_config_default();
    cfg.dir = dir;
    cfg.min_free = 0;
    cfg.clock = &noon;
    cfg.symbols_memory = symbols_memory;
    pf_error err;
    if (pf_local_open(&cfg, &store, &err))
        fail_msg("open: %s", err.msg);
}

static int set_up(void **state)
{
    (void)state;
    now = NOON;
    symbols_memory = 32 << 20;
    dir = fx_make_dir();
    open_store();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pf_store_close(store);
    fx_remove_dir(dir);
    return 0;
}

/* Runs SQL in the partition, beside the store; the number that it gives, if any. */
static int64_t sql(const char *text)
{
    char name[PF_PARTITION_NAME + 1], path[600];
    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;
    int64_t n = 0;
    pf_partition_name((pf_partition_key){20000, 1}, name);
    snprintf(path, sizeof path, "%s/partitions/%s.db", dir, name);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_prepare_v2(db, text, -1, &st, NULL) != SQLITE_OK)
        fail_msg("%s: %s", text, sqlite3_errmsg(db));
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW)
        n = sqlite3_column_int64(st, 0);
    else if (rc != SQLITE_DONE)
        fail_msg("%s: %s", text, sqlite3_errmsg(db));
    sqlite3_finalize(st);
    sqlite3_close(db);
    return n;
}

static int64_t chunks(void)
{
    return sql("SELECT count(*) FROM symbols");
}

static pf_code push_profile(const char *service, const pf_profile *made, int64_t created_at,
                            pf_error *err)
{
    pf_arena a;
    pf_arena_init(&a, NULL, 0);
    pf_buf b = PF_BUF_INIT;
    pf_profile p;
    if (pf_profile_encode(made, &b, err) || pf_profile_decode(&p, &a, pf_buf_str(&b), err))
        fail_msg("%s", err->msg);
    pf_write w = {
        .meta = {.service = pf_str_c(service), .type = PF_TYPE_CPU, .created_at = created_at},
        .body = pf_buf_str(&b),
        .inflated = pf_buf_str(&b),
        .profile = &p,
        .arena = &a};
    pf_code code = pf_store_write_wait(store, &w, err);
    pf_buf_free(&b);
    pf_arena_free(&a);
    return code;
}

/* Pushes a profile made up from `seed`, as it comes from the wire. */
static pf_code push_at(const char *service, uint64_t seed, int64_t created_at, pf_error *err)
{
    pf_arena a;
    pf_arena_init(&a, NULL, 0);
    pf_profile made = pf_test_profile(seed, &a);
    pf_code code = push_profile(service, &made, created_at, err);
    pf_arena_free(&a);
    return code;
}

/* A profile of as many strings. */
static pf_code push_strings(const char *service, uint32_t n, int64_t created_at, pf_error *err)
{
    pf_arena a;
    pf_arena_init(&a, NULL, 0);
    pf_profile p = pf_test_profile(1, &a);
    pf_str *all = pf_arena_array(&a, p.nstring + n, sizeof *all);
    p.comment = pf_arena_array(&a, n, sizeof *p.comment);
    char *text = pf_arena_alloc(&a, (size_t)n * 16);
    memcpy(all, p.string, p.nstring * sizeof *all);
    for (uint32_t i = 0; i < n; i++, text += 16) {
        all[p.comment[i] = p.nstring + i] = (pf_str){text, 7};
        snprintf(text, 16, "%07u", (unsigned)i);
    }
    p.string = all;
    p.nstring += n;
    p.ncomment = n;
    pf_code code = push_profile(service, &p, created_at, err);
    pf_arena_free(&a);
    return code;
}

static void push(const char *service, uint64_t seed)
{
    pf_error err;
    if (push_at(service, seed, (int64_t)seed, &err))
        fail_msg("%s", err.msg);
}

/* Every profile of the service reads back as what was made from its created_at. */
static void assert_all_read_back(const char *service, size_t n)
{
    fx_found f = fx_find(store, service, PF_TYPE_UNKNOWN, "", INT64_MIN, INT64_MAX, 0, 1000);
    assert_int_equal(f.n, n);
    for (size_t i = 0; i < f.n; i++) {
        pf_error err;
        pf_blob blob = {0};
        pf_arena a;
        pf_str raw;
        pf_profile back;
        pf_arena_init(&a, NULL, 0);
        if (pf_store_read(store, pf_str_c(f.list[i].id), NULL, &blob, &err) ||
            pf_gunzip(pf_buf_str(&blob.bytes), 64 << 20, &a, &raw, &err) ||
            pf_profile_decode(&back, &a, raw, &err))
            fail_msg("%s", err.msg);
        pf_profile made = pf_test_profile((uint64_t)f.list[i].created_at, &a);
        assert_true(pf_test_same_canonically(&made, &back));
        pf_buf_free(&blob.bytes);
        pf_arena_free(&a);
    }
    fx_found_free(&f);
}

/* The others' symbols stay known, down to their headers, and what the bad push gave out is forgotten. */
static void test_a_rollback_forgets_what_it_gave_out(void **state)
{
    (void)state;
    enum { BAD = 7 };
    pf_error err;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        push("good", seed);
        push("mixed", seed);
    }
    int64_t before = chunks();
    sql("CREATE TRIGGER t BEFORE INSERT ON profile WHEN new.created_at = 7 BEGIN SELECT "
        "RAISE(ABORT, 'bad'); END");
    assert_int_equal(push_at("mixed", BAD, BAD, &err), PF_INTERNAL);
    assert_int_equal(push_at("new", BAD, BAD, &err), PF_INTERNAL);
    for (uint64_t seed = 1; seed <= 5; seed++) {
        push("good", seed);
        push("mixed", seed);
    }
    assert_int_equal(chunks(), before);
    sql("DROP TRIGGER t");
    push("mixed", BAD);
    assert_int_equal(chunks(), before + 1);
    push("other", 3); /* has the number that "new" did not get */
    push("new", BAD);
    assert_int_equal(sql("SELECT count(*) FROM service"), 4);
    assert_all_read_back("good", 10);
    assert_all_read_back("mixed", 11);
    assert_all_read_back("new", 1);
    assert_all_read_back("other", 1);
}

/* More than can be noted: then the service that brought it knows nothing, and the others all. */
static void test_a_large_rollback_costs_its_service_alone(void **state)
{
    (void)state;
    pf_error err;
    push("large", 1);
    push("other", 1);
    int64_t before = chunks();
    sql("CREATE TRIGGER t BEFORE INSERT ON profile WHEN new.created_at = 7 BEGIN SELECT "
        "RAISE(ABORT, 'bad'); END");
    assert_int_equal(push_strings("large", PF_SYMBOL_CACHE_NOTED + 1, 7, &err), PF_INTERNAL);
    sql("DROP TRIGGER t");
    push("other", 1);
    assert_int_equal(chunks(), before);
    push("large", 1);
    assert_int_equal(chunks(), before + 1);
    assert_all_read_back("large", 2);
    assert_all_read_back("other", 2);
}

/* One sample of so many frames: little to send, 64 bytes a frame to give it numbers. */
static pf_profile deep_profile(uint32_t depth, pf_arena *a)
{
    pf_profile p = pf_test_profile(1, a);
    p.nsample = 1;
    p.nlabel = 0;
    p.nsample_location = depth;
    p.sample_location = pf_arena_zalloc(a, depth * sizeof *p.sample_location);
    p.sample[0] = (pf_sample){.loc_n = depth};
    return p;
}

/* It is refused where it came from, and no transaction hears of it. */
static void test_a_push_is_refused_for_memory_before_its_transaction(void **state)
{
    (void)state;
    enum { DEPTH = 200000, ALLOWED = 8 << 20 };
    pf_local *l = (pf_local *)store;
    pf_arena made, a;
    pf_error err;
    pf_job *job = NULL;
    push("good", 1);
    int64_t before = chunks();
    pf_arena_init(&made, NULL, 0);
    pf_profile p = deep_profile(DEPTH, &made);
    pf_arena_init(&a, NULL, ALLOWED);
    pf_write w = {.meta = {.service = PF_STR("evil"), .type = PF_TYPE_CPU, .created_at = 1},
                  .body = PF_STR("evil"),
                  .profile = &p,
                  .arena = &a};
    assert_int_equal(pf_job_new(&w, &l->key, &job, &err), PF_TOO_LARGE);
    assert_int_equal(pf_store_write_wait(store, &w, &err), PF_TOO_LARGE);
    pf_arena_free(&a);
    pf_arena_free(&made);
    push("good", 1);
    assert_int_equal(chunks(), before);
    assert_int_equal(sql("SELECT count(*) FROM service"), 1);
}

typedef struct adding {
    pf_job *job;
    pf_code code;
    pf_error err;
} adding;

static void add_in_committer(pf_committer *c, void *ctx)
{
    adding *a = ctx;
    bool clean;
    a->code = pf_writer_begin(&c->writer, &a->err);
    if (!a->code)
        a->code = pf_writer_add(&c->writer, a->job, NOON / PF_NS_PER_SEC, &clean, &a->err);
    if (!a->code)
        a->code = pf_writer_commit(&c->writer, &a->err);
    if (a->code)
        pf_writer_rollback(&c->writer);
}

/* So nothing can be refused for memory there. */
static void test_nothing_is_taken_from_the_arena_in_the_committer(void **state)
{
    (void)state;
    pf_local *l = (pf_local *)store;
    push("svc", 99); /* opens the writer */
    for (uint64_t seed = 1; seed <= 20; seed++) {
        pf_arena a;
        adding adds = {0};
        pf_arena_init(&a, NULL, 0);
        pf_profile p = pf_test_profile(seed, &a);
        pf_write w = {.meta = {.service = PF_STR("svc"), .type = PF_TYPE_CPU, .created_at = 1},
                      .body = PF_STR("body"),
                      .profile = &p,
                      .arena = &a};
        assert_int_equal(pf_job_new(&w, &l->key, &adds.job, &adds.err), PF_OK);
        assert_non_null(adds.job->content);
        a.limit = 1;
        while (pf_arena_alloc(&a, 1))
            ;
        pf_committer_run(&l->committer, add_in_committer, &adds);
        if (adds.code)
            fail_msg("%s", adds.err.msg);
        pf_job_free(adds.job);
        pf_arena_free(&a);
    }
}

/* What /metrics shows; the process has one of each for all of its stores. */
static double metric(const char *series)
{
    pf_buf text = PF_BUF_INIT;
    pf_metrics_write(&text);
    pf_buf_putc(&text, 0);
    char *at = strstr(text.data, series);
    assert_non_null(at);
    double value = strtod(at + strlen(series), NULL);
    pf_buf_free(&text);
    return value;
}

static double read_by(pf_symbols_reader who)
{
    return metric(who == PF_READ_START
                      ? "\nprofefe_local_symbol_bytes_read_total{by=\"committer\"} "
                      : "\nprofefe_local_symbol_bytes_read_total{by=\"recaller\"} ");
}

static double recalled_symbols(void)
{
    return metric("\nprofefe_local_symbols_recalled_total ");
}

static void wait_for_recall(void)
{
    pf_recaller_wait(&((pf_local *)store)->recaller);
}

static void reopen(void)
{
    pf_store_close(store);
    open_store();
}

static void push_many(const char *service, uint64_t first, uint64_t n)
{
    for (uint64_t seed = first; seed < first + n; seed++)
        push(service, seed);
}

/* How far the service's tables go. */
static void read_next(const char *service, uint32_t next[PF_TABLES])
{
    char text[300], name[PF_PARTITION_NAME + 1], path[600];
    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;
    pf_partition_name((pf_partition_key){20000, 1}, name);
    snprintf(path, sizeof path, "%s/partitions/%s.db", dir, name);
    snprintf(text, sizeof text,
             "SELECT chunk FROM symbols WHERE number >> 32 ="
             " (SELECT number FROM service WHERE name = CAST('%s' AS BLOB)) ORDER BY number DESC",
             service);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, text, -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    assert_int_equal(pf_chunk_next(pf_db_blob(st, 0), next, NULL), PF_OK);
    sqlite3_finalize(st);
    sqlite3_close(db);
}

/* The first write reads the end of what is there, and the recaller all of it; then it is known again. */
static void test_a_restart_is_none_of_the_committers_business(void **state)
{
    (void)state;
    enum { N = 150, END = 64 << 10, NEW = 5000 };
    uint32_t before[PF_TABLES], after[PF_TABLES];
    push_many("aa", 1, N);
    push_many("bb", 1, N);
    double all = (double)sql("SELECT sum(length(chunk)) FROM symbols");
    assert_true(all > 6 * END);
    reopen();
    double start = read_by(PF_READ_START), recall = read_by(PF_READ_RECALL);
    double recalled = recalled_symbols();
    read_next("aa", before);
    push("aa", NEW);
    push("bb", NEW);
    assert_true(read_by(PF_READ_START) > start);
    assert_true(read_by(PF_READ_START) <= start + 2 * END);
    wait_for_recall();
    assert_true(read_by(PF_READ_RECALL) >= recall + all);
    double had = 0;
    for (int i = 0; i < PF_TABLES; i++)
        had += i == PF_TABLE_LABELS || i == PF_TABLE_HEADER || i == PF_TABLE_MAPS
                   ? 0
                   : (double)before[i] - 1;
    assert_true(recalled_symbols() >= recalled + had);
    read_next("aa", before);
    start = read_by(PF_READ_START);
    push_many("aa", 1, N);
    read_next("aa", after);
    for (int i = 0; i < PF_TABLES; i++) /* those are few and not recalled */
        if (i != PF_TABLE_LABELS && i != PF_TABLE_HEADER && i != PF_TABLE_MAPS)
            assert_int_equal(after[i], before[i]);
    assert_true(read_by(PF_READ_START) == start);
    push("aa", NEW);
    assert_all_read_back("aa", 2 * N + 2);
    assert_all_read_back("bb", N + 1);
}

/* What is pushed while it is recalled, or before, has second numbers, and reads back. */
static void test_pushes_go_on_beside_a_recall(void **state)
{
    (void)state;
    enum { N = 40, TIMES = 4 };
    for (int i = 0; i < TIMES; i++) {
        push_many("aa", 1, N);
        reopen(); /* in the midst of it, too */
    }
    push_many("aa", 1, N);
    wait_for_recall();
    assert_all_read_back("aa", N * (TIMES + 1));
}

/* Where the service goes on can't be known, so its next push goes into a file beside this one, once; nobody's pushes
 * fail, and what can be read is. */
static void test_damaged_newest_symbols_open_another_file(void **state)
{
    (void)state;
    pf_error err;
    pf_buf problems = PF_BUF_INIT;
    push_many("aa", 1, 5);
    push_many("bb", 1, 5);
    pf_store_close(store);
    sql("UPDATE symbols SET chunk = CAST(x'00' || substr(chunk, 1, length(chunk) - 1) AS BLOB)"
        " WHERE number = (SELECT max(number) FROM symbols WHERE number >> 32 = 1)");
    open_store();
    push_many("aa", 1, 5);
    push_many("bb", 1, 5);
    double start = read_by(PF_READ_START);
    for (int i = 0; i < 3; i++)
        push_many("aa", 1, 5);
    push_many("bb", 1, 5);
    assert_true(read_by(PF_READ_START) == start);
    assert_int_equal(pf_store_ready(store, &err), PF_OK);
    pf_store_problems(store, &problems);
    pf_buf_putc(&problems, 0);
    assert_non_null(strstr(problems.data, "damaged"));
    pf_buf_free(&problems);
    assert_int_equal(pf_partitions_count(&((pf_local *)store)->set), 2);
    assert_all_read_back("bb", 15);
}

/* Recalling ends there, once; pushes go on, over the next time that a tail is made one chunk, too. */
static void test_damaged_symbols_end_a_recall(void **state)
{
    (void)state;
    enum { N = 30 };
    push_many("aa", 1, N);
    pf_store_close(store);
    sql("UPDATE symbols SET checksum = checksum + 1 WHERE number <> (SELECT max(number) FROM "
        "symbols)");
    open_store();
    double recalled = recalled_symbols();
    push("aa", 1);
    wait_for_recall();
    assert_true(recalled_symbols() == recalled);
    double recall = read_by(PF_READ_RECALL);
    push_many("aa", 1000, N);
    assert_true(read_by(PF_READ_RECALL) == recall);
}

/* The recaller is at work when it is left, and what it has read can't be put before this is over. */
static void want_and_leave(pf_committer *c, void *ctx)
{
    (void)ctx;
    pf_recaller *r = c->recaller;
    pf_recaller_want(r, c->writer.partition, 1, &c->writer.symbols.service[1].numbering.salt);
    for (bool busy = false; !busy; sched_yield()) {
        pthread_mutex_lock(&r->lock);
        busy = r->busy;
        pthread_mutex_unlock(&r->lock);
    }
    pf_recaller_leave(r);
}

/* Nor is any of it put later. */
static void test_what_was_left_is_not_recalled(void **state)
{
    (void)state;
    push_many("aa", 1, 10);
    double recalled = recalled_symbols();
    for (int i = 0; i < 3; i++) {
        pf_committer_run(&((pf_local *)store)->committer, want_and_leave, NULL);
        wait_for_recall();
    }
    assert_true(recalled_symbols() == recalled);
}

/* The thread lets go of a partition that is not written any more. */
static void test_leaving_a_partition_ends_its_recall(void **state)
{
    (void)state;
    pf_local *l = (pf_local *)store;
    pf_partition **list;
    size_t n;
    for (int i = 0; i < 10; i++) {
        char name[8];
        snprintf(name, sizeof name, "s%d", i);
        push_many(name, 1, 10);
    }
    reopen();
    l = (pf_local *)store;
    for (int i = 0; i < 10; i++) {
        char name[8];
        snprintf(name, sizeof name, "s%d", i);
        push(name, 1);
    }
    now += 40 * 86400 * PF_NS_PER_SEC;
    push("s0", 1);
    wait_for_recall();
    assert_int_equal(pf_partitions_all(&l->set, &list, &n, NULL), PF_OK);
    assert_int_equal(n, 2);
    pf_conns_close_idle(&l->conns, NULL, INT64_MAX);
    assert_int_equal(atomic_load(&list[0]->refs), 2); /* the set's and this list's */
    pf_partitions_release(list, n);
}

/* Nothing that is known is forgotten for what is recalled. */
static void test_a_full_cache_ends_all_recalls(void **state)
{
    (void)state;
    symbols_memory = 0;
    push_many("aa", 1, 100);
    reopen();
    push("aa", 1);
    wait_for_recall();
    pf_local *l = (pf_local *)store;
    assert_true(l->recaller.full);
    assert_int_equal(pf_symbol_cache_turns(l->known), 0);
    int64_t had = chunks();
    push("aa", 1);
    assert_int_equal(chunks(), had);
    push("bb", 1);
    wait_for_recall();
    push_many("aa", 1, 100);
    assert_all_read_back("aa", 202);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    pf_log_setup(PF_LOG_LEVEL_ERROR, PF_LOG_FORMAT_LOGFMT);
    const struct CMUnitTest tests[] = {
        CASE(test_a_rollback_forgets_what_it_gave_out),
        CASE(test_a_large_rollback_costs_its_service_alone),
        CASE(test_a_push_is_refused_for_memory_before_its_transaction),
        CASE(test_nothing_is_taken_from_the_arena_in_the_committer),
        CASE(test_a_restart_is_none_of_the_committers_business),
        CASE(test_pushes_go_on_beside_a_recall),
        CASE(test_damaged_newest_symbols_open_another_file),
        CASE(test_damaged_symbols_end_a_recall),
        CASE(test_what_was_left_is_not_recalled),
        CASE(test_leaving_a_partition_ends_its_recall),
        CASE(test_a_full_cache_ends_all_recalls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
