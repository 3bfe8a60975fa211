/* The log: formats, escapes, levels. Standard error is a file meanwhile. */
#include "base/log.h"

#include <stdio.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char line[8192];

/* What `write_it` logs in a format. */
static const char *logged(pf_log_format format, void (*write_it)(void))
{
    FILE *file = tmpfile();
    int saved = dup(STDERR_FILENO);
    assert_true(file && saved >= 0);
    dup2(fileno(file), STDERR_FILENO);
    pf_log_setup(PF_LOG_LEVEL_INFO, format);
    write_it();
    dup2(saved, STDERR_FILENO);
    close(saved);
    rewind(file);
    size_t n = fread(line, 1, sizeof line - 1, file);
    line[n] = 0;
    fclose(file);
    return line;
}

static void one(void)
{
    PF_LOG_WARN("a \"thing\"", PF_S("bare", "x/y"), PF_S("quoted", "a b\n"), PF_I("n", -3),
                PF_D("d", 1500000), PF_V("bad", PF_STR("\xff")));
}

static void test_logfmt(void **state)
{
    (void)state;
    const char *s = logged(PF_LOG_FORMAT_LOGFMT, one);
    assert_memory_equal(s, "ts=20", 5);
    assert_non_null(strstr(s, " level=warn msg=\"a \\\"thing\\\"\" bare=x/y quoted=\"a b\\n\" n=-3 "
                              "d=0.001500s bad=\"\xef\xbf\xbd\"\n"));
}

static void test_json(void **state)
{
    (void)state;
    const char *s = logged(PF_LOG_FORMAT_JSON, one);
    assert_memory_equal(s, "{\"ts\":\"20", 9);
    assert_non_null(
        strstr(s, "\"level\":\"warn\",\"msg\":\"a \\\"thing\\\"\",\"bare\":\"x/y\",\"quoted\":\"a "
                  "b\\n\",\"n\":-3,\"d\":0.001500,"));
    assert_string_equal(s + strlen(s) - 2, "}\n");
}

static void test_console(void **state)
{
    (void)state;
    assert_non_null(strstr(logged(PF_LOG_FORMAT_CONSOLE, one), " warn  a \"thing\"  bare=x/y"));
}

static void quiet(void)
{
    PF_LOG_DEBUG("not shown");
}

static void long_one(void)
{
    static char text[5000];
    memset(text, 'x', sizeof text - 1);
    PF_LOG_INFO("long", PF_S("v", text));
}

static void test_levels_and_cuts(void **state)
{
    (void)state;
    assert_string_equal(logged(PF_LOG_FORMAT_LOGFMT, quiet), "");
    assert_true(strlen(logged(PF_LOG_FORMAT_LOGFMT, long_one)) < 1200);
}

static void test_names(void **state)
{
    (void)state;
    pf_log_level level;
    pf_log_format format;
    assert_true(pf_log_level_parse(PF_STR("error"), &level) && level == PF_LOG_LEVEL_ERROR);
    assert_false(pf_log_level_parse(PF_STR("loud"), &level));
    assert_true(pf_log_format_parse(PF_STR("json"), &format) && format == PF_LOG_FORMAT_JSON);
    assert_false(pf_log_format_parse(PF_STR("xml"), &format));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_logfmt),  cmocka_unit_test(test_json),
        cmocka_unit_test(test_console), cmocka_unit_test(test_levels_and_cuts),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
