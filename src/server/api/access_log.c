/* access_log.c: lines gather in a buffer, a thread of its own writes them.
 *
 * The first line after a while goes out at once; what comes within PAUSE_MS of it goes out together, in one
 * write. A thread that is woken for each line costs a busy server more than the lines do.
 */
#include "server/api/access_log.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/metrics.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER_MAX = 1 << 20, PATIENCE_MS = 200, PAUSE_MS = 50 };
enum { HURRY = BUFFER_MAX / 4 }; /* bytes that end the pause */

struct pf_access_log {
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t more;
    pf_buf pending;
    bool stop;
    bool pausing; /* the thread is not to be woken for a line */

    int fd;
    pthread_t thread;
    pf_metric *dropped;
};

static bool is_stopping(pf_access_log *log)
{
    pthread_mutex_lock(&log->lock);
    bool stop = log->stop;
    pthread_mutex_unlock(&log->lock);
    return stop;
}

/* Whole lines where they fit: others may write to the same place. */
static size_t piece_of(pf_str s)
{
    size_t most = s.n < PIPE_BUF ? s.n : PIPE_BUF;
    const char *end = most < s.n ? memrchr(s.p, '\n', most) : NULL;
    return end ? (size_t)(end + 1 - s.p) : most;
}

/* Waits for the reader as long as it takes, but no longer once the log is to end. Up to PIPE_BUF bytes do not
 * block a pipe that poll calls writable. */
static void write_all(pf_access_log *log, pf_str s)
{
    while (s.n) {
        struct pollfd p = {.fd = log->fd, .events = POLLOUT};
        int ready = poll(&p, 1, PATIENCE_MS);
        if (ready == 0 && is_stopping(log))
            return;
        if (ready <= 0)
            continue;
        ssize_t n = write(log->fd, s.p, piece_of(s));
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            return;
        if (n > 0)
            s = (pf_str){s.p + n, s.n - (size_t)n};
    }
}

/* Lets lines gather; the lock is held. */
static void pause_writing(pf_access_log *log)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += PAUSE_MS * PF_NS_PER_MS;
    until.tv_sec += until.tv_nsec / PF_NS_PER_SEC;
    until.tv_nsec %= PF_NS_PER_SEC;
    log->pausing = true;
    while (!log->stop && log->pending.len < HURRY &&
           pthread_cond_timedwait(&log->more, &log->lock, &until) == 0)
        continue;
    log->pausing = false;
}

static void *run(void *arg)
{
    pf_access_log *log = arg;
    pf_buf mine = PF_BUF_INIT;
    pthread_mutex_lock(&log->lock);
    while (!log->stop || log->pending.len) {
        if (!log->pending.len) {
            pthread_cond_wait(&log->more, &log->lock);
            continue;
        }
        pf_buf swap = log->pending;
        log->pending = mine;
        mine = swap;
        pthread_mutex_unlock(&log->lock);
        write_all(log, pf_buf_str(&mine));
        pf_buf_clear(&mine);
        pthread_mutex_lock(&log->lock);
        pause_writing(log);
    }
    pthread_mutex_unlock(&log->lock);
    pf_buf_free(&mine);
    return NULL;
}

pf_code pf_access_log_new(int fd, pf_access_log **out, pf_error *err)
{
    pf_access_log *log = calloc(1, sizeof *log);
    if (!log)
        return pf_fail_nomem(err, "access log");
    log->fd = fd;
    log->dropped = pf_metric_series(pf_metrics_family("profefe_access_log_dropped_total",
                                                      "Access log lines that nobody took in time.",
                                                      PF_COUNTER, NULL, 0),
                                    "");
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&log->lock, NULL);
    pthread_cond_init(&log->more, &attr);
    pthread_condattr_destroy(&attr);
    if (pthread_create(&log->thread, NULL, run, log) != 0) {
        free(log);
        return pf_fail(err, PF_INTERNAL, "can't start the access log's thread");
    }
    pthread_setname_np(log->thread, "access-log");
    *out = log;
    return PF_OK;
}

