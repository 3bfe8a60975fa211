#include "server/http/stream.h"

#include "server/http/answer.h"

#include <stddef.h>

static pf_req *request_of(pf_job *job)
{
    return (pf_req *)((char *)job - offsetof(pf_req, job));
}

static void call_done(pf_req *req)
{
    pf_stream *s = &req->reply.stream;
    void (*done)(void *) = s->done;
    s->done = NULL;
    if (done)
        done(s->ctx);
}

/* What the piece becomes on the wire. */
static pf_code encode(pf_req *req, pf_error *err)
{
    pf_reply *r = &req->reply;
    pf_stream *s = &r->stream;
    pf_buf coded = PF_BUF_INIT;
    if (!s->encoder)
        return PF_OK;
    if (!pf_encoder_put(s->encoder, pf_buf_str(&r->body), s->end, &coded)) {
        pf_buf_free(&coded);
        return pf_fail(err, PF_UNAVAILABLE, "out of memory");
    }
    pf_buf_free(&r->body);
    r->body = coded;
    return PF_OK;
}

/* One piece; an empty one that is not the last is asked for again. */
static pf_code produce(pf_req *req, pf_error *err)
{
    pf_reply *r = &req->reply;
    pf_stream *s = &r->stream;
    pf_code code = PF_OK;
    pf_buf_clear(&r->body);
    r->sent = 0;
    while (!code && !s->end && !r->body.len) {
        if (atomic_load_explicit(&req->cancelled, memory_order_relaxed))
            return pf_fail(err, PF_CANCELLED, "the client is gone");
        code = s->produce(s->ctx, &r->body, &s->end, err);
        if (!code && (r->body.failed || pf_answer_lacks(req)))
            code = pf_fail(err, PF_UNAVAILABLE, "out of memory");
    }
    return code;
}

/* Begins to compress a stream that turns out to be one. */
static pf_code start_encoder(pf_req *req, pf_error *err)
{
    pf_reply *r = &req->reply;
    if (pf_answer_coding(req, PF_CODINGS_OF_STREAMS) == PF_CODING_NONE) {
        pf_answer_set_varying(req);
        return PF_OK;
    }
    size_t piece = r->body.cap > PF_REPLY_FREE ? r->body.cap : PF_REPLY_FREE;
    pf_code code = pf_answer_charge(req, piece + pf_encoder_bytes(), err);
    if (code)
        return code;
    r->stream.encoder = pf_encoder_new();
    if (!r->stream.encoder || !pf_answer_set_coding(req, PF_CODING_GZIP))
        return pf_fail(err, PF_UNAVAILABLE, "out of memory");
    return PF_OK;
}

static size_t held(const pf_req *req)
{
    return req->reply.body.cap + (req->reply.stream.encoder ? pf_encoder_bytes() : 0);
}

/* The first piece decides: an error is an error answer, and what is complete needs no stream, but for trailers. */
static void produce_first(pf_req *req)
{
    pf_reply *r = &req->reply;
    pf_stream *s = &r->stream;
    pf_error err = {0};
    s->first = false;
    pf_code code = produce(req, &err);
    if (!code && !s->end)
        code = start_encoder(req, &err);
    if (!code)
        code = encode(req, &err);
    if (!code)
        code = pf_answer_charge(req, held(req), &err);
    if (!code && s->end)
        pf_answer_encode(req, SIZE_MAX);
    if (code || s->end)
        call_done(req);
    if (code || (s->end && !r->trailers.len)) /* HTTP/1.1 has trailers only behind chunks */
        s->produce = NULL;
    if (code)
        pf_answer_set_error(req, pf_code_status(code), &err);
}

static void produce_job(pf_job *job)
{
    pf_req *req = request_of(job);
    pf_stream *s = &req->reply.stream;
    pf_error err;
    if (s->first) {
        produce_first(req);
    } else {
        s->failed =
            produce(req, &err) || encode(req, &err) || pf_answer_charge(req, held(req), &err);
        if (s->failed)
            pf_buf_clear(&req->reply.body);
        if (s->failed || s->end)
            call_done(req);
    }
    pf_loop_post(req->loop, &req->mail);
}

static void done_job(pf_job *job)
{
    pf_req *req = request_of(job);
    call_done(req);
    pf_loop_post(req->loop, &req->mail);
}

void pf_stream_ask(pf_req *req)
{
    req->job.fn = produce_job;
    pf_workers_push(req->service->workers, &req->job);
}

bool pf_stream_ask_done(pf_req *req)
{
    if (!req->reply.stream.done)
        return false;
    req->job.fn = done_job;
    pf_workers_push(req->service->workers, &req->job);
    return true;
}

void pf_req_reply_stream(pf_req *req, int status, const char *content_type, pf_produce_fn fn,
                         void (*done)(void *ctx), void *ctx)
{
    if (!pf_answer_claim(req)) {
        if (done)
            done(ctx);
        return;
    }
    pf_reply *r = &req->reply;
    r->status = status;
    r->content_type = content_type;
    r->stream = (pf_stream){.produce = fn, .done = done, .ctx = ctx, .first = true};
    pf_stream_ask(req);
}
