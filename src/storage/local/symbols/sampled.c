#include "storage/local/symbols/sampled.h"

#include <float.h>

_Static_assert(FLT_EVAL_METHOD == 0 && DBL_MANT_DIG == 53, "doubles must be IEEE 754's");

/* Fractions of 1 in 64 bits. */
#define ONE (UINT64_C(1) << 63)
#define EXP_MINUS_ONE UINT64_C(0x2f16ac6c59de6f8d)

static uint64_t times(uint64_t a, uint64_t b)
{
    return (uint64_t)((unsigned __int128)a * b >> 63);
}

/* exp(-size / rate): whole powers of 1/e, then the series 1 - f (1 - f/2 (1 - f/3 ...)). */
static uint64_t exp_minus(uint64_t size, uint64_t rate)
{
    static const uint64_t inverse[] = {
        ONE,      ONE,      ONE / 2,  ONE / 3,  ONE / 4,  ONE / 5,  ONE / 6,  ONE / 7,
        ONE / 8,  ONE / 9,  ONE / 10, ONE / 11, ONE / 12, ONE / 13, ONE / 14, ONE / 15,
        ONE / 16, ONE / 17, ONE / 18, ONE / 19, ONE / 20, ONE / 21,
    };
    uint64_t whole = size / rate;
    if (whole >= 44) /* below the last bit */
        return 0;
    uint64_t f = (uint64_t)(((unsigned __int128)(size % rate) << 63) / rate);
    uint64_t e = ONE;
    for (unsigned k = sizeof inverse / sizeof *inverse - 1; k > 0; k--)
        e = ONE - times(times(f, inverse[k]), e);
    while (whole--)
        e = times(e, EXP_MINUS_ONE);
    return e;
}

pf_sampled pf_sampled_of(uint64_t rate, uint64_t size)
{
    if (!rate || !size)
        return (pf_sampled){0, 0};
    uint64_t fraction = (ONE - exp_minus(size, rate) + (1 << 9)) >> 10; /* of 2^53, as a double's */
    return (pf_sampled){(double)size, 0x1p53 / (double)(fraction ? fraction : 1)};
}

void pf_sampled_estimate(pf_sampled s, int64_t c, int64_t *objects, int64_t *bytes)
{
    double n = (double)c * s.scale, b = (double)c * s.size * s.scale;
    *objects = *bytes = 0;
    if (n > -0x1p63 && n < 0x1p63 && b > -0x1p63 && b < 0x1p63) {
        *objects = (int64_t)n;
        *bytes = (int64_t)b;
    }
}

int64_t pf_sampled_count(pf_sampled s, int64_t bytes)
{
    double unit = s.size * s.scale;
    double c = unit ? (double)bytes / unit : 0; /* trunc took less than 1 away */
    c += c < 0 ? -0.5 : 0.5;
    return c > -0x1p53 && c < 0x1p53 ? (int64_t)c : 0;
}
