/* The page's headers: what a client takes, and what it has already. */
#include "server/api/web.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static bool gzip(const char *header)
{
    return pf_web_accepts(pf_str_c(header), PF_STR("gzip"));
}

static void test_accepts(void **state)
{
    (void)state;
    assert_true(gzip("gzip"));
    assert_true(gzip("br, GZIP;q=0.5"));
    assert_true(gzip("deflate,gzip ; q=1.0"));
    assert_false(gzip(""));
    assert_false(gzip("gzip;q=0"));
    assert_false(gzip("gzip; q=0.000, br"));
    assert_false(gzip("*"));
    assert_false(gzip("xgzip, gzipx"));
    assert_true(
        pf_web_accepts(PF_STR("text/html,application/xhtml+xml,*/*;q=0.8"), PF_STR("text/html")));
    assert_false(pf_web_accepts(PF_STR("*/*"), PF_STR("text/html")));
}

static void test_etag(void **state)
{
    (void)state;
    pf_str etag = PF_STR("\"abc\"");
    assert_true(pf_web_etag_matches(PF_STR("\"abc\""), etag));
    assert_true(pf_web_etag_matches(PF_STR("\"x\", W/\"abc\""), etag));
    assert_true(pf_web_etag_matches(PF_STR("*"), etag));
    assert_false(pf_web_etag_matches(PF_STR(""), etag));
    assert_false(pf_web_etag_matches(PF_STR("\"ab\""), etag));
    assert_false(pf_web_etag_matches(PF_STR("abc"), etag));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepts),
        cmocka_unit_test(test_etag),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
