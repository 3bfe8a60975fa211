/* request.c: a request's life on its HTTP thread.
 *
 * libmicrohttpd calls pf_req_uri with the request line, then pf_req_access: once with the headers,
 * again for every piece of the body, again when all is there, and again after a resume; at the end
 * pf_req_completed, whatever happened.
 *
 * Who replies and who resumes. While somebody else has the request its connection is suspended;
 * the reply may come from any thread, even while handle() has not returned yet on the HTTP thread.
 * `handoff` decides in one exchange:
 *
 *     HTTP thread                                  replier
 *     handle()                                     writes the reply
 *     suspend the connection                       was = exchange(handoff, REPLIED)
 *     OPEN -> SUSPENDED, or, if it says REPLIED,   if was == SUSPENDED: resume
 *     resume by itself
 *
 * A worker's request is suspended and marked before it is queued. After the exchange the replier
 * may not touch a request that was OPEN; one that was SUSPENDED lives until it is resumed.
 *
 * A request that may be suspended is handed on in the second final call: libmicrohttpd makes one at once when
 * nothing was answered in the first, and in between notes that this connection is not to be read.
 * Suspended without that note, it reads when it is resumed, and one whose client has shut its
 * sending side would be closed instead of answered.
 *
 * Stopping. libmicrohttpd must not be stopped while a connection is suspended, so `suspended`
 * counts them, from before MHD_suspend_connection until the HTTP thread has the connection back,
 * and once `closed` is set no new one is let in (pf_req_hold).
 */
#include "server/http/internal.h"

#include "base/xid.h"

#include <string.h>

char *pf_req_text(pf_req *req, size_t n)
{
    if (n <= sizeof req->text - req->text_used) {
        char *p = req->text + req->text_used;
        req->text_used += n;
        return p;
    }
    return pf_arena_alloc(&req->arena, n);
}

pf_run pf_req_run(const pf_req *req)
{
    return req->admit.run;
}

void pf_req_move(pf_req *req)
{
    req->moving = true;
}

bool pf_req_hold(pf_req *req)
{
    pf_http *h = req->http;
    atomic_fetch_add(&h->suspended, 1);
    if (!atomic_load(&h->closed)) {
        req->held = true;
        return true;
    }
    atomic_fetch_sub(&h->suspended, 1);
    pf_http_poke(h);
    return false;
}

void pf_req_release(pf_req *req)
{
    if (!req->held)
        return;
    req->held = false;
    atomic_fetch_sub(&req->http->suspended, 1);
    pf_http_poke(req->http);
}

void pf_req_resume(pf_req *req)
{
    pf_http *h = req->http;
    /* libmicrohttpd is still in there after the request is gone; when the count is down, so may be
     * the server. */
    atomic_fetch_add(&h->resuming, 1);
    pf_loop *loop = req->conn->loop;
    MHD_resume_connection(req->mhd);
    pf_loop_ring(loop);
    atomic_fetch_sub(&h->resuming, 1);
}

void pf_req_finish(pf_req *req)
{
    pf_http *h = req->http;
    if (h->app.finished)
        h->app.finished(h->app.ctx, req, req->status, req->sent,
                        pf_clock_mono() - req->started_mono);
    pf_pool_put(h, req);
    atomic_fetch_sub(&h->live, 1);
    pf_http_poke(h);
}

static pf_conn *conn_of(struct MHD_Connection *mhd)
{
    return MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

static void attach(pf_conn *c, pf_req *req)
{
    pthread_mutex_lock(&c->lock);
    c->req = req;
    pthread_mutex_unlock(&c->lock);
}

/* libmicrohttpd goes on to cut the query up, into a record from the connection's pool for each '&',
 * and gets stuck when the pool is used up. Nobody here reads those: it is shown an empty query. The
 * buffer is its own and writable. */
static void cut_query(const char *uri)
{
    char *mark = uri ? strchr((char *)uri, '?') : NULL;
    if (mark)
        mark[1] = 0;
}

void *pf_req_uri(void *cls, const char *uri, struct MHD_Connection *mhd)
{
    pf_http *h = cls;
    pf_conn *c = conn_of(mhd);
    pf_req *req = c ? pf_pool_get(h) : NULL;
    if (!req)
        return NULL; /* pf_req_access closes the connection */
    atomic_fetch_add(&h->live, 1);
    req->conn = c;
    req->mhd = mhd;
    req->started_wall = pf_clock_wall(NULL);
    pf_conn_phase(c, PF_PHASE_HEAD);
    req->started_mono = atomic_load_explicit(&c->since, memory_order_relaxed);
    memcpy(req->peer, c->peer, sizeof req->peer);
    size_t n = uri ? strlen(uri) : 0;
    char *p = pf_req_text(req, n + 1);
    if (p) {
        memcpy(p, uri ? uri : "", n + 1);
        req->target = (pf_str){p, n};
        req->raw = uri;
        cut_query(uri);
    }
    attach(c, req);
    return req;
}

static void take_method(pf_req *req, const char *method)
{
    static const struct {
        const char *name;
        pf_method method;
    } known[] = {{"GET", PF_METHOD_GET}, {"POST", PF_METHOD_POST}, {"HEAD", PF_METHOD_HEAD}};
    req->method = PF_METHOD_OTHER;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(method, known[i].name) == 0)
            req->method = known[i].method;
    size_t n = strlen(method);
    char *p = pf_req_text(req, n + 1);
    if (p) {
        memcpy(p, method, n + 1);
        req->method_name = (pf_str){p, n};
    }
}

