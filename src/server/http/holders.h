/* holders.h: how many connections each address holds, so that none holds them all.
 *
 * IPv6 addresses count by their /64, which is what one site has. A table of fixed size with chains, under a random
 * hash. Thread-safe.
 */
#ifndef PF_SERVER_HTTP_HOLDERS_H
#define PF_SERVER_HTTP_HOLDERS_H

#include "base/hash.h"
#include "server/http/networks.h"

#include <pthread.h>

enum { PF_HOLDERS_SLOTS = 1024 };

typedef struct pf_holder pf_holder; /* an address that holds connections */

typedef struct pf_holders {
    pthread_mutex_t lock; /* guards slots and what hangs there */
    pf_hash_key key;
    pf_holder *slots[PF_HOLDERS_SLOTS];
} pf_holders;

void pf_holders_init(pf_holders *s);
void pf_holders_free(pf_holders *s); /* all must have been given back */

/* One more for `a`, unless it has `max` already, or there is no memory: NULL then. */
pf_holder *pf_holders_take(pf_holders *s, const pf_address *a, unsigned max);
void pf_holders_give(pf_holders *s, pf_holder *h); /* NULL is allowed */

#endif
