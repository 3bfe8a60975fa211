#include "storage/local/symbols/row.h"
#include "storage/local/symbols/sampled.h"
#include "support/group_arena.h"
#include "support/symbols_path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CREATED = 1000000 };

/* Samples on stacks 1, 1, 2, 2, ... all values 0. */
static pf_row make_row(uint32_t samples, uint32_t types, bool labels)
{
    pf_row r = {.time_nanos = CREATED - 5,
                .duration_nanos = 77,
                .header = 3,
                .maps = 2,
                .nsample = samples,
                .nsample_type = types};
    r.stack = pf_arena_array(&ga_arena, samples, sizeof *r.stack);
    r.labels = labels ? pf_arena_array(&ga_arena, samples, sizeof *r.labels) : NULL;
    r.value = pf_arena_zalloc(&ga_arena, (size_t)samples * types * sizeof *r.value);
    for (uint32_t i = 0; i < samples; i++) {
        r.stack[i] = 1 + i / 2;
        if (labels)
            r.labels[i] = 5 + i % 2 * 3;
    }
    return r;
}

static pf_buf encode(const pf_row *r)
{
    pf_buf b = PF_BUF_INIT;
    pf_row_scratch *s =
        pf_row_scratch_new(r->nsample, r->nsample_type, r->labels != NULL, &ga_arena);
    assert_non_null(s);
    assert_int_equal(pf_row_encode(r, CREATED, s, &b, NULL), PF_OK);
    return b;
}

static void assert_same(const pf_row *a, const pf_row *b)
{
    size_t n = a->nsample;
    assert_int_equal(a->time_nanos, b->time_nanos);
    assert_int_equal(a->duration_nanos, b->duration_nanos);
    assert_int_equal(a->header, b->header);
    assert_int_equal(a->maps, b->maps);
    assert_int_equal(a->nsample, b->nsample);
    assert_int_equal(a->nsample_type, b->nsample_type);
    assert_memory_equal(a->stack, b->stack, n * sizeof *a->stack);
    assert_memory_equal(a->value, b->value, n * a->nsample_type * sizeof *a->value);
    assert_int_equal(a->labels == NULL, b->labels == NULL);
    if (a->labels)
        assert_memory_equal(a->labels, b->labels, n * sizeof *a->labels);
    assert_int_equal(a->nlone_location, b->nlone_location);
    assert_int_equal(a->nlone_function, b->nlone_function);
    if (a->nlone_location)
        assert_memory_equal(a->lone_location, b->lone_location,
                            a->nlone_location * sizeof *a->lone_location);
    if (a->nlone_function)
        assert_memory_equal(a->lone_function, b->lone_function,
                            a->nlone_function * sizeof *a->lone_function);
}

/* How many bytes it took. */
static size_t comes_back(const pf_row *r)
{
    pf_error err = {0};
    pf_buf b = encode(r);
    pf_row back;
    if (pf_row_decode(&back, CREATED, pf_buf_str(&b), &ga_arena, &err))
        fail_msg("%s", err.msg);
    assert_same(r, &back);
    size_t n = b.len;
    pf_buf_free(&b);
    return n;
}

static void rows_of_any_size_come_back(void **state)
{
    (void)state;
    for (uint32_t samples = 0; samples < 40; samples += 1 + samples / 4)
        for (uint32_t types = samples ? 1 : 0; types < 5; types++) {
            pf_row r = make_row(samples, types, samples % 2);
            uint64_t random = samples * 8 + types;
            for (uint32_t i = 0; i < samples * types; i++)
                r.value[i] = (int64_t)(pf_test_random(&random) >> pf_test_random(&random) % 64);
            if (!samples)
                r.labels = NULL;
            comes_back(&r);
        }
}

static void values_at_the_ends_come_back(void **state)
{
    (void)state;
    static const int64_t all[] = {INT64_MIN, INT64_MAX, -1, 0, 1, INT64_MIN + 1};
    enum { N = sizeof all / sizeof *all };
    for (int a = 0; a < N; a++)
        for (int b = 0; b < N; b++)
            for (int c = 0; c < N; c++) {
                pf_row r = make_row(2, 2, false);
                r.value[0] =
                    all[a]; /* alone, beside others, the same and multiples of each other */
                r.value[1] = all[b];
                r.value[2] = all[c];
                r.value[3] = (int64_t)((uint64_t)all[b] * 3);
                comes_back(&r);
            }
}

