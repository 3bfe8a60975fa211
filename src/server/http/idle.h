/* idle.h: what may be closed to make room, in the order in which it became idle.
 *
 * A node is a member of what is idle. The list belongs to one thread; `n` and `oldest` may be read by any.
 */
#ifndef PF_SERVER_HTTP_IDLE_H
#define PF_SERVER_HTTP_IDLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct pf_idle pf_idle;
struct pf_idle {
    pf_idle *prev, *next;
    int64_t since; /* pf_clock_mono */
    bool listed;
};

typedef struct pf_idle_list {
    pf_idle *first, *last;
    atomic_uint n;
    atomic_llong oldest; /* `since` of the first; INT64_MAX: there is none */
} pf_idle_list;

void pf_idle_init(pf_idle_list *l);

/* Does nothing when it is listed. */
void pf_idle_join(pf_idle_list *l, pf_idle *i, int64_t now);
void pf_idle_leave(pf_idle_list *l, pf_idle *i); /* does nothing when it is not */

#endif
