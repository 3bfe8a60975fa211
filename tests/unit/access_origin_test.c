/* Browsers and whose pages they show: every row of the tables in origin.h, and what the answers tell. */
#include "server/access/origin.h"

#include "base/buf.h"
#include "support/alloc_fault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static pf_origin_rules *rules_of(const char *hosts, const char *cors)
{
    pf_origin_rules *r;
    pf_error err;
    if (pf_origin_rules_new(hosts, cors, &r, &err))
        fail_msg("%s, %s: %s", hosts ? hosts : "none", cors ? cors : "none", err.msg);
    return r;
}

/* ---- Who this server is */

static pf_code check_host(const pf_origin_rules *r, bool on_loopback, const char *host,
                          pf_error *err)
{
    pf_web_request q = {
        .host = pf_str_c(host), .host_lines = host != NULL, .on_loopback = on_loopback};
    return pf_origin_check_host(r, &q, err);
}

static void test_hosts(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        bool own, named; /* without -http.hosts on loopback; with it, everywhere */
    } rows[] = {
        {NULL, true, true},
        {"", true, true},
        {"localhost", true, true},
        {"LocalHost:10100", true, true},
        {"localhost.", true, true},
        {"localhost:", true, true},
        {"shop.localhost:80", true, true},
        {"a.b.localhost", true, true},
        {"127.0.0.1", true, true},
        {"127.0.0.1:10100", true, true},
        {"10.1.2.3:1", true, true},
        {"[::1]", true, true},
        {"[::1]:10100", true, true},
        {"[fe80::1%25eth0]:1", true, true},
        {"[::ffff:127.0.0.1]", true, true},
        {"profefe.example.org", false, true},
        {"profefe.example.org:8443", false, true},
        {"PROFEFE.example.ORG.", false, true},
        {"one.lan", false, true},
        {"a.b.LAN:1", false, true},
        {"lan", false, false},
        {".lan", false, false},
        {"xlan", false, false},
        {"evil.example", false, false},
        {"evil.example:10100", false, false},
        {"localhost.evil.example", false, false},
        {"evillocalhost", false, false},
        {".localhost", false, false},
        {"127.0.0.1.evil.example", false, false},
        {"127.0.0.1.nip.io", false, false},
        {"1.2.3", false, false},
        {"256.0.0.1", false, false},
        {"0x7f000001", false, false},
        {"::1", false, false},
        {"[::1", false, false},
        {"[::1]x", false, false},
        {"[]", false, false},
        {"[localhost]", false, false},
        {"localhost:x", false, false},
        {"localhost:80:80", false, false},
        {"localhost:99999", false, false},
        {"localhost,evil.example", false, false},
        {"localhost@evil.example", false, false},
        {"profefe.example.org.evil.example", false, false},
        {"xprofefe.example.org", false, false},
        {"profefe.example.org..", false, false},
        {":80", false, false},
        {"*.lan", false, false},
        {"user@one.lan", false, false},
        {"user@shop.localhost", false, false},
        {"\xff\xfe", false, false},
    };
    pf_origin_rules *none = rules_of(NULL, NULL);
    pf_origin_rules *some = rules_of("profefe.example.org:443, *.LAN.", NULL);
    pf_error err;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *host = rows[i].host;
        pf_code own = rows[i].own ? PF_OK : PF_MISDIRECTED;
        pf_code named = rows[i].named ? PF_OK : PF_MISDIRECTED;
        if (check_host(none, true, host, &err) != own || check_host(none, false, host, &err) ||
            check_host(some, true, host, &err) != named ||
            check_host(some, false, host, &err) != named)
            fail_msg("Host: %s", host ? host : "none");
    }
    pf_origin_rules_free(none);
    pf_origin_rules_free(some);
}

static void test_several_hosts(void **state)
{
    (void)state;
    pf_origin_rules *r = rules_of(NULL, NULL);
    pf_error err;
    pf_web_request q = {.host = PF_STR("localhost"), .host_lines = 2};
    assert_int_equal(pf_origin_check_host(r, &q, &err), PF_OK);
    q.on_loopback = true;
    assert_int_equal(pf_origin_check_host(r, &q, &err), PF_MISDIRECTED);
    assert_string_equal(err.msg, "the request names several hosts");
    q.host = PF_STR("");
    assert_int_equal(pf_origin_check_host(r, &q, &err), PF_MISDIRECTED);
    pf_origin_rules_free(r);
}