static void take_id(pf_req *req)
{
    pf_str id = pf_req_header(req, "X-Request-Id");
    bool sane = id.n > 0 && id.n <= PF_REQUEST_ID_MAX;
    for (size_t i = 0; sane && i < id.n; i++)
        sane = id.p[i] > ' ' && id.p[i] < 0x7f;
    if (sane) {
        memcpy(req->id, id.p, id.n);
        req->id_len = id.n;
        return;
    }
    pf_xid_format(pf_xid_new(req->started_wall / PF_NS_PER_SEC), req->id);
    req->id_len = PF_XID_CHARS;
}

static bool expects_body(const pf_req *req)
{
    return req->framing.chunked || req->framing.length > 0;
}

/* What stands against reading this body, now that the application has said what it takes. */
static pf_refusal judge_body(const pf_req *req)
{
    const pf_framing *f = &req->framing;
    size_t limit = req->admit.max_body ? req->admit.max_body : PF_DRAIN_MAX;
    if (f->has_length && f->length > limit)
        return (pf_refusal){413, "the body is over the limit"};
    const pf_budget *budget = req->http->cfg.budget;
    if (req->admit.max_body && budget && !pf_budget_fits_alone(budget, f->length))
        return (pf_refusal){413, "the body needs more memory than -memory.max-inflight allows"};
    return (pf_refusal){0, NULL};
}

static bool replied(pf_req *req)
{
    return atomic_load_explicit(&req->handoff, memory_order_acquire) == PF_HANDOFF_REPLIED;
}

/* An answer that can't wait for the end of the request: libmicrohttpd closes after it. */
static enum MHD_Result answer_early(pf_req *req)
{
    req->dispatched = true;
    atomic_store_explicit(&req->conn->linger, true, memory_order_relaxed);
    return pf_reply_queue(req) ? MHD_YES : MHD_NO;
}

static enum MHD_Result take_head(pf_req *req, struct MHD_Connection *mhd, const char *method,
                                 const char *version)
{
    pf_http *h = req->http;
    req->head_done = true;
    take_method(req, method);
    pf_refusal no = pf_head_take(req, mhd, version);
    take_id(req);
    if (!no.status) {
        h->app.admit(h->app.ctx, req, &req->admit);
        if (!replied(req))
            no = judge_body(req);
    }
    if (no.status) {
        pf_req_reply_status(req, no.status, no.msg);
        return answer_early(req);
    }
    if (replied(req)) {
        /* Without a body the answer can wait for the final call, and the connection be kept. */
        req->dispatched = true;
        return expects_body(req) ? answer_early(req) : MHD_YES;
    }
    if (expects_body(req))
        pf_conn_phase(req->conn, PF_PHASE_BODY);
    return MHD_YES;
}

/* In the middle of a body libmicrohttpd takes no answer: it is written past it, and the connection
 * closed. */
static enum MHD_Result refuse_body(pf_req *req, int status, const char *msg)
{
    pf_conn *c = req->conn;
    pthread_mutex_lock(&c->lock);
    pf_conn_answer(c, req, status, msg);
    pthread_mutex_unlock(&c->lock);
    return MHD_NO;
}

static enum MHD_Result take_body(pf_req *req, const char *data, size_t *size)
{
    size_t n = *size;
    *size = 0;
    req->body_seen += n;
    if (req->dispatched)
        return MHD_YES;
    if (!req->admit.max_body)
        return req->body_seen <= PF_DRAIN_MAX ? MHD_YES
                                              : refuse_body(req, 413, "this request takes no body");
    pf_error err;
    pf_code code = pf_body_append(req, data, n, &err);
    return code ? refuse_body(req, pf_code_status(code), err.msg) : MHD_YES;
}

