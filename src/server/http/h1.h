/* h1.h: HTTP/1.1 and 1.0 on a connection: one request at a time, those that were sent ahead wait in the
 * connection's buffer. */
#ifndef PF_SERVER_HTTP_H1_H
#define PF_SERVER_HTTP_H1_H

#include "server/http/protocol.h"

/* `origin` and `owner` outlive it. NULL: out of memory. */
pf_protocol *pf_h1_new(const pf_origin *origin, pf_owner *owner);

#endif
