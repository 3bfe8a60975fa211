/* Asking: get, find, services, merge. Each is run over one connection, where the latency is that of
 * the server alone, and over all of them, where it is that of a busy one. */
#include "cmd/bench/run.h"

#include "base/clock.h"
#include "pprof/gzip.h"
#include "pprof/profile.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INFLATED_MAX = 1 << 30, CHECK_EACH = 16, CYCLED = 60, MERGES_MAX = 50 };

void bench_check_total(bench_caller *c, pf_str profile, int64_t total, const char *what)
{
    pf_profile p;
    pf_error why = {0};
    pf_str raw = profile;
    if ((pf_is_gzip(profile) && pf_gunzip(profile, INFLATED_MAX, &c->arena, &raw, &why)) ||
        pf_profile_decode(&p, &c->arena, raw, &why)) {
        bench_caller_wrong(c, "%s: the answer is no profile: %.300s", what, why.msg);
        return;
    }
    int64_t sum = 0;
    for (uint32_t i = 0; i < p.nsample; i++)
        sum += p.value[(size_t)i * p.nsample_type];
    if (sum != total)
        bench_caller_wrong(c, "%s: the samples add up to %" PRId64 " instead of %" PRId64, what,
                           sum, total);
}

pf_code bench_run_job(bench_run *r, const bench_job *job, pf_error *err, const char *name, ...)
{
    char text[48];
    va_list ap;
    va_start(ap, name);
    vsnprintf(text, sizeof text, name, ap);
    va_end(ap);
    pf_code code = PF_OK;
    for (unsigned t = 0; !code && t < r->targets; t++) {
        bench_phase phase = {0};
        code = bench_drive(&r->target[t], job, &phase, err);
        if (code) {
            bench_phase_free(&phase);
            break;
        }
        bench_row row = bench_run_row(r, t, text);
        row.phase = phase;
        code = bench_report_add_take(&r->report, &row, err);
    }
    return code;
}

/* One job on one connection, then on all. */
static pf_code both_ways(bench_run *r, bench_job job, const char *name, pf_error *err)
{
    unsigned all = (unsigned)r->opt->connections;
    job.limit = r->opt->time_limit;
    job.seed = (uint64_t)r->opt->seed + r->round;
    job.settle = r->opt->settle;
    job.connections = 1;
    pf_code code = bench_run_job(r, &job, err, "%s", name);
    job.connections = all;
    if (!code && all > 1)
        code = bench_run_job(r, &job, err, "%s x%u", name, all);
    return code;
}

static pf_code get(bench_run *r, bench_caller *c, size_t which, bool check, pf_error *err)
{
    pf_str body, id = pf_str_c(r->base->ids[c->target->number][which]);
    pf_code code = pf_client_get(c->client, &id, 1, &body, err);
    if (!code && check)
        bench_check_total(c, body, r->base->totals[which], "get");
    return code;
}

static pf_code get_warm_call(void *ctx, bench_caller *c, size_t i, pf_error *err)
{
    bench_run *r = ctx;
    return get(r, c, r->base->made / 2, i % CHECK_EACH == 0, err);
}

pf_code bench_get_spread_call(void *ctx, bench_caller *c, size_t i, pf_error *err)
{
    bench_run *r = ctx;
    size_t which = bench_rng_below(&c->rng, (uint32_t)r->base->made);
    return get(r, c, which, i % CHECK_EACH == 0, err);
}

pf_code bench_scenario_get(bench_run *r, pf_error *err)
{
    bench_job job = {.call = get_warm_call, .ctx = r, .count = (size_t)r->opt->queries};
    pf_code code = both_ways(r, job, "get warm", err);
    job.call = bench_get_spread_call;
    return code ? code : both_ways(r, job, "get spread", err);
}

/* Asks and compares what comes back with what was pushed. */
static pf_code find(bench_run *r, bench_caller *c, uint32_t service, uint32_t host, pf_query *q,
                    pf_error *err)
{
    char name[BENCH_NAME];
    pf_metas found = {0};
    int64_t total;
    q->service = bench_fleet_service(r->base, service, name);
    q->type = r->base->conf.type;
    pf_code code = pf_client_find(c->client, q, &c->arena, &found, err);
    if (code && code != PF_NOT_FOUND)
        return code;
    size_t want = bench_fleet_count(r->base, service, host, q->from, q->to, &total);
    if (found.n != want)
        bench_caller_wrong(c, "find in %.*s: %zu profiles instead of %zu", PF_FMT(q->service),
                           found.n, want);
    for (size_t i = 0; i < found.n; i++)
        if (!pf_str_eq(found.v[i].service, q->service) || found.v[i].created_at < q->from ||
            found.v[i].created_at > q->to || !pf_labels_match(found.v[i].labels, q->labels)) {
            bench_caller_wrong(c, "find in %.*s: %.*s is not what was asked for",
                               PF_FMT(q->service), PF_FMT(found.v[i].id));
            break;
        }
    return PF_OK;
}

