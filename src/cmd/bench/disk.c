/* Bytes on disk that profiles take. Servers that were started here are stopped and started before and after, so that
 * logs are folded in. */
#include "cmd/bench/run.h"

#include <stdio.h>

/* Pushes `n` profiles of a new fleet, and fills a row for each server in. */
static pf_code measure(bench_run *r, const bench_fleet_config *conf, size_t n, const char *name,
                       bench_row *rows, pf_error *err)
{
    bench_fleet *f = NULL;
    bench_phase phases[BENCH_TARGETS] = {0};
    int64_t before[BENCH_TARGETS] = {0}, ignored[BENCH_TARGETS];
    pf_code code = bench_run_rest(r, err);
    for (unsigned t = 0; t < r->targets; t++)
        before[t] = bench_disk_usage(r->target[t].dir).allocated;
    if (!code && !(code = bench_fleet_new(conf, &f, err)))
        code = bench_run_push_phases(r, f, n, phases, ignored, err);
    if (!code)
        code = bench_run_rest(r, err);
    for (unsigned t = 0; t < r->targets; t++) {
        if (code) {
            bench_phase_free(&phases[t]);
            continue;
        }
        rows[t] = bench_run_row(r, t, name);
        rows[t].phase = phases[t];
        rows[t].disk_bytes = rows[t].disk.allocated - before[t];
        rows[t].pushed_bytes = (int64_t)phases[t].sent;
        rows[t].profiles = (int64_t)n;
    }
    bench_fleet_free(f);
    return code;
}

/* Adds all, so that none is left over. */
static pf_code add_rows(bench_run *r, bench_row *rows, pf_error *err)
{
    pf_code code = PF_OK;
    for (unsigned t = 0; t < r->targets; t++) {
        pf_code added = bench_report_add_take(&r->report, &rows[t], err);
        code = code ? code : added;
    }
    return code;
}

/* With -profiles: every file once, as it is, as one service. */
pf_code bench_scenario_disk(bench_run *r, pf_error *err)
{
    bool files = r->corpus.n > 0;
    size_t services = files ? 1 : (size_t)r->opt->ingest_services;
    size_t count = files ? r->corpus.n : (size_t)r->opt->count;
    char prefix[32];
    snprintf(prefix, sizeof prefix, "disk-%u", r->round);
    bench_fleet_config conf =
        bench_run_fleet(r, prefix, (uint32_t)services, 1, r->opt->span, count);
    conf.as_is = files;
    conf.seed += 1000 + r->round;
    bench_row rows[BENCH_TARGETS];
    pf_code code = measure(r, &conf, count, "disk", rows, err);
    return code ? code : add_rows(r, rows, err);
}
