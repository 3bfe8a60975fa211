/* config.c: every flag of the server in one table, and what a row can't check.
 *
 * The original's containers start unchanged: its flags for the Badger store name the local store's,
 * its other flags are known and ignored with a warning. A flag of the original that asks for a
 * store that is not here (S3, GCS, ClickHouse) ends the start instead: data must not go elsewhere
 * in silence.
 */
#include "cmd/config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SERVER "Server"
#define ACCESS "Access"
#define LIMITS "Limits"
#define STORE "Store"
#define LOG "Log"
#define COMPAT "Flags of the original server that are understood"

#define MUCH (INT64_C(1) << 40)
#define DAY (86400 * PF_NS_PER_SEC)

#define ROW(...) PF_FLAG(pf_config, __VA_ARGS__)
#define RANGE(low, high) .least = (low), .most = (high)
#define IGNORE(n, k)                                                                               \
    {                                                                                              \
        .name = (n), .kind = PF_FLAG_##k, .original = true                                         \
    }

/* A row without an `initial` has the default of the part that it belongs to: see pf_config_flags. */
static const pf_flag table[] = {
    ROW("addr", LIST, addr, SERVER, "host:port",
        "address to listen on, or unix:/path; may be given several times", .initial = ":10100",
        .original = true),
    ROW("tls.cert", OPTIONAL, tls.cert, SERVER, "file",
        "certificate (PEM) to serve HTTPS with; read again when it changes"),
    ROW("tls.key", OPTIONAL, tls.key, SERVER, "file", "its key (PEM), without a passphrase"),
    ROW("tls.client-ca", OPTIONAL, tls.client_ca, SERVER, "file",
        "whose certificates clients may show (PEM); they are asked, not required"),
    ROW("http.trusted-proxies", OPTIONAL, http.trusted_proxies, SERVER, "networks",
        "whose X-Forwarded-For and Forwarded name the client: 10.0.0.0/8,::1,unix"),
    ROW("exit-timeout", DURATION, exit_timeout, SERVER, "duration",
        "how long requests under way may go on after SIGTERM", .initial = "5s", .original = true),
    ROW("http.threads", INT, http.threads, SERVER, "n", "threads that receive and send",
        RANGE(1, 1024)),
    ROW("http.workers", INT, http.workers, SERVER, "n", "threads that decode, query and merge",
        RANGE(1, 1024)),
    ROW("http.base-path", STRING, http.base_path, SERVER, "/path",
        "prefix under which a proxy shows this server"),
    ROW("web.source-url", OPTIONAL, api.source_url, SERVER, "url",
        "where the page's source lines lead: https://host/{file}#L{line}"),
    ROW("version", BOOL, version, SERVER, NULL, "print the version and exit", .original = true),

    ROW("auth.file", OPTIONAL, access.auth_file, ACCESS, "file",
        "tokens, as hashes, and their rights (YAML; read again when it changes); else all is open"),
    ROW("auth.hash", BOOL, auth_hash, ACCESS, NULL,
        "read a secret from standard input, print its hash for -auth.file, and exit"),
    ROW("auth.new", STRING, auth_new, ACCESS, "name",
        "make a token of that name, print it and its entry for -auth.file, and exit"),
    ROW("http.hosts", OPTIONAL, access.hosts, ACCESS, "names",
        "what the Host header may be, besides localhost and addresses: a.example,*.b.example"),
    ROW("http.cors-origins", OPTIONAL, access.cors_origins, ACCESS, "origins",
        "sites whose pages may use this server: https://grafana.example, or *"),
    ROW("limits.push-rate", INT, access.push_rate, ACCESS, "n",
        "pushes a second of one token, and of one service; 0: any", RANGE(0, 1000000)),
    ROW("limits.push-bytes", SIZE, access.push_bytes, ACCESS, "size",
        "bytes a second that these push; 0: any", RANGE(0, MUCH)),
    ROW("limits.query-concurrency", INT, access.query_concurrency, ACCESS, "n",
        "queries at once of one token, and of one service; 0: any", RANGE(0, 100000)),

    ROW("http.max-body-size", SIZE, api.max_body, LIMITS, "size",
        "largest body as sent; over it 413", RANGE(1, MUCH)),
    ROW("http.max-inflated-size", SIZE, api.max_inflated, LIMITS, "size",
        "largest body when it is unpacked; over it 413", RANGE(1, INT64_C(4) << 30)),
    ROW("http.max-connections", INT, http.connections, LIMITS, "n",
        "at once: the one idle longest makes room; one address has half", RANGE(1, 1000000)),
    ROW("http.max-header-size", SIZE, http.header_max, LIMITS, "size",
        "request line and headers together", RANGE(1024, 16 << 20)),
    ROW("http.max-queue", INT, http.queue_max, LIMITS, "n",
        "requests that wait for a worker, over it 503; 0: as many as connections",
        RANGE(0, 1000000)),
    ROW("http.header-timeout", DURATION, http.header_timeout, LIMITS, "duration",
        "in which a TLS handshake, and a request's headers, must be complete",
        RANGE(PF_NS_PER_MS, DAY)),
    ROW("http.body-timeout", DURATION, http.body_timeout, LIMITS, "duration",
        "in which its body must arrive", RANGE(PF_NS_PER_MS, DAY)),
    ROW("http.write-timeout", DURATION, http.write_timeout, LIMITS, "duration",
        "that sending an answer may stand still", RANGE(PF_NS_PER_MS, DAY)),
    ROW("http.idle-timeout", DURATION, http.idle_timeout, LIMITS, "duration",
        "that a connection may be silent between requests", RANGE(PF_NS_PER_MS, DAY)),
    ROW("memory.max-inflight", SIZE, memory_max_inflight, LIMITS, "size",
        "memory of all requests under way; over it 503", .initial = "128MiB", RANGE(1 << 20, MUCH)),
    ROW("query.max-memory", SIZE, api.query_max_memory, LIMITS, "size",
        "memory of one query or merge; over it 422", RANGE(1 << 20, MUCH)),
    ROW("query.timeout", DURATION, api.query_timeout, LIMITS, "duration",
        "time of one query or merge; over it 504", RANGE(PF_NS_PER_MS, DAY)),

    ROW("storage-type", STRING, storage_type, STORE, "type", "local, or auto, which means it",
        .initial = "auto", .original = true),
    ROW("local.dir", STRING, local.dir, STORE, "dir", "where the profiles are kept",
        .initial = "./profefe-data"),
    ROW("local.data-ttl", DURATION, local.data_ttl, STORE, "duration",
        "how long a profile is kept; 0 for ever"),
    ROW("local.max-size", SIZE, local.max_size, STORE, "size",
        "bytes on disk above which the oldest go; 0 for no ceiling"),
    ROW("local.min-free", SIZE, local.min_free, STORE, "size",
        "free disk space below which nothing is taken"),
    ROW("local.max-series", INT, local.max_series, STORE, "n",
        "series (service, type, labels) that a day may bring; over it 503",
        RANGE(1, INT64_C(1) << 30)),
    ROW("local.max-series-per-service", INT, local.max_series_per_service, STORE, "n",
        "series (type, labels) of one service that a day may bring; over it 503",
        RANGE(1, INT64_C(1) << 30)),
    ROW("local.cache-size", SIZE, local.cache_size, STORE, "size",
        "memory for pages of the database", RANGE(1 << 20, MUCH)),
    ROW("local.symbols-memory", SIZE, local.symbols_memory, STORE, "size",
        "memory for recognising symbols seen before", RANGE(1 << 20, MUCH)),

    ROW("local.check", BOOL, check, STORE, NULL, "verify the store, print what is in it, and exit"),

    ROW("log.level", STRING, log_level, LOG, "level", "debug, info, warn or error",
        .initial = "info", .original = true),
    ROW("log.format", STRING, log_format, LOG, "format", "logfmt, json or console",
        .initial = "logfmt", .original = true),
    ROW("log.access", BOOL, log_access, LOG, NULL, "a line on standard output for each request",
        .initial = "true"),

    ROW("badger.dir", STRING, badger_dir, COMPAT, "dir", "the same as -local.dir",
        .original = true),
    ROW("badger.data-ttl", DURATION, badger_data_ttl, COMPAT, "duration",
        "the same as -local.data-ttl", .original = true),

    /* Flags of the original that have nothing to say here. */
    IGNORE("badger.gc-interval", IGNORED),
    IGNORE("badger.gc-discard-ratio", IGNORED),
    IGNORE("profefe.agent.collector-addr", IGNORED),
    IGNORE("profefe.agent.service-name", IGNORED),
    IGNORE("profefe.agent.labels", IGNORED),
    IGNORE("profefe.agent.read-interval", IGNORED),
    IGNORE("profefe.agent.enable-cpu-profile", IGNORED),
    IGNORE("s3.endpoint-url", IGNORED),
    IGNORE("s3.region", IGNORED),
    IGNORE("s3.bucket", IGNORED),
    IGNORE("s3.max-retries", IGNORED),
    IGNORE("gcs.bucket", IGNORED),
    IGNORE("gcs.max-retries", IGNORED),
    IGNORE("clickhouse.dsn", IGNORED),
    IGNORE("clickhouse.samples-writer.pool-size", IGNORED),
    IGNORE("profefe.agent.enable-heap-profile", IGNORED_BOOL),
    IGNORE("profefe.agent.enable-block-profile", IGNORED_BOOL),
    IGNORE("profefe.agent.enable-mutex-profile", IGNORED_BOOL),
    IGNORE("profefe.agent.enable-goroutine-profile", IGNORED_BOOL),
    IGNORE("profefe.agent.enable-thread-creation-profile", IGNORED_BOOL),
    IGNORE("s3.disable-ssl", IGNORED_BOOL),
};

