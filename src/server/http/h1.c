/*     IDLE --byte--> HEAD --> BODY --> HANDLE --> WRITE --+
 *      ^                                                  |
 *      +------------------ keep-alive --------------------+--> ended
 *
 * An answer leaves as head, body, tail; of a chunked one each piece does.
 */
#include "server/http/h1.h"

#include "base/clock.h"
#include "server/http/answer.h"
#include "server/http/chunked.h"
#include "server/http/status.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum {
    BLANK_MAX = 4, /* empty lines before a request, as old clients send behind a body */
    HALF_CLOSED_MS = 1000,
    FIRST_MS = 1000, /* that a stop waits for the first request of a connection */
};

typedef enum h1_phase { IDLE, HEAD, BODY, HANDLE, WRITE } h1_phase;

typedef struct h1 {
    pf_protocol base;
    const pf_origin *origin;
    pf_owner *owner;
    h1_phase phase;
    int64_t since; /* when the head's first byte came */
    pf_req *req;   /* from the end of its head to the end of its answer */
    bool asked;    /* there was a request on this connection */
    unsigned blank;
    pf_head_find find;
    pf_chunked chunked;
    uint64_t left; /* bytes of the body that are to come */
    bool keep;     /* the connection goes on behind this answer */
    bool chunks;   /* the answer is sent in chunks */
    bool answered; /* its head was written */

    pf_buf head, tail; /* around the body's piece */
    size_t head_sent, tail_sent;
} h1;

static h1 *self(pf_protocol *p)
{
    return (h1 *)p;
}

static const pf_http_config *config(const h1 *h)
{
    return &h->origin->service->cfg;
}

static int64_t now(const h1 *h)
{
    return pf_loop_now(h->origin->loop);
}

static void enter(h1 *h, h1_phase phase, int64_t timeout)
{
    h->phase = phase;
    h->base.deadline = timeout ? now(h) + timeout : INT64_MAX;
    h->base.wants_input = phase <= BODY;
    h->base.idle = phase <= HEAD;
}

/* ---- Requests */

static pf_req *begin(h1 *h)
{
    h->req = pf_exchange_begin(h->origin, h->owner, h->phase == HEAD ? h->since : now(h));
    if (!h->req)
        h->base.aborted = true;
    h->keep = false;
    h->answered = false;
    h->asked = true;
    return h->req;
}

/* Copies the head, so that its slices live as long as the request. */
static const char *copy(pf_req *req, const char *p, size_t n)
{
    char *own = pf_req_text(req, n);
    if (own)
        memcpy(own, p, n);
    return own;
}

static void refuse(h1 *h, int status, const char *msg)
{
    if (!h->req && !begin(h))
        return;
    enter(h, HANDLE, 0);
    h->keep = false;
    pf_exchange_refuse(h->req, status, msg);
}

/* A head that is refused before its end: the first line tells whom the answer is about. */
static void refuse_head(h1 *h, const char *p, size_t n, pf_refusal no)
{
    const char *end = h->find.lines ? memchr(p, '\r', n) : NULL;
    if (begin(h) && end) {
        pf_head head;
        size_t len = (size_t)(end - p);
        const char *own = copy(h->req, p, len);
        if (own && !pf_head_read_line((pf_str){own, len}, &head).status) {
            h->req->method_name = head.method;
            h->req->target = h->req->path = head.target;
        }
    }
    if (h->req)
        refuse(h, no.status, no.msg);
}

static void run(h1 *h)
{
    enter(h, HANDLE, 0);
    pf_exchange_run(h->req);
}

static void begin_body(h1 *h)
{
    const pf_framing *f = &h->req->framing;
    h->left = f->length;
    h->chunked = (pf_chunked){0};
    if (!f->chunked && !f->length) {
        run(h);
        return;
    }
    enter(h, BODY, config(h)->body_timeout);
    if (h->req->minor > 0 && pf_req_list_has(h->req, "Expect", PF_STR("100-continue"))) {
        pf_buf_puts(&h->head, "HTTP/1.1 100 Continue\r\n\r\n");
        h->head_sent = 0;
    }
}

static void begin_request(h1 *h, const char *p, size_t n)
{
    pf_head head = {0};
    pf_req *req = begin(h);
    if (!req)
        return;
    const char *own = copy(req, p, n);
    if (!own || !pf_req_room_for_headers(req, h->find.lines)) {
        refuse(h, 503, "the memory for requests in flight is used up");
        return;
    }
    pf_refusal no = pf_head_read(own, n, &head, req->headers);
    req->method_name = head.method;
    req->target = req->path = head.target;
    req->nheaders = head.nheaders;
    req->framing = head.framing;
    req->minor = head.minor;
    if (no.status) {
        refuse(h, no.status, no.msg);
        return;
    }
    pf_exchange_head(req);
    bool close = pf_req_list_has(req, "Connection", PF_STR("close"));
    h->keep = !req->refused && !close &&
              (head.minor > 0 || pf_req_list_has(req, "Connection", PF_STR("keep-alive")));
    if (req->stage == PF_STAGE_BODY) {
        begin_body(h);
        return;
    }
    /* Answered already: a body that nobody waits for can't be told from the next request. */
    enter(h, HANDLE, 0);
    if (head.framing.chunked || head.framing.length)
        h->keep = false;
}

