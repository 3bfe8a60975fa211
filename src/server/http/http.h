/* http.h: the transport. HTTP/1.1 and HTTP/2, in clear text and through TLS, on connections of its own: listeners, HTTP
 * threads with epoll, a bounded queue to worker threads, deadlines and limits. It knows nothing of profiles;
 * src/server/api is the application. README.md in this folder leads through the files.
 *
 *     HTTP thread   head -> admit() -> body -+- PF_RUN_INLINE -> handle()
 *     worker                                 +- PF_RUN_WORKER -> queue -> handle()
 *     any thread    pf_req_reply*()
 *     HTTP thread   sends -> finished()
 *
 * A connection belongs to one HTTP thread, and nobody else touches it: what one client sends, or how slowly, can't
 * reach another's answer. An HTTP thread never blocks on disk, network or a lock that is held across either. A
 * request is replied to exactly once, from any thread, maybe long after handle() returned (a store's committer, say).
 * A full queue answers 503 with Retry-After at once.
 *
 * What the transport answers by itself (through error_form, so that it looks like the rest): 400 for malformed requests and
 * framing that lies (head.h), 413 for a body over the limit of admit (by Content-Length before it is read, else as
 * soon as it is passed), 414/431 for over-long targets and heads, 417 for unknown expectations, 408 for heads or
 * bodies that are not complete in time however busily they trickle, 501 for other transfer codings, 503 for a full
 * queue, too many connections, or memory in flight used up, 505 for other versions. An HTTP/1 connection is closed
 * then, in a way that lets the client read why; of an HTTP/2 connection only that stream ends. Each such answer belongs
 * to a request that has its finished(), but for connections that are refused before they are served.
 */
#ifndef PF_SERVER_HTTP_HTTP_H
#define PF_SERVER_HTTP_HTTP_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "server/http/tls.h"

#include <stdatomic.h>

enum {
    PF_HTTP_LISTENS_MAX = 32,
    PF_HTTP_INHERITED = 3, /* the descriptor of the first inherited socket */
};

typedef struct pf_http pf_http;
typedef struct pf_req pf_req;

typedef enum pf_method {
    PF_METHOD_GET,
    PF_METHOD_HEAD, /* handled as GET: the transport leaves the body out */
    PF_METHOD_POST,
    PF_METHOD_DELETE,
    PF_METHOD_OPTIONS,
    PF_METHOD_OTHER, /* see pf_req_method_name */
} pf_method;

/* Where handle() runs. Inline spares two changes of thread and suits what is short for sure; a handler that finds
 * out that it is not calls pf_req_move. */
typedef enum pf_run { PF_RUN_WORKER, PF_RUN_INLINE } pf_run;

/* Writes the body of an error answer and returns its content type, a literal. May add headers to the answer. `status`
 * says more than err->code where the transport itself refuses (a 431 is a PF_INVALID). `req` is NULL for a connection
 * that is refused before it is served; its path is empty when no target could be read. Any thread; must not block. */
typedef const char *(*pf_error_form)(void *ctx, pf_req *req, int status, const pf_error *err,
                                     pf_buf *out);

/* What admit decides. Before the call: no body allowed, worker, the application's error form. */
typedef struct pf_admit {
    size_t max_body; /* bytes that a body may have; 0: a body is read, up to a small bound, and
                        thrown away */
    pf_run run;
    pf_error_form error_form; /* how this protocol says that something failed */
} pf_admit;

typedef struct pf_http_header {
    const char *name, *value;
} pf_http_header;

typedef struct pf_http_app {
    void *ctx;

    /* On an HTTP thread, once the head is in and before the body. May reply at once (a 404, a
     * 405): the body is then not waited for. Must not block. */
    void (*admit)(void *ctx, pf_req *req, pf_admit *out);

    /* With the whole body. Replies now or lets somebody reply later. */
    void (*handle)(void *ctx, pf_req *req);

    /* Once a request, when the last byte of the answer has left or the connection is gone. `status`
     * is that of the answer, the transport's own included; `sent` counts the bytes of its body and is
     * below 0 when they did not all go out. On an HTTP thread. For the access line and the metrics; the
     * request is freed afterwards. May be NULL. */
    void (*finished)(void *ctx, pf_req *req, int status, int64_t sent, int64_t duration_ns);

    pf_error_form error_form;

    /* What every answer carries, the transport's own included, unless it has a header of that name itself. Ends
     * with a NULL name; borrowed; may be NULL. */
    const pf_http_header *headers;
} pf_http_app;

