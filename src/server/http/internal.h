/* internal.h: what the files of this room share. Nobody outside src/server/http includes it.
 *
 *     pf_http      the server: configuration, MHD daemon, queue, list of connections
 *     pf_conn      a TCP connection, from MHD's "started" to its "closed"; has at most one
 *     pf_req       request at a time, from the request line to finished()
 *
 *     thread                          runs
 *     "http-0", "http-1", ...         loop.c; request.c, reply.c, stream.c (sending side)
 *     "worker-0", ...                 workers.c: handle() and produce()
 *     "http-door"                     door.c: accepts, watches deadlines, drains closing sockets
 *     the application's own threads   pf_req_reply*()
 *
 * Who may touch a request: the HTTP thread of its connection while the connection is not
 * suspended, and whoever was handed it (a worker, the application) while it is. `handoff` is where
 * the two meet; see request.c.
 */
#ifndef PF_SERVER_HTTP_INTERNAL_H
#define PF_SERVER_HTTP_INTERNAL_H

#include "base/clock.h"
#include "server/http/http.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

enum {
    PF_REPLY_FREE = 16 << 10,   /* bytes of an answer that are not charged to the budget */
    PF_DRAIN_MAX = 64 << 10,    /* bytes of an unwanted body that are read for politeness */
    PF_BODY_FIRST = 64 << 10,   /* first allocation for a body, whatever Content-Length says */
    PF_STREAM_BLOCK = 32 << 10, /* what one call of the content reader copies at most */
    PF_ARENA_KEEP =
        256 << 10,        /* arena memory that a pooled request keeps: a push of usual size fits */
    PF_LISTENERS_MAX = 8, /* addresses that one name may stand for */
    PF_REQUEST_ID_MAX = 128,
};

typedef struct pf_conn pf_conn;
typedef struct pf_workers pf_workers;
typedef struct pf_door pf_door;
typedef struct pf_loop pf_loop;

/* ---- address.c */
typedef struct pf_listener {
    int fds[PF_LISTENERS_MAX];
    unsigned n;
    bool loopback;  /* all of them */
    char text[128]; /* the first one as "host:port" */
} pf_listener;

pf_code pf_listener_open(pf_listener *l, const char *addr, pf_error *err);
void pf_listener_close(pf_listener *l);

/* "127.0.0.1" or "::1" without port or zone; IPv4 mapped into IPv6 as IPv4. */
void pf_peer_format(const struct sockaddr *sa, char out[static INET6_ADDRSTRLEN]);

/* ---- target.c */
/* What of a raw request target is path and what query; both point into `target`. Takes origin form
 * ("/a?b"), absolute form ("http://host/a?b"), "*" and, for CONNECT, "host:port". NULL, or what is
 * wrong with it, as a sentence for the client. */
const char *pf_target_split(pf_str method, pf_str target, pf_str *path, pf_str *query);

/* Takes the base path off a path that is it or lies under it. */
void pf_target_unprefix(pf_str *path, pf_str base);

bool pf_is_token(pf_str s); /* RFC 9110 5.6.2: methods, names of headers */

/* ---- head.c */
typedef struct pf_header {
    pf_str name, value;
} pf_header;

/* What the headers say about the body. */
typedef struct pf_framing {
    bool chunked;
    bool has_length;
    uint64_t length;
} pf_framing;

/* A refusal by the transport: status 0 is none. */
typedef struct pf_refusal {
    int status;
    const char *msg;
} pf_refusal;

/* Copies the headers of `mhd` into the request and reads the framing from them. */
pf_refusal pf_head_take(pf_req *req, struct MHD_Connection *mhd, const char *version);

/* The framing of `n` headers; RFC 9112 6.3, read strictly. */
pf_refusal pf_framing_read(const pf_header *headers, size_t n, bool http10, pf_framing *out);

/* ---- conn.c: connections */
typedef enum pf_phase {
    PF_PHASE_IDLE,   /* no request line yet */
    PF_PHASE_HEAD,   /* request line seen, headers on their way */
    PF_PHASE_BODY,   /* headers seen, body on its way */
    PF_PHASE_HANDLE, /* the application has it */
    PF_PHASE_WRITE,  /* the answer is being sent */
} pf_phase;

struct pf_conn {
    pf_conn *prev, *next; /* http->conns */
    pf_http *http;
    pf_loop *loop;
    struct MHD_Connection *mhd;
    int fd; /* libmicrohttpd's: valid until "closed" returns */
    char peer[INET6_ADDRSTRLEN];

    atomic_int phase;
    atomic_llong since; /* pf_clock_mono when the phase began */
    atomic_bool used;   /* a request has been finished: silence now is keep-alive */

    atomic_bool deaf;   /* we have shut its reading side */
    atomic_bool linger; /* input may still come that nobody will read: close politely */

