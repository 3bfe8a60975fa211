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
    const char *addr, *file;
    bool on;
    int64_t n, d;
    size_t size;
    unsigned small;
    pf_flag_list many;
} values;

static const pf_flag list[] = {
    PF_FLAG(values, "addr", STRING, addr, "G", "host", ""),
    PF_FLAG(values, "file", OPTIONAL, file, "G", "file", ""),
    PF_FLAG(values, "on", BOOL, on, "G", NULL, ""),
    PF_FLAG(values, "n", INT, n, "G", "n", ""),
    PF_FLAG(values, "some.d-uration", DURATION, d, NULL, NULL, "", .least = PF_NS_PER_SEC,
            .most = 86400 * PF_NS_PER_SEC),
    PF_FLAG(values, "size", SIZE, size, NULL, NULL, "", .least = 1 << 10, .most = 64 << 20),
    PF_FLAG(values, "small", INT, small, NULL, NULL, ""),
    PF_FLAG(values, "many", LIST, many, "H", "x", "", .initial = "first"),
    {.name = "old", .kind = PF_FLAG_IGNORED},
    {.name = "old-bool", .kind = PF_FLAG_IGNORED_BOOL},
};

static pf_code parse(values *v, pf_flags *out, char **words, pf_error *err)
{
    *out = (pf_flags){.program = "t",
                      .env_prefix = "PF_T_",
                      .list = list,
                      .n = sizeof list / sizeof *list,
                      .values = v};
    int argc = 1;
    while (words[argc])
        argc++;
    pf_flags_defaults(out);
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
    assert_true(pf_flags_is_set(&f, "old"));
    assert_true(pf_flags_is_set(&f, "n"));
    assert_false(pf_flags_is_set(&f, "size"));
    assert_false(pf_flags_is_set(&f, "nope"));
    assert_int_equal(parse(&v, &f, WORDS("--on=false", "-addr", "", "--", "-n"), &err), PF_OK);
    assert_false(v.on);
    assert_string_equal(v.addr, "");
    assert_int_equal(f.nrest, 1);
    assert_int_equal(parse(&v, &f, WORDS("-help"), &err), PF_OK);
    assert_int_equal(f.help, PF_FLAGS_HELP_TEXT);
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

static void test_a_range_is_named_in_the_units_of_its_flag(void **state)
{
    (void)state;
    refuse(WORDS("-size=1023"), "flag -size: \"1023\" is not between 1KiB and 64MiB");
    refuse(WORDS("-size=65MiB"), "flag -size: \"65MiB\" is not between 1KiB and 64MiB");
    refuse(WORDS("-some.d-uration=25h"), "\"25h\" is not between 1s and 24h");
    refuse(WORDS("-small=4294967296"), "\"4294967296\" is not between 0 and 4294967295");
    setenv("PF_T_SIZE", "1", 1);
    refuse(WORDS(), "environment variable PF_T_SIZE: \"1\" is not between 1KiB and 64MiB");
    unsetenv("PF_T_SIZE");
    values v = {0};
    pf_flags f;
    pf_error err = {0};
    assert_int_equal(parse(&v, &f, WORDS("-size=1024", "-small=4294967295"), &err), PF_OK);
    assert_int_equal(v.size, 1024);
    assert_int_equal(v.small, UINT32_MAX);
    assert_int_equal(v.many.n, 1); /* what stands behind `small` is untouched */
    assert_int_equal(parse(&v, &f, WORDS("-size=64MiB"), &err), PF_OK);
    assert_int_equal(parse(&v, &f, WORDS("-size=1"), &err), PF_INVALID);
    assert_string_equal(err.param, "size");
}

static void test_an_optional_text_is_null_when_empty(void **state)
{
    (void)state;
    values v = {.file = "x"};
    pf_flags f;
    pf_error err;
    assert_int_equal(parse(&v, &f, WORDS("-file="), &err), PF_OK);
    assert_null(v.file);
    assert_int_equal(parse(&v, &f, WORDS("-file=a"), &err), PF_OK);
    assert_string_equal(v.file, "a");
}

static void test_a_list_takes_the_place_of_its_default(void **state)
{
    (void)state;
    values v = {0};
    pf_flags f;
    pf_error err;
    char given[PF_FLAG_GIVEN_MAX];
    assert_int_equal(parse(&v, &f, WORDS(), &err), PF_OK);
    assert_int_equal(v.many.n, 1);
    assert_string_equal(v.many.item[0], "first");
    pf_flags_given_as(&f, "many", given);
    assert_string_equal(given, "flag -many");
    setenv("PF_T_MANY", "a,b,c", 1);
    assert_int_equal(parse(&v, &f, WORDS(), &err), PF_OK);
    assert_int_equal(v.many.n, 3);
    assert_string_equal(v.many.item[2], "c");
    pf_flags_given_as(&f, "many", given);
    assert_string_equal(given, "environment variable PF_T_MANY");
    assert_int_equal(parse(&v, &f, WORDS("-many=x", "-many=y"), &err), PF_OK);
    assert_int_equal(v.many.n, 2);
    assert_string_equal(v.many.item[1], "y");
    unsetenv("PF_T_MANY");
}

static void test_help_asks_nothing_of_what_follows_or_of_the_environment(void **state)
{
    (void)state;
    values v = {0};
    pf_flags f;
    pf_error err;
    setenv("PF_T_N", "five", 1);
    assert_int_equal(parse(&v, &f, WORDS("-on", "-help", "-nope", "rest"), &err), PF_OK);
    assert_int_equal(f.help, PF_FLAGS_HELP_TEXT);
    assert_int_equal(f.nrest, 0);
    unsetenv("PF_T_N");
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
    pf_flags_print(&f, PF_FLAGS_HELP_TEXT, out);
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
        cmocka_unit_test(test_a_range_is_named_in_the_units_of_its_flag),
        cmocka_unit_test(test_an_optional_text_is_null_when_empty),
        cmocka_unit_test(test_a_list_takes_the_place_of_its_default),
        cmocka_unit_test(test_help_asks_nothing_of_what_follows_or_of_the_environment),
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_help_groups_and_shows_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
