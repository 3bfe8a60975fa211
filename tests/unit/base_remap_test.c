#include "base/remap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void values_stand_where_they_were_put(void **state)
{
    (void)state;
    pf_remap m = {0};
    for (uint64_t i = 0; i < 5000; i++) {
        uint32_t *at = pf_remap_at(&m, i * i);
        assert_int_equal(*at, PF_REMAP_NONE);
        *at = (uint32_t)i;
    }
    for (uint64_t i = 0; i < 5000; i++)
        assert_int_equal(*pf_remap_at(&m, i * i), i);
    assert_int_equal(m.len, 5000);
    assert_true(pf_remap_bytes(&m) >= 5000 * sizeof(pf_remap_slot));
    pf_remap_clear(&m);
    assert_int_equal(m.len, 0);
    assert_int_equal(*pf_remap_at(&m, 49), PF_REMAP_NONE);
    pf_remap_free(&m);
    assert_int_equal(pf_remap_bytes(&m), 0);
}

static void keys_at_the_ends_are_keys(void **state)
{
    (void)state;
    pf_remap m = {0};
    *pf_remap_at(&m, 0) = 1;
    *pf_remap_at(&m, UINT64_MAX) = 2;
    assert_int_equal(*pf_remap_at(&m, 0), 1);
    assert_int_equal(*pf_remap_at(&m, UINT64_MAX), 2);
    pf_remap_free(&m);
}

/* Slots in a row that are taken: what a look-up walks at worst. */
static size_t longest_run(const pf_remap *m)
{
    size_t longest = 0, run = 0;
    for (size_t i = 0; i < m->cap; i++) {
        run = m->slots[i].used ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    return longest;
}

static void pairs_do_not_crowd(void **state)
{
    (void)state;
    /* (stack, label set) of a heap profile: few sets, each on many stacks. */
    pf_remap m = {0};
    for (uint64_t stack = 1; stack <= 2000; stack++)
        for (uint64_t set = 1; set <= 3; set++)
            *pf_remap_at(&m, stack << 32 | set) = 0;
    assert_true(longest_run(&m) < 200);
    pf_remap_free(&m);

    for (uint64_t number = 1; number <= 6000; number++)
        *pf_remap_at(&m, number) = 0;
    assert_true(longest_run(&m) < 200);
    pf_remap_free(&m);
}

static void room_and_memory_are_as_agreed(void **state)
{
    (void)state;
    pf_ledger b;
    pf_ledger_init(&b, "-memory.max-inflight", 1 << 20, PF_UNAVAILABLE, NULL);
    pf_remap m = {.budget = &b, .seed = 12345};
    assert_true(pf_remap_reserve(&m, 1000));
    size_t bytes = pf_remap_bytes(&m);
    assert_int_equal(pf_ledger_held(&b), bytes);
    for (uint64_t i = 0; i < 1000; i++)
        *pf_remap_at(&m, i << 32 | 7) = (uint32_t)i;
    assert_int_equal(pf_remap_bytes(&m), bytes);
    assert_false(pf_remap_reserve(&m, 1 << 20));
    for (uint64_t i = 0; i < 1000; i++)
        assert_int_equal(*pf_remap_at(&m, i << 32 | 7), i);
    uint64_t n = 1000;
    for (uint32_t *at; (at = pf_remap_at(&m, n << 32 | 7)); n++)
        *at = (uint32_t)n;
    assert_true(n * sizeof(pf_remap_slot) > b.limit / 8); /* the budget has ended it, not before */
    assert_true(pf_ledger_held(&b) <= b.limit);
    pf_remap_free(&m);
    assert_int_equal(pf_ledger_held(&b), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_stand_where_they_were_put),
        cmocka_unit_test(keys_at_the_ends_are_keys),
        cmocka_unit_test(pairs_do_not_crowd),
        cmocka_unit_test(room_and_memory_are_as_agreed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
