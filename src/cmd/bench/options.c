#include "cmd/bench/options.h"

#include "base/clock.h"
#include "base/flags.h"
#include "cmd/bench/run.h"

#include <stdlib.h>
#include <string.h>

#define LENGTH(a) (sizeof(a) / sizeof *(a))

/* "10,100" */
static pf_code read_sizes(bench_options *o, pf_error *err)
{
    pf_str word, rest = pf_str_c(o->merge_sizes);
    while (rest.n) {
        int64_t n;
        pf_str_cut(rest, ',', &word, &rest);
        if (!pf_str_to_i64(pf_str_trim(word), &n) || n < 1 || n > 10000000)
            return pf_fail(err, PF_INVALID, "flag -merge-sizes: \"%.*s\" is not a number",
                           PF_FMT(word));
        if (o->nsizes == BENCH_SIZES_MAX)
            return pf_fail(err, PF_INVALID, "flag -merge-sizes: over %d sizes", BENCH_SIZES_MAX);
        o->sizes[o->nsizes++] = n;
    }
    return PF_OK;
}

static pf_code check_scenarios(const bench_options *o, pf_error *err)
{
    pf_str word, rest = pf_str_c(o->scenarios);
    while (rest.n) {
        pf_str_cut(rest, ',', &word, &rest);
        bool known = pf_str_eq(word, PF_STR("all"));
        for (const bench_scenario *s = bench_scenarios; s->name && !known; s++)
            known = pf_str_eq(word, pf_str_c(s->name));
        if (!known)
            return pf_fail(err, PF_INVALID,
                           "flag -scenario: there is no \"%.*s\" (-list lists them)", PF_FMT(word));
    }
    return PF_OK;
}

static pf_code check(bench_options *o, pf_error *err)
{
    static const char *const names[2][2] = {{"-url", "-server"}, {"-vs-url", "-vs-server"}};
    for (int t = 0; t < 2; t++)
        if (*o->side[t].url && *o->side[t].command)
            return pf_fail(err, PF_INVALID, "%s and %s exclude one another", names[t][0],
                           names[t][1]);
    if (!*o->side[0].url && !*o->side[0].command)
        return pf_fail(err, PF_INVALID,
                       "name a server: -url of one that runs, or -server with the "
                       "command that starts it");
    o->type = pf_type_parse(pf_str_c(o->type_name));
    if (o->type == PF_TYPE_UNKNOWN || o->type == PF_TYPE_TRACE)
        return pf_fail(err, PF_INVALID, "flag -type: \"%s\" is not a type of profile",
                       o->type_name);
    const struct {
        const char *name;
        int64_t value, max;
    } limits[] = {
        {"rounds", o->rounds, 1000},
        {"connections", o->connections, 1024},
        {"services", o->services, 100000},
        {"hosts", o->hosts, 100000},
        {"ingest-services", o->ingest_services, 100000},
        {"count", o->count, 1 << 30},
        {"preload", o->preload, 1 << 30},
        {"queries", o->queries, 1 << 30},
        {"idle", o->idle, 1000000},
        {"samples", o->samples, 2048},
        {"days", o->days, 36500},
    };
    for (size_t i = 0; i < LENGTH(limits); i++)
        if (limits[i].value < 1 || limits[i].value > limits[i].max)
            return pf_fail(err, PF_INVALID, "flag -%s: %lld is not between 1 and %lld",
                           limits[i].name, (long long)limits[i].value, (long long)limits[i].max);
    o->span = o->days * 86400 * PF_NS_PER_SEC;
    pf_code code = check_scenarios(o, err);
    return code ? code : read_sizes(o, err);
}

static void defaults(bench_options *o)
{
    *o = (bench_options){
        .side = {{.url = "", .command = "", .dir = ""}, {.url = "", .command = "", .dir = ""}},
        .scenarios = "all",
        .profiles = "",
        .type_name = "cpu",
        .json = "",
        .tmp = getenv("TMPDIR") ? getenv("TMPDIR") : "/var/tmp",
        .merge_sizes = "10,100,1000,10000",
        .rounds = 2,
        .connections = 8,
        .seed = 1,
        .samples = 261,
        .count = 4000,
        .queries = 2000,
        .ingest_services = 20,
        .preload = 2000,
        .idle = 500,
        .services = 200,
        .hosts = 50,
        .days = 5,
        .time_limit = 2 * PF_NS_PER_SEC,
        .settle = 250 * PF_NS_PER_MS,
    };
}

