/* What a restart costs those who push: after a clean stop and after kill -9, with -each profiles of each of N services
 * stored before. How long it is until the server is ready; then what the first push of each service takes, and how
 * many pushes a second it takes in from the first second on, beside what it did before.
 *
 *     store, "before" --> end --> ready --> pushes, closed loop --> end --> ready --> pushes, paced --> lists
 *
 * Right before each end some more profiles are pushed, so that kill -9 leaves a log behind. In the end each service's
 * list must have every profile that was ever answered, and no other.
 */
#include "cmd/bench/run.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

enum { JUST_BEFORE = 400, CLOSED_MOST = 60000 };
static const double as_before =
    0.9; /* of the pushes a second that there were: the server is back */

typedef struct restarts {
    bench_run *run;
    bench_fleet *fleet;
    bench_batch just_before;
    double before[BENCH_TARGETS]; /* pushes a second, closed loop */
} restarts;

static const char *end_name(bool hard)
{
    return hard ? "kill -9" : "stop";
}

/* The first push of each service is told apart: a batch begins with one of each. */
static pf_code push_call(void *ctx, bench_caller *c, size_t i, pf_error *err)
{
    const bench_push *p = ctx;
    c->kind = i >= p->fleet->conf.services;
    return bench_push_call(ctx, c, i, err);
}

static pf_code store(restarts *s, pf_error *err)
{
    bench_run *r = s->run;
    int64_t ignored[BENCH_TARGETS];
    bench_phase phases[BENCH_TARGETS] = {0};
    size_t n = (size_t)r->opt->each * s->fleet->conf.services;
    pf_code code = bench_run_push(r, s->fleet, n, "restart, stored before", err);
    if (!code)
        code = bench_run_push_phases(r, s->fleet, (size_t)r->opt->count, phases, ignored, err);
    for (unsigned t = 0; t < r->targets; t++) {
        double seconds = (double)phases[t].wall_ns / PF_NS_PER_SEC;
        s->before[t] = seconds > 0 ? (double)phases[t].calls / seconds : 0;
        if (!code)
            code = bench_run_add_take(r, t, "restart, just before", &phases[t], err);
        bench_phase_free(&phases[t]);
    }
    return code;
}

/* So many that no server runs out of them within the time. */
static size_t closed_count(const restarts *s)
{
    const bench_options *o = s->run->opt;
    double fastest = s->before[0] > s->before[1] ? s->before[0] : s->before[1];
    double n = 1.5 * fastest * (double)o->duration / PF_NS_PER_SEC + s->fleet->conf.services;
    return n > CLOSED_MOST ? CLOSED_MOST : (size_t)n;
}

static pf_code restart(restarts *s, unsigned t, bool hard, pf_error *err)
{
    char name[48];
    snprintf(name, sizeof name, "restart, %s: ready", end_name(hard));
    return bench_run_restart(s->run, t, hard, name, err);
}

/* The row's note: pushes a second, second by second, and when they were again what they had been. */
static void note_seconds(bench_row *row, bench_timeline *line, double before, int64_t duration)
{
    int seconds = (int)(duration / PF_NS_PER_SEC), back = -1;
    size_t at = 0;
    seconds = seconds > BENCH_SECONDS ? BENCH_SECONDS : seconds;
    for (int k = 0; k < seconds; k++) {
        row->ended[row->seconds++] = atomic_load(&line->ended[k]);
        if (back < 0 && row->ended[k] >= as_before * before)
            back = k + 1;
    }
    row->before = before;
    at += (size_t)snprintf(row->note, sizeof row->note, "pushes a second: %.0f before;", before);
    for (int k = 0; k < seconds && at < sizeof row->note; k++)
        at += (size_t)snprintf(row->note + at, sizeof row->note - at, " %u", row->ended[k]);
    if (at < sizeof row->note && back > 0)
        snprintf(row->note + at, sizeof row->note - at, "; 9/10 of before within %d s", back);
    else if (at < sizeof row->note)
        snprintf(row->note + at, sizeof row->note - at, "; 9/10 of before not reached");
}