static void handle_elsewhere(pf_req *req, struct MHD_Connection *mhd)
{
    pf_http *h = req->http;
    if (!pf_req_hold(req)) {
        pf_req_reply_status(req, 503, "the server is shutting down");
        return;
    }
    if (!pf_workers_reserve(h->workers)) {
        pf_req_release(req);
        pf_req_reply_status(req, 503, "too many requests are waiting");
        return;
    }
    MHD_suspend_connection(mhd);
    atomic_store(&req->handoff, PF_HANDOFF_SUSPENDED);
    pf_workers_push(h->workers, req, PF_JOB_HANDLE);
}

/* Runs handle() here. It may have left the reply to somebody else. */
static void handle_inline(pf_req *req, struct MHD_Connection *mhd)
{
    pf_http *h = req->http;
    if (!pf_req_hold(req)) {
        pf_req_reply_status(req, 503, "the server is shutting down");
        return;
    }
    h->app.handle(h->app.ctx, req);
    if (req->moving) {
        req->moving = false;
        req->admit.run = PF_RUN_WORKER;
        pf_req_release(req);
        handle_elsewhere(req, mhd);
        return;
    }
    if (replied(req)) {
        pf_req_release(req);
        return;
    }
    MHD_suspend_connection(mhd);
    int open = PF_HANDOFF_OPEN;
    if (!atomic_compare_exchange_strong(&req->handoff, &open, PF_HANDOFF_SUSPENDED))
        pf_req_resume(req);
}

static enum MHD_Result dispatch(pf_req *req, struct MHD_Connection *mhd)
{
    bool may_suspend = req->admit.run == PF_RUN_WORKER || req->admit.max_body;
    if (may_suspend && !req->deferred) {
        req->deferred = true;
        return MHD_YES;
    }
    req->dispatched = true;
    pf_conn_phase(req->conn, PF_PHASE_HANDLE);
    if (req->admit.run == PF_RUN_INLINE)
        handle_inline(req, mhd);
    else
        handle_elsewhere(req, mhd);
    /* A request that is still held is somebody else's now. */
    if (req->held)
        return MHD_YES;
    return pf_reply_queue(req) ? MHD_YES : MHD_NO;
}

enum MHD_Result pf_req_access(void *cls, struct MHD_Connection *mhd, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *size, void **con_cls)
{
    (void)cls;
    (void)url;
    pf_req *req = *con_cls;
    if (!req)
        return MHD_NO;
    if (!req->head_done)
        return take_head(req, mhd, method, version);
    if (*size)
        return take_body(req, data, size);
    if (req->queued)
        return MHD_YES;
    if (!req->dispatched)
        return dispatch(req, mhd);
    if (!replied(req))
        return MHD_YES; /* not resumed by a reply: nothing to say yet */
    pf_req_release(req);
    return pf_reply_queue(req) ? MHD_YES : MHD_NO;
}

/* What became of a request that did not end well. Holds c->lock. */
static void settle(pf_req *req, struct MHD_Connection *mhd, enum MHD_RequestTerminationCode toe)
{
    pf_conn *c = req->conn;
    int phase = atomic_load_explicit(&c->phase, memory_order_relaxed);
    const union MHD_ConnectionInfo *own =
        req->queued ? NULL : MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_HTTP_STATUS);
    req->sent = -1;
    if (!req->queued)
        atomic_store_explicit(&c->linger, true, memory_order_relaxed);
    if (own) { /* libmicrohttpd's own answer to what it could not parse */
        req->status = (int)own->http_status;
        req->sent = 0;
    } else if (phase <= PF_PHASE_BODY && toe == MHD_REQUEST_TERMINATED_CLIENT_ABORT) {
        /* The body broke off. A client that has only shut its sending side gets to read why. */
        pf_conn_answer_cut(c, req);
    }
    if (c->answered) {
        req->status = c->answer_status;
        req->sent = c->answer_sent;
    }
}

void pf_req_completed(void *cls, struct MHD_Connection *mhd, void **con_cls,
                      enum MHD_RequestTerminationCode toe)
{
    (void)cls;
    pf_req *req = *con_cls;
    *con_cls = NULL;
    if (!req)
        return;
    pf_conn *c = req->conn;
    pthread_mutex_lock(&c->lock);
    c->req = NULL;
    if (toe != MHD_REQUEST_TERMINATED_COMPLETED_OK)
        settle(req, mhd, toe);
    pthread_mutex_unlock(&c->lock);
    atomic_store_explicit(&c->used, true, memory_order_relaxed);
    pf_conn_phase(c, PF_PHASE_IDLE);
    pf_req_end(req);
}

void pf_req_end(pf_req *req)
{
    if (!req->status)
        req->status = req->reply.status ? req->reply.status : 400;
    req->conn = NULL;
    req->mhd = NULL;
    pf_req_release(req);
    /* done() of a stream that was broken off may block: a worker calls it, then finishes. */
    if (req->reply.stream.done)
        pf_workers_push(req->http->workers, req, PF_JOB_DONE);
    else
        pf_req_finish(req);
}
