/* reply.c: from the application's reply to libmicrohttpd's response. */
#include "server/http/internal.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

bool pf_reply_claim(pf_req *req)
{
    if (!atomic_flag_test_and_set(&req->claimed))
        return true;
    PF_LOG_ERROR("request replied to twice", PF_V("target", req->target));
    return false;
}

void pf_reply_publish(pf_req *req)
{
    if (atomic_exchange(&req->handoff, PF_HANDOFF_REPLIED) == PF_HANDOFF_SUSPENDED)
        pf_req_resume(req);
}

pf_code pf_reply_charge(pf_req *req, size_t cap, pf_error *err)
{
    pf_reply *r = &req->reply;
    pf_budget *budget = req->http->cfg.budget;
    if (!budget || cap <= PF_REPLY_FREE || cap <= r->charged)
        return PF_OK;
    if (cap > budget->limit)
        return pf_fail(err, PF_QUERY_LIMIT, "the answer needs more memory than there is");
    if (!pf_budget_take(budget, cap - r->charged))
        return pf_fail(err, PF_UNAVAILABLE, "the memory for requests in flight is used up");
    r->charged = cap;
    return PF_OK;
}

void pf_reply_free(pf_req *req)
{
    pf_reply *r = &req->reply;
    if (r->charged)
        pf_budget_give(req->http->cfg.budget, r->charged);
    pf_buf_free(&r->body);
    pf_buf_free(&r->headers);
    pf_buf_free(&r->stream.piece);
}

void pf_req_add_header(pf_req *req, const char *name, const char *value)
{
    pf_buf *b = &req->reply.headers;
    pf_buf_put(b, name, strlen(name) + 1);
    pf_buf_put(b, value, strlen(value) + 1);
}

void pf_reply_set_error(pf_req *req, int status, const char *msg)
{
    const pf_http_app *app = &req->http->app;
    pf_reply *r = &req->reply;
    pf_buf_clear(&r->body);
    r->status = status;
    pf_str about = req->path.n ? req->path : req->target;
    r->content_type = app->error_body(app->ctx, about, status, msg, &r->body);
    if (status == 503)
        pf_req_add_header(req, "Retry-After", "1");
}

void pf_req_reply_status(pf_req *req, int status, const char *msg)
{
    if (!pf_reply_claim(req))
        return;
    pf_reply_set_error(req, status, msg);
    pf_reply_publish(req);
}

void pf_req_reply_error(pf_req *req, pf_code code, const pf_error *err)
{
    pf_req_reply_status(req, pf_code_status(code), err ? err->msg : "");
}

/* Gives the slack of a large buffer back: it may be held as long as the client takes to read. */
static void trim(pf_buf *b)
{
    if (b->cap <= PF_REPLY_FREE || !b->len)
        return;
    char *data = realloc(b->data, b->len);
    if (data) {
        b->data = data;
        b->cap = b->len;
    }
}

void pf_req_reply_take(pf_req *req, int status, const char *content_type, pf_buf *body)
{
    if (!pf_reply_claim(req)) {
        pf_buf_free(body);
        return;
    }
    pf_reply *r = &req->reply;
    pf_error err = {0};
    trim(body);
    pf_code code = body->failed ? pf_fail(&err, PF_UNAVAILABLE, "out of memory")
                                : pf_reply_charge(req, body->cap, &err);
    if (code) {
        pf_buf_free(body);
        pf_reply_set_error(req, pf_code_status(code), err.msg);
    } else {
        r->status = status;
        r->content_type = content_type;
        r->body = *body;
        *body = PF_BUF_INIT;
    }
    pf_reply_publish(req);
}

static bool was_added(const pf_buf *headers, const char *name)
{
    const char *p = headers->data, *end = p ? p + headers->len : NULL;
    for (; p && p < end; p += strlen(p) + 1) {
        if (pf_str_eq_nocase(pf_str_c(p), pf_str_c(name)))
            return true;
        p += strlen(p) + 1;
    }
    return false;
}

/* Headers of the application; a value with a line break is dropped by libmicrohttpd. */
static void add_headers(pf_req *req, struct MHD_Response *resp)
{
    const pf_reply *r = &req->reply;
    if (r->content_type)
        MHD_add_response_header(resp, MHD_HTTP_HEADER_CONTENT_TYPE, r->content_type);
    MHD_add_response_header(resp, "X-Request-Id", req->id);
    if (atomic_load_explicit(&req->http->stopping, memory_order_relaxed))
        MHD_add_response_header(resp, MHD_HTTP_HEADER_CONNECTION, "close");
    for (const pf_http_header *h = req->http->app.headers; h && h->name; h++)
        if (!was_added(&r->headers, h->name))
            MHD_add_response_header(resp, h->name, h->value);
    const char *p = r->headers.data, *end = p ? p + r->headers.len : NULL;
    while (p && p < end) {
        const char *value = p + strlen(p) + 1;
        MHD_add_response_header(resp, p, value);
        p = value + strlen(value) + 1;
    }
}

bool pf_reply_queue(pf_req *req)
{
    pf_reply *r = &req->reply;
    struct MHD_Response *resp;
    if (r->stream.produce)
        resp = pf_stream_response(req);
    else /* the bytes stay the request's: it outlives the response */
        resp = MHD_create_response_from_buffer(r->body.len, r->body.data ? r->body.data : "",
                                               MHD_RESPMEM_PERSISTENT);
    req->queued = true;
    req->status = r->status;
    req->sent = r->stream.produce || req->method == PF_METHOD_HEAD ? 0 : (int64_t)r->body.len;
    if (!resp)
        return false;
    add_headers(req, resp);
    pf_conn_phase(req->conn, PF_PHASE_WRITE);
    bool ok = MHD_queue_response(req->mhd, (unsigned)r->status, resp) == MHD_YES;
    MHD_destroy_response(resp);
    return ok;
}
