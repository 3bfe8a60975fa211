/* How many profiles a transaction waits for. */
#include "storage/local/gather.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { NOW = 1000000000 };

static void test_a_push_on_its_own_does_not_wait(void **state)
{
    (void)state;
    pf_gather g = {0};
    assert_int_equal(pf_gather_target(&g, NOW), 1);
    for (int i = 0; i < 10; i++) {
        pf_gather_note(&g, 1, 0, NOW);
        assert_int_equal(pf_gather_target(&g, NOW + 1), 1);
    }
    pf_gather_note(&g, 1, 1, NOW); /* nor does the first of two */
    assert_int_equal(pf_gather_target(&g, NOW + 1), 1);
}

static void test_a_crowd_is_those_stored_and_those_waiting(void **state)
{
    (void)state;
    pf_gather g = {0};
    pf_gather_note(&g, 1, 7, NOW);
    assert_int_equal(pf_gather_target(&g, NOW + 1), 6);
    pf_gather_note(&g, 200, 100, NOW);
    assert_int_equal(pf_gather_target(&g, NOW + 1), PF_GATHER_MAX);
}

static void test_a_crowd_fades(void **state)
{
    (void)state;
    pf_gather g = {0};
    pf_gather_note(&g, 4, 4, NOW);
    size_t waits = 0;
    while (pf_gather_target(&g, NOW + 1) > 1) { /* pushes on their own from now on */
        pf_gather_note(&g, 1, 0, NOW);
        assert_true(++waits < 8);
    }
    assert_int_equal(waits, 6);
}

static void test_a_pause_ends_it_at_once(void **state)
{
    (void)state;
    pf_gather g = {0};
    pf_gather_note(&g, 8, 8, NOW);
    assert_int_equal(pf_gather_target(&g, NOW + PF_GATHER_FORGET_NS - 1), 12);
    assert_int_equal(pf_gather_target(&g, NOW + PF_GATHER_FORGET_NS), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_push_on_its_own_does_not_wait),
        cmocka_unit_test(test_a_crowd_is_those_stored_and_those_waiting),
        cmocka_unit_test(test_a_crowd_fades),
        cmocka_unit_test(test_a_pause_ends_it_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
