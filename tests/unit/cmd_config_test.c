/* The server's flags, one by one from the table: each is read from the command line and from its environment
 * variable, each default lies in its own range, each range is kept, and messages name what was given. */
#include "cmd/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { TEXT_MAX = 256 };

static pf_code parse(pf_config *c, pf_flags *f, const char *word, pf_error *err)
{
    static char copy[2 * TEXT_MAX]; /* values point into it */
    char *argv[] = {"profefe", copy, NULL};
    snprintf(copy, sizeof copy, "%s", word ? word : "");
    *err = (pf_error){0};
    *f = pf_config_flags(c);
    return pf_flags_parse(f, word ? 2 : 1, argv, err);
}

static bool is_ignored(const pf_flag *flag)
{
    return flag->kind == PF_FLAG_IGNORED || flag->kind == PF_FLAG_IGNORED_BOOL;
}

static bool is_number(const pf_flag *flag)
{
    return flag->kind == PF_FLAG_INT || flag->kind == PF_FLAG_DURATION ||
           flag->kind == PF_FLAG_SIZE;
}

/* A right value that is not the default. */
static void another(const pf_flags *f, const pf_flag *flag, char out[static TEXT_MAX])
{
    char now[TEXT_MAX];
    pf_flags_value_text(f, flag, now, sizeof now);
    if (flag->kind == PF_FLAG_BOOL)
        snprintf(out, TEXT_MAX, "%s", strcmp(now, "true") == 0 ? "false" : "true");
    else if (is_number(flag)) {
        char low[PF_FLAG_TEXT_MAX];
        pf_flag_number_text(flag->kind, flag->most ? flag->least : 7 * PF_NS_PER_SEC, low);
        if (strcmp(low, now) == 0)
            pf_flag_number_text(flag->kind, flag->most, low);
        snprintf(out, TEXT_MAX, "%s", low);
    } else {
        snprintf(out, TEXT_MAX, "/other");
    }
}

static void set_variable(const pf_flags *f, const pf_flag *flag, const char *value)
{
    char name[PF_FLAG_ENV_MAX];
    pf_flags_env_name(f, flag, name);
    if (value)
        setenv(name, value, 1);
    else
        unsetenv(name);
}

static void test_each_flag_is_read_from_both_places(void **state)
{
    (void)state;
    static pf_config c;
    pf_flags f = pf_config_flags(&c);
    pf_error err;
    for (size_t i = 0; i < f.n; i++) {
        const pf_flag *flag = &f.list[i];
        char value[TEXT_MAX], word[2 * TEXT_MAX], read[TEXT_MAX];
        assert_int_equal(parse(&c, &f, NULL, &err), PF_OK);
        another(&f, flag, value);

        snprintf(word, sizeof word, "-%s=%s", flag->name, value);
        if (parse(&c, &f, word, &err))
            fail_msg("%s: %s", word, err.msg);
        assert_int_equal(f.source[i], PF_FLAG_BY_COMMAND_LINE);

        set_variable(&f, flag, value);
        if (parse(&c, &f, NULL, &err))
            fail_msg("%s from the environment: %s", word, err.msg);
        assert_int_equal(f.source[i], PF_FLAG_BY_ENVIRONMENT);
        pf_flags_value_text(&f, flag, read, sizeof read);
        assert_string_equal(read, is_ignored(flag) ? "" : value);
        set_variable(&f, flag, NULL);
        for (size_t k = 0; k < f.n; k++)
            if (k != i && f.source[k])
                fail_msg("%s sets -%s", word, f.list[k].name);
    }
}

static void test_no_row_writes_what_another_one_shows(void **state)
{
    (void)state;
    static pf_config c, defaults;
    pf_flags f = pf_config_flags(&c), g = pf_config_flags(&defaults);
    pf_error err;
    for (size_t i = 0; i < f.n; i++) {
        char value[TEXT_MAX], word[2 * TEXT_MAX], one[TEXT_MAX], other[TEXT_MAX];
        another(&g, &f.list[i], value);
        snprintf(word, sizeof word, "-%s=%s", f.list[i].name, value);
        assert_int_equal(parse(&c, &f, word, &err), PF_OK);
        for (size_t k = 0; k < f.n; k++) {
            pf_flags_value_text(&f, &f.list[k], one, sizeof one);
            pf_flags_value_text(&g, &g.list[k], other, sizeof other);
            if ((strcmp(one, other) != 0) != (k == i && !is_ignored(&f.list[i])))
                fail_msg("%s: -%s is \"%s\", was \"%s\"", word, f.list[k].name, one, other);
        }
    }
}

