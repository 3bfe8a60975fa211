/* Worker threads and the queue before them. */
#include "server/http/workers.h"

#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { JOBS = 2000 };

typedef struct work {
    pf_job job;
    int number;
} work;

static int seen; /* one worker's alone, then the test's */
static atomic_int sum;
static sem_t entered, leave;

static void in_order(pf_job *job)
{
    assert_int_equal(((work *)job)->number, seen++);
}

static void add(pf_job *job)
{
    atomic_fetch_add(&sum, ((work *)job)->number);
}

static void hold(pf_job *job)
{
    (void)job;
    sem_post(&entered);
    sem_wait(&leave);
}

/* Workers that are all busy, each with one of `holding`. */
static pf_workers *make_busy(unsigned threads, unsigned queue_max, work *holding)
{
    pf_workers *w;
    pf_error err;
    sem_init(&entered, 0, 0);
    sem_init(&leave, 0, 0);
    assert_int_equal(pf_workers_new(threads, queue_max, &w, &err), PF_OK);
    for (unsigned i = 0; i < threads; i++) {
        holding[i] = (work){.job.fn = hold};
        pf_workers_push(w, &holding[i].job);
    }
    for (unsigned i = 0; i < threads; i++)
        sem_wait(&entered);
    return w;
}

static void let_go(unsigned threads)
{
    for (unsigned i = 0; i < threads; i++)
        sem_post(&leave);
}

static void test_first_in_first_out(void **state)
{
    (void)state;
    static work jobs[JOBS];
    work holding[1];
    pf_workers *w = make_busy(1, JOBS, holding);
    seen = 0;
    for (int i = 0; i < JOBS; i++) {
        jobs[i] = (work){.job.fn = in_order, .number = i};
        if (i % 3)
            assert_true(pf_workers_try(w, &jobs[i].job));
        else
            pf_workers_push(w, &jobs[i].job);
    }
    assert_int_equal(pf_workers_queued(w), JOBS);
    let_go(1);
    pf_workers_free(w); /* what is queued is run */
    assert_int_equal(seen, JOBS);
}

static void test_a_full_queue_says_so(void **state)
{
    (void)state;
    work jobs[4], holding[2];
    pf_workers *w = make_busy(2, 2, holding);
    seen = 0;
    for (int i = 0; i < 4; i++)
        jobs[i] = (work){.job.fn = add, .number = 1};
    atomic_store(&sum, 0);
    assert_true(pf_workers_try(w, &jobs[0].job));
    pf_workers_push(w, &jobs[1].job); /* always taken, and not counted */
    assert_true(pf_workers_try(w, &jobs[2].job));
    assert_false(pf_workers_try(w, &jobs[3].job));
    assert_int_equal(pf_workers_queued(w), 3);
    let_go(2);
    pf_workers_free(w);
    assert_int_equal(atomic_load(&sum), 3);
}

static void count_up(pf_job *job)
{
    add(job);
    sem_post(&entered);
}

static void test_room_comes_back(void **state)
{
    (void)state;
    pf_workers *w;
    work one = {.job.fn = count_up, .number = 1};
    sem_init(&entered, 0, 0);
    atomic_store(&sum, 0);
    assert_int_equal(pf_workers_new(1, 1, &w, NULL), PF_OK);
    for (int i = 0; i < 1000; i++) {
        assert_true(pf_workers_try(w, &one.job));
        sem_wait(&entered); /* it was taken off the queue */
    }
    assert_int_equal(pf_workers_queued(w), 0);
    pf_workers_free(w);
    assert_int_equal(atomic_load(&sum), 1000);
}

/* A queue of none still runs what is not counted. */
static void test_no_queue_at_all(void **state)
{
    (void)state;
    pf_workers *w;
    work one = {.job.fn = count_up, .number = 1};
    sem_init(&entered, 0, 0);
    assert_int_equal(pf_workers_new(1, 0, &w, NULL), PF_OK);
    assert_false(pf_workers_try(w, &one.job));
    pf_workers_push(w, &one.job);
    sem_wait(&entered);
    pf_workers_free(w);
}

static void test_many_threads(void **state)
{
    (void)state;
    static work jobs[JOBS];
    pf_workers *w;
    atomic_store(&sum, 0);
    assert_int_equal(pf_workers_new(8, JOBS, &w, NULL), PF_OK);
    for (int i = 0; i < JOBS; i++) {
        jobs[i] = (work){.job.fn = add, .number = i};
        assert_true(pf_workers_try(w, &jobs[i].job));
    }
    pf_workers_free(w);
    assert_int_equal(atomic_load(&sum), JOBS * (JOBS - 1) / 2);
    pf_workers_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_in_first_out), cmocka_unit_test(test_a_full_queue_says_so),
        cmocka_unit_test(test_room_comes_back),    cmocka_unit_test(test_no_queue_at_all),
        cmocka_unit_test(test_many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
