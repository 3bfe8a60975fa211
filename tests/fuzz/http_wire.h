/* http_wire.h: a protocol (h1.h, h2.h) on a wire that a fuzzer holds: a loop that is turned by hand, an application that
 * answers by what stands in the path, bytes that come and leave in pieces, and what must be true at the end: every request
 * has finished once, and not a byte of the budget is taken.
 */
#ifndef PF_FUZZ_HTTP_WIRE_H
#define PF_FUZZ_HTTP_WIRE_H

#include "base/hash.h"
#include "server/http/protocol.h"

#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(x)                                                                                   \
    do {                                                                                           \
        if (!(x)) {                                                                                \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #x);                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

typedef struct wire {
    pf_owner owner; /* first: on_ready finds the wire by it */
    pf_service service;
    pf_ledger budget;
    pf_loop *loop;
    pf_request_pool pool;
    pf_http_app app;
    pf_origin origin;
    pf_protocol *p;
    pf_buf out;     /* all that was sent */
    pf_buf waiting; /* what came and was not taken */
    size_t out_step;
    unsigned admitted, handled, finished;
    unsigned streams; /* begun and not finished: a worker may have them */
    bool moved;
} wire;

typedef struct wire_stream {
    int left;
} wire_stream;

static pf_code wire_produce(void *ctx, pf_buf *out, bool *end, pf_error *err)
{
    wire_stream *s = ctx;
    if (s->left == 13)
        return pf_fail(err, PF_UNAVAILABLE, "as you asked");
    for (int i = 0; i < 7000; i++)
        pf_buf_putc(out, (char)('a' + i % 23));
    *end = --s->left <= 0;
    return PF_OK;
}

static void wire_done(void *ctx)
{
    ((wire_stream *)ctx)->left = -1;
}

static void wire_reply(pf_req *req, int status, const char *type, size_t n)
{
    pf_buf b = PF_BUF_INIT;
    pf_str body = pf_req_body(req);
    pf_buf_printf(&b, "%zu %llx\n", body.n, (unsigned long long)pf_hash_fixed(body).lo);
    while (b.len < n)
        pf_buf_puts(&b, "{\"number\":12345}\n");
    pf_req_reply_take(req, status, type, &b);
}

static void wire_admit(void *ctx, pf_req *req, pf_admit *out)
{
    wire *w = ctx;
    pf_str path = pf_req_path(req);
    w->admitted++;
    out->run = PF_RUN_INLINE;
    out->max_body = path.n > 1 && path.p[1] == 'n' ? 0 : 20000;
    if (path.n > 1 && path.p[1] == 'r')
        pf_req_reply_status(req, 404, "nothing here");
}

/* "/s3" a stream of three pieces, "/f" one that fails, "/t" one with trailers, "/b" 40 KB, "/j" JSON, else a line. */
static void wire_handle(void *ctx, pf_req *req)
{
    wire *w = ctx;
    pf_str path = pf_req_path(req);
    char kind = path.n > 1 ? path.p[1] : ' ';
    w->handled++;
    if (kind == 't')
        pf_req_add_trailer(req, "X-Sum", "42");
    if (kind == 's' || kind == 't' || kind == 'f') {
        wire_stream *s = pf_arena_zalloc(pf_req_arena(req), sizeof *s);
        if (!s) {
            pf_req_reply_status(req, 503, "no memory");
            return;
        }
        s->left = kind == 'f' ? 15 : path.n > 2 ? path.p[2] & 7 : 1;
        pf_req_set_user(req, s);
        w->streams++;
        pf_req_reply_stream(req, 200, "text/plain", wire_produce, wire_done, s);
    } else if (kind == 'b') {
        wire_reply(req, 200, "application/octet-stream", 40000);
    } else if (kind == 'j') {
        wire_reply(req, 200, "application/json", 5000);
    } else {
        wire_reply(req, kind == '2' ? 204 : 200, "text/plain", 0);
    }
}

static void wire_finished(void *ctx, pf_req *req, int status, int64_t sent, int64_t duration)
{
    wire *w = ctx;
    (void)duration;
    CHECK(status >= 200 && status < 600);
    CHECK(sent >= -1);
    w->finished++;
    if (pf_req_user(req))
        w->streams--;
    w->moved = true;
}

static const char *wire_error(void *ctx, pf_req *req, int status, const pf_error *err, pf_buf *out)
{
    (void)ctx;
    (void)req;
    pf_buf_printf(out, "%d %s\n", status, err->msg);
    return "text/plain";
}

static void wire_ready(pf_owner *o, pf_req *req)
{
    wire *w = (wire *)o;
    w->moved = true;
    w->p->ops->ready(w->p, req);
}

/* One worker and one loop serve all runs: making them anew would be most of the time. */
static void wire_open(wire *w, pf_protocol *(*make)(const pf_origin *, pf_owner *))
{
    static pf_workers *workers;
    static pf_loop *loop;
    pf_error err;
    if (!loop)
        CHECK(!pf_loop_new(0, &loop, &err) && !pf_workers_new(1, 1000, &workers, &err));
    *w = (wire){.owner.ready = wire_ready,
                .loop = loop,
                .app = {w, wire_admit, wire_handle, wire_finished, wire_error, NULL},
                .out_step = SIZE_MAX};
    pf_ledger_init(&w->budget, "-memory.max-inflight", 1 << 20, PF_UNAVAILABLE, NULL);
    w->service.cfg = pf_http_config_default();
    w->service.cfg.budget = &w->budget;
    w->service.cfg.header_max = 4096;
    w->service.cfg.base_path = "";
    w->service.workers = workers;
    w->origin = (pf_origin){
        .service = &w->service, .loop = loop, .pool = &w->pool, .app = &w->app, .peer.text = "::1"};
    pf_loop_turn(loop);
    w->p = make(&w->origin, &w->owner);
    CHECK(w->p);
}

typedef struct wire_marker {
    pf_job job;
    sem_t reached;
} wire_marker;

static void wire_reach(pf_job *job)
{
    sem_post(&((wire_marker *)job)->reached);
}

/* Waits until the worker has done what it was asked before, and takes what came of it. */
static void wire_turn(wire *w)
{
    if (w->streams) {
        wire_marker m = {.job.fn = wire_reach};
        sem_init(&m.reached, 0, 0);
        pf_workers_push(w->service.workers, &m.job);
        while (sem_wait(&m.reached))
            ;
        sem_destroy(&m.reached);
    }
    pf_loop_turn(w->loop);
}

static bool wire_is_over(const wire *w)
{
    return !w->p || w->p->aborted;
}

static bool wire_write(wire *w)
{
    struct iovec pieces[PF_OUTPUT_PIECES];
    int n = w->p->ops->output(w->p, pieces);
    CHECK(n >= 0 && n <= PF_OUTPUT_PIECES);
    size_t left = w->out_step, sent = 0;
    for (int i = 0; i < n && left; i++) {
        CHECK(pieces[i].iov_len > 0);
        size_t part = pieces[i].iov_len < left ? pieces[i].iov_len : left;
        pf_buf_put(&w->out, pieces[i].iov_base, part);
        sent += part;
        left -= part;
    }
    if (n)
        w->p->ops->sent(w->p, sent);
    return n > 0;
}

static bool wire_offer(wire *w)
{
    if (!w->waiting.len || !w->p->wants_input || w->p->ended)
        return false;
    /* A copy of exactly these bytes: reading past them is found. */
    size_t n = w->waiting.len;
    char *data = malloc(n);
    CHECK(data);
    memcpy(data, w->waiting.data, n);
    size_t taken = w->p->ops->input(w->p, data, n);
    free(data);
    CHECK(taken <= n);
    w->waiting.len -= taken;
    memmove(w->waiting.data, w->waiting.data + taken, w->waiting.len);
    return taken > 0;
}

/* Until nothing moves any more. */
static void wire_run(wire *w)
{
    do {
        w->moved = false;
        while (!wire_is_over(w) && (wire_write(w) || wire_offer(w)))
            w->moved = true;
        wire_turn(w);
    } while (!wire_is_over(w) && w->moved);
}

static void wire_feed(wire *w, const uint8_t *data, size_t n)
{
    if (!n || wire_is_over(w) || w->p->ended)
        return;
    pf_buf_put(&w->waiting, data, n);
    wire_run(w);
}

static void wire_hang_up(wire *w)
{
    if (!wire_is_over(w) && !w->p->ended)
        w->p->ops->input_ended(w->p);
    if (!wire_is_over(w))
        wire_run(w);
}

/* Everything must have ended by itself then. */
static void wire_close(wire *w)
{
    w->p->ops->free(w->p);
    w->p = NULL;
    for (int i = 0; atomic_load(&w->service.live) && i < 1000; i++)
        wire_turn(w);
    CHECK(!atomic_load(&w->service.live));
    CHECK(!w->streams);
    CHECK(w->handled <= w->admitted && w->admitted <= w->finished);
    CHECK(pf_ledger_held(&w->budget) == 0);
    pf_buf_free(&w->out);
    pf_buf_free(&w->waiting);
}

#endif
