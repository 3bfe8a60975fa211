/* How many connections an address holds. */
#include "server/http/holders.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static pf_address address(const char *text)
{
    pf_address a;
    assert_true(pf_address_parse(pf_str_c(text), false, &a));
    return a;
}

static pf_holder *take(pf_holders *s, const char *text, unsigned max)
{
    pf_address a = address(text);
    return pf_holders_take(s, &a, max);
}

/* Nothing is left that has been given back. */
static void end(pf_holders *s)
{
    for (size_t i = 0; i < PF_HOLDERS_SLOTS; i++)
        assert_null(s->slots[i]);
    pf_holders_free(s);
}

static void test_limit(void **state)
{
    (void)state;
    pf_holders s;
    pf_holders_init(&s);
    pf_holder *a = take(&s, "1.2.3.4", 2), *b = take(&s, "1.2.3.4", 2);
    assert_non_null(a);
    assert_ptr_equal(a, b);
    assert_null(take(&s, "1.2.3.4", 2));
    pf_holder *other = take(&s, "1.2.3.5", 2); /* another address is another's business */
    assert_non_null(other);
    pf_holders_give(&s, a);
    assert_non_null(take(&s, "1.2.3.4", 2));
    assert_null(take(&s, "1.2.3.4", 2));
    assert_null(take(&s, "9.9.9.9", 0));
    pf_holders_give(&s, a);
    pf_holders_give(&s, a);
    pf_holders_give(&s, other);
    pf_holders_give(&s, NULL);
    end(&s);
}

/* A site has a /64 to itself: an address a connection would be no limit. */
static void test_ipv6_counts_by_its_64(void **state)
{
    (void)state;
    pf_holders s;
    pf_holders_init(&s);
    pf_holder *a = take(&s, "2001:db8:1:2::1", 2);
    assert_ptr_equal(take(&s, "2001:db8:1:2:ffff:ffff:ffff:ffff", 2), a);
    assert_null(take(&s, "2001:db8:1:2::5", 2));
    pf_holder *b = take(&s, "2001:db8:1:3::1", 2);
    assert_non_null(b);
    assert_ptr_not_equal(a, b);
    /* IPv4 in IPv6's clothes stays an address a client. */
    pf_holder *c = take(&s, "::ffff:1.2.3.4", 1), *d = take(&s, "::ffff:1.2.3.5", 1);
    assert_true(c && d && c != d);
    assert_null(take(&s, "1.2.3.4", 1));
    pf_holders_give(&s, a);
    pf_holders_give(&s, a);
    pf_holders_give(&s, b);
    pf_holders_give(&s, c);
    pf_holders_give(&s, d);
    end(&s);
}

enum { MANY = 20000 };

static void test_many_addresses(void **state)
{
    (void)state;
    static pf_holder *held[MANY];
    pf_holders s;
    pf_holders_init(&s);
    for (int i = 0; i < MANY; i++) {
        char text[32];
        snprintf(text, sizeof text, "10.%d.%d.%d", i >> 16, i >> 8 & 255, i & 255);
        held[i] = take(&s, text, 1);
        assert_non_null(held[i]);
        assert_null(take(&s, text, 1));
    }
    for (int i = 0; i < MANY; i += 2) /* out of the middle of the chains */
        pf_holders_give(&s, held[i]);
    for (int i = 1; i < MANY; i += 2)
        pf_holders_give(&s, held[i]);
    end(&s);
}

enum { THREADS = 4, ROUNDS = 20000, LIMIT = 3 };

static pf_holders shared;
static atomic_int holding[2];

/* Never more than the limit at a time. */
static void *take_and_give(void *arg)
{
    int which = *(int *)arg;
    pf_address a = address(which ? "1.1.1.1" : "2.2.2.2");
    for (int i = 0; i < ROUNDS; i++) {
        pf_holder *h = pf_holders_take(&shared, &a, LIMIT);
        if (!h)
            continue;
        if (atomic_fetch_add(&holding[which], 1) >= LIMIT)
            abort();
        atomic_fetch_sub(&holding[which], 1);
        pf_holders_give(&shared, h);
    }
    return NULL;
}

static void test_many_threads(void **state)
{
    (void)state;
    pthread_t threads[2 * THREADS];
    int which[2] = {0, 1};
    pf_holders_init(&shared);
    for (int i = 0; i < 2 * THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, &which[i % 2]), 0);
    for (int i = 0; i < 2 * THREADS; i++)
        pthread_join(threads[i], NULL);
    end(&shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_ipv6_counts_by_its_64),
        cmocka_unit_test(test_many_addresses),
        cmocka_unit_test(test_many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
