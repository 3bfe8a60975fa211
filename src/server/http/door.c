/* door.c: the thread at the door. It accepts connections, has watch.c look at them, and reads
 * sockets dry that are being closed.
 *
 * Connections are accepted here and left to the HTTP threads in turn rather than accepted by
 * libmicrohttpd: then the limit on them is exact and answered with 503, one incoming connection does
 * not wake all threads, several addresses can be listened on, and ceasing to accept is simply
 * ceasing to.
 */
#include "server/http/internal.h"

#include "base/log.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    EVENTS = 64,
    ACCEPT_BURST = 64,
    LINGER_SOCKETS = 256, /* more are closed at once */
    LINGER_MS = 2000,     /* how long a closing socket is read */
    LINGER_IDLE_MS = 500, /* how long it may be silent */
    LINGER_BYTES = 64 << 20,
    NO_FD_WAIT_MS = 20,
};

typedef struct lingering {
    int fd;
    bool polled; /* is in the epoll set */
    int64_t until, silent_until;
    size_t bytes;
} lingering;

struct pf_door {
    pf_http *http;
    pthread_t thread;
    int epoll, wake;
    int64_t tick; /* ns between two looks */
    int64_t warned;
    atomic_bool shut, stop;
    atomic_bool listening;

    pthread_mutex_t lock; /* guards sockets, n */
    lingering sockets[LINGER_SOCKETS];
    unsigned n;
};

static void wake(pf_door *d)
{
    uint64_t one = 1;
    if (write(d->wake, &one, sizeof one) < 0) {
        /* The counter is full: the thread is awake anyway. */
    }
}

void pf_door_linger(pf_http *h, int fd)
{
    pf_door *d = h->door;
    int64_t now = pf_clock_mono();
    pthread_mutex_lock(&d->lock);
    bool room = d->n < LINGER_SOCKETS && !atomic_load(&d->stop);
    if (room)
        d->sockets[d->n++] = (lingering){.fd = fd,
                                         .until = now + LINGER_MS * PF_NS_PER_MS,
                                         .silent_until = now + LINGER_IDLE_MS * PF_NS_PER_MS};
    pthread_mutex_unlock(&d->lock);
    if (room)
        wake(d);
    else
        close(fd);
}

