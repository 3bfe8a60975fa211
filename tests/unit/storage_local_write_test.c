/* The way of a write: the queue and its limits, ids, series, batches, the log's length, closing. */
#include "base/log.h"
#include "storage/local/checksums.h"
#include "storage/local/store.h"
#include "support/store_fixture.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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

static void open_store(size_t queue_max, int64_t min_free)
{
    pf_local_config cfg = pf_local_config_default();
    cfg.dir = dir;
    cfg.min_free = min_free;
    cfg.queue_max = queue_max;
    cfg.clock = &noon;
    pf_error err;
    if (pf_local_open(&cfg, &store, &err))
        fail_msg("open: %s", err.msg);
}

static int set_up(void **state)
{
    (void)state;
    dir = fx_make_dir();
    open_store(10000, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pf_store_close(store);
    fx_remove_dir(dir);
    return 0;
}

static void reopen(size_t queue_max, int64_t min_free)
{
    pf_store_close(store);
    open_store(queue_max, min_free);
}

static void partition_path(char path[600], const char *suffix)
{
    char name[PF_PARTITION_NAME + 1];
    pf_partition_name((pf_partition_key){20000, 1}, name);
    snprintf(path, 600, "%s/partitions/%s.db%s", dir, name, suffix);
}

/* Runs SQL in the partition of the store, which is closed for it. */
static void tamper(const char *sql)
{
    char path[600];
    sqlite3 *db = NULL;
    pf_store_close(store);
    partition_path(path, "");
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_close(db);
    open_store(10000, 0);
}

static size_t count(const char *service, const char *labels)
{
    fx_found f = fx_find(store, service, PF_TYPE_UNKNOWN, labels, INT64_MIN, INT64_MAX, 0, 1000);
    size_t n = f.n;
    fx_found_free(&f);
    return n;
}

static void test_full_queue_is_told_at_once(void **state)
{
    (void)state;
    pf_error err;
    reopen(0, 0);
    assert_int_equal(fx_write(store, "svc", PF_TYPE_CPU, "", 1, "x", NULL, &err), PF_UNAVAILABLE);
    assert_string_equal(err.msg, "too many profiles are waiting to be stored");
}

static void test_min_free_refuses_and_resumes(void **state)
{
    (void)state;
    pf_local *l = (pf_local *)store;
    pf_error err;
    reopen(100, 1024 * 1024);
    l = (pf_local *)store;
    pf_committer_tick(&l->committer); /* the look at the start is over */
    atomic_store(&l->space.free, 1000);
    pf_code code = fx_write(store, "svc", PF_TYPE_CPU, "", 1, "x", NULL, &err);
    if (code) { /* else the store had looked again in between */
        assert_int_equal(code, PF_UNAVAILABLE);
        assert_non_null(strstr(err.msg, "-local.min-free"));
    }
    pf_committer_tick(&l->committer);
    assert_int_equal(fx_write(store, "svc", PF_TYPE_CPU, "", 1, "x", NULL, &err), PF_OK);
    reopen(100, INT64_MAX);
    assert_int_equal(fx_write(store, "svc", PF_TYPE_CPU, "", 1, "x", NULL, &err), PF_UNAVAILABLE);
    assert_int_equal(pf_store_ready(store, &err), PF_UNAVAILABLE);
    assert_non_null(strstr(err.msg, "less than the"));
    assert_true(count("svc", "") >= 1);
}

static void test_series_have_a_limit(void **state)
{
    (void)state;
    char id[PF_ID_MAX + 1];
    pf_error err;
    assert_int_equal(fx_write(store, "svc", PF_TYPE_CPU, "host=a", 1, "x", id, &err), PF_OK);
    tamper("INSERT INTO series VALUES(999999, 9, 1, x'', 0)");
    assert_int_equal(fx_write(store, "svc", PF_TYPE_CPU, "host=b", 1, "x", id, &err), PF_OK);
    assert_int_equal(fx_write(store, "svc", PF_TYPE_CPU, "host=c", 1, "x", id, &err),
                     PF_UNAVAILABLE);
    assert_non_null(strstr(err.msg, "too many series"));
    assert_non_null(strstr(err.msg, "-local.max-series"));
    assert_int_equal(fx_write(store, "new", PF_TYPE_CPU, "", 1, "x", id, &err), PF_UNAVAILABLE);
    /* What is known goes on, from memory and after a restart. */
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fx_write(store, "svc", PF_TYPE_CPU, "host=a", 1, "x", id, &err), PF_OK);
        assert_int_equal(pf_store_ready(store, &err), PF_OK);
        reopen(100, 0);
    }
    assert_int_equal(count("svc", "host=a"), 3);
    assert_int_equal(count("svc", ""), 4);
}

