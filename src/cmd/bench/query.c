/* Asking for what was stored before the first round: get, find, services. Each is run over one connection, where the
 * latency is that of the server alone, and over all of them, where it is that of a busy one.
 *
 * Warm: the server has run since it stored the profiles, and a tenth of the calls went before, the same ones,
 * unmeasured. Cold (-cold): the server was stopped, the kernel made to forget its files, and it was started again right
 * before the phase, which is short, since every call warms it. */
#include "cmd/bench/run.h"

#include "base/clock.h"

#include <stdio.h>

enum { COLD_CALLS = 200, WARM_SHARE = 10, WARM_TIME_SHARE = 4 };

static pf_code warm_up(bench_target *t, bench_job job, pf_error *err)
{
    bench_phase unmeasured = {0};
    job.count = job.count / WARM_SHARE + 1;
    job.limit /= WARM_TIME_SHARE;
    pf_code code = bench_drive(t, &job, &unmeasured, err);
    bench_phase_free(&unmeasured);
    return code;
}

static pf_code run_on(bench_run *r, unsigned t, const bench_job *job, bool cold, const char *name,
                      pf_error *err)
{
    bench_phase phase = {0};
    pf_code code = cold ? bench_run_chill(r, t, err) : warm_up(&r->target[t], *job, err);
    if (!code)
        code = bench_drive(&r->target[t], job, &phase, err);
    if (code) {
        bench_phase_free(&phase);
        return code;
    }
    bench_row row = bench_run_row(r, t, name);
    row.phase = phase;
    return bench_report_add_take(&r->report, &row, err);
}

pf_code bench_run_job(bench_run *r, const bench_job *job, bool cold, pf_error *err,
                      const char *name, ...)
{
    char text[40], whole[48];
    va_list ap;
    va_start(ap, name);
    vsnprintf(text, sizeof text, name, ap);
    va_end(ap);
    snprintf(whole, sizeof whole, "%s%s", text, cold ? " cold" : "");
    bench_job asked = *job;
    if (cold && asked.count > COLD_CALLS)
        asked.count = COLD_CALLS;
    pf_code code = PF_OK;
    for (unsigned t = 0; !code && t < r->targets; t++)
        code = run_on(r, t, &asked, cold, whole, err);
    return code;
}

/* One job on one connection, then on all. */
static pf_code both_ways(bench_run *r, bench_job job, const char *name, pf_error *err)
{
    unsigned all = (unsigned)r->opt->connections;
    bool cold = r->opt->cold;
    job.ctx = r;
    job.count = (size_t)r->opt->queries;
    job.limit = r->opt->time_limit;
    job.seed = (uint64_t)r->opt->seed + r->round;
    job.settle = r->opt->settle;
    job.connections = 1;
    pf_code code = bench_run_job(r, &job, cold, err, "%s", name);
    job.connections = all;
    if (!code && all > 1 && !cold)
        code = bench_run_job(r, &job, cold, err, "%s x%u", name, all);
    return code;
}

static pf_code get_one_call(void *ctx, bench_caller *c, size_t i, pf_error *err)
{
    const bench_run *r = ctx;
    (void)i;
    return bench_ask_get(r->base, c, r->base->made / 2, err);
}

static size_t any(const bench_run *r, bench_caller *c)
{
    return bench_rng_below(&c->rng, (uint32_t)r->base->made);
}

pf_code bench_get_spread_call(void *ctx, bench_caller *c, size_t i, pf_error *err)
{
    const bench_run *r = ctx;
    (void)i;
    return bench_ask_get(r->base, c, any(r, c), err);
}

pf_code bench_scenario_get(bench_run *r, pf_error *err)
{
    const char *one = r->opt->cold ? "get one" : "get warm";
    pf_code code = both_ways(r, (bench_job){.call = get_one_call}, one, err);
    return code ? code
                : both_ways(r, (bench_job){.call = bench_get_spread_call}, "get spread", err);
}

/* An hour that holds at least one profile of the service. */
pf_code bench_find_hour_call(void *ctx, bench_caller *c, size_t i, pf_error *err)
{
    const bench_run *r = ctx;
    (void)i;
    size_t which = any(r, c);
    int64_t time =
        bench_fleet_time(r->base, which) / PF_NS_PER_SEC - bench_rng_below(&c->rng, 3600);
    bench_selection s = {.service = (uint32_t)(which % r->base->conf.services),
                         .host = UINT32_MAX,
                         .from = time * PF_NS_PER_SEC,
                         .to = (time + 3600) * PF_NS_PER_SEC};
    return bench_ask_find(r->base, c, s, err);
}

static pf_code find_label_call(void *ctx, bench_caller *c, size_t i, pf_error *err)
{
    const bench_run *r = ctx;
    const bench_fleet_config *conf = &r->base->conf;
    (void)i;
    size_t which = any(r, c);
    bench_selection s = {.service = (uint32_t)(which % conf->services),
                         .host = (uint32_t)(which / conf->services % conf->hosts),
                         .from = conf->begin - PF_NS_PER_SEC,
                         .to = r->now};
    return bench_ask_find(r->base, c, s, err);
}

pf_code bench_scenario_find(bench_run *r, pf_error *err)
{
    pf_code code = both_ways(r, (bench_job){.call = bench_find_hour_call}, "find hour", err);
    return code ? code : both_ways(r, (bench_job){.call = find_label_call}, "find label", err);
}

static pf_code services_call(void *ctx, bench_caller *c, size_t i, pf_error *err)
{
    const bench_run *r = ctx;
    (void)i;
    return bench_ask_services(r->base, c, err);
}

pf_code bench_scenario_services(bench_run *r, pf_error *err)
{
    return both_ways(r, (bench_job){.call = services_call}, "services", err);
}