static pf_code parse(bench_options *o, int argc, char **argv, pf_error *err)
{
    static const char servers[] = "Servers (A, and B to compare it with)", work[] = "Work",
                      data[] = "Profiles", result[] = "Results";
    pf_flag list[] = {
        PF_FLAG("url", STRING, &o->side[0].url, servers, "URL", "A, running already"),
        PF_FLAG("pid", INT, &o->side[0].pid, servers, "n", "its process, for CPU and memory"),
        PF_FLAG("dir", STRING, &o->side[0].dir, servers, "path", "its data, for bytes on disk"),
        PF_FLAG(
            "server", STRING, &o->side[0].command, servers, "command",
            "A, to be started; {addr}, {dir}, {cert}, {key} stand for address, data, certificate"),
        PF_FLAG("http2", BOOL, &o->side[0].http2, servers, NULL,
                "speak HTTP/2 with A, in clear text by prior knowledge"),
        PF_FLAG("vs-url", STRING, &o->side[1].url, servers, "URL", "B, running already"),
        PF_FLAG("vs-pid", INT, &o->side[1].pid, servers, "n", "its process"),
        PF_FLAG("vs-dir", STRING, &o->side[1].dir, servers, "path", "its data"),
        PF_FLAG("vs-server", STRING, &o->side[1].command, servers, "command", "B, to be started"),
        PF_FLAG("vs-http2", BOOL, &o->side[1].http2, servers, NULL, "speak HTTP/2 with B"),
        PF_FLAG("pid-a", INT, &o->side[0].pid, NULL, "n", ""),
        PF_FLAG("pid-b", INT, &o->side[1].pid, NULL, "n", ""),
        PF_FLAG("dir-a", STRING, &o->side[0].dir, NULL, "path", ""),
        PF_FLAG("dir-b", STRING, &o->side[1].dir, NULL, "path", ""),
        PF_FLAG("tmp", STRING, &o->tmp, servers, "path",
                "where servers started here keep their data"),
        PF_FLAG("keep", BOOL, &o->keep, servers, NULL,
                "leave that data and the servers' logs behind"),

        PF_FLAG("scenario", STRING, &o->scenarios, work, "a,b", "what to run; -list lists them"),
        PF_FLAG("list", BOOL, &o->list, work, NULL, "list the scenarios"),
        PF_FLAG("rounds", INT, &o->rounds, work, "n", "how often each is run on each server"),
        PF_FLAG("connections", INT, &o->connections, work, "n", "at once, kept alive"),
        PF_FLAG("count", INT, &o->count, work, "n",
                "profiles pushed a round by ingest, disk, mixed"),
        PF_FLAG("ingest-services", INT, &o->ingest_services, work, "n", "services they belong to"),
        PF_FLAG("queries", INT, &o->queries, work, "n", "calls a phase of get, find, services"),
        PF_FLAG("idle", INT, &o->idle, work, "n", "connections that are held open at once"),
        PF_FLAG("merge-sizes", STRING, &o->merge_sizes, work, "n,m", "profiles merged at a time"),
        PF_FLAG("time-limit", DURATION, &o->time_limit, work, "duration",
                "no further call of a phase of queries after it"),
        PF_FLAG("settle", DURATION, &o->settle, work, "duration",
                "wait after each phase until a server is quiet for so long; 0: don't wait"),

        PF_FLAG("profiles", STRING, &o->profiles, data, "path",
                "push the pprof files of this directory instead of generated ones"),
        PF_FLAG("type", STRING, &o->type_name, data, "word", "those of this type"),
        PF_FLAG("keep-times", BOOL, &o->keep_times, data, NULL,
                "ingest: push the files byte for byte, with the times that are in them"),
        PF_FLAG("preload", INT, &o->preload, data, "n",
                "stored before the first round, for queries"),
        PF_FLAG("services", INT, &o->services, data, "n", "services that those belong to"),
        PF_FLAG("hosts", INT, &o->hosts, data, "n", "hosts of each service"),
        PF_FLAG("days", INT, &o->days, data, "n", "how far back their times go"),
        PF_FLAG("samples", INT, &o->samples, data, "n", "samples of a generated profile"),
        PF_FLAG("seed", INT, &o->seed, data, "n", "of the generator"),

        PF_FLAG("json", STRING, &o->json, result, "file",
                "write every row there, too; - is stdout"),
    };
    pf_flags flags = {.program = "profefe-bench", .list = list, .n = LENGTH(list)};
    bench_options initial = *o;
    pf_code code = pf_flags_parse(&flags, argc, argv, err);
    if (code)
        return code;
    if (flags.nrest)
        return pf_fail(err, PF_INVALID, "\"%s\" is not a flag", flags.rest[0]);
    if (flags.help) {
        *o = initial; /* what the help shows as defaults */
        puts("profefe-bench drives one or two servers of the profefe API and measures them.\n"
             "bench/README.md says what the figures mean.");
        pf_flags_print(&flags, stdout);
        o->help = true;
    }
    return PF_OK;
}

pf_code bench_options_parse(bench_options *o, int argc, char **argv, pf_error *err)
{
    defaults(o);
    pf_code code = parse(o, argc, argv, err);
    if (code || o->help || o->list)
        return code;
    return check(o, err);
}

bool bench_options_wants(const bench_options *o, const char *scenario)
{
    pf_str word, rest = pf_str_c(o->scenarios);
    while (rest.n) {
        pf_str_cut(rest, ',', &word, &rest);
        if (pf_str_eq(word, PF_STR("all")) || pf_str_eq(word, pf_str_c(scenario)))
            return true;
    }
    return false;
}
