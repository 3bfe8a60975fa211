/* http_echo.c: the transport with a toy application, for tests/integration/test_transport.py and
 * for measuring. Prints "listening <address>" on standard output, one line per finished request
 * with -verbose, "stopped clean" or "stopped late" after SIGTERM.
 *
 *     /inline            echoes the body, handled on the HTTP thread
 *     /worker            the same on a worker
 *     /late              replied to by a thread of its own, after handle() has returned
 *     /sleep?ms=N        a worker sleeps N ms or until cancelled; 200 "slept" or "cancelled"
 *     /block?ms=N        holds the HTTP thread up for N ms, as no application should
 *     /stuck             a worker waits until it is cancelled
 *     /stream?n=N&piece=M    N bytes in pieces of M; &fail=K fails before piece K
 *     /bytes?n=N         N bytes in one reply
 *     /info              what the transport says of the request, as JSON
 *     /delay?ms=N        echoes the body, held back for N ms; &worker=1 on a worker, &stream=1 as a stream;
 *                        &admit=1 answered 401 by admit
 *     /refused           answered 404 by admit
 *     /nobody            takes no body
 *     /status?code=N     pf_req_reply_status
 *     /trailers          a stream with trailers
 *     /json?n=N          N bytes of JSON, which may be compressed; &vary=1 varies with the Origin, too
 *     /state             counters of this program, as JSON; it does not count itself
 *     /metrics           those of the transport
 */
#include "base/clock.h"
#include "base/metrics.h"
#include "server/http/http.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
    size_t max_body;
    int64_t exit_timeout;
    bool verbose;
    pf_tls_config tls;
    pf_http_listen listens[4];
    size_t nlistens;
} flags = {.max_body = 1 << 20, .exit_timeout = 5 * PF_NS_PER_SEC};

static pf_ledger budget;
static atomic_int admitted, handled, finished, aborted, cancelled, producing, done_calls;

static int64_t param(pf_req *req, const char *name, int64_t otherwise)
{
    pf_str rest = pf_req_query(req), pair, key, value;
    while (rest.n) {
        pf_str_cut(rest, '&', &pair, &rest);
        pf_str_cut(pair, '=', &key, &value);
        int64_t v;
        if (pf_str_eq(key, pf_str_c(name)) && pf_str_to_i64(value, &v))
            return v;
    }
    return otherwise;
}

static bool is(pf_req *req, const char *path)
{
    return pf_str_eq(pf_req_path(req), pf_str_c(path));
}

static void reply_text(pf_req *req, int status, const char *text)
{
    pf_buf b = PF_BUF_INIT;
    pf_buf_puts(&b, text);
    pf_req_reply_take(req, status, "text/plain", &b);
}

static void delay_refusal(pf_req *req)
{
    pf_req_delay(req, param(req, "ms", 0) * PF_NS_PER_MS);
    pf_req_reply_status(req, 401, "who are you?");
}

static void admit(void *ctx, pf_req *req, pf_admit *out)
{
    (void)ctx;
    out->max_body = flags.max_body;
    if (!is(req, "/state"))
        atomic_fetch_add(&admitted, 1);
    if (is(req, "/refused"))
        pf_req_reply_status(req, 404, "no such thing");
    else if (is(req, "/delay") && param(req, "admit", 0))
        delay_refusal(req);
    else if (is(req, "/delay"))
        out->run = param(req, "worker", 0) ? PF_RUN_WORKER : PF_RUN_INLINE;
    else if (is(req, "/inline") || is(req, "/late") || is(req, "/info") || is(req, "/state") ||
             is(req, "/bytes") || is(req, "/block"))
        out->run = PF_RUN_INLINE;
    if (is(req, "/nobody"))
        out->max_body = 0;
}

static void echo(pf_req *req)
{
    pf_str body = pf_req_body(req);
    pf_buf b = PF_BUF_INIT;
    pf_buf_put_str(&b, body);
    pf_req_reply_take(req, 200, "application/octet-stream", &b);
}

static void *reply_late(void *arg)
{
    echo(arg);
    return NULL;
}

static void start_late(pf_req *req)
{
    pthread_t t;
    if (pthread_create(&t, NULL, reply_late, req))
        pf_req_reply_status(req, 500, "no thread");
    else
        pthread_detach(t);
}

