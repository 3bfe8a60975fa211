/* sampled.h: the counts behind the estimates of a heap profile of Go.
 *
 * Go's heap profiler sees one allocation in `rate` bytes on average. What it writes is not what it
 * saw, c allocations of `size` bytes on one stack, but an estimate of what there were (Go,
 * runtime/pprof/protomem.go, scaleHeapSample):
 *
 *     scale   = 1 / (1 - exp(-size / rate))
 *     objects = trunc(c * scale)          4681 9363 14044 ...  for c = 1 2 3 of 112 bytes
 *     bytes   = trunc(c * size * scale)
 *
 * Both are long numbers, and c, a short one, gives them back. The size stands in the sample's label
 * "bytes", the rate is the profile's period.
 *
 * The estimates of one c are the same on every machine: exp is worked out in integers, the rest is
 * single IEEE 754 operations on doubles. They need not be Go's to the last bit: whoever stores c
 * stores the difference, too.
 */
#ifndef PF_STORAGE_LOCAL_SYMBOLS_SAMPLED_H
#define PF_STORAGE_LOCAL_SYMBOLS_SAMPLED_H

#include <stdint.h>

typedef struct pf_sampled {
    double size, scale; /* scale 0: no estimate, all are 0 */
} pf_sampled;

/* `rate` and `size` in bytes; a rate or a size of 0 gives no estimate. */
pf_sampled pf_sampled_of(uint64_t rate, uint64_t size);

/* What c allocations are written as; negative ones (a difference of two profiles) mirror the
 * positive. 0 and 0 for what would leave int64. */
void pf_sampled_estimate(pf_sampled s, int64_t c, int64_t *objects, int64_t *bytes);

/* The c whose estimate comes nearest to `bytes`. */
int64_t pf_sampled_count(pf_sampled s, int64_t bytes);

#endif
