/* Bytes on disk that profiles take. Servers that were started here are stopped and started before and after, so that
 * logs are folded in. */
#include "cmd/bench/run.h"

#include <stdio.h>

enum { SAME = 10, SAME_HOSTS = 1, WARM = 400, WARM_SERVICES = 40 };

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

/* What a row says of itself beside the first one, of fewer services. */
static void compare(bench_row *row, double first_cpu, double first_bytes, int64_t services)
{
    double n = (double)row->profiles, cpu = (double)row->phase.cpu_ns / n,
           bytes = (double)row->disk_bytes / n;
    if (first_cpu > 0 && first_bytes > 0)
        snprintf(row->note, sizeof row->note,
                 "a profile: %.2f times the CPU and %.2f times the bytes of %lld services",
                 cpu / first_cpu, bytes / first_bytes, (long long)services);
}

/* What a server does first after a start is no part of what profiles cost. */
static pf_code warm_up(bench_run *r, const bench_corpus *files, const char *prefix, pf_error *err)
{
    bench_fleet_config conf =
        bench_run_fleet(r, prefix, WARM_SERVICES, SAME_HOSTS, r->opt->span, WARM);
    bench_fleet *f = NULL;
    conf.corpus = files;
    pf_code code = bench_fleet_new(&conf, &f, err);
    if (!code)
        code = bench_run_push(r, f, WARM, NULL, err);
    bench_fleet_free(f);
    return code;
}

/* The files once in each of `services`: into a server that runs, for the CPU, and then into other services behind a
 * restart, for the bytes. */
static pf_code push_same(bench_run *r, const bench_corpus *files, size_t services, bench_row *rows,
                         pf_error *err)
{
    char prefix[32], name[48];
    size_t n = services * files->n;
    bench_phase phases[BENCH_TARGETS] = {0};
    int64_t ignored[BENCH_TARGETS];
    bench_fleet *f = NULL;
    snprintf(prefix, sizeof prefix, "same-warm-%u-%zu", r->round, services);
    pf_code code = warm_up(r, files, prefix, err);
    snprintf(prefix, sizeof prefix, "same-cpu-%u-%zu", r->round, services);
    bench_fleet_config conf =
        bench_run_fleet(r, prefix, (uint32_t)services, SAME_HOSTS, r->opt->span, n);
    conf.corpus = files;
    if (!code && !(code = bench_fleet_new(&conf, &f, err)))
        code = bench_run_push_phases(r, f, n, phases, ignored, err);
    bench_fleet_free(f);
    snprintf(prefix, sizeof prefix, "same-%u-%zu", r->round, services); /* conf's */
    snprintf(name, sizeof name, "same %zu profiles, %zu services", files->n, services);
    if (!code)
        code = measure(r, &conf, n, name, rows, err);
    for (unsigned t = 0; t < r->targets; t++) {
        if (code) {
            bench_phase_free(&phases[t]);
            continue;
        }
        bench_phase_free(&rows[t].phase);
        rows[t].phase = phases[t];
    }
    return code;
}

/* The same ten profiles in few services and in many: what one service has brought, another should get for less. */
pf_code bench_scenario_same(bench_run *r, pf_error *err)
{
    const bench_options *o = r->opt;
    bench_corpus ten = {0}, made = {0};
    double cpu[BENCH_TARGETS] = {0}, bytes[BENCH_TARGETS] = {0};
    pf_code code = PF_OK;
    if (!r->corpus.n)
        code = bench_corpus_generate((uint64_t)o->seed + r->round, (uint32_t)o->samples, SAME,
                                     &made, err);
    ten = r->corpus.n ? r->corpus : made;
    ten.n = ten.n > SAME ? SAME : ten.n;
    for (unsigned k = 0; !code && k < o->nsame; k++) {
        bench_row rows[BENCH_TARGETS];
        code = push_same(r, &ten, (size_t)o->same[k], rows, err);
        for (unsigned t = 0; !code && t < r->targets; t++) {
            compare(&rows[t], cpu[t], bytes[t], o->same[0]);
            if (k == 0) {
                cpu[t] = (double)rows[t].phase.cpu_ns / (double)rows[t].profiles;
                bytes[t] = (double)rows[t].disk_bytes / (double)rows[t].profiles;
            }
        }
        if (!code)
            code = add_rows(r, rows, err);
    }
    bench_corpus_free(&made);
    return code;
}
