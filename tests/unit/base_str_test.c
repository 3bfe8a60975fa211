/* Slices: comparing, cutting, numbers, UTF-8. */
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_cut_and_trim(void **state)
{
    (void)state;
    pf_str head, tail;
    assert_true(pf_str_cut(PF_STR("a=b=c"), '=', &head, &tail));
    assert_true(pf_str_eq(head, PF_STR("a")) && pf_str_eq(tail, PF_STR("b=c")));
    assert_false(pf_str_cut(PF_STR("abc"), '=', &head, &tail));
    assert_true(pf_str_eq(head, PF_STR("abc")) && tail.n == 0);
    assert_false(pf_str_cut((pf_str){NULL, 0}, '=', &head, &tail));
    assert_true(pf_str_eq(pf_str_trim(PF_STR(" \t x y \r\n")), PF_STR("x y")));
    assert_int_equal(pf_str_trim(PF_STR("  ")).n, 0);
}

static void test_order_is_by_bytes_then_length(void **state)
{
    (void)state;
    assert_true(pf_str_cmp(PF_STR("a"), PF_STR("b")) < 0);
    assert_true(pf_str_cmp(PF_STR("a"), PF_STR("aa")) < 0);
    assert_true(pf_str_cmp(PF_STR("\x7f"), PF_STR("\x80")) < 0);
    assert_true(pf_str_cmp(PF_STR(""), (pf_str){NULL, 0}) == 0);
    assert_true(pf_str_eq_nocase(PF_STR("Content-Type"), PF_STR("content-type")));
    assert_false(pf_str_eq_nocase(PF_STR("a["), PF_STR("A{")));
}

static void test_numbers(void **state)
{
    (void)state;
    int64_t v;
    assert_true(pf_str_to_i64(PF_STR("-9223372036854775808"), &v) && v == INT64_MIN);
    assert_true(pf_str_to_i64(PF_STR("9223372036854775807"), &v) && v == INT64_MAX);
    assert_true(pf_str_to_i64(PF_STR("+007"), &v) && v == 7);
    const char *const bad[] = {"",    "-",
                               "1 ",  " 1",
                               "0x1", "9223372036854775808",
                               "1.",  "--1",
                               "1e3", "-9223372036854775809"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(pf_str_to_i64(pf_str_c(bad[i]), &v));
}

static void test_utf8(void **state)
{
    (void)state;
    const char *const good[] = {"", "abc", "\xc3\xa9", "\xe2\x82\xac", "\xf4\x8f\xbf\xbf"};
    const char *const bad[] = {"\x80",         "\xc0\x80",         "\xc3",         "\xe0\x80\x80",
                               "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf8\x88\x80", "a\xff"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(pf_str_is_utf8(pf_str_c(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(pf_str_is_utf8(pf_str_c(bad[i])));
}

static void test_control_characters(void **state)
{
    (void)state;
    assert_true(pf_str_has_control(PF_STR("a\n")));
    assert_true(pf_str_has_control((pf_str){"\0", 1}));
    assert_true(pf_str_has_control(PF_STR("\x7f")));
    assert_true(pf_str_has_control(PF_STR("\xc2\x85")));
    assert_false(pf_str_has_control(PF_STR("\xc2\xa0 \xe2\x82\x80")));
}

static void test_code_points(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t point;
        size_t n;
    } cases[] = {
        {"ab", 'a', 1},
        {"\xc3\xb6x", 0xf6, 2},
        {"\xe2\x80\xa8", 0x2028, 3},
        {"\xf0\x9f\x94\xa5", 0x1f525, 4},
        {"\xff", 0xfffd, 1},
        {"\xe2\x80", 0xfffd, 1},
        {"\xed\xa0\x80", 0xfffd, 1},
        {"\x85", 0xfffd, 1},
        {"\xc0\x80", 0xfffd, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = 0;
        assert_int_equal(pf_str_code_point(pf_str_c(cases[i].text), 0, &n), cases[i].point);
        assert_int_equal(n, cases[i].n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_and_trim), cmocka_unit_test(test_order_is_by_bytes_then_length),
        cmocka_unit_test(test_numbers),      cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_code_points),  cmocka_unit_test(test_control_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
