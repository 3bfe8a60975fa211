/* One thread that waits for sockets, deadlines and mail. */
#include "server/http/loop.h"

#include "base/clock.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { SENDERS = 4, LETTERS = 5000 };

static pf_loop *start(void)
{
    pf_loop *l;
    pf_error err;
    assert_int_equal(pf_loop_new(0, &l, &err), PF_OK);
    assert_int_equal(pf_loop_start(l, &err), PF_OK);
    return l;
}

static void end(pf_loop *l)
{
    pf_loop_stop(l);
    pf_loop_free(l);
}

/* Runs a function on the loop's thread and waits until it has returned. */
typedef struct errand {
    pf_mail mail;
    void (*fn)(void *ctx);
    void *ctx;
    sem_t done;
} errand;

static void run_errand(pf_mail *m)
{
    errand *e = (errand *)m;
    e->fn(e->ctx);
    sem_post(&e->done);
}

static void on_loop(pf_loop *l, void (*fn)(void *ctx), void *ctx)
{
    errand e = {.mail.fn = run_errand, .fn = fn, .ctx = ctx};
    sem_init(&e.done, 0, 0);
    pf_loop_post(l, &e.mail);
    sem_wait(&e.done);
    sem_destroy(&e.done);
}

/* ---- Mail */

typedef struct letter {
    pf_mail mail;
    int sender, number;
} letter;

typedef struct sender {
    pf_loop *loop;
    letter *letters;
    pthread_t thread;
} sender;

static int expected[SENDERS]; /* the loop's thread alone */
static pthread_t receiver;

static void receive(pf_mail *m)
{
    letter *got = (letter *)m;
    if (!got->number)
        receiver = pthread_self();
    assert_true(pthread_equal(receiver, pthread_self()));
    assert_int_equal(got->number, expected[got->sender]++);
}

static void *send_all(void *arg)
{
    sender *s = arg;
    for (int i = 0; i < LETTERS; i++)
        pf_loop_post(s->loop, &s->letters[i].mail);
    return NULL;
}

static void test_mail_of_one_sender_keeps_its_order(void **state)
{
    (void)state;
    pf_loop *l = start();
    sender s[SENDERS];
    memset(expected, 0, sizeof expected);
    for (int i = 0; i < SENDERS; i++) {
        s[i] = (sender){.loop = l, .letters = calloc(LETTERS, sizeof *s[i].letters)};
        assert_non_null(s[i].letters);
        for (int k = 0; k < LETTERS; k++)
            s[i].letters[k] = (letter){.mail.fn = receive, .sender = i, .number = k};
        assert_int_equal(pthread_create(&s[i].thread, NULL, send_all, &s[i]), 0);
    }
    for (int i = 0; i < SENDERS; i++)
        pthread_join(s[i].thread, NULL);
    end(l); /* what was posted before is received before */
    for (int i = 0; i < SENDERS; i++) {
        assert_int_equal(expected[i], LETTERS);
        free(s[i].letters);
    }
}

static void nothing(void *ctx)
{
    (void)ctx;
}

/* Each waits for the loop to have slept and woken again. */
static void test_mail_wakes_a_loop_that_sleeps(void **state)
{
    (void)state;
    pf_loop *l = start();
    for (int i = 0; i < 1000; i++)
        on_loop(l, nothing, NULL);
    end(l);
}

typedef struct chain {
    pf_mail mail;
    pf_loop *loop;
    int left;
    sem_t done;
} chain;

static void next_link(pf_mail *m)
{
    chain *c = (chain *)m;
    if (c->left--)
        pf_loop_post(c->loop, m);
    else
        sem_post(&c->done);
}

typedef struct last_word {
    pf_mail mail;
    pf_loop *loop;
    atomic_bool heard;
} last_word;

static void hear(pf_mail *m)
{
    atomic_store(&((last_word *)m)->heard, true);
}

static void *say(void *arg)
{
    last_word *w = arg;
    pf_loop_post(w->loop, &w->mail);
    return NULL;
}

/* Who posts may be anybody, and not yet through with posting when what was posted is done. ThreadSanitizer is the judge. */
static void test_a_loop_outlives_those_who_post_to_it(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        last_word w = {.mail.fn = hear, .loop = start()};
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, say, &w), 0);
        while (!atomic_load(&w.heard))
            sched_yield();
        end(w.loop);
        pthread_join(thread, NULL);
    }
}

static void test_mail_to_itself(void **state)
{
    (void)state;
    chain c = {.mail.fn = next_link, .loop = start(), .left = 1000};
    sem_init(&c.done, 0, 0);
    pf_loop_post(c.loop, &c.mail);
    sem_wait(&c.done);
    end(c.loop);
}

static void test_mail_before_the_start(void **state)
{
    (void)state;
    letter m = {.mail.fn = receive};
    pf_loop *l;
    memset(expected, 0, sizeof expected);
    assert_int_equal(pf_loop_new(7, &l, NULL), PF_OK);
    pf_loop_post(l, &m.mail);
    assert_int_equal(pf_loop_start(l, NULL), PF_OK);
    end(l);
    assert_int_equal(expected[0], 1);
}

static void test_a_loop_that_was_not_started(void **state)
{
    (void)state;
    pf_loop *l;
    assert_int_equal(pf_loop_new(0, &l, NULL), PF_OK);
    end(l);
    pf_loop_free(NULL);
}

/* ---- Sockets */

typedef struct watcher {
    pf_poll poll;
    pf_loop *loop;
    struct watcher *other;
    int calls;
    _Atomic uint32_t events; /* ThreadSanitizer sees no order in writing a socket and its event */
    sem_t called;
} watcher;