static void test_hosts_with_a_nul(void **state)
{
    (void)state;
    static const pf_str hosts[] = {PF_STR("127.0.0.1\0"), PF_STR("127.0.0.1\0.evil.example"),
                                   PF_STR("[::1\0]"), PF_STR("localhost\0"), PF_STR("\0")};
    pf_origin_rules *r = rules_of(NULL, NULL);
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        pf_web_request q = {.host = hosts[i], .host_lines = 1, .on_loopback = true};
        if (pf_origin_check_host(r, &q, NULL) != PF_MISDIRECTED)
            fail_msg("host %zu", i);
    }
    pf_origin_rules_free(r);
}

static void test_a_wrong_host_is_named(void **state)
{
    (void)state;
    pf_origin_rules *r = rules_of("", "");
    pf_error err;
    char longest[4096];
    assert_int_equal(check_host(r, true, "evil.example", &err), PF_MISDIRECTED);
    assert_string_equal(err.msg,
                        "this server is not \"evil.example\" (-http.hosts names who it is)");
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = 0;
    assert_int_equal(check_host(r, true, longest, &err), PF_MISDIRECTED);
    assert_non_null(strstr(err.msg, "xxx\" (-http.hosts names who it is)"));
    pf_origin_rules_free(r);
}

/* ---- Whose page asks */

enum { READ = PF_WEB_READ, WRITE = PF_WEB_WRITE, PRE = PF_WEB_PREFLIGHT, BOTH = -1 };

typedef struct row {
    int kind;
    const char *site, *mode, *dest, *origin;
    /* Who may with no origins allowed, with GRAFANA, with "*": '-' nobody, 'c' with what the browser adds, 'b' bare. */
    const char *may;
} row;

#define GRAFANA "https://grafana.example.org"
#define EVIL "https://evil.example"

