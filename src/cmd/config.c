/* config.c: every flag of the server in one table.
 *
 * The original's containers start unchanged: its flags for the Badger store name the local store's,
 * its other flags are known and ignored with a warning. A flag of the original that asks for a
 * store that is not here (S3, GCS, ClickHouse) ends the start instead: data must not go elsewhere
 * in silence.
 */
#include "cmd/config.h"

#include <ctype.h>
#include <string.h>
#include <unistd.h>

/* What the flags write to before it is checked; the defaults stand here. */
typedef struct raw {
    pf_flag_list addr;
    const char *storage_type, *dir, *badger_dir, *log_level, *log_format;
    const char *base_path, *source_url, *trusted_proxies;
    const char *tls_cert, *tls_key, *tls_client_ca;
    bool version, log_access, check;
    int64_t exit_timeout, data_ttl, badger_ttl;
    int64_t max_body, max_inflated, max_inflight, threads, workers, queue, connections, header_max;
    int64_t header_timeout, body_timeout, write_timeout, idle_timeout;
    int64_t query_memory, query_timeout;
    int64_t max_size, min_free, max_series, cache_size, symbols_memory;
} raw;

static raw raw_defaults(void)
{
    pf_http_config http = pf_http_config_default();
    pf_api_config api = pf_api_config_default();
    pf_local_config local = pf_local_config_default();
    return (raw){
        .addr = {.item = {":10100"}, .n = 1},
        .trusted_proxies = "",
        .tls_cert = "",
        .tls_key = "",
        .tls_client_ca = "",
        .storage_type = "auto",
        .dir = "./profefe-data",
        .base_path = "",
        .source_url = "",
        .log_level = "info",
        .log_format = "logfmt",
        .log_access = true,
        .exit_timeout = 5 * PF_NS_PER_SEC,
        .data_ttl = local.data_ttl,
        .max_body = (int64_t)api.max_body,
        .max_inflated = (int64_t)api.max_inflated,
        .max_inflight = INT64_C(128) << 20,
        .threads = http.threads,
        .workers = http.workers,
        .queue = http.queue_max,
        .connections = http.connections,
        .header_max = (int64_t)http.header_max,
        .header_timeout = http.header_timeout,
        .body_timeout = http.body_timeout,
        .write_timeout = http.write_timeout,
        .idle_timeout = http.idle_timeout,
        .query_memory = (int64_t)api.query_max_memory,
        .query_timeout = api.query_timeout,
        .max_size = local.max_size,
        .min_free = local.min_free,
        .cache_size = (int64_t)local.cache_size,
        .max_series = local.max_series,
        .symbols_memory = (int64_t)local.symbols_memory,
    };
}

#define SERVER "Server"
#define LIMITS "Limits"
#define STORE "Store"
#define LOG "Log"
#define COMPAT "Flags of the original server that are understood"

enum { FLAGS_MAX = 80 };

/* Flags of the original that have nothing to say here. */
static const char *const ignored[] = {
    "badger.gc-interval",
    "badger.gc-discard-ratio",
    "profefe.agent.collector-addr",
    "profefe.agent.service-name",
    "profefe.agent.labels",
    "profefe.agent.read-interval",
    "profefe.agent.enable-cpu-profile",
    "s3.endpoint-url",
    "s3.region",
    "s3.bucket",
    "s3.max-retries",
    "gcs.bucket",
    "gcs.max-retries",
    "clickhouse.dsn",
    "clickhouse.samples-writer.pool-size",
};
static const char *const ignored_bools[] = {
    "profefe.agent.enable-heap-profile",
    "profefe.agent.enable-block-profile",
    "profefe.agent.enable-mutex-profile",
    "profefe.agent.enable-goroutine-profile",
    "profefe.agent.enable-thread-creation-profile",
    "s3.disable-ssl",
};