/* An hour that holds at least one profile of the service. */
pf_code bench_find_hour_call(void *ctx, bench_caller *c, size_t i, pf_error *err)
{
    bench_run *r = ctx;
    (void)i;
    size_t which = bench_rng_below(&c->rng, (uint32_t)r->base->made);
    int64_t time =
        bench_fleet_time(r->base, which) / PF_NS_PER_SEC - bench_rng_below(&c->rng, 3600);
    pf_query q = {.from = time * PF_NS_PER_SEC, .to = (time + 3600) * PF_NS_PER_SEC};
    return find(r, c, (uint32_t)(which % r->base->conf.services), UINT32_MAX, &q, err);
}

static pf_code find_label_call(void *ctx, bench_caller *c, size_t i, pf_error *err)
{
    bench_run *r = ctx;
    const bench_fleet_config *conf = &r->base->conf;
    (void)i;
    size_t which = bench_rng_below(&c->rng, (uint32_t)r->base->made);
    uint32_t host = (uint32_t)(which / conf->services % conf->hosts);
    bench_labels store = {0};
    pf_labels labels = bench_fleet_labels(host, &store);
    labels.n = 1; /* the host alone */
    pf_query q = {.from = conf->begin - PF_NS_PER_SEC, .to = r->now, .labels = labels};
    return find(r, c, (uint32_t)(which % conf->services), host, &q, err);
}

pf_code bench_scenario_find(bench_run *r, pf_error *err)
{
    bench_job job = {.call = bench_find_hour_call, .ctx = r, .count = (size_t)r->opt->queries};
    pf_code code = both_ways(r, job, "find hour", err);
    job.call = find_label_call;
    return code ? code : both_ways(r, job, "find label", err);
}

static pf_code services_call(void *ctx, bench_caller *c, size_t i, pf_error *err)
{
    bench_run *r = ctx;
    pf_strs names = {0};
    (void)i;
    pf_code code = pf_client_services(c->client, &c->arena, &names, err);
    size_t made = r->base->made < r->base->conf.services ? r->base->made : r->base->conf.services;
    if (!code && names.n < made)
        bench_caller_wrong(c, "services: %zu names, and %zu were pushed", names.n, made);
    return code;
}

pf_code bench_scenario_services(bench_run *r, pf_error *err)
{
    bench_job job = {.call = services_call, .ctx = r, .count = (size_t)r->opt->queries};
    return both_ways(r, job, "services", err);
}

typedef struct merge_ctx {
    bench_fleet *fleet;
    size_t n;
} merge_ctx;

static pf_code merge_call(void *ctx, bench_caller *c, size_t i, pf_error *err)
{
    const merge_ctx *m = ctx;
    char name[BENCH_NAME];
    (void)i;
    pf_str merged;
    int64_t total;
    pf_query q = {.service = bench_fleet_service(m->fleet, 0, name),
                  .type = m->fleet->conf.type,
                  .from = m->fleet->conf.begin,
                  .to = bench_fleet_time(m->fleet, m->n - 1) / PF_NS_PER_SEC * PF_NS_PER_SEC +
                        PF_NS_PER_SEC};
    bench_fleet_count(m->fleet, 0, UINT32_MAX, q.from, q.to, &total);
    pf_code code = pf_client_merge(c->client, &q, &merged, err);
    if (!code)
        bench_check_total(c, merged, total, "merge");
    return code;
}

/* One service each that has the most profiles a merge asks for: made up, with new stacks to the
 * last (the long tail), and the same few files over and over. Stored once, before the first round.
 */
static pf_code store_for_merges(bench_run *r, size_t n, pf_error *err)
{
    pf_code code = PF_OK;
    if (!r->corpus.n && !r->cycled.n)
        code = bench_corpus_generate((uint64_t)r->opt->seed, (uint32_t)r->opt->samples, CYCLED,
                                     &r->cycled, err);
    for (int k = 0; !code && k < 2; k++) {
        bench_fleet_config conf =
            bench_run_fleet(r, k == 0 ? "merge-tail" : "merge-cycled", 1, 4, r->opt->span, n);
        conf.corpus = k == 0 ? NULL : r->corpus.n ? &r->corpus : &r->cycled;
        conf.seed += 2000;
        if (k == 0)
            conf.type = PF_TYPE_CPU;
        code = bench_fleet_new(&conf, &r->merge[k], err);
        if (!code)
            code = bench_run_push(r, r->merge[k], n, NULL, err);
    }
    return code;
}

pf_code bench_scenario_merge(bench_run *r, pf_error *err)
{
    const bench_options *o = r->opt;
    size_t most = 0;
    for (unsigned s = 0; s < o->nsizes; s++)
        most = (size_t)o->sizes[s] > most ? (size_t)o->sizes[s] : most;
    pf_code code = !most || r->merge[0] ? PF_OK : store_for_merges(r, most, err);
    for (unsigned s = 0; !code && s < o->nsizes; s++) {
        for (int k = 0; !code && k < 2; k++) {
            merge_ctx m = {r->merge[k], (size_t)o->sizes[s]};
            bench_job job = {.call = merge_call,
                             .ctx = &m,
                             .count = MERGES_MAX,
                             .connections = 1,
                             .limit = o->time_limit,
                             .settle = o->settle};
            code = bench_run_job(r, &job, err, "merge %lld %s", (long long)o->sizes[s],
                                 k == 0 ? "long tail" : "cycled");
        }
    }
    return code;
}
