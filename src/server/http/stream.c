/* stream.c: answers that are made while they are sent.
 *
 *     worker            produce() -> piece ------------------+
 *     HTTP thread       copies it to the socket as that takes it, piece empty:
 *                       suspends the connection, queues a job +--> worker: produce() ... resumes
 *
 * So there is one piece at a time, a slow reader costs that piece and no worker, and the piece
 * belongs to the worker while the connection is suspended, else to the HTTP thread. When nothing
 * more is wanted, done() is called by the worker that made the last piece or failed to; if the
 * connection breaks first, by one that pf_req_end sends for.
 */
#include "server/http/internal.h"

#include <string.h>

void pf_stream_end(pf_req *req)
{
    pf_stream *s = &req->reply.stream;
    void (*done)(void *) = s->done;
    s->done = NULL;
    if (done)
        done(s->ctx);
}

/* One piece; an empty one that is not the last is asked for again. */
static pf_code produce(pf_req *req, pf_error *err)
{
    pf_stream *s = &req->reply.stream;
    pf_code code = PF_OK;
    pf_buf_clear(&s->piece);
    s->taken = 0;
    while (!code && !s->end && !s->piece.len) {
        if (atomic_load_explicit(&req->cancelled, memory_order_relaxed))
            return pf_fail(err, PF_CANCELLED, "the client is gone");
        code = s->produce(s->ctx, &s->piece, &s->end, err);
        if (!code)
            code = s->piece.failed ? pf_fail(err, PF_UNAVAILABLE, "out of memory")
                                   : pf_reply_charge(req, s->piece.cap, err);
    }
    return code;
}

/* The first piece decides: an error is an error answer, and what is complete needs no stream. */
static void produce_first(pf_req *req)
{
    pf_reply *r = &req->reply;
    pf_stream *s = &r->stream;
    pf_error err = {0};
    s->first = false;
    pf_code code = produce(req, &err);
    if (code || s->end) {
        pf_stream_end(req);
        s->produce = NULL;
        r->body = s->piece;
        s->piece = PF_BUF_INIT;
    }
    if (code)
        pf_reply_set_error(req, pf_code_status(code), err.msg);
    pf_reply_publish(req);
}

void pf_stream_produce(pf_req *req)
{
    pf_stream *s = &req->reply.stream;
    if (s->first) {
        produce_first(req);
        return;
    }
    pf_error err;
    s->failed = produce(req, &err) != PF_OK;
    if (s->failed || s->end)
        pf_stream_end(req);
    pf_req_resume(req);
}

void pf_req_reply_stream(pf_req *req, int status, const char *content_type, pf_produce_fn fn,
                         void (*done)(void *ctx), void *ctx)
{
    if (!pf_reply_claim(req)) {
        if (done)
            done(ctx);
        return;
    }
    pf_reply *r = &req->reply;
    r->status = status;
    r->content_type = content_type;
    r->stream = (pf_stream){.produce = fn, .done = done, .ctx = ctx, .first = true};
    pf_workers_push(req->http->workers, req, PF_JOB_PRODUCE);
}

/* Sends for the next piece; false when the server is closing. */
static bool ask(pf_req *req)
{
    if (!pf_req_hold(req))
        return false;
    MHD_suspend_connection(req->mhd);
    pf_workers_push(req->http->workers, req, PF_JOB_PRODUCE);
    return true;
}

static ssize_t read_piece(void *cls, uint64_t pos, char *out, size_t max)
{
    (void)pos;
    pf_req *req = cls;
    pf_stream *s = &req->reply.stream;
    pf_req_release(req);
    if (s->failed)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    size_t n = s->piece.len - s->taken;
    if (!n && s->end)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (!n)
        return ask(req) ? 0 : MHD_CONTENT_READER_END_WITH_ERROR;
    if (n > max)
        n = max;
    memcpy(out, s->piece.data + s->taken, n);
    s->taken += n;
    req->sent += (int64_t)n;
    return (ssize_t)n;
}

struct MHD_Response *pf_stream_response(pf_req *req)
{
    struct MHD_Response *resp =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, PF_STREAM_BLOCK, read_piece, req, NULL);
    /* To HEAD libmicrohttpd would send the last chunk, which the client takes for the next answer.
     * This flag makes it end by closing instead. */
    if (resp && req->method == PF_METHOD_HEAD)
        MHD_set_response_options(resp, MHD_RF_HTTP_VERSION_1_0_ONLY, MHD_RO_END);
    return resp;
}
