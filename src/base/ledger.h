/* ledger.h: what is held of a limit, and of the limits above it.
 *
 *     request: -query.max-memory  --parent-->  all in flight: -memory.max-inflight
 *
 * Whoever allocates takes its bytes here first and gives them back when it frees. Taking takes from the ledger and from
 * each one above it, or from none. It never blocks. A ledger belongs to one request, whose limit no waiting lifts, or is
 * shared (`over` is PF_UNAVAILABLE): others give back what they hold of it.
 * Thread-safe; lock-free. A parent must outlive its children.
 */
#ifndef PF_BASE_LEDGER_H
#define PF_BASE_LEDGER_H

#include "base/error.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct pf_ledger pf_ledger;
struct pf_ledger {
    atomic_size_t held; /* bytes */
    size_t limit;       /* bytes; SIZE_MAX: none. Fixed after pf_ledger_init, as all below */
    pf_ledger *parent;  /* NULL: none */
    const char *flag;   /* that sets the limit, a literal: "-query.max-memory" */
    pf_code over; /* of its own refusal: PF_QUERY_LIMIT, PF_TOO_LARGE; PF_UNAVAILABLE: shared */
};

/* Who had no room for how much. */
typedef struct pf_ledger_refusal {
    const pf_ledger *by;
    bool never; /* waiting will not help: the request alone overfills `by` */
} pf_ledger_refusal;

void pf_ledger_init(pf_ledger *l, const char *flag, size_t limit, pf_code over, pf_ledger *parent);

/* False: there was no room, nothing is taken, and *why (when not NULL) says where. */
bool pf_ledger_take(pf_ledger *l, size_t n, pf_ledger_refusal *why);
void pf_ledger_give(pf_ledger *l, size_t n); /* n must have been taken from `l` */
size_t pf_ledger_held(const pf_ledger *l);

/* Whether a request that holds `n` bytes in all could have them with nothing else in flight. A sixteenth is left to
 * what idle requests keep. */
bool pf_ledger_fits_alone(const pf_ledger *l, size_t n);

/* The refusal as an error that names the flag: `by->over` where the request's own limit refused, PF_TOO_LARGE where it
 * alone overfills a shared one, else PF_UNAVAILABLE. `what` names what needed the memory. */
pf_code pf_ledger_fail(const pf_ledger_refusal *why, pf_error *err, const char *what);

#endif
