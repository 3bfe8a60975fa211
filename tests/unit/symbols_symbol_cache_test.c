#include "storage/local/symbols/symbol_cache.h"
#include "support/symbols_path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { LEAST = 128 << 10 };

/* The n-th key: as well mixed as hashes are. */
static pf_hash key(uint64_t n)
{
    uint64_t state = n;
    pf_hash h = {.lo = pf_test_random(&state)};
    h.hi = pf_test_random(&state);
    return h;
}

static bool knows(pf_symbol_cache *n, uint64_t i)
{
    uint32_t number = 0;
    bool known = pf_symbol_cache_get(n, key(i), &number);
    if (known)
        assert_int_equal(number, i + 1);
    return known;
}

static void what_fits_is_known(void **state)
{
    (void)state;
    pf_symbol_cache *n = pf_symbol_cache_new(4 << 20);
    for (uint32_t i = 0; i < 60000; i++) {
        assert_false(knows(n, i));
        pf_symbol_cache_put(n, key(i), i + 1);
    }
    for (uint32_t i = 0; i < 60000; i++)
        assert_true(knows(n, i));
    assert_false(knows(n, 60000));
    assert_int_equal(pf_symbol_cache_turns(n), 0);
    pf_symbol_cache_free(n);
}

static void little_takes_little(void **state)
{
    (void)state;
    pf_symbol_cache *n = pf_symbol_cache_new((size_t)1 << 30);
    assert_true(pf_symbol_cache_bytes(n) < 256);
    pf_symbol_cache_put(n, key(1), 1);
    assert_true(pf_symbol_cache_bytes(n) <= LEAST);
    pf_symbol_cache_free(n);
}

static void the_ceiling_holds(void **state)
{
    (void)state;
    static const size_t ceilings[] = {0, 1, LEAST, LEAST + 1, 300 << 10, 1 << 20, 3 << 20};
    for (size_t c = 0; c < sizeof ceilings / sizeof *ceilings; c++) {
        pf_symbol_cache *n = pf_symbol_cache_new(ceilings[c]);
        size_t max = (ceilings[c] > LEAST ? ceilings[c] : LEAST) + 256;
        for (uint32_t i = 0; i < 200000; i++) {
            pf_symbol_cache_put(n, key(i), i + 1);
            assert_true(pf_symbol_cache_bytes(n) <= max);
        }
        assert_true(pf_symbol_cache_turns(n) > 0);
        assert_false(knows(n, 0));
        for (uint32_t i = 199000; i < 200000; i++) /* the latest, at least */
            assert_true(knows(n, i));
        pf_symbol_cache_free(n);
    }
}

static void what_is_in_use_stays(void **state)
{
    (void)state;
    pf_symbol_cache *n = pf_symbol_cache_new(LEAST);
    pf_symbol_cache_put(n, key(0), 1);
    pf_symbol_cache_put(n, key(1), 2);
    for (uint32_t i = 2; i < 100000; i++) {
        pf_symbol_cache_put(n, key(i), i + 1);
        if (i % 1000 == 0)
            assert_true(knows(n, 0));
    }
    assert_true(pf_symbol_cache_turns(n) > 10);
    assert_false(knows(n, 1));
    pf_symbol_cache_free(n);
}

static void looking_up_turns_generations_safely(void **state)
{
    (void)state;
    /* Young full of what was just promoted: the look-up that moves one more must survive the old
     * generation being dropped under it. */
    pf_symbol_cache *n = pf_symbol_cache_new(LEAST);
    for (uint32_t i = 0; i < 20000; i++)
        pf_symbol_cache_put(n, key(i), i + 1);
    uint64_t turns = pf_symbol_cache_turns(n);
    for (uint32_t i = 10000; i < 20000; i++)
        knows(n, i);
    for (uint32_t i = 20000; i-- > 10000;)
        knows(n, i);
    assert_true(pf_symbol_cache_turns(n) >= turns);
    assert_true(knows(n, 19999));
    pf_symbol_cache_free(n);
}

static void a_hint_changes_nothing(void **state)
{
    (void)state;
    pf_symbol_cache *n = pf_symbol_cache_new(LEAST);
    pf_symbol_cache_prefetch(n, key(5));
    assert_false(knows(n, 5));
    pf_symbol_cache_put(n, key(5), 6);
    pf_symbol_cache_prefetch(n, key(5));
    assert_true(knows(n, 5));
    pf_symbol_cache_free(n);
    pf_symbol_cache_free(NULL);
}

/* Of 20,000 that are known, 5,000 are put in a transaction that is undone: those are not known any more, all others are,
 * wherever the searches for them go. */
