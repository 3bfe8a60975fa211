/* Percentiles by nearest rank, and joining what threads measured. */
#include "cmd/bench/latency.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void fill(bench_latency *l, int64_t from, int64_t to)
{
    for (int64_t v = to; v >= from; v--)
        bench_latency_add(l, v);
}

static void test_nothing_measured_is_zero(void **state)
{
    (void)state;
    bench_latency l = {0};
    assert_int_equal(bench_latency_percentile(&l, 50), 0);
    assert_int_equal(bench_latency_mean(&l), 0);
}

static void test_one_value_is_every_percentile(void **state)
{
    (void)state;
    bench_latency l = {0};
    bench_latency_add(&l, 7);
    for (int p = 0; p <= 100; p += 10)
        assert_int_equal(bench_latency_percentile(&l, p), 7);
    bench_latency_free(&l);
}

static void test_nearest_rank(void **state)
{
    (void)state;
    bench_latency l = {0};
    fill(&l, 1, 100);
    assert_int_equal(bench_latency_percentile(&l, 0), 1);
    assert_int_equal(bench_latency_percentile(&l, 1), 1);
    assert_int_equal(bench_latency_percentile(&l, 50), 50);
    assert_int_equal(bench_latency_percentile(&l, 99), 99);
    assert_int_equal(bench_latency_percentile(&l, 99.5), 100);
    assert_int_equal(bench_latency_percentile(&l, 100), 100);
    assert_int_equal(bench_latency_mean(&l), 50);
    bench_latency_free(&l);
}

static void test_values_after_a_percentile_count(void **state)
{
    (void)state;
    bench_latency l = {0};
    fill(&l, 10, 20);
    assert_int_equal(bench_latency_percentile(&l, 100), 20);
    bench_latency_add(&l, 5);
    assert_int_equal(bench_latency_percentile(&l, 0), 5);
    assert_int_equal(bench_latency_percentile(&l, 100), 20);
    bench_latency_free(&l);
}

static void test_merge_keeps_every_value(void **state)
{
    (void)state;
    bench_latency a = {0}, b = {0}, none = {0};
    fill(&a, 1, 1000);
    fill(&b, 1001, 3000);
    bench_latency_merge(&a, &b);
    bench_latency_merge(&a, &none);
    assert_int_equal(a.n, 3000);
    assert_int_equal(b.n, 2000);
    assert_int_equal(bench_latency_percentile(&a, 50), 1500);
    assert_int_equal(bench_latency_percentile(&a, 100), 3000);
    assert_false(a.failed);
    bench_latency_free(&a);
    bench_latency_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_measured_is_zero),
        cmocka_unit_test(test_one_value_is_every_percentile),
        cmocka_unit_test(test_nearest_rank),
        cmocka_unit_test(test_values_after_a_percentile_count),
        cmocka_unit_test(test_merge_keeps_every_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
