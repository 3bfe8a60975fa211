/* clock.h: the three clocks that this project reads.
 *
 * All are int64 nanoseconds. Wall time is since the Unix epoch in UTC and may jump; monotonic time
 * measures durations; boot time is monotonic and goes on while the machine is suspended, which is
 * what retention compares wall time with before it trusts it.
 * A part whose behaviour depends on time takes a pf_clock, so that tests can move it; NULL means
 * the machine's. Thread-safe.
 */
#ifndef PF_BASE_CLOCK_H
#define PF_BASE_CLOCK_H

#include <stdint.h>

#define PF_NS_PER_SEC INT64_C(1000000000)
#define PF_NS_PER_MS INT64_C(1000000)

typedef struct pf_clock {
    int64_t (*wall)(void *ctx); /* CLOCK_REALTIME */
    int64_t (*boot)(void *ctx); /* CLOCK_BOOTTIME */
    void *ctx;
} pf_clock;

int64_t pf_clock_wall(const pf_clock *c);
int64_t pf_clock_boot(const pf_clock *c);
int64_t pf_clock_mono(void); /* CLOCK_MONOTONIC, always the machine's */

#endif
