/* client.h: the v0 API from the other side: push, find, get, merge, services, over HTTP with
 * libcurl.
 *
 *     pf_client *c;
 *     pf_client_config conf = {.url = "http://localhost:10100"};
 *     if (pf_client_new(&conf, &c, &err)) ...
 *     pf_push push = {.service = PF_STR("shop"), .type = PF_TYPE_CPU, .body = profile};
 *     pf_meta meta;
 *     pf_client_push(c, &push, &arena, &meta, &err);
 *     pf_client_free(c);
 *
 * A client is one kept-alive connection: calls follow one another on it, and it is opened again by
 * itself when the server has closed it. Many threads take one client each.
 *
 * It speaks with any server of the contract (docs/api.md), so it is strict in what it sends: times
 * are written without a zone, label keys and values are escaped twice, as the Go agent does.
 *
 * Errors: what the server said, as the code that its status stands for, the message naming the
 * call, the status and the server's own words; PF_UNAVAILABLE when there is no connection,
 * PF_TIMEOUT when the answer took too long, PF_TOO_LARGE for an answer over `max_answer`,
 * PF_INTERNAL for an answer that is not what the contract says.
 *
 * Thread-safety: one thread at a time per client. pf_client_new is thread-safe.
 */
#ifndef PF_CLIENT_CLIENT_H
#define PF_CLIENT_CLIENT_H

#include "profile/meta.h"

typedef struct pf_client pf_client;

/* What is spoken: HTTP/1.1, HTTP/2 (in clear text by prior knowledge), or what libcurl chooses. */
typedef enum pf_client_http { PF_CLIENT_ANY, PF_CLIENT_HTTP1, PF_CLIENT_HTTP2 } pf_client_http;

typedef struct pf_client_config {
    const char *url;         /* "http://host:port", maybe with a path prefix; copied */
    int64_t timeout;         /* ns for a whole call; 0: none */
    int64_t connect_timeout; /* ns; 0: 10 s */
    size_t max_answer;       /* bytes of an answer's body; 0: 1 GiB */
    pf_client_http http;
    bool insecure;     /* the server's certificate is not looked at */
    const char *token; /* sent as Authorization: Bearer; NULL: none; copied */
} pf_client_config;

/* What the last call cost, whether it failed or not. */
typedef struct pf_client_call {
    int status;          /* HTTP; 0 when no answer came */
    int64_t duration_ns; /* from before the request was sent until the whole answer was there */
    size_t sent;         /* bytes of the request's body */
    size_t received;     /* bytes of the answer's body */
    bool connected;      /* a new connection had to be made */
} pf_client_call;

/* PF_INVALID for a URL that is not http or https. Opens no connection yet. */
pf_code pf_client_new(const pf_client_config *conf, pf_client **out, pf_error *err);
void pf_client_free(pf_client *c); /* NULL is fine */

const pf_client_call *pf_client_last(const pf_client *c);

typedef struct pf_push {
    pf_str service;
    pf_type type;
    pf_labels labels;
    int64_t created_at; /* ns; 0: left out. A profile's own time goes before it. */
    pf_str body;        /* the profile, gzipped or not */
} pf_push;

/* Texts of *out live in `a`. */
pf_code pf_client_push(pf_client *c, const pf_push *push, pf_arena *a, pf_meta *out, pf_error *err);

typedef struct pf_metas {
    const pf_meta *v;
    size_t n;
} pf_metas;

/* In the order in which the server gave them. The answer is read as a whole: mind q->limit with
 * servers that hold millions. PF_NOT_FOUND when nothing matches. */
pf_code pf_client_find(pf_client *c, const pf_query *q, pf_arena *a, pf_metas *out, pf_error *err);

/* One profile, or with n > 1 the merge of several in their order. *body is borrowed until the next
 * call on this client. */
pf_code pf_client_get(pf_client *c, const pf_str *ids, size_t n, pf_str *body, pf_error *err);

/* One merged profile over what the query finds. *body as above. */
pf_code pf_client_merge(pf_client *c, const pf_query *q, pf_str *body, pf_error *err);

typedef struct pf_strs {
    const pf_str *v;
    size_t n;
} pf_strs;

/* Names of services, in `a`. PF_NOT_FOUND when there is none. */
pf_code pf_client_services(pf_client *c, pf_arena *a, pf_strs *out, pf_error *err);

/* PF_OK when the server answers GET /api/0/version, whatever it says of itself. */
pf_code pf_client_ping(pf_client *c, pf_error *err);

#endif
