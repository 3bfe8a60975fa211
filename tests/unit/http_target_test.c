/* How a raw request target is cut up, and what is refused as one. */
#include "server/http/target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void assert_str(pf_str s, const char *expected)
{
    assert_int_equal(s.n, strlen(expected));
    assert_memory_equal(s.p ? s.p : "", expected, s.n);
}

static void test_good(void **state)
{
    (void)state;
    static const struct {
        const char *method, *target, *path, *query, *authority;
    } cases[] = {
        {"GET", "/", "/", "", ""},
        {"GET", "/a/b", "/a/b", "", ""},
        {"GET", "/a?", "/a", "", ""},
        {"GET", "/a?b=c&d", "/a", "b=c&d", ""},
        {"GET", "/a?b?c", "/a", "b?c", ""},
        {"GET", "/a%3Fb%00%2f", "/a%3Fb%00%2f", "", ""},
        {"GET", "//host/a", "//host/a", "", ""},
        {"GET", "/\xc3\xa4?\xff", "/\xc3\xa4", "\xff", ""},
        {"GET", "http://host/a?b", "/a", "b", "host"},
        {"GET", "HTTP://[::1]:80/a", "/a", "", "[::1]:80"},
        {"GET", "http://host", "/", "", "host"},
        {"GET", "http://host?b", "/", "b", "host"},
        {"OPTIONS", "*", "*", "", ""},
        {"CONNECT", "host:443", "host:443", "", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pf_str authority, path, query;
        assert_null(pf_target_split(pf_str_c(cases[i].method), pf_str_c(cases[i].target),
                                    &authority, &path, &query));
        assert_str(authority, cases[i].authority);
        assert_str(path, cases[i].path);
        assert_str(query, cases[i].query);
    }
}

static void test_bad(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "a",
                                      "a/b",
                                      "http:/a",
                                      "http:a",
                                      "://a",
                                      "**",
                                      "host:443",
                                      "/a b",
                                      "/a\tb",
                                      "/a\x7f",
                                      "/a\x01",
                                      "/a#b",
                                      "?a",
                                      "http:///a",
                                      "http://",
                                      "http://?a",
                                      "http://u@host/",
                                      "http://host:x/",
                                      "http://[::1/",
                                      "http://::1/",
                                      "http://a,b/",
                                      "ftp://host/a",
                                      "http://a\\b/"};
    pf_str authority, path, query;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_non_null(
            pf_target_split(PF_STR("GET"), pf_str_c(bad[i]), &authority, &path, &query));
    assert_non_null(
        pf_target_split(PF_STR("GET"), (pf_str){"/a\0b", 4}, &authority, &path, &query));
}

static void test_authorities(void **state)
{
    (void)state;
    static const char *const good[] = {
        "a",        "a.b-c_d~e",        "a:80",  "a:",     "127.0.0.1:1", "[::1]",
        "[::1]:80", "[fe80::1%25eth0]", "x%20y", "a+b;c=d"};
    static const char *const bad[] = {"",    ":",    ":80", "a:b",  "a:80:80",  "a,b",     "a b",
                                      "a/b", "u@a",  "::1", "[::1", "[::1]80",  "[::1]:x", "[]",
                                      "]",   "a\"b", "a#b", "a?b",  "\xc3\xa4", "a\tb"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!pf_is_authority(pf_str_c(good[i])))
            fail_msg("%s is refused", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (pf_is_authority(pf_str_c(bad[i])))
            fail_msg("%s is taken", bad[i]);
    assert_false(pf_is_authority((pf_str){"a\0b", 3}));
}

static void test_tokens(void **state)
{
    (void)state;
    assert_true(pf_is_token(PF_STR("GET")));
    assert_true(pf_is_token(PF_STR("X-Test_1!#$%&'*+.^`|~")));
    static const char *const bad[] = {"", " GET", "GET ", "a:b", "a(b", "a\tb", "\xc3\xa4", "a/b"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(pf_is_token(pf_str_c(bad[i])));
    assert_false(pf_is_token((pf_str){"a\0b", 3}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_authorities),
        cmocka_unit_test(test_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