/* ---- Input */

static size_t take_head(h1 *h, const char *p, size_t n)
{
    pf_refusal no;
    if (!h->find.at && p[0] == '\r' && h->blank < BLANK_MAX) {
        if (n < 2)
            return 0;
        if (p[1] == '\n') {
            h->blank++;
            return 2;
        }
    }
    if (h->phase == IDLE) {
        h->since = now(h);
        enter(h, HEAD, config(h)->header_timeout);
    }
    size_t len = pf_head_find_end(&h->find, p, n, config(h)->header_max, &no);
    if (no.status)
        refuse_head(h, p, n, no);
    if (len)
        begin_request(h, p, len);
    return no.status ? n : len;
}

static size_t take_chunked(h1 *h, const char *p, size_t n)
{
    size_t taken = 0;
    pf_str data;
    switch (pf_chunked_next(&h->chunked, p, n, &taken, &data)) {
    case PF_CHUNKED_MORE:
        break;
    case PF_CHUNKED_DATA:
        pf_exchange_body(h->req, data.p, data.n);
        break;
    case PF_CHUNKED_END:
        run(h);
        break;
    case PF_CHUNKED_BAD:
        refuse(h, 400, "malformed HTTP request: malformed chunked body");
        return n;
    }
    return taken;
}

static size_t take_body(h1 *h, const char *p, size_t n)
{
    size_t taken;
    if (h->req->framing.chunked) {
        taken = take_chunked(h, p, n);
    } else {
        taken = h->left < n ? (size_t)h->left : n;
        h->left -= taken;
        pf_exchange_body(h->req, p, taken);
        if (h->req->stage == PF_STAGE_BODY && !h->left)
            run(h);
    }
    if (h->phase == BODY && h->req->stage != PF_STAGE_BODY) { /* refused */
        enter(h, HANDLE, 0);
        h->keep = false;
    }
    return taken;
}

static size_t input(pf_protocol *p, const char *data, size_t n)
{
    h1 *h = self(p);
    size_t at = 0, taken = 1;
    while (at < n && taken && p->wants_input && !p->aborted) {
        taken =
            h->phase == BODY ? take_body(h, data + at, n - at) : take_head(h, data + at, n - at);
        at += taken;
    }
    return at;
}

static void input_ended(pf_protocol *p)
{
    h1 *h = self(p);
    if (h->phase == IDLE)
        p->ended = true;
    else if (h->phase == HEAD || h->phase == BODY)
        refuse(h, 400, "the request ended before it was complete");
}

/* Gone, or waiting for a quick answer: time tells. */
static void half_closed(pf_protocol *p)
{
    if (self(p)->phase == HANDLE && p->deadline == INT64_MAX)
        p->deadline = now(self(p)) + HALF_CLOSED_MS * PF_NS_PER_MS;
}

static void timeout(pf_protocol *p)
{
    h1 *h = self(p);
    p->deadline = INT64_MAX;
    if (h->phase == IDLE)
        p->ended = true;
    else if (h->phase == HEAD)
        refuse(h, 408, "the request headers took too long");
    else if (h->phase == BODY)
        refuse(h, 408, "the request body took too long");
    else if (h->req)
        atomic_store(&h->req->cancelled, true);
}

/* ---- Output */

static void put_header(void *ctx, const char *name, pf_str value)
{
    pf_buf *b = ctx;
    pf_buf_puts(b, name);
    pf_buf_puts(b, ": ");
    pf_buf_put_str(b, value);
    pf_buf_puts(b, "\r\n");
}

static bool sends_trailers(const h1 *h)
{
    return h->req->reply.trailers.len && pf_req_list_has(h->req, "TE", PF_STR("trailers"));
}

static void write_head(h1 *h)
{
    const pf_req *req = h->req;
    const pf_reply *r = &req->reply;
    bool stream = r->stream.produce != NULL;
    h->chunks = stream && req->minor > 0;
    if (atomic_load_explicit(&req->service->stopping, memory_order_relaxed) ||
        (stream && !h->chunks && pf_answer_has_body(req)))
        h->keep = false;
    pf_buf_printf(&h->head, "HTTP/1.1 %d %s\r\n", r->status, pf_status_phrase(r->status));
    pf_answer_each_header(req, pf_loop_date(req->loop), put_header, &h->head);
    if (h->chunks)
        pf_buf_puts(&h->head, "Transfer-Encoding: chunked\r\n");
    if (!h->keep)
        pf_buf_puts(&h->head, "Connection: close\r\n");
    else if (!req->minor)
        pf_buf_puts(&h->head, "Connection: keep-alive\r\n");
    pf_buf_puts(&h->head, "\r\n");
}