/* Fills `list` with flags that write into *r; returns how many. */
static size_t flag_table(raw *r, pf_flag *list)
{
    const pf_flag table[] = {
        PF_FLAG("addr", LIST, &r->addr, SERVER, "host:port",
                "address to listen on, or unix:/path; may be given several times"),
        PF_FLAG("tls.cert", STRING, &r->tls_cert, SERVER, "file",
                "certificate (PEM) to serve HTTPS with; read again when it changes"),
        PF_FLAG("tls.key", STRING, &r->tls_key, SERVER, "file",
                "its key (PEM), without a passphrase"),
        PF_FLAG("tls.client-ca", STRING, &r->tls_client_ca, SERVER, "file",
                "whose certificates clients may show (PEM); they are asked, not required"),
        PF_FLAG("http.trusted-proxies", STRING, &r->trusted_proxies, SERVER, "networks",
                "whose X-Forwarded-For and Forwarded name the client: 10.0.0.0/8,::1,unix"),
        PF_FLAG("exit-timeout", DURATION, &r->exit_timeout, SERVER, "duration",
                "how long requests under way may go on after SIGTERM"),
        PF_FLAG("http.threads", INT, &r->threads, SERVER, "n", "threads that receive and send"),
        PF_FLAG("http.workers", INT, &r->workers, SERVER, "n",
                "threads that decode, query and merge"),
        PF_FLAG("http.base-path", STRING, &r->base_path, SERVER, "/path",
                "prefix under which a proxy shows this server"),
        PF_FLAG("web.source-url", STRING, &r->source_url, SERVER, "url",
                "where the page's source lines lead: https://host/{file}#L{line}"),
        PF_FLAG("version", BOOL, &r->version, SERVER, NULL, "print the version and exit"),

        PF_FLAG("http.max-body-size", SIZE, &r->max_body, LIMITS, "size",
                "largest body as sent; over it 413"),
        PF_FLAG("http.max-inflated-size", SIZE, &r->max_inflated, LIMITS, "size",
                "largest body when it is unpacked; over it 413"),
        PF_FLAG("http.max-connections", INT, &r->connections, LIMITS, "n",
                "at once: the one idle longest makes room; one address has half"),
        PF_FLAG("http.max-header-size", SIZE, &r->header_max, LIMITS, "size",
                "request line and headers together"),
        PF_FLAG("http.max-queue", INT, &r->queue, LIMITS, "n",
                "requests that wait for a worker, over it 503; 0: as many as connections"),
        PF_FLAG("http.header-timeout", DURATION, &r->header_timeout, LIMITS, "duration",
                "in which a TLS handshake, and a request's headers, must be complete"),
        PF_FLAG("http.body-timeout", DURATION, &r->body_timeout, LIMITS, "duration",
                "in which its body must arrive"),
        PF_FLAG("http.write-timeout", DURATION, &r->write_timeout, LIMITS, "duration",
                "that sending an answer may stand still"),
        PF_FLAG("http.idle-timeout", DURATION, &r->idle_timeout, LIMITS, "duration",
                "that a connection may be silent between requests"),
        PF_FLAG("memory.max-inflight", SIZE, &r->max_inflight, LIMITS, "size",
                "memory of all requests under way; over it 503"),
        PF_FLAG("query.max-memory", SIZE, &r->query_memory, LIMITS, "size",
                "memory of one query or merge; over it 422"),
        PF_FLAG("query.timeout", DURATION, &r->query_timeout, LIMITS, "duration",
                "time of one query or merge; over it 504"),

        PF_FLAG("storage-type", STRING, &r->storage_type, STORE, "type",
                "local, or auto, which means it"),
        PF_FLAG("local.dir", STRING, &r->dir, STORE, "dir", "where the profiles are kept"),
        PF_FLAG("local.data-ttl", DURATION, &r->data_ttl, STORE, "duration",
                "how long a profile is kept; 0 for ever"),
        PF_FLAG("local.max-size", SIZE, &r->max_size, STORE, "size",
                "bytes on disk above which the oldest go; 0 for no ceiling"),
        PF_FLAG("local.min-free", SIZE, &r->min_free, STORE, "size",
                "free disk space below which nothing is taken"),
        PF_FLAG("local.max-series", INT, &r->max_series, STORE, "n",
                "series (service, type, labels) that a day may bring; over it 503"),
        PF_FLAG("local.cache-size", SIZE, &r->cache_size, STORE, "size",
                "memory for pages of the database"),
        PF_FLAG("local.symbols-memory", SIZE, &r->symbols_memory, STORE, "size",
                "memory for recognising symbols seen before"),

        PF_FLAG("local.check", BOOL, &r->check, STORE, NULL,
                "verify the store, print what is in it, and exit"),

        PF_FLAG("log.level", STRING, &r->log_level, LOG, "level", "debug, info, warn or error"),
        PF_FLAG("log.format", STRING, &r->log_format, LOG, "format", "logfmt, json or console"),
        PF_FLAG("log.access", BOOL, &r->log_access, LOG, NULL,
                "a line on standard output for each request"),

        PF_FLAG("badger.dir", STRING, &r->badger_dir, COMPAT, "dir", "the same as -local.dir"),
        PF_FLAG("badger.data-ttl", DURATION, &r->badger_ttl, COMPAT, "duration",
                "the same as -local.data-ttl"),
    };
    size_t n = sizeof table / sizeof *table;
    memcpy(list, table, sizeof table);
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        list[n++] = (pf_flag){.name = ignored[i], .kind = PF_FLAG_IGNORED};
    for (size_t i = 0; i < sizeof ignored_bools / sizeof *ignored_bools; i++)
        list[n++] =
            (pf_flag){.name = ignored_bools[i], .kind = PF_FLAG_IGNORED, .ignored_bool = true};
    return n;
}

