/* profefe-bench: drives one or two servers of the profefe API and measures them. See
 * bench/README.md for what it measures, src/cmd/bench/ for how.
 *
 *     exit code   0  measured, and all answers of server A were right
 *                 1  could not measure: a server is not there, fails, or ends
 *                 2  a flag is wrong
 *                 3  server A answered wrongly
 */
#include "base/clock.h"
#include "cmd/bench/run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

static void interrupt(int signal)
{
    (void)signal;
    atomic_store(&bench_interrupted, true);
}

static void handle_signals(void)
{
    struct sigaction act = {.sa_handler = interrupt, .sa_flags = SA_RESETHAND};
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    act = (struct sigaction){.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &act, NULL);
}

static pf_code open_targets(bench_run *r, pf_error *err)
{
    pf_code code = PF_OK;
    for (unsigned t = 0; !code && t < BENCH_TARGETS; t++) {
        const bench_side *side = &r->opt->side[t];
        if (!*side->url && !*side->command)
            break;
        r->target[t].number = t;
        r->target[t].http2 = side->http2;
        r->targets++;
        if (*side->token_file &&
            (code = bench_target_read_token(&r->target[t], side->token_file, err)))
            break;
        code = *side->command ? bench_target_launch(&r->target[t], side->command, r->opt->tmp, err)
                              : bench_target_attach(&r->target[t], side->url, (pid_t)side->pid,
                                                    side->dir, err);
    }
    r->report.targets = r->targets;
    return code;
}

static pf_code run_scenarios(bench_run *r, pf_error *err)
{
    pf_code code = PF_OK;
    bool base = false;
    for (const bench_scenario *s = bench_scenarios; s->name; s++)
        base |= s->needs_base && bench_options_wants(r->opt, s->name);
    if (base)
        code = bench_run_preload(r, err);
    for (r->round = 1; !code && (int64_t)r->round <= r->opt->rounds; r->round++)
        for (const bench_scenario *s = bench_scenarios; !code && s->name; s++)
            if (bench_options_wants(r->opt, s->name))
                code = s->run(r, err);
    return code;
}

static void put_setting(const bench_options *o, pf_buf *out)
{
    struct utsname u = {0};
    uname(&u);
    pf_buf_puts(out, "\"kernel\":");
    pf_buf_put_json(out, pf_str_c(u.release));
    pf_buf_printf(out, ",\"cpus\":%ld,\"profiles\":", sysconf(_SC_NPROCESSORS_ONLN));
    pf_buf_put_json(out, pf_str_c(o->profiles));
    pf_buf_printf(
        out,
        ",\"rounds\":%lld,\"connections\":%lld,\"count\":%lld,\"ingest_services\":%lld,"
        "\"preload\":%lld,\"services\":%lld,\"hosts\":%lld,\"days\":%lld,\"samples\":%lld,"
        "\"seed\":%lld,\"idle\":%lld,\"rate\":%lld,\"duration_ns\":%lld,\"each\":%lld,"
        "\"partitions\":%lld,\"big_bytes\":%lld,\"cold\":%s",
        (long long)o->rounds, (long long)o->connections, (long long)o->count,
        (long long)o->ingest_services, (long long)o->preload, (long long)o->services,
        (long long)o->hosts, (long long)o->days, (long long)o->samples, (long long)o->seed,
        (long long)o->idle, (long long)o->rate, (long long)o->duration, (long long)o->each,
        (long long)o->partitions, (long long)o->big, o->cold ? "true" : "false");
}

static pf_code write_json(const bench_run *r, pf_error *err)
{
    pf_buf out = PF_BUF_INIT, setting = PF_BUF_INIT;
    const char *path = r->opt->json;
    put_setting(r->opt, &setting);
    bench_report_json(&r->report, pf_buf_str(&setting), &out);
    bool to_stdout = strcmp(path, "-") == 0;
    FILE *f = to_stdout ? stdout : fopen(path, "we");
    bool ok = f && !out.failed && !setting.failed && fwrite(out.data, 1, out.len, f) == out.len;
    if (f && (to_stdout ? fflush(f) : fclose(f)) != 0)
        ok = false;
    int why = errno;
    pf_buf_free(&out);
    pf_buf_free(&setting);
    return ok ? PF_OK : pf_fail(err, PF_INTERNAL, "can't write %s: %s", path, strerror(why));
}

static int show(bench_run *r)
{
    pf_error err = {0};
    pf_buf table = PF_BUF_INIT;
    if (r->report.n) {
        bench_report_table(&r->report, &table);
        if (!table.failed)
            fwrite(table.data, 1, table.len, strcmp(r->opt->json, "-") == 0 ? stderr : stdout);
    }
    pf_buf_free(&table);
    if (*r->opt->json && write_json(r, &err)) {
        fprintf(stderr, "profefe-bench: %s\n", err.msg);
        return 1;
    }
    int status = 0;
    for (unsigned t = 0; t < r->targets; t++) {
        size_t wrong = bench_report_wrong(&r->report, t, &err);
        if (!wrong)
            continue;
        fprintf(stderr, "profefe-bench: %zu answers of server %s were wrong, the first: %s\n",
                wrong, bench_target_name(&r->target[t]), err.msg);
        status = t == 0 ? 3 : status;
    }
    return status;
}

static void close_run(bench_run *r)
{
    for (unsigned t = 0; t < r->targets; t++)
        bench_target_close(&r->target[t], r->opt->keep);
    bench_fleet_free(r->base);
    bench_fleet_free(r->merge[0]);
    bench_fleet_free(r->merge[1]);
    bench_fleet_free(r->days);
    bench_batch_free(&r->batch);
    bench_corpus_free(&r->corpus);
    bench_corpus_free(&r->cycled);
    bench_report_free(&r->report);
}

int main(int argc, char **argv)
{
    static bench_options opt;
    pf_error err = {0};
    if (bench_options_parse(&opt, argc, argv, &err)) {
        fprintf(stderr, "profefe-bench: %s\n", err.msg);
        return 2;
    }
    for (const bench_scenario *s = bench_scenarios; opt.list && s->name; s++)
        printf("%-12s %s%s\n", s->name, s->what, s->by_name ? " [by name only]" : "");
    if (opt.help || opt.list)
        return 0;
    handle_signals();
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    bench_run r = {.opt = &opt, .makers = cpus < 1 ? 1 : (unsigned)cpus, .report = {.live = true}};
    r.now = pf_clock_wall(NULL) / PF_NS_PER_SEC * PF_NS_PER_SEC;
    pf_code code = PF_OK;
    if (*opt.profiles)
        code = bench_corpus_load(opt.profiles, opt.type, &r.corpus, &err);
    if (!code)
        code = open_targets(&r, &err);
    if (!code)
        code = run_scenarios(&r, &err);
    int status = show(&r);
    if (code)
        fprintf(stderr, "profefe-bench: %s\n", err.msg);
    close_run(&r);
    return code ? 1 : status;
}
