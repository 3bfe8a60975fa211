/* What the application calls to answer, and what a protocol asks of an answer. */
#include "server/http/answer.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INLINE_CODED = 64 << 10 }; /* bytes of an answer that are compressed on an HTTP thread */

bool pf_answer_claim(pf_req *req)
{
    if (!atomic_flag_test_and_set(&req->claimed))
        return true;
    PF_LOG_ERROR("request replied to twice", PF_V("target", req->target));
    return false;
}

pf_code pf_answer_charge(pf_req *req, size_t cap, pf_error *err)
{
    pf_reply *r = &req->reply;
    pf_ledger *budget = req->service->cfg.budget;
    size_t free_bytes = req->stream_id ? PF_REPLY_FREE_H2 : PF_REPLY_FREE;
    if (!budget || cap <= free_bytes || cap <= r->charged)
        return PF_OK;
    if (cap > budget->limit)
        return pf_fail(err, PF_QUERY_LIMIT,
                       "the answer needs more memory than there is for all requests "
                       "(-memory.max-inflight is %zu bytes)",
                       budget->limit);
    if (!pf_ledger_take(budget, cap - r->charged, NULL))
        return pf_fail(err, PF_UNAVAILABLE, "the memory for requests in flight is used up");
    r->charged = cap;
    return PF_OK;
}

void pf_answer_free(pf_req *req)
{
    pf_reply *r = &req->reply;
    if (r->charged)
        pf_ledger_give(req->service->cfg.budget, r->charged);
    pf_buf_free(&r->body);
    pf_buf_free(&r->headers);
    pf_buf_free(&r->trailers);
    pf_encoder_free(r->stream.encoder);
}

bool pf_answer_lacks(const pf_req *req)
{
    return req->reply.headers.failed || req->reply.trailers.failed;
}

static bool is_clean(const char *value)
{
    for (const char *p = value; *p; p++)
        if (((unsigned char)*p < 0x20 && *p != '\t') || *p == 0x7f)
            return false;
    return true;
}

static void add(pf_buf *list, const char *name, const char *value)
{
    if (!is_clean(value))
        return;
    pf_buf_put(list, name, strlen(name) + 1);
    pf_buf_put(list, value, strlen(value) + 1);
}

void pf_req_add_header(pf_req *req, const char *name, const char *value)
{
    add(&req->reply.headers, name, value);
}

void pf_req_add_trailer(pf_req *req, const char *name, const char *value)
{
    add(&req->reply.trailers, name, value);
}

/* The next of a list of headers; false behind the last. */
static bool next_header(const pf_buf *list, size_t *at, const char **name, const char **value)
{
    if (list->failed || *at >= list->len)
        return false;
    *name = list->data + *at;
    *value = *name + strlen(*name) + 1;
    *at = (size_t)(*value - list->data) + strlen(*value) + 1;
    return true;
}

static const char *find_header(const pf_buf *list, const char *wanted)
{
    const char *name, *value;
    for (size_t at = 0; next_header(list, &at, &name, &value);)
        if (pf_str_eq_nocase(pf_str_c(name), pf_str_c(wanted)))
            return value;
    return NULL;
}

void pf_answer_set_error(pf_req *req, int status, const pf_error *err)
{
    pf_reply *r = &req->reply;
    pf_buf_clear(&r->body);
    if (pf_answer_lacks(req)) {
        pf_buf_clear(&r->headers);
        pf_buf_clear(&r->trailers);
    }
    r->status = status;
    r->content_type = req->admit.error_form(req->app->ctx, req, status, err, &r->body);
    if (status == 503 && !find_header(&r->headers, "Retry-After"))
        pf_req_add_header(req, "Retry-After", "1");
}

void pf_req_reply_error_as(pf_req *req, int status, const pf_error *err)
{
    if (!pf_answer_claim(req))
        return;
    pf_answer_set_error(req, status, err);
    pf_loop_post(req->loop, &req->mail);
}

void pf_req_reply_status(pf_req *req, int status, const char *msg)
{
    pf_error err;
    pf_fail(&err, pf_code_of_status(status), "%s", msg);
    pf_req_reply_error_as(req, status, &err);
}

void pf_req_reply_error(pf_req *req, pf_code code, const pf_error *err)
{
    if (err)
        pf_req_reply_error_as(req, pf_code_status(code), err);
    else
        pf_req_reply_status(req, pf_code_status(code), "");
}

/* Gives the slack of a large buffer back: it may be held as long as the client takes to read. */
static void trim(pf_buf *b)
{
    if (b->cap <= PF_REPLY_FREE || !b->len || b->budget)
        return;
    char *data = realloc(b->data, b->len);
    if (data) {
        b->data = data;
        b->cap = b->len;
    }
}

