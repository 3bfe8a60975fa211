/* A table that forgets: against a plain list that does the same. */
#include "server/access/recent.h"

#include "support/alloc_fault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { MAX = 50, KEYS = 120, ROUNDS = 100000 };

/* The witness: keys from the newest to the oldest, and what they hold. */
static struct {
    int key[MAX];
    unsigned n;
} list;
static int held[KEYS];

static unsigned place_of(int key)
{
    unsigned i = 0;
    while (i < list.n && list.key[i] != key)
        i++;
    return i;
}

static void take_out(unsigned i)
{
    list.n--;
    memmove(list.key + i, list.key + i + 1, (list.n - i) * sizeof *list.key);
}

static void put_first(int key)
{
    memmove(list.key + 1, list.key, list.n * sizeof *list.key);
    list.key[0] = key;
    list.n++;
}

typedef struct value {
    int key, held;
} value;

static pf_hash hash_of(const pf_recent *r, int key)
{
    char text[16];
    snprintf(text, sizeof text, "key %d", key / 2);
    return pf_recent_key(r, key % 2 ? 'a' : 'b', pf_str_c(text));
}

static bool is_even(const void *v, void *ctx)
{
    int *asked = ctx;
    ++*asked;
    return ((const value *)v)->key % 2 == 0;
}

static unsigned random_below(unsigned n)
{
    static uint64_t state = 11;
    state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (unsigned)(state >> 33) % n;
}

/* The one that has to go, MAX where none may. */
static unsigned goes(bool even)
{
    unsigned i = list.n;
    while (i-- && even && list.key[i] % 2) {
    }
    return i < MAX ? i : MAX;
}

static void step(pf_recent *r, int key, bool even)
{
    pf_hash hash = hash_of(r, key);
    value *v = pf_recent_find(r, hash);
    unsigned at = place_of(key);
    int asked = 0;
    assert_int_equal(v != NULL, at < list.n);
    if (v) {
        assert_int_equal(v->key, key);
        assert_int_equal(v->held, held[key]);
        take_out(at);
    } else {
        unsigned out = list.n == MAX ? goes(even) : list.n;
        v = pf_recent_add(r, hash, even ? is_even : NULL, &asked);
        assert_int_equal(v != NULL, out < MAX);
        assert_true(asked <= MAX);
        if (!v)
            return;
        assert_int_equal(v->key, 0);
        assert_int_equal(v->held, 0);
        if (out < list.n)
            take_out(out);
        v->key = key;
    }
    put_first(key);
    v->held = held[key] = (int)random_below(1000);
    assert_int_equal(pf_recent_count(r), list.n);
}

static void test_as_a_list_does(void **state)
{
    (void)state;
    pf_recent *r = pf_recent_new(MAX, sizeof(value));
    assert_non_null(r);
    for (int i = 0; i < ROUNDS; i++)
        step(r, (int)random_below(KEYS), random_below(2));
    for (int key = 1; key < KEYS; key += 2) /* none of the even ones is left */
        for (int i = 0; i < MAX; i++)
            step(r, key, true);
    for (int key = 1; key < KEYS; key += 2)
        step(r, key, false);
    assert_null(pf_recent_add(r, hash_of(r, 0), is_even, &(int){0}));
    pf_recent_free(r);
}

static void test_one(void **state)
{
    (void)state;
    pf_recent *r = pf_recent_new(1, 1);
    assert_non_null(r);
    for (int key = 0; key < 10; key++) {
        assert_null(pf_recent_find(r, hash_of(r, key)));
        char *v = pf_recent_add(r, hash_of(r, key), NULL, NULL);
        assert_int_equal(*v, 0);
        *v = 'x';
        assert_ptr_equal(pf_recent_find(r, hash_of(r, key)), v);
    }
    assert_int_equal(pf_recent_count(r), 1);
    pf_recent_free(r);
}

static void test_without_memory(void **state)
{
    (void)state;
    bool failed = true;
    int n = 0;
    for (; failed; n++) {
        alloc_fault_arm(n);
        pf_recent *r = pf_recent_new(100, 8);
        failed = alloc_fault_disarm();
        assert_int_equal(r == NULL, failed);
        pf_recent_free(r);
    }
    assert_int_equal(n, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_a_list_does),
        cmocka_unit_test(test_one),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