static void times_at_the_ends_come_back(void **state)
{
    (void)state;
    static const int64_t all[] = {INT64_MIN, INT64_MAX, 0, -1};
    for (int i = 0; i < 16; i++) {
        pf_row r = make_row(1, 1, false);
        r.time_nanos = all[i % 4];
        r.duration_nanos = all[i / 4];
        r.header = r.maps = UINT32_MAX;
        comes_back(&r);
    }
}

static void columns_of_zeros_take_a_byte(void **state)
{
    (void)state;
    pf_row few = make_row(100, 1, false), many = make_row(100, 9, false);
    assert_int_equal(comes_back(&many), comes_back(&few) + 8);
}

static void proportional_columns_take_few_bytes(void **state)
{
    (void)state;
    pf_row one = make_row(200, 1, false), two = make_row(200, 2, false);
    for (uint32_t i = 0; i < 200; i++) {
        one.value[i] = two.value[i] = 1 + i % 7;
        two.value[200 + i] = (1 + i % 7) * INT64_C(10000000);
    }
    assert_true(comes_back(&two) <= comes_back(&one) + 8);
    for (uint32_t i = 0; i < 200; i++) /* neither is a multiple of the other */
        two.value[i] *= 3;
    assert_true(comes_back(&two) <= comes_back(&one) + 8);
    two.value[399] = 0; /* now it is nearly the same */
    comes_back(&two);
}

static void labels_come_back(void **state)
{
    (void)state;
    pf_row r = make_row(100, 1, true);
    comes_back(&r);
    for (uint32_t i = 0; i < 100; i++)
        r.labels[i] = i % 2 ? UINT32_MAX : 0; /* with and without */
    comes_back(&r);
    for (uint32_t i = 0; i < 100; i++)
        r.labels[i] = 1000000 + i;
    size_t n = comes_back(&r);
    assert_true(n < 2 * 100 + 40); /* numbers as large as these cost no more than their places */
}

static void lone_entries_come_back(void **state)
{
    (void)state;
    uint32_t location[] = {7, UINT32_MAX, 1}, function[] = {9};
    pf_row r = make_row(4, 1, false);
    r.lone_location = location;
    r.nlone_location = 3;
    r.lone_function = function;
    r.nlone_function = 1;
    comes_back(&r);
}

/* A heap profile as Go writes it: objects and bytes allocated, objects and bytes in use. */
static pf_row make_heap(uint32_t samples)
{
    pf_row r = make_row(samples, 4, true);
    uint64_t random = 5;
    r.rate = 524288;
    r.size = pf_arena_array(&ga_arena, samples, sizeof *r.size);
    for (uint32_t i = 0; i < samples; i++) {
        r.size[i] = i % 2 ? 48 : 4096;
        pf_sampled s = pf_sampled_of(r.rate, r.size[i]);
        pf_sampled_estimate(s, 1 + (int64_t)(pf_test_random(&random) % 30), &r.value[i],
                            &r.value[samples + i]);
        pf_sampled_estimate(s, pf_test_random(&random) % 8 == 0, &r.value[2 * samples + i],
                            &r.value[3 * samples + i]);
    }
    return r;
}

static void heap_profiles_cost_their_counts(void **state)
{
    (void)state;
    pf_row r = make_heap(400), plain = r;
    plain.rate = 0;
    size_t bytes = comes_back(&r);
    assert_true(bytes < 400 * 12 / 8 + 60); /* stack, label set, two counts: 12 bits a sample */
    assert_true(bytes * 4 < comes_back(&plain));
}

static void what_only_resembles_estimates_comes_back(void **state)
{
    (void)state;
    pf_row r = make_heap(100);
    for (uint32_t i = 0; i < 400; i += 3)
        r.value[i] += i % 2 ? 1 : -1;
    comes_back(&r);
    for (uint32_t i = 0; i < 400; i += 5)
        r.value[i] = i % 2 ? INT64_MIN : INT64_MAX;
    comes_back(&r);
    for (uint32_t i = 0; i < 400; i++)
        r.value[i] = i % 2 ? INT64_MIN : INT64_MAX;
    comes_back(&r);
    r = make_heap(100);
    for (uint32_t i = 0; i < 400; i++)
        r.value[i] = -r.value[i];
    comes_back(&r);
    r.rate = UINT64_MAX;
    comes_back(&r);
    r.nsample_type = 3; /* the last has no partner */
    comes_back(&r);
}

