/* reply.h: an answer, from the application's call until its last byte has left. Data only; belongs to whoever has
 * the request (request.h). answer.h has what is done with it.
 */
#ifndef PF_SERVER_HTTP_REPLY_H
#define PF_SERVER_HTTP_REPLY_H

#include "server/http/coding.h"
#include "server/http/http.h"

/* Bytes of an answer that are not charged to the budget, so that errors and probes are answered when memory is
 * short. A connection has one answer at a time in HTTP/1, many in HTTP/2. */
enum { PF_REPLY_FREE = 16 << 10, PF_REPLY_FREE_H2 = 1 << 10 };

/* A body that is made while it is sent: one piece at a time. */
typedef struct pf_stream {
    pf_produce_fn produce; /* NULL: not a stream */
    void (*done)(void *ctx);
    void *ctx;
    pf_encoder *encoder; /* NULL: pieces leave as they are */
    bool first;          /* the first piece is not there yet */
    bool end;            /* the last piece was made */
    bool failed;         /* the answer breaks off behind this piece */
} pf_stream;

typedef struct pf_reply {
    int status;
    const char *content_type; /* or NULL */
    pf_buf body;              /* the whole one, or a stream's piece */
    size_t sent;              /* bytes of `body` that have left */
    pf_buf headers, trailers; /* name NUL value NUL ... */
    size_t charged;           /* bytes of body that the budget was charged with */
    pf_stream stream;
} pf_reply;

#endif