static void test_a_taken_id_gives_way(void **state)
{
    (void)state;
    char first[PF_ID_MAX + 1], second[PF_ID_MAX + 1], sql[256], hex[2 * PF_XID_BYTES + 1];
    char taken[PF_XID_CHARS + 1];
    pf_error err;
    pf_xid xid;
    assert_int_equal(fx_write(store, "svc", PF_TYPE_CPU, "", 1, "x", first, &err), PF_OK);
    assert_true(pf_xid_parse(pf_str_c(first), &xid));
    assert_int_equal(pf_xid_seconds(xid), NOON / PF_NS_PER_SEC);
    xid = pf_xid_next(xid);
    pf_xid_format(xid, taken);
    for (int i = 0; i < PF_XID_BYTES; i++)
        snprintf(hex + 2 * (size_t)i, 3, "%02x", xid.b[i]);
    snprintf(sql, sizeof sql, "UPDATE profile SET xid = x'%s'", hex);
    tamper(sql);
    assert_int_equal(fx_write(store, "svc", PF_TYPE_CPU, "", 1, "y", second, &err), PF_OK);
    assert_string_not_equal(second, taken);
    assert_true(fx_reads_back(store, second, "y"));
    assert_int_equal(count("svc", ""), 2);
}

typedef struct many {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    int done, failed;
} many;

typedef struct one {
    pf_write w;
    char service[16];
    char body[64];
    int calls;
} one;

static void note(pf_write *w, pf_code code, const pf_error *err)
{
    one *o = (one *)w;
    many *m = w->ctx;
    (void)err;
    o->calls++;
    pthread_mutex_lock(&m->lock);
    m->done++;
    m->failed += code != PF_OK;
    pthread_cond_signal(&m->cond);
    pthread_mutex_unlock(&m->lock);
}

static one *start_many(many *m, int n)
{
    one *all = calloc((size_t)n, sizeof *all);
    assert_non_null(all);
    for (int i = 0; i < n; i++) {
        one *o = &all[i];
        snprintf(o->service, sizeof o->service, "svc%d", i % 5);
        snprintf(o->body, sizeof o->body, "trace %d", i);
        o->w = (pf_write){
            .meta = {.service = pf_str_c(o->service), .type = PF_TYPE_TRACE, .created_at = i},
            .body = pf_str_c(o->body),
            .done = note,
            .ctx = m};
        pf_store_write(store, &o->w);
    }
    return all;
}

static void test_closing_finishes_what_has_queued(void **state)
{
    (void)state;
    enum { N = 1000 };
    many m = {.lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER};
    one *all = start_many(&m, N);
    reopen(100, 0);
    assert_int_equal(m.done, N);
    assert_int_equal(m.failed, 0);
    for (int i = 0; i < N; i++) {
        assert_int_equal(all[i].calls, 1);
        assert_true(fx_reads_back(store, all[i].w.id, all[i].body));
    }
    free(all);
}

