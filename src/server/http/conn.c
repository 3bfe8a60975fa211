#include "server/http/conn.h"

#include "base/clock.h"
#include "server/http/h1.h"
#include "server/http/h2.h"
#include "server/http/pump.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum {
    DRY_READS = 16,       /* of a closing socket before others have their turn */
    LINGER_MS = 2000,     /* how long a closing socket is read */
    LINGER_IDLE_MS = 500, /* how long it may be silent */
    LINGER_BYTES = 64 << 20,
    REFUSED_BYTES =
        256 << 10,       /* of a connection that is over a limit: many such may come at once */
    DRAIN_READS = 64,    /* of a connection that may be closed, at the end */
    HANDSHAKE_MS = 1000, /* that a stop waits for the end of a handshake */
    NAME_MAX_BYTES = 512,
};

typedef enum state { HANDSHAKE, SERVING, LINGERING } state;

struct pf_connection {
    pf_poll poll;
    pf_timer timer;
    pf_mail mail;   /* brings it to its thread, then gives it another turn */
    pf_owner owner; /* of its requests */
    pf_idle idle;
    pf_connections *set;
    pf_connection *prev, *next;
    pf_origin origin;
    pf_holder *holder;
    uint64_t serial; /* of pf_accepted */
    pf_tls *tls;
    char *name; /* of the client's certificate */

    state state;
    pf_pump pump;
    bool again;   /* its mail is on the way */
    bool refused; /* never served: neither counted nor idle */
    int64_t linger_until;
    size_t lingered;
};

static int64_t now(const pf_connection *c)
{
    return pf_loop_now(c->set->loop);
}

/* ---- Closing: the connection is gone afterwards, or may be */

static void free_connection(pf_connection *c)
{
    free(c->name);
    free(c);
}

static atomic_uint *counter_of(const pf_connection *c)
{
    return c->refused ? &c->set->service->refusing : &c->set->service->connections;
}

static void close_now(pf_connection *c)
{
    pf_connections *s = c->set;
    pf_idle_leave(&s->idle, &c->idle);
    *(c->prev ? &c->prev->next : &s->all) = c->next;
    if (c->next)
        c->next->prev = c->prev;
    pf_loop_cancel_timer(s->loop, &c->timer);
    pf_loop_unwatch(s->loop, &c->poll);
    pf_pump_free(&c->pump);
    pf_holders_give(&s->service->holders, c->holder);
    atomic_fetch_sub(&s->n, 1);
    atomic_fetch_sub(counter_of(c), 1);
    c->set = NULL;
    if (!c->again) /* else its mail frees it */
        free_connection(c);
}

static void abort_now(pf_connection *c)
{
    pf_io_abort(&c->pump.io);
    close_now(c);
}

static void take_another_turn(pf_connection *c)
{
    if (!c->again)
        pf_loop_post(c->set->loop, &c->mail);
    c->again = true;
}

/* Reads what still comes and throws it away. */
static void read_dry(pf_connection *c)
{
    int64_t until = now(c) + LINGER_IDLE_MS * PF_NS_PER_MS;
    for (int i = 0; c->pump.readable && i < DRY_READS; i++) {
        ssize_t n =
            recv(c->pump.io.fd, pf_loop_scratch(c->set->loop), PF_LOOP_SCRATCH, MSG_DONTWAIT);
        if (n > 0)
            c->lingered += (size_t)n;
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) ||
            c->lingered > (c->refused ? REFUSED_BYTES : LINGER_BYTES)) {
            close_now(c);
            return;
        }
        c->pump.readable = n > 0;
    }
    if (until > c->linger_until)
        until = c->linger_until;
    if (now(c) >= c->linger_until || !pf_loop_set_timer(c->set->loop, &c->timer, until))
        close_now(c);
    else if (c->pump.readable)
        take_another_turn(c);
}

static void linger(pf_connection *c)
{
    pf_pump_use(&c->pump, NULL);
    pf_io_end(&c->pump.io);
    if (c->pump.input_ended) {
        close_now(c);
        return;
    }
    c->state = LINGERING;
    c->pump.readable = true;
    c->linger_until = now(c) + LINGER_MS * PF_NS_PER_MS;
    if (!c->refused)
        pf_idle_join(&c->set->idle, &c->idle, now(c));
    read_dry(c);
}

/* ---- Serving */

static int64_t deadline_of(const pf_connection *c)
{
    int64_t deadline = c->pump.protocol->deadline;
    int64_t stuck = c->pump.progress_at + c->set->service->cfg.write_timeout;
    return c->pump.blocked && stuck < deadline ? stuck : deadline;
}

static void set_timer(pf_connection *c)
{
    pf_loop *loop = c->set->loop;
    int64_t deadline = deadline_of(c);
    bool set = true;
    if (deadline == INT64_MAX)
        pf_loop_cancel_timer(loop, &c->timer);
    else if (c->timer.at != deadline || !c->timer.place)
        set = pf_loop_set_timer(loop, &c->timer, deadline);
    if (!set)
        abort_now(c);
}

