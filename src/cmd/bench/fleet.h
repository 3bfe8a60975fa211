/* fleet.h: the profiles that one scenario pushes: services on hosts, profile after profile, with
 * what is needed to check the answers later.
 *
 * Profile i belongs to service i mod services; it is that service's n-th, n = i / services (from
 * 0), taken on host n mod hosts, at
 *
 *     begin + n * step + (i mod services) * 7 ms
 *
 * so a service's profiles come in the order of their times. All hosts of a service run the same
 * binary: n counts them together, as the law of program.h does. Labels: host, region, version.
 *
 * Bodies are made ahead of time, batch by batch, by threads of their own, and then pushed to every
 * server: all servers get the same bytes, and making them is not measured.
 *
 * Thread-safety: making a batch is one thread's business; everything else may be read by many while
 * no batch is made. ids: every entry is written once, by the thread that pushed it.
 */
#ifndef PF_CMD_BENCH_FLEET_H
#define PF_CMD_BENCH_FLEET_H

#include "cmd/bench/corpus.h"
#include "cmd/bench/program.h"
#include "profile/meta.h"

enum { BENCH_TARGETS = 2, BENCH_LABELS = 3 };

typedef struct bench_fleet_config {
    const char *prefix; /* services are called prefix-0, prefix-1...; copied, at most 31 bytes */
    uint32_t services, hosts;
    uint64_t seed;
    uint32_t samples;           /* of the generator's profiles; 0: 261 */
    int64_t begin, step;        /* ns */
    const bench_corpus *corpus; /* its files in turn; NULL: the generator */
    bool as_is;                 /* the files byte for byte: their times are what they are */
    pf_type type;
} bench_fleet_config;

typedef struct bench_body {
    pf_buf bytes;
    size_t i;
} bench_body;

typedef struct bench_batch {
    bench_body *v;
    size_t n, cap;
    int64_t bytes; /* of all bodies */
} bench_batch;

typedef struct bench_fleet {
    bench_fleet_config conf;
    char prefix[32];           /* conf.prefix points here */
    bench_program **programs;  /* one a service */
    size_t made, cap;          /* profiles */
    bench_total *totals;       /* by profile */
    char **ids[BENCH_TARGETS]; /* what each server called it; NULL until it is pushed there */
    int64_t bytes;             /* pushed to each server */
} bench_fleet;

pf_code bench_fleet_new(const bench_fleet_config *conf, bench_fleet **out, pf_error *err);
void bench_fleet_free(bench_fleet *f);

/* Makes the next `n` profiles on `threads` threads, into a batch whose memory is used again. */
pf_code bench_fleet_make(bench_fleet *f, size_t n, unsigned threads, bench_batch *b, pf_error *err);
void bench_batch_free(bench_batch *b);

/* The text of a service's or host's name; out holds BENCH_NAME bytes. */
enum { BENCH_NAME = 64 };
pf_str bench_fleet_service(const bench_fleet *f, uint32_t service, char out[static BENCH_NAME]);

/* The labels of host `host`; they live in *store. */
typedef struct bench_labels {
    pf_pair pairs[BENCH_LABELS];
    char host[24];
} bench_labels;
pf_labels bench_fleet_labels(uint32_t host, bench_labels *store);

int64_t bench_fleet_time(const bench_fleet *f, size_t i);

/* Which of a fleet's profiles: those of a service with a time in [from, to], on that host (UINT32_MAX: on any), that the
 * target has stored (BENCH_TARGETS: whether any has or not). */
typedef struct bench_selection {
    uint32_t service, host;
    int64_t from, to; /* ns */
    unsigned target;
    size_t next; /* 0 to begin with; bench_fleet_next's */
} bench_selection;

/* The number of the next one, in order of their times, which is that of their n; false: there are no more. */
bool bench_fleet_next(const bench_fleet *f, bench_selection *s, size_t *i);

/* How many those are, and what their totals add up to. */
size_t bench_fleet_count(const bench_fleet *f, bench_selection s, bench_total *total);

/* The first `n` profiles of a program as a corpus, for pushing them over and over again. */
pf_code bench_corpus_generate(uint64_t seed, uint32_t samples, size_t n, bench_corpus *out,
                              pf_error *err);

#endif
