/* gzip on libdeflate, which inflates a whole member at once into memory that must be large enough.
 *
 * How large a member becomes stands in its last four bytes, modulo 2^32 and as a claim only. So the
 * claim sizes the first attempt as far as it is plausible, and while the room does not suffice it
 * grows fourfold and the member is done again, up to what deflate can reach at all (1,032 to 1) and
 * to the caller's ceiling. An honest single member, which is nearly every profile, needs one
 * attempt.
 */
#include "pprof/gzip.h"

#include "base/error.h"
#include "pprof/mistake.h"

#include <libdeflate.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* ---- what each thread keeps ---- */

typedef struct codecs {
    struct libdeflate_decompressor *inflater;
    struct libdeflate_compressor *deflater;
    int level; /* of the deflater */
} codecs;

static pthread_key_t codecs_key;
static pthread_once_t codecs_once = PTHREAD_ONCE_INIT;
static bool codecs_ready;

static void codecs_free(void *ptr)
{
    codecs *c = ptr;
    libdeflate_free_decompressor(c->inflater);
    libdeflate_free_compressor(c->deflater);
    free(c);
}

static void codecs_free_at_exit(void)
{
    codecs *c = pthread_getspecific(codecs_key); /* of the main thread, which runs no destructors */
    if (c)
        codecs_free(c);
    pthread_setspecific(codecs_key, NULL);
}

static void codecs_setup(void)
{
    codecs_ready = pthread_key_create(&codecs_key, codecs_free) == 0;
    if (codecs_ready)
        atexit(codecs_free_at_exit);
}

static codecs *codecs_get(void)
{
    pthread_once(&codecs_once, codecs_setup);
    if (!codecs_ready)
        return NULL;
    codecs *c = pthread_getspecific(codecs_key);
    if (c)
        return c;
    c = calloc(1, sizeof *c);
    if (c && pthread_setspecific(codecs_key, c) != 0) {
        free(c);
        c = NULL;
    }
    return c;
}

static struct libdeflate_decompressor *inflater(void)
{
    codecs *c = codecs_get();
    if (c && !c->inflater)
        c->inflater = libdeflate_alloc_decompressor();
    return c ? c->inflater : NULL;
}

static struct libdeflate_compressor *deflater(int level)
{
    codecs *c = codecs_get();
    if (!c)
        return NULL;
    if (c->deflater && c->level != level) {
        libdeflate_free_compressor(c->deflater);
        c->deflater = NULL;
    }
    if (!c->deflater)
        c->deflater = libdeflate_alloc_compressor(level);
    c->level = level;
    return c->deflater;
}

/* ---- inflating ---- */

bool pf_is_gzip(pf_str bytes)
{
    return bytes.n >= 2 && (uint8_t)bytes.p[0] == 0x1f && (uint8_t)bytes.p[1] == 0x8b;
}

enum { MIN_ROOM = 64 << 10, USUAL_RATIO = 20, MAX_RATIO = 1032, MIN_MEMBER = 18 };

typedef struct inflation {
    pf_arena *a;
    char *out;
    size_t room, len;
    size_t max;
} inflation;

