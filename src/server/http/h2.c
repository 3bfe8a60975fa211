/*     nghttp2 --headers, data--> request --> exchange.h
 *     nghttp2 <--data provider-- req->reply <-- ready()
 *
 * nghttp2 keeps the session: frames, HPACK, stream states, windows. Here is what makes requests of its streams. A stream's
 * user data is its request until the stream is closed; the requests hang together in a list as well, for the
 * deadlines. Output is collected from nghttp2's frames in one buffer, and refilled when that has left.
 */
#include "server/http/h2.h"

#include "base/clock.h"
#include "server/http/h2_head.h"
#include "server/http/h2_reply.h"
#include "server/http/h2_session.h"
#include "server/http/patience.h"

#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <string.h>

enum {
    OUTPUT_FILL = 64 << 10, /* bytes of frames collected for one write */
    WRITE_STEP = 16 << 10,  /* bytes that count as progress */
    INPUT_STEP = 4 << 10,   /* bytes of input between two looks at what they left to be sent */
    OUTPUT_MAX = 256,       /* frames that wait to be sent, before no more is read */
    LINGER_MS = 2000,       /* that a body may go on coming behind its answer, thrown away */
    LINGER_BYTES = 64 << 20,
};

typedef struct h2 {
    pf_protocol base;
    const pf_origin *origin;
    pf_owner *owner;
    nghttp2_session *session;
    pf_req *requests; /* those with a stream */
    bool served;      /* a request has come: silence now is keep-alive */
    int64_t since;    /* when the last request ended, or the connection began */
    pf_buf out;
    size_t out_sent;
    pf_patience patience;
    bool abusive; /* its patience is at an end */
} h2;

static h2 *self(pf_protocol *p)
{
    return (h2 *)p;
}

static const pf_http_config *config(const h2 *h)
{
    return &h->origin->service->cfg;
}

static int64_t now(const h2 *h)
{
    return pf_loop_now(h->origin->loop);
}

/* ---- Deadlines */

static int64_t deadline_of(const h2 *h, const pf_req *req)
{
    switch (req->stage) {
    case PF_STAGE_HEAD:
        return req->since + config(h)->header_timeout;
    case PF_STAGE_BODY:
        return req->since + config(h)->body_timeout;
    case PF_STAGE_REPLY:
        return req->since + (req->lingers ? LINGER_MS * PF_NS_PER_MS : config(h)->write_timeout);
    case PF_STAGE_HANDLE:
    case PF_STAGE_DELAYED:
    case PF_STAGE_PIECE:
    case PF_STAGE_ENDING:
        break;
    }
    return INT64_MAX;
}

/* What the connection reads from the struct. */
static void look(h2 *h)
{
    int64_t idle = h->served ? config(h)->idle_timeout : config(h)->header_timeout;
    h->base.deadline = h->requests ? INT64_MAX : h->since + idle;
    for (const pf_req *req = h->requests; req; req = req->next) {
        int64_t deadline = deadline_of(h, req);
        if (deadline < h->base.deadline)
            h->base.deadline = deadline;
    }
    if (!nghttp2_session_want_read(h->session) && !nghttp2_session_want_write(h->session))
        h->base.ended = true;
    h->base.idle = !h->base.ended && !h->requests;
    /* Who does not read is not read: what it makes us say would have to be kept. */
    h->base.wants_input = !h->base.ended && !h->abusive &&
                          nghttp2_session_get_outbound_queue_size(h->session) < OUTPUT_MAX;
}

static void set_stage_time(h2 *h, pf_req *req)
{
    req->since = now(h);
    req->progress = (uint64_t)req->sent;
}

/* ---- Clients that ask for nothing */

static void call_off(h2 *h)
{
    if (h->abusive)
        return;
    h->abusive = true;
    atomic_fetch_add(&h->origin->service->attacks, 1);
    nghttp2_session_terminate_session(h->session, NGHTTP2_ENHANCE_YOUR_CALM);
}