static void undo_forgets_what_was_put_since_begin(void **state)
{
    (void)state;
    pf_symbol_cache *n = pf_symbol_cache_new(4 << 20);
    for (uint32_t i = 0; i < 15000; i++)
        pf_symbol_cache_put(n, key(i), i + 1);
    pf_symbol_cache_begin(n);
    for (uint32_t i = 15000; i < 16000; i++)
        pf_symbol_cache_put(n, key(i), i + 1);
    pf_symbol_cache_keep(n);
    pf_symbol_cache_begin(n);
    for (uint32_t i = 16000; i < 21000; i++)
        pf_symbol_cache_put(n, key(i), i + 1);
    assert_true(pf_symbol_cache_undo(n));
    for (uint32_t i = 0; i < 21000; i++)
        assert_int_equal(knows(n, i), i < 16000);
    for (uint32_t i = 16000; i < 21000; i++)
        pf_symbol_cache_put(n, key(i), i + 1);
    assert_true(pf_symbol_cache_undo(n)); /* there was no begin */
    for (uint32_t i = 0; i < 21000; i++)
        assert_true(knows(n, i));
    pf_symbol_cache_free(n);
}

static void undo_reaches_both_generations(void **state)
{
    (void)state;
    pf_symbol_cache *n = pf_symbol_cache_new(LEAST);
    for (uint32_t i = 0; i < 2000; i++)
        pf_symbol_cache_put(n, key(i), i + 1);
    pf_symbol_cache_begin(n);
    for (uint32_t i = 2000; i < 4500; i++)
        pf_symbol_cache_put(n, key(i), i + 1);
    assert_int_equal(pf_symbol_cache_turns(n), 1);
    for (uint32_t i = 2000; i < 2100; i++) /* a second copy, in young */
        assert_true(knows(n, i));
    assert_true(pf_symbol_cache_undo(n));
    for (uint32_t i = 0; i < 4500; i++)
        assert_int_equal(knows(n, i), i < 2000);
    pf_symbol_cache_free(n);
}

static void undo_says_when_it_can_not(void **state)
{
    (void)state;
    pf_symbol_cache *n = pf_symbol_cache_new(8 << 20);
    pf_symbol_cache_begin(n);
    for (uint32_t i = 0; i < PF_SYMBOL_CACHE_NOTED; i++)
        pf_symbol_cache_put(n, key(i), i + 1);
    assert_true(pf_symbol_cache_undo(n));
    assert_false(knows(n, 0));
    pf_symbol_cache_begin(n);
    for (uint32_t i = 0; i <= PF_SYMBOL_CACHE_NOTED; i++)
        pf_symbol_cache_put(n, key(i), i + 1);
    assert_false(pf_symbol_cache_undo(n));
    pf_symbol_cache_begin(n);
    assert_true(pf_symbol_cache_undo(n));
    pf_symbol_cache_free(n);
}

/* An offer takes room that is free, and changes nothing that is known. */
static void an_offer_forgets_nothing(void **state)
{
    (void)state;
    pf_symbol_cache *n = pf_symbol_cache_new(LEAST);
    uint32_t taken = 0;
    for (uint32_t i = 0; i < 1000; i++)
        pf_symbol_cache_put(n, key(i), i + 1);
    assert_true(pf_symbol_cache_offer(n, key(7), 4711));
    while (pf_symbol_cache_offer(n, key(1000 + taken), 1001 + taken))
        taken++;
    assert_true(taken > 1000);
    assert_int_equal(pf_symbol_cache_turns(n), 0);
    for (uint32_t i = 0; i < 1000 + taken; i++)
        assert_true(knows(n, i));
    for (uint32_t i = 0; i < 10000; i++) /* once it has turned all its room is in use */
        pf_symbol_cache_put(n, key(100000 + i), 100001 + i);
    assert_false(pf_symbol_cache_offer(n, key(99999), 100000));
    assert_false(knows(n, 99999));
    pf_symbol_cache_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_fits_is_known),
        cmocka_unit_test(little_takes_little),
        cmocka_unit_test(the_ceiling_holds),
        cmocka_unit_test(what_is_in_use_stays),
        cmocka_unit_test(looking_up_turns_generations_safely),
        cmocka_unit_test(a_hint_changes_nothing),
        cmocka_unit_test(undo_forgets_what_was_put_since_begin),
        cmocka_unit_test(undo_reaches_both_generations),
        cmocka_unit_test(undo_says_when_it_can_not),
        cmocka_unit_test(an_offer_forgets_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
