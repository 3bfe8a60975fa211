/* timers.h: deadlines of one thread, the nearest first.
 *
 * A timer is a member of what it watches over; it costs no allocation once the heap has grown to the number
 * of timers set. Times are pf_clock_mono() nanoseconds. Belongs to one thread.
 *
 *     static void late(pf_timer *t) { conn *c = (conn *)((char *)t - offsetof(conn, timer)); … }
 *
 *     c->timer = (pf_timer){.fn = late};
 *     if (!pf_timer_set(&timers, &c->timer, pf_clock_mono() + 10 * PF_NS_PER_SEC))
 *         …out of memory: the timer is not set…
 */
#ifndef PF_SERVER_HTTP_TIMERS_H
#define PF_SERVER_HTTP_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct pf_timer pf_timer;
struct pf_timer {
    void (*fn)(pf_timer *t); /* called once the time has come; the timer is not set any more */
    int64_t at;
    size_t place; /* in the heap, from 1; 0: not set */
};

typedef struct pf_timers {
    pf_timer **heap; /* a binary heap, the least `at` first */
    size_t n, cap;
} pf_timers;

/* Sets or moves it. Moving a timer that is set never fails. False: out of memory, nothing has changed. */
bool pf_timer_set(pf_timers *s, pf_timer *t, int64_t at);
void pf_timer_cancel(pf_timers *s, pf_timer *t); /* does nothing when it is not set */

/* When the nearest is due; INT64_MAX when none is set. */
int64_t pf_timers_next(const pf_timers *s);

/* Calls those that are due at `now`; their functions may set and cancel timers. */
void pf_timers_run(pf_timers *s, int64_t now);
void pf_timers_free(pf_timers *s);

#endif
