/* program.h: a program under load, as its profiles show it: functions, call sites, a call tree that
 * keeps growing, and which stacks the next profile catches.
 *
 *     function --- locations in it ---\
 *     (name, file, start line)         node: parent + location ... <- stack: a node where a sample
 *                                      |         ended, how often it has been caught
 *                                      root
 *
 * The law. New stacks in the n-th CPU profile of a long-running Go service were measured to be
 * about 400 * n^-0.365 (76 still at n = 100), of about 261 samples a profile. That is what a
 * Pitman-Yor process of discount 1 - 0.365 gives, so the stacks that are not new are caught in
 * proportion to how often they were caught before, less that discount: 70 of 100 stacks are seen
 * once in 60 profiles, a few in every one. What a new stack brings with it falls off, too, as
 * measured on the same profiles:
 *
 *     new stacks in the n-th profile           min(samples, 400 * n^-0.365)
 *     new nodes of the call tree a new stack    2.6 * n^-0.15, at least 1
 *     new locations a new node                  0.66 * n^-0.19
 *     new functions a new location              0.54 * n^-0.6
 *
 * A new stack branches off from one that is there, near its leaf, so that it shares its callers.
 * How far up is chosen so that depths stay around those measured (18.5 on the average: requests
 * about 21, garbage collector and scheduler about 5).
 *
 * Deterministic: (seed, service) and the number of the profile decide everything. Not thread-safe;
 * different programs may be used by different threads. Memory grows with the law: about 6 MB after
 * 1,000 profiles, 20 MB after 5,000.
 */
#ifndef PF_CMD_BENCH_PROGRAM_H
#define PF_CMD_BENCH_PROGRAM_H

#include "base/arena.h"
#include "base/map.h"
#include "cmd/bench/names.h"

enum { BENCH_LINES_MAX = 3, BENCH_DEPTH_MAX = 64 };

typedef struct bench_function {
    uint32_t name, file; /* strings */
    uint32_t start_line;
    uint32_t used;    /* bytes of its code that have locations */
    uint32_t package; /* BENCH_PACKAGES for those of the spines */
    uint32_t seen_in, id;
} bench_function;

typedef struct bench_location {
    uint64_t address;
    uint32_t function[BENCH_LINES_MAX]; /* innermost inlined frame first */
    uint32_t line[BENCH_LINES_MAX];
    uint32_t nlines;
    uint32_t seen_in, id; /* of the profile being written: emit.c's */
} bench_location;

typedef struct bench_node {
    uint32_t parent; /* PF_MAP_EMPTY above a root */
    uint32_t location;
    uint32_t depth; /* frames, this one included */
    bool is_stack;
} bench_node;

typedef struct bench_stack {
    uint32_t node;
    uint32_t hits;    /* in all profiles so far */
    uint32_t seen_in; /* the last profile that had it */
    uint32_t pick;    /* where it stands in that one */
    bench_class class;
} bench_stack;

typedef struct bench_text {
    pf_str text;
    uint32_t seen_in, id;
} bench_text;

/* A growing array; see BENCH_LIST_AT. */
typedef struct bench_list {
    void *v;
    uint32_t n, cap;
} bench_list;
#define BENCH_LIST_AT(type, list, i) (((type *)(list).v)[i])

/* One sample of the profile: a stack and how often it was hit. */
typedef struct bench_pick {
    uint32_t stack;
    uint32_t count;
} bench_pick;

enum { BENCH_PACKAGES = 56, BENCH_PACKAGE_FILES = 80, BENCH_SAMPLES_MAX = 1 << 20 };

typedef struct bench_program {
    bench_rng rng;
    uint32_t profiles; /* made so far */
    uint32_t samples;  /* wanted in a profile, on the average */
    uint64_t text_start, text_limit;
    char build_id[41];
    bench_package package[BENCH_PACKAGES];
    uint32_t package_functions[BENCH_PACKAGES];                 /* made so far */
    uint32_t package_file[BENCH_PACKAGES][BENCH_PACKAGE_FILES]; /* strings; 0: not made yet */
    bench_list strings;                                         /* bench_text */
    bench_list functions;                                       /* bench_function */
    bench_list locations;                                       /* bench_location */
    bench_list nodes;                                           /* bench_node */
    bench_list stacks;                                          /* bench_stack */
    bench_list draws[BENCH_CLASSES]; /* uint32_t: a ring of the last hits */
    uint64_t drawn[BENCH_CLASSES];
    uint32_t spine[BENCH_CLASSES]; /* the last node of each spine */
    pf_map children;               /* (parent, location) -> node */
    pf_arena arena;                /* texts */
    pf_arena scratch;              /* emit.c's, empty between profiles */
    bench_pick *picks;             /* room for two times `samples` */
    uint32_t npicks;
    uint32_t fresh; /* of those, stacks that were new */
    bool failed;    /* out of memory: nothing after this is of use */
} bench_program;

/* `samples`: how many a profile has on the average (0: 261), at most BENCH_SAMPLES_MAX / 2. NULL
 * when out of memory. */
bench_program *bench_program_new(uint64_t seed, uint32_t number, const char *service,
                                 uint32_t samples);
void bench_program_free(bench_program *p);

/* Lets the program run on: fills p->picks with the samples of its next profile. False when out of
 * memory. */
bool bench_program_next(bench_program *p);

/* What the law gives for the n-th profile (n from 1), before it is capped by the samples. */
double bench_law_new_stacks(uint32_t n);

#endif
