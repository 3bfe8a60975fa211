/* When it is said that a certificate ends, and how often. */
#include "server/http/tls_watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { DAY = 86400, END = 100 * DAY };

static void test_nothing_is_said_long_before(void **state)
{
    (void)state;
    pf_expiry_said said = {0};
    for (int64_t now = 0; now <= END - 14 * DAY; now += DAY / 4)
        assert_int_equal(pf_expiry_look(&said, END, now), PF_EXPIRY_FAR);
}

static void test_it_is_said_at_once_and_then_daily(void **state)
{
    (void)state;
    pf_expiry_said said = {0};
    int near = 0, over = 0;
    assert_int_equal(pf_expiry_look(&said, END, END - 14 * DAY), PF_EXPIRY_FAR);
    assert_int_equal(pf_expiry_look(&said, END, END - 14 * DAY + 1), PF_EXPIRY_NEAR);
    for (int64_t now = END - 14 * DAY + 2; now <= END; now += 10)
        near += pf_expiry_look(&said, END, now) == PF_EXPIRY_NEAR;
    assert_int_equal(near, 13);
    assert_int_equal(pf_expiry_look(&said, END, END + 1), PF_EXPIRY_OVER);
    for (int64_t now = END + 2; now <= END + 3 * DAY; now += 10)
        over += pf_expiry_look(&said, END, now) == PF_EXPIRY_OVER;
    assert_int_equal(over, 2);
}

static void test_a_new_certificate_ends_it(void **state)
{
    (void)state;
    pf_expiry_said said = {0};
    assert_int_equal(pf_expiry_look(&said, END, END + 1), PF_EXPIRY_OVER);
    assert_int_equal(pf_expiry_look(&said, 2 * END, END + 2), PF_EXPIRY_FAR);
    assert_int_equal(pf_expiry_look(&said, 2 * END, END + 2 * DAY), PF_EXPIRY_FAR);
    assert_int_equal(pf_expiry_look(&said, END + 5 * DAY, END + 2 * DAY + 1), PF_EXPIRY_NEAR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_said_long_before),
        cmocka_unit_test(test_it_is_said_at_once_and_then_daily),
        cmocka_unit_test(test_a_new_certificate_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
