/* budget.h: a ceiling that many threads share, for memory that requests hold.
 *
 * Everything in flight (bodies, inflated bytes, arenas, query results) takes its bytes here before
 * it allocates and gives them back when it frees, so that the sum never passes the limit. Taking
 * never blocks: it fails, and the request answers 503, or 413 when pf_budget_fits_alone says that it never will fit.
 * Thread-safe; lock-free.
 */
#ifndef PF_BASE_BUDGET_H
#define PF_BASE_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct pf_budget {
    atomic_size_t used;
    size_t limit; /* bytes; fixed after pf_budget_init */
} pf_budget;

void pf_budget_init(pf_budget *b, size_t limit);
bool pf_budget_take(pf_budget *b, size_t n); /* false: would pass the limit, nothing taken */
void pf_budget_give(pf_budget *b, size_t n); /* n must have been taken */
size_t pf_budget_used(pf_budget *b);

/* Whether a request that holds `n` bytes in all could have them with nothing else in flight. A sixteenth is left to
 * what idle requests keep. */
bool pf_budget_fits_alone(const pf_budget *b, size_t n);

#endif
