/* Hashing: keys matter, equal keys agree. */
#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_the_key_decides(void **state)
{
    (void)state;
    pf_hash_key a, b, again;
    pf_hash_key_from(&a, "one", 3);
    pf_hash_key_from(&b, "two", 3);
    pf_hash_key_from(&again, "one", 3);
    assert_memory_equal(&a, &again, sizeof a);
    assert_memory_not_equal(&a, &b, sizeof a);
    char text[600];
    memset(text, 'x', sizeof text);
    for (size_t n = 0; n < sizeof text;
         n += 7) { /* XXH3 takes another way for each range of lengths */
        assert_true(pf_hash_eq(pf_hash_bytes(&a, text, n), pf_hash_bytes(&again, text, n)));
        assert_false(pf_hash_eq(pf_hash_bytes(&a, text, n), pf_hash_bytes(&b, text, n)));
    }
}

static void test_every_byte_counts(void **state)
{
    (void)state;
    pf_hash_key k;
    pf_hash_key_random(&k);
    unsigned char bytes[300] = {0};
    for (size_t n = 1; n <= sizeof bytes; n += 13) {
        pf_hash plain = pf_hash_bytes(&k, bytes, n);
        for (size_t i = 0; i < n; i++) {
            bytes[i] ^= 1;
            assert_false(pf_hash_eq(plain, pf_hash_bytes(&k, bytes, n)));
            bytes[i] ^= 1;
        }
    }
}

static void test_random_keys_differ(void **state)
{
    (void)state;
    pf_hash_key a, b;
    pf_hash_key_random(&a);
    pf_hash_key_random(&b);
    assert_memory_not_equal(&a, &b, sizeof a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_key_decides),
        cmocka_unit_test(test_every_byte_counts),
        cmocka_unit_test(test_random_keys_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
