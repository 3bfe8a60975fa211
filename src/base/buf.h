/* buf.h: a growable byte buffer with a ceiling and a memory of failure.
 *
 * Appends never need checking one by one: once one fails (out of memory, or over `max`), `failed`
 * is set, every later append does nothing, and the writer looks once at the end:
 *
 *     pf_buf b = PF_BUF_INIT;
 *     pf_buf_puts(&b, "{\"code\":");
 *     pf_buf_printf(&b, "%d", code);
 *     if (b.failed) ...
 *     pf_buf_free(&b);
 *
 * Owns its bytes (malloc). Not thread-safe.
 */
#ifndef PF_BASE_BUF_H
#define PF_BASE_BUF_H

#include "base/ledger.h"
#include "base/str.h"

typedef struct pf_buf {
    char *data;
    size_t len, cap;
    size_t max;        /* ceiling of len in bytes; 0 is none */
    pf_ledger *budget; /* that cap counts against, set before the first append; NULL: none */
    bool failed;       /* sticky */
    bool over_budget;  /* it failed for the budget: waiting may help */
    bool over_max;     /* it failed for max */
} pf_buf;

#define PF_BUF_INIT ((pf_buf){0})

/* Room for `n` more bytes behind len; NULL (and failed) when there is none. Does not change len. */
char *pf_buf_reserve(pf_buf *b, size_t n);
void pf_buf_put(pf_buf *b, const void *p, size_t n);
void pf_buf_puts(pf_buf *b, const char *cstr);
void pf_buf_put_str(pf_buf *b, pf_str s);
void pf_buf_putc(pf_buf *b, char c);
void pf_buf_printf(pf_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* An unsigned LEB128 varint, 1 to 10 bytes: the encoding of protobuf and of our own rows. */
void pf_buf_put_varint(pf_buf *b, uint64_t v);

void pf_buf_put_int(pf_buf *b, int64_t v); /* decimal; quicker than printf */

/* A JSON string with its quotes; bytes that are not UTF-8 become U+FFFD. */
void pf_buf_put_json(pf_buf *b, pf_str s);

pf_str pf_buf_str(const pf_buf *b); /* borrowed */
void pf_buf_clear(pf_buf *b);       /* len 0, failure forgotten, memory kept */
void pf_buf_free(pf_buf *b);

/* Reads a varint at *p, before end; false when it is cut off or over 10 bytes. Bits above 64 are
 * dropped. */
bool pf_varint_get(const uint8_t **p, const uint8_t *end, uint64_t *out);

static inline uint64_t pf_zigzag(int64_t v)
{
    return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}
static inline int64_t pf_unzigzag(uint64_t v)
{
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

#endif
