/* h2_session.h: the nghttp2 session of a connection: its options, and the settings that the client is told. */
#ifndef PF_SERVER_HTTP_H2_SESSION_H
#define PF_SERVER_HTTP_H2_SESSION_H

#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stddef.h>

enum { PF_H2_STREAMS = 128 }; /* at a time */

/* A server's session with these callbacks, which may be freed afterwards; our settings are submitted. False: out of
 * memory, *out is NULL or to be deleted. */
bool pf_h2_session_open(nghttp2_session **out, const nghttp2_session_callbacks *on,
                        size_t header_max, void *ctx);

/* Frames that may follow a head's first one. */
unsigned pf_h2_most_continuations(size_t header_max);

#endif
