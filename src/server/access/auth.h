/* auth.h: tells by whom a request is made.
 *
 *     pf_auth *auth;
 *     if (pf_auth_new("auth.yaml", NULL, &auth, &err)) ...      a bad file: the server doesn't start
 *     if (pf_auth_identify(auth, &credentials, &who, &wrong, &err)) ...      a 401, or out of memory
 *     every second: pf_auth_look(auth, false);      SIGHUP: pf_auth_look(auth, true);
 *     pf_auth_free(auth);
 *
 * What is looked at, in this order; the first that is there decides:
 *
 *   1. an Authorization header (bearer.h). A wrong one is refused, whatever else the request has;
 *   2. a session cookie (session.h) of a token in force;
 *   3. the subject of a verified client certificate that a token names;
 *   4. the user that a trusted proxy names in the header of proxy_login.
 *
 * A cookie that is of no use any more doesn't stand in the way of 3 and 4. Without any of them: PF_UNAUTHENTICATED.
 *
 * On the hot path of a push: one SHA-256, one probe of a table, one reference under a lock that nobody holds longer.
 * Thread-safe but for pf_auth_new, pf_auth_free and pf_auth_look, which belong to one thread. Metrics:
 * profefe_auth_requests_total, profefe_auth_file_reloads_total, profefe_auth_tokens.
 */
#ifndef PF_SERVER_ACCESS_AUTH_H
#define PF_SERVER_ACCESS_AUTH_H

#include "base/clock.h"
#include "base/error.h"
#include "server/access/principal.h"
#include "server/access/session.h"

typedef struct pf_auth pf_auth;

/* `clock` says what has expired when pf_auth_look is called; NULL: the machine's. */
pf_code pf_auth_new(const char *file, const pf_clock *clock, pf_auth **out, pf_error *err);
void pf_auth_free(pf_auth *a); /* no principal needs it; NULL is fine */

typedef struct pf_credentials {
    pf_str authorization;     /* the header */
    bool many_authorizations; /* it was there more than once, which is refused */
    pf_str cookie;            /* all Cookie headers, with "; " in between */
    pf_str certificate;       /* the subject of the verified client certificate; or empty */
    bool from_proxy;          /* the connection comes from one of -http.trusted-proxies */
    pf_str (*header)(void *ctx,
                     const char *name); /* another header, empty where there is none; NULL: none */
    void *ctx;
    int64_t now; /* wall clock, ns */
} pf_credentials;

/* On PF_OK *out, for pf_principal_release. Else *out is empty, and *wrong is whether a secret was shown that is none,
 * which slows its sender down; it isn't with none at all, nor with one that has expired. PF_UNAUTHENTICATED "missing
 * token", "wrong token", "the token has expired", "the session has expired" and the like, never with what was sent;
 * PF_INTERNAL: out of memory. `a` NULL: there is no file, and everybody may do all. */
pf_code pf_auth_identify(pf_auth *a, const pf_credentials *c, pf_principal *out, bool *wrong,
                         pf_error *err);

/* Reads a changed file and revokes what is gone, changed or expired: rules_file.h. `now`: at once, changed or not. */
void pf_auth_look(pf_auth *a, bool now);

/* Why the file on disk isn't the one in force; false: it is. */
bool pf_auth_problem(pf_auth *a, char *out, size_t n);

/* The value of a session cookie for `who`, for `lifetime` ns from `now` on but not beyond the token's end; *expires
 * (may be NULL) is its end in Unix seconds. PF_FORBIDDEN: only a token with a hash can have sessions. */
pf_code pf_auth_session(const pf_principal *who, int64_t now, int64_t lifetime,
                        char out[static PF_SESSION_MAX], int64_t *expires, pf_error *err);

#endif