static bool is_set(const pf_flags *f, const char *name)
{
    const pf_flag *flag = pf_flags_find(f, name);
    return flag && flag->set;
}

/* Level names in any case; those that only the original's logger has are the nearest of ours. */
static pf_code setup_log(const raw *r, pf_error *err)
{
    pf_log_level level;
    pf_log_format format;
    static const char *const names[] = {"debug",  "info",  "warn", "error",
                                        "dpanic", "panic", "fatal"};
    size_t i = 0;
    while (i < 7 && !pf_str_eq_nocase(pf_str_c(r->log_level), pf_str_c(names[i])))
        i++;
    if (i == 7 || !pf_log_level_parse(pf_str_c(names[i < 3 ? i : 3]), &level))
        return pf_fail(err, PF_INVALID,
                       "flag -log.level: \"%s\" is none of debug, info, warn, error", r->log_level);
    if (!pf_log_format_parse(pf_str_c(r->log_format), &format))
        return pf_fail(err, PF_INVALID, "flag -log.format: \"%s\" is none of logfmt, json, console",
                       r->log_format);
    pf_log_setup(level, format);
    return PF_OK;
}

/* One word of -storage-type; sets *badger when it is the original's default store. */
static pf_code check_storage_word(pf_str type, bool *badger, pf_error *err)
{
    static const char *const later[] = {"s3", "gcs", "clickhouse"};
    for (size_t i = 0; i < sizeof later / sizeof *later; i++)
        if (pf_str_eq(type, pf_str_c(later[i])))
            return pf_fail(err, PF_INVALID,
                           "-storage-type=%s: that store comes later, only local is here",
                           later[i]);
    if (pf_str_eq(type, PF_STR("badger")))
        *badger = true;
    else if (!pf_str_eq(type, PF_STR("local")) && !pf_str_eq(type, PF_STR("auto")))
        return pf_fail(err, PF_INVALID, "flag -storage-type: \"%.*s\" is not local or auto",
                       PF_FMT(type));
    return PF_OK;
}

static pf_code choose_storage(raw *r, const pf_flags *f, pf_error *err)
{
    bool badger = is_set(f, "badger.dir") || is_set(f, "badger.data-ttl");
    pf_str rest = pf_str_c(*r->storage_type ? r->storage_type : "auto"), type;
    if (pf_str_cut(rest, ',', &type, &rest))
        return pf_fail(err, PF_INVALID, "-storage-type=%s: several stores at once come later",
                       r->storage_type);
    pf_code code = check_storage_word(type, &badger, err);
    if (code)
        return code;
    /* The original takes a bucket by itself for "use that store". */
    static const char *const elsewhere[] = {"s3.bucket", "gcs.bucket", "clickhouse.dsn"};
    for (size_t i = 0; !badger && i < sizeof elsewhere / sizeof *elsewhere; i++)
        if (is_set(f, elsewhere[i]) && !is_set(f, "storage-type"))
            return pf_fail(err, PF_INVALID,
                           "-%s: that store comes later; -storage-type=local uses the local one",
                           elsewhere[i]);
    if (r->badger_dir && !is_set(f, "local.dir"))
        r->dir = r->badger_dir;
    if (is_set(f, "badger.data-ttl") && !is_set(f, "local.data-ttl"))
        r->data_ttl = r->badger_ttl;
    if (!*r->dir)
        return pf_fail(err, PF_INVALID, "flag -local.dir: empty");
    if (badger)
        PF_LOG_INFO("the flags of the original's Badger store name the local store here",
                    PF_S("dir", r->dir), PF_D("data_ttl", r->data_ttl));
    return PF_OK;
}

