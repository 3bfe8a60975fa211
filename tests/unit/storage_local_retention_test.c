/* Retention with a clock that the tests move: what expires, what does not, and clocks that lie. */
#include "base/log.h"
#include "storage/local/reclaim.h"
#include "storage/local/store.h"
#include "support/store_fixture.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SECOND PF_NS_PER_SEC
#define HOUR (3600 * SECOND)
#define DAY (24 * HOUR)
#define NOON (INT64_C(20000) * DAY + 12 * HOUR)

typedef struct moved_clock {
    atomic_llong wall, boot;
} moved_clock;

static moved_clock now;
static char *dir;
static pf_store *store;

static int64_t read_wall(void *ctx)
{
    return atomic_load(&((moved_clock *)ctx)->wall);
}

static int64_t read_boot(void *ctx)
{
    return atomic_load(&((moved_clock *)ctx)->boot);
}

static const pf_clock moved = {read_wall, read_boot, &now};

static void tick(void)
{
    pf_committer_tick(&((pf_local *)store)->committer);
}

/* Both clocks go on together. */
static void pass(int64_t ns)
{
    tick(); /* so that no look lies between the two */
    atomic_fetch_add(&now.wall, ns);
    atomic_fetch_add(&now.boot, ns);
    tick();
}

static void open_store(int64_t ttl, int64_t max_size)
{
    pf_local_config cfg = pf_local_config_default();
    cfg.dir = dir;
    cfg.min_free = 0;
    cfg.data_ttl = ttl;
    cfg.max_size = max_size;
    cfg.clock = &moved;
    pf_error err;
    if (pf_local_open(&cfg, &store, &err))
        fail_msg("open: %s", err.msg);
}

static int set_up(void **state)
{
    (void)state;
    dir = fx_make_dir();
    atomic_store(&now.wall, NOON);
    atomic_store(&now.boot, 5 * SECOND);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pf_store_close(store);
    store = NULL;
    fx_remove_dir(dir);
    return 0;
}

static void put(const char *service, const char *body, char id[PF_ID_MAX + 1])
{
    pf_error err;
    if (fx_write(store, service, PF_TYPE_CPU, "k=v", read_wall(&now), body, id, &err))
        fail_msg("write: %s", err.msg);
}

static size_t count(const char *service)
{
    fx_found f = fx_find(store, service, PF_TYPE_UNKNOWN, "", INT64_MIN, INT64_MAX, 0, 100);
    size_t n = f.n;
    fx_found_free(&f);
    return n;
}

static bool on_disk(int64_t day)
{
    char name[PF_PARTITION_NAME + 1], path[512];
    pf_partition_name((pf_partition_key){day, 1}, name);
    snprintf(path, sizeof path, "%s/partitions/%s.db", dir, name);
    return access(path, F_OK) == 0;
}

static bool is_gone(const char *id)
{
    pf_blob blob;
    pf_error err;
    return pf_store_read(store, pf_str_c(id), NULL, &blob, &err) == PF_NOT_FOUND;
}

static void test_partition_lengths(void **state)
{
    (void)state;
    assert_int_equal(pf_partitions_days(DAY), 1);
    assert_int_equal(pf_partitions_days(15 * DAY), 1);
    assert_int_equal(pf_partitions_days(16 * DAY), 2);
    assert_int_equal(pf_partitions_days(90 * DAY), 11);
    assert_int_equal(pf_partitions_days(1000 * DAY), 30);
    assert_int_equal(pf_partitions_days(0), 30);
}

