/* request.h: one request and its answer, whatever protocol it came by. Data only: it calls nobody.
 *
 *                       DELAYED
 *                        ^   |
 *                        |   v
 *     HEAD --> BODY --> HANDLE --> REPLY --> ENDING      stages; in HANDLE, PIECE and ENDING somebody else
 *                                  ^   |                 than the loop has the request: the application or
 *                                  |   v                 a worker. It comes back by the loop's mailbox.
 *                                  PIECE
 *
 * A request belongs to the loop of its connection. Whoever else has it meanwhile may touch only the answer, the
 * arena and the user pointer; `owner`, the connection, is the loop's to read and to clear, so a request can outlive
 * its connection.
 */
#ifndef PF_SERVER_HTTP_REQUEST_H
#define PF_SERVER_HTTP_REQUEST_H

#include "server/http/body.h"
#include "server/http/head.h"
#include "server/http/loop.h"
#include "server/http/reply.h"
#include "server/http/service.h"

#include <netinet/in.h>

enum {
    PF_REQUEST_ID_MAX = 128,
    PF_HEAD_INLINE = 2048,  /* bytes of a head that need no memory of their own */
    PF_HEADERS_INLINE = 24, /* headers likewise */
};

typedef enum pf_stage {
    PF_STAGE_HEAD,
    PF_STAGE_BODY,
    PF_STAGE_HANDLE,  /* handle() was called, the reply is not here */
    PF_STAGE_DELAYED, /* the reply is here and waits for req->timer */
    PF_STAGE_REPLY,   /* the answer, or a piece of it, can be sent */
    PF_STAGE_PIECE,   /* a worker makes the next piece */
    PF_STAGE_ENDING,  /* a worker calls the stream's done() */
} pf_stage;

/* What a request is told of: its connection, which has this as a member. */
typedef struct pf_owner pf_owner;
struct pf_owner {
    void (*ready)(pf_owner *o,
                  pf_req *req); /* on the loop's thread: the request is in PF_STAGE_REPLY */
};

/* What a connection knows of its client. */
typedef struct pf_peer {
    char text[INET6_ADDRSTRLEN]; /* "127.0.0.1"; "unix" */
    bool trusted;                /* its word about whom it forwards for is taken */
    bool tls;
    bool on_loopback; /* it connected to a loopback address */
    const char *name; /* of its verified certificate, or NULL */
} pf_peer;

typedef struct pf_request_pool pf_request_pool; /* exchange.h */

struct pf_req {
    pf_mail mail; /* to the loop */
    pf_job job;   /* to a worker */
    pf_service *service;
    const pf_http_app *app;
    pf_loop *loop;
    pf_request_pool *pool; /* where it goes in the end */
    pf_owner *owner;       /* NULL: the connection is gone */
    pf_req *prev, *next;   /* for whoever has it: the connection's requests, or the unused ones */

    pf_stage stage;
    pf_method method;
    pf_str method_name, target, path, query;
    pf_header *headers;
    size_t nheaders;
    pf_framing framing;
    int minor;                              /* of HTTP/1.x */
    bool is_tls, trusted_peer, on_loopback; /* of pf_peer */
    bool is_forwarded;                      /* `peer` is whom a trusted proxy named */
    pf_str client_name;
    char id[PF_REQUEST_ID_MAX + 1];
    size_t id_len;
    char peer[INET6_ADDRSTRLEN];
    int64_t started_wall, started_mono;

    pf_admit admit;
    pf_body body;
    uint64_t body_seen; /* bytes that came, thrown away ones too */
    bool moving;        /* handle() asked for a worker: pf_req_move */
    bool refused;       /* by the transport: an HTTP/1 connection ends with the answer */

    size_t charged; /* bytes of the budget that this struct takes */

    atomic_flag claimed; /* somebody is replying or has replied */
    pf_reply reply;
    int64_t delay; /* ns that the reply is held back, see pf_req_delay */
    pf_timer timer;
    int64_t sent;  /* bytes of its body that have left */
    bool complete; /* all of them */
    atomic_bool cancelled;
    void *user;

    /* For HTTP/2's glue. */
    int32_t stream_id;
    int64_t since;     /* when the stage, or the last progress in it, began */
    uint64_t progress; /* bytes sent when that was */
    bool input_done;   /* the client has ended its side */
    bool waiting;      /* sending waits for a piece */
    bool answered;     /* the answer's head was handed over */
    bool lingers;      /* the answer is out, the body still comes and is thrown away */
    size_t head_bytes;

    pf_arena arena;
    size_t text_used;
    char text[PF_HEAD_INLINE];
    pf_header inline_headers[PF_HEADERS_INLINE];
};

char *pf_req_text(pf_req *req, size_t n); /* room that lives as long; NULL: out of memory */

/* Whether a header that is a list, in one line or in several, has `token` in it. */
bool pf_req_list_has(const pf_req *req, const char *name, pf_str token);

/* Room for `n` headers in req->headers; false: out of memory. */
bool pf_req_room_for_headers(pf_req *req, size_t n);

#endif
