/* Errors: the status that each code stands for, and messages that don't fit. */
#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_each_code_has_its_status(void **state)
{
    (void)state;
    static const struct {
        pf_code code;
        int status;
        const char *name;
    } table[] = {
        {PF_OK, 200, "ok"},
        {PF_INVALID, 400, "invalid_request"},
        {PF_MALFORMED, 400, "malformed_body"},
        {PF_UNAUTHENTICATED, 401, "unauthenticated"},
        {PF_FORBIDDEN, 403, "forbidden"},
        {PF_NOT_FOUND, 404, "not_found"},
        {PF_NOT_ALLOWED, 405, "not_allowed"},
        {PF_CONFLICT, 409, "conflict"},
        {PF_TOO_LARGE, 413, "too_large"},
        {PF_UNSUPPORTED, 415, "unsupported"},
        {PF_MISDIRECTED, 421, "misdirected"},
        {PF_QUERY_LIMIT, 422, "query_limit"},
        {PF_RATE_LIMIT, 429, "rate_limit"},
        {PF_CANCELLED, 499, "cancelled"},
        {PF_INTERNAL, 500, "internal"},
        {PF_UNAVAILABLE, 503, "unavailable"},
        {PF_TIMEOUT, 504, "timeout"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        assert_int_equal(pf_code_status(table[i].code), table[i].status);
        assert_string_equal(pf_code_name(table[i].code), table[i].name);
        if (table[i].code != PF_MALFORMED)
            assert_int_equal(pf_code_of_status(table[i].status), table[i].code);
    }
    assert_int_equal(pf_code_of_status(408), PF_TIMEOUT);
    assert_int_equal(pf_code_of_status(431), PF_INVALID);
    assert_int_equal(pf_code_of_status(505), PF_UNSUPPORTED);
    assert_int_equal(pf_code_of_status(599), PF_INTERNAL);
}

static void test_the_parameter_goes_along(void **state)
{
    (void)state;
    pf_error why, err;
    assert_int_equal(pf_fail_param(&why, PF_INVALID, "from", "bad \"%s\"", "from"), PF_INVALID);
    assert_string_equal(why.param, "from");
    assert_int_equal(pf_fail_as(&err, &why, PF_MALFORMED, "so: %s", why.msg), PF_MALFORMED);
    assert_string_equal(err.param, "from");
    assert_string_equal(err.msg, "so: bad \"from\"");
    pf_fail(&err, PF_INVALID, "another");
    assert_null(err.param);
}

static void test_a_long_message_is_cut(void **state)
{
    (void)state;
    pf_error err;
    assert_int_equal(pf_fail(&err, PF_INVALID, "%*d", 2 * PF_ERROR_MSG_MAX, 1), PF_INVALID);
    assert_int_equal(strlen(err.msg), PF_ERROR_MSG_MAX - 1);
    assert_int_equal(pf_fail(NULL, PF_INVALID, "nobody asks"), PF_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_code_has_its_status),
        cmocka_unit_test(test_the_parameter_goes_along),
        cmocka_unit_test(test_a_long_message_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
