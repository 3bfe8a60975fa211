/* Encoding: the layout byte by byte, and the ceiling of the buffer at every size. */
#include "pprof/profile.h"
#include "support/profile_eq.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What google/pprof would write, with the string table that it was read with. */
static const pf_str laid_out =
    PF_STR("\x0a\x04\x08\x01\x10\x02" /* sample types: cpu/ns, one without names */
           "\x0a\x00"
           /* three locations are packed; two values are not */
           "\x12\x17\x0a\x03\x01\x02\x01\x10\x05\x10\x00\x1a\x04\x08\x01\x10\x02\x1a\x06\x08\x01"
           "\x18\x07\x20"
           "\x02"
           /* two locations are not packed; an empty label */
           "\x12\x0a\x08\x01\x08\x02\x10\x01\x10\x01\x1a\x00"
           "\x12\x04\x10\x01\x10\x01" /* no locations */
           "\x1a\x12\x08\x01\x10\x80\x20\x18\x80\x40\x20\x05\x28\x01\x30\x02\x38\x01\x50\x01"
           "\x22\x11\x08\x01\x10\x01\x18\x80\x01\x22\x06\x08\x01\x10\x0a\x18\x03\x28\x01"
           "\x22\x04\x08\x02\x10\x63" /* of a mapping that is not there */
           "\x2a\x0a\x08\x01\x10\x01\x18\x02\x20\x01\x28\x0c"
           "\x32\x00\x32\x03"
           "cpu"
           "\x32\x02"
           "ns"
           "\x38\x01\x40\x02\x48\x0b\x50\x0c\x5a\x00\x60\x0d"
           "\x6a\x03\x01\x02\x00" /* three comments are packed */
           "\x70\x00"             /* the default sample type is written even when there is none */
           "\x78\x02");

static pf_profile must_decode(pf_str bytes, pf_arena *a)
{
    pf_profile p;
    pf_error err;
    pf_arena_init(a, NULL, 0);
    if (pf_profile_decode(&p, a, bytes, &err))
        fail_msg("%s", err.msg);
    return p;
}

static void check_written_as(pf_str from, pf_str to)
{
    pf_arena a;
    pf_profile p = must_decode(from, &a);
    pf_buf out = PF_BUF_INIT;
    assert_int_equal(pf_profile_encode(&p, &out, NULL), PF_OK);
    assert_int_equal(out.len, to.n);
    assert_memory_equal(out.data, to.p, to.n);
    pf_buf_free(&out);
    pf_arena_free(&a);
}

static void test_layout(void **state)
{
    (void)state;
    check_written_as(laid_out, laid_out);
}

static void test_smallest(void **state)
{
    (void)state;
    check_written_as(PF_STR("\x32\x00"), PF_STR("\x32\x00\x70\x00"));
    check_written_as(PF_STR("\x32\x00\x6a\x02\x00\x00"),
                     PF_STR("\x32\x00\x68\x00\x68\x00\x70\x00"));
}

static void test_large_numbers(void **state)
{
    (void)state;
    check_written_as(PF_STR("\x0a\x00\x12\x0b\x10\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"
                            "\x1a\x0d\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x10\x7f"
                            "\x32\x00\x48\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x70\x00"),
                     PF_STR("\x0a\x00\x12\x0b\x10\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"
                            "\x1a\x0d\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x10\x7f"
                            "\x32\x00\x48\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x70\x00"));
}

/* Every varint length, in a message whose own length takes one byte and two. */
static void test_varint_lengths(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 64; bits++) {
        pf_str string[2] = {{"", 0}, {"x", 1}};
        pf_value_type type = {0};
        int64_t value = (int64_t)((UINT64_C(2) << bits) - 1);
        pf_sample sample = {0};
        pf_profile p = {.string = string,
                        .nstring = 2,
                        .sample_type = &type,
                        .nsample_type = 1,
                        .sample = &sample,
                        .nsample = 1,
                        .value = &value,
                        .period = value,
                        .duration_nanos = value ^ (value >> 1)};
        pf_buf out = PF_BUF_INIT;
        assert_int_equal(pf_profile_encode(&p, &out, NULL), PF_OK);
        pf_arena a;
        pf_profile again = must_decode(pf_buf_str(&out), &a);
        assert_true(pf_test_same_exactly(&p, &again));
        pf_arena_free(&a);
        pf_buf_free(&out);
    }
}

static void test_ceiling(void **state)
{
    (void)state;
    pf_arena a;
    pf_profile p = must_decode(laid_out, &a);
    for (size_t max = 1; max <= laid_out.n + 1; max++) {
        pf_buf out = {.max = max};
        pf_error err;
        pf_code code = pf_profile_encode(&p, &out, &err);
        assert_int_equal(code, max < laid_out.n ? PF_TOO_LARGE : PF_OK);
        assert_true(out.len <= max);
        if (code)
            assert_non_null(strstr(err.msg, "over the limit of"));
        pf_buf_free(&out);
    }
    pf_arena_free(&a);
}

static void test_appends(void **state)
{
    (void)state;
    pf_arena a;
    pf_profile p = must_decode(PF_STR("\x32\x00"), &a);
    pf_buf out = PF_BUF_INIT;
    pf_buf_puts(&out, "before");
    assert_int_equal(pf_profile_encode(&p, &out, NULL), PF_OK);
    assert_int_equal(out.len, 10);
    assert_memory_equal(out.data, "before\x32\x00\x70\x00", 10);
    pf_buf_free(&out);
    pf_arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),        cmocka_unit_test(test_smallest),
        cmocka_unit_test(test_large_numbers), cmocka_unit_test(test_varint_lengths),
        cmocka_unit_test(test_ceiling),       cmocka_unit_test(test_appends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
