#include "server/http/acceptor.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/xid.h"
#include "server/http/io.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BURST = 16,    /* connections accepted at once */
    OVER_MAX = 64, /* beyond the limit, while those that were closed for them are still counted */
    REFUSING_MAX = 64, /* refused ones that are being closed politely */
    NO_ROOM_MS = 20,   /* between two tries when descriptors or memory are used up */
    WARN_SECONDS = 10, /* between two warnings about that */
};

static pf_connections *with_fewest(const pf_acceptance *s)
{
    pf_connections *best = s->sets[0];
    for (size_t i = 1; i < s->nsets; i++)
        if (atomic_load_explicit(&s->sets[i]->n, memory_order_relaxed) <
            atomic_load_explicit(&best->n, memory_order_relaxed))
            best = s->sets[i];
    return best;
}

/* The set with the connection that is idle longest, of those that nobody has asked to close yet. NULL: none is. */
static pf_connections *with_oldest(const pf_acceptance *s)
{
    pf_connections *best = NULL;
    int64_t oldest = INT64_MAX;
    for (size_t i = 0; i < s->nsets; i++) {
        int64_t since = atomic_load_explicit(&s->sets[i]->idle.oldest, memory_order_relaxed);
        bool enough = atomic_load(&s->sets[i]->idle.n) > atomic_load(&s->sets[i]->unwanted);
        if (enough && since < oldest) {
            oldest = since;
            best = s->sets[i];
        }
    }
    return best;
}

/* One with a connection on its way there, which is idle as soon as it has come. */
static pf_connections *with_arriving(const pf_acceptance *s)
{
    for (size_t i = 0; i < s->nsets; i++) {
        const pf_connections *set = s->sets[i];
        if (atomic_load(&set->arriving) + atomic_load(&set->idle.n) > atomic_load(&set->unwanted))
            return s->sets[i];
    }
    return NULL;
}

/* Has the connection closed that is idle longest, of those accepted before number `serial`. False: none is. */
static bool make_room(const pf_acceptance *s, uint64_t serial)
{
    pf_connections *set = with_oldest(s);
    if (!set)
        set = with_arriving(s);
    if (set)
        pf_connections_evict(set, serial);
    return set != NULL;
}

/* An answer for a connection that is not served. Through TLS there is none: it would take a handshake. */
static void write_refusal(pf_acceptor *a, int fd, const char *msg)
{
    pf_buf body = PF_BUF_INIT, out = PF_BUF_INIT;
    char id[PF_XID_CHARS + 1];
    pf_xid_format(pf_xid_new(pf_clock_wall(NULL) / PF_NS_PER_SEC), id);
    pf_error err;
    pf_fail(&err, PF_UNAVAILABLE, "%s", msg);
    const char *type = a->app->error_form(a->app->ctx, NULL, 503, &err, &body);
    pf_buf_printf(&out,
                  "HTTP/1.1 503 Service Unavailable\r\nDate: %s\r\nContent-Type: %s\r\n"
                  "Retry-After: 1\r\nX-Request-Id: %s\r\nConnection: close\r\n",
                  pf_loop_date(a->loop), type, id);
    for (const pf_http_header *h = a->app->headers; h && h->name; h++)
        pf_buf_printf(&out, "%s: %s\r\n", h->name, h->value);
    pf_buf_printf(&out, "Content-Length: %zu\r\n\r\n%.*s", body.len, PF_FMT(pf_buf_str(&body)));
    pf_io_write_clear(fd, out.data, out.failed ? 0 : out.len);
    pf_buf_free(&body);
    pf_buf_free(&out);
}

/* Some are closed politely, so that they read why; of a flood the rest is just closed, and what would have to be told
 * through TLS. */
static void refuse(pf_acceptor *a, pf_accepted *accepted, const char *msg)
{
    pf_service *service = a->shared->service;
    atomic_fetch_add(&service->refused, 1);
    pf_holders_give(&service->holders, accepted->holder);
    accepted->holder = NULL;
    accepted->refused = true;
    if (!a->tls)
        write_refusal(a, accepted->fd, msg);
    if (a->tls || atomic_load(&service->refusing) >= REFUSING_MAX ||
        !pf_connections_add(with_fewest(a->shared), accepted))
        close(accepted->fd);
}

