/* Pushing: preload, ingest, disk.
 *
 * Bodies are made batch by batch and each batch goes to A, then to B, so a long phase runs A B A B
 * within itself, too. What a server does with them afterwards (compaction, checkpoints) belongs to
 * the phase: it is waited for, and CPU time is taken from before the first batch until it settled.
 */
#include "cmd/bench/run.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 4000 }; /* profiles: about 75 MB */

/* Connections that store what queries are about: many more would need more memory for requests in flight than a server
 * has by default. */
enum { PRELOAD_CONNECTIONS = 64 };

pf_code bench_push_call(void *ctx, bench_caller *c, size_t i, pf_error *err)
{
    const bench_push *p = ctx;
    const bench_body *body = &p->batch->v[i];
    bench_fleet *f = p->fleet;
    bench_labels store = {0};
    char name[BENCH_NAME];
    uint32_t host = (uint32_t)(body->i / f->conf.services % f->conf.hosts);
    pf_push push = {
        .service = bench_fleet_service(f, (uint32_t)(body->i % f->conf.services), name),
        .type = f->conf.type,
        .labels = bench_fleet_labels(host, &store),
        .body = pf_buf_str(&body->bytes),
    };
    pf_meta meta;
    pf_code code = pf_client_push(c->client, &push, &c->arena, &meta, err);
    if (code)
        return code;
    char **id = &f->ids[c->target->number][body->i];
    *id = strndup(meta.id.p, meta.id.n);
    if (!*id)
        return pf_fail_nomem(err, "id");
    int64_t want = bench_fleet_time(f, body->i) / PF_NS_PER_SEC;
    if (!pf_str_eq(meta.service, push.service) || meta.type != push.type)
        bench_caller_wrong(c, "push to %.*s answered service %.*s, type %s", PF_FMT(push.service),
                           PF_FMT(meta.service), pf_type_name(meta.type));
    else if (!f->conf.as_is && meta.created_at / PF_NS_PER_SEC != want)
        bench_caller_wrong(c, "push answered created_at %lld s, the profile's time is %lld s",
                           (long long)(meta.created_at / PF_NS_PER_SEC), (long long)want);
    return PF_OK;
}

bench_fleet_config bench_run_fleet(const bench_run *r, const char *prefix, uint32_t services,
                                   uint32_t hosts, int64_t span, size_t n)
{
    int64_t each = (int64_t)(n / services) + 1;
    int64_t step = span / each / PF_NS_PER_SEC * PF_NS_PER_SEC;
    if (step < 2 * PF_NS_PER_SEC)
        step = 2 * PF_NS_PER_SEC;
    return (bench_fleet_config){
        .prefix = prefix,
        .services = services,
        .hosts = hosts,
        .seed = (uint64_t)r->opt->seed,
        .samples = (uint32_t)r->opt->samples,
        .begin = r->now - each * step - PF_NS_PER_SEC,
        .step = step,
        .type = r->opt->type,
        .corpus = r->corpus.n ? &r->corpus : NULL,
    };
}

bench_row bench_run_row(const bench_run *r, unsigned t, const char *name)
{
    bench_row row = {.target = t, .round = r->round};
    snprintf(row.name, sizeof row.name, "%s", name);
    row.disk = bench_disk_usage(r->target[t].dir);
    row.rss = bench_rss(r->target[t].pid);
    return row;
}

/* Makes the next `n` and pushes them to all; phases are added to. */
static pf_code push_batches(bench_run *r, bench_fleet *f, size_t n, bench_phase *phases,
                            pf_error *err)
{
    unsigned connections = (unsigned)r->opt->connections;
    if (f == r->base && connections > PRELOAD_CONNECTIONS)
        connections = PRELOAD_CONNECTIONS;
    pf_code code = PF_OK;
    while (!code && n) {
        size_t now = n < BATCH ? n : BATCH;
        bench_push push = {f, &r->batch};
        code = bench_fleet_make(f, now, r->makers, &r->batch, err);
        for (unsigned t = 0; !code && t < r->targets; t++) {
            bench_job job = {
                .call = bench_push_call, .ctx = &push, .count = now, .connections = connections};
            code = bench_drive(&r->target[t], &job, &phases[t], err);
        }
        n -= now;
    }
    return code;
}

