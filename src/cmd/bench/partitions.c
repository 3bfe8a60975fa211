/* Questions about many days, which a store of one file a day answers from as many files.
 *
 * No server can be told another time, and a profile goes where the day of its arrival says. So each day's share is pushed
 * as one that arrives today, with created_at on its day; then our server is stopped, today's file gets the name of that
 * day (files of partitions know nothing of one another, nor of their names: docs/storage-format.md), and the server is
 * started for the next share. It is ours when there is a directory `partitions` in its data; any other server simply
 * gets the same profiles.
 *
 *     day 0: push, stop, 2026-11-22.db -> 2026-10-24.db, start ... day 29: push        (today is 2026-11-22)
 */
#include "cmd/bench/run.h"

#include "base/clock.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { HOSTS = 4, DAY_S = 86400, DAY_NAME = 10, QUERIES = 500, MERGES = 20 };

/* "2026-11-22" */
static void day_name(int64_t wall, char out[static DAY_NAME + 1])
{
    time_t seconds = wall / PF_NS_PER_SEC;
    struct tm t;
    gmtime_r(&seconds, &t);
    strftime(out, DAY_NAME + 1, "%Y-%m-%d", &t);
}

/* Renames what is called from...: a partition's file, and its log where there is one. *renamed counts them. */
static pf_code rename_all(const char *dir, const char *from, const char *to, int *renamed,
                          pf_error *err)
{
    DIR *d = opendir(dir);
    if (!d)
        return pf_fail(err, PF_INVALID, "can't read %s: %s", dir, strerror(errno));
    pf_code code = PF_OK;
    struct dirent *e;
    while (!code && (e = readdir(d))) {
        char name[DAY_NAME + 256];
        if (strncmp(e->d_name, from, DAY_NAME) != 0)
            continue;
        snprintf(name, sizeof name, "%s%.240s", to, e->d_name + DAY_NAME);
        if (faccessat(dirfd(d), name, F_OK, 0) == 0)
            code = pf_fail(err, PF_INVALID, "%s/%s is there already: partitions wants a new store",
                           dir, name);
        else if (renameat(dirfd(d), e->d_name, dirfd(d), name) != 0)
            code = pf_fail(err, PF_INTERNAL, "can't rename %s/%s: %s", dir, e->d_name,
                           strerror(errno));
        ++*renamed;
    }
    closedir(d);
    return code;
}

/* Has what the server took in today be what it took in `ago` days before. */
static pf_code move_back(bench_target *t, int64_t ago, pf_error *err)
{
    char dir[BENCH_PATH + 16], from[DAY_NAME + 1], to[DAY_NAME + 1];
    int renamed = 0;
    int64_t took, now = pf_clock_wall(NULL);
    snprintf(dir, sizeof dir, "%s/partitions", t->dir);
    if (!*t->dir || access(dir, R_OK | X_OK) != 0)
        return PF_OK; /* not ours */
    day_name(now, from);
    day_name(now - ago * DAY_S * PF_NS_PER_SEC, to);
    pf_code code = bench_target_stop(t, false, err);
    if (!code)
        code = rename_all(dir, from, to, &renamed, err);
    if (!code && !renamed)
        code = pf_fail(err, PF_INVALID, "%s holds nothing of %s: a partition there must span a day",
                       dir, from);
    return code ? code : bench_target_start(t, &took, err);
}

pf_code bench_run_store_days(bench_run *r, pf_error *err)
{
    const bench_options *o = r->opt;
    if (r->days)
        return PF_OK;
    int64_t step = DAY_S / o->each, days = o->partitions;
    bench_fleet_config conf = bench_run_fleet(r, "days", (uint32_t)o->ingest_services, HOSTS,
                                              DAY_S * PF_NS_PER_SEC, (size_t)o->each);
    conf.step = step * PF_NS_PER_SEC;
    conf.begin = r->now - days * DAY_S * PF_NS_PER_SEC;
    conf.seed += 7000;
    pf_code code = bench_fleet_new(&conf, &r->days, err);
    for (int64_t day = 0; !code && day < days; day++) {
        code = bench_run_push(r, r->days, (size_t)o->each * conf.services, "days, stored", err);
        for (unsigned t = 0; !code && t < r->targets && day + 1 < days; t++)
            code = move_back(&r->target[t], days - 1 - day, err);
    }
    return code;
}

