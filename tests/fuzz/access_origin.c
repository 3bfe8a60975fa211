/* Whose page asks: lines of text that are both flags and the headers of a request, behind one of switches. What is let
 * pass must be of one of the few forms that may, told here anew and more roughly. */
#include "server/access/origin.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static pf_str line_of(pf_str *rest)
{
    pf_str line;
    pf_str_cut(*rest, '\n', &line, rest);
    return line;
}

static pf_origin_rules *rules_of(pf_str hosts, pf_str cors)
{
    char text[2][4096] = {{0}};
    pf_origin_rules *r;
    pf_error err = {0};
    if (hosts.n >= sizeof text[0] || cors.n >= sizeof text[1])
        return NULL;
    memcpy(text[0], hosts.n ? hosts.p : "", hosts.n);
    memcpy(text[1], cors.n ? cors.p : "", cors.n);
    pf_code code = pf_origin_rules_new(text[0], text[1], &r, &err);
    check(code == PF_OK || (code == PF_INVALID && err.msg[0] && err.param && !r));
    return r;
}

static bool contains(pf_str s, pf_str part)
{
    for (size_t i = 0; i + part.n <= s.n; i++)
        if (pf_str_eq_nocase((pf_str){s.p + i, part.n}, part))
            return true;
    return false;
}

/* Without rules, on loopback, a name that passes has localhost in it; an address has no letter beyond its hex digits (but
 * in an IPv6 zone). */
static void check_host(const pf_web_request *q)
{
    pf_origin_rules *none = rules_of((pf_str){NULL, 0}, (pf_str){NULL, 0});
    pf_web_request strict = *q;
    strict.on_loopback = true;
    if (!q->host.n || pf_origin_check_host(none, &strict, NULL)) {
        pf_origin_rules_free(none);
        return;
    }
    check(q->host_lines == 1);
    bool local = contains(q->host, PF_STR("localhost"));
    for (size_t i = 0; !local && i < q->host.n && q->host.p[i] != '%'; i++)
        check(q->host.p[i] && strchr("0123456789abcdefABCDEF.:[]", q->host.p[i]));
    strict.on_loopback = false;
    check(pf_origin_check_host(none, &strict, NULL) == PF_OK);
    pf_origin_rules_free(none);
}

static bool says(pf_str s, const char *value)
{
    return pf_str_eq(s, pf_str_c(value));
}

static void check_verdict(const pf_origin_rules *r, const pf_web_request *q, bool any, bool some)
{
    bool passes = !pf_origin_check(r, q, NULL);
    check(passes || !pf_origin_takes_credentials(r, q));
    if (!passes || q->origin_lines > 1) {
        check(!passes);
        return;
    }
    bool foreign = q->sec_fetch_site.n && !says(q->sec_fetch_site, "same-origin") &&
                   !says(q->sec_fetch_site, "none");
    bool link = q->kind == PF_WEB_READ && says(q->sec_fetch_mode, "navigate") &&
                says(q->sec_fetch_dest, "document");
    if (q->kind == PF_WEB_PREFLIGHT || (foreign && !link))
        check((any || some) && q->origin_lines);
    if (any && (foreign || q->kind == PF_WEB_PREFLIGHT) && !link)
        check(!pf_origin_takes_credentials(r, q));
    pf_web_request read = *q;
    read.kind = PF_WEB_READ;
    check(q->kind == PF_WEB_PREFLIGHT || !pf_origin_check(r, &read, NULL));
}

static void check_header(void *ctx, const char *name, const char *value)
{
    const pf_web_request *q = ctx;
    check(!pf_str_has_control(pf_str_c(name)) && !pf_str_has_control(pf_str_c(value)));
    if (strcmp(name, "Access-Control-Allow-Origin") == 0)
        check(strcmp(value, "*") == 0 || pf_str_eq_nocase(pf_str_c(value), q->origin));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pf_str rest = {(const char *)data, size};
    pf_str how = line_of(&rest), hosts = line_of(&rest), cors = line_of(&rest);
    pf_web_request q = {.host = line_of(&rest),
                        .origin = line_of(&rest),
                        .sec_fetch_site = line_of(&rest),
                        .sec_fetch_mode = line_of(&rest),
                        .sec_fetch_dest = line_of(&rest),
                        .on_loopback = contains(how, PF_STR("L")),
                        .is_tls = contains(how, PF_STR("T"))};
    q.host_lines = contains(how, PF_STR("H")) ? 2 : q.host.n > 0;
    q.origin_lines = contains(how, PF_STR("O")) ? 2 : q.origin.n > 0;
    if (memchr(hosts.n ? hosts.p : "", 0, hosts.n) || memchr(cors.n ? cors.p : "", 0, cors.n))
        return 0; /* no flag has them */
    check_host(&q);
    pf_origin_rules *r = rules_of(hosts, cors);
    if (!r)
        return 0;
    pf_str trimmed = pf_str_trim(cors);
    bool any = pf_str_has_prefix(trimmed, PF_STR("*")) || contains(trimmed, PF_STR(",*"));
    pf_origin_check_host(r, &q, NULL);
    for (int kind = PF_WEB_READ; kind <= PF_WEB_PREFLIGHT; kind++) {
        q.kind = (pf_web_kind)kind;
        check_verdict(r, &q, any, trimmed.n > 0);
        pf_origin_each_header(r, &q, check_header, &q);
    }
    pf_origin_rules_free(r);
    return 0;
}
