/* emit.h: a program's profile as bytes, laid out as Go's runtime/pprof writes it (proto.go): sample
 * types samples/count and cpu/nanoseconds, each location and its functions right before the first
 * sample that needs them, mappings and the string table at the end.
 *
 * The mappings are those of a Go program that links libc: itself (with a build id), libc, the
 * dynamic loader, vdso and vsyscall. All locations are of the first.
 */
#ifndef PF_CMD_BENCH_EMIT_H
#define PF_CMD_BENCH_EMIT_H

#include "cmd/bench/program.h"

enum { BENCH_PERIOD_NS = 10000000 }; /* 100 samples a second */

/* Appends the samples that bench_program_next picked as bare protobuf. `time` is when the profile
 * was begun, ns since the epoch (0: left out); `duration` in ns. Returns the sum of samples/count,
 * which is what a merge must add up to; look at out->failed. */
uint64_t bench_emit(bench_program *p, int64_t time, int64_t duration, pf_buf *out);

#endif
