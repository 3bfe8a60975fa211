/* bearer.h: the secret that an Authorization header holds.
 *
 *     Authorization: Bearer pf_…             RFC 6750
 *     Authorization: Basic bWU6cGZf4oCm      RFC 7617: the password; whoever the user is
 *
 * Scheme names fold case. Errors never hold any of what the client sent.
 */
#ifndef PF_SERVER_ACCESS_BEARER_H
#define PF_SERVER_ACCESS_BEARER_H

#include "base/error.h"
#include "base/str.h"

enum {
    PF_BEARER_MAX = 4096, /* bytes of a secret */
    PF_BEARER_BUF = 6144  /* of a decoded user and password */
};

/* PF_UNAUTHENTICATED says what is wrong. *secret is borrowed from `authorization` or `buf`; it has at least a byte. */
pf_code pf_bearer_read(pf_str authorization, char buf[static PF_BEARER_BUF], pf_str *secret,
                       pf_error *err);

#endif
