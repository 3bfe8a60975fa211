/* Values as people read them, and text for XML. */
#include "view/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void values(void **state)
{
    (void)state;
    static const struct {
        int64_t value;
        const char *unit, *expected;
    } cases[] = {
        {0, "nanoseconds", "0ns"},
        {1500, "nanoseconds", "1.50us"},
        {-2500000, "nanoseconds", "-2.50ms"},
        {1250000000, "nanoseconds", "1.25s"},
        {90, "seconds", "1.50mins"},
        {3, "milliseconds", "3.00ms"},
        {1023, "bytes", "1023B"},
        {1536, "bytes", "1.50kB"},
        {3 << 20, "bytes", "3.00MB"},
        {12, "count", "12"},
        {12, "", "12"},
        {7, "goroutine", "7 goroutine"},
        {INT64_MIN, "count", "-9223372036854775808"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pf_buf b = PF_BUF_INIT;
        pf_units_put(&b, cases[i].value, pf_str_c(cases[i].unit));
        pf_buf_putc(&b, 0);
        assert_string_equal(b.data, cases[i].expected);
        pf_buf_free(&b);
    }
}

static void xml(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t chars;
        const char *expected;
    } cases[] = {
        {"<a href=\"x\">&amp;</a>", 0, "&lt;a href=&quot;x&quot;&gt;&amp;amp;&lt;/a&gt;"},
        {"a\x01\nb", 0,
         "a\xef\xbf\xbd\xef\xbf\xbd"
         "b"},
        {"\xff\xc3", 0, "\xef\xbf\xbd\xef\xbf\xbd"},
        {"größe", 3, "grö.."},
        {"größe", 5, "größe"},
        {"🔥🔥", 1, "🔥.."},
        {"\xef\xbf\xbf", 0, "\xef\xbf\xbd"},
        {"", 3, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pf_buf b = PF_BUF_INIT;
        pf_units_put_xml(&b, pf_str_c(cases[i].text), cases[i].chars);
        pf_buf_putc(&b, 0);
        assert_string_equal(b.data, cases[i].expected);
        pf_buf_free(&b);
    }
}

static void percents(void **state)
{
    (void)state;
    pf_buf b = PF_BUF_INIT;
    pf_units_put_percent(&b, 1, 8);
    pf_units_put_percent(&b, 1, 0);
    pf_buf_putc(&b, 0);
    assert_string_equal(b.data, "12.5%");
    pf_buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),
        cmocka_unit_test(xml),
        cmocka_unit_test(percents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