pf_flags pf_config_flags(pf_config *c)
{
    pf_flags flags = {.program = "profefe",
                      .env_prefix = "PROFEFE_",
                      .list = table,
                      .n = sizeof table / sizeof *table,
                      .values = c};
    _Static_assert(sizeof table / sizeof *table <= PF_FLAGS_MAX, "the table has too many rows");
    memset(c, 0, sizeof *c);
    c->http = pf_http_config_default();
    c->api = pf_api_config_default();
    c->local = pf_local_config_default();
    pf_flags_defaults(&flags);
    return flags;
}

/* PF_INVALID about a flag whose row can't tell: names it as it was given, and its value. */
static pf_code wrong(pf_error *err, const pf_flags *f, const char *name, const char *value,
                     const char *what)
{
    char given[PF_FLAG_GIVEN_MAX];
    pf_flags_given_as(f, name, given);
    return pf_fail_param(err, PF_INVALID, name, "%s: \"%s\" %s", given, value, what);
}

/* Level names in any case; those that only the original's logger has are the nearest of ours. */
static pf_code setup_log(const pf_config *c, const pf_flags *f, pf_error *err)
{
    pf_log_level level;
    pf_log_format format;
    static const char *const names[] = {"debug",  "info",  "warn", "error",
                                        "dpanic", "panic", "fatal"};
    size_t i = 0;
    while (i < 7 && !pf_str_eq_nocase(pf_str_c(c->log_level), pf_str_c(names[i])))
        i++;
    if (i == 7 || !pf_log_level_parse(pf_str_c(names[i < 3 ? i : 3]), &level))
        return wrong(err, f, "log.level", c->log_level, "is none of debug, info, warn, error");
    if (!pf_log_format_parse(pf_str_c(c->log_format), &format))
        return wrong(err, f, "log.format", c->log_format, "is none of logfmt, json, console");
    pf_log_setup(level, format);
    return PF_OK;
}

