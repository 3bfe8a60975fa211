/* labels= of a query: where an operator is one, and what each means. */
#include "profile/matchers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static bool passes(const char *asked, const char *have_text)
{
    pf_arena a;
    pf_labels equal, have;
    pf_matchers m;
    pf_error err = {0};
    bool yes;
    pf_arena_init(&a, NULL, 0);
    assert_int_equal(pf_labels_parse(pf_str_c(have_text), &a, &have, &err), PF_OK);
    if (pf_matchers_parse("labels", pf_str_c(asked), &a, &equal, &m, &err))
        fail_msg("%s", err.msg);
    assert_int_equal(pf_matchers_match(m, have, &yes, &err), PF_OK);
    yes = yes && pf_labels_match(have, equal);
    pf_arena_free(&a);
    return yes;
}

static void operators(void **state)
{
    (void)state;
    static const struct {
        const char *asked, *have;
        bool passes;
    } cases[] = {
        {"", "", true},
        {"k=v", "k=v", true},
        {"k=v", "k=w", false},
        {"k!=v", "k=w", true},
        {"k!=v", "k=v", false},
        {"k!=v", "", true},
        {"k!=", "", false},
        {"k!=", "k=v", true},
        {"k=~v.*", "k=vw", true},
        {"k=~v", "k=vw", false},
        {"k=~", "", true},
        {"k!~v.*", "k=vw", false},
        {"k!~v", "k=vw", true},
        {"k!~.*", "", false},
        {"k=v,l!=w", "k=v,l=x", true},
        {"k=v,l!=w", "k=v,l=w", false},
        {"l!=w,k=v", "k=v,l=x", true},
        {"k=%7Ev", "k=%7Ev", true}, /* a value that begins with '~' */
        {"k%21=v", "k%21=v", true}, /* a key that ends in '!' */
        {"k=a=b", "k=a=b", true},   /* the first operator counts */
        {"k=~a=b", "k=a=b", true},
        {"k=a!=b", "k=a!=b", true},
        {"k=~a%2Cb", "k=a%2Cb", true},
        {"k=~a.+", "k=abc", true},  /* '+' is a quantifier */
        {"k!=a+b", "k=a+b", false}, /* '+' is a space, on both sides */
        {" k =~ v", "k=v", true},
        {"k=~a|b", "k=b", true},
        {"k=~a", "k=a,k=b", true},  /* one value of a repeated key is enough */
        {"k!~a", "k=a,k=b", false}, /* none may match */
        {"k!=c", "k=a,k=b", true},
        {"=~v", "k=v", true}, /* an empty key is dropped */
        {"!=v", "", true},
        {"k", "k=", true},
        {"k!", "k%21=", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (passes(cases[i].asked, cases[i].have) != cases[i].passes)
            fail_msg("labels=%s on %s", cases[i].asked, cases[i].have);
}

static void the_first_value_or_none(void **state)
{
    (void)state;
    static const pf_pair twice[] = {{{"a", 1}, {"x", 1}},
                                    {{"k", 1}, {"1", 1}},
                                    {{"k", 1}, {"2", 1}}},
                         empty[] = {{{"k", 1}, {"", 0}}};
    const pf_labels have[] = {{twice, 3}, {empty, 1}, {twice, 1}};
    static const pf_str values[] = {{"1", 1}, {"", 0}, {NULL, 0}, {"2", 1}};
    for (size_t i = 0; i < 4; i++) {
        const pf_matcher m = {.op = PF_MATCH_FIRST, .key = PF_STR("k"), .value = values[i]};
        for (size_t k = 0; k < 3; k++) {
            bool yes;
            pf_error err;
            assert_int_equal(pf_matchers_match((pf_matchers){&m, 1}, have[k], &yes, &err), PF_OK);
            assert_int_equal(yes, i == k);
        }
    }
}

static void mistakes(void **state)
{
    (void)state;
    static const char *const bad[] = {"k=~(", "k!~*", "k!=%zz", "%zz!=v", "k=%zz", "k=~%ff"};
    char many[1000] = "";
    pf_arena a;
    pf_labels equal;
    pf_matchers m;
    pf_error err;
    pf_arena_init(&a, NULL, 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(pf_matchers_parse("labels", pf_str_c(bad[i]), &a, &equal, &m, &err),
                         PF_INVALID);
        assert_non_null(strstr(err.msg, "bad \"labels\""));
    }
    for (int i = 0; i < 33; i++)
        strcat(many, "k!=v,");
    assert_int_equal(pf_matchers_parse("base_labels", pf_str_c(many), &a, &equal, &m, &err),
                     PF_INVALID);
    assert_non_null(strstr(err.msg, "base_labels"));
    pf_arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operators),
        cmocka_unit_test(the_first_value_or_none),
        cmocka_unit_test(mistakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