    pthread_mutex_t lock; /* guards the rest but `watch` */
    pf_req *req;
    bool aborted;  /* broken off: no polite closing */
    bool answered; /* by pf_conn_answer: nothing may follow */
    int answer_status;
    int64_t answer_sent;

    struct { /* door thread only: see watch.c */
        int phase;
        int64_t since;
        int64_t progress; /* when something moved */
        int64_t look;     /* when to look at the counters again */
        uint64_t bytes;   /* the counter at that time */
        bool counted, trickling, ended;
        unsigned looks;
    } watch;
};

void pf_conn_notify(void *cls, struct MHD_Connection *mhd, void **socket_context,
                    enum MHD_ConnectionNotificationCode code);
void pf_conn_phase(pf_conn *c, pf_phase phase);

/* Writes a whole error answer past MHD, straight to the socket, without waiting, and ends the
 * sending side. For the moments in which MHD takes no answer: the middle of a body, a deadline.
 * The caller holds c->lock. Does nothing the second time. */
void pf_conn_answer(pf_conn *c, const pf_req *req, int status, const char *msg);

/* The same to a request that stopped half-way: 400, or 503 when it was us who stopped it. */
void pf_conn_answer_cut(pf_conn *c, const pf_req *req);

/* The same for a socket that has not become a connection. */
void pf_answer_refused(pf_http *h, int fd, int status, const char *msg);

void pf_conn_abort(pf_conn *c); /* breaks it off; holds c->lock */

/* ---- mhdlog.c: libmicrohttpd's log callback */
void pf_mhd_log(void *cls, const char *format, va_list ap) __attribute__((format(printf, 2, 0)));

/* ---- door.c, watch.c: accepting, watching, closing politely */
pf_code pf_door_start(pf_http *h, pf_error *err);
void pf_door_shut(pf_http *h); /* accepts no more from here on; the thread goes on watching */
bool pf_door_busy(pf_http *h); /* sockets are being read dry */
void pf_door_stop(pf_http *h);
void pf_door_linger(pf_http *h, int fd); /* takes fd over: reads it dry for a while, closes it */
void pf_watch(pf_http *h, int64_t now);  /* one look at every connection */

/* ---- loop.c: the HTTP threads */
pf_code pf_loops_start(pf_http *h, pf_error *err);
void pf_loops_stop(pf_http *h);    /* nothing may be suspended; closes what there is, joins */
pf_loop *pf_loop_pick(pf_http *h); /* the one with the fewest connections */
pf_http *pf_loop_http(const pf_loop *l);

/* Leaves an accepted socket to the thread; false, and it is still the caller's, without memory. */
bool pf_loop_leave(pf_loop *l, int fd, const struct sockaddr *addr, socklen_t len);
void pf_loop_gone(pf_loop *l); /* one that was left is closed */
void pf_loop_ring(pf_loop *l); /* there is something to do; any thread */

/* ---- workers.c */
typedef enum pf_job_kind { PF_JOB_HANDLE, PF_JOB_PRODUCE, PF_JOB_DONE } pf_job_kind;

pf_code pf_workers_start(pf_http *h, pf_error *err);
void pf_workers_stop(pf_http *h); /* runs what is queued, then joins */

/* Takes one of queue_max places for a request that will be pushed; false when there is none. */
bool pf_workers_reserve(pf_workers *w);
void pf_workers_push(pf_workers *w, pf_req *req, pf_job_kind kind);
size_t pf_workers_queued(pf_workers *w);

/* ---- request.c */
typedef enum pf_handoff {
    PF_HANDOFF_OPEN,      /* the HTTP thread has it and its connection is not suspended */
    PF_HANDOFF_SUSPENDED, /* somebody else has it; who replies resumes */
    PF_HANDOFF_REPLIED,   /* the reply stands in the request */
} pf_handoff;

typedef struct pf_stream {
    pf_produce_fn produce; /* NULL: not a stream */
    void (*done)(void *ctx);
    void *ctx;
    pf_buf piece;
    size_t taken; /* bytes of the piece that MHD has */
    bool first;   /* the first piece is not there yet */
    bool end, failed;
} pf_stream;

typedef struct pf_reply {
    int status;
    const char *content_type;
    pf_buf body;
    pf_buf headers; /* name NUL value NUL ... */
    size_t charged; /* bytes of body or piece that the budget was charged with */
    pf_stream stream;
} pf_reply;

typedef struct pf_body {
    char *data;
    size_t len, cap; /* cap is what the budget was charged with */
} pf_body;

enum { PF_TEXT_INLINE = 3072, PF_HEADERS_INLINE = 24 };

struct pf_req {
    pf_req *next; /* in the pool, or in the workers' queue */
    pf_http *http;
    pf_conn *conn;
    struct MHD_Connection *mhd;
    pf_job_kind job;

