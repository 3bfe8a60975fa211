/* Routes: which handler a path has, and under which label it is counted. */
#include "server/api/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *label(const char *path)
{
    return pf_route_find(pf_str_c(path))->label;
}

static void test_paths(void **state)
{
    (void)state;
    assert_string_equal(label("/"), "/");
    assert_string_equal(label(""), "/"); /* the base path itself */
    assert_string_equal(label("/assets/app-1.js"), "/assets/__file__");
    assert_string_equal(label("/speedscope/"), "/speedscope/__file__");
    assert_string_equal(label("/api/0/profiles"), "/api/0/profiles");
    assert_string_equal(label("/api/0/profiles/"), "/api/0/profiles");
    assert_string_equal(label("/api/0/profiles/merge/"), "/api/0/profiles/merge");
    assert_string_equal(label("/api/0/profiles/dc1eq3c8akc1ptfubjn0"), "/api/0/profiles/__pid__");
    assert_string_equal(label("/api/0/profiles/a+b"), "/api/0/profiles/__pid__");
    assert_string_equal(label("/api/0/profiles/merged"), "/api/0/profiles/__pid__");
    assert_string_equal(label("/api/0/services"), "/api/0/services");
    const char *const unknown[] = {"/x", "/api", "/api/0/profilesx", "/API/0/profiles"};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        assert_false(pf_route_is_known(pf_route_find(pf_str_c(unknown[i]))));
    assert_false(pf_route_is_known(pf_route_find((pf_str){"/healthz\0", 9})));
}

static void test_methods(void **state)
{
    (void)state;
    const pf_route *profiles = pf_route_find(PF_STR("/api/0/profiles"));
    assert_ptr_equal(profiles->get.reply, pf_do_find);
    assert_ptr_equal(profiles->post.reply, pf_do_push);
    size_t posts = 0;
    for (size_t i = 0; pf_route_at(i); i++) {
        posts += pf_action_is_there(&pf_route_at(i)->post);
        assert_true(pf_action_is_there(&pf_route_at(i)->get) || !pf_route_is_known(pf_route_at(i)));
    }
    assert_int_equal(posts, 3); /* and symbolz, session */
}

static void test_symbolz(void **state)
{
    (void)state;
    static const char *const theirs[] = {
        "/symbolz",
        "/symbolz/",
        "/debug/pprof/symbolz",
        "/debug/pprof/symbol",
        "/api/0/profiles/symbolz",
        "/api/0/profiles/dc1eq3c8akc1ptfubjn0/symbolz",
        "/api/0/profiles/P0.shop/1/symbolz",
        "/api/0/profiles/P0.shop/1/x,path=/debug/pprof/symbol",
    };
    for (size_t i = 0; i < sizeof theirs / sizeof *theirs; i++)
        assert_string_equal(label(theirs[i]), "/symbolz");
    static const char *const ids[] = {
        "/api/0/profiles/x%2Fsymbolz", "/api/0/profiles/asymbolz",  "/api/0/profiles/symbolzz",
        "/api/0/profiles/symbol",      "/api/0/profiles/symbolz/x",
    };
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        assert_string_equal(label(ids[i]), "/api/0/profiles/__pid__");
    assert_false(pf_route_is_known(pf_route_find(PF_STR("/x/symbolz"))));
    assert_string_equal(label("/debug/metrics"), "/debug/metrics");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_methods),
        cmocka_unit_test(test_symbolz),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
