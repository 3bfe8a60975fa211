#include "storage/local/symbols/stack_sum.h"
#include "support/symbols_path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static pf_row one_sample(uint64_t *stack, uint64_t *labels, int64_t *values, uint32_t types)
{
    return (pf_row){
        .nsample = 1, .nsample_type = types, .stack = stack, .labels = labels, .value = values};
}

static pf_code add(pf_stack_sum *s, uint64_t stack, uint64_t labels, int64_t a, int64_t b,
                   pf_error *err)
{
    int64_t values[] = {a, b};
    pf_row r = one_sample(&stack, labels ? &labels : NULL, values, 2);
    return pf_stack_sum_add(s, &r, err);
}

static int64_t value_of(const pf_stack_sum *s, uint32_t entry, uint32_t type)
{
    return ((const int64_t *)s->value.data)[entry * s->nsample_type + type];
}

static void assert_entry(const pf_stack_sum *s, uint32_t i, uint32_t stack, uint32_t labels,
                         int64_t a, int64_t b)
{
    assert_int_equal(((uint32_t *)s->stack.data)[i], stack);
    assert_int_equal(((uint32_t *)s->labels.data)[i], labels);
    assert_int_equal(value_of(s, i, 0), a);
    assert_int_equal(value_of(s, i, 1), b);
}

static void equal_stacks_add_up(void **state)
{
    (void)state;
    pf_stack_sum s;
    assert_int_equal(pf_stack_sum_init(&s, 2, 100, 0, NULL), PF_OK);
    add(&s, 99, 0, 1, 10, NULL);
    add(&s, 7, 0, 2, 20, NULL);
    add(&s, 99, 0, 3, -30, NULL);
    add(&s, 0, 0, 4, 40, NULL); /* the empty stack is one, too */
    assert_int_equal(pf_stack_sum_count(&s), 3);
    assert_entry(&s, 0, 99, 0, 4, -20); /* in the order in which they came */
    assert_entry(&s, 1, 7, 0, 2, 20);
    assert_entry(&s, 2, 0, 0, 4, 40);
    pf_stack_sum_free(&s);
}

static void labels_set_samples_apart(void **state)
{
    (void)state;
    pf_stack_sum s;
    assert_int_equal(pf_stack_sum_init(&s, 2, 100, 0, NULL), PF_OK);
    add(&s, 5, 0, 1, 1, NULL);
    add(&s, 5, 2, 10, 10, NULL);
    add(&s, 5, UINT32_MAX, 100, 100, NULL);
    add(&s, 5, 2, 10, 10, NULL);
    add(&s, 5, 0, 1, 1, NULL);
    assert_int_equal(pf_stack_sum_count(&s), 3);
    assert_entry(&s, 0, 5, 0, 2, 2);
    assert_entry(&s, 1, 5, 2, 20, 20);
    assert_entry(&s, 2, 5, UINT32_MAX, 100, 100);
    pf_stack_sum_free(&s);
}

static void nothing_added_is_no_entry(void **state)
{
    (void)state;
    pf_stack_sum s;
    assert_int_equal(pf_stack_sum_init(&s, 2, 0, 0, NULL), PF_OK);
    assert_int_equal(pf_stack_sum_count(&s), 0);
    pf_stack_sum_free(&s);
}

static void a_sum_that_leaves_int64_goes_on_elsewhere(void **state)
{
    (void)state;
    for (uint64_t labels = 0; labels < 2; labels++) {
        pf_stack_sum s;
        assert_int_equal(pf_stack_sum_init(&s, 2, 10, 0, NULL), PF_OK);
        add(&s, 3, labels, 5, INT64_MAX, NULL);
        add(&s, 3, labels, 6, 1, NULL); /* neither value is added to the first */
        add(&s, 3, labels, 7, INT64_MIN, NULL);
        add(&s, 3, labels, 7, -2, NULL);
        assert_int_equal(pf_stack_sum_count(&s), 3);
        __int128 a = 0, b = 0;
        for (uint32_t i = 0; i < pf_stack_sum_count(&s); i++) {
            assert_int_equal(((uint32_t *)s.stack.data)[i], 3);
            a += value_of(&s, i, 0);
            b += value_of(&s, i, 1);
        }
        assert_true(a == 25);
        assert_true(b == (__int128)INT64_MAX + 1 + INT64_MIN - 2);
        pf_stack_sum_free(&s);
    }
}

