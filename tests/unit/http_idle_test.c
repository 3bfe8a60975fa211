/* What may be closed to make room, the longest idle first. */
#include "server/http/idle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { NODES = 40 };

/* The list's links, its count, and what it shows to others. */
static void check(const pf_idle_list *l)
{
    unsigned n = 0;
    const pf_idle *before = NULL;
    for (const pf_idle *i = l->first; i; i = i->next) {
        assert_ptr_equal(i->prev, before);
        assert_true(i->listed);
        if (before)
            assert_true(before->since <= i->since);
        before = i;
        n++;
    }
    assert_ptr_equal(l->last, before);
    assert_int_equal(atomic_load(&l->n), n);
    assert_true(atomic_load(&l->oldest) == (l->first ? l->first->since : INT64_MAX));
}

static void test_order(void **state)
{
    (void)state;
    pf_idle_list l;
    pf_idle a = {0}, b = {0}, c = {0};
    pf_idle_init(&l);
    check(&l);
    pf_idle_leave(&l, &a); /* was not there */
    pf_idle_join(&l, &a, 10);
    pf_idle_join(&l, &b, 20);
    pf_idle_join(&l, &a, 30); /* it was idle since 10, and is */
    pf_idle_join(&l, &c, 30);
    check(&l);
    assert_ptr_equal(l.first, &a);
    assert_int_equal(atomic_load(&l.oldest), 10);
    pf_idle_leave(&l, &b);
    check(&l);
    pf_idle_leave(&l, &a);
    check(&l);
    assert_ptr_equal(l.first, &c);
    pf_idle_join(&l, &a, 40);
    assert_ptr_equal(l.last, &a);
    pf_idle_leave(&l, &a);
    pf_idle_leave(&l, &a);
    pf_idle_leave(&l, &c);
    check(&l);
    assert_int_equal(atomic_load(&l.n), 0);
}

static void test_any_order(void **state)
{
    (void)state;
    pf_idle_list l;
    pf_idle nodes[NODES] = {0};
    pf_idle_init(&l);
    srand(7);
    for (int now = 0; now < 5000; now++) {
        pf_idle *i = &nodes[rand() % NODES];
        if (rand() % 2)
            pf_idle_join(&l, i, now);
        else
            pf_idle_leave(&l, i);
        check(&l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_any_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
