#include "server/http/loop.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 128 };

static _Thread_local const pf_loop *current; /* the loop whose thread this is */

struct pf_loop {
    pthread_t thread;
    unsigned index;
    bool started;
    int epoll;
    pf_poll wakeup; /* an eventfd: mail has come while the thread slept */
    _Atomic(pf_mail *) mailbox;
    atomic_uint posting; /* threads in pf_loop_post, maybe behind what they have posted */
    pf_mail stop_mail;
    bool stop;

    pf_timers timers;
    int64_t now;
    struct epoll_event events[EVENTS];
    int nevents, at; /* of the round that is being served */
    time_t date_second;
    char date[64];
    char scratch[PF_LOOP_SCRATCH];
};

/* Watched edge-triggered, so each write wakes once and nobody has to read the count. */
static void on_wakeup(pf_poll *p, uint32_t events)
{
    (void)p;
    (void)events;
}

void pf_loop_post(pf_loop *l, pf_mail *m)
{
    atomic_fetch_add(&l->posting, 1);
    pf_mail *head = atomic_load_explicit(&l->mailbox, memory_order_relaxed);
    do
        m->next = head;
    while (!atomic_compare_exchange_weak(&l->mailbox, &head, m));
    /* The first into an empty box wakes the thread; the loop itself looks before it sleeps. */
    uint64_t one = 1;
    if (!head && current != l && write(l->wakeup.fd, &one, sizeof one) < 0) {
        /* It can't be full: that takes longer than machines last. */
    }
    atomic_fetch_sub(&l->posting, 1);
}

/* The box holds the newest first. */
static void receive(pf_loop *l)
{
    pf_mail *newest = atomic_exchange(&l->mailbox, NULL), *oldest = NULL;
    while (newest) {
        pf_mail *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        pf_mail *m = oldest;
        oldest = m->next;
        m->fn(m);
    }
}

static int timeout_ms(const pf_loop *l)
{
    if (atomic_load(&l->mailbox))
        return 0;
    int64_t next = pf_timers_next(&l->timers);
    if (next == INT64_MAX)
        return -1;
    int64_t ms = (next - pf_clock_mono() + PF_NS_PER_MS - 1) / PF_NS_PER_MS;
    return ms < 0 ? 0 : ms > INT_MAX ? INT_MAX : (int)ms;
}

static void wait_and_serve(pf_loop *l, int timeout)
{
    l->nevents = epoll_wait(l->epoll, l->events, EVENTS, timeout);
    if (l->nevents < 0 && errno != EINTR)
        PF_LOG_ERROR("epoll_wait failed", PF_S("error", strerror(errno)));
    l->now = pf_clock_mono();
    for (l->at = 0; l->at < l->nevents; l->at++) {
        pf_poll *p = l->events[l->at].data.ptr;
        if (p)
            p->fn(p, l->events[l->at].events);
    }
    l->nevents = 0;
}

static void turn(pf_loop *l, int timeout)
{
    wait_and_serve(l, timeout);
    receive(l);
    pf_timers_run(&l->timers, l->now);
}

void pf_loop_turn(pf_loop *l)
{
    turn(l, 0);
}

static void *run(void *arg)
{
    pf_loop *l = arg;
    current = l;
    while (!l->stop)
        turn(l, timeout_ms(l));
    return NULL;
}

pf_code pf_loop_new(unsigned index, pf_loop **out, pf_error *err)
{
    pf_loop *l = calloc(1, sizeof *l);
    if (!l)
        return pf_fail_nomem(err, "an HTTP thread");
    l->index = index;
    l->now = pf_clock_mono();
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    l->wakeup = (pf_poll){on_wakeup, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (l->epoll < 0 || l->wakeup.fd < 0 || !pf_loop_watch(l, &l->wakeup, EPOLLIN | EPOLLET)) {
        pf_code code = pf_fail(err, PF_INTERNAL, "can't start an HTTP thread: %s", strerror(errno));
        pf_loop_free(l);
        return code;
    }
    *out = l;
    return PF_OK;
}

pf_code pf_loop_start(pf_loop *l, pf_error *err)
{
    int rc = pthread_create(&l->thread, NULL, run, l);
    if (rc)
        return pf_fail(err, PF_INTERNAL, "can't start an HTTP thread: %s", strerror(rc));
    l->started = true;
    char name[16];
    snprintf(name, sizeof name, "http-%u", l->index % 1000);
    pthread_setname_np(l->thread, name);
    return PF_OK;
}

static void set_stop(pf_mail *m)
{
    pf_loop *l = (pf_loop *)((char *)m - offsetof(pf_loop, stop_mail));
    l->stop = true;
}

void pf_loop_stop(pf_loop *l)
{
    if (!l->started)
        return;
    l->stop_mail.fn = set_stop;
    pf_loop_post(l, &l->stop_mail);
    pthread_join(l->thread, NULL);
    l->started = false;
}

void pf_loop_free(pf_loop *l)
{
    if (!l)
        return;
    while (atomic_load(&l->posting))
        sched_yield();
    if (l->epoll >= 0)
        close(l->epoll);
    if (l->wakeup.fd >= 0)
        close(l->wakeup.fd);
    pf_timers_free(&l->timers);
    free(l);
}

bool pf_loop_watch(pf_loop *l, pf_poll *p, uint32_t events)
{
    struct epoll_event ev = {.events = events, .data.ptr = p};
    return epoll_ctl(l->epoll, EPOLL_CTL_ADD, p->fd, &ev) == 0;
}

void pf_loop_unwatch(pf_loop *l, pf_poll *p)
{
    epoll_ctl(l->epoll, EPOLL_CTL_DEL, p->fd, NULL);
    for (int i = l->at; i < l->nevents; i++) /* already fetched, not served yet */
        if (l->events[i].data.ptr == p)
            l->events[i].data.ptr = NULL;
}

bool pf_loop_set_timer(pf_loop *l, pf_timer *t, int64_t at)
{
    return pf_timer_set(&l->timers, t, at);
}

void pf_loop_cancel_timer(pf_loop *l, pf_timer *t)
{
    pf_timer_cancel(&l->timers, t);
}

int64_t pf_loop_now(const pf_loop *l)
{
    return l->now;
}

char *pf_loop_scratch(pf_loop *l)
{
    return l->scratch;
}

const char *pf_loop_date(pf_loop *l)
{
    time_t now = (time_t)(pf_clock_wall(NULL) / PF_NS_PER_SEC);
    if (now != l->date_second || !*l->date) {
        struct tm tm;
        gmtime_r(&now, &tm);
        strftime(l->date, sizeof l->date, "%a, %d %b %Y %H:%M:%S GMT", &tm); /* LC_TIME stays "C" */
        l->date_second = now;
    }
    return l->date;
}