static void test_partition_names(void **state)
{
    (void)state;
    char name[PF_PARTITION_NAME + 1];
    pf_partition_key key;
    pf_partition_name((pf_partition_key){0, 1}, name);
    assert_string_equal(name, "1970-01-01");
    pf_partition_name((pf_partition_key){19782, 1}, name);
    assert_string_equal(name, "2024-02-29");
    pf_partition_name((pf_partition_key){2932896, PF_PARTITION_FILES}, name);
    assert_string_equal(name, "9999-12-31.1000000");
    assert_true(pf_partition_parse("2024-02-29.db", &key));
    assert_int_equal(key.day, 19782);
    assert_int_equal(key.file, 1);
    assert_true(pf_partition_parse("2024-02-29.1000000.db", &key));
    assert_int_equal(key.day, 19782);
    assert_int_equal(key.file, 1000000);
    static const char *const others[] = {"2024-02-30.db",
                                         "2024-2-29.db",
                                         "2024-02-29.db-wal",
                                         "notes.db",
                                         "2024-02-29.backup",
                                         " 024-02-29.db",
                                         "2024-02- 9.db",
                                         "1969-12-31.db",
                                         "",
                                         "2024-02-29.1.db",
                                         "2024-02-29.0.db",
                                         "2024-02-29.02.db",
                                         "2024-02-29.+2.db",
                                         "2024-02-29.1000001.db",
                                         "2024-02-29..db",
                                         "2024-02-29.99999999999999999999.db",
                                         "2024-02-29.2"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(pf_partition_parse(others[i], &key));
}

static void test_expires_by_whole_partitions(void **state)
{
    (void)state;
    char old[PF_ID_MAX + 1], young[PF_ID_MAX + 1];
    open_store(3 * DAY, 0);
    put("old", "one", old);
    pass(DAY);
    put("young", "two", young);
    assert_true(on_disk(20000) && on_disk(20001));
    pass(2 * DAY + HOUR);
    assert_true(is_gone(old));
    assert_false(on_disk(20000));
    assert_int_equal(count("old"), 0);
    assert_true(fx_reads_back(store, young, "two"));
    assert_int_equal(count("young"), 1);
    pass(DAY);
    assert_true(is_gone(young));
    assert_false(on_disk(20001)); /* the committer had it open */
    put("new", "three", young);
    assert_true(fx_reads_back(store, young, "three"));
}

static void test_is_kept_for_its_time(void **state)
{
    (void)state;
    char id[PF_ID_MAX + 1];
    open_store(3 * DAY, 0);
    put("svc", "x", id);
    pass(3 * DAY);
    assert_true(fx_reads_back(store, id, "x"));
    pass(2 * SECOND);
    assert_true(is_gone(id));
}

static void test_no_ttl_keeps_for_ever(void **state)
{
    (void)state;
    char id[PF_ID_MAX + 1];
    open_store(0, 0);
    put("svc", "x", id);
    pass(2000 * DAY);
    assert_true(fx_reads_back(store, id, "x"));
}

static void test_waits_for_an_hour_after_a_start(void **state)
{
    (void)state;
    char id[PF_ID_MAX + 1];
    open_store(DAY, 0);
    put("svc", "x", id);
    pf_store_close(store);
    atomic_fetch_add(&now.wall, 10 * DAY); /* perhaps true, perhaps a wrong clock */
    open_store(DAY, 0);
    pass(HOUR - SECOND);
    assert_true(fx_reads_back(store, id, "x"));
    pass(SECOND);
    assert_true(is_gone(id));
}

static void test_a_jump_restarts_the_wait(void **state)
{
    (void)state;
    char id[PF_ID_MAX + 1];
    open_store(DAY, 0);
    put("svc", "x", id);
    pass(2 * HOUR); /* trusted by now */
    atomic_fetch_add(&now.wall, 400 * DAY);
    tick();
    assert_true(fx_reads_back(store, id, "x"));
    pass(30 * 60 * SECOND);
    atomic_fetch_sub(&now.wall, 400 * DAY); /* somebody has put it right */
    tick();
    pass(2 * HOUR);
    assert_true(fx_reads_back(store, id, "x"));
    pass(DAY);
    assert_true(is_gone(id));
}

static void test_slewing_is_no_jump(void **state)
{
    (void)state;
    pf_trust trust = {0};
    int64_t jump;
    atomic_store(&now.boot, 0);
    for (int i = 0; i < 3600; i++) {
        assert_false(pf_trust_look(&trust, &moved, &jump));
        assert_int_equal(jump, 0);
        atomic_fetch_add(&now.boot, SECOND);
        atomic_fetch_add(&now.wall, SECOND + SECOND / 10);
    }
    assert_true(pf_trust_look(&trust, &moved, &jump));
    atomic_fetch_sub(&now.wall, 3 * SECOND);
    assert_false(pf_trust_look(&trust, &moved, &jump));
    assert_int_equal(jump, -3 * SECOND);
}

/* What arrived under a wrong clock is found by id, by listing and after a restart, on either side. */
static void test_jumps_lose_nothing(void **state)
{
    (void)state;
    static const int64_t jumps[] = {0, 3 * DAY, -5 * DAY, 40 * DAY, -38 * DAY, HOUR};
    enum { N = sizeof jumps / sizeof *jumps };
    char ids[N][PF_ID_MAX + 1], body[16];
    open_store(5 * DAY, 0);
    for (int i = 0; i < N; i++) {
        atomic_fetch_add(&now.wall, jumps[i]);
        snprintf(body, sizeof body, "jump %d", i);
        put("svc", body, ids[i]);
        tick();
    }
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < N; i++) {
            snprintf(body, sizeof body, "jump %d", i);
            assert_true(fx_reads_back(store, ids[i], body));
        }
        assert_int_equal(count("svc"), N);
        pf_store_close(store);
        open_store(5 * DAY, 0);
    }
}

