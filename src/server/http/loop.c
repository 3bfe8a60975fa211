/* loop.c: the HTTP threads.
 *
 * Each has a libmicrohttpd daemon of its own and runs it from outside: waits for the daemon's epoll
 * set and for its own bell, takes over the connections that the door has left, and calls MHD_run.
 *
 *     door:    accept -> left ---bell--> MHD_add_connection
 *     anyone:  MHD_resume_connection --bell--> MHD_run
 *
 * libmicrohttpd has threads and a pool of its own, but these can't be used for many connections: it
 * fetches 128 events a call, and when it gets just that many it asks for more before it has served
 * those, with the time-out it started with, which is none. A thread whose 128 clients all wait for
 * it then waits for a 129th. Run from outside the time-out is 0.
 */
#include "server/http/internal.h"

#include "base/log.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

typedef struct left {
    struct left *next;
    int fd;
    socklen_t len;
    struct sockaddr_storage addr;
} left;

struct pf_loop {
    pf_http *http;
    struct MHD_Daemon *mhd;
    pthread_t thread;
    bool running;
    int epoll; /* the daemon's */
    int bell;  /* eventfd */
    atomic_bool rung;
    atomic_bool stop;
    atomic_uint connections; /* left here and not closed yet */

    pthread_mutex_t lock; /* guards left */
    left *left;
};

void pf_loop_ring(pf_loop *l)
{
    uint64_t one = 1;
    if (!atomic_exchange(&l->rung, true) && write(l->bell, &one, sizeof one) < 0) {
        /* The counter is full: it is ringing anyway. */
    }
}

/* The bell is silenced before anything is looked at, so that what comes later rings again. */
static void hear(pf_loop *l)
{
    uint64_t count;
    if (read(l->bell, &count, sizeof count) < 0) {
        /* It was silent. */
    }
    atomic_store(&l->rung, false);
}

bool pf_loop_leave(pf_loop *l, int fd, const struct sockaddr *addr, socklen_t len)
{
    left *x = malloc(sizeof *x);
    if (!x || len > sizeof x->addr) {
        free(x);
        return false;
    }
    *x = (left){.fd = fd, .len = len};
    memcpy(&x->addr, addr, len);
    atomic_fetch_add(&l->connections, 1);
    pthread_mutex_lock(&l->lock);
    x->next = l->left;
    l->left = x;
    pthread_mutex_unlock(&l->lock);
    pf_loop_ring(l);
    return true;
}

void pf_loop_gone(pf_loop *l)
{
    atomic_fetch_sub(&l->connections, 1);
    atomic_fetch_sub(&l->http->accepted, 1);
}

pf_http *pf_loop_http(const pf_loop *l)
{
    return l->http;
}

pf_loop *pf_loop_pick(pf_http *h)
{
    pf_loop *best = &h->loops[0];
    for (unsigned i = 1; i < h->nloops; i++)
        if (atomic_load_explicit(&h->loops[i].connections, memory_order_relaxed) <
            atomic_load_explicit(&best->connections, memory_order_relaxed))
            best = &h->loops[i];
    return best;
}

static void take_left(pf_loop *l, bool serve)
{
    pthread_mutex_lock(&l->lock);
    left *x = l->left;
    l->left = NULL;
    pthread_mutex_unlock(&l->lock);
    for (left *next; x; x = next) {
        next = x->next;
        if (!serve)
            close(x->fd);
        /* On failure, for want of memory, it closes the socket. */
        if (!serve ||
            MHD_add_connection(l->mhd, x->fd, (struct sockaddr *)&x->addr, x->len) != MHD_YES)
            pf_loop_gone(l);
        free(x);
    }
}

static int timeout_ms(pf_loop *l)
{
    unsigned long long ms;
    if (MHD_get_timeout(l->mhd, &ms) != MHD_YES)
        return -1;
    return ms > INT_MAX ? INT_MAX : (int)ms;
}

