/* Pushing at a pace, -rate a second for -duration: what pushes take that come one by one, and what a server writes to disk
 * for each, which gathers less than one that is kept busy. */
#include "cmd/bench/run.h"

#include "base/clock.h"

#include <stdio.h>

pf_code bench_scenario_paced(bench_run *r, pf_error *err)
{
    const bench_options *o = r->opt;
    size_t before = (size_t)(o->each * o->ingest_services), n = (size_t)o->paced;
    char name[48];
    bench_fleet *f = NULL;
    snprintf(name, sizeof name, "paced, %lld/s", (long long)o->rate);
    pf_code code = bench_run_new_fleet(r, "paced", 5000, before + n, &f, err);
    if (!code)
        code = bench_run_push(r, f, before, "paced, stored before", err);
    if (!code)
        code = bench_fleet_make(f, n, r->makers, &r->batch, err);
    for (unsigned t = 0; !code && t < r->targets; t++) {
        bench_phase phase = {0};
        bench_push push = {f, &r->batch};
        bench_job job = {.call = bench_push_call,
                         .ctx = &push,
                         .count = n,
                         .connections = (unsigned)o->connections,
                         .settle = o->settle,
                         .rate = (double)o->rate};
        code = bench_drive(&r->target[t], &job, &phase, err);
        if (!code)
            code = bench_run_add_take(r, t, name, &phase, err);
        bench_phase_free(&phase);
    }
    bench_fleet_free(f);
    return code;
}