static void nap(int64_t ns)
{
    struct timespec ts = {.tv_sec = ns / PF_NS_PER_SEC, .tv_nsec = ns % PF_NS_PER_SEC};
    nanosleep(&ts, NULL);
}

static void sleep_until_cancelled(pf_req *req, int64_t until)
{
    while (!atomic_load(pf_req_cancelled(req)) && pf_clock_mono() < until)
        nap(PF_NS_PER_MS);
    bool gone = atomic_load(pf_req_cancelled(req));
    if (gone)
        atomic_fetch_add(&cancelled, 1);
    reply_text(req, 200, gone ? "cancelled" : "slept");
}

static void block(pf_req *req)
{
    nap(param(req, "ms", 0) * PF_NS_PER_MS);
    reply_text(req, 200, "blocked");
}

typedef struct streaming {
    int64_t left, piece, fail_in;
    unsigned char next;
} streaming;

static pf_code produce(void *ctx, pf_buf *out, bool *end, pf_error *err)
{
    streaming *s = ctx;
    atomic_fetch_add(&producing, 1);
    if (s->fail_in-- == 0)
        return pf_fail(err, PF_UNAVAILABLE, "the toy is broken");
    size_t n = (size_t)(s->left < s->piece ? s->left : s->piece);
    char *at = pf_buf_reserve(out, n);
    for (size_t i = 0; at && i < n; i++)
        at[i] = (char)('a' + s->next++ % 23);
    out->len += at ? n : 0;
    s->left -= (int64_t)n;
    *end = s->left == 0;
    return PF_OK;
}

static void produce_done(void *ctx)
{
    (void)ctx;
    atomic_fetch_add(&done_calls, 1);
}

static void stream(pf_req *req)
{
    streaming *s = pf_arena_zalloc(pf_req_arena(req), sizeof *s);
    if (!s) {
        pf_req_reply_status(req, 503, "no memory");
        return;
    }
    s->left = param(req, "n", 1000);
    s->piece = param(req, "piece", 64 << 10);
    s->fail_in = param(req, "fail", -1);
    pf_req_reply_stream(req, 200, "text/plain", produce, produce_done, s);
}

static void put_field(pf_buf *b, const char *key, pf_str value)
{
    pf_buf_printf(b, "\"%s\":", key);
    pf_buf_put_json(b, value);
    pf_buf_putc(b, ',');
}

static void info(pf_req *req)
{
    pf_buf b = PF_BUF_INIT;
    pf_buf_putc(&b, '{');
    put_field(&b, "method", pf_req_method_name(req));
    put_field(&b, "target", pf_req_target(req));
    put_field(&b, "path", pf_req_path(req));
    put_field(&b, "query", pf_req_query(req));
    put_field(&b, "peer", pf_req_peer(req));
    put_field(&b, "id", pf_req_id(req));
    put_field(&b, "client", pf_req_client_name(req));
    pf_buf_printf(&b, "\"tls\":%s,", pf_req_is_tls(req) ? "true" : "false");
    pf_buf_printf(&b, "\"loopback\":%s,", pf_req_on_loopback(req) ? "true" : "false");
    pf_buf_printf(&b, "\"proxy\":%s,", pf_req_from_proxy(req) ? "true" : "false");
    put_field(&b, "x-test", pf_req_header(req, "x-tESt"));
    pf_buf_printf(&b, "\"body\":%zu,\"started\":%lld}\n", pf_req_body(req).n,
                  (long long)pf_req_started(req));
    pf_req_add_header(req, "X-Extra", "one");
    pf_req_add_header(req, "X-Bad", "two\r\nX-Injected: yes");
    pf_req_reply_take(req, 200, "application/json", &b);
}

static void state(pf_req *req)
{
    pf_buf b = PF_BUF_INIT;
    pf_buf_printf(&b,
                  "{\"admitted\":%d,\"handled\":%d,\"finished\":%d,\"aborted\":%d,\"cancelled\":%d,"
                  "\"produced\":%d,\"done\":%d,\"budget\":%zu}\n",
                  atomic_load(&admitted), atomic_load(&handled), atomic_load(&finished),
                  atomic_load(&aborted), atomic_load(&cancelled), atomic_load(&producing),
                  atomic_load(&done_calls), pf_ledger_held(&budget));
    pf_req_reply_take(req, 200, "application/json", &b);
}

