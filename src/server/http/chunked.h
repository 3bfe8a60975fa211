/* chunked.h: a chunked body (RFC 9112 7.1), piece by piece, without memory.
 *
 *     1a;ext=1 CRLF  <26 bytes> CRLF   0 CRLF  Trailer: x CRLF  CRLF
 *
 * Lines end in CRLF and hold no control characters; extensions and trailers are read past, within a bound.
 */
#ifndef PF_SERVER_HTTP_CHUNKED_H
#define PF_SERVER_HTTP_CHUNKED_H

#include "base/str.h"

enum {
    PF_CHUNK_EXTENSIONS_MAX = 16 << 10, /* bytes of a body's extensions and padding */
    PF_CHUNK_TRAILERS_MAX = 16 << 10,
};

/* Zeroed before the body's first byte. */
typedef struct pf_chunked {
    uint8_t state;
    uint8_t digits;    /* of the size that is being read */
    bool last;         /* the size was 0 */
    uint64_t left;     /* bytes of the chunk that are to come */
    uint32_t overhead; /* extension bytes, then trailer bytes */
} pf_chunked;

typedef enum pf_chunked_result {
    PF_CHUNKED_MORE, /* all was taken, the body goes on */
    PF_CHUNKED_DATA, /* *data is the next piece */
    PF_CHUNKED_END,  /* the body is complete */
    PF_CHUNKED_BAD,  /* it is malformed */
} pf_chunked_result;

/* Takes some of the `n` bytes at `p`, how many says *taken; call again with the rest after PF_CHUNKED_DATA. */
pf_chunked_result pf_chunked_next(pf_chunked *c, const char *p, size_t n, size_t *taken,
                                  pf_str *data);

#endif
