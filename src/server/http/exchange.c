#include "server/http/exchange.h"

#include "base/clock.h"
#include "base/xid.h"
#include "server/http/answer.h"
#include "server/http/stream.h"
#include "server/http/target.h"

#include <stdlib.h>
#include <string.h>

enum {
    ARENA_KEEP = 256 << 10
}; /* arena memory that an unused request keeps: a push of usual size fits */

static pf_req *take(pf_request_pool *p, pf_ledger *budget)
{
    pf_req *req = p->unused;
    pf_arena arena;
    if (req) {
        p->unused = req->next;
        p->n--;
        arena = req->arena;
    } else {
        req = malloc(sizeof *req);
        if (!req)
            return NULL;
        pf_arena_init(&arena, budget, 0);
    }
    memset(req, 0, offsetof(pf_req, arena));
    req->arena = arena;
    req->text_used = 0;
    return req;
}

static void give(pf_req *req)
{
    pf_request_pool *p = req->pool;
    pf_body_free(&req->body);
    req->arena.beside = 0;
    pf_answer_free(req);
    if (req->charged)
        pf_ledger_give(req->service->cfg.budget, req->charged);
    pf_arena_reset(&req->arena, ARENA_KEEP);
    if (p->n < req->service->pool_max) {
        req->next = p->unused;
        p->unused = req;
        p->n++;
        return;
    }
    pf_arena_free(&req->arena);
    free(req);
}

void pf_request_pool_free(pf_request_pool *p)
{
    for (pf_req *req; (req = p->unused);) {
        p->unused = req->next;
        pf_arena_free(&req->arena);
        free(req);
    }
    p->n = 0;
}

static void finish(pf_req *req)
{
    const pf_http_app *app = req->app;
    if (app->finished)
        app->finished(app->ctx, req, req->reply.status ? req->reply.status : 400,
                      req->complete ? req->sent : -1, pf_clock_mono() - req->started_mono);
    atomic_fetch_sub_explicit(&req->service->live, 1, memory_order_relaxed);
    give(req);
}

static void deliver(pf_req *req)
{
    req->stage = PF_STAGE_REPLY;
    if (req->owner)
        req->owner->ready(req->owner, req);
    else
        pf_exchange_end(req);
}

static void stop_delay(pf_req *req)
{
    pf_loop_cancel_timer(req->loop, &req->timer);
    atomic_fetch_sub(&req->service->delayed, 1);
}

static void delay_over(pf_timer *t)
{
    pf_req *req = (pf_req *)((char *)t - offsetof(pf_req, timer));
    stop_delay(req);
    deliver(req);
}

/* False where it is not to be held back: nobody waits for it, or too many are held. */
static bool start_delay(pf_req *req)
{
    pf_service *service = req->service;
    int64_t now = pf_loop_now(req->loop), ns = req->delay;
    req->delay = 0; /* a stream's further pieces are not */
    if (ns <= 0 || !req->owner)
        return false;
    req->timer.fn = delay_over;
    if (atomic_fetch_add(&service->delayed, 1) < (service->cfg.connections + 3) / 4 &&
        pf_loop_set_timer(req->loop, &req->timer, ns < INT64_MAX - now ? now + ns : INT64_MAX)) {
        req->stage = PF_STAGE_DELAYED;
        return true;
    }
    atomic_fetch_sub(&service->delayed, 1);
    return false;
}

static void arrived(pf_mail *m)
{
    pf_req *req = (pf_req *)((char *)m - offsetof(pf_req, mail));
    if (req->stage == PF_STAGE_ENDING)
        finish(req);
    else if (!start_delay(req))
        deliver(req);
}

static void take_peer(pf_req *req, const pf_peer *peer)
{
    memcpy(req->peer, peer->text, sizeof req->peer);
    req->is_tls = peer->tls;
    req->trusted_peer = peer->trusted;
    req->on_loopback = peer->on_loopback;
    size_t n = peer->name ? strlen(peer->name) : 0;
    char *p = n ? pf_req_text(req, n) : NULL;
    if (p) {
        memcpy(p, peer->name, n);
        req->client_name = (pf_str){p, n};
    }
}

pf_req *pf_exchange_begin(const pf_origin *o, pf_owner *owner, int64_t since)
{
    pf_req *req = take(o->pool, o->service->cfg.budget);
    if (!req)
        return NULL;
    req->mail.fn = arrived;
    req->service = o->service;
    req->app = o->app;
    req->loop = o->loop;
    req->pool = o->pool;
    req->owner = owner;
    atomic_flag_clear(&req->claimed);
    req->method = PF_METHOD_OTHER;
    req->started_mono = since;
    req->started_wall = pf_clock_wall(NULL) - (pf_clock_mono() - since);
    req->admit.error_form = o->app->error_form;
    take_peer(req, &o->peer);
    atomic_fetch_add_explicit(&o->service->live, 1, memory_order_relaxed);
    return req;
}

