/* Pushes, reads and merges together for -duration, over a store of -partitions days: does the memory stay where it is?
 * Of 20 calls 15 push to services of the scenario's own, two list and two get what the days hold, one merges a day of a
 * service or, one time in ten, all of them. Profiles are made between the stretches that are driven, which the
 * duration does not count.
 */
#include "cmd/bench/run.h"

#include "base/clock.h"

#include <stdio.h>

enum { STRETCH = 2000, SLOTS = 400, LOOK_EACH = 32, PUSH = 0, READ = 1, MERGE = 2, MOST = 1 << 22 };

/* One server's. */
typedef struct soak {
    bench_run *run;
    const bench_target *target;
    bench_push push;
    atomic_size_t pushed;
    bench_phase phase;
    int64_t spent, began; /* ns: driven before this stretch; the clock at its begin */
    atomic_int_least64_t
        rss[SLOTS]; /* the most in each 400th of the duration, bytes; 0: not looked at */
    unsigned stretches;
} soak;

static void note_memory(soak *s)
{
    int64_t at = s->spent + pf_clock_mono() - s->began, rss = bench_rss(s->target->pid);
    int64_t slot = (int64_t)((double)at / (double)s->run->opt->duration * SLOTS);
    atomic_int_least64_t *most = &s->rss[slot < SLOTS ? slot : SLOTS - 1];
    int64_t known = atomic_load(most);
    while (rss > known && !atomic_compare_exchange_weak(most, &known, rss))
        ;
}

static pf_code merge(const bench_run *r, bench_caller *c, pf_error *err)
{
    uint32_t service = bench_rng_below(&c->rng, r->days->conf.services),
             day = bench_rng_below(&c->rng, (uint32_t)r->opt->partitions);
    day = bench_rng_below(&c->rng, 10) == 0 ? UINT32_MAX : day;
    return bench_ask_merge(r->days, c, bench_days_selection(r, service, day), err);
}

static pf_code read_one(const bench_run *r, bench_caller *c, pf_error *err)
{
    size_t which = bench_rng_below(&c->rng, (uint32_t)r->days->made);
    if (bench_rng_below(&c->rng, 2))
        return bench_ask_get(r->days, c, which, err);
    uint32_t services = r->days->conf.services;
    uint32_t day = (uint32_t)(which / services / (size_t)r->opt->each);
    return bench_ask_find(r->days, c, bench_days_selection(r, (uint32_t)(which % services), day),
                          err);
}

static pf_code call(void *ctx, bench_caller *c, size_t i, pf_error *err)
{
    soak *s = ctx;
    size_t what = i * 7 % 20; /* each of 0 to 19 once in 20 calls, well mixed */
    if (i % LOOK_EACH == 0)
        note_memory(s);
    c->kind = what < 15 ? PUSH : what < 19 ? READ : MERGE;
    if (c->kind == MERGE)
        return merge(s->run, c, err);
    if (c->kind == PUSH) {
        size_t next = atomic_fetch_add(&s->pushed, 1);
        if (next < s->push.batch->n)
            return bench_push_call(&s->push, c, next, err);
        c->kind = READ; /* the pushes have run out a little early */
    }
    return read_one(s->run, c, err);
}

static pf_code drive_stretch(soak *s, unsigned t, pf_error *err)
{
    bench_run *r = s->run;
    atomic_store(&s->pushed, 0);
    s->began = pf_clock_mono();
    bench_job job = {.call = call,
                     .ctx = s,
                     .count = STRETCH * 20 / 15,
                     .connections = (unsigned)r->opt->connections,
                     .limit = r->opt->duration - s->spent,
                     .seed = (uint64_t)r->opt->seed + r->round * 1000003 + s->stretches++};
    pf_code code = bench_drive(&r->target[t], &job, &s->phase, err);
    s->spent += pf_clock_mono() - s->began;
    return code;
}

/* The most in the k-th quarter of the duration, in MB. */
static double highest(const soak *s, int quarter)
{
    int64_t most = 0;
    for (int i = quarter * SLOTS / 4; i < (quarter + 1) * SLOTS / 4; i++)
        most = atomic_load(&s->rss[i]) > most ? atomic_load(&s->rss[i]) : most;
    return (double)most / 1e6;
}

/* Memory that goes on growing shows in the last quarter beside the one before. */
static pf_code add_rows(soak *s, unsigned t, pf_error *err)
{
    static const char *const names[BENCH_KINDS] = {"soak, pushes", "soak, reads", "soak, merges"};
    bench_run *r = s->run;
    pf_code code = PF_OK;
    for (unsigned k = 0; !code && k < BENCH_KINDS; k++)
        code = bench_run_add_kind(r, t, names[k], &s->phase, k, err);
    bench_row row = bench_run_row(r, t, "soak");
    row.phase = s->phase;
    s->phase = (bench_phase){0};
    snprintf(row.note, sizeof row.note,
             "resident in the four quarters at most %.1f, %.1f, %.1f, %.1f MB; peak %.1f MB",
             highest(s, 0), highest(s, 1), highest(s, 2), highest(s, 3),
             (double)row.phase.rss_peak / 1e6);
    pf_code added = bench_report_add_take(&r->report, &row, err);
    return code ? code : added;
}

static pf_code soak_all(bench_run *r, bench_fleet *f, soak *soaks, pf_error *err)
{
    pf_code code = PF_OK;
    bool over = false;
    while (!code && !over) {
        code = bench_fleet_make(f, STRETCH, r->makers, &r->batch, err);
        over = true;
        for (unsigned t = 0; !code && t < r->targets; t++) {
            if (soaks[t].spent < r->opt->duration)
                code = drive_stretch(&soaks[t], t, err);
            over = over && soaks[t].spent >= r->opt->duration;
        }
    }
    for (unsigned t = 0; t < r->targets; t++) {
        bench_settle(r->target[t].pid, r->opt->settle);
        if (!code)
            code = add_rows(&soaks[t], t, err);
        bench_phase_free(&soaks[t].phase);
    }
    return code;
}

pf_code bench_scenario_soak(bench_run *r, pf_error *err)
{
    static soak soaks[BENCH_TARGETS];
    bench_fleet *f = NULL;
    if (!bench_run_may_restart(r, "soak"))
        return PF_OK;
    pf_code code = bench_run_store_days(r, err);
    if (!code)
        code = bench_run_new_fleet(r, "soak", 8000, MOST, &f, err);
    for (unsigned t = 0; t < r->targets; t++)
        soaks[t] = (soak){.run = r, .target = &r->target[t], .push = {f, &r->batch}};
    if (!code)
        code = soak_all(r, f, soaks, err);
    bench_fleet_free(f);
    return code;
}
