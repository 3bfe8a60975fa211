/* watch.c: deadlines, and clients that are gone.
 *
 * libmicrohttpd's own timeout starts again with every byte, so a byte a second lives for ever, and
 * while a connection is suspended it does not notice that the client has hung up. So the door
 * thread looks at every connection a few times in the shortest of the deadlines:
 *
 *     phase    over when
 *     IDLE     header_timeout after the accept; on a kept-alive connection idle_timeout, or
 *              header_timeout from when bytes were first seen to come (the kernel's count tells)
 *     HEAD     header_timeout after the request line
 *     BODY     body_timeout after the headers
 *     HANDLE   never; but a client that has hung up makes the request cancelled (one that has shut
 *              its sending side, after HALF_CLOSED_MS: it may be waiting for a quick answer)
 *     WRITE    write_timeout in which the client has not taken WRITE_STEP bytes (or what there
 *              was, if less): a byte now and then is not progress
 *
 * A connection that is over is answered 408 where nothing was answered yet, and shut; its HTTP
 * thread notices and cleans up. The list lock keeps the descriptors valid while this looks at them.
 */
#include "server/http/internal.h"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <sys/ioctl.h>

enum { WRITE_STEP = 16 << 10, POLL_BATCH = 128, HALF_CLOSED_MS = 1000, END_LOOKS = 4 };

typedef struct batch {
    struct pollfd fds[POLL_BATCH];
    pf_conn *conns[POLL_BATCH];
    unsigned n;
} batch;

static void give_up(pf_conn *c, pf_phase phase, const char *msg)
{
    pthread_mutex_lock(&c->lock);
    /* It may have moved on while this was looking at it. */
    if (atomic_load_explicit(&c->phase, memory_order_acquire) == (int)phase) {
        if (msg)
            pf_conn_answer(c, c->req, 408, msg);
        shutdown(c->fd, SHUT_RDWR);
    }
    pthread_mutex_unlock(&c->lock);
}

/* The client will send nothing more. libmicrohttpd overlooks that when it comes together with the
 * last bytes: it polls edge-triggered and reads once. What was read may be on its way through the
 * HTTP thread just now, so this counts when it is seen a second time. */
static void end_reading(pf_conn *c)
{
    int phase = atomic_load(&c->phase), unread = 0;
    if (phase != c->watch.phase || ioctl(c->fd, FIONREAD, &unread) < 0 || unread)
        return;
    if (!c->watch.ended) {
        c->watch.ended = true;
        return;
    }
    if (phase != PF_PHASE_IDLE)
        pf_conn_answer_cut(c, c->req);
    shutdown(c->fd, SHUT_RDWR);
}

static void hung_up(pf_conn *c)
{
    pthread_mutex_lock(&c->lock);
    if (c->watch.phase <= PF_PHASE_BODY)
        end_reading(c);
    else if (c->req)
        atomic_store(&c->req->cancelled, true);
    pthread_mutex_unlock(&c->lock);
}

static void flush(batch *b)
{
    if (b->n && poll(b->fds, b->n, 0) > 0)
        for (unsigned i = 0; i < b->n; i++)
            if (b->fds[i].revents & (POLLRDHUP | POLLHUP | POLLERR))
                hung_up(b->conns[i]);
    b->n = 0;
}

/* Asks whether the client has hung up. One that has closed and one that has only shut its sending
 * side look the same until something is sent, so `half` says whether that much counts. */
static void ask(batch *b, pf_conn *c, bool half)
{
    short events = half && !atomic_load_explicit(&c->deaf, memory_order_relaxed) ? POLLRDHUP : 0;
    b->fds[b->n] = (struct pollfd){.fd = c->fd, .events = events};
    b->conns[b->n++] = c;
    if (b->n == POLL_BATCH)
        flush(b);
}

typedef struct counters {
    uint64_t received, acked;
} counters;

