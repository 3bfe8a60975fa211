/* gzip.h: RFC 1952 on libdeflate, with limits.
 *
 * Stateless; thread-safe (compressors are kept per thread).
 */
#ifndef PF_PPROF_GZIP_H
#define PF_PPROF_GZIP_H

#include "base/arena.h"
#include "base/buf.h"

bool pf_is_gzip(pf_str bytes); /* begins with 1f 8b */

/* Inflates all members of `gz`, one after another, into one run of bytes in `a` (*out borrows it).
 * PF_INVALID: not gzip, truncated, checksum wrong, rubbish behind the last member.
 * PF_TOO_LARGE: more than `max` bytes come out (found without producing more than `max`), or the
 * arena's limit; PF_UNAVAILABLE: its budget. */
pf_code pf_gunzip(pf_str gz, size_t max, pf_arena *a, pf_str *out, pf_error *err);

/* Appends one gzip member holding `bytes`. level: 1 (fast) to 12. PF_TOO_LARGE when out->max is
 * reached. */
pf_code pf_gzip(pf_str bytes, int level, pf_buf *out, pf_error *err);

#endif