static void metrics(pf_req *req)
{
    pf_buf b = PF_BUF_INIT;
    pf_metrics_write(&b);
    pf_req_reply_take(req, 200, "text/plain", &b);
}

static void bytes(pf_req *req)
{
    int64_t n = param(req, "n", 0);
    pf_buf b = PF_BUF_INIT;
    char *at = pf_buf_reserve(&b, (size_t)n);
    if (at)
        memset(at, 'x', (size_t)n);
    b.len = at ? (size_t)n : 0;
    pf_req_reply_take(req, 200, "text/plain", &b);
}

static void trailers(pf_req *req)
{
    pf_req_add_trailer(req, "X-Sum", "42");
    stream(req);
}

static void json(pf_req *req)
{
    int64_t n = param(req, "n", 0);
    pf_buf b = PF_BUF_INIT;
    for (int64_t i = 0; (int64_t)b.len < n; i++)
        pf_buf_printf(&b, "{\"number\":%lld}\n", (long long)i);
    if (param(req, "vary", 0))
        pf_req_add_header(req, "Vary", "Origin");
    pf_req_reply_take(req, 200, "application/json", &b);
}

static void delay(pf_req *req)
{
    pf_req_delay(req, param(req, "ms", 0) * PF_NS_PER_MS);
    if (param(req, "stream", 0))
        stream(req);
    else
        echo(req);
}

static void handle(void *ctx, pf_req *req)
{
    (void)ctx;
    if (is(req, "/state")) {
        state(req);
        return;
    }
    atomic_fetch_add(&handled, 1);
    if (is(req, "/inline") || is(req, "/worker") || is(req, "/nobody"))
        echo(req);
    else if (is(req, "/late"))
        start_late(req);
    else if (is(req, "/sleep"))
        sleep_until_cancelled(req, pf_clock_mono() + param(req, "ms", 0) * PF_NS_PER_MS);
    else if (is(req, "/block"))
        block(req);
    else if (is(req, "/delay"))
        delay(req);
    else if (is(req, "/stuck"))
        sleep_until_cancelled(req, INT64_MAX);
    else if (is(req, "/stream"))
        stream(req);
    else if (is(req, "/trailers"))
        trailers(req);
    else if (is(req, "/json"))
        json(req);
    else if (is(req, "/metrics"))
        metrics(req);
    else if (is(req, "/bytes"))
        bytes(req);
    else if (is(req, "/info"))
        info(req);
    else if (is(req, "/status"))
        pf_req_reply_status(req, (int)param(req, "code", 500), "as you asked");
    else
        pf_req_reply_status(req, 404, "nothing found");
}

static void on_finished(void *ctx, pf_req *req, int status, int64_t sent, int64_t duration)
{
    (void)ctx;
    (void)duration;
    if (!is(req, "/state"))
        atomic_fetch_add(&finished, 1);
    if (sent < 0)
        atomic_fetch_add(&aborted, 1);
    if (flags.verbose) {
        pf_str t = pf_req_target(req);
        printf("finished %d %lld %.*s\n", status, (long long)sent, PF_FMT(t));
        fflush(stdout);
    }
}

static const char *error_form(void *ctx, pf_req *req, int status, const pf_error *err, pf_buf *out)
{
    (void)ctx;
    (void)req;
    pf_buf_printf(out, "{\"code\":%d,\"error\":", status);
    pf_buf_put_json(out, pf_str_c(err->msg));
    pf_buf_puts(out, "}\n");
    return "application/json";
}

