/* How many profiles a transaction waits for. */
#include "storage/local/gather.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { NOW = 1000000000 };

static void test_a_push_on_its_own_does_not_wait(void **state)
{
    (void)state;
    pf_gather g = {0};
    assert_int_equal(pf_gather_target(&g, NOW), 1);
    for (int i = 0; i < 10; i++) {
        pf_gather_note(&g, 1, 0, NOW);
        assert_int_equal(pf_gather_target(&g, NOW + 1), 1);
    }
    pf_gather_note(&g, 1, 1, NOW); /* nor does the first of two */
    assert_int_equal(pf_gather_target(&g, NOW + 1), 1);
}

static void test_a_crowd_is_those_stored_and_those_waiting(void **state)
{
    (void)state;
    pf_gather g = {0};
    pf_gather_note(&g, 1, 7, NOW);
    assert_int_equal(pf_gather_target(&g, NOW + 1), 6);
    pf_gather_note(&g, 200, 100, NOW);
    assert_int_equal(pf_gather_target(&g, NOW + 1), PF_GATHER_MAX);
}

static void test_a_crowd_fades(void **state)
{
    (void)state;
    pf_gather g = {0};
    pf_gather_note(&g, 4, 4, NOW);
    size_t waits = 0;
    while (pf_gather_target(&g, NOW + 1) > 1) { /* pushes on their own from now on */
        pf_gather_note(&g, 1, 0, NOW);
        assert_true(++waits < 8);
    }
    assert_int_equal(waits, 6);
}

static void test_a_pause_ends_it_at_once(void **state)
{
    (void)state;
    pf_gather g = {0};
    pf_gather_note(&g, 8, 8, NOW);
    assert_int_equal(pf_gather_target(&g, NOW + PF_GATHER_FORGET_NS - 1), 12);
    assert_int_equal(pf_gather_target(&g, NOW + PF_GATHER_FORGET_NS), 1);
}

/* A load and a committer, played without a clock: each transaction takes COMMIT. Those who push at their own pace come
 * every `every`; `loop` clients push again `think` after their answer. */
#define COMMIT (2 * PF_NS_PER_MS)
enum { CLIENTS_MAX = 64, PUSHES = 20000 };

typedef struct load {
    int64_t every; /* 0: none come by themselves */
    int64_t think;
    size_t loop;
} load;

typedef struct outcome {
    size_t stored, transactions, waits;
    int64_t waited, longest; /* in all; from a push to its transaction */
} outcome;

typedef struct player {
    pf_gather g;
    load load;
    int64_t paced;               /* when the next one comes by itself */
    int64_t client[CLIENTS_MAX]; /* when it pushes; INT64_MAX: waits for its answer */
    int64_t queue[PUSHES];       /* when those that wait came */
    size_t queued, of_clients;
    outcome o;
} player;

static int64_t next_push(const player *p)
{
    int64_t at = p->load.every ? p->paced : INT64_MAX;
    for (size_t i = 0; i < p->load.loop; i++)
        at = p->client[i] < at ? p->client[i] : at;
    return at;
}

/* Queues all that come until `now`. */
static void arrive(player *p, int64_t now)
{
    for (int64_t at; (at = next_push(p)) <= now;) {
        size_t i = 0;
        while (i < p->load.loop && p->client[i] != at)
            i++;
        if (i < p->load.loop)
            p->client[i] = INT64_MAX;
        else
            p->paced += p->load.every;
        p->queue[p->queued++] = at;
        pf_gather_arrive(&p->g, at);
    }
}

/* As the committer's wait_for_pace does. */
static int64_t wait_for_pace(player *p, int64_t now)
{
    int64_t began = now;
    if (p->queued >= PF_GATHER_MAX || !pf_gather_begin(&p->g))
        return now;
    for (int64_t at, until; p->queued < PF_GATHER_MAX; arrive(p, now)) {
        at = next_push(p);
        until = pf_gather_until(&p->g, began);
        if (at > until) {
            now = until > now ? until : now;
            break;
        }
        now = at;
    }
    pf_gather_end(&p->g);
    p->o.waits++;
    p->o.waited += now - began;
    return now;
}

