/* wire.h: a connection without libcurl, that asks for the server's version: in clear text or through TLS, by HTTP/1.1
 * or HTTP/2.
 *
 * It shows what a connection costs the server and nothing else: when it opens, whether it resumes a TLS session, when
 * it closes. It takes little memory, so there can be many. Not thread-safe.
 */
#ifndef PF_CMD_BENCH_WIRE_H
#define PF_CMD_BENCH_WIRE_H

#include "cmd/bench/target.h"

#include <netdb.h>
#include <openssl/ssl.h>

/* Where connections lead, and how. */
typedef struct bench_place {
    struct addrinfo *to;
    SSL_CTX *ctx;         /* NULL: clear text */
    SSL_SESSION *session; /* of the connection that was closed last; NULL: none yet */
    bool http2;
} bench_place;

pf_code bench_place_find(bench_place *p, const bench_target *t, pf_error *err);
void bench_place_free(bench_place *p);

enum { BENCH_WIRE_ANSWER = 16 << 10 }; /* bytes of an answer's head and body */

typedef struct bench_wire {
    bench_place *place;
    int fd;
    SSL *ssl; /* NULL: clear text */
    unsigned asked;
    char answer[BENCH_WIRE_ANSWER + 1];
    size_t n;
} bench_wire;

/* Connects to the first address of the place that takes it, shakes hands. With `resume` it must resume the place's session where there is one, else that is an error. */
pf_code bench_wire_open(bench_wire *w, bench_place *p, bool resume, pf_error *err);

/* Asks, and waits for the whole answer, which must have status 200. */
pf_code bench_wire_ask(bench_wire *w, pf_error *err);
void bench_wire_close(bench_wire *w);

/* Forgets all but the socket, which is the caller's from now on. */
int bench_wire_release(bench_wire *w);

#endif