/* Reads what is there. False when the socket has ended, or sent more than politeness covers. */
static bool drain(lingering *s, int64_t now)
{
    char sink[16 << 10];
    for (int i = 0; i < 16; i++) {
        ssize_t n = recv(s->fd, sink, sizeof sink, MSG_DONTWAIT);
        if (n < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
        if (n == 0)
            return false;
        s->bytes += (size_t)n;
        s->silent_until = now + LINGER_IDLE_MS * PF_NS_PER_MS;
        if (s->bytes > LINGER_BYTES)
            return false;
    }
    return true;
}

static bool keep(pf_door *d, lingering *s, int64_t now)
{
    if (!s->polled) {
        struct epoll_event ev = {.events = EPOLLIN | EPOLLRDHUP, .data.fd = s->fd};
        if (epoll_ctl(d->epoll, EPOLL_CTL_ADD, s->fd, &ev) < 0)
            return false;
        s->polled = true;
    }
    return drain(s, now) && now < s->until && now < s->silent_until;
}

static void serve_lingering(pf_door *d, int64_t now)
{
    pthread_mutex_lock(&d->lock);
    for (unsigned i = 0; i < d->n;) {
        if (keep(d, &d->sockets[i], now)) {
            i++;
            continue;
        }
        close(d->sockets[i].fd); /* which takes it out of the epoll set */
        d->sockets[i] = d->sockets[--d->n];
    }
    pthread_mutex_unlock(&d->lock);
}

/* Out of descriptors or memory: the connections wait in the backlog. */
static void wait_for_room(pf_door *d, int64_t now)
{
    if (now - d->warned > 10 * PF_NS_PER_SEC) {
        d->warned = now;
        PF_LOG_WARN("can't accept connections", PF_S("error", strerror(errno)));
    }
    struct timespec ts = {.tv_nsec = NO_FD_WAIT_MS * PF_NS_PER_MS};
    nanosleep(&ts, NULL);
}

static void hand_over(pf_door *d, int fd, const struct sockaddr *sa, socklen_t len)
{
    pf_http *h = d->http;
    if (atomic_load(&h->accepted) >= h->cfg.connections) {
        atomic_fetch_add(&h->refused, 1);
        pf_answer_refused(h, fd, 503, "too many connections");
        return;
    }
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    atomic_fetch_add(&h->accepted, 1);
    if (!pf_loop_leave(pf_loop_pick(h), fd, sa, len)) {
        atomic_fetch_sub(&h->accepted, 1);
        close(fd);
    }
}

static void accept_from(pf_door *d, int listener, int64_t now)
{
    for (int i = 0; i < ACCEPT_BURST; i++) {
        struct sockaddr_storage sa;
        socklen_t len = sizeof sa;
        int fd = accept4(listener, (struct sockaddr *)&sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            hand_over(d, fd, (struct sockaddr *)&sa, len);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            wait_for_room(d, now);
        if (errno != ECONNABORTED && errno != EINTR)
            return;
    }
}

static bool is_listener(const pf_listener *l, int fd)
{
    for (unsigned i = 0; i < l->n; i++)
        if (l->fds[i] == fd)
            return true;
    return false;
}

static void close_listeners(pf_door *d)
{
    pf_listener *l = &d->http->listener;
    for (unsigned i = 0; i < l->n; i++)
        epoll_ctl(d->epoll, EPOLL_CTL_DEL, l->fds[i], NULL);
    pf_listener_close(l);
    atomic_store(&d->listening, false);
}

static int timeout_ms(pf_door *d)
{
    if (!pf_door_busy(d->http) && !atomic_load(&d->http->accepted))
        return -1;
    return (int)(d->tick / PF_NS_PER_MS);
}

static void *run(void *arg)
{
    pf_door *d = arg;
    struct epoll_event events[EVENTS];
    int64_t next = 0;
    while (!atomic_load(&d->stop)) {
        int n = epoll_wait(d->epoll, events, EVENTS, timeout_ms(d));
        int64_t now = pf_clock_mono();
        for (int i = 0; i < n; i++) {
            uint64_t count;
            if (events[i].data.fd == d->wake && read(d->wake, &count, sizeof count) < 0)
                continue;
            if (atomic_load(&d->listening) && is_listener(&d->http->listener, events[i].data.fd))
                accept_from(d, events[i].data.fd, now);
        }
        /* Flags are read after the wake-up is: one that is set later brings another. */
        if (atomic_load(&d->listening) && atomic_load(&d->shut))
            close_listeners(d);
        serve_lingering(d, now);
        if (now >= next) {
            next = now + d->tick;
            pf_watch(d->http, now);
        }
    }
    return NULL;
}

static int64_t min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t tick_of(const pf_http_config *c)
{
    int64_t t =
        min64(min64(c->header_timeout, c->body_timeout), min64(c->write_timeout, c->idle_timeout)) /
        8;
    t = min64(t, 250 * PF_NS_PER_MS);
    return t < 5 * PF_NS_PER_MS ? 5 * PF_NS_PER_MS : t;
}

static bool poll_listeners(pf_door *d)
{
    const pf_listener *l = &d->http->listener;
    struct epoll_event ev = {.events = EPOLLIN, .data.fd = d->wake};
    if (epoll_ctl(d->epoll, EPOLL_CTL_ADD, d->wake, &ev) < 0)
        return false;
    for (unsigned i = 0; i < l->n; i++) {
        ev.data.fd = l->fds[i];
        if (epoll_ctl(d->epoll, EPOLL_CTL_ADD, l->fds[i], &ev) < 0)
            return false;
    }
    return true;
}

static void door_free(pf_http *h)
{
    pf_door *d = h->door;
    if (d->epoll >= 0)
        close(d->epoll);
    if (d->wake >= 0)
        close(d->wake);
    pthread_mutex_destroy(&d->lock);
    free(d);
    h->door = NULL;
}

pf_code pf_door_start(pf_http *h, pf_error *err)
{
    pf_door *d = calloc(1, sizeof *d);
    if (!d)
        return pf_fail_nomem(err, "the accepting thread");
    h->door = d;
    d->http = h;
    atomic_init(&d->listening, true);
    d->tick = tick_of(&h->cfg);
    pthread_mutex_init(&d->lock, NULL);
    d->epoll = epoll_create1(EPOLL_CLOEXEC);
    d->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int rc = 0;
    if (d->epoll < 0 || d->wake < 0 || !poll_listeners(d))
        rc = errno;
    else
        rc = pthread_create(&d->thread, NULL, run, d);
    if (rc) {
        door_free(h);
        return pf_fail(err, PF_INTERNAL, "can't start the accepting thread: %s", strerror(rc));
    }
    pthread_setname_np(d->thread, "http-door");
    return PF_OK;
}

void pf_door_shut(pf_http *h)
{
    pf_door *d = h->door;
    atomic_store(&d->shut, true);
    wake(d);
    struct timespec ts = {.tv_nsec = PF_NS_PER_MS};
    while (atomic_load(&d->listening))
        nanosleep(&ts, NULL);
}

bool pf_door_busy(pf_http *h)
{
    pf_door *d = h->door;
    pthread_mutex_lock(&d->lock);
    bool busy = d->n > 0;
    pthread_mutex_unlock(&d->lock);
    return busy;
}

void pf_door_stop(pf_http *h)
{
    pf_door *d = h->door;
    if (!d)
        return;
    atomic_store(&d->stop, true);
    wake(d);
    pthread_join(d->thread, NULL);
    for (unsigned i = 0; i < d->n; i++)
        close(d->sockets[i].fd);
    door_free(h);
}