/* Nothing more can be done just now: closes, or says what is waited for. */
static void settle(pf_connection *c)
{
    pf_protocol *p = c->pump.protocol;
    if (c->pump.broken || p->aborted) {
        abort_now(c);
        return;
    }
    bool pending = pf_pump_look(&c->pump);
    if (p->aborted) {
        abort_now(c);
        return;
    }
    if (p->ended && !pending) {
        if (p->idle) {
            pf_io_end(&c->pump.io);
            close_now(c);
        } else {
            linger(c);
        }
        return;
    }
    if (c->pump.half_closed)
        p->ops->half_closed(p);
    if (p->idle && !pending)
        pf_idle_join(&c->set->idle, &c->idle, now(c));
    else
        pf_idle_leave(&c->set->idle, &c->idle);
    set_timer(c);
}

static void serve(pf_connection *c)
{
    if (!pf_pump_run(&c->pump))
        take_another_turn(c);
    settle(c);
}

/* An idle connection is to go: a request that is in its socket already is still answered. */
static void read_what_came(pf_connection *c)
{
    pf_pump *pump = &c->pump;
    pump->readable = true;
    for (int i = 0; i < DRAIN_READS && !pump->broken && !pump->protocol->aborted &&
                    pump->protocol->idle && pf_pump_read(pump);
         i++) {
    }
}

/* No new requests but those that are on their way. */
static void drain(pf_connection *c)
{
    read_what_came(c);
    if (!c->pump.broken)
        c->pump.protocol->ops->drain(c->pump.protocol);
    serve(c);
}

static void take_name(pf_connection *c)
{
    char name[NAME_MAX_BYTES];
    if (pf_io_client_name(&c->pump.io, name, sizeof name))
        c->name = strdup(name);
    c->origin.peer.name = c->name;
}

static void start_serving(pf_connection *c)
{
    bool h2 = pf_io_is_h2(&c->pump.io);
    c->state = SERVING;
    c->pump.choose_h2 = c->tls ? NULL : pf_h2_new;
    pf_pump_use(&c->pump, (h2 ? pf_h2_new : pf_h1_new)(&c->origin, &c->owner));
    if (c->pump.broken)
        abort_now(c);
    else if (c->set->draining)
        drain(c);
    else
        serve(c);
}

static void shake_hands(pf_connection *c)
{
    static const char clear[] = "HTTP/1.1 400 Bad Request\r\n"
                                "Content-Type: text/plain; charset=utf-8\r\n"
                                "Content-Length: 35\r\nConnection: close\r\n\r\n"
                                "this port speaks TLS: use https://\n";
    pf_service *service = c->set->service;
    switch (pf_io_handshake(&c->pump.io)) {
    case PF_IO_AGAIN:
        break;
    case PF_IO_OK:
        if (c->tls) {
            bool resumed = pf_io_was_resumed(&c->pump.io);
            atomic_fetch_add(resumed ? &service->resumed : &service->handshakes, 1);
            take_name(c);
        }
        start_serving(c);
        break;
    case PF_IO_CLEAR:
        pf_io_write_clear(c->pump.io.fd, clear, sizeof clear - 1);
        linger(c);
        break;
    default: /* lingers, so that the alert that says why is not lost */
        atomic_fetch_add(&service->handshake_failures, 1);
        linger(c);
    }
}

static void run(pf_connection *c)
{
    if (c->state == HANDSHAKE)
        shake_hands(c);
    else if (c->state == SERVING)
        serve(c);
    else
        read_dry(c);
}

/* ---- What a connection is called by */

static void on_event(pf_poll *p, uint32_t events)
{
    pf_connection *c = (pf_connection *)((char *)p - offsetof(pf_connection, poll));
    pf_pump *pump = &c->pump;
    if (events & EPOLLERR) {
        close_now(c);
        return;
    }
    pump->readable = pump->readable || (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP));
    pump->writable = pump->writable || (events & EPOLLOUT);
    pump->half_closed = pump->half_closed || (events & (EPOLLRDHUP | EPOLLHUP));
    run(c);
}

static void on_timer(pf_timer *t)
{
    pf_connection *c = (pf_connection *)((char *)t - offsetof(pf_connection, timer));
    if (c->state != SERVING) {
        if (c->state == HANDSHAKE)
            atomic_fetch_add(&c->set->service->handshake_failures, 1);
        close_now(c);
        return;
    }
    bool waited = now(c) >= c->pump.progress_at + c->set->service->cfg.write_timeout;
    if (c->pump.blocked && waited && pf_pump_is_stuck(&c->pump)) {
        abort_now(c);
        return;
    }
    if (now(c) >= c->pump.protocol->deadline)
        c->pump.protocol->ops->timeout(c->pump.protocol);
    serve(c);
}

static void on_ready(pf_owner *o, pf_req *req)
{
    pf_connection *c = (pf_connection *)((char *)o - offsetof(pf_connection, owner));
    c->pump.protocol->ops->ready(c->pump.protocol, req);
    serve(c);
}

static void on_turn(pf_mail *m)
{
    pf_connection *c = (pf_connection *)((char *)m - offsetof(pf_connection, mail));
    c->again = false;
    if (c->set)
        run(c);
    else /* closed meanwhile */
        free_connection(c);
}