static const row rows[] = {
    /* no browser, or an old one */
    {BOTH, "", "", "", NULL, "ccc"},
    /* this server's own page */
    {BOTH, "same-origin", "cors", "empty", "http://here:10100", "ccc"},
    {BOTH, "same-origin", "cors", "empty", NULL, "ccc"},
    {BOTH, "same-origin", "navigate", "document", "null", "ccc"},
    /* typed in, a bookmark */
    {BOTH, "none", "navigate", "document", NULL, "ccc"},
    /* a link */
    {READ, "cross-site", "navigate", "document", NULL, "ccc"},
    {READ, "same-site", "navigate", "document", NULL, "ccc"},
    {WRITE, "cross-site", "navigate", "document", EVIL, "--b"},
    {WRITE, "cross-site", "navigate", "document", "null", "--b"},
    {WRITE, "cross-site", "navigate", "document", NULL, "---"},
    {WRITE, "same-site", "navigate", "document", GRAFANA, "-cb"},
    /* frames and their like */
    {READ, "cross-site", "navigate", "iframe", NULL, "---"},
    {READ, "cross-site", "navigate", "frame", NULL, "---"},
    {READ, "cross-site", "navigate", "embed", NULL, "---"},
    {READ, "cross-site", "navigate", "object", NULL, "---"},
    {READ, "same-site", "navigate", "iframe", NULL, "---"},
    {READ, "cross-site", "navigate", "", NULL, "---"},
    /* what a page loads */
    {READ, "cross-site", "no-cors", "image", NULL, "---"},
    {READ, "cross-site", "no-cors", "script", NULL, "---"},
    {READ, "cross-site", "no-cors", "document", NULL, "---"},
    {READ, "cross-site", "", "", NULL, "---"},
    {READ, "same-site", "no-cors", "image", NULL, "---"},
    {READ, "cross-site", "cors", "empty", EVIL, "--b"},
    {READ, "cross-site", "cors", "empty", GRAFANA, "-cb"},
    {READ, "same-site", "cors", "empty", GRAFANA, "-cb"},
    {WRITE, "cross-site", "cors", "empty", EVIL, "--b"},
    {WRITE, "cross-site", "no-cors", "empty", EVIL, "--b"},
    {WRITE, "cross-site", "no-cors", "empty", GRAFANA, "-cb"},
    {WRITE, "same-site", "cors", "empty", GRAFANA, "-cb"},
    {WRITE, "same-site", "cors", "empty", "http://here:3000", "--b"},
    /* what no browser says stands for the worst */
    {BOTH, "Same-Origin", "cors", "empty", NULL, "---"},
    {BOTH, "nonsense", "navigate", "document", NULL, "---"},
    {BOTH, "same-origin, none", "cors", "empty", GRAFANA, "-cb"},
    /* Origin alone; the Host is here:10100, in clear text */
    {BOTH, "", "", "", "http://here:10100", "ccc"},
    {BOTH, "", "", "", "https://here:10100", "ccc"},
    {BOTH, "", "", "", "http://HERE.:10100", "ccc"},
    {BOTH, "", "", "", "http://here", "--b"},
    {BOTH, "", "", "", "https://here", "--b"},
    {BOTH, "", "", "", "http://here:3000", "--b"},
    {BOTH, "", "", "", "ftp://here:10100", "--b"},
    {BOTH, "", "", "", "http://here:10100/", "--b"},
    {BOTH, "", "", "", "http://here:10100@evil.example", "--b"},
    {BOTH, "", "", "", "here:10100", "--b"},
    {BOTH, "", "", "", "http://xhere:10100", "--b"},
    {BOTH, "", "", "", "null", "--b"},
    {BOTH, "", "", "", "", "--b"},
    {BOTH, "", "navigate", "document", EVIL, "--b"},
    {BOTH, "", "", "", GRAFANA, "-cb"},
    {BOTH, "", "", "", "https://Grafana.Example.org", "-cb"},
    {BOTH, "", "", "", "http://grafana.example.org", "--b"},
    {BOTH, "", "", "", GRAFANA ":8443", "--b"},
    {BOTH, "", "", "", GRAFANA ".evil.example", "--b"},
    /* preflights */
    {PRE, "cross-site", "cors", "empty", GRAFANA, "-cb"},
    {PRE, "same-site", "cors", "empty", GRAFANA, "-cb"},
    {PRE, "", "", "", GRAFANA, "-cb"},
    {PRE, "cross-site", "cors", "empty", EVIL, "--b"},
    {PRE, "same-origin", "cors", "empty", EVIL, "--b"},
    {PRE, "", "", "", "http://here:10100", "--b"},
    {PRE, "", "", "", "null", "--b"},
    {PRE, "cross-site", "navigate", "document", EVIL, "--b"},
};

static pf_web_request request_of(const row *r, pf_web_kind kind)
{
    return (pf_web_request){
        .kind = kind,
        .host = PF_STR("here:10100"),
        .host_lines = 1,
        .origin = pf_str_c(r->origin),
        .origin_lines = r->origin != NULL,
        .sec_fetch_site = pf_str_c(r->site),
        .sec_fetch_mode = pf_str_c(r->mode),
        .sec_fetch_dest = pf_str_c(r->dest),
    };
}

static char may(const pf_origin_rules *r, const pf_web_request *q)
{
    pf_error err;
    pf_code code = pf_origin_check(r, q, &err);
    if (code) {
        assert_int_equal(code, PF_FORBIDDEN);
        return pf_origin_takes_credentials(r, q) ? '?' : '-';
    }
    return pf_origin_takes_credentials(r, q) ? 'c' : 'b';
}

static void test_whose_page_asks(void **state)
{
    (void)state;
    pf_origin_rules *rules[] = {rules_of(NULL, NULL), rules_of(NULL, "http://x, " GRAFANA),
                                rules_of(NULL, "*")};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int kind = READ; kind <= PRE; kind++)
            for (int k = 0; k < 3; k++) {
                if (kind != rows[i].kind && (rows[i].kind != BOTH || kind == PRE))
                    continue;
                pf_web_request q = request_of(&rows[i], (pf_web_kind)kind);
                char got = may(rules[k], &q);
                if (got != rows[i].may[k])
                    fail_msg("row %zu (kind %d, %s, %s, %s, %s), rules %d: %c, not %c", i, kind,
                             rows[i].site, rows[i].mode, rows[i].dest,
                             rows[i].origin ? rows[i].origin : "none", k, got, rows[i].may[k]);
            }
    for (int k = 0; k < 3; k++)
        pf_origin_rules_free(rules[k]);
}

