#include "storage/local/symbols/sampled.h"
#include "support/symbols_path.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { RATE = 512 << 10 };

static void counts_give_what_go_wrote(void **state)
{
    (void)state;
    static const struct {
        uint64_t size;
        int64_t count, objects, bytes;
    } written[] = {
        /* by Go, on amd64 */
        {112, 1, 4681, 524344},     {112, 2, 9363, 1048688},     {112, 6, 28089, 3146064},
        {24, 3, 65537, 1572900},    {24, 16, 349533, 8388800},   {16, 6, 196611, 3145776},
        {4096, 1, 128, 526338},     {8192, 1, 64, 528394},       {16384, 1, 32, 532522},
        {64, 70, 573475, 36702400}, {48, 36, 393234, 18875232},  {896, 1, 585, 524736},
        {1408, 4, 1491, 2099969},   {176, 34, 101299, 17828784},
    };
    for (size_t i = 0; i < sizeof written / sizeof *written; i++) {
        pf_sampled s = pf_sampled_of(RATE, written[i].size);
        int64_t objects, bytes;
        pf_sampled_estimate(s, written[i].count, &objects, &bytes);
        assert_int_equal(objects, written[i].objects);
        assert_int_equal(bytes, written[i].bytes);
        assert_int_equal(pf_sampled_count(s, bytes), written[i].count);
        pf_sampled_estimate(s, -written[i].count, &objects, &bytes);
        assert_int_equal(objects, -written[i].objects);
        assert_int_equal(bytes, -written[i].bytes);
        assert_int_equal(pf_sampled_count(s, bytes), -written[i].count);
    }
}

static void the_scale_is_the_formula(void **state)
{
    (void)state;
    uint64_t random = 1;
    for (int i = 0; i < 20000; i++) {
        uint64_t rate = 1 + (pf_test_random(&random) >> (34 + pf_test_random(&random) % 29));
        uint64_t size = 1 + (pf_test_random(&random) >> (34 + pf_test_random(&random) % 29));
        double want = -1 / expm1(-(double)size / (double)rate);
        if (size * 1000 > rate) /* a double holds no more than 53 bits of 1 - exp */
            assert_true(fabs(pf_sampled_of(rate, size).scale / want - 1) < 1e-12);
    }
}

static void counts_come_back(void **state)
{
    (void)state;
    for (uint64_t size = 1; size < 5000000; size += 1 + size / 7) {
        pf_sampled s = pf_sampled_of(RATE, size);
        for (int64_t c = -200; c <= 200; c++) {
            int64_t objects, bytes;
            pf_sampled_estimate(s, c, &objects, &bytes);
            assert_int_equal(pf_sampled_count(s, bytes), c);
        }
    }
}

static void without_rate_or_size_all_is_zero(void **state)
{
    (void)state;
    static const uint64_t pairs[][2] = {{0, 0}, {0, 16}, {RATE, 0}};
    for (int i = 0; i < 3; i++) {
        pf_sampled s = pf_sampled_of(pairs[i][0], pairs[i][1]);
        int64_t objects = 1, bytes = 1;
        pf_sampled_estimate(s, 1000, &objects, &bytes);
        assert_int_equal(objects, 0);
        assert_int_equal(bytes, 0);
        assert_int_equal(pf_sampled_count(s, 123456), 0);
    }
}

static void extremes_are_survived(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {1, 2, 1 << 20, INT64_MAX, UINT64_MAX};
    static const int64_t values[] = {INT64_MIN, INT64_MIN + 1, -1, 0, 1, INT64_MAX};
    for (int r = 0; r < 5; r++)
        for (int z = 0; z < 5; z++)
            for (int v = 0; v < 6; v++) {
                pf_sampled s = pf_sampled_of(sizes[r], sizes[z]);
                int64_t objects, bytes;
                assert_true(isfinite(s.scale) && s.scale >= 1);
                pf_sampled_estimate(s, values[v], &objects, &bytes);
                pf_sampled_estimate(s, pf_sampled_count(s, values[v]), &objects, &bytes);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_give_what_go_wrote),
        cmocka_unit_test(the_scale_is_the_formula),
        cmocka_unit_test(counts_come_back),
        cmocka_unit_test(without_rate_or_size_all_is_zero),
        cmocka_unit_test(extremes_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
