/* The ledger: all limits are kept or nothing is taken, and a refusal says whose limit it was. */
#include "base/ledger.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static pf_ledger all, one, other;

static int setup(void **state)
{
    (void)state;
    pf_ledger_init(&all, "-memory.max-inflight", 1600, PF_UNAVAILABLE, NULL);
    pf_ledger_init(&one, "-query.max-memory", 1000, PF_QUERY_LIMIT, &all);
    pf_ledger_init(&other, "-query.max-memory", SIZE_MAX, PF_QUERY_LIMIT, &all);
    return 0;
}

static void test_it_takes_from_all_or_none(void **state)
{
    (void)state;
    assert_true(pf_ledger_take(&other, 900, NULL));
    assert_true(pf_ledger_take(&one, 700, NULL));
    assert_int_equal(pf_ledger_held(&all), 1600);
    assert_false(pf_ledger_take(&one, 1, NULL));
    assert_int_equal(pf_ledger_held(&one), 700);
    assert_int_equal(pf_ledger_held(&all), 1600);
    pf_ledger_give(&other, 900);
    assert_false(pf_ledger_take(&one, 301, NULL));
    assert_true(pf_ledger_take(&one, 300, NULL));
    pf_ledger_give(&one, 1000);
    assert_int_equal(pf_ledger_held(&one), 0);
    assert_int_equal(pf_ledger_held(&all), 0);
}

static void check_refused(pf_ledger *l, size_t n, pf_code code, const char *flag, bool never)
{
    pf_ledger_refusal why;
    pf_error err;
    assert_false(pf_ledger_take(l, n, &why));
    assert_int_equal(why.never, never);
    assert_int_equal(pf_ledger_fail(&why, &err, "the merge"), code);
    assert_int_equal(err.code, code);
    assert_non_null(strstr(err.msg, flag));
    assert_non_null(strstr(err.msg, "the merge"));
}

static void test_a_refusal_tells_whose_limit_it_was(void **state)
{
    (void)state;
    check_refused(&one, 1001, PF_QUERY_LIMIT, "-query.max-memory", true);
    check_refused(&other, 1601, PF_TOO_LARGE, "-memory.max-inflight", true);
    check_refused(&other, SIZE_MAX, PF_TOO_LARGE, "-memory.max-inflight", true);
    assert_true(pf_ledger_take(&other, 1400, NULL));
    check_refused(&one, 201, PF_UNAVAILABLE, "-memory.max-inflight", false);
    check_refused(&other, 201, PF_TOO_LARGE, "-memory.max-inflight", true);
    check_refused(&all, 201, PF_UNAVAILABLE, "-memory.max-inflight", false);
}

static void *take_and_give(void *arg)
{
    for (int i = 0; i < 20000; i++)
        if (pf_ledger_take(arg, 600, NULL))
            pf_ledger_give(arg, 600);
    return NULL;
}

static void test_threads_leave_nothing_behind(void **state)
{
    (void)state;
    pthread_t thread[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, take_and_give, i % 2 ? &one : &other), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(pf_ledger_held(&one), 0);
    assert_int_equal(pf_ledger_held(&other), 0);
    assert_int_equal(pf_ledger_held(&all), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_it_takes_from_all_or_none, setup),
        cmocka_unit_test_setup(test_a_refusal_tells_whose_limit_it_was, setup),
        cmocka_unit_test_setup(test_threads_leave_nothing_behind, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