    pf_method method;
    pf_str method_name, target, path, query;
    pf_header *headers;
    size_t nheaders;
    pf_framing framing;
    const char *raw; /* MHD's copy of the target, to be compared with where the version stands */
    char id[PF_REQUEST_ID_MAX + 1];
    size_t id_len;
    char peer[INET6_ADDRSTRLEN];
    int64_t started_wall, started_mono;

    bool head_done;  /* the first call of the access handler is over */
    bool deferred;   /* the first final call has passed without an answer */
    bool moving;     /* handle() asked for a worker: pf_req_move */
    bool dispatched; /* handle() was called, or need not be */
    bool held;       /* counted in http->suspended */
    bool queued;     /* the reply was given to MHD */
    int status;      /* of the answer, once there is one */
    int64_t sent;    /* bytes of its body, once it is out */

    pf_admit admit;
    pf_body body;
    uint64_t body_seen; /* bytes that came, thrown away ones too */

    atomic_int handoff;
    atomic_flag claimed; /* somebody is replying or has replied */
    pf_reply reply;

    atomic_bool cancelled;
    void *user;
    pf_arena arena;
    size_t text_used;
    char text[PF_TEXT_INLINE];
    pf_header inline_headers[PF_HEADERS_INLINE];
};

void *pf_req_uri(void *cls, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result pf_req_access(void *cls, struct MHD_Connection *mhd, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *size, void **con_cls);
void pf_req_completed(void *cls, struct MHD_Connection *mhd, void **con_cls,
                      enum MHD_RequestTerminationCode toe);

char *pf_req_text(pf_req *req, size_t n); /* room that lives as long; NULL: out of memory */
bool pf_req_hold(pf_req *req);            /* before suspending: false when the server is closed */
void pf_req_release(pf_req *req);         /* after resuming */
void pf_req_resume(pf_req *req); /* resumes the connection; the request may be gone after it */
void pf_req_end(pf_req *req);    /* its connection is done with it */
void pf_req_finish(pf_req *req); /* finished(), then frees */

/* ---- pool.c: the requests that are not in use */
typedef struct pf_pool {
    pthread_mutex_t lock; /* guards free, n */
    pf_req *free;
    unsigned n, max;
} pf_pool;

void pf_pool_init(pf_pool *p, unsigned max);
pf_req *pf_pool_get(pf_http *h);
void pf_pool_put(pf_http *h, pf_req *req);
void pf_pool_free(pf_pool *p);

/* ---- body.c */
/* Appends; PF_TOO_LARGE when it can never fit, PF_UNAVAILABLE when it does not fit now. */
pf_code pf_body_append(pf_req *req, const char *data, size_t n, pf_error *err);
void pf_body_free(pf_req *req);

/* ---- reply.c */
/* Gives the reply to MHD; on the HTTP thread. False: close the connection. */
bool pf_reply_queue(pf_req *req);
void pf_reply_publish(pf_req *req); /* the reply is complete: wakes the HTTP thread */
void pf_reply_set_error(pf_req *req, int status, const char *msg);
void pf_reply_free(pf_req *req);

/* Charges the budget with a body or piece of `cap` bytes; small ones are free, so that errors and
 * probes are answered when memory is short. A failure becomes the answer. */
pf_code pf_reply_charge(pf_req *req, size_t cap, pf_error *err);
bool pf_reply_claim(pf_req *req); /* false: replied before */

/* ---- stream.c */
struct MHD_Response *pf_stream_response(pf_req *req);
void pf_stream_produce(pf_req *req); /* worker: makes the next piece, resumes */
void pf_stream_end(pf_req *req);     /* calls done, once */

/* ---- metrics.c */
void pf_http_metrics_start(pf_http *h);
void pf_http_metrics_stop(pf_http *h); /* afterwards nobody reads h */

struct pf_http {
    pf_http_config cfg;
    pf_http_app app;
    pf_listener listener;
    char address[128];
    bool loopback;
    pf_loop *loops;
    unsigned nloops;
    pf_workers *workers;
    pf_door *door;
    pf_pool pool;

    pthread_mutex_t conns_lock; /* guards conns, nconns; taken before a pf_conn's lock */
    pf_conn *conns;
    unsigned nconns;
    atomic_uint accepted; /* connections left to HTTP threads and not closed yet */

    atomic_ullong refused; /* connections over the limit */

    atomic_uint live;      /* requests */
    atomic_uint suspended; /* requests whose connection is, or may be about to be, suspended */
    atomic_uint resuming;  /* threads inside MHD_resume_connection; the application's, too */
    atomic_bool stopping;  /* answers carry Connection: close */
    atomic_bool closed;    /* nothing may be suspended any more */

    pthread_mutex_t idle_lock;
    pthread_cond_t idle; /* live or suspended went down */
};

void pf_http_poke(pf_http *h); /* wakes pf_http_stop when it waits */

#endif
