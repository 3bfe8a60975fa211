/* profefe.c: the server. Reads the flags, opens the store, starts the API, waits for a signal,
 * stops in the reverse order. Exit code 0 after a clean stop, 1 when it could not start, 2 for
 * wrong flags.
 */
#include "base/heap.h"
#include "cmd/config.h"
#include "cmd/secrets.h"
#include "server/http/tls_watch.h"
#include "storage/local/check.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static const pf_api_build build_info = {
    .version = PF_VERSION,
    .commit = PF_COMMIT,
    .build_time = PF_BUILD_TIME,
    .built_with = PF_BUILT_WITH,
};

/* Signals are taken by sigwait in the main thread; every other thread inherits them blocked. */
static sigset_t block_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file-size limit is a failing write, not the end */
    return set;
}

/* Shells and systemd start programs with 1,024, for the sake of select(), which nothing here uses: as many as
 * -http.max-connections has by default, and readers have open files besides. */
static void raise_open_files(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur >= files.rlim_max)
        return;
    files.rlim_cur = files.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &files) != 0)
        PF_LOG_WARN("can't raise the limit of open files", PF_S("error", strerror(errno)));
}

static void log_started(const pf_http *http, const pf_config *c)
{
    const char *addr;
    for (size_t i = 0; (addr = pf_http_address(http, i)); i++)
        PF_LOG_INFO("server is running", PF_S("addr", addr),
                    PF_S("tls", c->tls.cert ? "on" : "off"), PF_S("storage", "local"),
                    PF_S("dir", c->local.dir), PF_S("version", PF_VERSION));
    if (pf_http_is_loopback(http))
        return;
    if (!c->access.auth_file)
        PF_LOG_WARN(c->tls.cert
                        ? "listening beyond loopback without authentication: whoever "
                          "reaches the address can read and write profiles"
                        : "listening beyond loopback without TLS and authentication: whoever "
                          "reaches the address can read and write profiles",
                    PF_S("addr", pf_http_address(http, 0)));
    else if (!c->tls.cert)
        PF_LOG_WARN("listening beyond loopback without TLS: whoever is on the way can read tokens, "
                    "unless a proxy in front ends TLS",
                    PF_S("addr", pf_http_address(http, 0)));
}

/* What decides about access, shared by all requests. */
typedef struct access_parts {
    pf_auth *auth; /* NULL: everybody may do all */
    pf_origin_rules *origins;
    pf_failures *failures;
    pf_limits *limits;
} access_parts;

static pf_code make_access(const pf_access_config *c, access_parts *a, pf_error *err)
{
    const pf_limits_config limits = {c->push_rate, c->push_bytes, c->query_concurrency};
    pf_code code = pf_origin_rules_new(c->hosts, c->cors_origins, &a->origins, err);
    if (!code)
        code = pf_failures_new(&a->failures, err);
    if (!code)
        code = pf_limits_new(&limits, &a->limits, err);
    if (!code && c->auth_file)
        code = pf_auth_new(c->auth_file, NULL, &a->auth, err);
    return code;
}

static void free_access(access_parts *a)
{
    pf_auth_free(a->auth);
    pf_limits_free(a->limits);
    pf_failures_free(a->failures);
    pf_origin_rules_free(a->origins);
}

/* Until a signal comes; then lets what is under way finish. */
static void serve(pf_http *http, pf_api *api, pf_tls *tls, pf_auth *auth, const pf_config *c,
                  const sigset_t *signals)
{
    const struct timespec look = {.tv_sec = 1}; /* at files that may change, and at free memory */
    pf_tls_watch watch;
    int sig;
    pf_tls_watch_start(&watch, tls, c->tls.cert);
    while ((sig = sigtimedwait(signals, NULL, &look)) < 0 || sig == SIGHUP) {
        pf_tls_watch_look(&watch, sig == SIGHUP);
        pf_auth_look(auth, sig == SIGHUP);
        pf_heap_give_back();
    }
    PF_LOG_INFO("exiting", PF_S("signal", sig == SIGINT ? "SIGINT" : "SIGTERM"));
    pf_api_stopping(api);
    if (!pf_http_stop(http, pf_clock_mono() + c->exit_timeout))
        PF_LOG_WARN("requests under way were cut off", PF_D("exit_timeout", c->exit_timeout));
    pf_tls_watch_stop(&watch);
}

