#include "support/http_world.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static void admit(void *ctx, pf_req *req, pf_admit *out)
{
    http_world *w = ctx;
    atomic_fetch_add(&w->admitted, 1);
    out->max_body = 1 << 20;
    out->run = PF_RUN_INLINE;
    if (w->admit)
        w->admit(w, req, out);
}

static void handle(void *ctx, pf_req *req)
{
    http_world *w = ctx;
    atomic_fetch_add(&w->handled, 1);
    if (w->handle)
        w->handle(w, req);
    else
        http_world_reply(req, 200, "fine");
}

static void finished(void *ctx, pf_req *req, int status, int64_t sent, int64_t duration_ns)
{
    http_world *w = ctx;
    (void)req;
    (void)duration_ns;
    w->status = status;
    w->sent = sent;
    atomic_fetch_add(&w->finished, 1);
    sem_post(&w->ended);
}

static const char *error_form(void *ctx, pf_req *req, int status, const pf_error *err, pf_buf *out)
{
    (void)ctx;
    (void)req;
    pf_buf_printf(out, "%d: %s", status, err->msg);
    return "text/plain";
}

void http_world_start(http_world *w, unsigned queue_max)
{
    static const pf_http_header defaults[] = {{"X-Default", "yes"}, {NULL, NULL}};
    pf_error err;
    *w = (http_world){
        .app = {w, admit, handle, finished, error_form, defaults},
        .origin = {.service = &w->service,
                   .pool = &w->pool,
                   .app = &w->app,
                   .peer.text = "9.9.9.9"},
    };
    pf_ledger_init(&w->budget, "-memory.max-inflight", HTTP_WORLD_BUDGET, PF_UNAVAILABLE, NULL);
    w->service.cfg = pf_http_config_default();
    w->service.cfg.budget = &w->budget;
    w->service.pool_max = 2;
    sem_init(&w->entered, 0, 0);
    sem_init(&w->ended, 0, 0);
    assert_int_equal(pf_workers_new(1, queue_max, &w->service.workers, &err), PF_OK);
    assert_int_equal(pf_loop_new(0, &w->loop, &err), PF_OK);
    assert_int_equal(pf_loop_start(w->loop, &err), PF_OK);
    w->origin.loop = w->loop;
}

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = PF_NS_PER_MS / 10}, NULL);
}

void http_world_end(http_world *w)
{
    while (atomic_load(&w->service.live))
        nap();
    pf_loop_stop(w->loop);
    pf_workers_free(w->service.workers);
    pf_request_pool_free(&w->pool);
    assert_int_equal(pf_ledger_held(&w->budget), 0);
    pf_loop_free(w->loop);
    sem_destroy(&w->entered);
    sem_destroy(&w->ended);
}

typedef struct errand {
    pf_mail mail;
    void (*fn)(void *ctx);
    void *ctx;
    sem_t done;
} errand;

static void run_errand(pf_mail *m)
{
    errand *e = (errand *)m;
    e->fn(e->ctx);
    sem_post(&e->done);
}

void http_world_run(http_world *w, void (*fn)(void *ctx), void *ctx)
{
    errand e = {.mail.fn = run_errand, .fn = fn, .ctx = ctx};
    sem_init(&e.done, 0, 0);
    pf_loop_post(w->loop, &e.mail);
    sem_wait(&e.done);
    sem_destroy(&e.done);
}

static void put_headers(pf_req *req, const char *text)
{
    pf_str rest = pf_str_c(text), line;
    req->headers = req->inline_headers;
    while (rest.n) {
        pf_str_cut(rest, '\n', &line, &rest);
        pf_header *h = &req->headers[req->nheaders++];
        pf_str_cut(line, ':', &h->name, &h->value);
        h->value = pf_str_trim(h->value);
    }
}

pf_req *http_world_begin(http_world *w, pf_owner *owner, const char *line, int64_t length)
{
    pf_req *req = pf_exchange_begin(&w->origin, owner, pf_loop_now(w->loop));
    assert_non_null(req);
    assert_int_equal(req->stage, PF_STAGE_HEAD);
    pf_str_cut(pf_str_c(line), ' ', &req->method_name, &req->target);
    put_headers(req, w->headers);
    req->minor = 1;
    if (length >= 0)
        req->framing = (pf_framing){.has_length = true, .length = (uint64_t)length};
    return req;
}

void http_world_wait(http_world *w, int n)
{
    while (atomic_load(&w->finished) < n)
        sem_wait(&w->ended);
    assert_int_equal(atomic_load(&w->finished), n);
}

void http_world_hold(http_world *w, pf_req *req)
{
    sem_post(&w->entered);
    while (atomic_load(&w->held) && !atomic_load(pf_req_cancelled(req)))
        nap();
}

void http_world_reply(pf_req *req, int status, const char *text)
{
    pf_buf b = PF_BUF_INIT;
    pf_buf_puts(&b, text);
    pf_req_reply_take(req, status, "text/plain", &b);
}

static void on_ready(pf_owner *base, pf_req *req)
{
    http_owner *o = (http_owner *)base;
    assert_int_equal(req->stage, PF_STAGE_REPLY);
    o->ready = req;
    o->calls++;
    if (o->ends) {
        pf_reply *r = &req->reply;
        pf_buf_put_str(&o->sent, pf_buf_str(&r->body));
        req->sent += (int64_t)r->body.len;
        if (r->stream.produce && !r->stream.end && !r->stream.failed) {
            pf_exchange_more(req);
        } else {
            req->complete = !r->stream.failed;
            pf_exchange_end(req);
        }
    }
    sem_post(&o->called);
}

void http_owner_init(http_owner *o, bool ends)
{
    *o = (http_owner){.base.ready = on_ready, .ends = ends};
    sem_init(&o->called, 0, 0);
}

void http_owner_free(http_owner *o)
{
    pf_buf_free(&o->sent);
    sem_destroy(&o->called);
}
