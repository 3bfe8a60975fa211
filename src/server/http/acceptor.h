/* acceptor.h: accepting on one listening socket, in one HTTP thread.
 *
 * Every thread has an acceptor for every listening socket; the kernel wakes one of them. The connection goes to the
 * thread that has the fewest. What keeps one client from holding all connections is decided here: the limit a
 * client, and that at the limit of all the one idle longest makes room.
 */
#ifndef PF_SERVER_HTTP_ACCEPTOR_H
#define PF_SERVER_HTTP_ACCEPTOR_H

#include "server/http/conn.h"

/* What acceptors share. */
typedef struct pf_acceptance {
    pf_service *service;
    pf_connections *const *sets; /* one a thread */
    size_t nsets;
} pf_acceptance;

typedef struct pf_acceptor {
    pf_poll poll;
    pf_timer retry; /* while descriptors or memory are used up */
    pf_loop *loop;
    const pf_acceptance *shared;
    const pf_http_app *app;
    pf_tls *tls;
    bool watching;
} pf_acceptor;

/* On the loop's thread or before it has started; `fd` is borrowed. */
pf_code pf_acceptor_start(pf_acceptor *a, pf_loop *loop, int fd, const pf_acceptance *shared,
                          const pf_http_app *app, pf_tls *tls, pf_error *err);
void pf_acceptor_stop(pf_acceptor *a); /* on the loop's thread */

#endif
