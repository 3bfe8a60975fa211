/* report.h: what was measured, row by row, and how it is shown.
 *
 * A row is one phase on one server in one round. Rows of one name and server are shown together:
 * calls, times and bytes added up, percentiles over all calls, memory and disk the highest. Then
 * the ratio, which always says how many times better A is than B: more calls a second, or less of
 * everything else.
 * Not thread-safe.
 */
#ifndef PF_CMD_BENCH_REPORT_H
#define PF_CMD_BENCH_REPORT_H

#include "base/buf.h"
#include "cmd/bench/drive.h"

enum { BENCH_SECONDS = 20 };

typedef struct bench_row {
    char name[48];
    unsigned target, round;
    bench_phase phase;    /* owned */
    bench_disk disk;      /* after it; zeros when not known */
    int64_t rss;          /* bytes, after it */
    int64_t disk_bytes;   /* what a disk row is about: bytes that `profiles` profiles took... */
    int64_t pushed_bytes; /* ...which were so many as they were pushed */
    int64_t profiles;
    int64_t kept_cpu_ns;           /* new connections: what the same calls took on a kept one */
    int64_t held;                  /* connections that were silent... */
    int64_t held_bytes;            /* ...and the resident memory that came with them */
    double before;                 /* calls a second that there had been... */
    unsigned ended[BENCH_SECONDS]; /* ...and how many ended in each second of the phase... */
    int seconds;                   /* ...so many seconds of it */
    char note[240];                /* shown below the row, "": none */
} bench_row;

typedef struct bench_report {
    bench_row **rows; /* owned */
    size_t n, cap;
    unsigned targets;
    bool live; /* a line on standard error as each row comes in */
} bench_report;

/* Takes the row's phase over. PF_INTERNAL when out of memory. */
pf_code bench_report_add_take(bench_report *r, bench_row *row, pf_error *err);

/* Appends the table. */
void bench_report_table(const bench_report *r, pf_buf *out);

/* Appends all rows, and the sums that the table shows, as one JSON object; `setting` (an object's
 * members, ready-made, may be empty) says what was run. */
void bench_report_json(const bench_report *r, pf_str setting, pf_buf *out);

/* Answers of that server that were wrong, over all rows; *why is of the first. */
size_t bench_report_wrong(const bench_report *r, unsigned target, pf_error *why);

void bench_report_free(bench_report *r);

#endif