/* Sets *badger when -storage-type is the original's default store. */
static pf_code check_storage_type(const pf_config *c, const pf_flags *f, bool *badger,
                                  pf_error *err)
{
    static const char *const later[] = {"s3", "gcs", "clickhouse"};
    pf_str type = pf_str_c(c->storage_type);
    if (strchr(c->storage_type, ','))
        return wrong(err, f, "storage-type", c->storage_type,
                     "names several stores: they come later");
    for (size_t i = 0; i < sizeof later / sizeof *later; i++)
        if (pf_str_eq(type, pf_str_c(later[i])))
            return wrong(err, f, "storage-type", c->storage_type,
                         "comes later, only local is here");
    if (pf_str_eq(type, PF_STR("badger")))
        *badger = true;
    else if (type.n && !pf_str_eq(type, PF_STR("local")) && !pf_str_eq(type, PF_STR("auto")))
        return wrong(err, f, "storage-type", c->storage_type, "is not local or auto");
    return PF_OK;
}

static pf_code choose_storage(pf_config *c, const pf_flags *f, pf_error *err)
{
    bool badger = pf_flags_is_set(f, "badger.dir") || pf_flags_is_set(f, "badger.data-ttl");
    pf_code code = check_storage_type(c, f, &badger, err);
    if (code)
        return code;
    /* The original takes a bucket by itself for "use that store". */
    static const char *const elsewhere[] = {"s3.bucket", "gcs.bucket", "clickhouse.dsn"};
    for (size_t i = 0; !badger && i < sizeof elsewhere / sizeof *elsewhere; i++) {
        char given[PF_FLAG_GIVEN_MAX];
        pf_flags_given_as(f, elsewhere[i], given);
        if (pf_flags_is_set(f, elsewhere[i]) && !pf_flags_is_set(f, "storage-type"))
            return pf_fail_param(
                err, PF_INVALID, elsewhere[i],
                "%s: that store comes later; -storage-type=local uses the local one", given);
    }
    if (c->badger_dir && !pf_flags_is_set(f, "local.dir"))
        c->local.dir = c->badger_dir;
    if (pf_flags_is_set(f, "badger.data-ttl") && !pf_flags_is_set(f, "local.data-ttl"))
        c->local.data_ttl = c->badger_data_ttl;
    if (!*c->local.dir)
        return wrong(err, f, pf_flags_is_set(f, "local.dir") ? "local.dir" : "badger.dir", "",
                     "names no directory");
    if (badger)
        PF_LOG_INFO("the flags of the original's Badger store name the local store here",
                    PF_S("dir", c->local.dir), PF_D("data_ttl", c->local.data_ttl));
    return PF_OK;
}

