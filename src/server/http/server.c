/* Stopping, in order: accept no more; close connections on which nothing is under way, those that have had no request
 * yet after a second; let requests finish until the deadline, each answer closing its connection. Then the connections
 * that are left are closed, which cancels what somebody works on. That is waited for however long it takes: its answer
 * is about to be written into the request.
 */
#include "server/http/server.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

pf_http_config pf_http_config_default(void)
{
    return (pf_http_config){
        .threads = 2,
        .workers = 4,
        .connections = 1024,
        .descriptors = 256,
        .header_max = 32 << 10,
        .base_path = "",
        .header_timeout = 10 * PF_NS_PER_SEC,
        .body_timeout = 60 * PF_NS_PER_SEC,
        .write_timeout = 30 * PF_NS_PER_SEC,
        .idle_timeout = 120 * PF_NS_PER_SEC,
    };
}

static pf_code check(const pf_http_config *cfg, pf_error *err)
{
    if (!cfg->nlistens || cfg->nlistens > PF_HTTP_LISTENS_MAX)
        return pf_fail(err, PF_INVALID, "there must be from 1 to %d addresses to listen on",
                       PF_HTTP_LISTENS_MAX);
    if (!cfg->threads || !cfg->workers || !cfg->connections)
        return pf_fail(err, PF_INVALID, "threads, workers and connections must be at least 1");
    if (cfg->threads > 256 || cfg->workers > 1024 || cfg->connections > 1 << 20)
        return pf_fail(err, PF_INVALID, "too many threads, workers or connections");
    if (cfg->header_max < 1024 || cfg->header_max > 16 << 20)
        return pf_fail(err, PF_INVALID, "the limit for headers must be from 1 KiB to 16 MiB");
    if (cfg->header_timeout <= 0 || cfg->body_timeout <= 0 || cfg->write_timeout <= 0 ||
        cfg->idle_timeout <= 0)
        return pf_fail(err, PF_INVALID, "timeouts must be above 0");
    return PF_OK;
}

/* Each connection is a descriptor. */
static pf_code check_descriptors(const pf_http_config *cfg, pf_error *err)
{
    struct rlimit r;
    rlim_t needed = (rlim_t)cfg->connections + cfg->descriptors;
    if (getrlimit(RLIMIT_NOFILE, &r) < 0 || r.rlim_cur == RLIM_INFINITY || r.rlim_cur >= needed)
        return PF_OK;
    return pf_fail(err, PF_INVALID,
                   "-http.max-connections: %u connections need %llu open descriptors, %llu are "
                   "allowed (ulimit -n)",
                   cfg->connections, (unsigned long long)needed, (unsigned long long)r.rlim_cur);
}

/* Unused requests keep an arena block each: together at most a sixteenth of the budget. */
static unsigned pool_max(const pf_http_config *cfg)
{
    size_t n = 32, keep = 256 << 10;
    if (cfg->budget && cfg->budget->limit / 16 / keep < n)
        n = cfg->budget->limit / 16 / keep;
    return (unsigned)(n / cfg->threads);
}

static pf_code start_service(pf_http *h, const pf_http_config *cfg, pf_error *err)
{
    pf_service *s = &h->service;
    s->cfg = *cfg;
    if (!s->cfg.queue_max)
        s->cfg.queue_max = s->cfg.connections;
    s->pool_max = pool_max(cfg);
    pf_holders_init(&s->holders);
    pf_error why;
    if (pf_networks_parse(&s->trusted, cfg->trusted_proxies, &why))
        return pf_fail(err, PF_INVALID, "-http.trusted-proxies: %s", why.msg);
    return pf_workers_new(cfg->workers, s->cfg.queue_max, &s->workers, err);
}

static pf_code open_listeners(pf_http *h, const pf_http_config *cfg, pf_error *err)
{
    pf_code code = PF_OK;
    for (size_t i = 0; i < cfg->nlistens && !code; i++) {
        const pf_http_listen *from = &cfg->listens[i];
        pf_listener *l = &h->listeners[i];
        h->apps[i] = *from->app;
        h->tls[i] = from->tls;
        code = from->addr ? pf_listener_open(l, from->addr, err)
                          : pf_listener_inherit(l, from->fd, err);
        h->nlisteners += !code;
        h->nsockets += l->n;
    }
    return code;
}

static pf_code start_acceptors(pf_http *h, pf_http_thread *t, pf_error *err)
{
    pf_acceptor *a = t->acceptors = calloc(h->nsockets, sizeof *a);
    if (!a)
        return pf_fail_nomem(err, "an HTTP thread");
    for (size_t i = 0; i < h->nlisteners; i++)
        for (unsigned k = 0; k < h->listeners[i].n; k++) {
            pf_code code = pf_acceptor_start(a++, t->loop, h->listeners[i].fds[k], &h->acceptance,
                                             &h->apps[i], h->tls[i], err);
            if (code)
                return code;
        }
    return PF_OK;
}