/* A request that was begun and comes to nothing. One that we broke off ourselves is not the client's fault. */
static void count_reset(h2 *h, const pf_req *req)
{
    bool ours = req && req->stage == PF_STAGE_REPLY && req->reply.stream.failed;
    if (!ours && !pf_patience_lose(&h->patience, PF_PATIENCE_RESET))
        call_off(h);
}

/* ---- Requests */

static pf_req *request_of(h2 *h, int32_t stream)
{
    return nghttp2_session_get_stream_user_data(h->session, stream);
}

static void unlink_request(h2 *h, pf_req *req)
{
    *(req->prev ? &req->prev->next : &h->requests) = req->next;
    if (req->next)
        req->next->prev = req->prev;
    req->prev = req->next = NULL;
}

static void end_request(h2 *h, pf_req *req)
{
    nghttp2_session_set_stream_user_data(h->session, req->stream_id, NULL);
    unlink_request(h, req);
    h->since = now(h);
    pf_exchange_end(req);
}

static void abandon(h2 *h, int32_t stream, uint32_t why)
{
    nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, stream, why);
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
    h2 *h = ctx;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    /* A connection's first request is free, as in HTTP/1; streams are cheap for who opens them. */
    pf_ledger *budget = h->requests ? config(h)->budget : NULL;
    if (budget && !pf_ledger_take(budget, sizeof(pf_req), NULL)) {
        abandon(h, frame->hd.stream_id, NGHTTP2_REFUSED_STREAM);
        return 0;
    }
    pf_req *req = pf_exchange_begin(h->origin, h->owner, now(h));
    if (!req) {
        if (budget)
            pf_ledger_give(budget, sizeof(pf_req));
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    req->charged = budget ? sizeof *req : 0;
    req->stream_id = frame->hd.stream_id;
    req->minor = 1;
    req->headers = req->inline_headers;
    set_stage_time(h, req);
    req->next = h->requests;
    if (req->next)
        req->next->prev = req;
    h->requests = req;
    h->served = true;
    nghttp2_session_set_stream_user_data(session, req->stream_id, req);
    /* All streams get their turn, whatever the client would have first: else one that waits for another's end would
     * look like one whose answer the client does not take. */
    const nghttp2_extpri turn = {.urgency = NGHTTP2_EXTPRI_DEFAULT_URGENCY, .inc = 1};
    nghttp2_session_change_extpri_stream_priority(session, req->stream_id, &turn, 1);
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t nname, const uint8_t *value, size_t nvalue, uint8_t flags, void *ctx)
{
    h2 *h = ctx;
    (void)flags;
    (void)session;
    pf_req *req = frame->hd.type == NGHTTP2_HEADERS ? request_of(h, frame->hd.stream_id) : NULL;
    if (!req || req->stage != PF_STAGE_HEAD) /* a trailer, or refused already */
        return 0;
    pf_refusal no;
    if (!pf_h2_take_field(req, name, nname, value, nvalue, &no))
        pf_exchange_refuse(req, no.status, no.msg);
    return 0;
}

static void take_framing(h2 *h, pf_req *req, bool end)
{
    pf_refusal no = pf_framing_read(req->headers, req->nheaders, false, &req->framing);
    if (no.status) {
        pf_exchange_refuse(req, no.status, no.msg);
        return;
    }
    if (end)
        req->framing = (pf_framing){.has_length = true};
    pf_exchange_head(req);
    set_stage_time(h, req);
    if (!end && req->stage == PF_STAGE_BODY &&
        pf_req_list_has(req, "Expect", PF_STR("100-continue")))
        pf_h2_submit_continue(h->session, req->stream_id);
}

static void input_done(h2 *h, pf_req *req)
{
    req->input_done = true;
    if (req->stage != PF_STAGE_BODY)
        return;
    pf_exchange_run(req);
    set_stage_time(h, req);
}

/* ---- Frames */

