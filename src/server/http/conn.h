/* conn.h: the connections of one HTTP thread: from the accepted socket to its close.
 *
 *     socket --> io.h (clear text | TLS) --> protocol.h (h1 | h2) --> exchange.h
 *
 *     handshake --> serving --> lingering --> closed
 *                      \___________________/
 *
 * Reading and writing go on until neither can; then the connection waits for the socket, its deadline, or a
 * request's answer. It closes politely: closing a socket whose receive buffer holds bytes, or gets some later, makes
 * the kernel send a reset, and a reset makes the client's kernel throw away the answer that it has not read yet. So
 * the sending side is shut, and what still comes is read and thrown away for a while (lingering).
 *
 * A client that takes nothing is given up after write_timeout without 16 KiB of progress, told by what its machine has
 * acknowledged.
 */
#ifndef PF_SERVER_HTTP_CONN_H
#define PF_SERVER_HTTP_CONN_H

#include "server/http/exchange.h"
#include "server/http/idle.h"

typedef struct pf_connection pf_connection;

/* All connections of one HTTP thread; its fields belong to that thread but where it says "atomic". */
typedef struct pf_connections {
    pf_service *service;
    pf_loop *loop;
    pf_request_pool pool;
    pf_connection *all;
    pf_idle_list idle; /* those that may be closed to make room */
    bool draining;

    atomic_uint n;              /* connections that are or will be here, refused ones too */
    atomic_uint arriving;       /* those of them that its thread has not seen yet */
    atomic_uint unwanted;       /* idle ones that are to be closed */
    atomic_ullong evict_before; /* of those accepted before this one */
    pf_mail evict_mail, drain_mail, abort_mail;
} pf_connections;

void pf_connections_init(pf_connections *s, pf_service *service, pf_loop *loop);
void pf_connections_free(pf_connections *s); /* there must be none left */

/* A connection that was just accepted. */
typedef struct pf_accepted {
    int fd;
    const pf_http_app *app;
    pf_tls *tls;
    pf_peer peer;
    pf_holder *holder; /* NULL: its address is not counted */
    uint64_t serial;   /* how many were accepted before it */
    bool refused;      /* it was answered already, and is only to be closed politely */
} pf_accepted;

/* Any thread. Takes over all of `a`, the socket and the holder's count too; counted in `n` and in the service's
 * connections, or refusing. False, and nothing was taken over, without memory. */
bool pf_connections_add(pf_connections *s, const pf_accepted *a);

/* Any thread: has the connection closed that is idle longest, of those with a lower serial: who makes room for
 * a new one is not the new one itself, should all others have become busy meanwhile. */
void pf_connections_evict(pf_connections *s, uint64_t serial);

/* Any thread, once each: no new requests; no connections. */
void pf_connections_drain(pf_connections *s);
void pf_connections_abort(pf_connections *s);

#endif
