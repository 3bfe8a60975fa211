/* http_world.h: what a request of the transport needs around it, without any socket: a loop's thread, workers, a budget,
 * and an application that does what the test says and counts.
 */
#ifndef PF_SUPPORT_HTTP_WORLD_H
#define PF_SUPPORT_HTTP_WORLD_H

#include "server/http/exchange.h"

#include <semaphore.h>

typedef struct http_world {
    pf_service service;
    pf_ledger budget;
    pf_loop *loop;
    pf_request_pool pool;
    pf_http_app app;
    pf_origin origin;
    const char *headers; /* that every request of http_world_begin has: "A: b\nC: d" */

    /* The test's, set before a request begins. */
    void (*admit)(struct http_world *w, pf_req *req, pf_admit *out); /* NULL: inline, 1 MiB */
    void (*handle)(struct http_world *w, pf_req *req);               /* NULL: 200 "fine" */
    atomic_bool held; /* requests in http_world_hold stay there */

    /* What has come of it. */
    atomic_int admitted, handled, finished;
    sem_t entered; /* posted by http_world_hold */
    sem_t ended;   /* posted with each finished() */
    int status;    /* of the last that finished */
    int64_t sent;  /* likewise */
} http_world;

enum { HTTP_WORLD_BUDGET = 4 << 20 };

/* One worker, a queue of `queue_max` before it. */
void http_world_start(http_world *w, unsigned queue_max);

/* Waits for requests that live, stops it all; fails the test when a byte of the budget is still taken. */
void http_world_end(http_world *w);

/* Runs fn on the loop's thread and waits until it has returned. */
void http_world_run(http_world *w, void (*fn)(void *ctx), void *ctx);

/* On the loop's thread: a request whose head is read: "POST /path?query", with `length` bytes of body announced (below
 * 0: none). Its stage is HEAD: pf_exchange_head is next. */
pf_req *http_world_begin(http_world *w, pf_owner *owner, const char *line, int64_t length);

/* Waits until `n` requests have finished in all. */
void http_world_wait(http_world *w, int n);

/* For handle(): posts `entered`, waits until it is not held any more, or until the request is cancelled. */
void http_world_hold(http_world *w, pf_req *req);

/* Replies with a text. */
void http_world_reply(pf_req *req, int status, const char *text);

/* A connection that has nothing but requests: it notes which is ready. */
typedef struct http_owner {
    pf_owner base;
    pf_req *ready; /* the last */
    int calls;
    bool
        ends; /* it "sends" what is ready: the answer is complete, or the next piece is asked for */
    pf_buf sent;
    sem_t called;
} http_owner;

void http_owner_init(http_owner *o, bool ends);
void http_owner_free(http_owner *o);

#endif
