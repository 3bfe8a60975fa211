/* The hash table: growth, clearing, its budget. */
#include "base/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static pf_hash key(uint64_t n)
{
    return (pf_hash){n * 64, n}; /* the low bits collide on purpose */
}

static void test_what_is_put_is_found(void **state)
{
    (void)state;
    pf_map m;
    pf_map_init(&m, NULL);
    assert_true(pf_map_get(&m, key(1)) == PF_MAP_EMPTY);
    for (uint32_t i = 0; i < 5000; i++) {
        uint32_t *at = pf_map_at(&m, key(i));
        assert_true(*at == PF_MAP_EMPTY);
        *at = i;
    }
    for (uint32_t i = 0; i < 5000; i++) {
        assert_int_equal(pf_map_get(&m, key(i)), i);
        assert_int_equal(*pf_map_at(&m, key(i)), i);
    }
    assert_int_equal(m.len, 5000);
    assert_true(pf_map_get(&m, key(5000)) == PF_MAP_EMPTY);
    pf_map_clear(&m);
    assert_int_equal(m.len, 0);
    assert_true(pf_map_get(&m, key(7)) == PF_MAP_EMPTY);
    pf_map_free(&m);
}

static void test_keys_differ_in_either_half(void **state)
{
    (void)state;
    pf_map m;
    pf_map_init(&m, NULL);
    *pf_map_at(&m, (pf_hash){1, 1}) = 11;
    *pf_map_at(&m, (pf_hash){1, 2}) = 12;
    *pf_map_at(&m, (pf_hash){2, 1}) = 21;
    assert_int_equal(pf_map_get(&m, (pf_hash){1, 1}), 11);
    assert_int_equal(pf_map_get(&m, (pf_hash){1, 2}), 12);
    assert_int_equal(pf_map_get(&m, (pf_hash){2, 1}), 21);
    pf_map_free(&m);
}

static void test_a_budget_ends_growth(void **state)
{
    (void)state;
    pf_ledger b;
    pf_map m;
    pf_ledger_init(&b, "-memory.max-inflight", 10000, PF_UNAVAILABLE, NULL);
    pf_map_init(&m, &b);
    uint32_t n = 0;
    for (uint32_t *at; (at = pf_map_at(&m, key(n))); n++)
        *at = n;
    assert_true(n > 64 && n < 10000 / sizeof(pf_map_slot));
    for (uint32_t i = 0; i < n; i++) /* what was there still is */
        assert_int_equal(pf_map_get(&m, key(i)), i);
    assert_int_equal(pf_ledger_held(&b), pf_map_bytes(&m));
    pf_map_free(&m);
    assert_int_equal(pf_ledger_held(&b), 0);
}

static void test_reserved_room_is_not_outgrown(void **state)
{
    (void)state;
    pf_ledger b;
    pf_map m;
    pf_ledger_init(&b, "-memory.max-inflight", 1 << 20, PF_UNAVAILABLE, NULL);
    pf_map_init(&m, &b);
    *pf_map_at(&m, key(0)) = 0;
    assert_true(pf_map_reserve(&m, 1000));
    size_t bytes = pf_map_bytes(&m);
    assert_int_equal(pf_ledger_held(&b), bytes);
    for (uint32_t i = 1; i < 1000; i++)
        *pf_map_at(&m, key(i)) = i;
    assert_int_equal(pf_map_bytes(&m), bytes);
    assert_true(pf_map_reserve(&m, 10));
    assert_false(pf_map_reserve(&m, 1 << 20)); /* the budget */
    assert_int_equal(pf_map_bytes(&m), bytes);
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(pf_map_get(&m, key(i)), i);
    pf_map_free(&m);
    assert_int_equal(pf_ledger_held(&b), 0);
}

static void test_probes_are_counted(void **state)
{
    (void)state;
    pf_map m;
    pf_map_init(&m, NULL);
    assert_true(pf_map_reserve(&m, 40));
    for (uint32_t i = 0; i < 10;
         i++) { /* all in the last slot and on from the first one: 1 + 2 + ... + 10 */
        *pf_map_at(&m, (pf_hash){m.cap - 1 + i * m.cap, i}) = i;
        assert_int_equal(m.probes, (i + 1) * (i + 2) / 2);
    }
    pf_map_at(&m, (pf_hash){m.cap - 1, 0});
    assert_int_equal(m.probes, 56);
    pf_map_get(&m, (pf_hash){m.cap - 1 + 9 * m.cap, 9}); /* reading changes nothing */
    assert_int_equal(m.probes, 56);
    assert_true(pf_map_reserve(&m, 1000)); /* each is moved */
    assert_true(m.probes >= 66);
    pf_map_free(&m);
}

static void test_why_there_is_no_room(void **state)
{
    (void)state;
    pf_ledger budget;
    pf_map m;
    pf_error err;
    pf_ledger_init(&budget, "-memory.max-inflight", 1, PF_UNAVAILABLE, NULL);
    pf_map_init(&m, &budget);
    assert_null(pf_map_at(&m, (pf_hash){1, 2}));
    assert_int_equal(pf_map_fail(&m, &err, "a test"), PF_UNAVAILABLE);
    assert_string_equal(err.msg, "the memory for requests in flight is used up (a test)");
    assert_int_equal(pf_ledger_held(&budget), 0);
    pf_map_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_why_there_is_no_room),
        cmocka_unit_test(test_what_is_put_is_found),
        cmocka_unit_test(test_keys_differ_in_either_half),
        cmocka_unit_test(test_a_budget_ends_growth),
        cmocka_unit_test(test_reserved_room_is_not_outgrown),
        cmocka_unit_test(test_probes_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
