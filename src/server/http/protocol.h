/* protocol.h: what a connection asks of the protocol that is spoken on it, HTTP/1.1 (h1.h) or HTTP/2 (h2.h).
 *
 *     connection --input()--> protocol --> exchange.h           bytes that came
 *     connection <--output()- protocol                          bytes to be written next, sent() when they were
 *
 * A protocol holds no socket and calls no connection: after each call the connection reads what it wants from the
 * struct. Everything runs on the loop's thread.
 */
#ifndef PF_SERVER_HTTP_PROTOCOL_H
#define PF_SERVER_HTTP_PROTOCOL_H

#include "server/http/exchange.h"

#include <sys/uio.h>

enum { PF_OUTPUT_PIECES = 3 };

typedef struct pf_protocol pf_protocol;

typedef struct pf_protocol_ops {
    /* Takes some of the bytes, how many is returned; the rest is offered again, with more behind it. */
    size_t (*input)(pf_protocol *p, const char *data, size_t n);

    void (*input_ended)(pf_protocol *p); /* the client sends no more, and all it sent was offered */
    void (*half_closed)(pf_protocol *p); /* the same, but unread bytes may still be there */

    /* Fills in up to PF_OUTPUT_PIECES pieces and returns how many: 0, there is nothing to write just now. */
    int (*output)(pf_protocol *p, struct iovec *pieces);
    void (*sent)(pf_protocol *p, size_t n);

    void (*ready)(pf_protocol *p, pf_req *req); /* pf_owner's */
    void (*timeout)(pf_protocol *p);            /* the deadline has come */
    void (*drain)(pf_protocol *p); /* the server stops: finish what is under way, begin nothing */
    void (*free)(pf_protocol *p);  /* the connection is gone; gives its requests up */
} pf_protocol_ops;

struct pf_protocol {
    const pf_protocol_ops *ops;
    int64_t deadline; /* pf_clock_mono; INT64_MAX: none */
    bool wants_input;
    bool idle;    /* waits for a request: may be closed to make room for others */
    bool ended;   /* nothing follows the output that is there: close behind it */
    bool aborted; /* break the connection off */
};

#endif
