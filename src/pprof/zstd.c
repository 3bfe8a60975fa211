/* A frame is decompressed at once into memory that must be large enough, so that no window has to be kept. What it
 * says of its size is a claim: it sizes the first attempt as far as it is plausible, and while the room does not
 * suffice it grows fourfold, up to the caller's ceiling. */
#include "pprof/zstd.h"

#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

enum { MIN_ROOM = 64 << 10, USUAL_RATIO = 20, GROWTH = 4 };

bool pf_is_zstd(pf_str bytes)
{
    return bytes.n >= 4 && memcmp(bytes.p, "\x28\xb5\x2f\xfd", 4) == 0;
}

static size_t times(size_t n, size_t factor)
{
    size_t product;
    return __builtin_mul_overflow(n, factor, &product) ? SIZE_MAX : product;
}

static size_t first_room(pf_str bytes, size_t max)
{
    unsigned long long claim = ZSTD_getFrameContentSize(bytes.p, bytes.n);
    size_t plausible = times(bytes.n, USUAL_RATIO);
    if (plausible < MIN_ROOM)
        plausible = MIN_ROOM;
    if (claim < plausible) /* the values for "unknown" and "malformed" are the largest there are */
        plausible = (size_t)claim;
    return plausible < max ? plausible : max;
}

static pf_code too_large(size_t max, pf_error *err)
{
    return pf_fail(err, PF_TOO_LARGE, "the body decompresses to more than the limit of %zu bytes",
                   max);
}

pf_code pf_unzstd(pf_str bytes, size_t max, pf_arena *a, pf_str *out, pf_error *err)
{
    if (!pf_is_zstd(bytes))
        return pf_fail(err, PF_INVALID, "it is not zstd");
    for (size_t room = first_room(bytes, max);;) {
        char *at = pf_arena_alloc(a, room);
        if (!at)
            return pf_arena_fail(a, err, "a zstd body");
        size_t n = ZSTD_decompress(at, room, bytes.p, bytes.n);
        if (!ZSTD_isError(n)) {
            pf_arena_shrink(a, at, room, n);
            *out = (pf_str){at, n};
            return PF_OK;
        }
        pf_arena_shrink(a, at, room, 0);
        if (ZSTD_getErrorCode(n) != ZSTD_error_dstSize_tooSmall)
            return pf_fail(err, PF_INVALID, "malformed zstd (%s)", ZSTD_getErrorName(n));
        if (room >= max)
            return too_large(max, err);
        room = times(room ? room : MIN_ROOM, GROWTH);
        room = room < max ? room : max;
    }
}
