/* Arenas: alignment, limits, the budget, and what a reset keeps. */
#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_pieces_are_aligned_and_apart(void **state)
{
    (void)state;
    pf_arena a;
    pf_arena_init(&a, NULL, 0);
    char *last = NULL;
    for (size_t n = 0; n < 300; n++) {
        char *p = pf_arena_alloc(&a, n);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        assert_ptr_not_equal(p, last);
        memset(p, (int)n, n);
        last = n ? p : last;
    }
    pf_arena_free(&a);
    assert_int_equal(a.held, 0);
}

static void test_zalloc_zeroes_reused_memory(void **state)
{
    (void)state;
    pf_arena a;
    pf_arena_init(&a, NULL, 0);
    memset(pf_arena_alloc(&a, 1000), 0xff, 1000);
    pf_arena_reset(&a, 1 << 20);
    const char *p = pf_arena_zalloc(&a, 1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(p[i], 0);
    pf_arena_free(&a);
}

static void test_a_limit_refuses_and_says_too_large(void **state)
{
    (void)state;
    pf_arena a;
    pf_error err;
    pf_arena_init(&a, NULL, 100000);
    assert_non_null(pf_arena_alloc(&a, 60000));
    assert_null(pf_arena_alloc(&a, 60000));
    assert_int_equal(pf_arena_fail(&a, &err, "a thing"), PF_TOO_LARGE);
    assert_non_null(strstr(err.msg, "a thing"));
    assert_true(a.held <= 100000);
    assert_non_null(pf_arena_alloc(&a, 100)); /* what fits still does */
    pf_arena_free(&a);
}

static void test_the_reason_outlives_a_success(void **state)
{
    (void)state;
    /* Several pieces are asked for and checked together. */
    pf_arena a;
    pf_arena_init(&a, NULL, 100000);
    assert_null(pf_arena_alloc(&a, 200000));
    assert_non_null(pf_arena_alloc(&a, 10));
    assert_int_equal(pf_arena_fail(&a, NULL, "a thing"), PF_TOO_LARGE);
    pf_arena_free(&a);

    pf_ledger budget;
    pf_ledger_init(&budget, "-memory.max-inflight", 200000, PF_UNAVAILABLE, NULL);
    assert_true(pf_ledger_take(&budget, 100000, NULL)); /* by others */
    pf_arena_init(&a, &budget, 0);
    assert_null(pf_arena_alloc(&a, 150000));
    assert_non_null(pf_arena_alloc(&a, 10));
    assert_int_equal(pf_arena_fail(&a, NULL, "a thing"), PF_UNAVAILABLE);
    pf_arena_free(&a);
    pf_ledger_give(&budget, 100000);
}

static void test_a_budget_is_shared_and_given_back(void **state)
{
    (void)state;
    pf_ledger b;
    pf_arena one, two;
    pf_error err;
    pf_ledger_init(&b, "-memory.max-inflight", 1 << 20, PF_UNAVAILABLE, NULL);
    pf_arena_init(&one, &b, 0);
    pf_arena_init(&two, &b, 0);
    assert_non_null(pf_arena_alloc(&one, 700000));
    assert_null(pf_arena_alloc(&two, 700000));
    assert_int_equal(pf_arena_fail(&two, &err, "x"), PF_UNAVAILABLE); /* it may pass later */
    assert_null(pf_arena_alloc(&two, 2 << 20));
    assert_int_equal(pf_arena_fail(&two, &err, "x"), PF_TOO_LARGE); /* it never could */
    pf_arena_free(&one);
    assert_int_equal(pf_ledger_held(&b), 0);
    assert_non_null(pf_arena_alloc(&two, 700000));
    pf_arena_free(&two);
    assert_int_equal(pf_ledger_held(&b), 0);
}

/* What the request holds elsewhere counts: the two together never fit, though each would. */
static void test_what_never_fits_beside_a_body(void **state)
{
    (void)state;
    pf_ledger b;
    pf_arena a;
    pf_error err;
    pf_ledger_init(&b, "-memory.max-inflight", 1600000, PF_UNAVAILABLE,
                   NULL); /* a sixteenth is idle requests' */
    pf_arena_init(&a, &b, 0);
    assert_true(pf_ledger_take(&b, 900000, NULL));
    assert_null(pf_arena_alloc(&a, 700100));
    assert_int_equal(pf_arena_fail(&a, &err, "x"),
                     PF_UNAVAILABLE); /* others have it, as far as it knows */
    a.beside = 900000;
    assert_true(pf_arena_could_hold(&a, 500000));
    assert_null(pf_arena_alloc(&a, 700100));
    assert_int_equal(pf_arena_fail(&a, &err, "x"), PF_TOO_LARGE);
    assert_non_null(strstr(err.msg, "-memory.max-inflight"));
    assert_non_null(pf_arena_alloc(&a, 100));
    assert_false(pf_arena_could_hold(&a, 700000)); /* asked before anything is taken */
    assert_int_equal(pf_arena_fail(&a, &err, "x"), PF_TOO_LARGE);
    pf_arena_free(&a);
    assert_int_equal(pf_ledger_held(&b), 900000);
}

/* A block larger than asked for is a convenience: no reason to refuse. */
static void test_a_step_too_wide_for_the_budget_is_cut(void **state)
{
    (void)state;
    pf_ledger b;
    pf_arena a;
    pf_ledger_init(&b, "-memory.max-inflight", 1 << 20, PF_UNAVAILABLE, NULL);
    pf_arena_init(&a, &b, 0);
    while (pf_arena_alloc(&a, 10000))
        continue;
    assert_true(pf_ledger_held(&b) > (1 << 20) - 10100);
    pf_arena_free(&a);
}

static void test_array_overflow_is_refused(void **state)
{
    (void)state;
    pf_arena a;
    pf_arena_init(&a, NULL, 0);
    assert_null(pf_arena_array(&a, SIZE_MAX / 4, 8));
    assert_null(pf_arena_alloc(&a, SIZE_MAX));
    pf_arena_free(&a);
}

static void test_shrink_gives_back_the_newest_only(void **state)
{
    (void)state;
    pf_arena a;
    pf_arena_init(&a, NULL, 0);
    char *p = pf_arena_alloc(&a, 1024);
    pf_arena_shrink(&a, p, 1024, 32);
    assert_ptr_equal(pf_arena_alloc(&a, 16), p + 32);
    pf_arena_shrink(&a, p, 32, 0); /* not the newest: stays */
    assert_ptr_equal(pf_arena_alloc(&a, 16), p + 48);
    pf_arena_free(&a);
}

static void test_reset_keeps_one_block_within_bounds(void **state)
{
    (void)state;
    pf_arena a;
    pf_arena_init(&a, NULL, 0);
    for (int i = 0; i < 100; i++)
        assert_non_null(pf_arena_alloc(&a, 50000));
    pf_arena_reset(&a, 200000);
    assert_true(a.held > 0 && a.held < 210000);
    pf_arena_reset(&a, 0);
    assert_int_equal(a.held, 0);
}

static void test_strings_are_copied_with_a_nul(void **state)
{
    (void)state;
    pf_arena a;
    pf_arena_init(&a, NULL, 0);
    pf_str s = pf_arena_str(&a, PF_STR("abc"));
    assert_int_equal(s.n, 3);
    assert_string_equal(s.p, "abc");
    assert_string_equal(pf_arena_str(&a, (pf_str){NULL, 0}).p, "");
    pf_arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_are_aligned_and_apart),
        cmocka_unit_test(test_zalloc_zeroes_reused_memory),
        cmocka_unit_test(test_a_limit_refuses_and_says_too_large),
        cmocka_unit_test(test_the_reason_outlives_a_success),
        cmocka_unit_test(test_a_budget_is_shared_and_given_back),
        cmocka_unit_test(test_what_never_fits_beside_a_body),
        cmocka_unit_test(test_a_step_too_wide_for_the_budget_is_cut),
        cmocka_unit_test(test_array_overflow_is_refused),
        cmocka_unit_test(test_shrink_gives_back_the_newest_only),
        cmocka_unit_test(test_reset_keeps_one_block_within_bounds),
        cmocka_unit_test(test_strings_are_copied_with_a_nul),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
