/* session.h: the signed cookie by which a browser goes on being who it was at sign-in.
 *
 *     profefe_session = 1.<first 8 bytes of the token's hash>.<Unix seconds of its end>.<signature>      in hex
 *
 *     key       = HMAC-SHA256(the token's hash, "profefe session 1")
 *     signature = HMAC-SHA256(key, all that stands before the last point)
 *
 * Nothing is kept of it: each collector that has the same auth file takes it, also after a restart. It ends at its
 * end, at the token's, and when the token leaves the file or gets another hash; it has the rights that the token has
 * by then. The price: the key comes from the auth file, so who can read that file can sign sessions, although the file
 * holds no secret of a token. The file must be kept as a secret is.
 */
#ifndef PF_SERVER_ACCESS_SESSION_H
#define PF_SERVER_ACCESS_SESSION_H

#include "server/access/rules.h"

#define PF_SESSION_COOKIE "profefe_session"

enum { PF_SESSION_MAX = 128 }; /* bytes of a value, with its NUL */

typedef struct pf_session {
    uint64_t prefix;  /* pf_rule_prefix of its token */
    int64_t expires;  /* Unix seconds */
    pf_str statement; /* what is signed */
    uint8_t signature[PF_DIGEST];
} pf_session;

/* Writes the cookie's value. False when OpenSSL is out of memory. */
bool pf_session_sign(const pf_rule *rule, int64_t expires, char out[static PF_SESSION_MAX]);

/* Reads a value, which the result borrows from. False: it is none. */
bool pf_session_read(pf_str value, pf_session *out);

/* *is_of: whether the token of `rule` has signed it, in a time that doesn't depend on where it differs. False when OpenSSL
 * is out of memory. */
bool pf_session_check(const pf_session *s, const pf_rule *rule, bool *is_of);

/* The next session cookie of a Cookie header, whose rest stays in *cookies. False: there is no more. */
bool pf_session_next(pf_str *cookies, pf_str *value);

#endif