/* Partitions of one length, then of another: every id is found, whatever file it is in. */
static void test_another_ttl_finds_all(void **state)
{
    (void)state;
    char ids[12][PF_ID_MAX + 1];
    static const int64_t ttls[] = {5 * DAY, 200 * DAY, 0};
    for (int i = 0; i < 12; i++) {
        open_store(ttls[i / 4], 0);
        put("svc", "x", ids[i]);
        atomic_fetch_add(&now.wall, DAY);
        pf_store_close(store);
    }
    open_store(0, 0);
    for (int i = 0; i < 12; i++)
        assert_true(fx_reads_back(store, ids[i], "x"));
    assert_int_equal(count("svc"), 12);
}

static void test_max_size_drops_the_oldest(void **state)
{
    (void)state;
    enum { BYTES = 400 * 1000 };
    static char body[BYTES];
    for (int i = 0; i < BYTES - 1; i++)
        body[i] = (char)(32 + (unsigned)i * 2654435761u % 94);
    char ids[4][PF_ID_MAX + 1];
    open_store(0, 2000 * 1000);
    for (int i = 0; i < 4; i++) {
        pf_error err;
        assert_int_equal(fx_write(store, "svc", PF_TYPE_TRACE, "", 1, body, ids[i], &err), PF_OK);
        pass(30 * DAY);
    }
    assert_true(is_gone(ids[0]));
    assert_true(fx_reads_back(store, ids[3], body));
    assert_true(fx_reads_back(store, ids[2], body));
    pf_store_close(store);
    open_store(0, 1); /* nothing fits: what is being written stays */
    char last[PF_ID_MAX + 1];
    put("svc", "last", last);
    tick();
    assert_true(is_gone(ids[3]));
    assert_true(fx_reads_back(store, last, "last"));
}

static int64_t bytes_on_disk(void)
{
    char command[600];
    long long kib = 0;
    snprintf(command, sizeof command, "du -sk %s/partitions", dir);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%lld", &kib), 1);
    pclose(f);
    return kib * 1024;
}

