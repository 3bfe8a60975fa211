/* zstd.h: RFC 8878 on libzstd, with limits. Stateless; thread-safe. */
#ifndef PF_PPROF_ZSTD_H
#define PF_PPROF_ZSTD_H

#include "base/arena.h"

bool pf_is_zstd(pf_str bytes); /* begins with a frame's magic number */

/* Decompresses all frames of `bytes` into one run of bytes in `a` (*out borrows it). PF_INVALID: not zstd, truncated,
 * checksum wrong, rubbish behind the last frame, a dictionary needed. PF_TOO_LARGE: more than `max` bytes come out
 * (found without producing more than `max`), or the arena's limit; PF_UNAVAILABLE: its budget. */
pf_code pf_unzstd(pf_str bytes, size_t max, pf_arena *a, pf_str *out, pf_error *err);

#endif
