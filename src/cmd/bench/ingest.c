/* Pushing as fast as it goes: -count profiles of new services, cut where their kind changes. What a new service pushes
 * first costs its symbols, and the more it has pushed the less is new.
 *
 *     n-th of its service   0 ....... 20 ............ 100 ............. 500 .......
 *     first pass            |--------|
 *     steady                         |----------------------------------------- ...
 *     first 100             |------------------------|
 *     from 500                                                         |------- ...
 */
#include "cmd/bench/run.h"

#include <stdio.h>

enum { CUTS = 4, ROWS = 4, HOSTS = 4 };

typedef struct stretch {
    const char *name;
    size_t from, to; /* n */
    bench_phase phase[BENCH_TARGETS];
    int64_t disk[BENCH_TARGETS];
} stretch;

static pf_code add_stretch(bench_run *r, stretch *s, pf_error *err)
{
    pf_code code = PF_OK;
    for (unsigned t = 0; !code && t < r->targets; t++) {
        bench_row row = bench_run_row(r, t, s->name);
        row.phase = s->phase[t];
        row.profiles = (int64_t)s->phase[t].calls;
        row.pushed_bytes = (int64_t)s->phase[t].sent;
        row.disk_bytes = s->disk[t];
        s->phase[t] = (bench_phase){0};
        code = bench_report_add_take(&r->report, &row, err);
    }
    return code;
}

/* Pushes profiles [from, to) of the fleet, which count for each row that holds them. */
static pf_code push_part(bench_run *r, bench_fleet *f, size_t from, size_t to, stretch *rows,
                         pf_error *err)
{
    bench_phase phases[BENCH_TARGETS] = {0};
    int64_t disk[BENCH_TARGETS] = {0};
    pf_code code = bench_run_push_phases(r, f, to - from, phases, disk, err);
    for (int k = 0; !code && k < ROWS; k++) {
        if (from < rows[k].from || to > rows[k].to)
            continue;
        for (unsigned t = 0; t < r->targets; t++) {
            rows[k].disk[t] += disk[t];
            if (!bench_phase_add(&rows[k].phase[t], &phases[t]))
                code = pf_fail_nomem(err, "latencies");
        }
        if (!code && to == rows[k].to)
            code = add_stretch(r, &rows[k], err);
    }
    for (unsigned t = 0; t < r->targets; t++)
        bench_phase_free(&phases[t]);
    return code;
}

pf_code bench_scenario_ingest(bench_run *r, pf_error *err)
{
    size_t services = (size_t)r->opt->ingest_services, count = (size_t)r->opt->count;
    size_t first = (r->corpus.n ? r->corpus.n : 20) * services;
    first = first > count / 2 ? count / 2 : first;
    size_t hundred = 100 * services, later = 500 * services;
    stretch rows[ROWS] = {{.name = "ingest first pass", .to = first},
                          {.name = "ingest first 100", .to = hundred},
                          {.name = "ingest steady", .from = first, .to = count},
                          {.name = "ingest from 500", .from = later, .to = count}};
    size_t cuts[CUTS] = {first, hundred > first ? hundred : first, later, count};
    char prefix[32];
    snprintf(prefix, sizeof prefix, "ingest-%u", r->round);
    bench_fleet_config conf =
        bench_run_fleet(r, prefix, (uint32_t)services, HOSTS, r->opt->span, count);
    conf.as_is = r->opt->keep_times && r->corpus.n;
    conf.seed += r->round;
    bench_fleet *f = NULL;
    pf_code code = bench_fleet_new(&conf, &f, err);
    for (int k = 0; !code && k < CUTS; k++) {
        size_t to = cuts[k] < count ? cuts[k] : count;
        if (to > f->made)
            code = push_part(r, f, f->made, to, rows, err);
    }
    for (int k = 0; k < ROWS; k++)
        for (unsigned t = 0; t < r->targets; t++)
            bench_phase_free(&rows[k].phase[t]);
    bench_fleet_free(f);
    return code;
}