/* Waits until there is something to do; true when the bell has rung. */
static bool wait_for_work(pf_loop *l)
{
    struct pollfd fds[] = {{.fd = l->bell, .events = POLLIN}, {.fd = l->epoll, .events = POLLIN}};
    int ms = timeout_ms(l);
    if (ms && poll(fds, 2, ms) < 0 && errno != EINTR)
        PF_LOG_ERROR("poll failed", PF_S("error", strerror(errno)));
    return fds[0].revents || atomic_load(&l->rung);
}

static void *run(void *arg)
{
    pf_loop *l = arg;
    while (!atomic_load(&l->stop)) {
        if (wait_for_work(l)) {
            hear(l);
            take_left(l, true);
        }
        MHD_run(l->mhd);
    }
    take_left(l, false);
    MHD_stop_daemon(l->mhd);
    return NULL;
}

/* Room for a head of header_max, and as much again, so that what is over the limit is mostly refused
 * here and not by libmicrohttpd. Its records of headers come out of the same pool. */
static size_t pool_size(const pf_http_config *cfg)
{
    size_t n = cfg->header_max * 2;
    return n < 32 << 10 ? 32 << 10 : n;
}

static struct MHD_Daemon *daemon_start(pf_loop *l)
{
    pf_http *h = l->http;
    struct MHD_OptionItem options[] = {
        {MHD_OPTION_EXTERNAL_LOGGER, (intptr_t)pf_mhd_log, l},
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)pf_conn_notify, l},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)pf_req_completed, NULL},
        {MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)pf_req_uri, h},
        /* The limit is kept at the door, the deadlines in watch.c. */
        {MHD_OPTION_CONNECTION_LIMIT, (intptr_t)h->cfg.connections + 1, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, 0, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, (intptr_t)pool_size(&h->cfg), NULL},
        {MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, NULL}, /* blocked in these threads */
        {MHD_OPTION_END, 0, NULL},
    };
    return MHD_start_daemon(
        MHD_USE_ERROR_LOG | MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET, 0,
        NULL, NULL, pf_req_access, NULL, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
}

/* A thread inherits the signal mask: SIGPIPE is blocked around its creation. */
static int start_thread(pf_loop *l)
{
    sigset_t pipe, before;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, &before);
    int rc = pthread_create(&l->thread, NULL, run, l);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

static pf_code loop_start(pf_http *h, unsigned i, pf_error *err)
{
    pf_loop *l = &h->loops[i];
    l->http = h;
    pthread_mutex_init(&l->lock, NULL);
    l->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (l->bell < 0)
        return pf_fail(err, PF_INTERNAL, "can't start an HTTP thread: %s", strerror(errno));
    l->mhd = daemon_start(l);
    if (!l->mhd)
        return pf_fail(err, PF_INTERNAL,
                       "can't start an HTTP thread: out of descriptors or memory");
    l->epoll = MHD_get_daemon_info(l->mhd, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    int rc = start_thread(l);
    if (rc) {
        MHD_stop_daemon(l->mhd);
        return pf_fail(err, PF_INTERNAL, "can't start an HTTP thread: %s", strerror(rc));
    }
    l->running = true;
    char name[16];
    snprintf(name, sizeof name, "http-%u", i % 1000);
    pthread_setname_np(l->thread, name);
    return PF_OK;
}

pf_code pf_loops_start(pf_http *h, pf_error *err)
{
    h->loops = calloc(h->cfg.threads, sizeof *h->loops);
    if (!h->loops)
        return pf_fail_nomem(err, "the HTTP threads");
    pf_code code = PF_OK;
    for (; !code && h->nloops < h->cfg.threads; h->nloops++)
        code = loop_start(h, h->nloops, err);
    return code;
}

void pf_loops_stop(pf_http *h)
{
    for (unsigned i = 0; i < h->nloops; i++) {
        pf_loop *l = &h->loops[i];
        atomic_store(&l->stop, true);
        if (l->running)
            pf_loop_ring(l);
    }
    for (unsigned i = 0; i < h->nloops; i++) {
        pf_loop *l = &h->loops[i];
        if (l->running)
            pthread_join(l->thread, NULL);
        if (l->bell >= 0)
            close(l->bell);
        pthread_mutex_destroy(&l->lock);
    }
    free(h->loops);
    h->loops = NULL;
    h->nloops = 0;
}
