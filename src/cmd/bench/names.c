#include "cmd/bench/names.h"

#include <stdio.h>

#define LENGTH(a) (sizeof(a) / sizeof *(a))

static const char *const std_packages[BENCH_STD_PACKAGES] = {
    "runtime",
    "net/http",
    "runtime/internal/atomic",
    "encoding/json",
    "bytes",
    "strings",
    "io",
    "bufio",
    "compress/flate",
    "reflect",
    "sync",
    "internal/poll",
    "net",
    "sort",
    "strconv",
    "time",
    "context",
    "crypto/tls",
    "database/sql",
    "net/textproto",
    "encoding/binary",
    "unicode/utf8",
    "fmt",
    "math/big",
};

static const char *const owners[] = {"acme",    "northwind", "blueriver", "opentools", "gocore",
                                     "hashlib", "netkit",    "datapath",  "lumen",     "ironbird"};
static const char *const areas[] = {"internal", "pkg", "pkg/server", "internal/storage", "lib"};
static const char *const words[] = {
    "account", "batch",   "block",  "buffer",   "bucket",  "cache",   "cart",   "catalog",
    "chunk",   "client",  "codec",  "column",   "config",  "cursor",  "device", "digest",
    "event",   "feature", "field",  "filter",   "frame",   "gateway", "header", "history",
    "index",   "invoice", "item",   "iterator", "journal", "key",     "label",  "ledger",
    "level",   "limit",   "lookup", "manifest", "matrix",  "message", "metric", "node",
    "offset",  "order",   "packet", "page",     "parser",  "payment", "peer",   "pipeline",
    "pool",    "price",   "query",  "queue",    "range",   "record",  "region", "replica",
    "request", "retry",   "route",  "row",      "schema",  "segment", "series", "session",
    "shard",   "signal",  "slot",   "snapshot", "source",  "span",    "state",  "stream",
    "symbol",  "table",   "tenant", "ticket",   "token",   "topic",   "trace",  "tree",
    "user",    "value",   "vector", "version",  "view",    "wallet",  "window", "writer"};
static const char *const verbs[] = {
    "add",     "append", "apply",  "begin",    "build",   "check",  "close",   "collect", "commit",
    "compare", "copy",   "count",  "decode",   "drop",    "encode", "fetch",   "fill",    "find",
    "flush",   "format", "get",    "grow",     "handle",  "hash",   "init",    "insert",  "join",
    "list",    "load",   "lock",   "make",     "mark",    "match",  "merge",   "next",    "open",
    "parse",   "peek",   "put",    "read",     "release", "reset",  "resolve", "run",     "scan",
    "seek",    "send",   "set",    "skip",     "sort",    "split",  "start",   "store",   "sum",
    "sweep",   "sync",   "update", "validate", "visit",   "write"};

static const char *pick(bench_rng *r, const char *const *list, size_t n)
{
    return list[bench_rng_below(r, (uint32_t)n)];
}

void bench_package_name(bench_rng *r, const char *service, uint32_t n, bench_package *out)
{
    out->std = n < BENCH_STD_PACKAGES;
    if (out->std) {
        snprintf(out->path, sizeof out->path, "%s", std_packages[n]);
        snprintf(out->dir, sizeof out->dir, "/usr/local/go/src/%s", std_packages[n]);
        return;
    }
    const char *word = pick(r, words, LENGTH(words));
    bool own = bench_rng_below(r, 3) > 0;
    if (own) { /* the service's own code, from where it was built */
        const char *area = pick(r, areas, LENGTH(areas));
        snprintf(out->path, sizeof out->path, "github.com/acme/%.32s/%s/%s", service, area, word);
        snprintf(out->dir, sizeof out->dir, "/go/src/github.com/acme/%.32s/%s/%s", service, area,
                 word);
    } else { /* a module that it imports */
        const char *owner = pick(r, owners, LENGTH(owners));
        const char *repo = pick(r, words, LENGTH(words));
        snprintf(out->path, sizeof out->path, "github.com/%s/go-%s/%s", owner, repo, word);
        snprintf(out->dir, sizeof out->dir, "/go/pkg/mod/github.com/%s/go-%s@v1.%u.%u/%s", owner,
                 repo, bench_rng_below(r, 30), bench_rng_below(r, 9), word);
    }
}

static void put_capital(pf_buf *out, const char *word)
{
    pf_buf_putc(out, (char)(word[0] - 'a' + 'A'));
    pf_buf_puts(out, word + 1);
}

