/* admission.h: who asks, and whether they may, before a body is read.
 *
 *     1. Host, Origin (access/origin.h)        421, 403       whoever it is
 *     2. route and method (call.c)             404, 405
 *     3. who it is (access/auth.h)             401, later and later for an address that keeps failing
 *     4. the action's right; of a push its service            403
 *     5. queries at once (access/limits.h)     429
 *
 * What is refused for a right, a rate, a wrong token or another site leaves an audit line; no token, an ended one or a
 * cookie that is none does not. Without an auth file everybody is somebody who may do all.
 */
#ifndef PF_SERVER_API_ADMISSION_H
#define PF_SERVER_API_ADMISSION_H

#include "server/api/internal.h"

/* 1. PF_OK with *answered set where a preflight was replied to. */
pf_code pf_admission_web(pf_call *call, bool *answered, pf_error *err);

/* 3 to 5. */
pf_code pf_admission_check(pf_call *call, pf_error *err);

/* 3 alone, for actions that anybody may call and that say more to some: call->who is filled in. Does nothing when it has
 * been done. Delays the answer of one with a wrong token. */
pf_code pf_admission_identify(pf_call *call, pf_error *err);

/* Has the browser forget a session that is none any more, or end one. */
void pf_admission_clear_session(pf_call *call);

/* A push, once its body is here and `service` is what will be stored: PF_FORBIDDEN where it is not the token's (it may not
 * have been readable before); PF_RATE_LIMIT, which this protocol says by a 503 (call.c). */
pf_code pf_admission_push(pf_call *call, pf_str service, pf_error *err);

/* Gives back what the call holds: once, when it is finished. */
void pf_admission_end(pf_call *call);

/* Who did what, and how much: for what is deleted, uploaded or refused. `code` PF_OK: it was done. */
void pf_audit(pf_call *call, pf_code code, const char *what, int64_t amount);

#endif