static void stop_accepting(pf_mail *m)
{
    pf_http_thread *t = (pf_http_thread *)((char *)m - offsetof(pf_http_thread, stop_accepting));
    for (size_t i = 0; i < t->http->nsockets; i++)
        pf_acceptor_stop(&t->acceptors[i]);
    atomic_fetch_sub(&t->http->accepting, 1);
}

static pf_code start_threads(pf_http *h, pf_error *err)
{
    unsigned n = h->service.cfg.threads;
    h->threads = calloc(n, sizeof *h->threads);
    h->sets = calloc(n, sizeof *h->sets);
    if (!h->threads || !h->sets)
        return pf_fail_nomem(err, "the HTTP threads");
    h->acceptance = (pf_acceptance){&h->service, h->sets, n};
    pf_code code = PF_OK;
    for (; h->nthreads < n && !code; h->nthreads += !code) {
        pf_http_thread *t = &h->threads[h->nthreads];
        t->http = h;
        t->stop_accepting.fn = stop_accepting;
        code = pf_loop_new(h->nthreads, &t->loop, err);
        if (!code)
            pf_connections_init(&t->conns, &h->service, t->loop);
        h->sets[h->nthreads] = &t->conns;
    }
    for (unsigned i = 0; i < h->nthreads && !code; i++)
        code = start_acceptors(h, &h->threads[i], err);
    for (unsigned i = 0; i < h->nthreads && !code; i++)
        code = pf_loop_start(h->threads[i].loop, err);
    return code;
}

static void http_free(pf_http *h)
{
    pf_http_metrics_stop(h);
    for (unsigned i = 0; i < h->nthreads; i++)
        pf_loop_stop(h->threads[i].loop);
    pf_workers_free(h->service.workers);
    for (unsigned i = 0; i < h->nthreads; i++) {
        pf_connections_free(&h->threads[i].conns);
        pf_loop_free(h->threads[i].loop);
        free(h->threads[i].acceptors);
    }
    for (size_t i = 0; i < h->nlisteners; i++)
        pf_listener_close(&h->listeners[i]);
    pf_holders_free(&h->service.holders);
    free(h->sets);
    free(h->threads);
    free(h);
}

pf_code pf_http_start(const pf_http_config *cfg, pf_http **out, pf_error *err)
{
    *out = NULL;
    pf_code code = check(cfg, err);
    if (!code)
        code = check_descriptors(cfg, err);
    if (code)
        return code;
    pf_http *h = calloc(1, sizeof *h);
    if (!h)
        return pf_fail_nomem(err, "the HTTP server");
    code = start_service(h, cfg, err);
    if (!code)
        code = open_listeners(h, cfg, err);
    if (!code)
        code = start_threads(h, err);
    if (code) {
        http_free(h);
        return code;
    }
    pf_http_metrics_start(h);
    *out = h;
    return PF_OK;
}

const char *pf_http_address(const pf_http *h, size_t i)
{
    return i < h->nlisteners ? h->listeners[i].text : NULL;
}

bool pf_http_is_loopback(const pf_http *h)
{
    for (size_t i = 0; i < h->nlisteners; i++)
        if (!h->listeners[i].loopback)
            return false;
    return true;
}

size_t pf_http_inherited(void)
{
    const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
    int64_t p = 0, n = 0;
    bool ours = pid && fds && pf_str_to_i64(pf_str_c(pid), &p) && p == getpid() &&
                pf_str_to_i64(pf_str_c(fds), &n) && n > 0 && n <= PF_HTTP_LISTENS_MAX;
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    return ours ? (size_t)n : 0;
}

static void nap(void)
{
    struct timespec ts = {.tv_nsec = PF_NS_PER_MS};
    nanosleep(&ts, NULL);
}

static bool is_empty(pf_http *h)
{
    return !atomic_load(&h->service.connections) && !atomic_load(&h->service.refusing) &&
           !atomic_load(&h->service.live);
}

static void wait_until_empty(pf_http *h)
{
    int64_t warned = pf_clock_mono();
    while (!is_empty(h)) {
        int64_t now = pf_clock_mono();
        if (now - warned > 5 * PF_NS_PER_SEC) {
            warned = now;
            PF_LOG_WARN("waiting for requests that don't end",
                        PF_I("requests", atomic_load(&h->service.live)));
        }
        nap();
    }
}

bool pf_http_stop(pf_http *h, int64_t deadline)
{
    atomic_store(&h->service.stopping, true);
    atomic_store(&h->accepting, h->nthreads);
    for (unsigned i = 0; i < h->nthreads; i++)
        pf_loop_post(h->threads[i].loop, &h->threads[i].stop_accepting);
    while (atomic_load(&h->accepting))
        nap();
    for (size_t i = 0; i < h->nlisteners; i++)
        pf_listener_close(&h->listeners[i]);
    for (unsigned i = 0; i < h->nthreads; i++)
        pf_connections_drain(&h->threads[i].conns);
    while (!is_empty(h) && pf_clock_mono() < deadline)
        nap();
    bool clean = !atomic_load(&h->service.live);
    for (unsigned i = 0; i < h->nthreads; i++)
        pf_connections_abort(&h->threads[i].conns);
    wait_until_empty(h);
    http_free(h);
    return clean;
}