/* getRow, DecodePacket, mergeTree2: `serial` gives a number now and then, and when names run out */
static void put_identifier(bench_rng *r, bool exported, uint32_t serial, pf_buf *out)
{
    const char *verb = pick(r, verbs, LENGTH(verbs));
    if (exported)
        put_capital(out, verb);
    else
        pf_buf_puts(out, verb);
    put_capital(out, words[serial % LENGTH(words)]);
    if (serial >= LENGTH(words))
        pf_buf_printf(out, "%u", serial / (unsigned)LENGTH(words));
}

void bench_function_name(bench_rng *r, const bench_package *p, uint32_t serial, pf_buf *out)
{
    pf_buf_puts(out, p->path);
    pf_buf_putc(out, '.');
    uint32_t shape = bench_rng_below(r, 10);
    if (shape < 6) { /* a method */
        const char *type = pick(r, words, LENGTH(words));
        pf_buf_puts(out, shape < 5 ? "(*" : "");
        if (shape & 1)
            put_capital(out, type);
        else
            pf_buf_puts(out, type);
        pf_buf_puts(out, shape < 5 ? ")." : ".");
    }
    put_identifier(r, bench_rng_below(r, 2) == 0, serial, out);
    if (shape == 9)
        pf_buf_printf(out, ".func%u", 1 + bench_rng_below(r, 4));
}

void bench_file_name(const bench_package *p, uint32_t n, pf_buf *out)
{
    pf_hash h = pf_hash_fixed(pf_str_c(p->path));
    pf_buf_printf(out, "%s/%s", p->dir, words[(h.lo + (uint64_t)n * 7) % LENGTH(words)]);
    pf_buf_puts(out, n && n % 5 == 0 ? "_linux.go" : ".go");
}

static const bench_frame request_spine[] = {
    {"net/http.(*conn).serve", "net/http/server.go", 1805, 1991},
    {"net/http.serverHandler.ServeHTTP", "net/http/server.go", 2916, 2947},
    {"net/http.(*ServeMux).ServeHTTP", "net/http/server.go", 2467, 2487},
    {"net/http.HandlerFunc.ServeHTTP", "net/http/server.go", 2108, 2109},
    {"net/http.StripPrefix.func1", "net/http/server.go", 2145, 2152},
    {"net/http.HandlerFunc.ServeHTTP", "net/http/server.go", 2108, 2109},
    {"net/http.(*timeoutHandler).ServeHTTP", "net/http/server.go", 3369, 3391},
    {"net/http.HandlerFunc.ServeHTTP", "net/http/server.go", 2108, 2109},
    {"net/http.MaxBytesHandler.func1", "net/http/server.go", 3561, 3567},
    {"net/http.HandlerFunc.ServeHTTP", "net/http/server.go", 2108, 2109},
    {"net/http.AllowQuerySemicolons.func1", "net/http/server.go", 2973, 2983},
    {"net/http.HandlerFunc.ServeHTTP", "net/http/server.go", 2108, 2109},
    {"net/http.(*ServeMux).ServeHTTP", "net/http/server.go", 2467, 2487},
    {"net/http.HandlerFunc.ServeHTTP", "net/http/server.go", 2108, 2109},
    {"net/http.AllowQuerySemicolons.func1", "net/http/server.go", 2973, 2983},
    {"net/http.HandlerFunc.ServeHTTP", "net/http/server.go", 2108, 2109},
};
static const bench_frame worker_spine[] = {
    {"runtime.main", "runtime/proc.go", 145, 250},
    {"database/sql.(*DB).connectionOpener", "database/sql/sql.go", 1218, 1224},
};
static const bench_frame gc_spine[] = {
    {"runtime.gcBgMarkWorker", "runtime/mgc.go", 1210, 1324},
    {"runtime.systemstack", "runtime/asm_amd64.s", 428, 448},
    {"runtime.gcBgMarkWorker.func2", "runtime/mgc.go", 1305, 1325},
    {"runtime.gcDrain", "runtime/mgcmark.go", 1027, 1069},
};
static const bench_frame sched_spine[] = {
    {"runtime.mcall", "runtime/asm_amd64.s", 400, 425},
};

const bench_frame *bench_spine(bench_class c, uint32_t *n)
{
    static const struct {
        const bench_frame *frames;
        uint32_t n;
    } spines[BENCH_CLASSES] = {
        [BENCH_REQUEST] = {request_spine, LENGTH(request_spine)},
        [BENCH_WORKER] = {worker_spine, LENGTH(worker_spine)},
        [BENCH_GC] = {gc_spine, LENGTH(gc_spine)},
        [BENCH_SCHED] = {sched_spine, LENGTH(sched_spine)},
    };
    *n = spines[c].n;
    return spines[c].frames;
}