/* A proxy may end TLS, and may drop the port. */
static void test_which_origin_is_this_server(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        bool is_tls;
        const char *origin;
        enum { NEVER, BY_PROXY, ALWAYS } own;
    } list[] = {
        {"here", false, "http://here", ALWAYS},
        {"here", false, "http://here:80", ALWAYS},
        {"here", false, "http://here:8000", BY_PROXY},
        {"here", false, "https://here", ALWAYS},
        {"here", false, "https://here:8443", BY_PROXY},
        {"here:80", false, "http://here", ALWAYS},
        {"here:80", false, "https://here", NEVER},
        {"here:443", false, "https://here", ALWAYS},
        {"here:443", true, "https://here", ALWAYS},
        {"here:443", false, "http://here", NEVER},
        {"here:", false, "http://here:1", BY_PROXY},
        {"here", true, "https://here", ALWAYS},
        {"here", true, "https://here:8443", BY_PROXY},
        {"here", true, "http://here", NEVER},
        {"here:8443", true, "https://here:8443", ALWAYS},
        {"here:8443", true, "http://here:8443", NEVER},
        {"here:8443", true, "https://here", NEVER},
        {"[::1]:8443", true, "https://[::1]:8443", ALWAYS},
        {"[::1]:8443", true, "https://[::2]:8443", NEVER},
        {"127.0.0.1:10100", false, "http://localhost:10100", NEVER},
        {"", false, "http://here", NEVER},
        {"", false, "null", NEVER},
        {"null", false, "null", NEVER},
        {"here here", false, "http://here", NEVER},
    };
    pf_origin_rules *r = rules_of(NULL, NULL);
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        pf_web_request q = {.kind = PF_WEB_WRITE,
                            .host = pf_str_c(list[i].host),
                            .host_lines = 1,
                            .origin = pf_str_c(list[i].origin),
                            .origin_lines = 1,
                            .is_tls = list[i].is_tls};
        if (may(r, &q) != (list[i].own == ALWAYS ? 'c' : '-'))
            fail_msg("%s at %s", list[i].origin, list[i].host);
        q.from_proxy = true;
        if (may(r, &q) != (list[i].own ? 'c' : '-'))
            fail_msg("%s at %s by a proxy", list[i].origin, list[i].host);
    }
    pf_origin_rules_free(r);
}

static void test_several_origins(void **state)
{
    (void)state;
    pf_origin_rules *rules[] = {rules_of(NULL, GRAFANA), rules_of(NULL, "*")};
    pf_error err;
    for (int k = 0; k < 2; k++) {
        for (int kind = READ; kind <= PRE; kind++) {
            pf_web_request q = {.kind = (pf_web_kind)kind,
                                .origin = PF_STR(GRAFANA),
                                .origin_lines = 2,
                                .sec_fetch_site = PF_STR("same-origin")};
            assert_int_equal(pf_origin_check(rules[k], &q, &err), PF_FORBIDDEN);
            assert_string_equal(err.msg, "the request names several origins");
            assert_false(pf_origin_takes_credentials(rules[k], &q));
        }
        pf_origin_rules_free(rules[k]);
    }
}

static void test_the_origin_is_named(void **state)
{
    (void)state;
    pf_origin_rules *r = rules_of(NULL, GRAFANA);
    pf_error err;
    char longest[4096];
    pf_web_request q = {.kind = PF_WEB_WRITE, .origin = PF_STR(EVIL), .origin_lines = 1};
    assert_int_equal(pf_origin_check(r, &q, &err), PF_FORBIDDEN);
    assert_string_equal(err.msg, "a page of \"" EVIL "\" may not ask for this: "
                                 "-http.cors-origins does not name it");
    memset(longest, 'x', sizeof longest);
    q.origin = (pf_str){longest, sizeof longest};
    assert_int_equal(pf_origin_check(r, &q, &err), PF_FORBIDDEN);
    assert_non_null(strstr(err.msg, "xxx\" may not ask for this: -http.cors-origins does"));
    q = (pf_web_request){.kind = PF_WEB_READ, .sec_fetch_site = PF_STR("cross-site")};
    assert_int_equal(pf_origin_check(r, &q, &err), PF_FORBIDDEN);
    assert_string_equal(err.msg, "a page of another site may not ask for this (Sec-Fetch-Site: "
                                 "cross-site); -http.cors-origins allows origins");
    pf_origin_rules_free(r);
}

