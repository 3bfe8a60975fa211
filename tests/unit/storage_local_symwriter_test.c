/* What the committer knows of a partition's symbols: over a transaction that is rolled back, beside pushes that can't be had, over a
 * restart. */
#include "base/log.h"
#include "pprof/gzip.h"
#include "storage/local/store.h"
#include "support/profile_eq.h"
#include "support/store_fixture.h"
#include "support/symbols_path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOON (INT64_C(20000) * 86400 * PF_NS_PER_SEC + 43200 * PF_NS_PER_SEC)

static char *dir;
static pf_store *store;

static int64_t at_noon(void *ctx)
{
    (void)ctx;
    return NOON;
}

static const pf_clock noon = {.wall = at_noon};

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

static int set_up(void **state)
{
    (void)state;
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

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    pf_log_setup(PF_LOG_LEVEL_ERROR, PF_LOG_FORMAT_LOGFMT);
    const struct CMUnitTest tests[] = {
        CASE(test_a_rollback_forgets_what_it_gave_out),
        CASE(test_a_large_rollback_costs_its_service_alone),
        CASE(test_a_push_is_refused_for_memory_before_its_transaction),
        CASE(test_nothing_is_taken_from_the_arena_in_the_committer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