bench_selection bench_days_selection(const bench_run *r, uint32_t service, uint32_t day)
{
    const bench_fleet_config *conf = &r->days->conf;
    int64_t n = r->opt->each, from = conf->begin, to = from + n * r->opt->partitions * conf->step;
    if (day != UINT32_MAX) {
        from = conf->begin + day * n * conf->step;
        to = from + n * conf->step;
    }
    return (bench_selection){
        .service = service, .host = UINT32_MAX, .from = from, .to = to - PF_NS_PER_SEC};
}

/* ---- Questions */

static bench_selection any_day(const bench_run *r, bench_caller *c)
{
    uint32_t service = bench_rng_below(&c->rng, r->days->conf.services);
    return bench_days_selection(r, service, bench_rng_below(&c->rng, (uint32_t)r->opt->partitions));
}

static bench_selection all_days(const bench_run *r, bench_caller *c)
{
    uint32_t service = bench_rng_below(&c->rng, r->days->conf.services);
    return bench_days_selection(r, service, UINT32_MAX);
}

static pf_code services_call(void *ctx, bench_caller *c, size_t i, pf_error *err)
{
    const bench_run *r = ctx;
    (void)i;
    return bench_ask_services(r->days, c, err);
}

static pf_code find_day_call(void *ctx, bench_caller *c, size_t i, pf_error *err)
{
    const bench_run *r = ctx;
    (void)i;
    return bench_ask_find(r->days, c, any_day(r, c), err);
}

static pf_code find_all_call(void *ctx, bench_caller *c, size_t i, pf_error *err)
{
    const bench_run *r = ctx;
    (void)i;
    return bench_ask_find(r->days, c, all_days(r, c), err);
}

static pf_code get_call(void *ctx, bench_caller *c, size_t i, pf_error *err)
{
    const bench_run *r = ctx;
    (void)i;
    return bench_ask_get(r->days, c, bench_rng_below(&c->rng, (uint32_t)r->days->made), err);
}

static pf_code merge_day_call(void *ctx, bench_caller *c, size_t i, pf_error *err)
{
    const bench_run *r = ctx;
    (void)i;
    return bench_ask_merge(r->days, c, any_day(r, c), err);
}

static pf_code merge_all_call(void *ctx, bench_caller *c, size_t i, pf_error *err)
{
    const bench_run *r = ctx;
    (void)i;
    return bench_ask_merge(r->days, c, all_days(r, c), err);
}

pf_code bench_scenario_partitions(bench_run *r, pf_error *err)
{
    const struct {
        const char *name;
        pf_code (*call)(void *ctx, bench_caller *c, size_t i, pf_error *err);
        size_t count;
    } questions[] = {
        {"services", services_call, QUERIES},      {"find one day", find_day_call, QUERIES},
        {"find all", find_all_call, QUERIES},      {"get", get_call, QUERIES},
        {"merge one day", merge_day_call, MERGES}, {"merge all", merge_all_call, MERGES},
    };
    if (!bench_run_may_restart(r, "partitions"))
        return PF_OK;
    pf_code code = bench_run_store_days(r, err);
    for (int cold = 1; cold >= 0; cold--)
        for (size_t k = 0; !code && k < sizeof questions / sizeof *questions; k++) {
            bench_job job = {.call = questions[k].call,
                             .ctx = r,
                             .count = questions[k].count,
                             .connections = 1,
                             .seed = (uint64_t)r->opt->seed + r->round,
                             .limit = r->opt->time_limit,
                             .settle = r->opt->settle};
            code = bench_run_job(r, &job, cold, err, "%lld days, %s", (long long)r->opt->partitions,
                                 questions[k].name);
        }
    return code;
}