pf_code bench_run_push(bench_run *r, bench_fleet *f, size_t n, const char *name, pf_error *err)
{
    bench_phase phases[BENCH_TARGETS] = {0};
    int64_t cpu[BENCH_TARGETS] = {0};
    for (unsigned t = 0; t < r->targets; t++)
        cpu[t] = bench_cpu_ns(r->target[t].pid);
    pf_code code = push_batches(r, f, n, phases, err);
    for (unsigned t = 0; t < r->targets; t++) {
        if (!code)
            bench_settle(r->target[t].pid, r->opt->settle);
        if (!code && name) {
            phases[t].cpu_ns = bench_cpu_ns(r->target[t].pid) - cpu[t];
            bench_row row = bench_run_row(r, t, name);
            row.phase = phases[t];
            row.profiles = (int64_t)n;
            row.pushed_bytes = (int64_t)phases[t].sent;
            code = bench_report_add_take(&r->report, &row, err);
        } else {
            bench_phase_free(&phases[t]);
        }
    }
    return code;
}

pf_code bench_run_preload(bench_run *r, pf_error *err)
{
    const bench_options *o = r->opt;
    size_t n = (size_t)o->preload, parts = n >= 50000 ? 5 : 1;
    bench_fleet_config conf =
        bench_run_fleet(r, "stored", (uint32_t)o->services, (uint32_t)o->hosts, o->span, n);
    pf_code code = bench_fleet_new(&conf, &r->base, err);
    for (size_t part = 1; !code && part <= parts; part++) {
        char name[48] = "preload";
        if (parts > 1)
            snprintf(name, sizeof name, "preload up to %zu", n * part / parts);
        code = bench_run_push(r, r->base, n * part / parts - r->base->made, name, err);
    }
    return code;
}

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
        bench_run_fleet(r, prefix, (uint32_t)services, 4, r->opt->span, count);
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

/* Stops and starts a server that we may, so that everything it holds in memory or in a log is where
 * it stays. */
static pf_code rest(bench_run *r, pf_error *err)
{
    pf_code code = PF_OK;
    int64_t took;
    for (unsigned t = 0; !code && t < r->targets; t++) {
        if (r->target[t].command && !(code = bench_target_stop(&r->target[t], false, err)))
            code = bench_target_start(&r->target[t], &took, err);
        bench_settle(r->target[t].pid, r->opt->settle);
    }
    return code;
}

/* Bytes on disk that a number of profiles take. With -profiles: every file once, as it is, as one
 * service. */
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
    bench_fleet *f = NULL;
    bench_phase phases[BENCH_TARGETS] = {0};
    bench_disk before[BENCH_TARGETS] = {0};
    pf_code code = rest(r, err);
    for (unsigned t = 0; t < r->targets; t++)
        before[t] = bench_disk_usage(r->target[t].dir);
    if (!code && !(code = bench_fleet_new(&conf, &f, err)))
        code = push_batches(r, f, count, phases, err);
    if (!code)
        code = rest(r, err);
    for (unsigned t = 0; t < r->targets; t++) {
        if (!code) {
            bench_row row = bench_run_row(r, t, "disk");
            row.phase = phases[t];
            row.disk_bytes = row.disk.allocated - before[t].allocated;
            row.pushed_bytes = (int64_t)phases[t].sent;
            row.profiles = (int64_t)count;
            code = bench_report_add_take(&r->report, &row, err);
        } else {
            bench_phase_free(&phases[t]);
        }
    }
    bench_fleet_free(f);
    return code;
}
