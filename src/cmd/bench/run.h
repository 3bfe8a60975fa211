/* run.h: what the scenarios share: options, servers, stored profiles, the report.
 *
 * A scenario is a function that runs one round on all servers in turn, A then B; the main program
 * calls each of them once a round, so that the order over two rounds is A B A B. Every phase leaves
 * its server settled, so none begins with another's work.
 */
#ifndef PF_CMD_BENCH_RUN_H
#define PF_CMD_BENCH_RUN_H

#include "cmd/bench/ask.h"
#include "cmd/bench/options.h"
#include "cmd/bench/report.h"

#include <stdarg.h>

typedef struct bench_run {
    const bench_options *opt;
    bench_target target[BENCH_TARGETS];
    unsigned targets;
    unsigned round; /* from 1 */
    unsigned makers;
    bench_report report;
    bench_corpus corpus; /* the files of -profiles; n 0: the generator makes them */
    bench_corpus cycled; /* what the merges of cycled files use without -profiles */
    bench_batch batch;
    int64_t now;           /* wall clock when the run began, whole seconds in ns */
    bench_fleet *base;     /* stored before the first round: what get, find and mixed ask for */
    bench_fleet *merge[2]; /* one service each: the long tail, and cycled files */
    bench_fleet *days;     /* what is spread over partitions */
} bench_run;

typedef pf_code (*bench_scenario_fn)(bench_run *r, pf_error *err);

typedef struct bench_scenario {
    const char *name, *what;
    bench_scenario_fn run;
    bool needs_base;
    bool by_name; /* takes long: "all" does not ask for it */
} bench_scenario;

/* In the order in which they are run; the last one's name is NULL. */
extern const bench_scenario bench_scenarios[];

/* ---- phase.c: the parts that scenarios are made of */

/* A fleet over the last `span` ns before the run began, for `n` profiles; at least 2 s between two
 * of one service, so that whole seconds tell them apart. */
bench_fleet_config bench_run_fleet(const bench_run *r, const char *prefix, uint32_t services,
                                   uint32_t hosts, int64_t span, size_t n);

/* Such a fleet of this round, of the services that pushes go to (-ingest-services), each on 4 hosts. `seed` tells the
 * scenarios apart. */
pf_code bench_run_new_fleet(const bench_run *r, const char *scenario, unsigned seed, size_t n,
                            bench_fleet **out, pf_error *err);

/* A row with disk and memory filled in, for a phase on server `t`. */
bench_row bench_run_row(const bench_run *r, unsigned t, const char *name);

/* Adds the calls of one kind out of a phase, as a row of their own: their times, but not what the server needed for
 * them, which can't be told from what it needed for the others. */
pf_code bench_run_add_kind(bench_run *r, unsigned t, const char *name, const bench_phase *phase,
                           unsigned kind, pf_error *err);

/* Adds a row; takes the phase over, also when it fails. */
pf_code bench_run_add_take(bench_run *r, unsigned t, const char *name, bench_phase *phase,
                           pf_error *err);

/* Makes and pushes the next `n` profiles of the fleet to all servers, waits until they have settled, and adds one row
 * each called `name`; NULL: no row. */
pf_code bench_run_push(bench_run *r, bench_fleet *f, size_t n, const char *name, pf_error *err);

/* The same without a row. *disk becomes the bytes on disk that came with them. Adds to phases[], one a server. */
pf_code bench_run_push_phases(bench_run *r, bench_fleet *f, size_t n, bench_phase *phases,
                              int64_t *disk, pf_error *err);

/* Stores the base fleet on all servers. */
pf_code bench_run_preload(bench_run *r, pf_error *err);

/* Stops a server that was started here, has the kernel forget its files, and starts it. Of another one only the files
 * are forgotten, and of those what it has not mapped. */
pf_code bench_run_chill(bench_run *r, unsigned t, pf_error *err);

/* Stops and starts all servers that were started here, so that everything they hold in memory or in a log is where it
 * stays. */
pf_code bench_run_rest(bench_run *r, pf_error *err);

/* False, and a line on standard error says so, when not all servers were started here. */
bool bench_run_may_restart(const bench_run *r, const char *scenario);

/* One profile, pushed: the call of a job whose ctx is a bench_push. */
typedef struct bench_push {
    bench_fleet *fleet;
    const bench_batch *batch;
} bench_push;
pf_code bench_push_call(void *ctx, bench_caller *c, size_t i, pf_error *err);

/* ---- query.c */

/* Calls whose ctx is the bench_run: one random profile; one service's random hour. */
pf_code bench_get_spread_call(void *ctx, bench_caller *c, size_t i, pf_error *err);
pf_code bench_find_hour_call(void *ctx, bench_caller *c, size_t i, pf_error *err);

/* Runs one job on all servers, cold or warm (see there), and adds a row each. The name is formatted. */
pf_code bench_run_job(bench_run *r, const bench_job *job, bool cold, pf_error *err,
                      const char *name, ...) __attribute__((format(printf, 5, 6)));

/* ---- partitions.c */

/* Stores r->days on all servers, unless it is there. */
pf_code bench_run_store_days(bench_run *r, pf_error *err);

/* [from, to] of one service's profiles in r->days: those of day `day`, from 0 on; UINT32_MAX: of all. */
bench_selection bench_days_selection(const bench_run *r, uint32_t service, uint32_t day);

/* ---- startup.c */

/* Ends a server that was started here, with kill -9 where `hard`, starts it again, and adds a row of the time until it
 * answered. */
pf_code bench_run_restart(bench_run *r, unsigned t, bool hard, const char *name, pf_error *err);

/* ---- One a file */
pf_code bench_scenario_ingest(bench_run *r, pf_error *err);
pf_code bench_scenario_paced(bench_run *r, pf_error *err);
pf_code bench_scenario_same(bench_run *r, pf_error *err);
pf_code bench_scenario_stall(bench_run *r, pf_error *err);
pf_code bench_scenario_restart(bench_run *r, pf_error *err);
pf_code bench_scenario_get(bench_run *r, pf_error *err);
pf_code bench_scenario_find(bench_run *r, pf_error *err);
pf_code bench_scenario_services(bench_run *r, pf_error *err);
pf_code bench_scenario_merge(bench_run *r, pf_error *err);
pf_code bench_scenario_partitions(bench_run *r, pf_error *err);
pf_code bench_scenario_mixed(bench_run *r, pf_error *err);
pf_code bench_scenario_soak(bench_run *r, pf_error *err);
pf_code bench_scenario_connections(bench_run *r, pf_error *err);
pf_code bench_scenario_startup(bench_run *r, pf_error *err);
pf_code bench_scenario_disk(bench_run *r, pf_error *err);

#endif