/* nghttp2 reads past priorities, which nobody heeds any more, and so past this. */
static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *ctx)
{
    (void)ctx;
    if (hd->type == NGHTTP2_PRIORITY && !hd->stream_id)
        nghttp2_session_terminate_session(session, NGHTTP2_PROTOCOL_ERROR);
    return 0;
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
    h2 *h = ctx;
    (void)session;
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
        return 0;
    pf_req *req = request_of(h, frame->hd.stream_id);
    bool end = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    if (!req)
        return 0;
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST &&
        req->stage == PF_STAGE_HEAD)
        take_framing(h, req, end);
    if (end)
        input_done(h, req);
    return 0;
}

/* Told to stop, a client may. */
static void end_lingering(h2 *h, pf_req *req)
{
    abandon(h, req->stream_id, NGHTTP2_NO_ERROR);
    pf_patience_gain(&h->patience, PF_PATIENCE_ANSWER);
    end_request(h, req);
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data,
                   size_t n, void *ctx)
{
    h2 *h = ctx;
    (void)flags;
    pf_req *req = request_of(h, stream);
    if (req && (req->stage == PF_STAGE_BODY || req->lingers))
        pf_patience_gain_bytes(&h->patience, n);
    if (req && req->stage == PF_STAGE_BODY)
        pf_exchange_body(req, (const char *)data, n);
    if (req && req->lingers && (req->body_seen += n) > LINGER_BYTES)
        end_lingering(h, req);
    /* What was charged or thrown away no longer stands in the way of more. */
    return nghttp2_session_consume(session, stream, n) == 0 ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int on_stream_close(nghttp2_session *session, int32_t stream, uint32_t why, void *ctx)
{
    h2 *h = ctx;
    (void)session;
    (void)why;
    pf_req *req = request_of(h, stream);
    if (!req)
        return 0;
    if (req->complete)
        pf_patience_gain(&h->patience, PF_PATIENCE_ANSWER);
    else
        count_reset(h, req);
    end_request(h, req);
    return 0;
}

/* A frame that nghttp2 answers with a reset or the connection's end. Where a request ends of it, that is counted then. */
static int on_invalid_frame(nghttp2_session *session, const nghttp2_frame *frame, int error,
                            void *ctx)
{
    h2 *h = ctx;
    (void)session;
    (void)error;
    if (!request_of(h, frame->hd.stream_id))
        count_reset(h, NULL);
    return 0;
}

/* ---- Answers */

static void ready(pf_protocol *p, pf_req *req)
{
    h2 *h = self(p);
    set_stage_time(h, req);
    if (!req->answered) {
        req->answered = true;
        if (!pf_h2_submit(h->session, req))
            abandon(h, req->stream_id, NGHTTP2_INTERNAL_ERROR);
    } else if (req->waiting) {
        req->waiting = false;
        if (nghttp2_is_fatal(nghttp2_session_resume_data(h->session, req->stream_id)))
            abandon(h, req->stream_id, NGHTTP2_INTERNAL_ERROR);
    }
    look(h);
}

/* A stream whose answer is out while its body still comes. The client could be told to stop (RFC 9113, 8.1), but some
 * lose the answer then (curl 7.88): it has some time to end by itself, as in HTTP/1. */
static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
    h2 *h = ctx;
    if (frame->hd.type == NGHTTP2_DATA)
        pf_patience_gain_bytes(&h->patience, frame->hd.length);
    bool end = (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
               frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    pf_req *req = end ? nghttp2_session_get_stream_user_data(session, frame->hd.stream_id) : NULL;
    if (req && !req->input_done) {
        req->lingers = true;
        req->body_seen = 0;
        set_stage_time(h, req);
    }
    return 0;
}

/* ---- The connection's side */

static void take(h2 *h, const uint8_t *data, size_t n)
{
    if (!pf_patience_watch(&h->patience, data, n, now(h)))
        call_off(h);
    else if (nghttp2_session_mem_recv(h->session, data, n) < 0)
        h->base.ended = true; /* what there is to be said about it is still sent */
    look(h);
}

static size_t input(pf_protocol *p, const char *data, size_t n)
{
    h2 *h = self(p);
    size_t at = 0, step;
    for (; at < n && p->wants_input; at += step) {
        step = n - at < INPUT_STEP ? n - at : INPUT_STEP;
        take(h, (const uint8_t *)data + at, step);
    }
    return at;
}

static void input_ended(pf_protocol *p)
{
    p->ended = p->idle = true;
    p->wants_input = false;
}

static void half_closed(pf_protocol *p)
{
    (void)p;
}

static int output(pf_protocol *p, struct iovec *pieces)
{
    h2 *h = self(p);
    if (h->out_sent == h->out.len) {
        pf_buf_clear(&h->out);
        h->out_sent = 0;
        const uint8_t *frame;
        ssize_t n = 1;
        while (h->out.len < OUTPUT_FILL && (n = nghttp2_session_mem_send(h->session, &frame)) > 0)
            pf_buf_put(&h->out, frame, (size_t)n);
        p->aborted = p->aborted || n < 0 || h->out.failed;
        look(h);
    }
    if (h->out_sent == h->out.len) {
        pf_buf_free(&h->out);
        h->out_sent = 0;
        return 0;
    }
    pieces[0] = (struct iovec){h->out.data + h->out_sent, h->out.len - h->out_sent};
    return 1;
}

static void sent(pf_protocol *p, size_t n)
{
    self(p)->out_sent += n;
}

/* A stream whose time has come. A client that goes on taking its answer has more. */
static void expire(h2 *h, pf_req *req)
{
    if (req->lingers) {
        end_lingering(h, req);
    } else if (req->stage == PF_STAGE_BODY) {
        pf_exchange_refuse(req, 408, "the request body took too long");
    } else if (req->stage == PF_STAGE_HEAD) {
        pf_exchange_refuse(req, 408, "the request headers took too long");
    } else if ((uint64_t)req->sent - req->progress >= WRITE_STEP) {
        set_stage_time(h, req);
    } else {
        abandon(h, req->stream_id, NGHTTP2_CANCEL);
        end_request(h, req);
    }
}

static void timeout(pf_protocol *p)
{
    h2 *h = self(p);
    for (pf_req *req = h->requests, *next; req; req = next) {
        next = req->next;
        if (deadline_of(h, req) <= now(h))
            expire(h, req);
    }
    look(h);
    if (!h->requests && p->deadline <= now(h))
        nghttp2_session_terminate_session(h->session, NGHTTP2_NO_ERROR);
    look(h);
}

static void drain(pf_protocol *p)
{
    h2 *h = self(p);
    int32_t last = nghttp2_session_get_last_proc_stream_id(h->session);
    nghttp2_submit_goaway(h->session, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, NULL, 0);
    look(h);
}

static void h2_free(pf_protocol *p)
{
    h2 *h = self(p);
    while (h->requests)
        end_request(h, h->requests);
    nghttp2_session_del(h->session);
    pf_buf_free(&h->out);
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
    .free = h2_free,
};

static bool open_session(h2 *h)
{
    nghttp2_session_callbacks *on;
    if (nghttp2_session_callbacks_new(&on) != 0)
        return false;
    nghttp2_session_callbacks_set_on_begin_headers_callback(on, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(on, on_header);
    nghttp2_session_callbacks_set_on_begin_frame_callback(on, on_begin_frame);
    nghttp2_session_callbacks_set_on_frame_recv_callback(on, on_frame_recv);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(on, on_invalid_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(on, on_frame_send);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(on, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(on, on_stream_close);
    bool ok = pf_h2_session_open(&h->session, on, config(h)->header_max, h);
    nghttp2_session_callbacks_del(on);
    return ok;
}

pf_protocol *pf_h2_new(const pf_origin *origin, pf_owner *owner)
{
    h2 *h = calloc(1, sizeof *h);
    if (!h)
        return NULL;
    h->base.ops = &ops;
    h->base.wants_input = true;
    h->origin = origin;
    h->owner = owner;
    h->since = now(h);
    pf_patience_init(&h->patience, pf_h2_most_continuations(config(h)->header_max), now(h));
    if (!open_session(h)) {
        nghttp2_session_del(h->session);
        free(h);
        return NULL;
    }
    atomic_fetch_add(&origin->service->h2_connections, 1);
    look(h);
    return &h->base;
}