/* Both ends are taken, what lies beyond is refused with a message that names all. */
static void test_each_range_is_kept(void **state)
{
    (void)state;
    static pf_config c;
    pf_flags f = pf_config_flags(&c);
    pf_error err;
    size_t ranges = 0;
    for (size_t i = 0; i < f.n; i++) {
        const pf_flag *flag = &f.list[i];
        char initial[TEXT_MAX], word[2 * TEXT_MAX];
        if (!is_number(flag))
            continue;
        pf_config_flags(&c);
        pf_flags_value_text(&f, flag, initial, sizeof initial);
        snprintf(word, sizeof word, "-%s=%s", flag->name, initial);
        if (parse(&c, &f, word, &err))
            fail_msg("the default: %s", err.msg);
        if (!flag->most)
            continue;
        ranges++;
        const char *unit = flag->kind == PF_FLAG_DURATION ? "ns" : "";
        const struct {
            int64_t n;
            pf_code code;
        } ends[] = {{flag->least, PF_OK},
                    {flag->most, PF_OK},
                    {flag->most + 1, PF_INVALID},
                    {flag->least - 1, PF_INVALID}};
        for (size_t k = 0; k < 4; k++) {
            char value[TEXT_MAX], says[3 * TEXT_MAX], variable[PF_FLAG_ENV_MAX];
            snprintf(value, sizeof value, "%lld%s", (long long)ends[k].n, unit);
            snprintf(word, sizeof word, "-%s=%s", flag->name, value);
            assert_int_equal(parse(&c, &f, word, &err), ends[k].code);
            if (!ends[k].code || ends[k].n < 0)
                continue;
            assert_non_null(strstr(err.msg, flag->name));
            set_variable(&f, flag, value);
            assert_int_equal(parse(&c, &f, NULL, &err), PF_INVALID);
            set_variable(&f, flag, NULL);
            pf_flags_env_name(&f, flag, variable);
            snprintf(says, sizeof says, "environment variable %s: \"%s\" is not between ", variable,
                     value);
            if (strncmp(err.msg, says, strlen(says)) != 0)
                fail_msg("\"%s\" does not begin with \"%s\"", err.msg, says);
        }
    }
    assert_true(ranges > 10);
}

static void test_names_are_unique_and_rows_whole(void **state)
{
    (void)state;
    static pf_config c;
    pf_flags f = pf_config_flags(&c);
    for (size_t i = 0; i < f.n; i++) {
        const pf_flag *flag = &f.list[i];
        for (size_t k = i + 1; k < f.n; k++)
            assert_string_not_equal(flag->name, f.list[k].name);
        assert_true(is_ignored(flag) || (flag->group && *flag->help));
        assert_int_equal(!flag->arg, is_ignored(flag) || flag->kind == PF_FLAG_BOOL);
    }
}

static pf_code read_config(pf_config *c, const char *word, pf_error *err)
{
    static char copy[2 * TEXT_MAX]; /* values point into it */
    char *argv[] = {"profefe", copy, NULL};
    snprintf(copy, sizeof copy, "%s", word);
    *err = (pf_error){0};
    return pf_config_read(c, *word ? 2 : 1, argv, err);
}

