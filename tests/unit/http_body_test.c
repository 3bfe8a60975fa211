/* How a body's buffer grows, and what it charges the budget. */
#include "server/http/body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct fixture {
    pf_ledger budget;
    pf_body body;
} fixture;

static fixture *make(size_t budget, size_t max_body)
{
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    pf_ledger_init(&f->budget, "-memory.max-inflight", budget, PF_UNAVAILABLE, NULL);
    f->body = (pf_body){.max = max_body, .announced = UINT64_MAX, .budget = &f->budget};
    return f;
}

static void end(fixture *f)
{
    pf_body_free(&f->body);
    assert_int_equal(pf_ledger_held(&f->budget), 0);
    free(f);
}

static void append(fixture *f, size_t n, pf_code expected)
{
    static char bytes[1 << 20];
    pf_error err;
    memset(bytes, (int)('a' + n % 26), n);
    assert_int_equal(pf_body_append(&f->body, bytes, n, &err), expected);
    assert_int_equal(pf_ledger_held(&f->budget), f->body.cap);
    assert_true(f->body.len <= f->body.cap);
}

static void test_announced_length_is_exact_when_small(void **state)
{
    (void)state;
    fixture *f = make(1 << 20, 1 << 20);
    f->body.announced = 18000;
    append(f, 1000, PF_OK);
    assert_int_equal(f->body.cap, 18000);
    append(f, 17000, PF_OK);
    assert_int_equal(f->body.cap, 18000);
    assert_int_equal(f->body.data[999], 'a' + 1000 % 26);
    assert_int_equal(f->body.data[1000], 'a' + 17000 % 26);
    end(f);
}

static void test_announced_length_is_not_believed(void **state)
{
    (void)state;
    fixture *f = make(1 << 30, 1 << 30);
    f->body.announced = 1 << 29;
    append(f, 1, PF_OK);
    assert_int_equal(f->body.cap, PF_BODY_FIRST);
    append(f, PF_BODY_FIRST, PF_OK);
    assert_int_equal(f->body.cap, 2 * PF_BODY_FIRST);
    end(f);
}

static void test_more_than_was_announced(void **state)
{
    (void)state;
    fixture *f = make(1 << 20, 1 << 20);
    f->body.announced = 100;
    append(f, 200, PF_OK);
    end(f);
}

static void test_limit(void **state)
{
    (void)state;
    fixture *f = make(1 << 20, 100);
    append(f, 60, PF_OK);
    append(f, 41, PF_TOO_LARGE);
    append(f, 40, PF_OK);
    assert_int_equal(f->body.cap, 100);
    append(f, 1, PF_TOO_LARGE);
    end(f);
}

static void test_budget(void **state)
{
    (void)state;
    fixture *f = make(300000, 1 << 20);
    append(f, 200000, PF_OK);
    append(f, 90000, PF_OK); /* doubling would pass the budget: takes what is needed */
    assert_int_equal(f->body.cap, 290000);
    append(f, 20000, PF_TOO_LARGE); /* more than there is in all */
    end(f);

    f = make(300000, 1 << 20);
    assert_true(pf_ledger_take(&f->budget, 250000, NULL)); /* somebody else */
    pf_error err;
    static char bytes[60000];
    assert_int_equal(pf_body_append(&f->body, bytes, sizeof bytes, &err), PF_UNAVAILABLE);
    pf_ledger_give(&f->budget, 250000);
    append(f, sizeof bytes, PF_OK);
    end(f);
}

static void test_without_a_budget(void **state)
{
    (void)state;
    fixture *f = make(1, 1 << 20);
    f->body.budget = NULL;
    pf_error err;
    assert_int_equal(pf_body_append(&f->body, "abc", 3, &err), PF_OK);
    end(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_announced_length_is_exact_when_small),
        cmocka_unit_test(test_announced_length_is_not_believed),
        cmocka_unit_test(test_more_than_was_announced),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_budget),
        cmocka_unit_test(test_without_a_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
