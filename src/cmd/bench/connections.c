/* What connections cost by themselves: the same small question on a kept one and on a new one for each call, whose
 * difference is the connection's; and the memory of those that are silent. */
#include "cmd/bench/run.h"

#include "base/clock.h"
#include "cmd/bench/crowd.h"

#include <stdlib.h>

typedef enum link { KEPT, FRESH, RESUMED } link;

/* Calls until there were enough, or the time is over. */
static pf_code call_all(bench_run *r, bench_place *p, link how, bench_wire *w, bench_phase *phase,
                        pf_error *err)
{
    int64_t end = r->opt->time_limit ? pf_clock_mono() + r->opt->time_limit : INT64_MAX;
    bool open = false;
    pf_code code = PF_OK;
    while (!code && phase->calls < (size_t)r->opt->queries && pf_clock_mono() < end) {
        if (atomic_load(&bench_interrupted))
            code = pf_fail(err, PF_CANCELLED, "interrupted");
        int64_t began = pf_clock_mono();
        if (!code && !open)
            open = !(code = bench_wire_open(w, p, how == RESUMED, err));
        if (!code)
            code = bench_wire_ask(w, err);
        int64_t took = pf_clock_mono() - began;
        if (open && how != KEPT) {
            bench_wire_close(w);
            open = false;
        }
        bench_latency_add(&phase->latency[0], took);
        phase->wall_ns += took;
        phase->calls++;
    }
    if (open)
        bench_wire_close(w);
    return code;
}

/* One row. *kept_cpu is what a call takes on a kept connection: told by KEPT, needed by the others. */
static pf_code ask(bench_run *r, unsigned t, bench_place *p, link how, double *kept_cpu,
                   pf_error *err)
{
    static const char *const names[] = {"version kept", "version new connection",
                                        "version resumed TLS"};
    pid_t pid = r->target[t].pid;
    bench_phase phase = {0};
    bench_wire *w = malloc(sizeof *w);
    if (!w)
        return pf_fail_nomem(err, "connection");
    bench_settle(pid, r->opt->settle);
    int64_t cpu = bench_cpu_ns(pid);
    pf_code code = call_all(r, p, how, w, &phase, err);
    free(w);
    bench_settle(pid, r->opt->settle);
    phase.cpu_ns = bench_cpu_ns(pid) - cpu;
    if (code) {
        bench_phase_free(&phase);
        return code;
    }
    bench_row row = bench_run_row(r, t, names[how]);
    row.phase = phase;
    row.phase.rss_peak = row.rss;
    if (how == KEPT)
        *kept_cpu = (double)phase.cpu_ns / (double)phase.calls;
    else
        row.kept_cpu_ns = (int64_t)(*kept_cpu * (double)phase.calls);
    return bench_report_add_take(&r->report, &row, err);
}

static pf_code hold(bench_run *r, unsigned t, bench_place *p, pf_error *err)
{
    pid_t pid = r->target[t].pid;
    bench_crowd crowd;
    size_t n = (size_t)r->opt->idle;
    int64_t before = bench_rss(pid), cpu = bench_cpu_ns(pid);
    pf_code code = bench_crowd_open(&crowd, p, n, err);
    if (!code) {
        bench_settle(pid, r->opt->settle);
        bench_row row = bench_run_row(r, t, "connections idle");
        row.phase = (bench_phase){.calls = n,
                                  .cpu_ns = bench_cpu_ns(pid) - cpu,
                                  .rss_peak = row.rss,
                                  .wrong = bench_crowd_lost(&crowd)};
        if (row.phase.wrong)
            pf_fail(&row.phase.first_wrong, PF_INTERNAL, "%zu of %zu connections were closed",
                    row.phase.wrong, n);
        row.held = r->opt->idle;
        row.held_bytes = row.rss - before;
        code = bench_report_add_take(&r->report, &row, err);
    }
    bench_crowd_close(&crowd);
    bench_settle(pid, r->opt->settle);
    return code;
}

pf_code bench_scenario_connections(bench_run *r, pf_error *err)
{
    pf_code code = PF_OK;
    for (unsigned t = 0; !code && t < r->targets; t++) {
        bench_place place;
        double kept = 0;
        code = bench_place_find(&place, &r->target[t], err);
        for (link how = KEPT; !code && how <= (place.ctx ? RESUMED : FRESH); how++)
            code = ask(r, t, &place, how, &kept, err);
        if (!code)
            code = hold(r, t, &place, err);
        bench_place_free(&place);
    }
    return code;
}
