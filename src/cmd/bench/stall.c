/* One big push beside small ones: -big bytes of all-new stacks (inflated), three times, while small profiles come at
 * -rate a second. What a server does for the big one in one go, all others wait for: the longest small push shows it.
 */
#include "cmd/bench/run.h"

#include "base/clock.h"
#include "cmd/bench/emit.h"
#include "pprof/gzip.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>

enum { BIGS = 3, BYTES_A_SAMPLE = 80, TRIES = 4 };
static const int64_t big_timeout = 120 * PF_NS_PER_SEC, big_duration = 600 * PF_NS_PER_SEC;

typedef struct bigs {
    pf_buf gz[BIGS];
    size_t inflated;
} bigs;

/* The first profile of a program has new stacks only. So many samples that it has about as many bytes as it shall. */
static pf_code make_big(const bench_run *r, unsigned number, int64_t bytes, pf_buf *raw,
                        pf_error *err)
{
    double samples = (double)bytes / BYTES_A_SAMPLE;
    for (int k = 0; k < TRIES; k++) {
        uint64_t seed = (uint64_t)r->opt->seed + 9000 + r->round;
        bench_program *p = bench_program_new(seed, number, "stall-big", (uint32_t)samples + 1);
        pf_buf_clear(raw);
        if (p && bench_program_next(p))
            bench_emit(p, r->now, big_duration, raw);
        else
            raw->failed = true;
        bench_program_free(p);
        if (raw->failed)
            return pf_fail_nomem(err, "big profile");
        double share = (double)bytes / (double)raw->len;
        if (share > 0.95 && share < 1.05)
            break;
        samples *= share;
    }
    return PF_OK;
}

static pf_code make_bigs(const bench_run *r, bigs *b, pf_error *err)
{
    pf_buf raw = PF_BUF_INIT;
    pf_code code = PF_OK;
    for (unsigned k = 0; !code && k < BIGS; k++) {
        code = make_big(r, k, r->opt->big, &raw, err);
        b->inflated = raw.len;
        if (!code)
            code = pf_gzip(pf_buf_str(&raw), 1, &b->gz[k], err);
    }
    pf_buf_free(&raw);
    return code;
}

/* Pushes the big ones at one, two and three quarters of the time, beside the small ones. */
typedef struct beside {
    bench_run *run;
    const bench_target *target;
    const bigs *big;
    bench_phase phase;
    pf_error err;
    pthread_t thread;
} beside;

static pf_code push_big(beside *b, pf_client *client, pf_arena *a, unsigned k, pf_error *err)
{
    char name[BENCH_NAME];
    int n = snprintf(name, sizeof name, "stall-big-%u-%u", b->run->round, k);
    pf_push push = {.service = {name, (size_t)n},
                    .type = b->run->opt->type,
                    .body = pf_buf_str(&b->big->gz[k])};
    pf_meta meta;
    pf_code code = pf_client_push(client, &push, a, &meta, err);
    const pf_client_call *last = pf_client_last(client);
    bench_latency_add(&b->phase.latency[0], last->duration_ns);
    b->phase.wall_ns += last->duration_ns;
    b->phase.sent += last->sent;
    b->phase.calls++;
    return code;
}

static void *push_bigs(void *arg)
{
    beside *b = arg;
    pf_client *client = NULL;
    pf_arena a;
    int64_t quarter = b->run->opt->duration / (BIGS + 1), start = pf_clock_mono();
    pf_arena_init(&a, NULL, 0);
    pf_code code = bench_target_client(b->target, big_timeout, &client, &b->err);
    for (unsigned k = 0; !code && k < BIGS; k++) {
        int64_t at = start + (k + 1) * quarter;
        struct timespec until = {at / PF_NS_PER_SEC, at % PF_NS_PER_SEC};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
        code = push_big(b, client, &a, k, &b->err);
    }
    pf_client_free(client);
    pf_arena_free(&a);
    return NULL;
}

static pf_code push_small(bench_run *r, unsigned t, bench_fleet *f, bench_phase *phase,
                          pf_error *err)
{
    bench_push push = {f, &r->batch};
    bench_job job = {.call = bench_push_call,
                     .ctx = &push,
                     .count = r->batch.n,
                     .connections = (unsigned)r->opt->connections,
                     .settle = r->opt->settle,
                     .rate = (double)r->opt->rate};
    return bench_drive(&r->target[t], &job, phase, err);
}

static pf_code both(bench_run *r, unsigned t, bench_fleet *f, const bigs *big, bench_phase *small,
                    beside *b, pf_error *err)
{
    *b = (beside){.run = r, .target = &r->target[t], .big = big};
    if (pthread_create(&b->thread, NULL, push_bigs, b) != 0)
        return pf_fail(err, PF_INTERNAL, "can't start a thread");
    pf_code code = push_small(r, t, f, small, err);
    pthread_join(b->thread, NULL);
    if (!code && b->err.code)
        code = pf_fail(err, b->err.code, "%s", b->err.msg);
    return code;
}

static pf_code add_big(bench_run *r, unsigned t, beside *b, const char *note, pf_error *err)
{
    bench_row row = bench_run_row(r, t, "stall, big push");
    row.phase = b->phase;
    b->phase = (bench_phase){0};
    snprintf(row.note, sizeof row.note, "%s", note);
    return bench_report_add_take(&r->report, &row, err);
}

/* The same small pushes alone, then with big ones beside them. */
static pf_code measure(bench_run *r, bench_fleet *f, const bigs *big, pf_error *err)
{
    int64_t cpu[2][BENCH_TARGETS] = {0}, longest[2][BENCH_TARGETS] = {0};
    pf_code code = PF_OK;
    for (int with = 0; !code && with < 2; with++) {
        code = bench_fleet_make(f, (size_t)r->opt->paced, r->makers, &r->batch, err);
        for (unsigned t = 0; !code && t < r->targets; t++) {
            bench_phase small = {0};
            beside b = {0};
            code = with ? both(r, t, f, big, &small, &b, err) : push_small(r, t, f, &small, err);
            cpu[with][t] = small.cpu_ns;
            longest[with][t] = bench_latency_percentile(&small.latency[0], 100);
            if (!code)
                code = bench_run_add_take(
                    r, t, with ? "stall, small beside big" : "stall, small alone", &small, err);
            char note[200];
            snprintf(note, sizeof note,
                     "%.1f MB inflated, about %.0f ms CPU; the longest small push %.1f ms, "
                     "without it %.1f ms",
                     (double)big->inflated / 1e6, (double)(cpu[1][t] - cpu[0][t]) / BIGS / 1e6,
                     (double)longest[1][t] / 1e6, (double)longest[0][t] / 1e6);
            if (!code && with)
                code = add_big(r, t, &b, note, err);
            bench_phase_free(&small);
            bench_phase_free(&b.phase);
        }
    }
    return code;
}

pf_code bench_scenario_stall(bench_run *r, pf_error *err)
{
    const bench_options *o = r->opt;
    size_t before = (size_t)(o->each * o->ingest_services);
    bench_fleet *f = NULL;
    bigs big = {0};
    pf_code code = bench_run_new_fleet(r, "stall", 9000, before + 2 * (size_t)o->paced, &f, err);
    if (!code)
        code = make_bigs(r, &big, err);
    if (!code)
        code = bench_run_push(r, f, before, NULL, err);
    if (!code)
        code = measure(r, f, &big, err);
    for (int k = 0; k < BIGS; k++)
        pf_buf_free(&big.gz[k]);
    bench_fleet_free(f);
    return code;
}