static counters read_counters(int fd)
{
    struct tcp_info info = {0};
    socklen_t n = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) < 0 ||
        n < offsetof(struct tcp_info, tcpi_bytes_received) + sizeof info.tcpi_bytes_received)
        return (counters){0};
    return (counters){info.tcpi_bytes_received, info.tcpi_bytes_acked};
}

/* A kept-alive connection is idle until bytes come; a head that then takes its time is late. */
static void watch_idle(pf_conn *c, int64_t now, batch *b)
{
    const pf_http_config *cfg = &c->http->cfg;
    int64_t since = c->watch.since;
    if (c->watch.looks < END_LOOKS) {
        c->watch.looks++;
        ask(b, c, true);
    }
    if (!atomic_load_explicit(&c->used, memory_order_relaxed)) {
        if (now - since > cfg->header_timeout)
            give_up(c, PF_PHASE_IDLE,
                    read_counters(c->fd).received ? "the request headers took too long" : NULL);
        return;
    }
    if (now - since > cfg->idle_timeout) {
        give_up(c, PF_PHASE_IDLE, NULL);
        return;
    }
    if (now < c->watch.look)
        return;
    c->watch.look = now + cfg->header_timeout / 4;
    uint64_t bytes = read_counters(c->fd).received;
    if (!c->watch.counted) {
        c->watch.counted = true;
        c->watch.bytes = bytes;
    } else if (!c->watch.trickling && bytes != c->watch.bytes) {
        c->watch.trickling = true;
        c->watch.progress = now;
    } else if (c->watch.trickling && now - c->watch.progress > cfg->header_timeout) {
        give_up(c, PF_PHASE_IDLE, "the request headers took too long");
    }
}

static void watch_write(pf_conn *c, int64_t now)
{
    int unsent = 0;
    uint64_t acked = read_counters(c->fd).acked;
    bool waiting = ioctl(c->fd, SIOCOUTQ, &unsent) == 0 && unsent > 0;
    if (!waiting || !c->watch.counted || acked - c->watch.bytes >= WRITE_STEP) {
        c->watch.counted = true;
        c->watch.bytes = acked;
        c->watch.progress = now;
    } else if (now - c->watch.progress > c->http->cfg.write_timeout) {
        pthread_mutex_lock(&c->lock);
        if (c->req)
            atomic_store(&c->req->cancelled, true);
        pf_conn_abort(c);
        pthread_mutex_unlock(&c->lock);
    }
}

static void watch_one(pf_conn *c, int64_t now, batch *b)
{
    const pf_http_config *cfg = &c->http->cfg;
    int phase = atomic_load_explicit(&c->phase, memory_order_acquire);
    int64_t since = atomic_load_explicit(&c->since, memory_order_relaxed);
    if (phase != c->watch.phase || since != c->watch.since) {
        c->watch.phase = phase;
        c->watch.since = since;
        c->watch.counted = c->watch.trickling = c->watch.ended = false;
        c->watch.looks = 0;
        c->watch.look = now;
        c->watch.progress = now;
    }
    switch (phase) {
    case PF_PHASE_IDLE:
        watch_idle(c, now, b);
        break;
    case PF_PHASE_HEAD:
        if (now - since > cfg->header_timeout)
            give_up(c, PF_PHASE_HEAD, "the request headers took too long");
        ask(b, c, true);
        break;
    case PF_PHASE_BODY:
        if (now - since > cfg->body_timeout)
            give_up(c, PF_PHASE_BODY, "the request body took too long");
        ask(b, c, true);
        break;
    case PF_PHASE_HANDLE:
        ask(b, c, now - since > HALF_CLOSED_MS * PF_NS_PER_MS);
        break;
    case PF_PHASE_WRITE:
        watch_write(c, now);
        ask(b, c, false);
        break;
    }
}

void pf_watch(pf_http *h, int64_t now)
{
    batch b = {.n = 0};
    pthread_mutex_lock(&h->conns_lock);
    for (pf_conn *c = h->conns; c; c = c->next)
        watch_one(c, now, &b);
    flush(&b);
    pthread_mutex_unlock(&h->conns_lock);
}