static void test_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *method, *origin, *request_method;
        pf_web_kind kind;
    } list[] = {
        {"GET", "", "", PF_WEB_READ},        {"HEAD", EVIL, "POST", PF_WEB_READ},
        {"POST", "", "", PF_WEB_WRITE},      {"DELETE", "", "", PF_WEB_WRITE},
        {"PUT", "", "", PF_WEB_WRITE},       {"get", "", "", PF_WEB_WRITE},
        {"OPTIONS", "", "", PF_WEB_READ},    {"OPTIONS", EVIL, "", PF_WEB_READ},
        {"OPTIONS", "", "GET", PF_WEB_READ}, {"OPTIONS", EVIL, "GET", PF_WEB_PREFLIGHT},
        {"BREW", EVIL, "GET", PF_WEB_WRITE}, {"", "", "", PF_WEB_WRITE},
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        assert_int_equal(pf_web_kind_of(pf_str_c(list[i].method), pf_str_c(list[i].origin),
                                        pf_str_c(list[i].request_method)),
                         list[i].kind);
}

/* ---- What the answer tells the browser */

static void put(void *ctx, const char *name, const char *value)
{
    pf_buf_printf(ctx, "%s: %s\n", name, value);
}

static void assert_headers(const pf_origin_rules *r, pf_web_kind kind, const char *origin,
                           const char *wanted)
{
    pf_buf b = PF_BUF_INIT;
    pf_web_request q = {.kind = kind, .origin = pf_str_c(origin), .origin_lines = origin != NULL};
    pf_origin_each_header(r, &q, put, &b);
    pf_buf_putc(&b, 0);
    assert_string_equal(b.data, wanted);
    pf_buf_free(&b);
}

#define EXPOSED                                                                                    \
    "Access-Control-Expose-Headers: X-Request-Id, X-Profefe-Left-Out, X-Go-Pprof, Retry-After, "   \
    "ETag, Location\n"
#define PREFLIGHT                                                                                  \
    "Access-Control-Allow-Methods: GET, HEAD, POST, DELETE\n"                                      \
    "Access-Control-Allow-Headers: Authorization, Content-Type, Content-Encoding, "                \
    "Idempotency-Key, X-Request-Id\nAccess-Control-Max-Age: 600\n"
#define NAMED                                                                                      \
    "Vary: Origin\nAccess-Control-Allow-Origin: " GRAFANA                                          \
    "\nAccess-Control-Allow-Credentials: true\n"
#define ANY "Access-Control-Allow-Origin: *\n"

static void test_headers(void **state)
{
    (void)state;
    pf_origin_rules *none = rules_of("a", ""), *some = rules_of("", "http://x," GRAFANA ":443 "),
                    *any = rules_of("", " * ");
    assert_headers(none, PF_WEB_READ, GRAFANA, "");
    assert_headers(none, PF_WEB_PREFLIGHT, GRAFANA, "");
    assert_headers(some, PF_WEB_READ, GRAFANA, NAMED EXPOSED);
    assert_headers(some, PF_WEB_READ, "https://GRAFANA.example.org", NAMED EXPOSED);
    assert_headers(some, PF_WEB_WRITE, GRAFANA, NAMED EXPOSED);
    assert_headers(some, PF_WEB_PREFLIGHT, GRAFANA, NAMED PREFLIGHT);
    assert_headers(some, PF_WEB_READ, EVIL, "Vary: Origin\n");
    assert_headers(some, PF_WEB_PREFLIGHT, EVIL, "Vary: Origin\n");
    assert_headers(some, PF_WEB_READ, NULL, "Vary: Origin\n"); /* a cache keeps it apart */
    assert_headers(any, PF_WEB_READ, EVIL, ANY EXPOSED);
    assert_headers(any, PF_WEB_READ, NULL, ANY EXPOSED);
    assert_headers(any, PF_WEB_PREFLIGHT, "null", ANY PREFLIGHT);
    pf_origin_rules_free(none);
    pf_origin_rules_free(some);
    pf_origin_rules_free(any);
}

/* ---- The flags */