static pf_code check_ranges(const raw *r, pf_error *err)
{
    const int64_t much = INT64_C(1) << 40, day = 86400 * PF_NS_PER_SEC;
    const struct {
        const char *flag;
        int64_t value, least, most;
    } ranges[] = {
        {"http.threads", r->threads, 1, 1024},
        {"http.workers", r->workers, 1, 1024},
        {"http.max-queue", r->queue, 0, 1000000},
        {"http.max-connections", r->connections, 1, 1000000},
        {"http.max-header-size", r->header_max, 1024, 16 << 20},
        {"http.max-body-size", r->max_body, 1, much},
        {"http.max-inflated-size", r->max_inflated, 1, INT64_C(4) << 30},
        {"http.header-timeout", r->header_timeout, PF_NS_PER_MS, day},
        {"http.body-timeout", r->body_timeout, PF_NS_PER_MS, day},
        {"http.write-timeout", r->write_timeout, PF_NS_PER_MS, day},
        {"http.idle-timeout", r->idle_timeout, PF_NS_PER_MS, day},
        {"memory.max-inflight", r->max_inflight, 1 << 20, much},
        {"query.max-memory", r->query_memory, 1 << 20, much},
        {"query.timeout", r->query_timeout, PF_NS_PER_MS, day},
        {"local.max-series", r->max_series, 1, INT64_C(1) << 30},
        {"local.cache-size", r->cache_size, 1 << 20, much},
        {"local.symbols-memory", r->symbols_memory, 1 << 20, much},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (ranges[i].value < ranges[i].least || ranges[i].value > ranges[i].most)
            return pf_fail(err, PF_INVALID, "flag -%s: %lld is not between %lld and %lld",
                           ranges[i].flag, (long long)ranges[i].value, (long long)ranges[i].least,
                           (long long)ranges[i].most);
    return PF_OK;
}

/* "/a/b/" becomes "/a/b", "/" nothing. Only characters that need no escapes anywhere. */
static pf_code take_base_path(const raw *r, pf_config *c, pf_error *err)
{
    pf_str s = pf_str_c(r->base_path);
    while (s.n && s.p[s.n - 1] == '/')
        s.n--;
    bool ok = s.n < sizeof c->base_path && (!s.n || s.p[0] == '/');
    for (size_t i = 0; ok && i < s.n; i++)
        ok = isalnum((unsigned char)s.p[i]) || strchr("-._~", s.p[i]) ||
             (s.p[i] == '/' && s.p[i + 1] != '/');
    if (!ok)
        return pf_fail(err, PF_INVALID,
                       "flag -http.base-path: \"%s\" is no path like /profefe of letters, digits "
                       "and -._~/",
                       r->base_path);
    memcpy(c->base_path, s.p, s.n);
    c->base_path[s.n] = '\0';
    return PF_OK;
}

static pf_code check_tls(const raw *r, pf_error *err)
{
    if (!*r->tls_cert != !*r->tls_key)
        return pf_fail(err, PF_INVALID, "flag -tls.%s: it needs -tls.%s beside it",
                       *r->tls_cert ? "cert" : "key", *r->tls_cert ? "key" : "cert");
    if (*r->tls_client_ca && !*r->tls_cert)
        return pf_fail(err, PF_INVALID, "flag -tls.client-ca: it needs -tls.cert and -tls.key");
    return PF_OK;
}

/* The page makes links of it, so it must not be a "javascript:" one. */
static pf_code check_source_url(const raw *r, pf_error *err)
{
    pf_str s = pf_str_c(r->source_url);
    bool web = pf_str_has_prefix(s, PF_STR("https://")) || pf_str_has_prefix(s, PF_STR("http://"));
    if (s.n && (!web || pf_str_has_control(s) || !pf_str_is_utf8(s)))
        return pf_fail(err, PF_INVALID, "flag -web.source-url: \"%s\" is no http or https address",
                       r->source_url);
    return PF_OK;
}

static void fill(const raw *r, pf_config *c)
{
    c->check = r->check;
    c->exit_timeout = r->exit_timeout;
    c->memory_max_inflight = r->max_inflight;

    c->http = pf_http_config_default();
    c->http.threads = (unsigned)r->threads;
    c->http.workers = (unsigned)r->workers;
    c->http.queue_max = (unsigned)r->queue;
    c->http.connections = (unsigned)r->connections;
    c->http.base_path = c->base_path;
    c->http.trusted_proxies = r->trusted_proxies;
    c->addr = r->addr;
    for (size_t i = 0; i < c->addr.n; i++) /* those of the environment stand in the list itself */
        if (r->addr.item[i] >= r->addr.text && r->addr.item[i] < r->addr.text + sizeof r->addr.text)
            c->addr.item[i] = c->addr.text + (r->addr.item[i] - r->addr.text);
    c->tls = (pf_tls_config){.cert = *r->tls_cert ? r->tls_cert : NULL,
                             .key = *r->tls_key ? r->tls_key : NULL,
                             .client_ca = *r->tls_client_ca ? r->tls_client_ca : NULL};
    c->http.header_max = (size_t)r->header_max;
    c->http.header_timeout = r->header_timeout;
    c->http.body_timeout = r->body_timeout;
    c->http.write_timeout = r->write_timeout;
    c->http.idle_timeout = r->idle_timeout;

    c->api = pf_api_config_default();
    c->api.max_body = (size_t)r->max_body;
    c->api.max_inflated = (size_t)r->max_inflated;
    c->api.query_max_memory = (size_t)r->query_memory;
    c->api.query_timeout = r->query_timeout;
    c->api.base_path = c->base_path;
    c->api.source_url = *r->source_url ? r->source_url : NULL;
    c->api.access_log_fd = r->log_access ? STDOUT_FILENO : -1;

    c->local = pf_local_config_default();
    c->local.dir = r->dir;
    c->local.data_ttl = r->data_ttl;
    c->local.max_size = r->max_size;
    c->local.min_free = r->min_free;
    c->local.max_series = r->max_series;
    c->local.cache_size = (size_t)r->cache_size;
    c->local.readers = (size_t)r->workers;
    c->local.symbols_memory = (size_t)r->symbols_memory;
}

static void warn_ignored(const pf_flags *f)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->list[i].set && f->list[i].kind == PF_FLAG_IGNORED)
            PF_LOG_WARN("a flag of the original server does nothing here",
                        PF_S("flag", f->list[i].name));
}

