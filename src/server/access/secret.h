/* secret.h: making a token's secret, and the hash of it that goes into the auth file.
 *
 * The hash is plain SHA-256: a secret has so many random bits that it can't be guessed from it, and a slow hash would
 * cost every push 50 ms. That is why a secret is at least 16 bytes.
 */
#ifndef PF_SERVER_ACCESS_SECRET_H
#define PF_SERVER_ACCESS_SECRET_H

#include "base/error.h"
#include "base/str.h"

enum {
    PF_SECRET_MIN = 16,   /* bytes */
    PF_SECRET_MAX = 4096, /* what a request may send: bearer.h */
    PF_SECRET_CHARS = 35, /* of one that pf_secret_new makes: "pf_" and 32 */
    PF_SECRET_HEX = 64    /* of a hash */
};

/* "pf_" and 160 random bits in base32hex (RFC 4648), lower case; NUL-terminated. */
void pf_secret_new(char out[static PF_SECRET_CHARS + 1]);

/* The secret's SHA-256 in hex, NUL-terminated. One line break at its end doesn't count. PF_INVALID: it is too short,
 * too long, or can't be sent in a header (control characters; white space at an end). */
pf_code pf_secret_hash(pf_str secret, char hex[static PF_SECRET_HEX + 1], pf_error *err);

#endif