/* All in one day: the ceiling holds after every push, and what came last is there. */
static void check_ceiling(int64_t ttl)
{
    enum { MAX = 8 << 20, BYTES = 100 * 1000, PUSHES = 400 };
    static char body[BYTES], ids[PUSHES][PF_ID_MAX + 1];
    int64_t peak = 0;
    pf_error err;
    open_store(ttl, MAX);
    for (int k = 0; k < PUSHES; k++) {
        for (int i = 0; i < BYTES - 1; i++)
            body[i] = (char)(32 + (unsigned)(i + k) * 2654435761u % 94);
        assert_int_equal(fx_write(store, "svc", PF_TYPE_TRACE, "", 1, body, ids[k], &err), PF_OK);
        assert_true(fx_reads_back(store, ids[k], body));
        int64_t bytes = bytes_on_disk();
        peak = bytes > peak ? bytes : peak;
        if (k == PUSHES / 2) {
            pf_store_close(store);
            open_store(ttl, MAX);
        }
    }
    assert_true(peak <= MAX);
    assert_true(peak > MAX / 2); /* it is used, too */
    assert_true(is_gone(ids[0]));
    assert_true(count("svc") >= MAX / 2 / BYTES);
}

static void test_max_size_is_a_ceiling(void **state)
{
    (void)state;
    check_ceiling(15 * DAY);
}

static void test_max_size_is_a_ceiling_without_a_ttl(void **state)
{
    (void)state;
    check_ceiling(0);
}

static pf_code push_as(const char *external_id, const char *body, pf_write *w)
{
    static pf_arena a;
    pf_error err;
    pf_arena_free(&a);
    pf_arena_init(&a, NULL, 0);
    *w = (pf_write){.meta = {.service = PF_STR("svc"), .type = PF_TYPE_TRACE, .created_at = 1},
                    .external_id = pf_str_c(external_id),
                    .body = pf_str_c(body),
                    .arena = &a};
    return pf_store_write_wait(store, w, &err);
}

/* The answer got lost, and the day ended before it was pushed again. */
static void test_a_repeated_push_is_known_the_day_after(void **state)
{
    (void)state;
    char first[PF_ID_MAX + 1];
    pf_write w;
    open_store(15 * DAY, 0);
    assert_int_equal(push_as("one", "body", &w), PF_OK);
    strcpy(first, w.id);
    pass(3 * DAY);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(push_as("two", "body", &w), PF_OK);
        assert_int_equal(w.repeated, round == 1);
        assert_int_equal(push_as("one", "body", &w), PF_OK);
        assert_true(w.repeated);
        assert_string_equal(w.id, first);
        assert_int_equal(push_as("one", "another", &w), PF_CONFLICT);
        assert_int_equal(count("svc"), 2);
        pf_store_close(store);
        open_store(15 * DAY, 0);
    }
}

/* What was deleted from a day that is over comes back as free space, step by step, and the rest stays. */
static void test_space_of_deleted_profiles_comes_back(void **state)
{
    (void)state;
    enum { BYTES = 100 * 1000, PUSHES = 100 };
    static char body[BYTES];
    char ids[PUSHES][PF_ID_MAX + 1], today[PF_ID_MAX + 1];
    pf_error err;
    int64_t removed;
    for (int i = 0; i < BYTES - 1; i++)
        body[i] = (char)(32 + (unsigned)i * 2654435761u % 94);
    open_store(15 * DAY, 0);
    for (int k = 0; k < PUSHES; k++)
        assert_int_equal(
            fx_write(store, k % 10 ? "old" : "kept", PF_TYPE_TRACE, "", 1, body, ids[k], &err),
            PF_OK);
    pass(DAY);
    put("svc", "today", today);
    tick();
    int64_t before = bytes_on_disk();
    assert_true(before > PUSHES * BYTES);
    pf_query q = {.service = PF_STR("old"), .from = INT64_MIN, .to = INT64_MAX};
    pf_removal all = {.what = {.query = &q}};
    assert_int_equal(pf_store_remove(store, &all, NULL, &removed, &err), PF_OK);
    assert_int_equal(removed, 90);
    for (int i = 0; i < 2 + 90 * BYTES / 4096 / PF_RECLAIM_PAGES; i++)
        tick();
    assert_true(bytes_on_disk() < before - 85 * BYTES);
    for (int k = 0; k < PUSHES; k += 10)
        assert_true(fx_reads_back(store, ids[k], body));
    assert_true(fx_reads_back(store, today, "today"));
    assert_int_equal(count("old"), 0);
}

