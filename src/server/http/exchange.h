/* exchange.h: a request's way through the application, the same for every protocol.
 *
 *     pf_exchange_begin        a request from the pool; the protocol fills in method, target and headers
 *     pf_exchange_head         admit(): stage BODY, or an answer is on its way
 *     pf_exchange_body         a piece of its body
 *     pf_exchange_run          handle(), here or on a worker
 *         (DELAYED)            it is held back for a while where pf_req_delay says so
 *         owner->ready()       stage REPLY: req->reply can be sent
 *     pf_exchange_more         the piece is sent: the next one, please; owner->ready() again
 *     pf_exchange_end          it is done with, sent or not: finished()
 *
 * All of it runs on the loop's thread. An answer always comes by the loop's mailbox, or later by its timer, also one
 * that is made during one of these calls, so owner->ready() is never called from inside them.
 */
#ifndef PF_SERVER_HTTP_EXCHANGE_H
#define PF_SERVER_HTTP_EXCHANGE_H

#include "server/http/request.h"

enum { PF_DRAIN_MAX = 64 << 10 }; /* bytes of an unwanted body that are read for politeness */

/* The unused requests of one HTTP thread. */
struct pf_request_pool {
    pf_req *unused;
    unsigned n;
};

/* Where requests come from: what a connection knows. */
typedef struct pf_origin {
    pf_service *service;
    pf_loop *loop;
    pf_request_pool *pool;
    const pf_http_app *app;
    pf_peer peer;
} pf_origin;

/* `since`: when its first byte came, pf_clock_mono. NULL: out of memory. */
pf_req *pf_exchange_begin(const pf_origin *o, pf_owner *owner, int64_t since);

/* Method, target, headers, framing stand in the request. Afterwards its stage is BODY, and its body is due (of no
 * bytes, it may be), or HANDLE: an answer is on its way. */
void pf_exchange_head(pf_req *req);

/* In stage BODY. One that can't be taken is answered: the stage is HANDLE then. */
void pf_exchange_body(pf_req *req, const char *data, size_t n);

/* In stage BODY: the body is complete. */
void pf_exchange_run(pf_req *req);

/* Before HANDLE: answers by the transport itself. */
void pf_exchange_refuse(pf_req *req, int status, const char *msg);

/* In stage REPLY, with a stream that has not ended and whose piece is sent. */
void pf_exchange_more(pf_req *req);

/* In any stage, once; the request is not the caller's any more. Where somebody else has it, it is cancelled and
 * ends when it comes back. */
void pf_exchange_end(pf_req *req);

void pf_request_pool_free(pf_request_pool *p);

#endif
