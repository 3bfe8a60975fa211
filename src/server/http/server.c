/* server.c: starting and stopping.
 *
 * Stopping, in order: accept no more; close connections on which nothing is under way; let requests
 * finish until the deadline, each answer closing its connection. Then `closed` is set: requests
 * that wait for a worker are answered 503, those that are being worked on are cancelled and their
 * sockets shut. What somebody else holds is waited for however long it takes: it is about to write
 * into the request. When nothing is suspended, libmicrohttpd may be stopped; the workers come last,
 * since broken streams end on them.
 */
#include "server/http/internal.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

pf_http_config pf_http_config_default(void)
{
    return (pf_http_config){
        .addr = ":10100",
        .threads = 2,
        .workers = 4,
        .queue_max = 256,
        .connections = 1024,
        .header_max = 32 << 10,
        .base_path = "",
        .header_timeout = 10 * PF_NS_PER_SEC,
        .body_timeout = 60 * PF_NS_PER_SEC,
        .write_timeout = 30 * PF_NS_PER_SEC,
        .idle_timeout = 120 * PF_NS_PER_SEC,
    };
}

/* Pooled requests keep an arena block each: together at most a sixteenth of the budget. */
static unsigned pool_max(const pf_http_config *cfg)
{
    size_t n = 32;
    if (cfg->budget && cfg->budget->limit / 16 / PF_ARENA_KEEP < n)
        n = cfg->budget->limit / 16 / PF_ARENA_KEEP;
    return (unsigned)n;
}

static pf_code check(const pf_http_config *cfg, pf_error *err)
{
    if (!cfg->threads || !cfg->workers || !cfg->queue_max || !cfg->connections)
        return pf_fail(err, PF_INVALID,
                       "threads, workers, queue and connections must be at least 1");
    if (cfg->threads > 256 || cfg->workers > 1024 || cfg->connections > 1 << 20)
        return pf_fail(err, PF_INVALID, "too many threads, workers or connections");
    if (cfg->header_max < 1024 || cfg->header_max > 16 << 20)
        return pf_fail(err, PF_INVALID, "the limit for headers must be from 1 KiB to 16 MiB");
    if (cfg->header_timeout <= 0 || cfg->body_timeout <= 0 || cfg->write_timeout <= 0 ||
        cfg->idle_timeout <= 0)
        return pf_fail(err, PF_INVALID, "timeouts must be above 0");
    return PF_OK;
}

static void http_free(pf_http *h)
{
    pf_http_metrics_stop(h);
    pf_door_stop(h);
    pf_loops_stop(h);
    pf_workers_stop(h);
    pf_listener_close(&h->listener);
    pf_pool_free(&h->pool);
    pthread_cond_destroy(&h->idle);
    pthread_mutex_destroy(&h->idle_lock);
    pthread_mutex_destroy(&h->conns_lock);
    free(h);
}

pf_code pf_http_start(const pf_http_config *cfg, const pf_http_app *app, pf_http **out,
                      pf_error *err)
{
    *out = NULL;
    pf_code code = check(cfg, err);
    if (code)
        return code;
    pf_http *h = calloc(1, sizeof *h);
    if (!h)
        return pf_fail_nomem(err, "the HTTP server");
    h->cfg = *cfg;
    h->app = *app;
    pthread_mutex_init(&h->conns_lock, NULL);
    pthread_mutex_init(&h->idle_lock, NULL);
    pthread_cond_init(&h->idle, NULL);
    pf_pool_init(&h->pool, pool_max(cfg));
    code = pf_listener_open(&h->listener, cfg->addr, err);
    if (!code)
        code = pf_workers_start(h, err);
    if (!code)
        code = pf_loops_start(h, err);
    if (!code) {
        memcpy(h->address, h->listener.text, sizeof h->address);
        h->loopback = h->listener.loopback;
        code = pf_door_start(h, err);
    }
    if (!code)
        pf_http_metrics_start(h);
    if (code)
        http_free(h);
    else
        *out = h;
    return code;
}

const char *pf_http_address(const pf_http *h)
{
    return h->address;
}

bool pf_http_is_loopback(const pf_http *h)
{
    return h->loopback;
}

void pf_http_poke(pf_http *h)
{
    if (!atomic_load_explicit(&h->stopping, memory_order_relaxed))
        return;
    pthread_mutex_lock(&h->idle_lock);
    pthread_cond_broadcast(&h->idle);
    pthread_mutex_unlock(&h->idle_lock);
}

/* Waits for a change, or a moment: a poke may have come just before. */
static void wait_a_moment(pf_http *h)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    ts.tv_nsec += 10 * PF_NS_PER_MS;
    if (ts.tv_nsec >= PF_NS_PER_SEC) {
        ts.tv_nsec -= PF_NS_PER_SEC;
        ts.tv_sec++;
    }
    pthread_mutex_lock(&h->idle_lock);
    pthread_cond_timedwait(&h->idle, &h->idle_lock, &ts);
    pthread_mutex_unlock(&h->idle_lock);
}

/* Ends reading on connections that wait for a request. One that has just arrived is still read and
 * answered; libmicrohttpd closes the others. */
static void close_idle(pf_http *h)
{
    pthread_mutex_lock(&h->conns_lock);
    for (pf_conn *c = h->conns; c; c = c->next)
        if (atomic_load(&c->phase) == PF_PHASE_IDLE) {
            atomic_store(&c->deaf, true);
            shutdown(c->fd, SHUT_RD);
        }
    pthread_mutex_unlock(&h->conns_lock);
}

static void cancel_all(pf_http *h)
{
    pthread_mutex_lock(&h->conns_lock);
    for (pf_conn *c = h->conns; c; c = c->next) {
        pthread_mutex_lock(&c->lock);
        if (c->req)
            atomic_store(&c->req->cancelled, true);
        shutdown(c->fd, SHUT_RDWR);
        pthread_mutex_unlock(&c->lock);
    }
    pthread_mutex_unlock(&h->conns_lock);
}

static bool drain(pf_http *h, int64_t deadline)
{
    for (;;) {
        close_idle(h);
        pthread_mutex_lock(&h->conns_lock);
        bool empty = !h->nconns;
        pthread_mutex_unlock(&h->conns_lock);
        if (empty && !atomic_load(&h->live) && !atomic_load(&h->accepted))
            return true;
        if (pf_clock_mono() >= deadline)
            return !atomic_load(&h->live);
        wait_a_moment(h);
    }
}

static void wait_until_released(pf_http *h)
{
    int64_t warned = pf_clock_mono();
    while (atomic_load(&h->suspended) || atomic_load(&h->resuming)) {
        int64_t now = pf_clock_mono();
        if (now - warned > 5 * PF_NS_PER_SEC) {
            warned = now;
            PF_LOG_WARN("waiting for requests that don't end",
                        PF_I("requests", atomic_load(&h->suspended)));
        }
        wait_a_moment(h);
    }
}

bool pf_http_stop(pf_http *h, int64_t deadline)
{
    atomic_store(&h->stopping, true);
    pf_door_shut(h);
    bool clean = drain(h, deadline);
    atomic_store(&h->closed, true);
    cancel_all(h);
    wait_until_released(h);
    pf_loops_stop(h);
    while (pf_door_busy(h) && pf_clock_mono() < deadline)
        wait_a_moment(h);
    http_free(h);
    return clean;
}