static void take_method(pf_req *req)
{
    static const struct {
        const char *name;
        pf_method method;
    } known[] = {{"GET", PF_METHOD_GET},
                 {"POST", PF_METHOD_POST},
                 {"HEAD", PF_METHOD_HEAD},
                 {"DELETE", PF_METHOD_DELETE},
                 {"OPTIONS", PF_METHOD_OPTIONS}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (pf_str_eq(req->method_name, pf_str_c(known[i].name)))
            req->method = known[i].method;
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

/* The host in the target is the one that counts: RFC 9112 3.2.2. */
static void set_host(pf_req *req, pf_str authority)
{
    for (size_t i = 0; authority.n && i < req->nheaders; i++)
        if (pf_str_eq_nocase(req->headers[i].name, PF_STR("Host")))
            req->headers[i].value = authority;
}

/* A trusted proxy's word for who the client is. It may stand on a line of its own, behind what the client wrote. */
static void take_forwarded(pf_req *req)
{
    const pf_networks *trusted = &req->service->trusted;
    pf_forwarded rfc7239 = {0}, x = {0};
    pf_address client;
    for (size_t i = 0; i < req->nheaders; i++) {
        const pf_header *h = &req->headers[i];
        if (pf_str_eq_nocase(h->name, PF_STR("Forwarded")))
            pf_networks_follow(trusted, h->value, true, &rfc7239);
        else if (pf_str_eq_nocase(h->name, PF_STR("X-Forwarded-For")))
            pf_networks_follow(trusted, h->value, false, &x);
    }
    if (pf_forwarded_client(&rfc7239, &x, &client)) {
        pf_address_format(&client, req->peer);
        req->is_forwarded = true;
    }
}

/* What stands against reading this body, now that the application has said what it takes. */
static pf_refusal judge_body(const pf_req *req)
{
    const pf_framing *f = &req->framing;
    size_t limit = req->admit.max_body ? req->admit.max_body : PF_DRAIN_MAX;
    if (f->has_length && f->length > limit)
        return (pf_refusal){413, "the body is over the limit"};
    const pf_ledger *budget = req->service->cfg.budget;
    if (req->admit.max_body && budget && !pf_ledger_fits_alone(budget, f->length))
        return (pf_refusal){413, "the body needs more memory than -memory.max-inflight allows"};
    return (pf_refusal){0, NULL};
}

void pf_exchange_refuse(pf_req *req, int status, const char *msg)
{
    if (!req->id_len)
        take_id(req);
    req->refused = true;
    req->stage = PF_STAGE_HANDLE;
    pf_body_free(&req->body); /* its memory may be what is lacking */
    pf_req_reply_status(req, status, msg);
}

static bool expects_too_much(const pf_req *req)
{
    for (size_t i = 0; i < req->nheaders; i++) {
        const pf_header *h = &req->headers[i];
        if (pf_str_eq_nocase(h->name, PF_STR("Expect")) && h->value.n &&
            !pf_str_eq_nocase(h->value, PF_STR("100-continue")))
            return true;
    }
    return false;
}

void pf_exchange_head(pf_req *req)
{
    take_method(req);
    take_id(req);
    pf_str authority;
    const char *wrong =
        pf_target_split(req->method_name, req->target, &authority, &req->path, &req->query);
    if (wrong) {
        pf_exchange_refuse(req, 400, wrong);
        return;
    }
    set_host(req, authority);
    pf_target_unprefix(&req->path, pf_str_c(req->service->cfg.base_path));
    if (req->trusted_peer)
        take_forwarded(req);
    if (expects_too_much(req)) {
        pf_exchange_refuse(req, 417, "the only expectation that can be met is 100-continue");
        return;
    }
    req->app->admit(req->app->ctx, req, &req->admit);
    if (atomic_flag_test_and_set(&req->claimed)) { /* it has replied */
        req->stage = PF_STAGE_HANDLE;
        return;
    }
    atomic_flag_clear(&req->claimed);
    pf_refusal no = judge_body(req);
    if (no.status) {
        pf_exchange_refuse(req, no.status, no.msg);
        return;
    }
    req->body = (pf_body){.max = req->admit.max_body,
                          .announced = req->framing.has_length ? req->framing.length : UINT64_MAX,
                          .budget = req->service->cfg.budget};
    req->stage = PF_STAGE_BODY;
}

void pf_exchange_body(pf_req *req, const char *data, size_t n)
{
    pf_error err;
    pf_code code = PF_OK;
    req->body_seen += n;
    if (req->admit.max_body)
        code = pf_body_append(&req->body, data, n, &err);
    else if (req->body_seen > PF_DRAIN_MAX)
        code = pf_fail(&err, PF_TOO_LARGE, "this request takes no body");
    req->arena.beside = req->body.cap; /* so that the arena knows when it can never fit */
    if (code)
        pf_exchange_refuse(req, pf_code_status(code), err.msg);
}

static void handle_job(pf_job *job)
{
    pf_req *req = (pf_req *)((char *)job - offsetof(pf_req, job));
    if (atomic_load(&req->cancelled)) /* given up before anybody looked at it */
        pf_req_reply_status(req, 503, "the request was given up");
    else
        req->app->handle(req->app->ctx, req);
}

static void run_on_worker(pf_req *req)
{
    req->job.fn = handle_job;
    if (!pf_workers_try(req->service->workers, &req->job))
        pf_req_reply_status(req, 503, "too many requests are waiting");
}

void pf_exchange_run(pf_req *req)
{
    req->stage = PF_STAGE_HANDLE;
    if (req->admit.run == PF_RUN_WORKER) {
        run_on_worker(req);
        return;
    }
    req->app->handle(req->app->ctx, req);
    if (req->moving) {
        req->moving = false;
        req->admit.run = PF_RUN_WORKER;
        run_on_worker(req);
    }
}

void pf_exchange_more(pf_req *req)
{
    req->stage = PF_STAGE_PIECE;
    pf_stream_ask(req);
}

void pf_exchange_end(pf_req *req)
{
    req->owner = NULL;
    switch (req->stage) {
    case PF_STAGE_HANDLE:
    case PF_STAGE_PIECE:
        atomic_store(&req->cancelled, true);
        return;
    case PF_STAGE_ENDING:
        return;
    case PF_STAGE_DELAYED:
        stop_delay(req);
        break;
    case PF_STAGE_HEAD:
    case PF_STAGE_BODY:
    case PF_STAGE_REPLY:
        break;
    }
    if (pf_stream_ask_done(req))
        req->stage = PF_STAGE_ENDING;
    else
        finish(req);
}