pf_coding pf_answer_coding(const pf_req *req, unsigned offered)
{
    const pf_reply *r = &req->reply;
    if (!pf_coding_suits(r->content_type) || find_header(&r->headers, "Content-Encoding"))
        return PF_CODING_NONE;
    return pf_coding_pick(pf_req_header(req, "Accept-Encoding"), offered);
}

/* Content-Encoding, and Accept-Encoding among what the answer varies with. */
bool pf_answer_set_coding(pf_req *req, pf_coding c)
{
    pf_buf *old = &req->reply.headers, fresh = PF_BUF_INIT;
    const char *name, *value;
    bool varies = false;
    if (c != PF_CODING_NONE)
        add(&fresh, "Content-Encoding", pf_coding_name(c));
    for (size_t at = 0; next_header(old, &at, &name, &value);) {
        bool vary = pf_str_eq_nocase(pf_str_c(name), PF_STR("Vary"));
        pf_buf_puts(&fresh, name);
        pf_buf_putc(&fresh, 0);
        pf_buf_puts(&fresh, value);
        if (vary && !pf_list_has(pf_str_c(value), PF_STR("Accept-Encoding")))
            pf_buf_puts(&fresh, ", Accept-Encoding");
        pf_buf_putc(&fresh, 0);
        varies = varies || vary;
    }
    if (!varies)
        add(&fresh, "Vary", "Accept-Encoding");
    if (fresh.failed) {
        pf_buf_free(&fresh);
        return false;
    }
    pf_buf_free(old);
    *old = fresh;
    return true;
}

void pf_answer_set_varying(pf_req *req)
{
    const pf_reply *r = &req->reply;
    if (pf_coding_suits(r->content_type) && !find_header(&r->headers, "Content-Encoding"))
        pf_answer_set_coding(req, PF_CODING_NONE); /* out of memory it is left out */
}

void pf_answer_encode(pf_req *req, size_t most)
{
    pf_reply *r = &req->reply;
    if (r->body.len < PF_CODING_LEAST || r->body.len > most)
        return;
    pf_coding coding = pf_answer_coding(req, PF_CODINGS_OF_BODIES);
    pf_buf small = PF_BUF_INIT;
    if (!coding || !pf_coding_encode(coding, pf_buf_str(&r->body), &small) ||
        !pf_answer_set_coding(req, coding)) {
        pf_buf_free(&small);
        pf_answer_set_varying(req);
        return;
    }
    trim(&small);
    pf_buf_free(&r->body);
    r->body = small;
}

void pf_req_reply_take(pf_req *req, int status, const char *content_type, pf_buf *body)
{
    if (!pf_answer_claim(req)) {
        pf_buf_free(body);
        return;
    }
    pf_reply *r = &req->reply;
    pf_error err = {0};
    trim(body);
    pf_code code = body->failed || pf_answer_lacks(req)
                       ? pf_fail(&err, PF_UNAVAILABLE, "out of memory")
                       : pf_answer_charge(req, body->cap, &err);
    if (code) {
        pf_buf_free(body);
        pf_answer_set_error(req, pf_code_status(code), &err);
    } else {
        r->status = status;
        r->content_type = content_type;
        r->body = *body;
        *body = PF_BUF_INIT;
        pf_answer_encode(req, req->admit.run == PF_RUN_INLINE ? INLINE_CODED : SIZE_MAX);
    }
    pf_loop_post(req->loop, &req->mail);
}

bool pf_answer_has_body(const pf_req *req)
{
    int status = req->reply.status;
    return req->method != PF_METHOD_HEAD && status >= 200 && status != 204 && status != 304;
}

static void put_defaults(const pf_req *req, pf_put_header put, void *ctx)
{
    for (const pf_http_header *h = req->app->headers; h && h->name; h++)
        if (!find_header(&req->reply.headers, h->name))
            put(ctx, h->name, pf_str_c(h->value));
}

void pf_answer_each_header(const pf_req *req, const char *date, pf_put_header put, void *ctx)
{
    const pf_reply *r = &req->reply;
    const char *name, *value;
    put(ctx, "Date", pf_str_c(date));
    if (r->content_type)
        put(ctx, "Content-Type", pf_str_c(r->content_type));
    if (!r->stream.produce && r->status >= 200 && r->status != 204 && r->status != 304) {
        char length[24];
        int n = snprintf(length, sizeof length, "%zu", r->body.len);
        put(ctx, "Content-Length", (pf_str){length, (size_t)n});
    }
    put(ctx, "X-Request-Id", pf_req_id(req));
    for (size_t at = 0; next_header(&r->headers, &at, &name, &value);)
        put(ctx, name, pf_str_c(value));
    put_defaults(req, put, ctx);
}

void pf_answer_each_trailer(const pf_req *req, pf_put_header put, void *ctx)
{
    const char *name, *value;
    for (size_t at = 0; next_header(&req->reply.trailers, &at, &name, &value);)
        put(ctx, name, pf_str_c(value));
}