/* What no row can tell names the flag, or the variable that it came from, and the value. */
static void test_what_is_wrong_is_named_as_it_was_given(void **state)
{
    (void)state;
    static pf_config c;
    pf_error err;
    static const struct {
        const char *flag, *variable, *value;
    } bad[] = {
        {"log.level", "PROFEFE_LOG_LEVEL", "loud"},
        {"log.format", "PROFEFE_LOG_FORMAT", "xml"},
        {"storage-type", "PROFEFE_STORAGE_TYPE", "tape"},
        {"storage-type", "PROFEFE_STORAGE_TYPE", "s3"},
        {"storage-type", "PROFEFE_STORAGE_TYPE", "local,s3"},
        {"http.base-path", "PROFEFE_HTTP_BASE_PATH", "no/slash"},
        {"web.source-url", "PROFEFE_WEB_SOURCE_URL", "javascript:x"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char word[2 * TEXT_MAX], says[3 * TEXT_MAX];
        snprintf(word, sizeof word, "-%s=%s", bad[i].flag, bad[i].value);
        assert_int_equal(read_config(&c, word, &err), PF_INVALID);
        snprintf(says, sizeof says, "flag -%s: \"%s\" ", bad[i].flag, bad[i].value);
        assert_int_equal(strncmp(err.msg, says, strlen(says)), 0);
        assert_string_equal(err.param, bad[i].flag);
        setenv(bad[i].variable, bad[i].value, 1);
        assert_int_equal(read_config(&c, "", &err), PF_INVALID);
        unsetenv(bad[i].variable);
        snprintf(says, sizeof says, "environment variable %s: \"%s\" ", bad[i].variable,
                 bad[i].value);
        if (strncmp(err.msg, says, strlen(says)) != 0)
            fail_msg("\"%s\" does not begin with \"%s\"", err.msg, says);
    }
    setenv("PROFEFE_TLS_CERT", "x", 1);
    assert_int_equal(read_config(&c, "", &err), PF_INVALID);
    assert_string_equal(err.msg,
                        "environment variable PROFEFE_TLS_CERT: it needs -tls.key beside it");
    unsetenv("PROFEFE_TLS_CERT");
}

static void test_what_follows_from_the_flags(void **state)
{
    (void)state;
    static pf_config c;
    pf_error err;
    assert_int_equal(read_config(&c, "-http.base-path=/a/b/", &err), PF_OK);
    assert_string_equal(c.http.base_path, "/a/b");
    assert_string_equal(c.api.base_path, "/a/b");
    assert_int_equal(read_config(&c, "-http.workers=9", &err), PF_OK);
    assert_int_equal(c.local.readers, 9);
    assert_int_equal(c.api.access_log_fd, 1);
    assert_int_equal(read_config(&c, "-log.access=false", &err), PF_OK);
    assert_int_equal(c.api.access_log_fd, -1);
    assert_int_equal(read_config(&c, "-tls.cert=", &err), PF_OK);
    assert_null(c.tls.cert);
    assert_int_equal(read_config(&c, "-badger.dir=/b", &err), PF_OK);
    assert_string_equal(c.local.dir, "/b");
    assert_int_equal(read_config(&c, "-badger.data-ttl=2h", &err), PF_OK);
    assert_true(c.local.data_ttl == 7200 * PF_NS_PER_SEC);
}

static void test_commands_look_at_nothing_else(void **state)
{
    (void)state;
    static pf_config c;
    pf_error err;
    setenv("PROFEFE_LOG_LEVEL", "loud", 1);
    setenv("PROFEFE_TLS_KEY", "lone", 1);
    assert_int_equal(read_config(&c, "-auth.hash", &err), PF_OK);
    assert_true(c.auth_hash);
    assert_null(c.auth_new);
    assert_int_equal(read_config(&c, "-auth.new=shop-ci", &err), PF_OK);
    assert_string_equal(c.auth_new, "shop-ci");
    assert_int_equal(read_config(&c, "-version", &err), PF_OK);
    unsetenv("PROFEFE_LOG_LEVEL");
    unsetenv("PROFEFE_TLS_KEY");
    assert_int_equal(read_config(&c, "-auth.new=", &err), PF_INVALID);
    assert_string_equal(err.msg, "flag -auth.new: \"\" is no name for a token");
    static char name[] = "-auth.new=shop", more[] = "ci";
    char *argv[] = {"profefe", name, more, NULL};
    assert_int_equal(pf_config_read(&c, 3, argv, &err), PF_INVALID);
    assert_non_null(strstr(err.msg, "\"ci\""));
}

static void test_access_is_open_and_unlimited_by_default(void **state)
{
    (void)state;
    static pf_config c;
    pf_error err;
    static const pf_access_config none;
    assert_int_equal(read_config(&c, "", &err), PF_OK);
    assert_memory_equal(&c.access, &none, sizeof none);
    assert_int_equal(read_config(&c, "-auth.file=/etc/auth.yaml", &err), PF_OK);
    assert_string_equal(c.access.auth_file, "/etc/auth.yaml");
    assert_int_equal(read_config(&c, "-limits.push-bytes=1MiB", &err), PF_OK);
    assert_true(c.access.push_bytes == 1 << 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_flag_is_read_from_both_places),
        cmocka_unit_test(test_no_row_writes_what_another_one_shows),
        cmocka_unit_test(test_each_range_is_kept),
        cmocka_unit_test(test_names_are_unique_and_rows_whole),
        cmocka_unit_test(test_what_is_wrong_is_named_as_it_was_given),
        cmocka_unit_test(test_what_follows_from_the_flags),
        cmocka_unit_test(test_commands_look_at_nothing_else),
        cmocka_unit_test(test_access_is_open_and_unlimited_by_default),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
