/* server.h: what http.h calls pf_http, for the files that look inside. */
#ifndef PF_SERVER_HTTP_SERVER_H
#define PF_SERVER_HTTP_SERVER_H

#include "server/http/acceptor.h"
#include "server/http/listener.h"

typedef struct pf_http_thread {
    pf_http *http;
    pf_loop *loop;
    pf_connections conns;
    pf_acceptor *acceptors; /* one a listening socket */
    pf_mail stop_accepting;
} pf_http_thread;

struct pf_http {
    pf_service service;
    pf_http_app apps[PF_HTTP_LISTENS_MAX];
    pf_listener listeners[PF_HTTP_LISTENS_MAX];
    pf_tls *tls[PF_HTTP_LISTENS_MAX];
    size_t nlisteners;
    size_t nsockets; /* of all listeners */
    pf_http_thread *threads;
    unsigned nthreads;
    pf_connections **sets; /* those of the threads */
    pf_acceptance acceptance;
    atomic_uint accepting; /* threads that still do */
};

/* The transport's own metrics; stop before `h` is freed. */
void pf_http_metrics_start(pf_http *h);
void pf_http_metrics_stop(pf_http *h);

#endif
