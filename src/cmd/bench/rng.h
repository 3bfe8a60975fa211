/* rng.h: the benchmark's random numbers: splitmix64 (Steele, Lea, Flood: Fast Splittable
 * Pseudorandom Number Generators, 2014). The same seed gives the same numbers on every machine.
 * Not thread-safe: one state a thread.
 */
#ifndef PF_CMD_BENCH_RNG_H
#define PF_CMD_BENCH_RNG_H

#include <stdint.h>

typedef struct bench_rng {
    uint64_t state;
} bench_rng;

static inline uint64_t bench_rng_next(bench_rng *r)
{
    uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* 0 to n - 1; n must not be 0. The bias, below n / 2^32, does not matter here. */
static inline uint32_t bench_rng_below(bench_rng *r, uint32_t n)
{
    return (uint32_t)(((bench_rng_next(r) >> 32) * n) >> 32);
}

/* [0, 1) */
static inline double bench_rng_unit(bench_rng *r)
{
    return (double)(bench_rng_next(r) >> 11) * 0x1p-53;
}

/* An independent stream for the `n`-th user of one seed. */
static inline bench_rng bench_rng_stream(uint64_t seed, uint64_t n)
{
    bench_rng r = {seed ^ (n * UINT64_C(0xd1342543de82ef95))};
    bench_rng_next(&r);
    return r;
}

#endif
