#include "server/http/h2_reply.h"

#include "server/http/answer.h"
#include "server/http/exchange.h"

#include <stdio.h>
#include <string.h>

/* An ordinary answer's fields have room in `text`: that it can't be made may be for want of memory. */
typedef struct fields {
    nghttp2_nv list[64];
    size_t n;
    pf_arena *arena; /* for what has no room there */
    bool failed;     /* not all are there */
    size_t used;
    uint8_t text[2048];
} fields;

static void begin_fields(fields *f, pf_req *req)
{
    f->n = f->used = 0;
    f->arena = &req->arena;
    f->failed = false;
}

static uint8_t *room(fields *f, size_t n)
{
    if (n > sizeof f->text - f->used)
        return pf_arena_alloc(f->arena, n);
    f->used += n;
    return f->text + f->used - n;
}

/* What is another in each answer would fill HPACK's table, 10 KB of memory a connection, and never be found there. */
static uint8_t flags_of(const char *name)
{
    bool varies = strcmp(name, "Date") == 0 || strcmp(name, "X-Request-Id") == 0;
    return varies ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE;
}

/* Names are lower case here; values may be the caller's for this call only. */
static void put_field(void *ctx, const char *name, pf_str value)
{
    fields *f = ctx;
    size_t n = strlen(name);
    uint8_t *own = room(f, n + value.n);
    if (!own || f->n == sizeof f->list / sizeof *f->list) {
        f->failed = true;
        return;
    }
    for (size_t i = 0; i < n; i++)
        own[i] = (uint8_t)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] | 32 : name[i]);
    if (value.n)
        memcpy(own + n, value.p, value.n);
    f->list[f->n++] = (nghttp2_nv){own, own + n, n, value.n, flags_of(name)};
}

static bool submit_trailers(nghttp2_session *session, pf_req *req)
{
    fields f;
    begin_fields(&f, req);
    pf_answer_each_trailer(req, put_field, &f);
    return !f.failed && nghttp2_submit_trailer(session, req->stream_id, f.list, f.n) == 0;
}

/* What was sent of an answer; a request that has all of it is complete. */
static ssize_t read_data(nghttp2_session *session, int32_t stream, uint8_t *out, size_t max,
                         uint32_t *flags, nghttp2_data_source *source, void *ctx)
{
    pf_req *req = nghttp2_session_get_stream_user_data(session, stream);
    (void)source;
    (void)ctx;
    if (!req) /* given up, its reset is on the way */
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    pf_reply *r = &req->reply;
    if (req->stage != PF_STAGE_REPLY) {
        req->waiting = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    if (r->stream.failed)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    size_t n = r->body.len - r->sent < max ? r->body.len - r->sent : max;
    if (n)
        memcpy(out, r->body.data + r->sent, n);
    r->sent += n;
    req->sent += (int64_t)n;
    if (r->sent < r->body.len)
        return (ssize_t)n;
    if (r->stream.produce && !r->stream.end) {
        pf_exchange_more(req);
        if (n)
            return (ssize_t)n;
        req->waiting = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    if (r->trailers.len && !submit_trailers(session, req)) {
        r->stream.failed = true; /* without them it is no whole answer */
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    *flags |= NGHTTP2_DATA_FLAG_EOF | (r->trailers.len ? NGHTTP2_DATA_FLAG_NO_END_STREAM : 0);
    req->complete = true;
    return (ssize_t)n;
}

void pf_h2_submit_continue(nghttp2_session *session, int32_t stream)
{
    nghttp2_nv status = {(uint8_t *)":status", (uint8_t *)"100", 7, 3, NGHTTP2_NV_FLAG_NONE};
    nghttp2_submit_headers(session, NGHTTP2_FLAG_NONE, stream, NULL, &status, 1, NULL);
}

bool pf_h2_submit(nghttp2_session *session, pf_req *req)
{
    const pf_reply *r = &req->reply;
    char status[16];
    fields f;
    nghttp2_data_provider body = {.read_callback = read_data};
    bool has_body =
        pf_answer_has_body(req) && (r->stream.produce || r->body.len || r->trailers.len);
    snprintf(status, sizeof status, "%d", r->status);
    begin_fields(&f, req);
    put_field(&f, ":status", pf_str_c(status));
    pf_answer_each_header(req, pf_loop_date(req->loop), put_field, &f);
    if (!has_body)
        req->complete = true;
    return !f.failed && nghttp2_submit_response(session, req->stream_id, f.list, f.n,
                                                has_body ? &body : NULL) == 0;
}
