/* Deadlines: in their order, movable, whatever is set and cancelled meanwhile. */
#include "server/http/timers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MANY = 500 };

typedef struct watched {
    pf_timer timer;
    pf_timers *set;
    int calls;
} watched;

static int64_t last; /* the deadline of the timer that was called last */

static void called(pf_timer *t)
{
    watched *w = (watched *)((char *)t - offsetof(watched, timer));
    assert_int_equal(t->place, 0);
    assert_true(t->at >= last);
    last = t->at;
    w->calls++;
}

/* The heap's order, and that every timer knows its place. */
static void check(const pf_timers *s)
{
    for (size_t i = 1; i <= s->n; i++) {
        assert_int_equal(s->heap[i - 1]->place, i);
        if (i > 1)
            assert_true(s->heap[i / 2 - 1]->at <= s->heap[i - 1]->at);
    }
}

static void test_none(void **state)
{
    (void)state;
    pf_timers s = {0};
    pf_timer t = {.fn = called};
    assert_true(pf_timers_next(&s) == INT64_MAX);
    pf_timers_run(&s, INT64_MAX);
    pf_timer_cancel(&s, &t);
    pf_timers_free(&s);
}

static void test_only_those_that_are_due(void **state)
{
    (void)state;
    pf_timers s = {0};
    watched w[3] = {0};
    last = 0;
    for (int i = 0; i < 3; i++) {
        w[i].timer.fn = called;
        assert_true(pf_timer_set(&s, &w[i].timer, 30 - 10 * i));
    }
    assert_int_equal(pf_timers_next(&s), 10);
    pf_timers_run(&s, 9);
    assert_int_equal(s.n, 3);
    pf_timers_run(&s, 20);
    assert_true(w[0].calls == 0 && w[1].calls == 1 && w[2].calls == 1);
    assert_int_equal(pf_timers_next(&s), 30);
    pf_timers_run(&s, 100);
    assert_int_equal(w[0].calls, 1);
    assert_int_equal(s.n, 0);
    pf_timers_free(&s);
}

static void test_any_order_of_calls_keeps_the_order_of_deadlines(void **state)
{
    (void)state;
    pf_timers s = {0};
    watched *w = calloc(MANY, sizeof *w);
    assert_non_null(w);
    for (int i = 0; i < MANY; i++)
        w[i].timer.fn = called;
    srand(4711);
    for (int round = 0; round < 20000; round++) {
        pf_timer *t = &w[rand() % MANY].timer;
        if (rand() % 3)
            assert_true(pf_timer_set(&s, t, rand() % 1000));
        else
            pf_timer_cancel(&s, t);
        if (round % 500 == 0)
            check(&s);
    }
    check(&s);
    size_t set = s.n, calls = 0;
    int64_t half = 500;
    last = 0;
    pf_timers_run(&s, half);
    assert_true(pf_timers_next(&s) > half);
    pf_timers_run(&s, 1000);
    for (int i = 0; i < MANY; i++) {
        assert_true(w[i].calls <= 1);
        calls += (size_t)w[i].calls;
    }
    assert_int_equal(calls, set);
    free(w);
    pf_timers_free(&s);
}

static watched other;

/* Sets itself anew, and cancels one that would be due in the same run. */
static void meddle(pf_timer *t)
{
    watched *w = (watched *)((char *)t - offsetof(watched, timer));
    w->calls++;
    pf_timer_cancel(w->set, &other.timer);
    assert_true(pf_timer_set(w->set, t, t->at + 5));
}

static void test_what_is_called_may_set_and_cancel(void **state)
{
    (void)state;
    pf_timers s = {0};
    watched w = {.timer.fn = meddle, .set = &s};
    other = (watched){.timer.fn = called};
    assert_true(pf_timer_set(&s, &w.timer, 1));
    assert_true(pf_timer_set(&s, &other.timer, 2));
    pf_timers_run(&s, 12); /* at 1, 6, 11 */
    assert_int_equal(w.calls, 3);
    assert_int_equal(other.calls, 0);
    assert_int_equal(pf_timers_next(&s), 16);
    pf_timers_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_only_those_that_are_due),
        cmocka_unit_test(test_any_order_of_calls_keeps_the_order_of_deadlines),
        cmocka_unit_test(test_what_is_called_may_set_and_cancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
