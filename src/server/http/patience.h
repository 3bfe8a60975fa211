/* patience.h: how much an HTTP/2 client may ask for nothing.
 *
 * A bucket of points. Frames that ask for nothing take some out, time and honest work put some back; a client that has
 * emptied it attacks. What came is read here once more, frame by frame, beside nghttp2: its callbacks leave some
 * frames out, and which differs between its versions.
 *
 * What the numbers allow, and where they come from:
 *
 *     resets         1000 at once, 33 a second: nghttp2's own defaults. Only a request that ends without its whole answer
 *                    counts, whoever resets it (CVE-2023-44487, CVE-2025-8671); so do streams beyond the limit
 *     settings       the same: each has to be acknowledged, and may change every stream
 *     other frames   30,000 at once, 1000 a second: ping, priority, window update, empty data, what isn't known.
 *                    (Go closes at 10,000 answers that queue up, nghttp2 at 1000, h2.c stops reading at 256.)
 *     continuations  of one header block: those that a head of the allowed length needs, and as many more as nghttp2
 *                    allows in all, 8 (CVE-2024-27316)
 *
 * A download through small windows has a window update or two for each piece, and gRPC a ping for each round trip: so
 * bodies pay for frames, 8 bytes for one (nginx lets all bytes be 8 times those of bodies), and an answered request
 * pays for 30.
 *
 *     pf_patience_init(&p, most_continuations, now);
 *     if (!pf_patience_watch(&p, data, n, now)) …it is at an end…
 */
#ifndef PF_SERVER_HTTP_PATIENCE_H
#define PF_SERVER_HTTP_PATIENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PF_PATIENCE = 30000,           /* what a full bucket holds */
    PF_PATIENCE_PER_SECOND = 1000, /* what comes back of it */
    PF_PATIENCE_RESET = 30,        /* what a request costs that ends without its answer */
    PF_PATIENCE_ANSWER = 30,       /* what one gives back that was answered */
    PF_PATIENCE_BYTES = 8,         /* bytes of bodies that give one back */
    PF_CONTINUATIONS = 8,          /* beyond those that a head needs */
};

typedef struct pf_patience {
    int64_t left, at; /* at: pf_clock_mono when it was looked at */
    size_t bytes;     /* moved, and not enough yet to give something back */

    unsigned continuations, most_continuations; /* of the header block that is arriving */
    size_t skip;                                /* bytes to the next frame's header */
    size_t have;
    uint8_t header[10]; /* the first bytes of a frame: its header, and how much padding data has */
} pf_patience;

/* Before the client's preface. */
void pf_patience_init(pf_patience *p, unsigned most_continuations, int64_t now);

/* The next bytes that came. False: patience is at an end. */
bool pf_patience_watch(pf_patience *p, const uint8_t *data, size_t n, int64_t now);

/* False: it is at an end. */
bool pf_patience_lose(pf_patience *p, int64_t cost);

void pf_patience_gain(pf_patience *p, int64_t gain);
void pf_patience_gain_bytes(pf_patience *p, size_t n); /* of bodies, taken or sent */

#endif