static void sizes_of_nothing_help_nothing(void **state)
{
    (void)state;
    pf_row r = make_heap(10);
    memset(r.size, 0, 10 * sizeof *r.size);
    comes_back(&r);
    r.size[3] = UINT64_MAX;
    comes_back(&r);
    r.labels = NULL; /* a size is a label's */
    comes_back(&r);
}

static void sorting_keeps_samples_together(void **state)
{
    (void)state;
    enum { N = 500 };
    pf_row r = make_row(N, 2, true);
    uint64_t random = 9;
    r.size = pf_arena_array(&ga_arena, N, sizeof *r.size);
    for (uint32_t i = 0; i < N; i++) {
        r.stack[i] = pf_test_random(&random) % 9 * 70000;
        r.labels[i] = pf_test_random(&random) % 3 ? pf_test_random(&random) % 5 : UINT32_MAX;
        r.size[i] = r.labels[i] * 10;
        r.value[i] = i; /* its place before */
        r.value[N + i] = (int64_t)(r.stack[i] * 100 + r.labels[i]);
    }
    pf_row_scratch *s = pf_row_scratch_new(r.nsample, r.nsample_type, r.labels != NULL, &ga_arena);
    assert_non_null(s);
    pf_row_sort(&r, s);
    for (uint32_t i = 0; i < N; i++) {
        assert_int_equal(r.value[N + i], r.stack[i] * 100 + r.labels[i]);
        assert_int_equal(r.size[i], r.labels[i] * 10);
        if (!i)
            continue;
        assert_true(r.stack[i] >= r.stack[i - 1]);
        if (r.stack[i] == r.stack[i - 1]) {
            assert_true(r.labels[i] >= r.labels[i - 1]);
            if (r.labels[i] == r.labels[i - 1])
                assert_true(r.value[i] > r.value[i - 1]); /* stable */
        }
    }
    comes_back(&r);
}

/* From a copy of exactly these bytes. */
static pf_code decode(pf_arena *a, const char *data, size_t n, pf_row *r, pf_error *err)
{
    char *copy = malloc(n ? n : 1);
    memcpy(copy, data, n);
    pf_code code = pf_row_decode(r, CREATED, (pf_str){copy, n}, a, err);
    free(copy);
    return code;
}

static void cut_rows_are_damaged(void **state)
{
    (void)state;
    pf_row r = make_heap(30), back;
    pf_buf b = encode(&r);
    pf_error err;
    for (size_t n = 0; n < b.len; n++) {
        assert_int_equal(decode(&ga_arena, b.data, n, &back, &err), PF_INTERNAL);
        assert_non_null(strstr(err.msg, "damaged row"));
    }
    pf_buf_putc(&b, 0); /* nor may anything follow */
    assert_int_equal(decode(&ga_arena, b.data, b.len, &back, &err), PF_INTERNAL);
    pf_buf_free(&b);
}

static void damaged_rows_are_survived(void **state)
{
    (void)state;
    pf_arena few;
    pf_arena_init(&few, NULL, 4 << 20);
    for (int kind = 0; kind < 3; kind++) {
        pf_row r = kind ? make_row(12, 3, kind == 1) : make_heap(12), back;
        for (uint32_t i = 0; kind && i < 36; i++)
            r.value[i] = kind == 1 ? (i % 12 + 1) * (int64_t)(i / 12 + 1) : INT64_MIN + i % 2;
        pf_buf b = encode(&r);
        for (size_t at = 0; at < b.len; at++)
            for (unsigned v = 0; v < 256; v++) {
                char was = b.data[at];
                pf_error err = {0};
                b.data[at] = (char)v;
                pf_arena_reset(&few, 1 << 20);
                pf_code code = decode(&few, b.data, b.len, &back, &err);
                assert_true(!code || code == PF_INTERNAL || code == PF_TOO_LARGE);
                b.data[at] = was;
            }
        pf_buf_free(&b);
    }
    pf_arena_free(&few);
}

