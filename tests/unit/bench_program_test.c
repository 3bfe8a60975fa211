/* The generator: deterministic, valid, and true to the law and the sizes that program.h states. The
 * stacks are read back from the bytes, so that nothing depends on what the generator believes. */
#include "cmd/bench/program.h"

#include "base/map.h"
#include "cmd/bench/emit.h"
#include "pprof/gzip.h"
#include "pprof/profile.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PROFILES = 60 };

/* Everything about a run of profiles that the tests look at; averages are a profile. */
typedef struct census {
    double new_stacks[PROFILES + 1];
    double samples, locations, depth, inflated, gzipped, total;
} census;

static void emit_next(bench_program *p, pf_buf *out, uint64_t *total)
{
    pf_buf_clear(out);
    assert_true(bench_program_next(p));
    *total = bench_emit(p, 1795345148309118745 + p->profiles, 2130458630, out);
    assert_false(out->failed);
}

/* What a stack is in itself: the addresses of its locations. */
static pf_hash stack_hash(const pf_profile *p, const pf_sample *s, const pf_hash_key *key)
{
    uint64_t address[BENCH_DEPTH_MAX + 1];
    assert_in_range(s->loc_n, 1, BENCH_DEPTH_MAX + 1);
    for (uint32_t i = 0; i < s->loc_n; i++)
        address[i] = p->location[p->sample_location[s->loc_off + i]].address;
    return pf_hash_bytes(key, address, s->loc_n * sizeof *address);
}

static void count_profile(const pf_profile *p, pf_map *stacks, uint32_t n, census *c)
{
    pf_hash_key key;
    pf_hash_key_from(&key, "stacks", 6);
    for (uint32_t i = 0; i < p->nsample; i++) {
        uint32_t *slot = pf_map_at(stacks, stack_hash(p, &p->sample[i], &key));
        assert_non_null(slot);
        if (*slot == PF_MAP_EMPTY)
            c->new_stacks[n]++;
        else
            assert_int_not_equal(*slot, n); /* a profile has a stack once */
        *slot = n;
        c->depth += (double)p->sample[i].loc_n / p->nsample / PROFILES;
        c->total += (double)p->value[i * 2] / PROFILES;
        assert_int_equal(p->value[i * 2 + 1], p->value[i * 2] * BENCH_PERIOD_NS);
    }
    c->samples += (double)p->nsample / PROFILES;
    c->locations += (double)p->nlocation / PROFILES;
}

static census take_census(uint64_t seed)
{
    census c = {0};
    bench_program *program = bench_program_new(seed, 0, "shop", 0);
    pf_buf raw = PF_BUF_INIT, gz = PF_BUF_INIT;
    pf_arena a;
    pf_map stacks;
    pf_error err = {0};
    pf_arena_init(&a, NULL, 0);
    pf_map_init(&stacks, NULL);
    assert_non_null(program);
    for (uint32_t n = 1; n <= PROFILES; n++) {
        pf_profile p;
        uint64_t total;
        emit_next(program, &raw, &total);
        pf_buf_clear(&gz);
        assert_int_equal(pf_gzip(pf_buf_str(&raw), 1, &gz, &err), PF_OK);
        if (pf_profile_decode(&p, &a, pf_buf_str(&raw), &err))
            fail_msg("profile %u: %s", n, err.msg);
        count_profile(&p, &stacks, n, &c);
        c.inflated += (double)raw.len / PROFILES;
        c.gzipped += (double)gz.len / PROFILES;
        pf_arena_reset(&a, 1 << 20);
    }
    pf_map_free(&stacks);
    pf_arena_free(&a);
    pf_buf_free(&raw);
    pf_buf_free(&gz);
    bench_program_free(program);
    return c;
}

static void assert_within(double v, double want, double share, const char *what)
{
    if (fabs(v - want) > want * share)
        fail_msg("%s: %g is not within %g %% of %g", what, v, share * 100, want);
}