/* What could break a line into something else is written %xx. */
static void put_clean(pf_buf *b, pf_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c <= ' ' || c >= 0x7f || c == '"')
            pf_buf_printf(b, "%%%02X", c);
        else
            pf_buf_putc(b, (char)c);
    }
}

/* A field that always holds something: a request that could not be read has no method and no target. */
static void put_field(pf_buf *b, const char *key, pf_str value)
{
    pf_buf_puts(b, key);
    put_clean(b, value.n ? value : PF_STR("-"));
}

/* As Go prints a duration: the largest unit that leaves a whole number before the point. */
static void put_duration(pf_buf *b, int64_t ns)
{
    if (ns >= PF_NS_PER_SEC)
        pf_buf_printf(b, "%.6gs", (double)ns / 1e9);
    else if (ns >= PF_NS_PER_MS)
        pf_buf_printf(b, "%.6gms", (double)ns / 1e6);
    else
        pf_buf_printf(b, "%.6g\xc2\xb5s", (double)ns / 1e3);
}

/* The host of "name:port", "[::1]:port" or a name alone. */
static pf_str without_port(pf_str host)
{
    size_t i = host.n;
    while (i && host.p[i - 1] >= '0' && host.p[i - 1] <= '9')
        i--;
    if (i && i < host.n && host.p[i - 1] == ':')
        host.n = i - 1;
    if (host.n > 1 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        host = (pf_str){host.p + 1, host.n - 2};
    return host;
}

static void put_access(pf_buf *b, const void *line)
{
    const pf_access_line *l = line;
    time_t sec = (time_t)(l->started / PF_NS_PER_SEC);
    struct tm tm;
    gmtime_r(&sec, &tm);
    char ts[32];
    strftime(ts, sizeof ts, "%Y-%m-%dT%H:%M:%SZ", &tm);
    pf_buf_puts(b, "rid=");
    put_clean(b, l->rid);
    pf_buf_printf(b, " ts=%s", ts);
    put_field(b, " method=", l->method);
    put_field(b, " uri=", l->uri);
    pf_buf_printf(b, " code=%d host=", l->code);
    put_clean(b, without_port(l->host));
    pf_buf_puts(b, " ip=");
    put_clean(b, l->ip);
    pf_buf_puts(b, " rtime=");
    put_duration(b, l->duration);
    if (l->who.n)
        put_field(b, " who=", l->who);
    pf_buf_putc(b, '\n');
}

/* `put` appends the line. */
static void add_line(pf_access_log *log, void (*put)(pf_buf *b, const void *line), const void *line)
{
    pthread_mutex_lock(&log->lock);
    size_t was = log->pending.len;
    if (was < BUFFER_MAX)
        put(&log->pending, line);
    if (was >= BUFFER_MAX || log->pending.failed) {
        log->pending.len = was;
        log->pending.failed = false;
        pf_metric_add(log->dropped, 1);
    }
    bool due = log->pausing ? was < HURRY && log->pending.len >= HURRY : !was;
    pthread_mutex_unlock(&log->lock);
    if (due)
        pthread_cond_signal(&log->more);
}

void pf_access_log_write(pf_access_log *log, const pf_access_line *line)
{
    add_line(log, put_access, line);
}

static void put_raw(pf_buf *b, const void *line)
{
    pf_buf_put_str(b, *(const pf_str *)line);
}

void pf_access_log_put(pf_access_log *log, pf_str line)
{
    add_line(log, put_raw, &line);
}

void pf_access_log_free(pf_access_log *log)
{
    if (!log)
        return;
    pthread_mutex_lock(&log->lock);
    log->stop = true;
    pthread_cond_signal(&log->more);
    pthread_mutex_unlock(&log->lock);
    pthread_join(log->thread, NULL);
    pthread_mutex_destroy(&log->lock);
    pthread_cond_destroy(&log->more);
    pf_buf_free(&log->pending);
    free(log);
}
