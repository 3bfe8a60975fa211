/* ask.h: questions about what a fleet has pushed, whose answers are checked to the last one.
 *
 * What a server should answer is known: every id that its pushes were answered with, every profile's
 * time, and what its samples add up to. An answer that is well-formed but another one is counted by
 * bench_caller_wrong, and the run goes on; an error is what the client or the server failed with.
 *
 * The checks are done by the calling thread behind the call, whose latency does not have them, but the machine's
 * cores do: decoding a profile takes about a tenth of a millisecond.
 *
 * Thread-safe: the fleet is only read.
 */
#ifndef PF_CMD_BENCH_ASK_H
#define PF_CMD_BENCH_ASK_H

#include "cmd/bench/drive.h"
#include "cmd/bench/fleet.h"

/* Decodes a profile and compares what its samples add up to, by its first and its last sample type. */
void bench_check_total(bench_caller *c, pf_str profile, bench_total want, const char *what);

/* Gets profile `which`, which the target must have. */
pf_code bench_ask_get(const bench_fleet *f, bench_caller *c, size_t which, pf_error *err);

/* Lists the profiles of a service in [from, to], on one host or on any (UINT32_MAX): exactly those, by time. */
pf_code bench_ask_find(const bench_fleet *f, bench_caller *c, bench_selection s, pf_error *err);

/* Merges them; there must be some. */
pf_code bench_ask_merge(const bench_fleet *f, bench_caller *c, bench_selection s, pf_error *err);

/* Lists all services: each of the fleet's that has a profile is there, none twice. */
pf_code bench_ask_services(const bench_fleet *f, bench_caller *c, pf_error *err);

#endif
