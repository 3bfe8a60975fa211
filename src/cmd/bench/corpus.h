/* corpus.h: a directory of pprof files, to be pushed instead of made-up profiles.
 *
 * The directory's own files (no deeper ones), in order of their names; those that are not pprof, or
 * not of the wanted type, are passed over and counted. A profile is pushed either as it is, byte
 * for byte, or with another time in it, compressed anew at level 1.
 * Read-only once loaded, and thread-safe then.
 */
#ifndef PF_CMD_BENCH_CORPUS_H
#define PF_CMD_BENCH_CORPUS_H

#include "pprof/profile.h"
#include "profile/type.h"

/* What all samples of a profile, or of several, add up to. */
typedef struct bench_total {
    int64_t first, last; /* of the first and of the last sample type; the same when there is one */
} bench_total;

bench_total bench_total_of(const pf_profile *p);

typedef struct bench_file {
    pf_str bytes;  /* as in the file */
    pf_str before; /* bare protobuf, what stands before its time_nanos... */
    pf_str behind; /* ...and behind it */
    int64_t time;  /* 0: none */
    bench_total total;
} bench_file;

typedef struct bench_corpus {
    bench_file *files;
    size_t n;
    size_t passed_over;
    int64_t bytes; /* of all files, as they are */
    pf_arena arena;
} bench_corpus;

/* What a profile is, from its sample types: cpu, heap, goroutine, threadcreate, mutex (also for
 * block profiles, which look the same), else other. */

pf_type bench_type_of(const pf_profile *p);

/* PF_INVALID when the directory can't be read or holds no profile of that type. */
pf_code bench_corpus_load(const char *dir, pf_type type, bench_corpus *out, pf_error *err);
void bench_corpus_free(bench_corpus *c);

/* Appends the file with `time` (ns) as its time_nanos, gzipped. */
pf_code bench_corpus_retime(const bench_file *f, int64_t time, pf_buf *out, pf_error *err);

#endif