static void test_same_seed_same_bytes(void **state)
{
    (void)state;
    bench_program *a = bench_program_new(7, 3, "shop", 0), *b = bench_program_new(7, 3, "shop", 0);
    pf_buf x = PF_BUF_INIT, y = PF_BUF_INIT;
    for (int i = 0; i < 10; i++) {
        uint64_t m, n;
        emit_next(a, &x, &m);
        emit_next(b, &y, &n);
        assert_int_equal(m, n);
        assert_int_equal(x.len, y.len);
        assert_memory_equal(x.data, y.data, x.len);
    }
    bench_program_free(a);
    bench_program_free(b);
    pf_buf_free(&x);
    pf_buf_free(&y);
}

static void test_other_seed_or_service_other_bytes(void **state)
{
    (void)state;
    bench_program *p[] = {bench_program_new(7, 3, "shop", 0), bench_program_new(8, 3, "shop", 0),
                          bench_program_new(7, 4, "shop", 0)};
    pf_buf x[3] = {0};
    uint64_t total;
    for (int i = 0; i < 3; i++)
        emit_next(p[i], &x[i], &total);
    assert_false(pf_str_eq(pf_buf_str(&x[0]), pf_buf_str(&x[1])));
    assert_false(pf_str_eq(pf_buf_str(&x[0]), pf_buf_str(&x[2])));
    for (int i = 0; i < 3; i++) {
        bench_program_free(p[i]);
        pf_buf_free(&x[i]);
    }
}

/* The law, counted in the bytes: over stretches, since a single profile strays. */
static void test_new_stacks_follow_the_law(void **state)
{
    (void)state;
    static const uint32_t stretch[][2] = {{1, 5}, {6, 20}, {21, 40}, {41, 60}};
    for (uint64_t seed = 1; seed <= 3; seed++) {
        census c = take_census(seed);
        for (size_t s = 0; s < sizeof stretch / sizeof *stretch; s++) {
            double got = 0, law = 0;
            for (uint32_t n = stretch[s][0]; n <= stretch[s][1]; n++) {
                got += c.new_stacks[n];
                law += fmin(261, bench_law_new_stacks(n));
            }
            assert_within(got, law, 0.10, "new stacks");
        }
    }
}

/* Sizes as measured on the service that the law comes from. */
static void test_profiles_are_as_large_as_real_ones(void **state)
{
    (void)state;
    double inflated = 0, gzipped = 0, locations = 0, depth = 0;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        census c = take_census(seed);
        assert_within(c.samples, 261, 0.05, "samples");
        assert_within(c.total, 304, 0.15, "hits");
        inflated += c.inflated / 5;
        gzipped += c.gzipped / 5;
        locations += c.locations / 5;
        depth += c.depth / 5;
    }
    assert_within(inflated, 41600, 0.08, "inflated bytes");
    assert_within(gzipped, 18400, 0.08, "gzipped bytes");
    assert_within(locations, 571, 0.12, "locations");
    assert_within(depth, 18.5, 0.06, "depth");
}

static void assert_text(const pf_profile *p, uint32_t string, const char *want)
{
    assert_true(pf_str_eq(p->string[string], pf_str_c(want)));
}

