/* drive.h: many calls on some connections at once, timed and charged to the server.
 *
 *     thread 0: client 0:  call(0)  call(2)  call(5) ...
 *     thread 1: client 1:  call(1)  call(3)  call(4) ...     each takes the next number
 *
 * Every thread has a client of its own whose connection is open before the clock starts. The wall
 * time runs from the first call to the end of the last, the checking of answers included; with one
 * connection in a closed loop it is the sum of the calls' own times. The CPU time of the server, and the bytes that it
 * writes, go on until it has settled (see measure.h), where the job asks for that.
 *
 * Closed loop (rate 0): a thread does its next call when it has checked the answer of its last one, so
 * a server that is slow is asked less. Open loop: call i is due `i / rate` seconds after the start,
 * whatever became of those before it, and its time counts from then on, also while all connections are
 * still waiting: a server that stands still for a second shows it in all calls that were due then.
 */
#ifndef PF_CMD_BENCH_DRIVE_H
#define PF_CMD_BENCH_DRIVE_H

#include "cmd/bench/latency.h"
#include "cmd/bench/rng.h"
#include "cmd/bench/target.h"

#include <stdatomic.h>

enum { BENCH_KINDS = 3 }; /* of calls that are told apart, such as pushes and queries */

/* One thread's end of things. */
typedef struct bench_caller {
    const bench_target *target;
    pf_client *client;
    pf_arena arena; /* empty when a call begins */
    bench_rng rng;
    unsigned kind; /* out: of the call; 0 when it begins */
    bench_latency latency[BENCH_KINDS];
    size_t wrong;   /* answers that were not what they should be */
    pf_error first; /* why the first of them was */
    size_t sent, received;
} bench_caller;

/* Answers that are well-formed but not what was expected: counted, the run goes on. */
void bench_caller_wrong(bench_caller *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* How many calls ended in each second since the first could begin. */
enum { BENCH_TIMELINE = 600 };
typedef struct bench_timeline {
    atomic_uint ended[BENCH_TIMELINE]; /* what comes later is not counted */
} bench_timeline;

typedef struct bench_job {
    /* Does one HTTP call on c->client and checks the answer. An error ends the job. */
    pf_code (*call)(void *ctx, bench_caller *c, size_t i, pf_error *err);
    void *ctx;
    size_t count;
    unsigned connections;
    int64_t limit;  /* ns after which no further call is begun; 0: none */
    size_t least;   /* calls that are done whatever the limit says */
    int64_t settle; /* ns of quiet after which the server counts as settled; 0: not waited for */
    uint64_t seed;
    double rate;              /* calls a second; 0: a closed loop */
    bench_timeline *timeline; /* NULL: none is kept */
} bench_job;

typedef struct bench_phase {
    size_t calls, wrong;
    int64_t wall_ns, cpu_ns;
    int64_t written;  /* bytes that the server's process had the kernel write to disk */
    int64_t rss_peak; /* bytes: during the phase where the kernel lets us, else since the start */
    size_t sent, received;
    bench_latency latency[BENCH_KINDS];
    pf_error first_wrong;
} bench_phase;

/* Adds to *phase, which may hold what earlier calls of this function left there. */
pf_code bench_drive(bench_target *t, const bench_job *job, bench_phase *phase, pf_error *err);
void bench_phase_free(bench_phase *p);

/* Adds what another phase of the same server measured; false when memory is out. */
bool bench_phase_add(bench_phase *into, const bench_phase *from);

/* Set by a signal handler: no further calls are begun and bench_drive fails with PF_CANCELLED. */
extern atomic_bool bench_interrupted;

#endif
