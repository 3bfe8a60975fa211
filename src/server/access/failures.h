/* failures.h: who keeps failing to log in, and how much later the answer to that is to come.
 *
 * Tokens are too long to be guessed; passwords that people chose are not, and a client that repeats a wrong token in a loop
 * is a load. The first PF_FAILURES_FREE failures of an address cost nothing, each further one has its 401 delayed: 100 ms,
 * 200, 400, ... 2 s. A minute after its last failure an address is forgotten, or when PF_FAILURES_MAX others have failed
 * since. An IPv6 client counts by its /64, since it has all the addresses in there.
 *
 * Only failures are asked about, so a right token is never delayed by another's. Clients behind a proxy must come with
 * the addresses that a trusted proxy names; failures in the proxy's own name are not to be noted. Thread-safe.
 */
#ifndef PF_SERVER_ACCESS_FAILURES_H
#define PF_SERVER_ACCESS_FAILURES_H

#include "base/error.h"
#include "base/str.h"

enum { PF_FAILURES_MAX = 4096, PF_FAILURES_FREE = 5 };

typedef struct pf_failures pf_failures;

pf_code pf_failures_new(pf_failures **out, pf_error *err);
void pf_failures_free(pf_failures *f);

/* One more of `address` ("1.2.3.4", "2001:db8::1", "unix"), now (pf_clock_mono). How many ns the answer is to be delayed;
 * where that is not 0 it counts in profefe_auth_failures_delayed_total. */
int64_t pf_failures_note(pf_failures *f, pf_str address, int64_t now_mono);

#endif