static void on_arrival(pf_mail *m)
{
    pf_connection *c = (pf_connection *)((char *)m - offsetof(pf_connection, mail));
    pf_connections *s = c->set;
    c->mail.fn = on_turn;
    c->again = false;
    c->next = s->all;
    if (c->next)
        c->next->prev = c;
    s->all = c;
    int64_t until = now(c) + s->service->cfg.header_timeout;
    if (!c->refused) { /* during the handshake, too, it may make room */
        pf_idle_join(&s->idle, &c->idle, now(c));
        atomic_fetch_sub(&s->arriving, 1);
    }
    if (s->draining || !pf_io_open(&c->pump.io, c->poll.fd, c->tls) ||
        !pf_loop_set_timer(s->loop, &c->timer, until) ||
        !pf_loop_watch(s->loop, &c->poll, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)) {
        close_now(c);
        return;
    }
    c->pump.readable = c->pump.writable = true;
    if (c->refused)
        linger(c);
    else
        run(c);
}

/* ---- The set */

bool pf_connections_add(pf_connections *s, const pf_accepted *a)
{
    pf_connection *c = calloc(1, sizeof *c);
    if (!c)
        return false;
    c->set = s;
    c->poll = (pf_poll){on_event, a->fd};
    c->timer.fn = on_timer;
    c->owner.ready = on_ready;
    c->mail.fn = on_arrival;
    c->again = true;
    c->tls = a->tls;
    c->holder = a->holder;
    c->serial = a->serial;
    c->refused = a->refused;
    c->origin = (pf_origin){s->service, s->loop, &s->pool, a->app, a->peer};
    c->origin.peer.tls = a->tls != NULL;
    c->pump = (pf_pump){.loop = s->loop, .io.fd = a->fd, .origin = &c->origin, .owner = &c->owner};
    atomic_fetch_add(&s->n, 1);
    atomic_fetch_add(&s->arriving, !c->refused);
    atomic_fetch_add(counter_of(c), 1);
    pf_loop_post(s->loop, &c->mail);
    return true;
}

static bool is_idle_for_sure(pf_connection *c)
{
    if (c->state != SERVING)
        return true;
    read_what_came(c);
    return !c->pump.broken && c->pump.protocol->idle;
}

static void on_evict(pf_mail *m)
{
    pf_connections *s = (pf_connections *)((char *)m - offsetof(pf_connections, evict_mail));
    unsigned n = atomic_exchange(&s->unwanted, 0);
    uint64_t before = atomic_load(&s->evict_before);
    for (pf_idle *i = s->idle.first, *next; n && i; i = next) {
        pf_connection *c = (pf_connection *)((char *)i - offsetof(pf_connection, idle));
        next = i->next;
        if (c->serial >= before)
            continue;
        if (!is_idle_for_sure(c)) {
            serve(c);
            continue;
        }
        n--;
        atomic_fetch_add(&s->service->evicted, 1);
        if (c->state != LINGERING)
            pf_io_end(&c->pump.io);
        close_now(c);
    }
}

void pf_connections_evict(pf_connections *s, uint64_t serial)
{
    unsigned long long before = atomic_load(&s->evict_before);
    while (before < serial && !atomic_compare_exchange_weak(&s->evict_before, &before, serial)) {
    }
    if (atomic_fetch_add(&s->unwanted, 1) == 0)
        pf_loop_post(s->loop, &s->evict_mail);
}

/* A handshake goes on, since its request is about to come. */
static void hurry(pf_connection *c)
{
    int64_t until = now(c) + HANDSHAKE_MS * PF_NS_PER_MS;
    if (until < c->timer.at && !pf_loop_set_timer(c->set->loop, &c->timer, until))
        close_now(c);
}

static void on_drain(pf_mail *m)
{
    pf_connections *s = (pf_connections *)((char *)m - offsetof(pf_connections, drain_mail));
    s->draining = true;
    for (pf_connection *c = s->all, *next; c; c = next) {
        next = c->next;
        if (c->state == HANDSHAKE)
            hurry(c);
        else if (c->state == SERVING)
            drain(c);
    }
}

void pf_connections_drain(pf_connections *s)
{
    pf_loop_post(s->loop, &s->drain_mail);
}

static void on_abort(pf_mail *m)
{
    pf_connections *s = (pf_connections *)((char *)m - offsetof(pf_connections, abort_mail));
    while (s->all)
        close_now(s->all);
}

void pf_connections_abort(pf_connections *s)
{
    pf_loop_post(s->loop, &s->abort_mail);
}

void pf_connections_init(pf_connections *s, pf_service *service, pf_loop *loop)
{
    *s = (pf_connections){.service = service,
                          .loop = loop,
                          .evict_mail.fn = on_evict,
                          .drain_mail.fn = on_drain,
                          .abort_mail.fn = on_abort};
    pf_idle_init(&s->idle);
}

void pf_connections_free(pf_connections *s)
{
    pf_request_pool_free(&s->pool);
}