static void on_ready(pf_poll *p, uint32_t events)
{
    watcher *w = (watcher *)p;
    w->calls++;
    w->events = events;
    sem_post(&w->called);
}

static void watch(void *ctx)
{
    watcher *w = ctx;
    assert_true(pf_loop_watch(w->loop, &w->poll, EPOLLIN | EPOLLRDHUP | EPOLLET));
}

static void unwatch(void *ctx)
{
    watcher *w = ctx;
    pf_loop_unwatch(w->loop, &w->poll);
}

static void test_a_socket_becomes_readable(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    watcher w = {.poll = {on_ready, fds[0]}, .loop = start()};
    sem_init(&w.called, 0, 0);
    on_loop(w.loop, watch, &w);
    assert_int_equal(write(fds[1], "x", 1), 1);
    sem_wait(&w.called);
    assert_int_equal(w.events, EPOLLIN);
    close(fds[1]);
    sem_wait(&w.called);
    assert_true(w.events & EPOLLRDHUP);
    on_loop(w.loop, unwatch, &w);
    end(w.loop);
    assert_int_equal(w.calls, 2); /* edge-triggered: once each */
    close(fds[0]);
}

static void test_what_can_not_be_watched(void **state)
{
    (void)state;
    watcher w = {.poll = {on_ready, -1}};
    assert_int_equal(pf_loop_new(0, &w.loop, NULL), PF_OK);
    assert_false(pf_loop_watch(w.loop, &w.poll, EPOLLIN));
    end(w.loop);
}

/* Closes the other one, whose event is fetched already or comes later. */
static void close_other(pf_poll *p, uint32_t events)
{
    watcher *w = (watcher *)p;
    on_ready(p, events);
    pf_loop_unwatch(w->loop, &w->other->poll);
}

static void make_both_ready(void *ctx)
{
    const int *fds = ctx;
    assert_int_equal(write(fds[0], "x", 1), 1);
    assert_int_equal(write(fds[1], "x", 1), 1);
}

/* Both sockets become ready within one round, so both events are fetched together. */
static void test_no_call_comes_behind_unwatch(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        int a[2], b[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, a), 0);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, b), 0);
        pf_loop *l = start();
        watcher w[2] = {{.poll = {close_other, a[0]}, .loop = l},
                        {.poll = {close_other, b[0]}, .loop = l}};
        for (int k = 0; k < 2; k++) {
            w[k].other = &w[1 - k];
            sem_init(&w[k].called, 0, 0);
            on_loop(l, watch, &w[k]);
        }
        on_loop(l, make_both_ready, (int[]){a[1], b[1]});
        on_loop(l, nothing, NULL); /* that round is over now, or the next */
        on_loop(l, nothing, NULL);
        end(l);
        assert_int_equal(w[0].calls + w[1].calls, 1);
        for (int k = 0; k < 2; k++) {
            close(a[k]);
            close(b[k]);
        }
    }
}

/* ---- Deadlines */

typedef struct alarm_clock {
    pf_timer timer;
    pf_loop *loop;
    int64_t at, called;
    sem_t rang;
} alarm_clock;

static void ring(pf_timer *t)
{
    alarm_clock *a = (alarm_clock *)t;
    a->called = pf_loop_now(a->loop);
    sem_post(&a->rang);
}

static void set(void *ctx)
{
    alarm_clock *a = ctx;
    a->at = pf_loop_now(a->loop) + 3 * PF_NS_PER_MS;
    assert_true(pf_loop_set_timer(a->loop, &a->timer, a->at));
}

static void set_and_cancel(void *ctx)
{
    alarm_clock *a = ctx;
    set(a);
    pf_loop_cancel_timer(a->loop, &a->timer);
}

static void test_a_deadline_wakes_a_loop_that_sleeps(void **state)
{
    (void)state;
    alarm_clock a = {.timer.fn = ring, .loop = start()};
    sem_init(&a.rang, 0, 0);
    for (int i = 0; i < 3; i++) {
        on_loop(a.loop, set, &a);
        sem_wait(&a.rang);
        assert_true(a.called >= a.at); /* never too early */
    }
    on_loop(a.loop, set_and_cancel, &a);
    end(a.loop);
    assert_int_equal(sem_trywait(&a.rang), -1);
}

/* ---- What else it has */

static void look_at_date(void *ctx)
{
    pf_loop *l = *(pf_loop **)ctx;
    const char *date = pf_loop_date(l);
    struct tm tm = {0};
    const char *rest = strptime(date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    assert_true(rest && !*rest);
    assert_int_equal(strlen(date), 29);
    int64_t now = pf_clock_wall(NULL) / PF_NS_PER_SEC, then = timegm(&tm);
    assert_true(then <= now && now - then < 60);
    assert_ptr_equal(pf_loop_date(l), date);
    memset(pf_loop_scratch(l), 1, PF_LOOP_SCRATCH);
}

static void test_date_and_scratch(void **state)
{
    (void)state;
    pf_loop *l = start();
    on_loop(l, look_at_date, &l);
    end(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mail_of_one_sender_keeps_its_order),
        cmocka_unit_test(test_mail_wakes_a_loop_that_sleeps),
        cmocka_unit_test(test_a_loop_outlives_those_who_post_to_it),
        cmocka_unit_test(test_mail_to_itself),
        cmocka_unit_test(test_mail_before_the_start),
        cmocka_unit_test(test_a_loop_that_was_not_started),
        cmocka_unit_test(test_a_socket_becomes_readable),
        cmocka_unit_test(test_what_can_not_be_watched),
        cmocka_unit_test(test_no_call_comes_behind_unwatch),
        cmocka_unit_test(test_a_deadline_wakes_a_loop_that_sleeps),
        cmocka_unit_test(test_date_and_scratch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