static outcome play(load l)
{
    static player p;
    p = (player){.load = l, .paced = NOW};
    int64_t now = NOW;
    for (size_t i = 0; i < l.loop; i++)
        p.client[i] = NOW + (int64_t)i;
    while (p.o.stored < PUSHES - 2 * CLIENTS_MAX) {
        if (!p.queued)
            now = next_push(&p) > now ? next_push(&p) : now;
        arrive(&p, now);
        now = wait_for_pace(&p, now);
        p.o.longest = now - p.queue[0] > p.o.longest ? now - p.queue[0] : p.o.longest;
        size_t stored = p.queued;
        p.queued = 0;
        now += COMMIT;
        arrive(&p, now - 1);
        pf_gather_note(&p.g, stored, p.queued, now);
        /* Clients that are neither in the queue nor about to push wait for this answer. */
        size_t answered = 0;
        for (size_t i = 0; i < l.loop && answered < stored; i++) {
            if (p.client[i] == INT64_MAX && answered + p.queued < l.loop) {
                p.client[i] = now + l.think + (int64_t)answered * PF_NS_PER_MS / 50;
                answered++;
            }
        }
        p.o.stored += stored;
        p.o.transactions++;
    }
    return p.o;
}

static double share(outcome o)
{
    return (double)o.stored / (double)o.transactions;
}

static void test_a_pace_shares_transactions(void **state)
{
    (void)state;
    outcome o = play((load){.every = 10 * PF_NS_PER_MS}); /* 100 a second */
    assert_true(share(o) > 4.5);
    assert_true(o.longest <= PF_GATHER_PACE_NS + COMMIT);
    assert_true(share(play((load){.every = 2500000})) > 12); /* 400 a second */
}

static void test_slow_pushes_are_stored_at_once(void **state)
{
    (void)state;
    outcome o = play((load){.every = 60 * PF_NS_PER_MS});
    assert_int_equal(o.waits, 0);
    assert_int_equal(o.longest, 0);
}

static void test_a_push_after_a_pause_is_stored_at_once(void **state)
{
    (void)state;
    pf_gather g = {0};
    int64_t now = NOW;
    for (int i = 0; i < 100; i++)
        pf_gather_arrive(&g, now += 10 * PF_NS_PER_MS);
    g.credit = PF_GATHER_CREDIT;
    assert_true(pf_gather_begin(&g));
    pf_gather_arrive(&g, now + PF_NS_PER_SEC);
    assert_false(pf_gather_begin(&g));
}

static void test_clients_that_wait_for_answers_are_not_waited_for(void **state)
{
    (void)state;
    for (size_t n = 1; n <= CLIENTS_MAX; n *= 8) {
        outcome o = play((load){.loop = n, .think = PF_NS_PER_MS / 5});
        assert_true(o.waited * 200 <= (int64_t)o.transactions * COMMIT); /* 0.5 % of the time */
    }
}

/* One that takes its time between an answer and the next push can't be told from a pace but by trying. */
static void test_waits_that_bring_nothing_are_given_up(void **state)
{
    (void)state;
    outcome o = play((load){.loop = 1, .think = 15 * PF_NS_PER_MS});
    assert_true(o.waits > 0);
    assert_true(o.waits <= o.transactions / PF_GATHER_TRY + 1);
}

static void test_waiting_is_found_again(void **state)
{
    (void)state;
    pf_gather g = {0};
    int64_t now = NOW;
    int transactions = 0, waits = 0;
    while (transactions < 10 * PF_GATHER_TRY && waits < 2) {
        pf_gather_arrive(&g, now += 10 * PF_NS_PER_MS);
        if (pf_gather_begin(&g)) {
            if (waits++) /* the first try brought nothing */
                pf_gather_arrive(&g, now += 10 * PF_NS_PER_MS);
            pf_gather_end(&g);
        }
        pf_gather_note(&g, 1, 0, now);
        transactions++;
    }
    assert_true(transactions > PF_GATHER_TRY && transactions <= 2 * PF_GATHER_TRY + 16);
    assert_true(g.credit > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_push_on_its_own_does_not_wait),
        cmocka_unit_test(test_a_crowd_is_those_stored_and_those_waiting),
        cmocka_unit_test(test_a_crowd_fades),
        cmocka_unit_test(test_a_pause_ends_it_at_once),
        cmocka_unit_test(test_a_pace_shares_transactions),
        cmocka_unit_test(test_slow_pushes_are_stored_at_once),
        cmocka_unit_test(test_a_push_after_a_pause_is_stored_at_once),
        cmocka_unit_test(test_clients_that_wait_for_answers_are_not_waited_for),
        cmocka_unit_test(test_waits_that_bring_nothing_are_given_up),
        cmocka_unit_test(test_waiting_is_found_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
