/* Merging many profiles into one, one call at a time. */
#include "cmd/bench/run.h"

#include "base/clock.h"

enum { CYCLED = 60, MERGES_MAX = 50 };

typedef struct merge_ctx {
    bench_fleet *fleet;
    size_t n;
} merge_ctx;

/* Exactly the first n profiles of the fleet's only service: they are at least two seconds apart. */
static pf_code merge_call(void *ctx, bench_caller *c, size_t i, pf_error *err)
{
    const merge_ctx *m = ctx;
    const bench_fleet *f = m->fleet;
    (void)i;
    int64_t last = bench_fleet_time(f, m->n - 1) / PF_NS_PER_SEC;
    bench_selection s = {
        .host = UINT32_MAX, .from = f->conf.begin, .to = (last + 1) * PF_NS_PER_SEC};
    return bench_ask_merge(f, c, s, err);
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
            code = bench_run_job(r, &job, o->cold, err, "merge %lld %s", (long long)o->sizes[s],
                                 k == 0 ? "long tail" : "cycled");
        }
    }
    return code;
}
