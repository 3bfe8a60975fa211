/* Escapes of URLs, and parameters of a query. */
#include "profile/url.h"
#include "support/group_arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void check(const char *text, bool plus, pf_str want)
{
    pf_str out;
    assert_int_equal(pf_url_unescape(pf_str_c(text), plus, &ga_arena, &out, NULL), PF_OK);
    assert_true(pf_str_eq(out, want));
}

static void test_unescape(void **state)
{
    (void)state;
    check("", true, PF_STR(""));
    check("plain", true, PF_STR("plain"));
    check("a+b%20c", true, PF_STR("a b c"));
    check("a+b%20c", false, PF_STR("a+b c"));
    check("%41%6a%4A", true, PF_STR("AjJ"));
    check("%00", true, (pf_str){"\0", 1});
    check("%2525", true, PF_STR("%25")); /* once */
    const char *const bad[] = {"%", "%4", "%4g", "a%zz", "%%41"};
    pf_str out;
    pf_error err;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(pf_url_unescape(pf_str_c(bad[i]), true, &ga_arena, &out, &err),
                         PF_INVALID);
        assert_non_null(strstr(err.msg, "invalid URL escape"));
    }
}

static void param(const char *query, const char *name, const char *want)
{
    pf_str out;
    assert_int_equal(pf_url_param(pf_str_c(query), name, &ga_arena, &out, NULL), PF_OK);
    assert_true(pf_str_eq(out, pf_str_c(want)));
}

static void test_params(void **state)
{
    (void)state;
    param("", "a", "");
    param("a=1&b=2", "b", "2");
    param("a=1&a=2", "a", "1"); /* the first */
    param("a=x=y", "a", "x=y");
    param("%61=1", "a", "1");
    param("aa=1&a=2", "a", "2");
    param("&&a=1&", "a", "1");
    param("a", "a", "");
    param("b=%zz&a=1", "a", "1"); /* another one's fault */
    pf_str out;
    pf_error err;
    assert_int_equal(pf_url_param(PF_STR("a=%zz"), "a", &ga_arena, &out, &err), PF_INVALID);
    assert_non_null(strstr(err.msg, "bad \"a\" \"%zz\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unescape),
        cmocka_unit_test(test_params),
    };
    return cmocka_run_group_tests(tests, ga_set_up, ga_tear_down);
}
