/* h2.h: HTTP/2 on a connection (RFC 9113), by libnghttp2: many requests at a time, each on a stream.
 *
 * What bounds a client: PF_H2_STREAMS streams (h2_session.h), header_max bytes of header fields (431), the body limits
 * and the budget as for HTTP/1.1, windows that are opened only for bytes that were taken, the deadlines of each stream,
 * no reading while frames wait to be sent, and a bucket of frames that ask for nothing (patience.h): who empties it is
 * told ENHANCE_YOUR_CALM and closed.
 */
#ifndef PF_SERVER_HTTP_H2_H
#define PF_SERVER_HTTP_H2_H

#include "server/http/protocol.h"

/* `origin` and `owner` outlive it. NULL: out of memory. */
pf_protocol *pf_h2_new(const pf_origin *origin, pf_owner *owner);

#endif