/* One of a batch is at fault: the others are stored. */
static void test_a_bad_one_does_not_take_others_along(void **state)
{
    (void)state;
    enum { N = 64 };
    pf_error err;
    assert_int_equal(fx_write(store, "first", PF_TYPE_CPU, "", 1, "x", NULL, &err), PF_OK);
    tamper("CREATE TRIGGER t BEFORE INSERT ON profile WHEN new.created_at % 10 = 7 BEGIN"
           " SELECT RAISE(ABORT, 'bad'); END");
    many m = {.lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER};
    one *all = start_many(&m, N);
    pthread_mutex_lock(&m.lock);
    while (m.done < N)
        pthread_cond_wait(&m.cond, &m.lock);
    pthread_mutex_unlock(&m.lock);
    assert_int_equal(m.failed, 6);
    size_t sum = 0;
    for (int i = 0; i < 5; i++) {
        char service[16];
        snprintf(service, sizeof service, "svc%d", i);
        sum += count(service, "");
    }
    assert_int_equal(sum, N - 6);
    for (int i = 0; i < N; i++)
        assert_true(i % 10 == 7 || fx_reads_back(store, all[i].w.id, all[i].body));
    free(all);
}

/* Until the committer may go on, it stands in a call, and what is pushed queues up. */
typedef struct held {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool inside, go;
} held;

static void stand(pf_committer *c, void *ctx)
{
    held *h = ctx;
    (void)c;
    pthread_mutex_lock(&h->lock);
    h->inside = true;
    pthread_cond_broadcast(&h->cond);
    while (!h->go)
        pthread_cond_wait(&h->cond, &h->lock);
    pthread_mutex_unlock(&h->lock);
}

static void *hold(void *ctx)
{
    pf_committer_run(&((pf_local *)store)->committer, stand, ctx);
    return NULL;
}

static double log_pages(void)
{
    static const char name[] = "\nprofefe_local_log_pages_total ";
    pf_buf all = PF_BUF_INIT;
    pf_metrics_write(&all);
    pf_buf_put(&all, "", 1);
    const char *at = strstr((const char *)all.data, name);
    assert_non_null(at);
    double n = strtod(at + sizeof name - 1, NULL);
    pf_buf_free(&all);
    return n;
}

/* Counts what the disk has to take for a push: pages in the log, alone and with others in one transaction. */
static void test_pushes_share_the_pages_of_a_transaction(void **state)
{
    (void)state;
    enum { N = 20, ALONE_MAX = 10, SHARED_MAX = 12 };
    held h = {.lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER};
    many m = {.lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER};
    pf_error err;
    pthread_t thread;
    for (int i = 0; i < 5; i++) { /* the services and their series */
        char service[16];
        snprintf(service, sizeof service, "svc%d", i);
        assert_int_equal(fx_write(store, service, PF_TYPE_TRACE, "", i, "x", NULL, &err), PF_OK);
    }
    double before = log_pages();
    assert_int_equal(fx_write(store, "svc0", PF_TYPE_TRACE, "", 9, "x", NULL, &err), PF_OK);
    double alone = log_pages() - before;
    assert_true(alone >= 1 && alone <= ALONE_MAX);

    assert_int_equal(pthread_create(&thread, NULL, hold, &h), 0);
    pthread_mutex_lock(&h.lock);
    while (!h.inside)
        pthread_cond_wait(&h.cond, &h.lock);
    pthread_mutex_unlock(&h.lock);
    before = log_pages();
    one *all = start_many(&m, N);
    pthread_mutex_lock(&h.lock);
    h.go = true;
    pthread_cond_broadcast(&h.cond);
    pthread_mutex_unlock(&h.lock);
    pthread_join(thread, NULL);
    pthread_mutex_lock(&m.lock);
    while (m.done < N)
        pthread_cond_wait(&m.cond, &m.lock);
    pthread_mutex_unlock(&m.lock);
    assert_int_equal(m.failed, 0);
    double shared = log_pages() - before;
    print_message("log pages: %g alone, %g for %d\n", alone, shared, N);
    assert_true(shared >= 1 && shared <= SHARED_MAX);
    free(all);
}