static size_t times(size_t n, size_t factor)
{
    size_t product;
    return __builtin_mul_overflow(n, factor, &product) ? SIZE_MAX : product;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t first_room(pf_str gz, size_t max)
{
    const uint8_t *tail = (const uint8_t *)gz.p + gz.n - 4;
    size_t claim =
        (size_t)tail[0] | (size_t)tail[1] << 8 | (size_t)tail[2] << 16 | (size_t)tail[3] << 24;
    size_t plausible = times(gz.n, USUAL_RATIO);
    if (plausible < MIN_ROOM)
        plausible = MIN_ROOM;
    return least(least(claim, plausible), max);
}

/* More room for what `rest` may still become; what is inflated so far moves along. */
static pf_code more_room(inflation *f, size_t rest, pf_error *err)
{
    if (f->room >= f->max)
        return pf_fail(err, PF_TOO_LARGE, "the body inflates to more than the limit of %zu bytes",
                       f->max);
    size_t want = times(f->room, 4);
    if (want < MIN_ROOM)
        want = MIN_ROOM;
    size_t reachable = times(rest, MAX_RATIO);
    reachable = reachable > SIZE_MAX - f->len ? SIZE_MAX : reachable + f->len;
    if (reachable > f->room) /* else libdeflate knows of a way that this does not */
        want = least(want, reachable);
    want = least(want, f->max);
    if (f->len == 0) { /* nothing to move: don't hold both */
        pf_arena_shrink(f->a, f->out, f->room, 0);
        f->out = NULL;
    }
    char *bigger = pf_arena_alloc(f->a, want);
    if (!bigger)
        return pf_arena_fail(f->a, err, "the inflated body");
    if (f->len)
        memcpy(bigger, f->out, f->len);
    f->out = bigger;
    f->room = want;
    return PF_OK;
}

static pf_code corrupt(pf_str gz, pf_str member, pf_error *err)
{
    if (member.p != gz.p && !pf_is_gzip(member))
        return pf_fail(err, PF_INVALID, "gzip: %zu bytes behind the end that are not gzip",
                       member.n);
    if (member.n < MIN_MEMBER)
        return pf_fail(err, PF_INVALID, "gzip: truncated");
    if (pf_mistake_is_curl_d(gz))
        return pf_fail(err, PF_INVALID,
                       "gzip: corrupt, and without a line break or a zero byte in it: %s",
                       PF_MISTAKE_CURL_D);
    return pf_fail(err, PF_INVALID, "gzip: truncated or corrupt, or its checksum is wrong");
}

pf_code pf_gunzip(pf_str gz, size_t max, pf_arena *a, pf_str *out, pf_error *err)
{
    if (!pf_is_gzip(gz))
        return pf_fail(err, PF_INVALID, "gzip: invalid header");
    if (gz.n < MIN_MEMBER)
        return pf_fail(err, PF_INVALID, "gzip: truncated");
    struct libdeflate_decompressor *d = inflater();
    if (!d)
        return pf_fail_nomem(err, "inflating");
    inflation f = {.a = a, .max = max, .room = first_room(gz, max)};
    f.out = pf_arena_alloc(a, f.room);
    if (!f.out)
        return pf_arena_fail(a, err, "the inflated body");
    for (pf_str rest = gz; rest.n;) {
        size_t in, made;
        enum libdeflate_result result = libdeflate_gzip_decompress_ex(
            d, rest.p, rest.n, f.out + f.len, f.room - f.len, &in, &made);
        if (result == LIBDEFLATE_SUCCESS) {
            f.len += made;
            rest = (pf_str){rest.p + in, rest.n - in};
        } else if (result == LIBDEFLATE_INSUFFICIENT_SPACE) {
            pf_code code = more_room(&f, rest.n, err);
            if (code)
                return code;
        } else {
            return corrupt(gz, rest, err);
        }
    }
    pf_arena_shrink(a, f.out, f.room, f.len);
    *out = (pf_str){f.out, f.len};
    return PF_OK;
}

/* ---- deflating ---- */

pf_code pf_gzip(pf_str bytes, int level, pf_buf *out, pf_error *err)
{
    struct libdeflate_compressor *c = deflater(level);
    if (!c)
        return pf_fail_nomem(err, "deflating");
    size_t bound = libdeflate_gzip_compress_bound(c, bytes.n);
    size_t left = !out->max ? bound : out->max > out->len ? out->max - out->len : 0;
    size_t room = least(bound, left);
    char *at = pf_buf_reserve(out, room);
    if (!at)
        return pf_fail_nomem(err, "the gzipped profile");
    size_t n = libdeflate_gzip_compress(c, bytes.p, bytes.n, at, room);
    if (n == 0)
        return pf_fail(err, PF_TOO_LARGE, "gzipped, it is over the limit of %zu bytes", out->max);
    out->len += n;
    return PF_OK;
}
