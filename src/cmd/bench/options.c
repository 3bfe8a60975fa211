#include "cmd/bench/options.h"

#include "base/clock.h"
#include "base/flags.h"
#include "cmd/bench/run.h"

#include <stdlib.h>
#include <string.h>

enum {
    MERGED_MOST = 10000000,
    SERVICES_MOST = 100000,
    PACED_MOST = 40000, /* profiles: 800 MB */
    PUSHED_SERVICES = 20,
    STORED_SERVICES = 200,
};

#define LENGTH(a) (sizeof(a) / sizeof *(a))

/* "10,100" */
static pf_code read_sizes(const char *flag, const char *text, int64_t most,
                          int64_t sizes[static BENCH_SIZES_MAX], unsigned *n, pf_error *err)
{
    pf_str word, rest = pf_str_c(text);
    while (rest.n) {
        int64_t size;
        pf_str_cut(rest, ',', &word, &rest);
        if (!pf_str_to_i64(pf_str_trim(word), &size) || size < 1 || size > most)
            return pf_fail(err, PF_INVALID, "flag %s: \"%.*s\" is not a number of 1 to %lld", flag,
                           PF_FMT(word), (long long)most);
        if (*n == BENCH_SIZES_MAX)
            return pf_fail(err, PF_INVALID, "flag %s: over %d sizes", flag, BENCH_SIZES_MAX);
        sizes[(*n)++] = size;
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

/* What is paced is made before the clock starts, and kept in memory. */
static pf_code check_pace(bench_options *o, pf_error *err)
{
    double paced = (double)o->rate * (double)o->duration / PF_NS_PER_SEC;
    if (paced > PACED_MOST)
        return pf_fail(err, PF_INVALID,
                       "flags -rate and -duration: %.0f pushes, and %d are the most", paced,
                       PACED_MOST);
    o->paced = paced < 1 ? 1 : (int64_t)paced;
    return PF_OK;
}

/* -services is for all; what is not said differs. */
static void choose_services(bench_options *o)
{
    if (!o->ingest_services)
        o->ingest_services = o->services ? o->services : PUSHED_SERVICES;
    if (!o->services)
        o->services = STORED_SERVICES;
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
    o->span = o->days * 86400 * PF_NS_PER_SEC;
    pf_code code = check_scenarios(o, err);
    if (!code)
        code = read_sizes("-merge-sizes", o->merge_sizes, MERGED_MOST, o->sizes, &o->nsizes, err);
    if (!code)
        code = read_sizes("-same-services", o->same_sizes, SERVICES_MOST, o->same, &o->nsame, err);
    return code ? code : check_pace(o, err);
}

static void defaults(bench_options *o)
{
    *o = (bench_options){
        .side = {{.url = "", .command = "", .dir = "", .token_file = ""},
                 {.url = "", .command = "", .dir = "", .token_file = ""}},
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
        .rate = 100,
        .duration = 10 * PF_NS_PER_SEC,
        .each = 20,
        .partitions = 30,
        .big = 10000000,
        .same_sizes = "20,1000",
        .preload = 2000,
        .idle = 500,
        .hosts = 50,
        .days = 5,
        .time_limit = 2 * PF_NS_PER_SEC,
        .settle = 250 * PF_NS_PER_MS,
    };
}

#define ROW(...) PF_FLAG(bench_options, __VA_ARGS__)
#define SERVERS "Servers (A, and B to compare it with)"
#define WORK "Work"
#define DATA "Profiles"
#define RESULT "Results"

static const pf_flag list[] = {
    ROW("url", STRING, side[0].url, SERVERS, "URL", "A, running already"),
    ROW("pid", INT, side[0].pid, SERVERS, "n", "its process, for CPU and memory"),
    ROW("dir", STRING, side[0].dir, SERVERS, "path", "its data, for bytes on disk"),
    ROW("server", STRING, side[0].command, SERVERS, "command",
        "A, to be started; {addr}, {dir}, {cert}, {key} stand for address, data, certificate"),
    ROW("http2", BOOL, side[0].http2, SERVERS, NULL,
        "speak HTTP/2 with A, in clear text by prior knowledge"),
    ROW("token-file", STRING, side[0].token_file, SERVERS, "path",
        "whose first line is sent to A as a bearer token"),
    ROW("vs-url", STRING, side[1].url, SERVERS, "URL", "B, running already"),
    ROW("vs-pid", INT, side[1].pid, SERVERS, "n", "its process"),
    ROW("vs-dir", STRING, side[1].dir, SERVERS, "path", "its data"),
    ROW("vs-server", STRING, side[1].command, SERVERS, "command", "B, to be started"),
    ROW("vs-http2", BOOL, side[1].http2, SERVERS, NULL, "speak HTTP/2 with B"),
    ROW("vs-token-file", STRING, side[1].token_file, SERVERS, "path", "the same for B"),
    ROW("pid-a", INT, side[0].pid, NULL, "n", ""),
    ROW("pid-b", INT, side[1].pid, NULL, "n", ""),
    ROW("dir-a", STRING, side[0].dir, NULL, "path", ""),
    ROW("dir-b", STRING, side[1].dir, NULL, "path", ""),
    ROW("tmp", STRING, tmp, SERVERS, "path", "where servers started here keep their data"),
    ROW("keep", BOOL, keep, SERVERS, NULL, "leave that data and the servers' logs behind"),

    ROW("scenario", STRING, scenarios, WORK, "a,b",
        "what to run; -list lists them; all: what is not marked by name only"),
    ROW("list", BOOL, list, WORK, NULL, "list the scenarios"),
    ROW("rounds", INT, rounds, WORK, "n", "how often each is run on each server", .least = 1,
        .most = 1000),
    ROW("connections", INT, connections, WORK, "n", "at once, kept alive", .least = 1,
        .most = 1024),
    ROW("count", INT, count, WORK, "n",
        "profiles pushed a round by ingest, disk, mixed, and by restart before", .least = 1,
        .most = 1 << 30),
    ROW("ingest-services", INT, ingest_services, WORK, "n",
        "services of those that are pushed; 0: as -services says, or 20", .most = SERVICES_MOST),
    ROW("rate", INT, rate, WORK, "n", "pushes a second, in what is paced", .least = 1,
        .most = 100000),
    ROW("duration", DURATION, duration, WORK, "duration",
        "of what is paced, of pushes after a restart, of soak", .least = PF_NS_PER_SEC),
    ROW("each", INT, each, WORK, "n",
        "profiles of each service stored before: paced, restart, stall; a day: partitions, soak",
        .least = 1, .most = 10000),
    ROW("partitions", INT, partitions, WORK, "n", "days that have a partition each", .least = 1,
        .most = 1000),
    ROW("big", SIZE, big, WORK, "size", "of a big profile, inflated", .least = 10000,
        .most = 40000000),
    ROW("same-services", STRING, same_sizes, WORK, "n,m",
        "services that the same ten profiles go to"),
    ROW("cold", BOOL, cold, WORK, NULL,
        "get, find, services, merge: start the server again and drop its files before each phase"),
    ROW("queries", INT, queries, WORK, "n", "calls a phase of get, find, services", .least = 1,
        .most = 1 << 30),
    ROW("idle", INT, idle, WORK, "n", "connections that are held open at once", .least = 1,
        .most = 1000000),
    ROW("merge-sizes", STRING, merge_sizes, WORK, "n,m", "profiles merged at a time"),
    ROW("time-limit", DURATION, time_limit, WORK, "duration",
        "no further call of a phase of queries after it"),
    ROW("settle", DURATION, settle, WORK, "duration",
        "wait after each phase until a server is quiet for so long; 0: don't wait"),

    ROW("profiles", STRING, profiles, DATA, "path",
        "push the pprof files of this directory instead of generated ones"),
    ROW("type", STRING, type_name, DATA, "word", "those of this type"),
    ROW("keep-times", BOOL, keep_times, DATA, NULL,
        "ingest: push the files byte for byte, with the times that are in them"),
    ROW("preload", INT, preload, DATA, "n", "stored before the first round, for queries",
        .least = 1, .most = 1 << 30),
    ROW("services", INT, services, DATA, "n",
        "services, of each scenario; 0: 200 of what is stored for queries, 20 of what is pushed",
        .most = SERVICES_MOST),
    ROW("hosts", INT, hosts, DATA, "n", "hosts of each service", .least = 1, .most = 100000),
    ROW("days", INT, days, DATA, "n", "how far back their times go", .least = 1, .most = 36500),
    ROW("samples", INT, samples, DATA, "n", "samples of a generated profile", .least = 1,
        .most = 2048),
    ROW("seed", INT, seed, DATA, "n", "of the generator"),

    ROW("json", STRING, json, RESULT, "file", "write every row there, too; - is stdout"),
};

static pf_code parse(bench_options *o, int argc, char **argv, pf_error *err)
{
    pf_flags flags = {.program = "profefe-bench", .list = list, .n = LENGTH(list), .values = o};
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
        pf_flags_print(&flags, flags.help, stdout);
        o->help = true;
    }
    return PF_OK;
}

pf_code bench_options_parse(bench_options *o, int argc, char **argv, pf_error *err)
{
    defaults(o);
    pf_code code = parse(o, argc, argv, err);
    choose_services(o);
    if (code || o->help || o->list)
        return code;
    return check(o, err);
}

static bool is_by_name(const char *scenario)
{
    const bench_scenario *s = bench_scenarios;
    while (s->name && strcmp(s->name, scenario) != 0)
        s++;
    return s->by_name;
}

bool bench_options_wants(const bench_options *o, const char *scenario)
{
    pf_str word, rest = pf_str_c(o->scenarios);
    while (rest.n) {
        pf_str_cut(rest, ',', &word, &rest);
        if (pf_str_eq(word, pf_str_c(scenario)) ||
            (pf_str_eq(word, PF_STR("all")) && !is_by_name(scenario)))
            return true;
    }
    return false;
}