/* Nothing has been pushed since the start, so nothing is being written: what is kept is told by the days alone. */
static void test_max_size_after_a_restart_keeps_todays(void **state)
{
    (void)state;
    char ids[3][PF_ID_MAX + 1];
    open_store(15 * DAY, 1);
    for (int i = 0; i < 3; i++)
        put("svc", "x", ids[i]);
    for (int i = 0; i < 2; i++) {
        pf_store_close(store);
        open_store(15 * DAY, 1);
        tick();
        assert_int_equal(count("svc"), 3);
    }
    assert_true(fx_reads_back(store, ids[0], "x"));
}

static void test_max_size_after_a_restart_keeps_the_newest(void **state)
{
    (void)state;
    char ids[2][PF_ID_MAX + 1];
    open_store(15 * DAY, 0);
    for (int i = 0; i < 2; i++) {
        put("svc", "x", ids[i]);
        pass(DAY);
    }
    pass(2 * DAY);
    pf_store_close(store);
    open_store(15 * DAY, 1);
    tick();
    assert_true(is_gone(ids[0]));
    assert_true(fx_reads_back(store, ids[1], "x"));
}

/* A first push of the day that could not be stored leaves a partition with nothing in it. */
static void test_an_empty_partition_is_not_the_newest(void **state)
{
    (void)state;
    char id[PF_ID_MAX + 1], partitions[512];
    pf_partition *p;
    pf_error err;
    open_store(15 * DAY, 0);
    put("svc", "x", id);
    pf_store_close(store);
    snprintf(partitions, sizeof partitions, "%s/partitions", dir);
    bool damaged;
    assert_int_equal(
        pf_partition_open(partitions, (pf_partition_key){20001, 1}, true, &p, &damaged, &err),
        PF_OK);
    pf_partition_unref(p);
    atomic_fetch_add(&now.wall, DAY);
    open_store(15 * DAY, 1);
    tick();
    assert_true(fx_reads_back(store, id, "x"));
    assert_true(on_disk(20001));
}

/* A machine that forgot the time: what came last before is of a day to come, and what comes now is the oldest. */
static void test_max_size_with_a_clock_gone_back(void **state)
{
    (void)state;
    char old[PF_ID_MAX + 1], newest[PF_ID_MAX + 1], today[PF_ID_MAX + 1];
    open_store(15 * DAY, 0);
    put("svc", "x", old);
    pass(DAY);
    put("svc", "y", newest);
    pf_store_close(store);
    atomic_store(&now.wall, DAY);
    open_store(15 * DAY, 1);
    tick();
    assert_true(is_gone(old));
    assert_true(fx_reads_back(store, newest, "y"));
    put("svc", "z", today);
    pf_store_close(store);
    open_store(15 * DAY, 1);
    tick();
    assert_true(fx_reads_back(store, newest, "y"));
    assert_true(fx_reads_back(store, today, "z"));
}

/* By time alone neither today's nor what is of a day to come can be too old. */
static void test_expiry_after_a_restart_with_a_clock_gone_back(void **state)
{
    (void)state;
    char ids[2][PF_ID_MAX + 1];
    open_store(3 * DAY, 0);
    put("svc", "x", ids[0]);
    pf_store_close(store);
    atomic_fetch_sub(&now.wall, 100 * DAY);
    open_store(3 * DAY, 0);
    put("svc", "y", ids[1]);
    pf_store_close(store);
    open_store(3 * DAY, 0);
    pass(2 * HOUR); /* trusted by now */
    assert_true(fx_reads_back(store, ids[0], "x"));
    assert_true(fx_reads_back(store, ids[1], "y"));
}

typedef struct expiring {
    char id[PF_ID_MAX + 1];
    size_t given;
} expiring;

static bool expire_meanwhile(void *ctx, const pf_meta *meta)
{
    expiring *e = ctx;
    if (e->given++ == 0)
        pass(10 * DAY);
    return meta->id.n > 0;
}