/* A chunk around the piece, and what ends the body behind the last one. */
static void write_chunk(h1 *h)
{
    const pf_reply *r = &h->req->reply;
    if (r->body.len) {
        pf_buf_printf(&h->head, "%zx\r\n", r->body.len);
        pf_buf_puts(&h->tail, "\r\n");
    }
    if (!r->stream.end)
        return;
    pf_buf_puts(&h->tail, "0\r\n");
    if (sends_trailers(h))
        pf_answer_each_trailer(h->req, put_header, &h->tail);
    pf_buf_puts(&h->tail, "\r\n");
}

static void ready(pf_protocol *p, pf_req *req)
{
    h1 *h = self(p);
    enter(h, WRITE, 0);
    if (h->head_sent == h->head.len) {
        pf_buf_clear(&h->head);
        h->head_sent = 0;
    }
    pf_buf_clear(&h->tail);
    h->tail_sent = 0;
    if (!h->answered)
        write_head(h);
    h->answered = true;
    if (!pf_answer_has_body(req)) {
        req->reply.sent = req->reply.body.len;
        req->reply.stream.end = true;
    } else if (h->chunks && !req->reply.stream.failed) {
        write_chunk(h);
    }
    if (h->head.failed || h->tail.failed)
        p->aborted = true;
}

static void finish_request(h1 *h)
{
    pf_req *req = h->req;
    h->req = NULL;
    req->complete = true;
    pf_exchange_end(req);
    pf_buf_free(&h->head);
    pf_buf_free(&h->tail);
    h->head_sent = h->tail_sent = 0;
    h->find = (pf_head_find){0};
    h->blank = 0;
    enter(h, IDLE, config(h)->idle_timeout);
    if (!h->keep || atomic_load_explicit(&h->origin->service->stopping, memory_order_relaxed)) {
        h->base.ended = true;
        h->base.wants_input = h->base.idle = false;
    }
}

/* Everything that was there has been sent. */
static void piece_is_out(h1 *h)
{
    pf_stream *s = &h->req->reply.stream;
    if (s->failed)
        h->base.aborted = true;
    else if (s->produce && !s->end)
        pf_exchange_more(h->req);
    else
        finish_request(h);
}

static int add_piece(struct iovec *pieces, int n, const pf_buf *b, size_t sent)
{
    if (sent < b->len)
        pieces[n++] = (struct iovec){b->data + sent, b->len - sent};
    return n;
}

static int output(pf_protocol *p, struct iovec *pieces)
{
    h1 *h = self(p);
    for (;;) {
        int n = add_piece(pieces, 0, &h->head, h->head_sent);
        if (h->phase != WRITE || h->req->stage != PF_STAGE_REPLY)
            return n;
        n = add_piece(pieces, n, &h->req->reply.body, h->req->reply.sent);
        n = add_piece(pieces, n, &h->tail, h->tail_sent);
        if (n || p->aborted)
            return n;
        piece_is_out(h);
    }
}

static size_t count(size_t *sent, size_t len, size_t n)
{
    size_t part = len - *sent < n ? len - *sent : n;
    *sent += part;
    return n - part;
}

static void sent(pf_protocol *p, size_t n)
{
    h1 *h = self(p);
    n = count(&h->head_sent, h->head.len, n);
    if (h->phase != WRITE || h->req->stage != PF_STAGE_REPLY)
        return;
    size_t before = h->req->reply.sent;
    n = count(&h->req->reply.sent, h->req->reply.body.len, n);
    h->req->sent += (int64_t)(h->req->reply.sent - before);
    count(&h->tail_sent, h->tail.len, n);
    struct iovec none[PF_OUTPUT_PIECES];
    if (!add_piece(none, 0, &h->head, h->head_sent) &&
        !add_piece(none, 0, &h->req->reply.body, h->req->reply.sent) &&
        !add_piece(none, 0, &h->tail, h->tail_sent))
        piece_is_out(h);
}

/* Who has been answered before knows that a connection may end between two requests and asks again on another one; who
 * has only just connected takes it for a failure. */
static void drain(pf_protocol *p)
{
    h1 *h = self(p);
    int64_t until = now(h) + FIRST_MS * PF_NS_PER_MS;
    if (h->phase == IDLE && h->asked) {
        p->ended = true;
        p->wants_input = false;
    } else if (h->phase == IDLE && until < p->deadline) {
        p->deadline = until;
    }
}

static void h1_free(pf_protocol *p)
{
    h1 *h = self(p);
    if (h->req)
        pf_exchange_end(h->req);
    pf_buf_free(&h->head);
    pf_buf_free(&h->tail);
    free(h);
}

static const pf_protocol_ops ops = {
    .input = input,
    .input_ended = input_ended,
    .half_closed = half_closed,
    .output = output,
    .sent = sent,
    .ready = ready,
    .timeout = timeout,
    .drain = drain,
    .free = h1_free,
};

pf_protocol *pf_h1_new(const pf_origin *origin, pf_owner *owner)
{
    h1 *h = calloc(1, sizeof *h);
    if (!h)
        return NULL;
    h->base.ops = &ops;
    h->origin = origin;
    h->owner = owner;
    enter(h, IDLE,
          config(h)->header_timeout); /* a first request is due sooner than a further one */
    return &h->base;
}
