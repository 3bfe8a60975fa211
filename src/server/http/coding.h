/* coding.h: content codings of answers (RFC 9110 8.4): gzip by ISA-L's fast deflate, zstd.
 *
 *     pf_coding c = pf_coding_pick(pf_req_header(req, "Accept-Encoding"));
 *     if (c && pf_coding_suits("application/json") && pf_coding_encode(c, body, &small)) …
 *
 * A whole body is encoded at once; a stream by a pf_encoder, which flushes with every piece so that the client can use
 * what it has. No state is shared.
 */
#ifndef PF_SERVER_HTTP_CODING_H
#define PF_SERVER_HTTP_CODING_H

#include "base/buf.h"

typedef enum pf_coding { PF_CODING_NONE, PF_CODING_GZIP, PF_CODING_ZSTD } pf_coding;

enum {
    PF_CODING_LEAST = 1400
}; /* bytes of a body from which on it pays: what fits one packet does not */

/* What an Accept-Encoding prefers of those that are `offered`, bits of 1 << pf_coding: the larger weight, zstd before
 * gzip. Names without a weight have 1; "*" stands for gzip; nothing is accepted that has weight 0. */
enum {
    PF_CODINGS_OF_BODIES = 1 << PF_CODING_GZIP | 1 << PF_CODING_ZSTD,
    PF_CODINGS_OF_STREAMS = 1 << PF_CODING_GZIP
};
pf_coding pf_coding_pick(pf_str accept_encoding, unsigned offered);
const char *pf_coding_name(pf_coding c); /* "gzip" */

/* Whether bodies of this content type get smaller: text, JSON, SVG. */
bool pf_coding_suits(const char *content_type);

/* Appends `in`, encoded. False when out of memory or when it did not get smaller: *out is to be dropped. */
bool pf_coding_encode(pf_coding c, pf_str in, pf_buf *out);

/* A gzip stream. */
typedef struct pf_encoder pf_encoder;
pf_encoder *pf_encoder_new(void); /* NULL: out of memory */
size_t pf_encoder_bytes(void);    /* memory that one takes */

/* Appends what `in` becomes; `last`: and the end. False: out of memory. */
bool pf_encoder_put(pf_encoder *e, pf_str in, bool last, pf_buf *out);
void pf_encoder_free(pf_encoder *e);

#endif
