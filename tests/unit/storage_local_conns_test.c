/* Readers' connections are opened once and kept: counted, for one reader and for several, with as many partitions as
 * a store has by default and with more. All of them together keep to the memory that is theirs.
 */
#include "base/log.h"
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

#define DAY (86400 * PF_NS_PER_SEC)
enum { READERS = 4 };

static atomic_llong wall, boot;
static char *dir;
static pf_local *local;

static int64_t read_wall(void *ctx)
{
    (void)ctx;
    return atomic_load(&wall);
}

static int64_t read_boot(void *ctx)
{
    (void)ctx;
    return atomic_load(&boot);
}

static const pf_clock moved = {read_wall, read_boot, NULL};

static void put(const char *service)
{
    pf_error err;
    if (fx_write(&local->base, service, PF_TYPE_CPU, "", 1, "x", NULL, &err))
        fail_msg("write: %s", err.msg);
}

/* The clock jumps from day to day, so that nothing expires. */
static void open_store(size_t partitions, size_t readers)
{
    pf_local_config cfg = pf_local_config_default();
    pf_store *s;
    pf_error err;
    cfg.dir = dir;
    cfg.min_free = 0;
    cfg.clock = &moved;
    cfg.readers = readers;
    if (pf_local_open(&cfg, &s, &err))
        fail_msg("open: %s", err.msg);
    local = (pf_local *)s;
    for (size_t i = 0; i < partitions; i++) {
        atomic_fetch_add(&wall, DAY);
        put(i % 2 ? "odd" : "even");
    }
    assert_int_equal(pf_partitions_count(&local->set), partitions);
}

static int set_up(void **state)
{
    (void)state;
    dir = fx_make_dir();
    atomic_store(&wall, 20000 * DAY);
    atomic_store(&boot, PF_NS_PER_SEC);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pf_store_close(&local->base);
    fx_remove_dir(dir);
    return 0;
}

/* Since the process began. */
static size_t opened(void)
{
    static const char name[] = "\nprofefe_local_connections_opened_total ";
    pf_buf text = PF_BUF_INIT;
    pf_metrics_write(&text);
    pf_buf_putc(&text, 0);
    assert_false(text.failed);
    const char *at = strstr(text.data, name);
    assert_non_null(at);
    size_t n = strtoul(at + strlen(name), NULL, 10);
    pf_buf_free(&text);
    return n;
}

static bool count_name(void *ctx, pf_str name)
{
    (void)name;
    ++*(size_t *)ctx;
    return true;
}

static size_t services(void)
{
    size_t n = 0;
    pf_error err;
    if (pf_store_services(&local->base, NULL, count_name, &n, &err))
        fail_msg("services: %s", err.msg);
    return n;
}

static void check_one_reader(size_t partitions)
{
    open_store(partitions, READERS);
    size_t before = opened();
    assert_int_equal(services(), 2);
    assert_int_equal(opened() - before, partitions);
    for (int i = 0; i < 3; i++)
        assert_int_equal(services(), 2);
    assert_int_equal(opened() - before, partitions);
}

static void test_one_reader_opens_17_partitions_once(void **state)
{
    (void)state;
    check_one_reader(17);
}

static void test_one_reader_opens_40_partitions_once(void **state)
{
    (void)state;
    check_one_reader(40);
}

/* All readers in each partition at a time: no more can meet. */
static void meet_everywhere(pf_partition **list, size_t n)
{
    pf_conn *conn[READERS];
    pf_error err;
    for (size_t i = 0; i < n; i++) {
        for (int r = 0; r < READERS; r++)
            if (pf_conns_take(&local->conns, list[i], NULL, &conn[r], &err))
                fail_msg("take: %s", err.msg);
        for (int r = 0; r < READERS; r++)
            pf_conns_give(&local->conns, conn[r]);
    }
}

static void *read_often(void *faults)
{
    size_t n = 0;
    for (int i = 0; i < 50; i++, n = 0)
        if (pf_store_services(&local->base, NULL, count_name, &n, NULL) || n != 2)
            atomic_fetch_add((atomic_int *)faults, 1);
    return NULL;
}

static void check_readers(size_t partitions)
{
    pthread_t threads[READERS];
    atomic_int faults = 0;
    pf_partition **list;
    size_t n;
    pf_error err;
    open_store(partitions, READERS);
    assert_int_equal(pf_partitions_all(&local->set, &list, &n, &err), PF_OK);
    size_t before = opened();
    meet_everywhere(list, n);
    assert_int_equal(opened() - before, partitions * READERS);
    meet_everywhere(list, n);
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_often, &faults), 0);
    for (int i = 0; i < READERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&faults), 0);
    assert_int_equal(opened() - before, partitions * READERS);
    pf_partitions_release(list, n);
}

static void test_readers_open_17_partitions_once(void **state)
{
    (void)state;
    check_readers(17);
}

static void test_readers_open_40_partitions_once(void **state)
{
    (void)state;
    check_readers(40);
}

