/* options.h: what profefe-bench is asked to do: its flags.
 *
 * Not thread-safe; read-only once parsed. Texts are borrowed from argv.
 */
#ifndef PF_CMD_BENCH_OPTIONS_H
#define PF_CMD_BENCH_OPTIONS_H

#include "base/error.h"
#include "profile/type.h"

#include <stdbool.h>
#include <stdint.h>

enum { BENCH_SIZES_MAX = 16 };

/* One side of the comparison. */
typedef struct bench_side {
    const char *url, *command, *dir; /* "" when not given */
    int64_t pid;
    const char *token_file;
    bool http2;
} bench_side;

typedef struct bench_options {
    bench_side side[2]; /* A; B is there when one of its url and command is */
    const char *scenarios, *profiles, *type_name, *json, *tmp, *merge_sizes, *same_sizes;
    bool keep, keep_times, list, help, cold;
    int64_t rounds, connections, seed, samples;
    int64_t count, queries, ingest_services;
    int64_t preload, services, hosts;
    int64_t rate;       /* pushes a second, open loop */
    int64_t duration;   /* ns of what is paced, of a soak, and of pushes after a restart */
    int64_t each;       /* profiles of each service (and day) that are stored before */
    int64_t partitions; /* days that have one each */
    int64_t big;        /* bytes of a big profile, inflated */
    int64_t idle;       /* connections held open */
    int64_t days;       /* that the stored profiles' times go back */
    int64_t time_limit; /* ns a phase of queries may take */
    int64_t settle;     /* ns of quiet after a phase; 0: none is waited for */

    /* Made of those above. */
    int64_t span; /* ns */
    pf_type type;
    int64_t sizes[BENCH_SIZES_MAX];
    unsigned nsizes;
    int64_t same[BENCH_SIZES_MAX];
    unsigned nsame;
    int64_t paced; /* pushes: rate times duration */
} bench_options;

/* PF_INVALID names the flag. With *help set nothing else is of use: the flags were printed. */
pf_code bench_options_parse(bench_options *o, int argc, char **argv, pf_error *err);

/* True when the scenario is among those asked for ("all" asks for all but those that are run by name only). */
bool bench_options_wants(const bench_options *o, const char *scenario);

#endif
