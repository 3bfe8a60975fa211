/* measure.h: what a server process uses, read from the kernel: CPU time, memory, disk.
 *
 * CPU time is that of all threads, also of those that have ended, user and system together, with
 * the kernel's precision of nanoseconds (the process's CPU clock, clock_getcpuclockid(3); utime and
 * stime of /proc/<pid>/stat, in ticks of 10 ms, where that is not allowed). The process must run on
 * this machine; pid 0 stands for one that can't be looked into, and everything is 0 then.
 * Thread-safe.
 */
#ifndef PF_CMD_BENCH_MEASURE_H
#define PF_CMD_BENCH_MEASURE_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Nanoseconds since the process started; -1 when there is no such process. */
int64_t bench_cpu_ns(pid_t pid);

/* Bytes of resident memory now (VmRSS) and at its highest (VmHWM); 0 when unknown. */
int64_t bench_rss(pid_t pid);
int64_t bench_rss_peak(pid_t pid);

/* Makes the kernel begin anew with VmHWM; false where that is not allowed, so that the highest is
 * that since the process started. */
bool bench_rss_peak_reset(pid_t pid);

/* Bytes that the process had the kernel write to disk since it started (write_bytes of /proc/<pid>/io: pages made dirty,
 * also through mmap(2), less those that were thrown away before they were written); 0 when unknown. What still lies in the
 * server's own memory is not among them. */
int64_t bench_written(pid_t pid);

/* Has the kernel forget what it holds in memory of the files below `dir`, once they are on disk. False when it could not
 * be asked for one of them. Pages that a process has mapped stay: stop the server before. */
bool bench_drop_cache(const char *dir);

typedef struct bench_disk {
    int64_t allocated; /* st_blocks, in bytes: what du counts */
    int64_t length;    /* st_size: what ls counts; Badger maps files larger than what is in them */
    int64_t files;
} bench_disk;

/* All regular files below `dir`; zeros for NULL and "". Files that vanish meanwhile are left out.
 */
bench_disk bench_disk_usage(const char *dir);

/* Waits until the process has used less than a twentieth of one core for `quiet` ns and written nothing, so that work
 * that it has put off (compaction, checkpoints, garbage collection) is counted where it belongs;
 * gives up after 20 s and returns false then. Does not wait at all for 0. */
bool bench_settle(pid_t pid, int64_t quiet);

#endif