static void assert_bad(const char *hosts, const char *cors, const char *wrong)
{
    pf_origin_rules *r = (pf_origin_rules *)1;
    pf_error err = {0};
    const char *flag = hosts ? "-http.hosts" : "-http.cors-origins";
    if (pf_origin_rules_new(hosts, cors, &r, &err) != PF_INVALID || r || !err.param ||
        strcmp(err.param, flag) != 0 || !strstr(err.msg, flag) || !strstr(err.msg, wrong))
        fail_msg("%s, %s: %s", hosts ? hosts : "none", cors ? cors : "none", err.msg);
}

static void test_bad_flags(void **state)
{
    (void)state;
    static const char *const hosts[] = {"https://x", "x/y", "*",     "*.",      "**.x", "x.*",
                                        "a b",       "x:y", "x:1:2", "[::1",    "::1",  "[x]",
                                        "*.[::1]",   ":80", ".x",    "x:99999", "x;y",  "user@x"};
    static const char *const origins[] = {
        "x",           "x:80",       "https://",     "https://x/",
        "https://x/y", "https://x:", "https://x:y",  "https://*.x",
        "https://*",   "null",       "https://x y",  "https://u@x",
        "://x",        "-a://x",     "https://[::1", "https://x:99999",
        "https:/x",    "https://x?y"};
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
        assert_bad(hosts[i], NULL, hosts[i]);
    for (size_t i = 0; i < sizeof origins / sizeof *origins; i++)
        assert_bad(NULL, origins[i], origins[i]);
    assert_bad("a,,b", NULL, "\"a,,b\" has an empty entry");
    assert_bad("a,", NULL, "empty entry");
    assert_bad(NULL, ",", "empty entry");
    assert_bad(NULL, "*," GRAFANA, "\"*," GRAFANA "\"");
    assert_bad(NULL, GRAFANA ", *", "*");
    char longest[400] = "https://";
    memset(longest + 8, 'x', sizeof longest - 9);
    assert_bad(NULL, longest, "xxx");
    assert_bad(longest + 8, NULL, "xxx");
}

static void test_many_in_a_flag(void **state)
{
    (void)state;
    pf_buf hosts = PF_BUF_INIT, cors = PF_BUF_INIT;
    pf_origin_rules *r;
    for (int i = 0; i < PF_ORIGIN_LIST_MAX; i++) {
        pf_buf_printf(&hosts, "%sh%d", i ? "," : "", i);
        pf_buf_printf(&cors, "%shttp://h%d", i ? "," : "", i);
    }
    pf_buf_printf(&hosts, "%c,one-more", 0);
    pf_buf_printf(&cors, "%c,http://one-more", 0);
    r = rules_of(hosts.data, cors.data);
    pf_error err;
    assert_int_equal(check_host(r, true, "h63", &err), PF_OK);
    assert_int_equal(check_host(r, true, "h64", &err), PF_MISDIRECTED);
    pf_origin_rules_free(r);
    *strchr(hosts.data, 0) = ' ';
    *strchr(cors.data, 0) = ' ';
    pf_buf_putc(&hosts, 0);
    pf_buf_putc(&cors, 0);
    assert_bad(hosts.data, NULL, "more than 64");
    assert_bad(NULL, cors.data, "more than 64");
    pf_buf_free(&hosts);
    pf_buf_free(&cors);
}

static void test_without_memory(void **state)
{
    (void)state;
    bool failed = true;
    int n = 0;
    for (; failed; n++) {
        pf_origin_rules *r;
        pf_error err;
        alloc_fault_arm(n);
        pf_code code = pf_origin_rules_new("a,*.b", "https://c,https://d", &r, &err);
        failed = alloc_fault_disarm();
        assert_int_equal(code, failed ? PF_INTERNAL : PF_OK);
        pf_origin_rules_free(r);
    }
    assert_int_equal(n, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_several_hosts),
        cmocka_unit_test(test_hosts_with_a_nul),
        cmocka_unit_test(test_a_wrong_host_is_named),
        cmocka_unit_test(test_whose_page_asks),
        cmocka_unit_test(test_which_origin_is_this_server),
        cmocka_unit_test(test_several_origins),
        cmocka_unit_test(test_the_origin_is_named),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_bad_flags),
        cmocka_unit_test(test_many_in_a_flag),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
