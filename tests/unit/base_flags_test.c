/* Flags: Go's forms, the environment, what is refused. */
#include "base/flags.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct values {
    const char *addr;
    bool on;
    int64_t n, d, size;
} values;

static pf_code parse(values *v, pf_flags *out, char **words, pf_error *err)
{
    static pf_flag list[7];
    const pf_flag table[7] = {
        {.name = "addr", .kind = PF_FLAG_STRING, .value = &v->addr, .group = "G", .arg = "host"},
        {.name = "on", .kind = PF_FLAG_BOOL, .value = &v->on, .group = "G"},
        {.name = "n", .kind = PF_FLAG_INT, .value = &v->n, .group = "G", .arg = "n"},
        {.name = "some.d-uration", .kind = PF_FLAG_DURATION, .value = &v->d},
        {.name = "size", .kind = PF_FLAG_SIZE, .value = &v->size},
        {.name = "old", .kind = PF_FLAG_IGNORED},
        {.name = "old-bool", .kind = PF_FLAG_IGNORED, .ignored_bool = true},
    };
    memcpy(list, table, sizeof list);
    *out = (pf_flags){.program = "t", .env_prefix = "PF_T_", .list = list, .n = 7};
    int argc = 1;
    while (words[argc])
        argc++;
    return pf_flags_parse(out, argc, words, err);
}

#define WORDS(...) ((char *[]){"t", ##__VA_ARGS__, NULL})

static void test_all_forms(void **state)
{
    (void)state;
    values v = {.addr = "default"};
    pf_flags f;
    pf_error err;
    assert_int_equal(parse(&v, &f, WORDS(), &err), PF_OK);
    assert_string_equal(v.addr, "default");
    assert_int_equal(
        parse(&v, &f,
              WORDS("-addr=a=b", "--n", "7", "-on", "-old", "x", "-old-bool", "rest", "-n=1"),
              &err),
        PF_OK);
    assert_string_equal(v.addr, "a=b");
    assert_int_equal(v.n, 7);
    assert_true(v.on);
    assert_int_equal(f.nrest, 2);
    assert_string_equal(f.rest[0], "rest");
    assert_true(pf_flags_find(&f, "old")->set);
    assert_int_equal(parse(&v, &f, WORDS("--on=false", "-addr", "", "--", "-n"), &err), PF_OK);
    assert_false(v.on);
    assert_string_equal(v.addr, "");
    assert_int_equal(f.nrest, 1);
    assert_int_equal(parse(&v, &f, WORDS("-help"), &err), PF_OK);
    assert_true(f.help);
}

static void refuse(char **words, const char *says)
{
    values v = {0};
    pf_flags f;
    pf_error err;
    assert_int_equal(parse(&v, &f, words, &err), PF_INVALID);
    if (!strstr(err.msg, says))
        fail_msg("\"%s\" does not say \"%s\"", err.msg, says);
}

static void test_refused(void **state)
{
    (void)state;
    refuse(WORDS("-nope"), "unknown flag -nope");
    refuse(WORDS("-n"), "-n needs");
    refuse(WORDS("-n=x"), "\"x\" is not a whole number");
    refuse(WORDS("-n=-1"), "-1");
    refuse(WORDS("-on=maybe"), "maybe");
    refuse(WORDS("-some.d-uration", "5"), "duration");
    refuse(WORDS("-size=12XB"), "12XB");
}

static void test_the_environment_stands_behind_the_command_line(void **state)
{
    (void)state;
    values v = {0};
    pf_flags f;
    pf_error err;
    setenv("PF_T_SOME_D_URATION", "1h30m", 1);
    setenv("PF_T_N", "5", 1);
    setenv("PF_T_ADDR", "", 1);
    assert_int_equal(parse(&v, &f, WORDS("-n=6"), &err), PF_OK);
    assert_true(v.d == 5400 * PF_NS_PER_SEC);
    assert_int_equal(v.n, 6);
    assert_null(v.addr);
    setenv("PF_T_N", "five", 1);
    assert_int_equal(parse(&v, &f, WORDS(), &err), PF_INVALID);
    assert_non_null(strstr(err.msg, "PF_T_N"));
    unsetenv("PF_T_SOME_D_URATION");
    unsetenv("PF_T_N");
    unsetenv("PF_T_ADDR");
}

static void test_durations(void **state)
{
    (void)state;
    const struct {
        const char *text;
        int64_t ns;
    } good[] = {{"0", 0},
                {"5s", 5 * PF_NS_PER_SEC},
                {"1.5h", 5400 * PF_NS_PER_SEC},
                {"2d1h", 49 * 3600 * PF_NS_PER_SEC},
                {"300ms", 300 * PF_NS_PER_MS},
                {"10us", 10000},
                {"10\xc2\xb5s", 10000},
                {"7ns", 7}};
    int64_t ns;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(pf_duration_parse(pf_str_c(good[i].text), &ns));
        assert_true(ns == good[i].ns);
    }
    const char *const bad[] = {"", "5", "s", "5 s", "-5s", "5s5", "999999999999h", "."};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(pf_duration_parse(pf_str_c(bad[i]), &ns));
}

static void test_sizes(void **state)
{
    (void)state;
    int64_t n;
    assert_true(pf_size_parse(PF_STR("1048576"), &n) && n == 1048576);
    assert_true(pf_size_parse(PF_STR("64MiB"), &n) && n == 64 << 20);
    assert_true(pf_size_parse(PF_STR("1.5gb"), &n) && n == 1500000000);
    assert_true(pf_size_parse(PF_STR("3k"), &n) && n == 3072);
    assert_false(pf_size_parse(PF_STR("9223372036854775808"), &n));
    assert_false(pf_size_parse(PF_STR("99999999TiB"), &n));
    assert_false(pf_size_parse(PF_STR("1MiB1"), &n));
}

static void test_help_groups_and_shows_defaults(void **state)
{
    (void)state;
    values v = {.addr = ":1", .on = true, .n = 3};
    pf_flags f;
    pf_error err;
    char *text = NULL;
    size_t n = 0;
    assert_int_equal(parse(&v, &f, WORDS(), &err), PF_OK);
    FILE *out = open_memstream(&text, &n);
    pf_flags_print(&f, out);
    fclose(out);
    assert_non_null(strstr(text, "\nG\n"));
    assert_non_null(strstr(text, "-addr host"));
    assert_non_null(strstr(text, "(default :1)"));
    assert_non_null(strstr(text, "(default 3)"));
    assert_null(strstr(text, "old")); /* no group: hidden */
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_forms),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_the_environment_stands_behind_the_command_line),
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_help_groups_and_shows_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
