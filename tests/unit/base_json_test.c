/* The JSON emitter: commas, brackets, numbers, and a buffer that is full. */
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_commas(void **state)
{
    (void)state;
    pf_buf b = PF_BUF_INIT;
    pf_json j = {.out = &b};
    pf_json_open(&j, '{');
    pf_json_key(&j, "empty");
    pf_json_open(&j, '[');
    pf_json_close(&j, ']');
    pf_json_key(&j, "list");
    pf_json_open(&j, '[');
    pf_json_open(&j, '{');
    pf_json_close(&j, '}');
    pf_json_open(&j, '{');
    pf_json_put_str(&j, "a", PF_STR("\"\n\xff"));
    pf_json_put_int(&j, "b", INT64_MIN);
    pf_json_close(&j, '}');
    pf_json_int(&j, 0);
    pf_json_str(&j, PF_STR(""));
    pf_json_close(&j, ']');
    pf_json_put_bool(&j, "yes", true);
    pf_json_put_bool(&j, "no", false);
    pf_json_put_null(&j, "none");
    pf_json_put_double(&j, "x", 0.1, 15);
    pf_json_put_double(&j, "y", 1e15, 15);
    pf_json_close(&j, '}');
    pf_buf_putc(&b, 0);
    assert_string_equal(b.data, "{\"empty\":[],\"list\":[{},{\"a\":\"\\\"\\n\xef\xbf\xbd\",\"b\":"
                                "-9223372036854775808},0,\"\"],\"yes\":true,\"no\":false,"
                                "\"none\":null,\"x\":0.1,\"y\":1e+15}");
    pf_buf_free(&b);
}

static void test_a_full_buffer_says_so(void **state)
{
    (void)state;
    pf_buf b = {.max = 4};
    pf_json j = {.out = &b};
    pf_json_open(&j, '[');
    pf_json_str(&j, PF_STR("longer than four"));
    pf_json_close(&j, ']');
    assert_true(b.failed);
    pf_buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commas),
        cmocka_unit_test(test_a_full_buffer_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
