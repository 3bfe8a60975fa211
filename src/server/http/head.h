/* head.h: the head of an HTTP/1 request, read strictly (RFC 9112). Bytes in, slices out: no memory is taken.
 *
 *     GET /a?b HTTP/1.1 CRLF
 *     Host: x CRLF
 *     CRLF                      <- pf_head_find says where the head ends, pf_head_read what it says
 *
 * Every reading of a head on which two programs could disagree is refused, since that is how one request is made to
 * look like two: bare CR or LF, NUL and other control characters, folded lines, a space before the colon, a name
 * that is no token, two Hosts or none, two lengths, a length beside a coding, a coding but "chunked", a
 * Connection header that names one of these.
 */
#ifndef PF_SERVER_HTTP_HEAD_H
#define PF_SERVER_HTTP_HEAD_H

#include "base/str.h"

typedef struct pf_header {
    pf_str name, value; /* the value without white space around it */
} pf_header;

/* What the headers say about the body. */
typedef struct pf_framing {
    bool chunked;
    bool has_length;
    uint64_t length;
} pf_framing;

/* Why a request is refused, as an answer: status 0 is none. */
typedef struct pf_refusal {
    int status;
    const char *msg; /* a literal */
} pf_refusal;

/* How far a head that is still arriving has been looked at: zeroed before its first byte. */
typedef struct pf_head_find {
    size_t at;    /* bytes that need no second look */
    size_t line;  /* where the line that is being read begins */
    size_t lines; /* complete ones */
} pf_head_find;

enum { PF_HEADERS_MAX = 256 };

/* Looks for the head's end in its first `n` bytes, of which f->at were there before, too. The head's length; 0 when
 * it is not complete (then more bytes may follow these) or is refused: *no has a status then. `max`: bytes that a head
 * may have: 414 when the first line alone is longer, else 431. */
size_t pf_head_find_end(pf_head_find *f, const char *p, size_t n, size_t max, pf_refusal *no);

typedef struct pf_head {
    pf_str method, target;
    int minor; /* of HTTP/1.x */
    size_t nheaders;
    pf_framing framing;
} pf_head;

/* Reads the first line alone, without its end; *out as far as it could be read. */
pf_refusal pf_head_read_line(pf_str line, pf_head *out);

/* Reads a whole head of `n` bytes, whose lines are pf_head_find's. `headers` has room for lines - 2 of them. Slices
 * point into `p`. On a refusal, too, *out has the method and the target where they could be read. */
pf_refusal pf_head_read(const char *p, size_t n, pf_head *out, pf_header *headers);

/* The framing of `n` headers; RFC 9112 6.3. */
pf_refusal pf_framing_read(const pf_header *headers, size_t n, bool http10, pf_framing *out);

/* True when `value`, a list like "close, Upgrade", has `token` in it. */
bool pf_list_has(pf_str value, pf_str token);

#endif