/* -name=value; durations are milliseconds. */
static bool read_flag(const char *arg, pf_http_config *cfg, size_t *limit)
{
    if (strcmp(arg, "-verbose") == 0)
        return flags.verbose = true;
    const char *eq = strchr(arg, '=');
    if (!eq)
        return false;
    pf_str name = {arg, (size_t)(eq - arg)};
    const struct {
        const char *name, **value;
    } texts[] = {
        {"-addr", flags.nlistens < 4 ? &flags.listens[flags.nlistens].addr : NULL},
        {"-tls-cert", &flags.tls.cert},
        {"-tls-key", &flags.tls.key},
        {"-tls-client-ca", &flags.tls.client_ca},
        {"-trusted-proxies", &cfg->trusted_proxies},
        {"-base-path", &cfg->base_path},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (pf_str_eq(name, pf_str_c(texts[i].name)) && texts[i].value) {
            *texts[i].value = eq + 1;
            flags.nlistens += i == 0;
            return true;
        }
    int64_t v;
    if (!pf_str_to_i64(pf_str_c(eq + 1), &v))
        return false;
    const struct {
        const char *name;
        unsigned *count;
        size_t *size;
        int64_t *ms;
    } known[] = {
        {"-threads", &cfg->threads, NULL, NULL},
        {"-workers", &cfg->workers, NULL, NULL},
        {"-queue", &cfg->queue_max, NULL, NULL},
        {"-connections", &cfg->connections, NULL, NULL},
        {"-header-max", NULL, &cfg->header_max, NULL},
        {"-max-body", NULL, &flags.max_body, NULL},
        {"-budget", NULL, limit, NULL},
        {"-header-timeout", NULL, NULL, &cfg->header_timeout},
        {"-body-timeout", NULL, NULL, &cfg->body_timeout},
        {"-write-timeout", NULL, NULL, &cfg->write_timeout},
        {"-idle-timeout", NULL, NULL, &cfg->idle_timeout},
        {"-exit-timeout", NULL, NULL, &flags.exit_timeout},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!pf_str_eq(name, pf_str_c(known[i].name)))
            continue;
        if (known[i].count)
            *known[i].count = (unsigned)v;
        else if (known[i].size)
            *known[i].size = (size_t)v;
        else
            *known[i].ms = v * PF_NS_PER_MS;
        return true;
    }
    return false;
}

/* Inherited sockets instead of addresses, one address when none is named. */
static void listen_on(const pf_http_app *app)
{
    size_t inherited = pf_http_inherited();
    for (size_t i = 0; i < inherited && i < 4; i++)
        flags.listens[i] = (pf_http_listen){.fd = 3 + (int)i};
    if (inherited)
        flags.nlistens = inherited < 4 ? inherited : 4;
    else if (!flags.nlistens)
        flags.listens[flags.nlistens++].addr = "127.0.0.1:0";
    for (size_t i = 0; i < flags.nlistens; i++)
        flags.listens[i].app = app;
}

static void use_tls(pf_tls *tls, pf_http_config *cfg)
{
    for (size_t i = 0; i < flags.nlistens; i++)
        flags.listens[i].tls = tls;
    cfg->listens = flags.listens;
    cfg->nlistens = flags.nlistens;
}

static void reload(pf_tls *tls)
{
    bool fresh;
    pf_error err;
    if (tls && pf_tls_reload(tls, true, &fresh, &err))
        printf("not reloaded: %s\n", err.msg);
    else
        printf("reloaded\n");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    pf_http_config cfg = pf_http_config_default();
    size_t limit = 128 << 20;
    for (int i = 1; i < argc; i++) {
        if (!read_flag(argv[i], &cfg, &limit)) {
            fprintf(stderr, "http_echo: bad flag %s\n", argv[i]);
            return 2;
        }
    }
    pf_ledger_init(&budget, "-memory.max-inflight", limit, PF_UNAVAILABLE, NULL);
    cfg.budget = &budget;

    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL);

    pf_http_app app = {
        .admit = admit, .handle = handle, .finished = on_finished, .error_form = error_form};
    pf_tls *tls = NULL;
    pf_http *h;
    pf_error err;
    listen_on(&app);
    if ((flags.tls.cert && pf_tls_new(&flags.tls, &tls, &err)) ||
        (use_tls(tls, &cfg), pf_http_start(&cfg, &h, &err))) {
        fprintf(stderr, "http_echo: %s\n", err.msg);
        pf_tls_free(tls);
        return 1;
    }
    printf("listening");
    for (size_t i = 0; pf_http_address(h, i); i++)
        printf(" %s", pf_http_address(h, i));
    printf("\n");
    fflush(stdout);
    int sig;
    while (sigwait(&set, &sig) == 0 && sig == SIGHUP)
        reload(tls);
    bool clean = pf_http_stop(h, pf_clock_mono() + flags.exit_timeout);
    printf("stopped %s budget=%zu\n", clean ? "clean" : "late", pf_ledger_held(&budget));
    pf_tls_free(tls);
    return 0;
}
