/* crowd.h: many connections at once that say little.
 *
 * Each asks for the server's version once and is silent from then on: what a server keeps for it then is what an agent
 * costs between two profiles. Not thread-safe.
 */
#ifndef PF_CMD_BENCH_CROWD_H
#define PF_CMD_BENCH_CROWD_H

#include "cmd/bench/wire.h"

typedef struct bench_crowd {
    int *fds; /* owned */
    size_t n;
} bench_crowd;

/* Opens `n` connections, one after another. What is open when one fails stays the crowd's. */
pf_code bench_crowd_open(bench_crowd *c, bench_place *p, size_t n, pf_error *err);

/* How many of them the server has closed by now. */
size_t bench_crowd_lost(const bench_crowd *c);
void bench_crowd_close(bench_crowd *c);

#endif
