/* What statuses are called. */
#include "server/http/status.h"

#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_phrases(void **state)
{
    (void)state;
    assert_string_equal(pf_status_phrase(200), "OK");
    assert_string_equal(pf_status_phrase(404), "Not Found");
    assert_string_equal(pf_status_phrase(431), "Request Header Fields Too Large");
    assert_string_equal(pf_status_phrase(505), "HTTP Version Not Supported");
    assert_string_equal(pf_status_phrase(299), "Status");
    assert_string_equal(pf_status_phrase(0), "Status");
    assert_string_equal(pf_status_phrase(-1), "Status");
}

/* Whatever a code of ours or the transport itself answers has a name, and one that fits a status line. */
static void test_all_that_are_sent(void **state)
{
    (void)state;
    static const int own[] = {400, 408, 413, 414, 417, 431, 501, 503, 505};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        assert_string_not_equal(pf_status_phrase(own[i]), "Status");
    for (pf_code c = PF_OK; c <= PF_INTERNAL; c++)
        assert_string_not_equal(pf_status_phrase(pf_code_status(c)), "Status");
    for (int status = 100; status < 600; status++)
        assert_null(strpbrk(pf_status_phrase(status), "\r\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_phrases),
        cmocka_unit_test(test_all_that_are_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