/* Where clients connect, what they find there, and how. Several may share an application. */
typedef struct pf_http_listen {
    const char
        *addr; /* "host:port", ":port", "[::1]:port" (port 0 picks a free one), "unix:/path" */
    int fd; /* with addr NULL: a listening socket of somebody else's, which stays open at the end */
    const pf_http_app *app; /* copied */
    pf_tls *tls;            /* NULL: clear text; borrowed */
} pf_http_listen;

typedef struct pf_http_config {
    const pf_http_listen *listens; /* borrowed until pf_http_start returns */
    size_t nlistens;
    unsigned threads;   /* HTTP threads */
    unsigned workers;   /* worker threads */
    unsigned queue_max; /* requests that wait for a worker; 0: as many as connections */
    unsigned
        connections; /* at once: beyond, the one idle longest makes room, or the new one gets 503. One address
                             has half of them at most, but for loopback and trusted proxies */
    unsigned descriptors;  /* that the rest of the process may need beside the connections' */
    size_t header_max;     /* bytes of a head */
    const char *base_path; /* "" or "/prefix": taken off paths that begin with it, so that a server
                                    behind a proxy answers with and without; borrowed */
    const char *
        trusted_proxies; /* "10.0.0.0/8,::1,unix": whose X-Forwarded-For and Forwarded name the client;
                                    NULL: nobody's; borrowed until pf_http_start returns */
    int64_t header_timeout; /* ns from the first byte (or the accept) to the end of the head */
    int64_t body_timeout;   /* ns from there to the end of the body */
    int64_t write_timeout;  /* ns in which a client must take 16 KiB of its answer, or the rest */
    int64_t idle_timeout;   /* ns that a kept-alive connection may be silent */
    pf_ledger *budget;      /* bodies, request arenas, answers over 16 KiB; may be NULL */
} pf_http_config;

pf_http_config pf_http_config_default(void);

/* Binds, listens, starts all threads. PF_UNAVAILABLE "can't
 * listen on …: address in use" and so on; PF_INVALID for an address that can't be read, and for more connections than
 * there can be descriptors. */
pf_code pf_http_start(const pf_http_config *cfg, pf_http **out, pf_error *err);

/* The address that listener `i` is really bound to, "127.0.0.1:41223" or "unix:/path"; NULL behind the last. Valid as
 * long as the server. */
const char *pf_http_address(const pf_http *h, size_t i);
bool pf_http_is_loopback(const pf_http *h); /* nobody from another machine can connect */

/* How many listening sockets the service manager left for this process (systemd's LISTEN_FDS): their descriptors
 * begin with PF_HTTP_INHERITED. Clears the variables, so that no child takes them for its own. */
size_t pf_http_inherited(void);

/* Stops accepting, lets what is under way finish until `deadline` (pf_clock_mono ns), also the first request of a
 * client that has just connected, then cancels it and closes its connections. Afterwards no callback runs and no
 * request lives. Frees h. Returns true when everything finished in time. Inherited sockets stay open: who connects
 * waits for the next process. */
bool pf_http_stop(pf_http *h, int64_t deadline);

/* The request. Valid from admit until finished; all texts live as long. */
pf_method pf_req_method(const pf_req *req);
pf_str pf_req_method_name(const pf_req *req);
pf_str pf_req_target(const pf_req *req); /* as it stood in the request, raw: "/a%20b?x=1" */
pf_str pf_req_path(const pf_req *req);   /* the target up to '?', still escaped, without the base
                                            path; empty when the target is the base path itself */
pf_str pf_req_query(const pf_req *req);  /* behind '?', still escaped; may be empty */
pf_str pf_req_header(const pf_req *req,
                     const char *name); /* case folds; empty when absent; the first of several */
pf_str pf_req_header_line(const pf_req *req, const char *name,
                          size_t i); /* the i-th of that name, from 0; empty behind the last */
size_t pf_req_header_lines(const pf_req *req,
                           const char *name); /* how many of that name there are */
pf_str pf_req_body(const pf_req *req);
pf_str pf_req_peer(
    const pf_req *req); /* the client's IP address as text, a trusted proxy's word for it; "unix" */