/* Where the client connected to, which is not where it comes from: the machine reaches its own outer addresses, too. */
static bool is_on_loopback(int fd)
{
    struct sockaddr_storage sa = {0};
    socklen_t len = sizeof sa;
    pf_address local;
    return getsockname(fd, (struct sockaddr *)&sa, &len) == 0 &&
           pf_address_of((struct sockaddr *)&sa, &local) && pf_address_is_loopback(&local);
}

static void take_peer(pf_acceptor *a, const struct sockaddr *sa, pf_peer *peer, bool *limited,
                      pf_address *address)
{
    const pf_networks *trusted = &a->shared->service->trusted;
    *limited = pf_address_of(sa, address);
    if (!*limited) {
        snprintf(peer->text, sizeof peer->text, "unix");
        peer->trusted = trusted->local;
        return;
    }
    pf_address_format(address, peer->text);
    peer->trusted = pf_networks_have(trusted, address);
    *limited = !peer->trusted && !pf_address_is_loopback(address);
}

static void serve(pf_acceptor *a, int fd, const struct sockaddr *sa)
{
    pf_service *service = a->shared->service;
    unsigned max = service->cfg.connections;
    pf_accepted accepted = {.fd = fd, .app = a->app, .tls = a->tls};
    pf_address address;
    bool limited;
    int on = 1;
    accepted.serial = atomic_fetch_add(&service->accepted, 1);
    take_peer(a, sa, &accepted.peer, &limited, &address);
    accepted.peer.on_loopback = is_on_loopback(fd);
    if (limited &&
        !(accepted.holder = pf_holders_take(&service->holders, &address, max > 1 ? max / 2 : 1))) {
        refuse(a, &accepted, "too many connections from your address");
        return;
    }
    unsigned n = atomic_load(&service->connections);
    if (n >= max && (n >= max + OVER_MAX || !make_room(a->shared, accepted.serial))) {
        refuse(a, &accepted, "too many connections");
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (!pf_connections_add(with_fewest(a->shared), &accepted)) {
        pf_holders_give(&service->holders, accepted.holder);
        close(fd);
    }
}

static bool watch(pf_acceptor *a)
{
    a->watching = pf_loop_watch(a->loop, &a->poll, EPOLLIN | EPOLLEXCLUSIVE);
    return a->watching;
}

static void on_retry(pf_timer *t)
{
    watch((pf_acceptor *)((char *)t - offsetof(pf_acceptor, retry)));
}

/* Out of descriptors or memory: the connections wait in the backlog. */
static void wait_for_room(pf_acceptor *a)
{
    static atomic_llong warned;
    int64_t now = pf_loop_now(a->loop), last = atomic_load(&warned);
    if (now - last > WARN_SECONDS * PF_NS_PER_SEC &&
        atomic_compare_exchange_strong(&warned, &(long long){last}, now))
        PF_LOG_WARN("can't accept connections", PF_S("error", strerror(errno)));
    make_room(a->shared, atomic_load(&a->shared->service->accepted));
    if (pf_loop_set_timer(a->loop, &a->retry, now + NO_ROOM_MS * PF_NS_PER_MS)) {
        pf_loop_unwatch(a->loop, &a->poll);
        a->watching = false;
    }
}

static void on_connection(pf_poll *p, uint32_t events)
{
    pf_acceptor *a = (pf_acceptor *)((char *)p - offsetof(pf_acceptor, poll));
    (void)events;
    for (int i = 0; i < BURST; i++) {
        struct sockaddr_storage sa = {0};
        socklen_t len = sizeof sa;
        int fd = accept4(p->fd, (struct sockaddr *)&sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            serve(a, fd, (struct sockaddr *)&sa);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            wait_for_room(a);
        if (errno != ECONNABORTED && errno != EINTR)
            return;
    }
}

pf_code pf_acceptor_start(pf_acceptor *a, pf_loop *loop, int fd, const pf_acceptance *shared,
                          const pf_http_app *app, pf_tls *tls, pf_error *err)
{
    *a = (pf_acceptor){.poll = {on_connection, fd},
                       .retry.fn = on_retry,
                       .loop = loop,
                       .shared = shared,
                       .app = app,
                       .tls = tls};
    return watch(a) ? PF_OK
                    : pf_fail(err, PF_INTERNAL, "can't wait for connections: %s", strerror(errno));
}

void pf_acceptor_stop(pf_acceptor *a)
{
    if (a->watching)
        pf_loop_unwatch(a->loop, &a->poll);
    a->watching = false;
    pf_loop_cancel_timer(a->loop, &a->retry);
}