static void test_fields_are_those_of_a_go_cpu_profile(void **state)
{
    (void)state;
    bench_program *program = bench_program_new(1, 0, "shop", 0);
    pf_buf raw = PF_BUF_INIT;
    pf_arena a;
    pf_profile p;
    pf_error err = {0};
    uint64_t total, sum = 0;
    pf_arena_init(&a, NULL, 0);
    emit_next(program, &raw, &total);
    assert_int_equal(pf_profile_decode(&p, &a, pf_buf_str(&raw), &err), PF_OK);
    assert_false(p.has_unknown_fields);
    assert_int_equal(p.nsample_type, 2);
    assert_text(&p, p.sample_type[0].type, "samples");
    assert_text(&p, p.sample_type[0].unit, "count");
    assert_text(&p, p.sample_type[1].type, "cpu");
    assert_text(&p, p.sample_type[1].unit, "nanoseconds");
    assert_text(&p, p.period_type.type, "cpu");
    assert_text(&p, p.period_type.unit, "nanoseconds");
    assert_int_equal(p.period, BENCH_PERIOD_NS);
    assert_int_equal(p.time_nanos, 1795345148309118746);
    assert_int_equal(p.duration_nanos, 2130458630);
    assert_int_equal(p.string[p.mapping[0].build_id].n, 40);
    assert_true(p.mapping[0].flags & PF_HAS_FUNCTIONS);
    for (uint32_t i = 0; i < p.nlocation; i++) {
        assert_int_equal(p.location[i].mapping, 0);
        assert_in_range(p.location[i].address, p.mapping[0].start, p.mapping[0].limit - 1);
        assert_in_range(p.location[i].line_n, 1, BENCH_LINES_MAX);
    }
    for (uint32_t i = 0; i < p.nfunction; i++) {
        assert_int_equal(p.function[i].name, p.function[i].system_name);
        assert_int_not_equal(p.function[i].filename, 0);
        assert_true(p.function[i].start_line > 0);
    }
    for (uint32_t i = 0; i < p.nsample; i++)
        sum += (uint64_t)p.value[i * 2];
    assert_int_equal(sum, total);
    pf_arena_free(&a);
    pf_buf_free(&raw);
    bench_program_free(program);
}

static int by_text(const void *a, const void *b)
{
    return pf_str_cmp(*(const pf_str *)a, *(const pf_str *)b);
}

/* Stores keep a profile raw when two of its functions are equal in all they say. */
static void test_no_string_stands_twice(void **state)
{
    (void)state;
    bench_program *p = bench_program_new(5, 0, "shop", 0);
    for (int i = 0; i < 200; i++)
        assert_true(bench_program_next(p));
    pf_str *all = calloc(p->strings.n, sizeof *all);
    for (uint32_t i = 0; i < p->strings.n; i++)
        all[i] = BENCH_LIST_AT(bench_text, p->strings, i).text;
    qsort(all, p->strings.n, sizeof *all, by_text);
    for (uint32_t i = 1; i < p->strings.n; i++)
        if (pf_str_eq(all[i - 1], all[i]))
            fail_msg("\"%.*s\" stands twice", PF_FMT(all[i]));
    free(all);
    bench_program_free(p);
}

static void test_few_samples(void **state)
{
    (void)state;
    bench_program *p = bench_program_new(1, 0, "shop", 3);
    pf_buf raw = PF_BUF_INIT;
    uint64_t total;
    for (int i = 0; i < 50; i++) {
        emit_next(p, &raw, &total);
        assert_in_range(p->npicks, 1, 5);
    }
    pf_buf_free(&raw);
    bench_program_free(p);
}

/* What a big profile's first is for: so many stacks, none of which was there before. */
static void test_first_profile_of_any_size_is_all_new(void **state)
{
    (void)state;
    bench_program *p = bench_program_new(1, 0, "shop", 20000);
    pf_buf raw = PF_BUF_INIT;
    uint64_t total;
    emit_next(p, &raw, &total);
    assert_in_range(p->npicks, 18000, 22001);
    assert_int_equal(p->fresh, p->npicks);
    assert_int_equal(p->stacks.n, p->npicks);
    assert_in_range(raw.len, 1000000, 4000000);
    pf_buf_free(&raw);
    bench_program_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_seed_same_bytes),
        cmocka_unit_test(test_other_seed_or_service_other_bytes),
        cmocka_unit_test(test_new_stacks_follow_the_law),
        cmocka_unit_test(test_profiles_are_as_large_as_real_ones),
        cmocka_unit_test(test_fields_are_those_of_a_go_cpu_profile),
        cmocka_unit_test(test_no_string_stands_twice),
        cmocka_unit_test(test_few_samples),
        cmocka_unit_test(test_first_profile_of_any_size_is_all_new),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
