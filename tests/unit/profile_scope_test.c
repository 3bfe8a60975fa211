/* Scopes: what a pattern is like, and who sees what. */
#include "profile/scope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_patterns(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool matches;
    } table[] = {
        {"shop", "shop", true},
        {"shop", "Shop", false},
        {"shop", "shop-1", false},
        {"shop", "sho", false},
        {"shop-*", "shop-", true},
        {"shop-*", "shop-web", true},
        {"shop-*", "shop", false},
        {"*", "", true},
        {"*", "anything", true},
        {"", "", true},
        {"", "x", false},
        {"*-eu", "shop-eu", true},
        {"*-eu", "shop-eu-1", false},
        {"a*b*c", "abc", true},
        {"a*b*c", "axxbxbyc", true},
        {"a*b*c", "axxbxby", false},
        {"**", "x", true},
        {"?", "x", false},
        {"[ab]", "a", false},
        {"*a*a*", "a", false},
        {"sh*op", "shXop", true},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (pf_scope_matches(pf_str_c(table[i].pattern), pf_str_c(table[i].text)) !=
            table[i].matches)
            fail_msg("\"%s\" and \"%s\"", table[i].pattern, table[i].text);
}

static void test_a_scope_holds_what_one_of_its_patterns_is_like(void **state)
{
    (void)state;
    const pf_str patterns[] = {PF_STR("shop"), PF_STR("bill-*")};
    const pf_scope some = {patterns, 2}, none = {NULL, 0};
    assert_true(pf_scope_has(&some, PF_STR("shop")));
    assert_true(pf_scope_has(&some, PF_STR("bill-eu")));
    assert_false(pf_scope_has(&some, PF_STR("bill")));
    assert_false(pf_scope_has(&none, PF_STR("shop")));
    assert_true(pf_scope_has(NULL, PF_STR("shop")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_a_scope_holds_what_one_of_its_patterns_is_like),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
