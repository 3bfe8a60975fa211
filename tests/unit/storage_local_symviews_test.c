/* The cache of symbol tables: what one reader has is not taken from it by another one's failure. */
#include "storage/local/store.h"
#include "support/store_fixture.h"
#include "support/symbols_path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static char *dir;
static pf_local *local;
static pf_partition **parts;
static size_t nparts;
static pf_conn *conn;

/* A made-up profile, which brings new stacks, hence a chunk. */
static void push(uint64_t seed)
{
    pf_arena a;
    pf_error err = {0};
    pf_buf body = PF_BUF_INIT;
    pf_profile made, decoded;
    pf_arena_init(&a, NULL, 0);
    made = pf_test_profile(seed, &a);
    assert_int_equal(pf_profile_encode(&made, &body, &err), PF_OK);
    assert_int_equal(pf_profile_decode(&decoded, &a, pf_buf_str(&body), &err), PF_OK);
    pf_write w = {.meta = {.service = PF_STR("s"), .type = PF_TYPE_CPU, .created_at = 1},
                  .body = pf_buf_str(&body),
                  .inflated = pf_buf_str(&body),
                  .profile = &decoded,
                  .arena = &a};
    assert_int_equal(pf_store_write_wait(&local->base, &w, &err), PF_OK);
    pf_buf_free(&body);
    pf_arena_free(&a);
}

static int set_up(void **state)
{
    (void)state;
    pf_error err = {0};
    pf_store *s;
    dir = fx_make_dir();
    pf_local_config cfg = pf_local_config_default();
    cfg.dir = dir;
    cfg.min_free = 0;
    if (pf_local_open(&cfg, &s, &err))
        fail_msg("%s", err.msg);
    local = (pf_local *)s;
    push(1);
    push(2);
    assert_int_equal(pf_partitions_all(&local->set, &parts, &nparts, &err), PF_OK);
    assert_int_equal(nparts, 1);
    assert_int_equal(pf_conns_take(&local->conns, parts[0], NULL, &conn, &err), PF_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pf_conns_give(&local->conns, conn);
    pf_partitions_release(parts, nparts);
    pf_store_close(&local->base);
    fx_remove_dir(dir);
    return 0;
}

static pf_symview *take(void)
{
    pf_error err;
    pf_symview *view;
    assert_int_equal(pf_symviews_take(&local->views, parts[0], 1, &view, &err), PF_OK);
    return view;
}

/* Until `stack` is there. */
static pf_code reach(pf_symview *view, const pf_op *op, uint32_t stack)
{
    pf_error err;
    const uint32_t next[PF_TABLES] = {[PF_TABLE_STACK] = stack + 1};
    return pf_symview_reach(view, conn, op, next, NULL, &err);
}

static void a_failure_takes_nothing_from_others(void **state)
{
    (void)state;
    pf_ledger none;
    pf_op poor = {.budget = &none};
    pf_ledger_init(&none, "-memory.max-inflight", 1, PF_UNAVAILABLE, NULL);
    pf_symview *one = take(), *two = take();
    assert_int_equal(reach(one, NULL, 1), PF_OK);
    uint32_t beyond = one->tables.next[PF_TABLE_STACK];
    local->views.max = 0; /* all of it counts against the memory in flight */
    assert_int_equal(reach(two, &poor, beyond), PF_QUERY_LIMIT);
    assert_true(pf_tables_has(&one->tables, PF_TABLE_STACK, 1));
    assert_int_equal(reach(one, &poor, 1), PF_OK);
    pf_symviews_give(&local->views, two);
    pf_symview *three = take();
    assert_true(three != one);
    assert_true(pf_tables_is_empty(&three->tables));
    assert_int_equal(reach(three, NULL, beyond), PF_OK);
    assert_true(pf_tables_has(&one->tables, PF_TABLE_STACK, 1));
    pf_symviews_give(&local->views, one);
    pf_symviews_give(&local->views, three);
    assert_int_equal(local->views.bytes, 0);
    local->views.budget = NULL;
}

/* A chunk that can't be read: those before it can. */
static void damage_takes_nothing_from_others(void **state)
{
    (void)state;
    pf_error err;
    sqlite3 *db;
    pf_symview *one = take(), *two = take();
    assert_int_equal(reach(one, NULL, 1), PF_OK);
    uint32_t beyond = one->tables.next[PF_TABLE_STACK];
    assert_int_equal(pf_db_open(parts[0]->path, 0, 1 << 20, &db, &err), PF_OK);
    assert_int_equal(pf_db_exec(db,
                                "UPDATE symbols SET checksum = checksum + 1"
                                " WHERE number = (SELECT max(number) FROM symbols)",
                                &err),
                     PF_OK);
    sqlite3_close(db);
    assert_int_equal(reach(two, NULL, beyond), PF_INTERNAL);
    assert_true(pf_tables_has(&one->tables, PF_TABLE_STACK, 1));
    assert_int_equal(reach(two, NULL, beyond), PF_INTERNAL); /* it may be tried again */
    pf_symviews_give(&local->views, two);
    pf_symviews_give(&local->views, one);
    assert_int_equal(local->views.bytes, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_failure_takes_nothing_from_others),
        CASE(damage_takes_nothing_from_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
