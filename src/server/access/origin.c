#include "server/access/origin.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOSTS_FLAG "-http.hosts"
#define ORIGINS_FLAG "-http.cors-origins"

enum {
    NAME_MAX_BYTES = 253,   /* of a host name: RFC 1035 */
    ORIGIN_MAX_BYTES = 320, /* of an origin in the flag: scheme, name, port */
    SHOWN_MAX = 200,        /* bytes of a header's value in a message */
};

struct pf_origin_rules {
    char
        *hosts[PF_ORIGIN_LIST_MAX]; /* "name" or "*.name", lower case, without port and final dot */
    size_t nhosts;
    char *
        origins[PF_ORIGIN_LIST_MAX]; /* as browsers write them: lower case, no port of the scheme */
    size_t norigins;
    bool any_origin;
};

/* ---- Hosts and origins, taken apart */

typedef struct authority {
    pf_str host; /* without final dot; an IPv6 address with its brackets */
    pf_str port; /* digits, or empty */
} authority;

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 32) : c;
}

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z');
}

static pf_str from(pf_str s, size_t at)
{
    return (pf_str){s.p + at, s.n - at};
}

static bool is_port(pf_str s)
{
    int64_t n;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return s.n && s.n <= 5 && pf_str_to_i64(s, &n) && n <= 65535;
}

/* "name", "name.:80", "[::1]:80", "name:" (RFC 3986 3.2.3); false on anything else. */
static bool split_authority(pf_str s, authority *out)
{
    size_t n = 0;
    *out = (authority){0};
    if (s.n && s.p[0] == '[') {
        while (n < s.n && s.p[n] != ']')
            n++;
        if (n++ == s.n)
            return false;
    } else {
        while (n < s.n && s.p[n] != ':')
            n++;
    }
    out->host = (pf_str){s.p, n};
    if (n > 1 && s.p[n - 1] == '.')
        out->host.n--;
    if (n == s.n)
        return n > 0;
    out->port = from(s, n + 1);
    return n > 0 && s.p[n] == ':' && (!out->port.n || is_port(out->port));
}

static bool is_address(pf_str host)
{
    char text[INET6_ADDRSTRLEN];
    unsigned char bytes[16];
    bool six = host.n > 2 && host.p[0] == '[';
    if (six) {
        pf_str zone;
        pf_str_cut((pf_str){host.p + 1, host.n - 2}, '%', &host, &zone);
    }
    if (!host.n || host.n >= sizeof text || memchr(host.p, 0, host.n))
        return false;
    memcpy(text, host.p, host.n);
    text[host.n] = 0;
    return inet_pton(six ? AF_INET6 : AF_INET, text, bytes) == 1;
}

static bool is_name(pf_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_alnum(s.p[i]) && s.p[i] != '-' && s.p[i] != '_' && s.p[i] != '.')
            return false;
    return s.n && s.n <= NAME_MAX_BYTES && s.p[0] != '.';
}

static bool ends_in(pf_str s, pf_str tail)
{
    return s.n > tail.n && pf_str_eq_nocase(from(s, s.n - tail.n), tail);
}

typedef struct origin_parts {
    pf_str scheme;
    authority at;
} origin_parts;

/* "scheme://host[:port]", nothing behind it. */
static bool split_origin(pf_str s, origin_parts *out)
{
    size_t n = 0;
    while (n < s.n &&
           (is_alnum(s.p[n]) || (n && (s.p[n] == '+' || s.p[n] == '-' || s.p[n] == '.'))))
        n++;
    out->scheme = (pf_str){s.p, n};
    return n && n + 3 < s.n && memcmp(s.p + n, "://", 3) == 0 &&
           split_authority(from(s, n + 3), &out->at);
}

static pf_str port_of_scheme(pf_str scheme)
{
    if (pf_str_eq_nocase(scheme, PF_STR("https")))
        return PF_STR("443");
    return pf_str_eq_nocase(scheme, PF_STR("http")) ? PF_STR("80") : PF_STR("");
}

/* ---- The flags */

static char *lower_copy(pf_str s)
{
    char *out = malloc(s.n + 1);
    for (size_t i = 0; out && i < s.n; i++)
        out[i] = lower(s.p[i]);
    if (out)
        out[s.n] = 0;
    return out;
}

static pf_code keep(char **list, size_t *n, char *text, const char *flag, pf_error *err)
{
    if (!text)
        return pf_fail_nomem(err, flag);
    if (*n == PF_ORIGIN_LIST_MAX) {
        free(text);
        return pf_fail_param(err, PF_INVALID, flag, "%s has more than %d entries", flag,
                             PF_ORIGIN_LIST_MAX);
    }
    list[(*n)++] = text;
    return PF_OK;
}

