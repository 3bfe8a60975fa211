/* Buffers: growth, the ceiling, sticky failure, varints, JSON. */
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void check_json(pf_str in, const char *out)
{
    pf_buf b = PF_BUF_INIT;
    pf_buf_put_json(&b, in);
    pf_buf_putc(&b, 0);
    assert_string_equal(b.data, out);
    pf_buf_free(&b);
}

static void test_json_escapes_what_must_be(void **state)
{
    (void)state;
    check_json(PF_STR(""), "\"\"");
    check_json(PF_STR("a\"b\\c"), "\"a\\\"b\\\\c\"");
    check_json((pf_str){"\0\x1f\n\x7f", 4}, "\"\\u0000\\u001f\\n\\u007f\"");
    check_json(PF_STR("\xc3\xa4\xf0\x9f\x8d\xba"), "\"\xc3\xa4\xf0\x9f\x8d\xba\"");
    check_json(PF_STR("a\xffz"), "\"a\xef\xbf\xbdz\"");
    check_json(PF_STR("\xe2\x82"), "\"\xef\xbf\xbd\xef\xbf\xbd\""); /* cut off */
    check_json(PF_STR("\xed\xa0\x80"),
               "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""); /* a surrogate */
}

static void test_failure_is_sticky_until_cleared(void **state)
{
    (void)state;
    pf_buf b = {.max = 10};
    pf_buf_puts(&b, "12345678");
    pf_buf_puts(&b, "abc");
    assert_true(b.failed);
    pf_buf_puts(&b, "x");
    assert_int_equal(b.len, 8);
    pf_buf_clear(&b);
    pf_buf_puts(&b, "1234567890");
    assert_false(b.failed);
    assert_int_equal(b.len, 10);
    pf_buf_free(&b);
}

static void test_printf_grows(void **state)
{
    (void)state;
    pf_buf b = PF_BUF_INIT;
    for (int i = 0; i < 1000; i++)
        pf_buf_printf(&b, "%d,", i);
    assert_false(b.failed);
    assert_memory_equal(b.data + b.len - 8, "998,999,", 8);
    pf_buf_free(&b);
}

static void test_varints_come_back(void **state)
{
    (void)state;
    const uint64_t values[] = {0, 1, 127, 128, 16383, 16384, UINT32_MAX, INT64_MAX, UINT64_MAX};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        pf_buf b = PF_BUF_INIT;
        pf_buf_put_varint(&b, values[i]);
        const uint8_t *p = (uint8_t *)b.data, *end = p + b.len;
        uint64_t v;
        assert_true(pf_varint_get(&p, end, &v));
        assert_true(v == values[i] && p == end);
        for (size_t cut = 0; cut < b.len; cut++) {
            p = (uint8_t *)b.data;
            assert_false(pf_varint_get(&p, p + cut, &v));
        }
        pf_buf_free(&b);
    }
    const uint8_t endless[11] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1};
    const uint8_t *p = endless;
    uint64_t v;
    assert_false(pf_varint_get(&p, endless + 11, &v));
}

static void test_zigzag_comes_back(void **state)
{
    (void)state;
    const int64_t values[] = {0, -1, 1, INT64_MIN, INT64_MAX, 1234567};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        assert_true(pf_unzigzag(pf_zigzag(values[i])) == values[i]);
    assert_true(pf_zigzag(-1) == 1 && pf_zigzag(1) == 2);
}

static void test_what_it_holds_counts_against_a_budget(void **state)
{
    (void)state;
    pf_ledger budget;
    pf_ledger_init(&budget, "-memory.max-inflight", 1000, PF_UNAVAILABLE, NULL);
    pf_buf b = {.budget = &budget};
    pf_buf_put_str(&b, PF_STR("abc"));
    assert_int_equal(pf_ledger_held(&budget), b.cap);
    assert_null(pf_buf_reserve(&b, 1000));
    assert_true(b.failed && b.over_budget);
    pf_buf_clear(&b);
    assert_false(b.failed || b.over_budget);
    assert_non_null(pf_buf_reserve(&b, 300));
    assert_int_equal(pf_ledger_held(&budget), b.cap);
    pf_buf_free(&b);
    assert_int_equal(pf_ledger_held(&budget), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_escapes_what_must_be),
        cmocka_unit_test(test_failure_is_sticky_until_cleared),
        cmocka_unit_test(test_printf_grows),
        cmocka_unit_test(test_varints_come_back),
        cmocka_unit_test(test_zigzag_comes_back),
        cmocka_unit_test(test_what_it_holds_counts_against_a_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