typedef struct looking {
    atomic_bool stop;
    char id[PF_ID_MAX + 1];
} looking;

static void *look(void *ctx)
{
    looking *l = ctx;
    while (!atomic_load(&l->stop)) {
        count("svc", "");
        if (!fx_reads_back(store, l->id, "first"))
            return l;
    }
    return NULL;
}

/* Readers that are always there must not keep the log from being cut. */
static void test_log_stays_short_with_readers(void **state)
{
    (void)state;
    enum { N = 1000, BYTES = 48000, READERS = 3, LOG_MAX = 40 * 1000 * 1000 };
    char *body = malloc(BYTES), path[600];
    looking l = {.stop = false};
    pthread_t readers[READERS];
    pf_error err;
    struct stat st;
    off_t longest = 0;
    assert_int_equal(fx_write(store, "svc", PF_TYPE_CPU, "", 1, "first", l.id, &err), PF_OK);
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, look, &l), 0);
    partition_path(path, "-wal");
    memset(body, 'x', BYTES);
    for (int i = 0; i < N; i++) {
        pf_write w = {.meta = {.service = PF_STR("other"), .type = PF_TYPE_TRACE, .created_at = i},
                      .body = {body, BYTES}};
        assert_int_equal(pf_store_write_wait(store, &w, &err), PF_OK);
        if (stat(path, &st) == 0 && st.st_size > longest)
            longest = st.st_size;
    }
    atomic_store(&l.stop, true);
    for (int i = 0; i < READERS; i++) {
        void *failed;
        pthread_join(readers[i], &failed);
        assert_null(failed);
    }
    assert_true(longest > 0 && longest < LOG_MAX);
    free(body);
}

static void test_totals(void **state)
{
    (void)state;
    pf_str strings[] = {PF_STR(""), PF_STR("cpu"), PF_STR("nanoseconds"), PF_STR("samples"),
                        PF_STR("count")};
    pf_value_type types[] = {{1, 2}, {3, 4}, {1, 4}};
    int64_t values[] = {5, INT64_MAX, INT64_MIN, -8, 1, INT64_MAX, 1, 0, 0};
    pf_sample samples[3] = {{0}};
    pf_profile p = {.string = strings,
                    .nstring = 5,
                    .sample_type = types,
                    .nsample_type = 3,
                    .sample = samples,
                    .nsample = 3,
                    .value = values,
                    .duration_nanos = 60};
    pf_buf b = PF_BUF_INIT;
    pf_totals_put_sums(&p, &b);
    /* 5 - 8 + 1; the second leaves int64; the third does so on the way and comes back to -1. */
    assert_int_equal(b.len, 4);
    assert_int_equal(b.data[0], pf_zigzag(60));
    assert_int_equal(b.data[1], 1 | 4);
    assert_int_equal(b.data[2], pf_zigzag(-2));
    assert_int_equal(b.data[3], pf_zigzag(-1));
    pf_buf_clear(&b);
    pf_totals_put_types(&p, &b);
    assert_int_equal(b.len, 16 + 14 + 10);
    assert_memory_equal(b.data,
                        "\x03"
                        "cpu\x0bnanoseconds",
                        16);
    pf_buf_free(&b);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    pf_log_setup(PF_LOG_LEVEL_ERROR, PF_LOG_FORMAT_LOGFMT);
    const struct CMUnitTest tests[] = {
        CASE(test_full_queue_is_told_at_once),
        CASE(test_min_free_refuses_and_resumes),
        CASE(test_series_have_a_limit),
        CASE(test_a_taken_id_gives_way),
        CASE(test_closing_finishes_what_has_queued),
        CASE(test_a_bad_one_does_not_take_others_along),
        CASE(test_pushes_share_the_pages_of_a_transaction),
        CASE(test_log_stays_short_with_readers),
        cmocka_unit_test(test_totals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