static pf_code add_host(pf_origin_rules *r, pf_str item, pf_error *err)
{
    authority a;
    bool below = pf_str_has_prefix(item, PF_STR("*."));
    pf_str rest = below ? from(item, 2) : item;
    bool fine = split_authority(rest, &a) &&
                (is_name(a.host) || (!below && rest.p[0] == '[' && is_address(a.host)));
    if (!fine)
        return pf_fail_param(err, PF_INVALID, HOSTS_FLAG,
                             HOSTS_FLAG
                             ": \"%.*s\" is no host name: name, or *.name for all below it",
                             PF_FMT(item));
    pf_str kept = {item.p, (size_t)(a.host.p + a.host.n - item.p)};
    return keep(r->hosts, &r->nhosts, lower_copy(kept), HOSTS_FLAG, err);
}

static pf_code add_origin(pf_origin_rules *r, pf_str item, pf_error *err)
{
    origin_parts o;
    if (pf_str_eq(item, PF_STR("*"))) {
        r->any_origin = true;
        return PF_OK;
    }
    if (!split_origin(item, &o) || item.n > ORIGIN_MAX_BYTES || item.p[item.n - 1] == ':' ||
        (!is_name(o.at.host) && !is_address(o.at.host)))
        return pf_fail_param(err, PF_INVALID, ORIGINS_FLAG,
                             ORIGINS_FLAG
                             ": \"%.*s\" is no origin: https://host or https://host:port, nothing "
                             "behind it, or * alone",
                             PF_FMT(item));
    if (pf_str_eq(o.at.port, port_of_scheme(o.scheme)) && o.at.port.n)
        item.n -= o.at.port.n + 1;
    return keep(r->origins, &r->norigins, lower_copy(item), ORIGINS_FLAG, err);
}

static pf_code each_item(pf_origin_rules *r, const char *text, const char *flag,
                         pf_code (*add)(pf_origin_rules *r, pf_str item, pf_error *err),
                         pf_error *err)
{
    pf_str rest = pf_str_trim(pf_str_c(text)), item;
    bool more = rest.n > 0;
    pf_code code = PF_OK;
    while (more && !code) {
        more = pf_str_cut(rest, ',', &item, &rest);
        item = pf_str_trim(item);
        code = item.n ? add(r, item, err)
                      : pf_fail_param(err, PF_INVALID, flag, "%s: \"%s\" has an empty entry", flag,
                                      text);
    }
    return code;
}

pf_code pf_origin_rules_new(const char *hosts, const char *cors, pf_origin_rules **out,
                            pf_error *err)
{
    pf_origin_rules *r = calloc(1, sizeof *r);
    *out = NULL;
    if (!r)
        return pf_fail_nomem(err, "the rules of origins");
    pf_code code = each_item(r, hosts, HOSTS_FLAG, add_host, err);
    if (!code)
        code = each_item(r, cors, ORIGINS_FLAG, add_origin, err);
    if (!code && r->any_origin && r->norigins)
        code = pf_fail_param(err, PF_INVALID, ORIGINS_FLAG,
                             ORIGINS_FLAG ": \"%s\" names origins beside *, which are all of them",
                             cors);
    if (code) {
        pf_origin_rules_free(r);
        return code;
    }
    *out = r;
    return PF_OK;
}

void pf_origin_rules_free(pf_origin_rules *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->nhosts; i++)
        free(r->hosts[i]);
    for (size_t i = 0; i < r->norigins; i++)
        free(r->origins[i]);
    free(r);
}

/* ---- Who this server is */

/* Names that browsers resolve themselves. */
static bool is_local_name(pf_str host)
{
    return pf_str_eq_nocase(host, PF_STR("localhost")) ||
           (is_name(host) && ends_in(host, PF_STR(".localhost")));
}

static bool is_named(const pf_origin_rules *r, pf_str host)
{
    if (!is_name(host))
        return false;
    for (size_t i = 0; i < r->nhosts; i++) {
        pf_str rule = pf_str_c(r->hosts[i]);
        if (rule.p[0] == '*' ? ends_in(host, from(rule, 1)) : pf_str_eq_nocase(host, rule))
            return true;
    }
    return false;
}

static pf_str shown(pf_str s)
{
    return (pf_str){s.p, s.n < SHOWN_MAX ? s.n : SHOWN_MAX};
}

pf_code pf_origin_check_host(const pf_origin_rules *r, const pf_web_request *q, pf_error *err)
{
    authority a;
    if ((!q->on_loopback && !r->nhosts) || (!q->host.n && q->host_lines <= 1))
        return PF_OK;
    if (q->host_lines <= 1 && split_authority(q->host, &a) &&
        (is_address(a.host) || is_local_name(a.host) || is_named(r, a.host)))
        return PF_OK;
    if (q->host_lines > 1)
        return pf_fail(err, PF_MISDIRECTED, "the request names several hosts");
    return pf_fail(err, PF_MISDIRECTED,
                   "this server is not \"%.*s\" (" HOSTS_FLAG " names who it is)",
                   PF_FMT(shown(q->host)));
}

/* ---- Whose page asks */

