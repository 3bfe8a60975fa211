/* target.h: a server that is measured: one that runs already, or one that is started here.
 *
 * One that runs is known by its URL; its process and its data directory are what the caller says
 * (pid 0, dir "": not known, and CPU, memory and disk are not measured).
 *
 * One that is started is known by a command line, in which {addr} stands for the address it shall
 * listen on (127.0.0.1 and a port that is free) and {dir} for a data directory of its own, new and
 * empty; a command without {addr} gets `-addr={addr} -local.dir={dir}` behind it. One that has {cert}
 * and {key} serves HTTPS with the certificate and key that are made for it there (P-256). Words are
 * separated by spaces; there is no quoting. What it prints goes to server.log beside its data. It
 * dies with this process, and its directory is removed in the end.
 * Not thread-safe.
 */
#ifndef PF_CMD_BENCH_TARGET_H
#define PF_CMD_BENCH_TARGET_H

#include "client/client.h"
#include "cmd/bench/measure.h"

enum { BENCH_PATH = 1024 };

typedef struct bench_target {
    unsigned number;     /* 0 for A, 1 for B */
    const char *command; /* NULL: it was running before */
    char url[BENCH_PATH];
    char addr[64];
    char home[BENCH_PATH]; /* of one that is started: holds data/ and server.log */
    char dir[BENCH_PATH];  /* the data; "" when not known */
    pid_t pid;             /* 0 when not known, or not running now */
    bool peak_resets;      /* VmHWM can be begun anew for every phase */
    bool http2;            /* spoken with it; else HTTP/1.1 */
    char token[4100];      /* sent with each request; "": none */
} bench_target;

static inline const char *bench_target_name(const bench_target *t)
{
    return t->number == 0 ? "A" : "B";
}

/* The first line of a file, to be sent as a bearer token. Before the two below. PF_INVALID: there is none. */
pf_code bench_target_read_token(bench_target *t, const char *path, pf_error *err);

/* One that runs: fails unless it answers. `pid` and `dir` may be 0 and "". */
pf_code bench_target_attach(bench_target *t, const char *url, pid_t pid, const char *dir,
                            pf_error *err);

/* Chooses port and directory below `tmp` and starts it; fails unless it is ready within 30 s. */
pf_code bench_target_launch(bench_target *t, const char *command, const char *tmp, pf_error *err);

/* Starts a launched one again on its data; *took is how long it was until it answered, ns. */
pf_code bench_target_start(bench_target *t, int64_t *took, pf_error *err);

/* SIGTERM, or SIGKILL when `hard`; waits until it is gone (30 s at most for a clean stop). */
pf_code bench_target_stop(bench_target *t, bool hard, pf_error *err);

/* Stops it hard when it is still running, and removes its directory unless `keep`. */
void bench_target_close(bench_target *t, bool keep);

static inline bool bench_target_is_tls(const bench_target *t)
{
    return t->url[4] == 's';
}

/* Its certificate is not looked at. */
pf_code bench_target_client(const bench_target *t, int64_t timeout, pf_client **out, pf_error *err);

#endif
