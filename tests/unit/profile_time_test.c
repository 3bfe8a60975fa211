/* Times: every form that is read, every extreme, and how they are written. */
#include "profile/time.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void check(const char *text, const char *written, bool clamped, bool fraction)
{
    pf_instant t;
    const char *why;
    char shown[PF_TIME_CHARS + 1];
    if (!pf_time_parse(pf_str_c(text), &t, &why))
        fail_msg("%s: %s", text, why);
    pf_time_format(t.ns, shown);
    assert_string_equal(shown, written);
    assert_int_equal(t.clamped, clamped);
    assert_int_equal(t.has_fraction, fraction);
}

static void test_forms(void **state)
{
    (void)state;
    check("2006-01-02T15:04:05", "2006-01-02T15:04:05Z", false, false);
    check("2006-01-02T15:04:05Z", "2006-01-02T15:04:05Z", false, false);
    check("2006-01-02t15:04:05z", "2006-01-02T15:04:05Z", false, false);
    check("2006-01-02T15:04:05.25", "2006-01-02T15:04:05.25Z", false, true);
    check("2006-01-02T15:04:05.0", "2006-01-02T15:04:05Z", false, true);
    check("2006-01-02T15:04:05.1234567899Z", "2006-01-02T15:04:05.123456789Z", false, true);
    check("2006-01-02T15:04:05+02:00", "2006-01-02T13:04:05Z", false, false);
    check("2006-01-02T15:04:05 02:00", "2006-01-02T13:04:05Z", false, false); /* a decoded '+' */
    check("2006-01-02T15:04:05-0730", "2006-01-02T22:34:05Z", false, false);
    check("2024-02-29T00:00:00", "2024-02-29T00:00:00Z", false, false);
    check("0", "1970-01-01T00:00:00Z", false, false);
    check("1136214245", "2006-01-02T15:04:05Z", false, false);
    check("1136214245.5", "2006-01-02T15:04:05.5Z", false, true);
    check("-1.5", "1969-12-31T23:59:58.5Z", false, true);
}

static void test_extremes_are_clamped(void **state)
{
    (void)state;
    const char *first = "1677-09-21T00:12:43.145224192Z", *last = "2262-04-11T23:47:16.854775807Z";
    check("0000-01-01T00:00:00", first, true, false);
    check("9999-12-31T23:59:59", last, true, false);
    check("9223372036854775807", last, true, false);
    check("-9223372036854775807", first, true, false);
    check("2262-04-11T23:47:16.854775807", last, false, true);
}

static void test_refused(void **state)
{
    (void)state;
    const char *const bad[] = {"",
                               "x",
                               "2006-01-02",
                               "2006-01-02 15:04:05",
                               "2006-13-02T15:04:05",
                               "2006-02-29T15:04:05",
                               "2006-00-01T00:00:00",
                               "2006-01-00T00:00:00",
                               "2006-01-02T24:00:00",
                               "2006-01-02T15:60:05",
                               "2006-01-02T15:04:60",
                               "2006-01-02T15:04:05.",
                               "2006-01-02T15:04:05+25:00",
                               "2006-01-02T15:04:05+02:00x",
                               "2006-1-2T15:04:05",
                               "1e9",
                               "99999999999999999999",
                               "12."};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        pf_instant t;
        const char *why = NULL;
        if (pf_time_parse(pf_str_c(bad[i]), &t, &why))
            fail_msg("\"%s\" was read", bad[i]);
        assert_non_null(why);
    }
    pf_instant t;
    const char *why;
    assert_false(pf_time_parse((pf_str){"2006-01-02T15:04:0\0", 19}, &t, &why));
}

static void test_relative_to_now(void **state)
{
    (void)state;
    const int64_t now = 1700000000 * INT64_C(1000000000), second = 1000000000;
    static const struct {
        const char *text;
        int64_t offset; /* seconds */
    } cases[] = {
        {"now", 0},           {"now-1s", -1},      {"now-30m", -1800},
        {"now-1h30m", -5400}, {"now-2d", -172800}, {"now-1w1s", -604801},
        {"now+5m", 300},      {"now 5m", 300},     {"now-0h", 0},
    };
    static const char *const bad[] = {"now-",
                                      "now-1",
                                      "now-h",
                                      "now1h",
                                      "now-1h-",
                                      "nowhere",
                                      "Now",
                                      "now- 1h",
                                      "now--1h",
                                      "now-1y",
                                      "now-99999999999999999999h"};
    pf_instant t;
    const char *why;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (!pf_time_parse_at(pf_str_c(cases[i].text), now, &t, &why))
            fail_msg("%s: %s", cases[i].text, why);
        assert_int_equal(t.ns, now + cases[i].offset * second);
        assert_true(t.has_fraction);
        assert_false(pf_time_parse(pf_str_c(cases[i].text), &t, &why));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (pf_time_parse_at(pf_str_c(bad[i]), now, &t, &why))
            fail_msg("%s was read", bad[i]);
    assert_true(pf_time_parse_at(PF_STR("now-999999w"), now, &t, &why) && t.clamped);
    assert_int_equal(t.ns, INT64_MIN);
    assert_true(pf_time_parse_at(PF_STR("1700000000"), 5, &t, &why));
    assert_int_equal(t.ns, now);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_extremes_are_clamped),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_relative_to_now),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
