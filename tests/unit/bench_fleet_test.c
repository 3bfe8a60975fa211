/* Which profile is whose, when and where; and that the threads that make profiles do not show. */
#include "cmd/bench/fleet.h"

#include "base/clock.h"
#include "pprof/gzip.h"
#include "pprof/profile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const bench_fleet_config config = {
    .prefix = "shop",
    .services = 3,
    .hosts = 2,
    .seed = 1,
    .samples = 20,
    .begin = 1000 * PF_NS_PER_SEC,
    .step = 10 * PF_NS_PER_SEC,
    .type = PF_TYPE_CPU,
};

static bench_fleet *make(const bench_fleet_config *conf, size_t n, unsigned threads, bench_batch *b)
{
    bench_fleet *f;
    pf_error err = {0};
    assert_int_equal(bench_fleet_new(conf, &f, &err), PF_OK);
    if (bench_fleet_make(f, n, threads, b, &err))
        fail_msg("%s", err.msg);
    return f;
}

static void decode(const bench_body *body, pf_arena *a, pf_profile *p)
{
    pf_str raw;
    pf_error err = {0};
    assert_int_equal(pf_gunzip(pf_buf_str(&body->bytes), 1 << 24, a, &raw, &err), PF_OK);
    assert_int_equal(pf_profile_decode(p, a, raw, &err), PF_OK);
}

static void assert_same(bench_total a, bench_total b)
{
    assert_true(a.first > 0 && a.last > a.first); /* samples, nanoseconds */
    assert_int_equal(a.first, b.first);
    assert_int_equal(a.last, b.last);
}

static void test_threads_do_not_show(void **state)
{
    (void)state;
    bench_batch one = {0}, many = {0};
    bench_fleet *a = make(&config, 30, 1, &one), *b = make(&config, 30, 4, &many);
    assert_int_equal(one.n, 30);
    assert_int_equal(one.bytes, many.bytes);
    for (size_t i = 0; i < 30; i++)
        assert_true(pf_str_eq(pf_buf_str(&one.v[i].bytes), pf_buf_str(&many.v[i].bytes)));
    bench_fleet_free(a);
    bench_fleet_free(b);
    bench_batch_free(&one);
    bench_batch_free(&many);
}

static void test_batches_go_on(void **state)
{
    (void)state;
    bench_batch whole = {0}, part = {0};
    bench_fleet *a = make(&config, 20, 2, &whole), *b = make(&config, 8, 2, &part);
    assert_int_equal(bench_fleet_make(b, 12, 2, &part, NULL), PF_OK);
    assert_int_equal(b->made, 20);
    for (size_t i = 0; i < 12; i++) {
        assert_int_equal(part.v[i].i, 8 + i);
        assert_true(pf_str_eq(pf_buf_str(&whole.v[8 + i].bytes), pf_buf_str(&part.v[i].bytes)));
        assert_same(a->totals[8 + i], b->totals[8 + i]);
    }
    bench_fleet_free(a);
    bench_fleet_free(b);
    bench_batch_free(&whole);
    bench_batch_free(&part);
}

static void test_bodies_carry_their_time_and_total(void **state)
{
    (void)state;
    bench_batch batch = {0};
    bench_fleet *f = make(&config, 10, 2, &batch);
    pf_arena a;
    pf_arena_init(&a, NULL, 0);
    for (size_t i = 0; i < 10; i++) {
        pf_profile p;
        decode(&batch.v[i], &a, &p);
        assert_int_equal(p.time_nanos, bench_fleet_time(f, i));
        assert_same(bench_total_of(&p), f->totals[i]);
    }
    assert_int_equal(bench_fleet_time(f, 4), 1010 * PF_NS_PER_SEC + 7 * PF_NS_PER_MS);
    pf_arena_free(&a);
    bench_fleet_free(f);
    bench_batch_free(&batch);
}

static size_t count(const bench_fleet *f, uint32_t service, uint32_t host, int64_t from, int64_t to,
                    unsigned target, bench_total *total)
{
    bench_selection s = {service, host, from, to, target, 0};
    return bench_fleet_count(f, s, total);
}