/* Rows for the first pushes and for all. */
static pf_code add_pushes(restarts *s, unsigned t, bool hard, bool paced, bench_phase *phase,
                          bench_timeline *line, pf_error *err)
{
    bench_run *r = s->run;
    const char *how = paced ? "paced" : "closed";
    char name[48];
    snprintf(name, sizeof name, "restart, %s: first, %s", end_name(hard), how);
    bench_phase first = *phase; /* which are over long before the phase: no calls a second */
    first.wall_ns = 0;
    pf_code code = bench_run_add_kind(r, t, name, &first, 0, err);
    snprintf(name, sizeof name, "restart, %s: pushes, %s", end_name(hard), how);
    bench_row row = bench_run_row(r, t, name);
    row.phase = *phase;
    *phase = (bench_phase){0};
    if (!paced)
        note_seconds(&row, line, s->before[t], r->opt->duration);
    pf_code added = bench_report_add_take(&r->report, &row, err);
    return code ? code : added;
}

static pf_code push_after(restarts *s, unsigned t, bool hard, bool paced, pf_error *err)
{
    bench_run *r = s->run;
    const bench_options *o = r->opt;
    bench_phase phase = {0};
    bench_timeline line = {0};
    bench_push push = {s->fleet, &r->batch};
    bench_job job = {.call = push_call,
                     .ctx = &push,
                     .count = r->batch.n,
                     .connections = (unsigned)o->connections,
                     .settle = o->settle,
                     .limit = paced ? 0 : o->duration,
                     .least = s->fleet->conf.services,
                     .rate = paced ? (double)o->rate : 0,
                     .timeline = &line};
    pf_code code = bench_drive(&r->target[t], &job, &phase, err);
    if (!code)
        code = add_pushes(s, t, hard, paced, &phase, &line, err);
    bench_phase_free(&phase);
    return code;
}

static pf_code end_and_go_on(restarts *s, bool hard, bool paced, pf_error *err)
{
    bench_run *r = s->run;
    size_t services = s->fleet->conf.services, n = closed_count(s);
    if (paced)
        n = (size_t)r->opt->paced > services ? (size_t)r->opt->paced : services;
    pf_code code = PF_OK;
    /* Whole turns of the services, so that the batch behind begins with the first one again. */
    size_t just_before = (JUST_BEFORE + services - 1) / services * services;
    if (s->fleet->made % services)
        just_before += services - s->fleet->made % services;
    code = bench_fleet_make(s->fleet, just_before, r->makers, &s->just_before, err);
    if (!code)
        code = bench_fleet_make(s->fleet, n, r->makers, &r->batch, err);
    for (unsigned t = 0; !code && t < r->targets; t++) {
        bench_phase unmeasured = {0};
        bench_push push = {s->fleet, &s->just_before};
        bench_job job = {.call = bench_push_call,
                         .ctx = &push,
                         .count = just_before,
                         .connections = (unsigned)r->opt->connections};
        code = bench_drive(&r->target[t], &job, &unmeasured, err);
        bench_phase_free(&unmeasured);
        if (!code)
            code = restart(s, t, hard, err);
        if (!code)
            code = push_after(s, t, hard, paced, err);
    }
    return code;
}

static pf_code find_all_call(void *ctx, bench_caller *c, size_t i, pf_error *err)
{
    const restarts *s = ctx;
    const bench_fleet *f = s->fleet;
    bench_selection all = {.service = (uint32_t)(i % f->conf.services),
                           .host = UINT32_MAX,
                           .from = f->conf.begin,
                           .to = f->conf.begin + f->conf.step * (int64_t)(f->made + 1)};
    return bench_ask_find(f, c, all, err);
}

pf_code bench_scenario_restart(bench_run *r, pf_error *err)
{
    restarts s = {.run = r};
    if (!bench_run_may_restart(r, "restart"))
        return PF_OK;
    size_t services = (size_t)r->opt->ingest_services,
           most = (size_t)r->opt->each * services + (size_t)r->opt->count +
                  4 * (JUST_BEFORE + 2 * services + CLOSED_MOST);
    pf_code code = bench_run_new_fleet(r, "restart", 6000, most, &s.fleet, err);
    if (!code)
        code = store(&s, err);
    for (int hard = 0; !code && hard < 2; hard++)
        for (int paced = 0; !code && paced < 2; paced++)
            code = end_and_go_on(&s, hard, paced, err);
    bench_job job = {.call = find_all_call, .ctx = &s, .connections = 1, .settle = r->opt->settle};
    if (!code) {
        job.count = services;
        code = bench_run_job(r, &job, false, err, "restart, lists of all");
    }
    bench_batch_free(&s.just_before);
    bench_fleet_free(s.fleet);
    return code;
}