static void what_rows_can_not_be_is_refused(void **state)
{
    (void)state;
    pf_stack_sum s;
    pf_error err;
    assert_int_equal(pf_stack_sum_init(&s, 2, 10, 0, NULL), PF_OK);
    assert_int_equal(add(&s, 10, 0, 1, 1, &err), PF_INTERNAL);
    assert_non_null(strstr(err.msg, "stack 10 refers to nothing"));
    assert_int_equal(add(&s, UINT64_MAX, 0, 1, 1, &err), PF_INTERNAL);
    assert_int_equal(add(&s, 1, UINT64_C(1) << 32, 1, 1, &err), PF_INTERNAL);
    uint64_t stack = 1;
    int64_t values[3] = {0};
    for (uint32_t types = 0; types < 4; types++) {
        pf_row r = one_sample(&stack, NULL, values, types);
        assert_int_equal(pf_stack_sum_add(&s, &r, &err), types == 2 ? PF_OK : PF_INTERNAL);
    }
    pf_stack_sum_free(&s);
}

static void stacks_may_come_to_reach_further(void **state)
{
    (void)state;
    pf_stack_sum s;
    assert_int_equal(pf_stack_sum_init(&s, 2, 4, 0, NULL), PF_OK);
    add(&s, 3, 0, 1, 1, NULL);
    assert_int_equal(add(&s, 5000, 0, 1, 1, NULL), PF_INTERNAL);
    assert_int_equal(pf_stack_sum_reach(&s, 5001, NULL), PF_OK);
    assert_int_equal(pf_stack_sum_reach(&s, 2, NULL), PF_OK); /* never less */
    assert_int_equal(add(&s, 5000, 0, 2, 2, NULL), PF_OK);
    assert_int_equal(add(&s, 3, 0, 1, 1, NULL), PF_OK);
    assert_int_equal(pf_stack_sum_count(&s), 2);
    assert_entry(&s, 0, 3, 0, 2, 2);
    assert_entry(&s, 1, 5000, 0, 2, 2);
    pf_stack_sum_free(&s);
}

static void memory_has_a_ceiling(void **state)
{
    (void)state;
    for (uint64_t labels = 0; labels < 2; labels++) {
        pf_stack_sum s;
        pf_error err;
        assert_int_equal(pf_stack_sum_init(&s, 2, 100000, 1 << 20, NULL), PF_OK);
        pf_code code = PF_OK;
        uint64_t n = 0;
        while (!code && n < 100000) {
            assert_true(pf_stack_sum_bytes(&s) <= 1 << 20);
            code = add(&s, n++, labels, 1, 1, &err);
        }
        assert_int_equal(code, PF_QUERY_LIMIT);
        assert_true(n > 5000);
        pf_stack_sum_free(&s);
        /* The same stacks over and over take no more. */
        assert_int_equal(pf_stack_sum_init(&s, 2, 100000, 1 << 20, NULL), PF_OK);
        for (n = 0; n < 100000; n++)
            assert_int_equal(add(&s, n % 100, labels, 1, 1, NULL), PF_OK);
        pf_stack_sum_free(&s);
    }
}

/* Stacks and labels are numbered as they are pushed: who pushes must not know which of them collide. */
static void where_labelled_samples_are_kept_is_a_secret(void **state)
{
    (void)state;
    pf_stack_sum a, b;
    assert_int_equal(pf_stack_sum_init(&a, 1, 1, 0, NULL), PF_OK);
    assert_int_equal(pf_stack_sum_init(&b, 1, 1, 0, NULL), PF_OK);
    assert_true(a.labelled.seed != b.labelled.seed);
    pf_stack_sum_free(&a);
    pf_stack_sum_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_stacks_add_up),
        cmocka_unit_test(labels_set_samples_apart),
        cmocka_unit_test(nothing_added_is_no_entry),
        cmocka_unit_test(a_sum_that_leaves_int64_goes_on_elsewhere),
        cmocka_unit_test(what_rows_can_not_be_is_refused),
        cmocka_unit_test(stacks_may_come_to_reach_further),
        cmocka_unit_test(memory_has_a_ceiling),
        cmocka_unit_test(where_labelled_samples_are_kept_is_a_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