typedef enum verdict {
    OWN,     /* this server's page, or no browser */
    LINK,    /* somebody followed a link to here */
    ALLOWED, /* by name */
    ANYBODY, /* as everybody is */
    FOREIGN,
} verdict;

static const char *allowed_by(const pf_origin_rules *r, const pf_web_request *q)
{
    for (size_t i = 0; q->origin_lines == 1 && i < r->norigins; i++)
        if (pf_str_eq_nocase(q->origin, pf_str_c(r->origins[i])))
            return r->origins[i];
    return NULL;
}

static bool is_this_server(const pf_web_request *q)
{
    origin_parts o;
    authority own;
    if (!split_origin(q->origin, &o) || !split_authority(q->host, &own) ||
        !pf_str_eq_nocase(o.at.host, own.host))
        return false;
    pf_str usual = port_of_scheme(o.scheme);
    if (!usual.n || (q->is_tls && !pf_str_eq_nocase(o.scheme, PF_STR("https"))))
        return false;
    pf_str asked = o.at.port.n ? o.at.port : usual;
    return own.port.n ? pf_str_eq(asked, own.port) : q->from_proxy || pf_str_eq(asked, usual);
}

static bool is_own(const pf_web_request *q)
{
    if (q->sec_fetch_site.n)
        return pf_str_eq(q->sec_fetch_site, PF_STR("same-origin")) ||
               pf_str_eq(q->sec_fetch_site, PF_STR("none"));
    return !q->origin_lines || is_this_server(q);
}

static bool is_link(const pf_web_request *q)
{
    return (pf_str_eq(q->sec_fetch_site, PF_STR("same-site")) ||
            pf_str_eq(q->sec_fetch_site, PF_STR("cross-site"))) &&
           pf_str_eq(q->sec_fetch_mode, PF_STR("navigate")) &&
           pf_str_eq(q->sec_fetch_dest, PF_STR("document"));
}

static verdict judge(const pf_origin_rules *r, const pf_web_request *q)
{
    if (q->origin_lines > 1)
        return FOREIGN;
    if (q->kind != PF_WEB_PREFLIGHT && is_own(q))
        return OWN;
    if (q->kind == PF_WEB_READ && is_link(q))
        return LINK;
    if (allowed_by(r, q))
        return ALLOWED;
    return r->any_origin && q->origin_lines ? ANYBODY : FOREIGN;
}

pf_web_kind pf_web_kind_of(pf_str method, pf_str origin, pf_str request_method)
{
    if (pf_str_eq(method, PF_STR("OPTIONS")))
        return origin.n && request_method.n ? PF_WEB_PREFLIGHT : PF_WEB_READ;
    bool reads = pf_str_eq(method, PF_STR("GET")) || pf_str_eq(method, PF_STR("HEAD"));
    return reads ? PF_WEB_READ : PF_WEB_WRITE;
}

pf_code pf_origin_check(const pf_origin_rules *r, const pf_web_request *q, pf_error *err)
{
    if (judge(r, q) != FOREIGN)
        return PF_OK;
    if (q->origin_lines > 1)
        return pf_fail(err, PF_FORBIDDEN, "the request names several origins");
    if (!q->origin_lines)
        return pf_fail(
            err, PF_FORBIDDEN,
            "a page of another site may not ask for this (Sec-Fetch-Site: %.*s); " ORIGINS_FLAG
            " allows origins",
            PF_FMT(shown(q->sec_fetch_site)));
    return pf_fail(err, PF_FORBIDDEN,
                   "a page of \"%.*s\" may not ask for this: " ORIGINS_FLAG " does not name it",
                   PF_FMT(shown(q->origin)));
}

bool pf_origin_takes_credentials(const pf_origin_rules *r, const pf_web_request *q)
{
    verdict v = judge(r, q);
    return v == OWN || v == LINK || v == ALLOWED;
}

/* ---- What the answer tells the browser */

void pf_origin_each_header(const pf_origin_rules *r, const pf_web_request *q, pf_origin_put put,
                           void *ctx)
{
    const char *origin = r->any_origin ? "*" : allowed_by(r, q);
    if (r->norigins)
        put(ctx, "Vary", "Origin");
    if (!origin)
        return;
    put(ctx, "Access-Control-Allow-Origin", origin);
    if (!r->any_origin)
        put(ctx, "Access-Control-Allow-Credentials", "true");
    if (q->kind != PF_WEB_PREFLIGHT) {
        put(ctx, "Access-Control-Expose-Headers",
            "X-Request-Id, X-Profefe-Left-Out, X-Go-Pprof, Retry-After, ETag, Location");
        return;
    }
    put(ctx, "Access-Control-Allow-Methods", "GET, HEAD, POST, DELETE");
    put(ctx, "Access-Control-Allow-Headers",
        "Authorization, Content-Type, Content-Encoding, Idempotency-Key, X-Request-Id");
    put(ctx, "Access-Control-Max-Age", "600");
}
