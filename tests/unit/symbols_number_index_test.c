#include "storage/local/symbols/number_index.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void places_last_for_a_round(void **state)
{
    (void)state;
    pf_number_index p = {0};
    for (uint32_t round = 0; round < 5; round++) {
        assert_true(pf_number_index_begin(&p, 10, 110));
        for (uint32_t n = 10; n < 110; n++)
            assert_int_equal(pf_number_index_get(&p, n), PF_NUMBER_INDEX_NONE);
        for (uint32_t n = 10; n < 110; n += 2)
            pf_number_index_set(&p, n, n + round);
        for (uint32_t n = 10; n < 110; n++)
            assert_int_equal(pf_number_index_get(&p, n), n % 2 ? PF_NUMBER_INDEX_NONE : n + round);
    }
    pf_number_index_free(&p);
}

static void other_tables_other_numbers(void **state)
{
    (void)state;
    pf_number_index p = {0};
    assert_true(pf_number_index_begin(&p, 1, 1));
    assert_true(pf_number_index_begin(&p, 1, 5));
    pf_number_index_set(&p, 4, 7);
    assert_true(
        pf_number_index_begin(&p, 4000000000, 4000000100)); /* grows, and begins elsewhere */
    for (uint32_t n = 4000000000; n < 4000000100; n++)
        assert_int_equal(pf_number_index_get(&p, n), PF_NUMBER_INDEX_NONE);
    assert_true(pf_number_index_bytes(&p) >= 100 * sizeof(pf_number_slot));
    pf_number_index_free(&p);
    assert_int_equal(pf_number_index_bytes(&p), 0);
}

static void rounds_begin_anew_behind_the_last(void **state)
{
    (void)state;
    pf_number_index p = {0};
    assert_true(pf_number_index_begin(&p, 1, 3)); /* round 1 */
    pf_number_index_set(&p, 1, 5);
    p.round = UINT32_MAX;
    pf_number_index_set(&p, 2, 6);
    assert_true(pf_number_index_begin(&p, 1, 3));
    assert_int_equal(pf_number_index_get(&p, 1), PF_NUMBER_INDEX_NONE);
    assert_int_equal(pf_number_index_get(&p, 2), PF_NUMBER_INDEX_NONE);
    pf_number_index_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_last_for_a_round),
        cmocka_unit_test(other_tables_other_numbers),
        cmocka_unit_test(rounds_begin_anew_behind_the_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
