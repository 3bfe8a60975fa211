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
    } table[] = {
        {PF_OK, 200},          {PF_INVALID, 400},     {PF_NOT_FOUND, 404},   {PF_NOT_ALLOWED, 405},
        {PF_TOO_LARGE, 413},   {PF_UNSUPPORTED, 415}, {PF_QUERY_LIMIT, 422}, {PF_CANCELLED, 499},
        {PF_UNAVAILABLE, 503}, {PF_TIMEOUT, 504},     {PF_INTERNAL, 500},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_int_equal(pf_code_status(table[i].code), table[i].status);
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
        cmocka_unit_test(test_a_long_message_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