pf_code pf_config_read(pf_config *c, int argc, char **argv, pf_error *err)
{
    raw r = raw_defaults();
    pf_flag list[FLAGS_MAX];
    pf_flags flags = {.program = "profefe", .env_prefix = "PROFEFE_", .list = list};
    flags.n = flag_table(&r, list);
    memset(c, 0, sizeof *c);
    pf_code code = pf_flags_parse(&flags, argc, argv, err);
    c->help = flags.help;
    c->version = r.version;
    if (code || c->help || c->version)
        return code;
    if (flags.nrest)
        return pf_fail(err, PF_INVALID, "unexpected argument \"%s\" (-help lists the flags)",
                       flags.rest[0]);
    if ((code = setup_log(&r, err)))
        return code;
    warn_ignored(&flags);
    if ((code = choose_storage(&r, &flags, err)) || (code = check_ranges(&r, err)) ||
        (code = take_base_path(&r, c, err)) || (code = check_source_url(&r, err)) ||
        (code = check_tls(&r, err)))
        return code;
    fill(&r, c);
    return PF_OK;
}

void pf_config_print_help(FILE *out)
{
    raw r = raw_defaults();
    pf_flag list[FLAGS_MAX];
    pf_flags flags = {.program = "profefe", .env_prefix = "PROFEFE_", .list = list};
    flags.n = flag_table(&r, list);
    fputs("profefe, a repository for pprof profiles.\n\n"
          "  profefe [flags]\n\n"
          "A flag that is not given is read from the environment: -local.dir from "
          "PROFEFE_LOCAL_DIR.\n"
          "Sizes are written 1048576, 64MiB or 1GB, durations 300ms, 1h30m or 7d.\n",
          out);
    pf_flags_print(&flags, out);
}