bool pf_req_is_tls(const pf_req *req); /* its connection to this server */
bool pf_req_on_loopback(
    const pf_req *
        req); /* its connection came to a loopback address of this machine; never one by a Unix socket */
bool pf_req_from_proxy(const pf_req *req);   /* its connection is a trusted proxy's */
bool pf_req_is_forwarded(const pf_req *req); /* and pf_req_peer is whom the proxy named */
pf_str pf_req_client_name(
    const pf_req *req); /* the subject of its verified certificate, "CN=ci,O=shop"; or empty */
pf_str pf_req_id(const pf_req *req); /* X-Request-Id: the caller's when it is sane (1-128 visible
                                          ASCII), else a new one */
int64_t pf_req_started(const pf_req *req); /* wall clock ns of the first byte */
pf_arena *pf_req_arena(pf_req *req);       /* freed with the request; one thread at a time */

/* For the application's own state of this request, and a flag that becomes true when the client has
 * hung up or the server gives the request up: hand it to pf_op. A reply is due all the same. An HTTP/1 client
 * that has only shut its sending side can't be told from one that is gone: after a second in
 * handle() it counts as gone. A request that is cancelled while it waits for a worker is not handled any more. */
void pf_req_set_user(pf_req *req, void *user);
void *pf_req_user(const pf_req *req);
atomic_bool *pf_req_cancelled(pf_req *req);

/* Where handle() runs now. */
pf_run pf_req_run(const pf_req *req);

/* In an inline handle(), before any reply: has handle() called anew on a worker, and returns; the caller returns,
 * too. What was taken from the request's arena stays taken. */
void pf_req_move(pf_req *req);

/* Before the reply: has it leave `ns` later than it could, as one to a wrong password should. It holds no thread and
 * nothing else up but what follows on the same HTTP/1 connection. A client that goes meanwhile ends it, one that has only
 * ended its sending side does not; pf_http_stop lets it leave in its time, or drops it at the deadline. With a quarter
 * of the connections' number held so, a further one leaves at once: who asks for delays can't take all connections. */
void pf_req_delay(pf_req *req, int64_t ns);

/* Adds a header to the answer, or a trailer, which follows the body: HTTP/2 always sends trailers, HTTP/1.1 those of
 * streamed answers to a client that said "TE: trailers". Before the reply (a trailer of a stream: before its last
 * piece); both are copied. A value with a control character is left out. */
void pf_req_add_header(pf_req *req, const char *name, const char *value);
void pf_req_add_trailer(pf_req *req, const char *name, const char *value);

/* Replies with `body`, whose bytes are taken over (*body is empty afterwards). Every answer gets
 * X-Request-Id, Content-Length and Content-Type (a literal; NULL leaves it out). A body that has
 * `failed` or finds no room in the budget becomes a 503, one that never could a 422. Text of some length is
 * compressed, on the calling thread, as the client's Accept-Encoding allows (coding.h). */
void pf_req_reply_take(pf_req *req, int status, const char *content_type, pf_buf *body);

/* Replies with a body that is made as the client takes it. `produce` runs on a worker whenever what
 * it made before has been sent, never twice at a time: it appends some bytes (aim at 64 to 256 KiB)
 * and sets *end with the last of them; an error breaks the answer off (the client sees a cut
 * chunked body, or a reset stream). The first piece is made before the headers leave: an error there is answered as
 * an error, and an answer that is complete is sent with its length. `done`, when not NULL, runs once,
 * on a worker, when no more is wanted: after the last piece, an error, or the client's going. */
typedef pf_code (*pf_produce_fn)(void *ctx, pf_buf *out, bool *end, pf_error *err);
void pf_req_reply_stream(pf_req *req, int status, const char *content_type, pf_produce_fn produce,
                         void (*done)(void *ctx), void *ctx);

/* Replies with an error: the error form writes it. 503 gets a Retry-After of a second, where none was added; 405 needs `Allow` added
 * before. */
void pf_req_reply_error(pf_req *req, pf_code code, const pf_error *err);
void pf_req_reply_error_as(pf_req *req, int status,
                           const pf_error *err); /* by another status than the code's */
void pf_req_reply_status(pf_req *req, int status, const char *msg);

#endif
