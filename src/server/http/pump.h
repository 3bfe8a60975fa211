/* pump.h: bytes between a socket and the protocol that is spoken on it, until neither side can go on.
 *
 *     pf_io --read--> input that waits --> protocol
 *     pf_io <--write---------------------- protocol
 *
 * Sockets are watched edge-triggered: `readable` and `writable` stand for "not known to be exhausted". Belongs to
 * its loop's thread. It closes nothing: that is conn.c's.
 */
#ifndef PF_SERVER_HTTP_PUMP_H
#define PF_SERVER_HTTP_PUMP_H

#include "server/http/io.h"
#include "server/http/protocol.h"

typedef struct pf_pump {
    pf_loop *loop;
    pf_io io;
    pf_protocol *protocol; /* NULL when it is not served any more; owned */
    pf_buf in;             /* what came and was not taken yet */
    bool readable, writable;
    bool half_closed; /* the client has shut its sending side, or is gone */
    bool input_ended; /* and all that it sent was read */
    bool broken;      /* nothing more can be done with it */

    /* In clear text the first bytes tell the protocol: what is spoken instead where they are HTTP/2's preface. */
    pf_protocol *(*choose_h2)(const pf_origin *origin, pf_owner *owner);
    const pf_origin *origin;
    pf_owner *owner;

    bool blocked; /* there is output that the socket does not take */
    uint64_t written, acknowledged;
    int64_t progress_at; /* when that much was acknowledged */
} pf_pump;

/* Goes on until neither side can; false: it had its share, and there may be more to do. */
bool pf_pump_run(pf_pump *p);

/* One read, and what the protocol makes of it. True when something has changed. */
bool pf_pump_read(pf_pump *p);

/* Whether there is output left; notes since when it waits for the client. */
bool pf_pump_look(pf_pump *p);

/* Whether the client has taken too little since p->progress_at; where it has not, that is now. */
bool pf_pump_is_stuck(pf_pump *p);

/* Speaks `fresh` from now on; NULL breaks it. */
void pf_pump_use(pf_pump *p, pf_protocol *fresh);
void pf_pump_free(pf_pump *p); /* gives the protocol up and closes the socket */

#endif