static void a_factor_is_a_positive_int64(void **state)
{
    (void)state;
    /* Two columns, INT64_MIN and the same multiples: dividing by a factor of -1 would not end well. */
    pf_row r = make_row(1, 2, false), back;
    r.value[0] = 3;
    r.value[1] = 5;
    pf_buf b = encode(&r);
    assert_int_equal(b.data[b.len - 5], 2); /* manner, earlier column, factor, no lone entries */
    b.len -= 3;
    const char factors[][11] = {{0},
                                "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
                                "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"};
    for (int i = 0; i < 3; i++) {
        pf_buf bad = PF_BUF_INIT;
        pf_buf_put_str(&bad, pf_buf_str(&b));
        pf_buf_put(&bad, factors[i], i ? 10 : 1);
        pf_buf_put(&bad, "\0\0", 2);
        assert_int_equal(decode(&ga_arena, bad.data, bad.len, &back, NULL), PF_INTERNAL);
        pf_buf_free(&bad);
    }
    pf_buf_free(&b);
}

static void a_row_too_large_for_the_arena_is_no_damage(void **state)
{
    (void)state;
    pf_row r = make_row(100000, 1, false), back;
    for (uint32_t i = 0; i < r.nsample; i++)
        r.stack[i] = 0;
    pf_buf b = encode(&r);
    assert_true(b.len < 64);
    pf_arena few;
    pf_arena_init(&few, NULL, 256 << 10);
    assert_int_equal(decode(&few, b.data, b.len, &back, NULL), PF_TOO_LARGE);
    pf_arena_free(&few);
    pf_buf_free(&b);
}

/* What a later server adds behind the columns: what may be passed over is, what must be known is told. */
static void sections_are_passed_over_or_told(void **state)
{
    (void)state;
    pf_arena arena;
    pf_arena_init(&arena, NULL, 0);
    uint64_t stack[] = {3};
    int64_t value[] = {7};
    pf_row r = {.header = 1, .nsample = 1, .nsample_type = 1, .stack = stack, .value = value}, back;
    pf_error err;
    pf_buf b = encode(&r);
    size_t n = b.len;
    pf_buf_put(&b, "\x02\x03xyz\x04\x00", 7);
    assert_int_equal(pf_row_decode(&back, CREATED, pf_buf_str(&b), &arena, &err), PF_OK);
    assert_int_equal(back.value[0], 7);
    assert_int_equal(back.stack[0], 3);
    pf_buf_put(&b, "\x05\x00", 2);
    assert_int_equal(pf_row_decode(&back, CREATED, pf_buf_str(&b), &arena, &err), PF_INTERNAL);
    assert_non_null(strstr(err.msg, "section 5"));
    static const struct {
        const char *bytes;
        size_t n;
    } cut[] = {{"\x00\x00", 2},
               {"\x02", 1},
               {"\x02\x04xyz", 5},
               {"\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11}};
    for (size_t i = 0; i < sizeof cut / sizeof *cut; i++) {
        b.len = n;
        pf_buf_put(&b, cut[i].bytes, cut[i].n);
        assert_int_equal(pf_row_decode(&back, CREATED, pf_buf_str(&b), &arena, &err), PF_INTERNAL);
        assert_non_null(strstr(err.msg, "damaged row"));
    }
    pf_buf_free(&b);
    pf_arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_any_size_come_back),
        cmocka_unit_test(values_at_the_ends_come_back),
        cmocka_unit_test(times_at_the_ends_come_back),
        cmocka_unit_test(columns_of_zeros_take_a_byte),
        cmocka_unit_test(proportional_columns_take_few_bytes),
        cmocka_unit_test(labels_come_back),
        cmocka_unit_test(lone_entries_come_back),
        cmocka_unit_test(heap_profiles_cost_their_counts),
        cmocka_unit_test(what_only_resembles_estimates_comes_back),
        cmocka_unit_test(sizes_of_nothing_help_nothing),
        cmocka_unit_test(sorting_keeps_samples_together),
        cmocka_unit_test(cut_rows_are_damaged),
        cmocka_unit_test(damaged_rows_are_survived),
        cmocka_unit_test(sections_are_passed_over_or_told),
        cmocka_unit_test(a_factor_is_a_positive_int64),
        cmocka_unit_test(a_row_too_large_for_the_arena_is_no_damage),
    };
    return cmocka_run_group_tests(tests, ga_set_up, ga_tear_down);
}
