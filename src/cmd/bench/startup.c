/* How long a server takes until it answers, with all that was stored in it: after a clean stop, and
 * after kill -9 right behind some pushes. Only servers that were started here. */
#include "cmd/bench/run.h"

#include <stdio.h>

pf_code bench_run_restart(bench_run *r, unsigned t, bool hard, const char *name, pf_error *err)
{
    bench_target *target = &r->target[t];
    int64_t took = 0;
    pf_code code = bench_target_stop(target, hard, err);
    if (!code)
        code = bench_target_start(target, &took, err);
    if (code)
        return code;
    bench_row row = bench_run_row(r, t, name);
    row.phase = (bench_phase){.calls = 1,
                              .wall_ns = took,
                              .cpu_ns = bench_cpu_ns(target->pid),
                              .rss_peak = bench_rss_peak(target->pid)};
    bench_latency_add(&row.phase.latency[0], took);
    return bench_report_add_take(&r->report, &row, err);
}

/* Some profiles that the next start finds in the log only. */
static pf_code push_some(bench_run *r, pf_error *err)
{
    char prefix[32];
    snprintf(prefix, sizeof prefix, "startup-%u", r->round);
    bench_fleet_config conf =
        bench_run_fleet(r, prefix, (uint32_t)r->opt->ingest_services, 1, r->opt->span, 400);
    conf.seed += 4000 + r->round;
    bench_fleet *f = NULL;
    pf_code code = bench_fleet_new(&conf, &f, err);
    if (!code)
        code = bench_run_push(r, f, 400, NULL, err);
    bench_fleet_free(f);
    return code;
}

pf_code bench_scenario_startup(bench_run *r, pf_error *err)
{
    pf_code code = push_some(r, err);
    for (unsigned t = 0; !code && t < r->targets; t++) {
        if (!r->target[t].command) {
            fprintf(stderr, "profefe-bench: startup is skipped for %s: it was not started here\n",
                    bench_target_name(&r->target[t]));
            continue;
        }
        code = bench_run_restart(r, t, true, "start after kill -9", err);
        if (!code)
            code = bench_run_restart(r, t, false, "start after stop", err);
    }
    return code;
}