/* A listing holds its partitions: they expire under it, and it is finished all the same. */
static void test_queries_under_way_finish(void **state)
{
    (void)state;
    open_store(2 * DAY, 0);
    for (int i = 0; i < 20; i++)
        put("svc", "x", NULL);
    pf_query q = {.service = PF_STR("svc"), .from = INT64_MIN, .to = INT64_MAX};
    pf_find_pos pos = {0};
    pf_error err;
    expiring e = {.given = 0};
    pass(HOUR);
    assert_int_equal(pf_store_find(store, &q, &pos, 100, NULL, expire_meanwhile, &e, &err), PF_OK);
    assert_int_equal(e.given, 20);
    tick();
    assert_int_equal(count("svc"), 0);
    assert_false(on_disk(20000));
    put("svc", "again", e.id);
    assert_true(fx_reads_back(store, e.id, "again"));
}

typedef struct crowd {
    atomic_bool stop;
    atomic_int faults;
} crowd;

static void *read_what_is_there(void *ctx)
{
    crowd *c = ctx;
    while (!atomic_load(&c->stop)) {
        fx_found f = fx_find(store, "svc", PF_TYPE_CPU, "k=v", INT64_MIN, INT64_MAX, 20, 7);
        for (size_t i = 0; i < f.n; i++) {
            pf_blob blob;
            pf_error err;
            pf_code code = pf_store_read(store, pf_str_c(f.list[i].id), NULL, &blob, &err);
            if (code == PF_OK)
                pf_buf_free(&blob.bytes);
            else if (code != PF_NOT_FOUND) /* it may expire in between */
                atomic_fetch_add(&c->faults, 1);
        }
        fx_found_free(&f);
    }
    return NULL;
}

/* Partitions come and go under readers: nothing but "not found" may come of it. */
static void test_expiry_under_readers(void **state)
{
    (void)state;
    enum { READERS = 3, DAYS = 40 };
    pthread_t threads[READERS];
    crowd c = {.stop = false};
    char id[PF_ID_MAX + 1];
    open_store(2 * DAY, 0);
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_what_is_there, &c), 0);
    for (int day = 0; day < DAYS; day++) {
        for (int i = 0; i < 10; i++)
            put("svc", "x", id);
        pass(DAY);
        assert_true(fx_reads_back(store, id, "x"));
    }
    atomic_store(&c.stop, true);
    for (int i = 0; i < READERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&c.faults), 0);
    tick();
    assert_false(on_disk(20000 + DAYS - 4));
    assert_true(on_disk(20000 + DAYS - 1));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    pf_log_setup(PF_LOG_LEVEL_ERROR, PF_LOG_FORMAT_LOGFMT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_partition_lengths),
        cmocka_unit_test(test_partition_names),
        CASE(test_expires_by_whole_partitions),
        CASE(test_is_kept_for_its_time),
        CASE(test_no_ttl_keeps_for_ever),
        CASE(test_waits_for_an_hour_after_a_start),
        CASE(test_a_jump_restarts_the_wait),
        CASE(test_slewing_is_no_jump),
        CASE(test_jumps_lose_nothing),
        CASE(test_another_ttl_finds_all),
        CASE(test_max_size_drops_the_oldest),
        CASE(test_max_size_is_a_ceiling),
        CASE(test_a_repeated_push_is_known_the_day_after),
        CASE(test_space_of_deleted_profiles_comes_back),
        CASE(test_max_size_is_a_ceiling_without_a_ttl),
        CASE(test_max_size_after_a_restart_keeps_todays),
        CASE(test_max_size_after_a_restart_keeps_the_newest),
        CASE(test_an_empty_partition_is_not_the_newest),
        CASE(test_max_size_with_a_clock_gone_back),
        CASE(test_expiry_after_a_restart_with_a_clock_gone_back),
        CASE(test_queries_under_way_finish),
        CASE(test_expiry_under_readers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