/* A partition that a reader keeps from going must not take the connections of the others along, batch by batch. */
static void test_a_dying_partition_costs_the_others_nothing(void **state)
{
    (void)state;
    enum { PARTITIONS = 12 };
    pf_partition **list;
    pf_conn *held;
    size_t n;
    pf_error err;
    open_store(PARTITIONS, READERS);
    assert_int_equal(pf_partitions_all(&local->set, &list, &n, &err), PF_OK);
    char *path = strdup(list[0]->path);
    assert_non_null(path);
    assert_int_equal(services(), 2);
    assert_int_equal(pf_conns_take(&local->conns, list[0], NULL, &held, &err), PF_OK);
    pf_partitions_release(list, n);
    pf_committer_tick(&local->committer);
    atomic_fetch_add(&wall, 4 * DAY + PF_NS_PER_SEC); /* so that the first one is over its time */
    atomic_fetch_add(&boot, 4 * DAY + PF_NS_PER_SEC);
    pf_committer_tick(&local->committer);
    assert_int_equal(pf_partitions_count(&local->set), PARTITIONS - 1);
    put("even"); /* makes today's */
    assert_int_equal(services(), 2);
    size_t before = opened();
    for (int i = 0; i < 3; i++) {
        put("odd");
        assert_int_equal(services(), 2);
    }
    assert_int_equal(opened() - before, 0);
    assert_int_equal(access(path, F_OK), 0);
    pf_conns_give(&local->conns, held);
    put("odd");
    assert_int_not_equal(access(path, F_OK), 0);
    free(path);
}

/* What the idle ones may take, by what SQLite says of each. */
static size_t held(void)
{
    size_t sum = 0;
    pf_error err;
    pthread_mutex_lock(&local->conns.lock);
    for (pf_conn *conn = local->conns.idle; conn; conn = conn->next) {
        int64_t kib = 0;
        assert_int_equal(pf_db_number(conn->db, "PRAGMA cache_size", &kib, &err), PF_OK);
        assert_true(kib < 0);
        sum += (size_t)-kib * 1024 + PF_CONN_FIXED;
    }
    pthread_mutex_unlock(&local->conns.lock);
    return sum;
}

/* The page caches of those that are there shrink when more are to share the memory. */
static void test_all_together_keep_to_their_memory(void **state)
{
    (void)state;
    pf_partition **list;
    size_t n, memory = pf_local_config_default().cache_size / 4;
    pf_error err;
    open_store(17, READERS);
    assert_int_equal(local->conns.max, 17 * READERS);
    assert_int_equal(pf_partitions_all(&local->set, &list, &n, &err), PF_OK);
    for (size_t i = 1; i <= n; i *= 2) {
        meet_everywhere(list, i);
        size_t share = memory / (i * READERS < 16 ? 16 : i * READERS);
        assert_in_range(held(), i * READERS * (share - 1024), memory);
    }
    meet_everywhere(list, n);
    assert_in_range(held(), memory - n * READERS * 1024, memory);
    pf_partitions_release(list, n);
}

/* What is counted for a connection besides its pages is what it takes, all statements prepared. */
static void test_what_a_connection_takes_is_counted(void **state)
{
    (void)state;
    pf_partition **list;
    pf_conn *conn;
    size_t n;
    int schema, statements, unused;
    pf_error err;
    open_store(1, READERS);
    assert_int_equal(pf_partitions_all(&local->set, &list, &n, &err), PF_OK);
    assert_int_equal(pf_conns_take(&local->conns, list[0], NULL, &conn, &err), PF_OK);
    for (int i = 0; i < PF_STMT_COUNT; i++)
        assert_non_null(pf_conn_stmt(conn, (pf_stmt)i, &err));
    sqlite3_db_status(conn->db, SQLITE_DBSTATUS_SCHEMA_USED, &schema, &unused, 0);
    sqlite3_db_status(conn->db, SQLITE_DBSTATUS_STMT_USED, &statements, &unused, 0);
    assert_in_range(schema + statements, 1, PF_CONN_FIXED);
    pf_conns_give(&local->conns, conn);
    pf_partitions_release(list, n);
}

static void test_memory_and_open_files_are_ceilings(void **state)
{
    (void)state;
    enum { MIB = 1 << 20 };
    pf_conns c;
    open_store(0, 1000);
    pf_conns_init(&c, 16 * MIB, 1000, 1000000, local->metrics.opened);
    pf_conns_fit(&c, 1000);
    assert_in_range(c.max, 160, 165);
    pf_conns_free(&c);
    pf_conns_init(&c, 16 * MIB, 1000, 100, local->metrics.opened);
    pf_conns_fit(&c, 1000);
    assert_int_equal(c.max, 50);
    pf_conns_free(&c);
    pf_conns_init(&c, MIB / 4, 4, 3, local->metrics.opened); /* some are needed in any case */
    pf_conns_fit(&c, 1000);
    assert_int_equal(c.max, 16);
    assert_int_equal(c.cache, PF_CONN_PAGES_MIN); /* the least there is */
    pf_conns_free(&c);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    pf_log_setup(PF_LOG_LEVEL_ERROR, PF_LOG_FORMAT_LOGFMT);
    const struct CMUnitTest tests[] = {
        CASE(test_one_reader_opens_17_partitions_once),
        CASE(test_one_reader_opens_40_partitions_once),
        CASE(test_readers_open_17_partitions_once),
        CASE(test_readers_open_40_partitions_once),
        CASE(test_a_dying_partition_costs_the_others_nothing),
        CASE(test_all_together_keep_to_their_memory),
        CASE(test_what_a_connection_takes_is_counted),
        CASE(test_memory_and_open_files_are_ceilings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
