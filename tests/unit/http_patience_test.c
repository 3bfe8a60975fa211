/* How much a client may ask for nothing. */
#include "server/http/patience.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const int64_t start = 1234567 * PF_NS_PER_SEC;

static void test_it_ends(void **state)
{
    (void)state;
    pf_patience p;
    pf_patience_init(&p, start);
    for (int i = 0; i < PF_PATIENCE; i++)
        assert_true(pf_patience_lose(&p, 1, start));
    assert_false(pf_patience_lose(&p, 1, start));
    pf_patience_init(&p, start);
    assert_true(pf_patience_lose(&p, PF_PATIENCE, start));
    pf_patience_init(&p, start);
    assert_false(pf_patience_lose(&p, PF_PATIENCE + 1, start));
}

static void test_it_comes_back(void **state)
{
    (void)state;
    pf_patience p;
    pf_patience_init(&p, start);
    assert_true(pf_patience_lose(&p, PF_PATIENCE, start));
    assert_true(pf_patience_lose(&p, PF_PATIENCE_PER_SECOND, start + PF_NS_PER_SEC));
    assert_false(pf_patience_lose(&p, 1, start + PF_NS_PER_SEC));
    pf_patience_init(&p, start);
    assert_true(pf_patience_lose(&p, 1, start));
    /* However long it was quiet, there is one bucket. */
    assert_true(pf_patience_lose(&p, 1, start + 5 * PF_NS_PER_SEC));
    assert_true(pf_patience_lose(&p, PF_PATIENCE - 1, start + 5 * PF_NS_PER_SEC));
    assert_false(pf_patience_lose(&p, 1, start + 5 * PF_NS_PER_SEC));
    pf_patience_init(&p, start);
    assert_true(pf_patience_lose(&p, 1, start));
    assert_true(pf_patience_lose(&p, PF_PATIENCE, start + 3600 * PF_NS_PER_SEC));
    assert_false(pf_patience_lose(&p, 1, start + 3600 * PF_NS_PER_SEC));
}

/* At the pace at which it comes back a client may go on for ever; at twice that it may not. */
static void test_a_steady_trickle_is_endured(void **state)
{
    (void)state;
    pf_patience p;
    pf_patience_init(&p, start);
    int64_t step = PF_NS_PER_SEC / PF_PATIENCE_PER_SECOND, now = start;
    for (int i = 0; i < 20 * PF_PATIENCE; i++)
        assert_true(pf_patience_lose(&p, 1, now += step));
    pf_patience_init(&p, start);
    now = start;
    int endured = 0;
    while (endured < 20 * PF_PATIENCE && pf_patience_lose(&p, 1, now += step / 2))
        endured++;
    assert_true(endured >= PF_PATIENCE && endured < 3 * PF_PATIENCE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_ends),
        cmocka_unit_test(test_it_comes_back),
        cmocka_unit_test(test_a_steady_trickle_is_endured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
