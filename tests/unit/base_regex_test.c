/* Patterns: Go's meaning, clear mistakes, and an end to what would never end. */
#include "base/regex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static bool matches(const char *pattern, pf_regex_kind kind, pf_str text)
{
    pf_regex *re, *other;
    pf_error err = {0};
    bool yes, same;
    pf_arena a;
    pf_arena_init(&a, NULL, 0);
    if (pf_regex_new(pf_str_c(pattern), kind, &re, &err))
        fail_msg("%s: %s", pattern, err.msg);
    assert_int_equal(pf_regex_match(re, text, &yes, &err), PF_OK);
    pf_regex_free(re);
    assert_int_equal(pf_regex_new_in(&a, pf_str_c(pattern), kind, &other, &err), PF_OK);
    assert_int_equal(pf_regex_match(other, text, &same, &err), PF_OK);
    assert_int_equal(yes, same);
    pf_arena_free(&a);
    return yes;
}

static void patterns_mean_what_go_means(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool search, whole;
    } cases[] = {
        {"b", "abc", true, false},
        {"abc", "abc", true, true},
        {"", "abc", true, false},
        {"", "", true, true},
        {"a|abc", "abc", true, true},
        {"^b", "abc", false, false},
        {"c$", "abc\n", false, false},
        {"(?i)ABC", "abc", true, true},
        {"(?s)a.c", "a\nc", true, true},
        {"a.c", "a\nc", false, false},
        {"\\bmain\\.", "x main.f", true, false},
        {"\\Qa.b\\E", "a.b", true, true},
        {"\\pL+", "größe", true, true},
        {"gr.ße", "größe", true, true},
        {"\\x{f6}", "größe", true, false},
        {"(?P<n>a)b", "ab", true, true},
        {"[[:alpha:]]+", "abc", true, true},
        {"runtime\\.(malloc|gc).*", "runtime.gcBgMarkWorker", true, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pf_str text = pf_str_c(cases[i].text);
        if (matches(cases[i].pattern, PF_REGEX_SEARCH, text) != cases[i].search ||
            matches(cases[i].pattern, PF_REGEX_WHOLE, text) != cases[i].whole)
            fail_msg("%s on \"%s\"", cases[i].pattern, cases[i].text);
    }
}

static void texts_need_not_be_utf8(void **state)
{
    (void)state;
    assert_true(matches("main", PF_REGEX_SEARCH, PF_STR("\xff\xfe main \x80")));
    assert_true(matches("\\.go$", PF_REGEX_SEARCH, PF_STR("/src/\xff.go")));
    assert_false(matches("nothing", PF_REGEX_SEARCH, PF_STR("\xff\xfe")));
    assert_true(matches("a\\x00b", PF_REGEX_SEARCH, PF_STR("a\0b")));
}

static void mistakes_are_explained(void **state)
{
    (void)state;
    static const char *const bad[] = {"(",     "a{2,1}",  "[z-a]", "*",   "\\",
                                      "(?<n>", "a**b\\1", "\\C",   "\xff"};
    pf_error err;
    pf_regex *re;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (pf_regex_new(pf_str_c(bad[i]), PF_REGEX_SEARCH, &re, &err) != PF_INVALID)
            fail_msg("%s was taken", bad[i]);
        assert_null(re);
        assert_true(strlen(err.msg) > 10);
    }
    char nested[900], huge[PF_REGEX_PATTERN_MAX + 1];
    memset(nested, '(', 450);
    memset(nested + 450, ')', 450);
    assert_int_equal(pf_regex_new((pf_str){nested, sizeof nested}, PF_REGEX_SEARCH, &re, &err),
                     PF_INVALID);
    memset(huge, 'x', sizeof huge);
    assert_int_equal(pf_regex_new((pf_str){huge, sizeof huge}, PF_REGEX_SEARCH, &re, &err),
                     PF_INVALID);
    assert_int_equal(pf_regex_new(PF_STR("((a{1,999}){1,999}){1,999}"), PF_REGEX_SEARCH, &re, &err),
                     PF_INVALID);
}

/* No clock: what matters is that it comes back, with an answer or with an error. */
static void what_backtracks_is_given_up(void **state)
{
    (void)state;
    static const char *const costly[] = {"(a+)+$",   "(a|aa)+$", "(.*)*x",
                                         "(x+x+)+y", "(a*)*b",   "(?:a?){200}a{200}"};
    char text[5000];
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '!';
    bool gave_up = false;
    for (size_t i = 0; i < sizeof costly / sizeof *costly; i++) {
        for (int in = 0; in < 2; in++) {
            pf_arena a;
            pf_regex *re;
            pf_error err;
            bool yes;
            pf_arena_init(&a, NULL, 64 << 20);
            pf_str pattern = pf_str_c(costly[i]);
            assert_int_equal(in ? pf_regex_new_in(&a, pattern, PF_REGEX_SEARCH, &re, &err)
                                : pf_regex_new(pattern, PF_REGEX_SEARCH, &re, &err),
                             PF_OK);
            pf_code code = pf_regex_match(re, (pf_str){text, sizeof text}, &yes, &err);
            assert_true(code == PF_OK || code == PF_INVALID);
            gave_up |= code == PF_INVALID;
            if (!in)
                pf_regex_free(re);
            pf_arena_free(&a);
        }
    }
    assert_true(gave_up);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_mean_what_go_means),
        cmocka_unit_test(texts_need_not_be_utf8),
        cmocka_unit_test(mistakes_are_explained),
        cmocka_unit_test(what_backtracks_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