/* Sockets that the service manager has left take the place of addresses. */
static size_t listens(const pf_config *c, const pf_http_app *app, pf_tls *tls, pf_http_listen *out)
{
    size_t inherited = pf_http_inherited(), n = inherited ? inherited : c->addr.n;
    for (size_t i = 0; i < n; i++)
        out[i] = (pf_http_listen){.addr = inherited ? NULL : c->addr.item[i],
                                  .fd = PF_HTTP_INHERITED + (int)i,
                                  .app = app,
                                  .tls = tls};
    return n;
}

static pf_code start_http(const pf_config *c, pf_api *api, pf_ledger *inflight, pf_tls *tls,
                          pf_http **http, pf_error *err)
{
    pf_http_listen list[PF_HTTP_LISTENS_MAX];
    pf_http_config config = c->http;
    pf_http_app app = pf_api_app(api);
    config.budget = inflight;
    config.listens = list;
    config.nlistens = listens(c, &app, tls, list);
    return pf_http_start(&config, http, err);
}

static pf_code make_api(const pf_config *c, pf_store *store, pf_ledger *inflight,
                        const access_parts *access, pf_api **out, pf_error *err)
{
    pf_api_config config = c->api;
    config.store = store;
    config.budget = inflight;
    config.build = &build_info;
    config.auth = access->auth;
    config.origins = access->origins;
    config.failures = access->failures;
    config.limits = access->limits;
    return pf_api_new(&config, out, err);
}

static pf_code run(const pf_config *c, pf_error *err)
{
    sigset_t signals = block_signals();
    raise_open_files();
    pf_ledger inflight;
    pf_ledger_init(&inflight, "-memory.max-inflight", (size_t)c->memory_max_inflight,
                   PF_UNAVAILABLE, NULL);

    access_parts access = {0};
    pf_tls *tls = NULL;
    pf_store *store = NULL;
    pf_api *api = NULL;
    pf_http *http = NULL;
    pf_code code = make_access(&c->access, &access, err);
    if (!code && c->tls.cert)
        code = pf_tls_new(&c->tls, &tls, err);
    if (!code)
        code = pf_local_open(&c->local, &store, err);
    if (!code)
        code = make_api(c, store, &inflight, &access, &api, err);
    if (!code)
        code = start_http(c, api, &inflight, tls, &http, err);
    if (!code) {
        log_started(http, c);
        serve(http, api, tls, access.auth, c, &signals);
    }
    pf_store_close(store);
    pf_api_free(api);
    pf_tls_free(tls);
    free_access(&access);
    if (!code)
        PF_LOG_INFO("stopped");
    return code;
}

static int check(const pf_config *c)
{
    pf_error err;
    uint64_t problems;
    if (pf_local_check(c->local.dir, stdout, &problems, &err)) {
        fprintf(stderr, "profefe: %s\n", err.msg);
        return 1;
    }
    return problems ? 1 : 0;
}

int main(int argc, char **argv)
{
    pf_config c;
    pf_error err;
    pf_heap_setup();
    if (pf_config_read(&c, argc, argv, &err)) {
        fprintf(stderr, "profefe: %s\n", err.msg);
        return 2;
    }
    if (c.help) {
        pf_config_print_help(c.help, stdout);
        return 0;
    }
    if (c.version) {
        printf("profefe %s, commit %s, built %s with %s\n", PF_VERSION, PF_COMMIT, PF_BUILD_TIME,
               PF_BUILT_WITH);
        return 0;
    }
    if (c.auth_hash)
        return pf_secrets_hash(stdin, stdout, stderr);
    if (c.auth_new)
        return pf_secrets_new(c.auth_new, stdout, stderr);
    if (c.check)
        return check(&c);
    if (run(&c, &err)) {
        PF_LOG_ERROR(err.msg);
        return 1;
    }
    return 0;
}
