/* Pushes and queries at once: of ten calls eight push, one lists an hour of a service, one gets a
 * profile. Both kinds are reported apart; the server's CPU time belongs to both. */
#include "cmd/bench/run.h"

#include <stdio.h>

typedef struct mixed_ctx {
    bench_run *run;
    bench_push push;
    atomic_size_t pushed;
} mixed_ctx;

static pf_code mixed_call(void *ctx, bench_caller *c, size_t i, pf_error *err)
{
    mixed_ctx *m = ctx;
    uint32_t what = bench_rng_below(&c->rng, 10);
    c->kind = what >= 8;
    if (what == 8)
        return bench_find_hour_call(m->run, c, i, err);
    if (what == 9)
        return bench_get_spread_call(m->run, c, i, err);
    size_t next = atomic_fetch_add(&m->pushed, 1);
    if (next < m->push.batch->n)
        return bench_push_call(&m->push, c, next, err);
    c->kind = 1; /* the pushes have run out a little early */
    return bench_get_spread_call(m->run, c, i, err);
}

/* One row for all calls and one for each kind, so that their latencies can be told apart. */
static pf_code add_rows(bench_run *r, unsigned t, bench_phase *phase, pf_error *err)
{
    static const char *const names[] = {"mixed, pushes", "mixed, queries"};
    pf_code code = PF_OK;
    for (unsigned k = 0; !code && k < sizeof names / sizeof *names; k++)
        code = bench_run_add_kind(r, t, names[k], phase, k, err);
    pf_code last = bench_run_add_take(r, t, "mixed", phase, err);
    return code ? code : last;
}

pf_code bench_scenario_mixed(bench_run *r, pf_error *err)
{
    size_t count = (size_t)r->opt->count < 4000 ? (size_t)r->opt->count : 4000;
    size_t pushes = count * 8 / 10;
    char prefix[32];
    snprintf(prefix, sizeof prefix, "mixed-%u", r->round);
    bench_fleet_config conf =
        bench_run_fleet(r, prefix, (uint32_t)r->opt->ingest_services, 4, r->opt->span, pushes);
    conf.seed += 3000 + r->round;
    bench_fleet *f = NULL;
    pf_code code = bench_fleet_new(&conf, &f, err);
    if (!code)
        code = bench_fleet_make(f, pushes, r->makers, &r->batch, err);
    for (unsigned t = 0; !code && t < r->targets; t++) {
        mixed_ctx m = {.run = r, .push = {f, &r->batch}};
        bench_phase phase = {0};
        bench_job job = {.call = mixed_call,
                         .ctx = &m,
                         .count = count,
                         .connections = (unsigned)r->opt->connections,
                         .settle = r->opt->settle,
                         .seed = (uint64_t)r->opt->seed + r->round};
        code = bench_drive(&r->target[t], &job, &phase, err);
        if (!code)
            code = add_rows(r, t, &phase, err);
        bench_phase_free(&phase);
    }
    bench_fleet_free(f);
    return code;
}
