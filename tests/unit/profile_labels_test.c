/* Labels: the two unescapings' second one, limits, matching, encoding. */
#include "profile/labels.h"
#include "support/group_arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static pf_labels labels(const char *text)
{
    pf_labels l;
    pf_error err;
    if (pf_labels_parse(pf_str_c(text), &ga_arena, &l, &err))
        fail_msg("%s: %s", text, err.msg);
    return l;
}

static void check(const char *text, const char *want)
{
    char shown[4096] = "";
    pf_labels l = labels(text);
    for (size_t i = 0; i < l.n; i++)
        sprintf(shown + strlen(shown), "[%.*s|%.*s]", PF_FMT(l.pairs[i].key),
                PF_FMT(l.pairs[i].value));
    assert_string_equal(shown, want);
}

static void test_reading(void **state)
{
    (void)state;
    check("", "");
    check("a=1,b=2", "[a|1][b|2]");
    check("b=2, a = 1 ", "[a|1][b|2]");        /* sorted, trimmed */
    check("k=a=b", "[k|a=b]");                 /* the first = */
    check("k=a%2Cb%3Dc+d%25", "[k|a,b=c d%]"); /* unescaped after cutting */
    check("k=", "[k|]");
    check("k", "[k|]");
    check("=v,,a=1", "[a|1]");          /* an empty key is dropped */
    check("a=1,a=1,a=0", "[a|0][a|1]"); /* a repeat is dropped, another value kept */
    check("%20k=v%20", "[ k|v ]");      /* trimming comes before unescaping */
    check("region=\xc3\xbc", "[region|\xc3\xbc]");
}

static void refuse(pf_str text, const char *says)
{
    pf_labels l;
    pf_error err;
    assert_int_equal(pf_labels_parse(text, &ga_arena, &l, &err), PF_INVALID);
    assert_memory_equal(err.msg, "bad \"labels\" \"", 14);
    if (!strstr(err.msg, says))
        fail_msg("\"%s\" does not say \"%s\"", err.msg, says);
}

static void test_refused(void **state)
{
    (void)state;
    refuse(PF_STR("a=%zz"), "%zz");
    refuse(PF_STR("a=%2"), "%2");
    refuse(PF_STR("a%00=1"), "control");
    refuse(PF_STR("a=\xff"), "UTF-8");
    char text[4000];
    size_t n = 0;
    for (int i = 0; i <= PF_LABELS_MAX; i++)
        n += (size_t)sprintf(text + n, "k%d=v,", i);
    refuse(pf_str_c(text), "32");
    memset(text, 'k', sizeof text);
    refuse((pf_str){text, PF_LABEL_KEY_MAX + 1}, "129");
    text[1] = '=';
    refuse((pf_str){text, PF_LABEL_VALUE_MAX + 3}, "1025");
}

static void test_limits_are_inclusive(void **state)
{
    (void)state;
    char text[2000];
    memset(text, 'k', sizeof text);
    text[PF_LABEL_KEY_MAX] = '=';
    text[PF_LABEL_KEY_MAX + 1 + PF_LABEL_VALUE_MAX] = 0;
    pf_labels l = labels(text);
    assert_int_equal(l.n, 1);
    assert_int_equal(l.pairs[0].value.n, PF_LABEL_VALUE_MAX);
}

static void test_matching(void **state)
{
    (void)state;
    pf_labels have = labels("a=1,a=2,b=3,c=");
    assert_true(pf_labels_match(have, labels("")));
    assert_true(pf_labels_match(have, labels("a=2,c=")));
    assert_true(pf_labels_match(have, have));
    assert_false(pf_labels_match(have, labels("a=3")));
    assert_false(pf_labels_match(have, labels("b")));
    assert_false(pf_labels_match(have, labels("d=1")));
    assert_false(pf_labels_match(labels(""), have));
    assert_true(pf_labels_eq(labels("x=1,y=2"), labels("y=2,x=1")));
    assert_false(pf_labels_eq(labels("x=1"), labels("x=2")));
}

static void test_encoding_comes_back(void **state)
{
    (void)state;
    pf_labels l = labels("a=1,b=,long=%2C%3D"), back;
    pf_buf b = PF_BUF_INIT;
    pf_labels_encode(l, &b);
    assert_true(pf_labels_decode(pf_buf_str(&b), &ga_arena, &back));
    assert_true(pf_labels_eq(l, back));
    for (size_t cut = 1; cut < b.len; cut++) {
        pf_str part = {b.data, cut};
        if (pf_labels_decode(part, &ga_arena, &back)) /* at a pair's end: fewer pairs */
            assert_true(back.n < l.n);
    }
    assert_true(pf_labels_decode((pf_str){NULL, 0}, &ga_arena, &back) && back.n == 0);
    pf_buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reading),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_limits_are_inclusive),
        cmocka_unit_test(test_matching),
        cmocka_unit_test(test_encoding_comes_back),
    };
    return cmocka_run_group_tests(tests, ga_set_up, ga_tear_down);
}
