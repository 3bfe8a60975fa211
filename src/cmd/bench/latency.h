/* latency.h: how long calls took: every one is kept, so percentiles are exact.
 *
 *     bench_latency l = {0};
 *     bench_latency_add(&l, ns); ...
 *     bench_latency_percentile(&l, 99);
 *     bench_latency_free(&l);
 *
 * 8 bytes a call. Not thread-safe: threads keep one each, bench_latency_merge joins them.
 */
#ifndef PF_CMD_BENCH_LATENCY_H
#define PF_CMD_BENCH_LATENCY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct bench_latency {
    int64_t *v; /* ns */
    size_t n, cap;
    bool sorted;
    bool failed; /* out of memory: some are missing */
} bench_latency;

void bench_latency_add(bench_latency *l, int64_t ns);
void bench_latency_merge(bench_latency *into, const bench_latency *from);

/* The smallest value that at least `percent` of 100 values do not exceed (nearest rank); 0 when
 * there is none. Sorts. */
int64_t bench_latency_percentile(bench_latency *l, double percent);

int64_t bench_latency_mean(const bench_latency *l); /* 0 when there is none */
void bench_latency_free(bench_latency *l);

#endif
