/* Pushing as fast as it goes: -count profiles of new services. */
#include "cmd/bench/run.h"

#include <stdio.h>

enum { HOSTS = 4 };

/* What one service pushes before its profiles count as the steady state. */
static size_t first_pass(const bench_run *r)
{
    return r->corpus.n ? r->corpus.n : 20;
}

pf_code bench_scenario_ingest(bench_run *r, pf_error *err)
{
    size_t services = (size_t)r->opt->ingest_services, count = (size_t)r->opt->count;
    size_t first = first_pass(r) * services;
    if (first > count / 2)
        first = count / 2;
    char prefix[32];
    snprintf(prefix, sizeof prefix, "ingest-%u", r->round);
    bench_fleet_config conf =
        bench_run_fleet(r, prefix, (uint32_t)services, HOSTS, r->opt->span, count);
    conf.as_is = r->opt->keep_times && r->corpus.n;
    conf.seed += r->round;
    bench_fleet *f = NULL;
    pf_code code = bench_fleet_new(&conf, &f, err);
    if (!code && first)
        code = bench_run_push(r, f, first, "ingest first pass", err);
    if (!code)
        code = bench_run_push(r, f, count - first, "ingest steady", err);
    bench_fleet_free(f);
    return code;
}
