/* time.h: instants as the API reads and writes them. An instant is int64 nanoseconds since the Unix
 * epoch in UTC, which spans 1677-09-21 to 2262-04-11.
 */
#ifndef PF_PROFILE_TIME_H
#define PF_PROFILE_TIME_H

#include "base/error.h"
#include "base/str.h"

typedef struct pf_instant {
    int64_t ns;        /* clamped to int64 when clamped is set */
    bool clamped;      /* the text named an instant outside of int64 nanoseconds */
    bool has_fraction; /* the text had a fraction of a second */
} pf_instant;

/* Reads `2006-01-02T15:04:05` (UTC), the same with a fraction, with a zone (RFC 3339; a space
 * before the offset is taken for the '+' that form decoding ate), or Unix seconds, with or without
 * a fraction. Digits of a fraction beyond the ninth are dropped. False with a reason in `*why` (a
 * literal). */
bool pf_time_parse(pf_str s, pf_instant *out, const char **why);

/* The same, and times relative to `now` (ns): `now`, `now-1h`, `now-1h30m`, `now+5m` (a space is taken for the '+').
 * Units: s, m, h, d, w. They count as having a fraction: they name an instant, not a second. */
bool pf_time_parse_at(pf_str s, int64_t now, pf_instant *out, const char **why);

enum { PF_TIME_CHARS = 30 }; /* 2006-01-02T15:04:05.999999999Z */

/* RFC 3339 in UTC and a NUL; the fraction without trailing zeros, none when it is zero. Returns the
 * length. */
size_t pf_time_format(int64_t ns, char out[static PF_TIME_CHARS + 1]);

#endif
