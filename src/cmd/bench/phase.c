/* What scenarios are made of: pushing a fleet, restarting servers, adding rows.
 *
 * Bodies are made batch by batch and each batch goes to A, then to B, so a long phase runs A B A B
 * within itself, too. What a server does with them afterwards (compaction, checkpoints) belongs to
 * the phase: it is waited for, and CPU time and bytes written are taken from before the first batch until it settled.
 */
#include "cmd/bench/run.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 4000, HOSTS = 4 }; /* profiles: about 75 MB */

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

pf_code bench_run_new_fleet(const bench_run *r, const char *scenario, unsigned seed, size_t n,
                            bench_fleet **out, pf_error *err)
{
    char prefix[32];
    snprintf(prefix, sizeof prefix, "%s-%u", scenario, r->round);
    bench_fleet_config conf =
        bench_run_fleet(r, prefix, (uint32_t)r->opt->ingest_services, HOSTS, r->opt->span, n);
    conf.seed += seed + r->round;
    return bench_fleet_new(&conf, out, err);
}

bench_row bench_run_row(const bench_run *r, unsigned t, const char *name)
{
    bench_row row = {.target = t, .round = r->round};
    snprintf(row.name, sizeof row.name, "%s", name);
    row.disk = bench_disk_usage(r->target[t].dir);
    row.rss = bench_rss(r->target[t].pid);
    return row;
}

pf_code bench_run_add_take(bench_run *r, unsigned t, const char *name, bench_phase *phase,
                           pf_error *err)
{
    bench_row row = bench_run_row(r, t, name);
    row.phase = *phase;
    *phase = (bench_phase){0};
    return bench_report_add_take(&r->report, &row, err);
}

pf_code bench_run_add_kind(bench_run *r, unsigned t, const char *name, const bench_phase *phase,
                           unsigned kind, pf_error *err)
{
    bench_phase calls = {.calls = phase->latency[kind].n, .wall_ns = phase->wall_ns};
    bench_latency_merge(&calls.latency[0], &phase->latency[kind]);
    return bench_run_add_take(r, t, name, &calls, err);
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

pf_code bench_run_push_phases(bench_run *r, bench_fleet *f, size_t n, bench_phase *phases,
                              int64_t *disk, pf_error *err)
{
    bench_phase these[BENCH_TARGETS] = {0};
    int64_t cpu[BENCH_TARGETS] = {0}, written[BENCH_TARGETS] = {0}, before[BENCH_TARGETS] = {0};
    for (unsigned t = 0; t < r->targets; t++) {
        cpu[t] = bench_cpu_ns(r->target[t].pid);
        written[t] = bench_written(r->target[t].pid);
        before[t] = bench_disk_usage(r->target[t].dir).allocated;
    }
    pf_code code = push_batches(r, f, n, these, err);
    for (unsigned t = 0; t < r->targets; t++) {
        if (!code) {
            bench_settle(r->target[t].pid, r->opt->settle);
            these[t].cpu_ns = bench_cpu_ns(r->target[t].pid) - cpu[t];
            these[t].written = bench_written(r->target[t].pid) - written[t];
            disk[t] = bench_disk_usage(r->target[t].dir).allocated - before[t];
            if (!bench_phase_add(&phases[t], &these[t]))
                code = pf_fail_nomem(err, "latencies");
        }
        bench_phase_free(&these[t]);
    }
    return code;
}

pf_code bench_run_push(bench_run *r, bench_fleet *f, size_t n, const char *name, pf_error *err)
{
    bench_phase phases[BENCH_TARGETS] = {0};
    int64_t disk[BENCH_TARGETS];
    pf_code code = bench_run_push_phases(r, f, n, phases, disk, err);
    for (unsigned t = 0; t < r->targets; t++) {
        if (!code && name)
            code = bench_run_add_take(r, t, name, &phases[t], err);
        bench_phase_free(&phases[t]);
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

pf_code bench_run_chill(bench_run *r, unsigned t, pf_error *err)
{
    bench_target *target = &r->target[t];
    int64_t took;
    pf_code code = bench_target_stop(target, false, err);
    bench_drop_cache(target->dir);
    if (!code && target->command)
        code = bench_target_start(target, &took, err);
    bench_settle(target->pid, r->opt->settle);
    return code;
}

pf_code bench_run_rest(bench_run *r, pf_error *err)
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

bool bench_run_may_restart(const bench_run *r, const char *scenario)
{
    for (unsigned t = 0; t < r->targets; t++)
        if (!r->target[t].command) {
            fprintf(stderr, "profefe-bench: %s is skipped: %s was not started here\n", scenario,
                    bench_target_name(&r->target[t]));
            return false;
        }
    return true;
}