/* "/a/b/" becomes "/a/b", "/" nothing. Only characters that need no escapes anywhere. */
static pf_code take_base_path(pf_config *c, const pf_flags *f, pf_error *err)
{
    pf_str s = pf_str_c(c->http.base_path);
    while (s.n && s.p[s.n - 1] == '/')
        s.n--;
    bool ok = s.n < sizeof c->base_path && (!s.n || s.p[0] == '/');
    for (size_t i = 0; ok && i < s.n; i++)
        ok = isalnum((unsigned char)s.p[i]) || strchr("-._~", s.p[i]) ||
             (s.p[i] == '/' && s.p[i + 1] != '/');
    if (!ok)
        return wrong(err, f, "http.base-path", c->http.base_path,
                     "is no path like /profefe of letters, digits and -._~/");
    memcpy(c->base_path, s.p, s.n);
    c->base_path[s.n] = '\0';
    c->http.base_path = c->api.base_path = c->base_path;
    return PF_OK;
}

static pf_code check_tls(const pf_config *c, const pf_flags *f, pf_error *err)
{
    const char *lone = c->tls.cert ? "tls.cert" : "tls.key";
    char given[PF_FLAG_GIVEN_MAX];
    if (!c->tls.cert != !c->tls.key) {
        pf_flags_given_as(f, lone, given);
        return pf_fail_param(err, PF_INVALID, lone, "%s: it needs -tls.%s beside it", given,
                             c->tls.cert ? "key" : "cert");
    }
    if (c->tls.client_ca && !c->tls.cert) {
        pf_flags_given_as(f, "tls.client-ca", given);
        return pf_fail_param(err, PF_INVALID, "tls.client-ca",
                             "%s: it needs -tls.cert and -tls.key", given);
    }
    return PF_OK;
}

/* The page makes links of it, so it must not be a "javascript:" one. */
static pf_code check_source_url(const pf_config *c, const pf_flags *f, pf_error *err)
{
    if (!c->api.source_url)
        return PF_OK;
    pf_str s = pf_str_c(c->api.source_url);
    bool web = pf_str_has_prefix(s, PF_STR("https://")) || pf_str_has_prefix(s, PF_STR("http://"));
    if (!web || pf_str_has_control(s) || !pf_str_is_utf8(s))
        return wrong(err, f, "web.source-url", c->api.source_url, "is no http or https address");
    return PF_OK;
}

/* What follows from several flags, or is kept otherwise than it is written. */
static void derive(pf_config *c)
{
    c->api.access_log_fd = c->log_access ? STDOUT_FILENO : -1;
    c->local.readers = c->http.workers;
}

/* A variable of a unit file that expands to nothing must not open the server to everybody. */
static pf_code check_auth_file(const pf_config *c, const pf_flags *f, pf_error *err)
{
    if (c->access.auth_file)
        return PF_OK;
    if (pf_flags_is_set(f, "auth.file"))
        return wrong(err, f, "auth.file", "", "names no file; without the flag all is open");
    if (getenv("PROFEFE_AUTH_FILE"))
        return pf_fail_param(
            err, PF_INVALID, "auth.file",
            "environment variable PROFEFE_AUTH_FILE: \"\" names no file; unset it to open all");
    return PF_OK;
}

static void warn_ignored(const pf_flags *f)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->source[i] &&
            (f->list[i].kind == PF_FLAG_IGNORED || f->list[i].kind == PF_FLAG_IGNORED_BOOL))
            PF_LOG_WARN("a flag of the original server does nothing here",
                        PF_S("flag", f->list[i].name));
}

pf_code pf_config_read(pf_config *c, int argc, char **argv, pf_error *err)
{
    pf_flags flags = pf_config_flags(c);
    pf_code code = pf_flags_parse(&flags, argc, argv, err);
    c->help = flags.help;
    if (code || c->help || c->version)
        return code;
    if (flags.nrest)
        return pf_fail(err, PF_INVALID, "unexpected argument \"%s\" (-help lists the flags)",
                       flags.rest[0]);
    if (c->auth_new && !*c->auth_new)
        return wrong(err, &flags, "auth.new", "", "is no name for a token");
    if (c->auth_hash || c->auth_new)
        return PF_OK;
    if ((code = setup_log(c, &flags, err)))
        return code;
    warn_ignored(&flags);
    if ((code = check_auth_file(c, &flags, err)))
        return code;
    if ((code = choose_storage(c, &flags, err)) || (code = take_base_path(c, &flags, err)) ||
        (code = check_source_url(c, &flags, err)) || (code = check_tls(c, &flags, err)))
        return code;
    derive(c);
    return PF_OK;
}