static void test_count(void **state)
{
    (void)state;
    enum { ALL = BENCH_TARGETS };
    bench_batch batch = {0};
    bench_fleet *f = make(&config, 30, 1, &batch); /* 10 a service, at 1000, 1010 ... 1090 s */
    bench_total total, sum = {0};
    const int64_t begin = config.begin, end = INT64_MAX;
    for (size_t i = 1; i < 30; i += 3) {
        sum.first += f->totals[i].first;
        sum.last += f->totals[i].last;
    }
    assert_int_equal(count(f, 1, UINT32_MAX, 0, end, ALL, &total), 10);
    assert_same(total, sum);
    assert_int_equal(count(f, 0, UINT32_MAX, begin, begin, ALL, &total), 1);
    assert_same(total, f->totals[0]);
    assert_int_equal(count(f, 1, UINT32_MAX, begin, begin, ALL, &total), 0);
    assert_int_equal(total.first, 0);
    assert_int_equal(count(f, 0, UINT32_MAX, begin + 1, begin + config.step, ALL, &total), 1);
    assert_int_equal(count(f, 0, UINT32_MAX, begin + 100 * config.step, end, ALL, &total), 0);
    assert_int_equal(count(f, 2, 0, 0, end, ALL, &total), 5);
    assert_int_equal(count(f, 2, 2, 0, end, ALL, &total), 0);
    assert_int_equal(count(f, 1, UINT32_MAX, 0, end, 0, &total), 0); /* none is stored at A */
    f->ids[0][4] = strdup("x");
    assert_int_equal(count(f, 1, UINT32_MAX, 0, end, 0, &total), 1);
    assert_same(total, f->totals[4]);
    assert_int_equal(count(f, 1, UINT32_MAX, 0, end, 1, &total), 0);
    bench_fleet_free(f);
    bench_batch_free(&batch);
}

static void test_selection_comes_in_order_of_times(void **state)
{
    (void)state;
    bench_batch batch = {0};
    bench_fleet *f = make(&config, 29, 1, &batch); /* the last service has 9 */
    bench_selection s = {2, UINT32_MAX, config.begin + 1, INT64_MAX, BENCH_TARGETS, 0};
    size_t i, n = 0;
    for (; bench_fleet_next(f, &s, &i); n++)
        assert_int_equal(i, 2 + 3 * n);
    assert_int_equal(n, 9);
    assert_false(bench_fleet_next(f, &s, &i)); /* stays at its end */
    bench_fleet_free(f);
    bench_batch_free(&batch);
}

/* A name that is gone by then: fleets outlive the functions that make them. */
static void test_prefix_is_copied(void **state)
{
    (void)state;
    char prefix[] = "shop", name[BENCH_NAME];
    bench_fleet_config conf = config;
    bench_fleet *f;
    conf.prefix = prefix;
    assert_int_equal(bench_fleet_new(&conf, &f, NULL), PF_OK);
    prefix[0] = 'x';
    assert_true(pf_str_eq(bench_fleet_service(f, 2, name), PF_STR("shop-2")));
    bench_fleet_free(f);
}

/* The same few files with ever other times, or as they are. */
static void test_files_in_turn(void **state)
{
    (void)state;
    bench_corpus files;
    pf_error err = {0};
    assert_int_equal(bench_corpus_generate(1, 20, 2, &files, &err), PF_OK);
    assert_int_equal(files.n, 2);
    for (int as_is = 0; as_is < 2; as_is++) {
        bench_fleet_config conf = config;
        bench_batch batch = {0};
        conf.services = 1;
        conf.corpus = &files;
        conf.as_is = as_is;
        bench_fleet *f = make(&conf, 5, 3, &batch);
        pf_arena a;
        pf_arena_init(&a, NULL, 0);
        for (size_t i = 0; i < 5; i++) {
            pf_profile p;
            decode(&batch.v[i], &a, &p);
            assert_same(bench_total_of(&p), files.files[i % 2].total);
            assert_same(f->totals[i], files.files[i % 2].total);
            assert_int_equal(p.time_nanos, as_is ? 0 : bench_fleet_time(f, i));
            if (as_is)
                assert_true(pf_str_eq(pf_buf_str(&batch.v[i].bytes), files.files[i % 2].bytes));
        }
        pf_arena_free(&a);
        bench_fleet_free(f);
        bench_batch_free(&batch);
    }
    bench_corpus_free(&files);
}

static void test_labels(void **state)
{
    (void)state;
    bench_labels store = {0};
    pf_labels l = bench_fleet_labels(7, &store);
    assert_int_equal(l.n, BENCH_LABELS);
    assert_true(pf_str_eq(l.pairs[0].value, PF_STR("host-007")));
    for (size_t i = 1; i < l.n; i++) /* sorted, as every set is */
        assert_true(pf_str_cmp(l.pairs[i - 1].key, l.pairs[i].key) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_do_not_show),
        cmocka_unit_test(test_batches_go_on),
        cmocka_unit_test(test_bodies_carry_their_time_and_total),
        cmocka_unit_test(test_count),
        cmocka_unit_test(test_selection_comes_in_order_of_times),
        cmocka_unit_test(test_prefix_is_copied),
        cmocka_unit_test(test_files_in_turn),
        cmocka_unit_test(test_labels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
