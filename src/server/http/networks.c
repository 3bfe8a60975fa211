#include "server/http/networks.h"

#include <arpa/inet.h>
#include <string.h>

static const uint8_t v4_prefix[12] = {[10] = 0xff, [11] = 0xff};

static bool is_v4(const pf_address *a)
{
    return memcmp(a->byte, v4_prefix, sizeof v4_prefix) == 0;
}

static void set_v4(pf_address *a, const void *four)
{
    memcpy(a->byte, v4_prefix, sizeof v4_prefix);
    memcpy(a->byte + 12, four, 4);
}

bool pf_address_of(const struct sockaddr *sa, pf_address *out)
{
    if (sa->sa_family == AF_INET)
        set_v4(out, &((const struct sockaddr_in *)sa)->sin_addr);
    else if (sa->sa_family == AF_INET6)
        memcpy(out->byte, &((const struct sockaddr_in6 *)sa)->sin6_addr, sizeof out->byte);
    else
        return false;
    return true;
}

static bool is_port(pf_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return s.n > 0 && s.n <= 5;
}

bool pf_address_parse(pf_str s, bool port, pf_address *out)
{
    char text[INET6_ADDRSTRLEN];
    struct in_addr v4;
    pf_str host, rest;
    if (s.n > 1 && s.p[0] == '[') {
        if (!pf_str_cut((pf_str){s.p + 1, s.n - 1}, ']', &host, &rest))
            return false;
        if (rest.n && !(port && rest.p[0] == ':' && is_port((pf_str){rest.p + 1, rest.n - 1})))
            return false;
        s = host;
    } else if (port && pf_str_cut(s, ':', &host, &rest) && is_port(rest) &&
               memchr(host.p, '.', host.n)) {
        s = host;
    }
    if (s.n >= sizeof text || !s.n || memchr(s.p, 0, s.n))
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = 0;
    if (inet_pton(AF_INET, text, &v4) == 1) {
        set_v4(out, &v4);
        return true;
    }
    return inet_pton(AF_INET6, text, out->byte) == 1;
}

void pf_address_format(const pf_address *a, char out[static INET6_ADDRSTRLEN])
{
    if (is_v4(a))
        inet_ntop(AF_INET, a->byte + 12, out, INET6_ADDRSTRLEN);
    else
        inet_ntop(AF_INET6, a->byte, out, INET6_ADDRSTRLEN);
}

bool pf_address_is_loopback(const pf_address *a)
{
    static const uint8_t v6[16] = {[15] = 1};
    return is_v4(a) ? a->byte[12] == 127 : memcmp(a->byte, v6, sizeof v6) == 0;
}

static bool parse_network(pf_str s, pf_network *out)
{
    pf_str address, length;
    int64_t bits = 0;
    bool cut = pf_str_cut(s, '/', &address, &length);
    if (!pf_address_parse(address, false, &out->address))
        return false;
    bool v4 = is_v4(&out->address) && !memchr(address.p, ':', address.n);
    int64_t most = v4 ? 32 : 128;
    if (cut && (!pf_str_to_i64(length, &bits) || bits < 0 || bits > most))
        return false;
    out->bits = (unsigned)((cut ? bits : most) + (v4 ? 96 : 0));
    return true;
}

pf_code pf_networks_parse(pf_networks *s, const char *text, pf_error *err)
{
    *s = (pf_networks){0};
    pf_str rest = pf_str_c(text), one;
    while (rest.n) {
        pf_str_cut(rest, ',', &one, &rest);
        one = pf_str_trim(one);
        if (pf_str_eq(one, PF_STR("unix"))) {
            s->local = true;
            continue;
        }
        if (s->n == PF_NETWORKS_MAX)
            return pf_fail(err, PF_INVALID, "more than %d networks", PF_NETWORKS_MAX);
        if (!parse_network(one, &s->list[s->n++]))
            return pf_fail(
                err, PF_INVALID,
                "\"%.*s\" is neither an address, nor a network like 10.0.0.0/8, nor unix",
                PF_FMT(one));
    }
    return PF_OK;
}

bool pf_networks_have(const pf_networks *s, const pf_address *a)
{
    for (size_t i = 0; i < s->n; i++) {
        const pf_network *net = &s->list[i];
        unsigned whole = net->bits / 8, rest = net->bits % 8;
        if (memcmp(a->byte, net->address.byte, whole) == 0 &&
            (!rest || (a->byte[whole] ^ net->address.byte[whole]) >> (8 - rest) == 0))
            return true;
    }
    return false;
}

/* Cuts the next element off, at a separator that is not within quotes. False: a quote stays open. */
static bool cut_element(pf_str *rest, char sep, bool quotes, pf_str *out)
{
    bool quoted = false;
    size_t i = 0;
    for (; i < rest->n && (quoted || rest->p[i] != sep); i++) {
        if (quoted && rest->p[i] == '\\')
            i++;
        else if (quotes && rest->p[i] == '"')
            quoted = !quoted;
    }
    if (quoted)
        return false;
    *out = pf_str_trim((pf_str){rest->p, i});
    i += i < rest->n;
    *rest = (pf_str){rest->p + i, rest->n - i};
    return true;
}

/* The node of `for=` in "for=192.0.2.43;proto=http", "for=\"[2001:db8::1]:80\"". */
static pf_str node_of(pf_str element)
{
    pf_str pair, key, value;
    while (element.n && cut_element(&element, ';', true, &pair)) {
        pf_str_cut(pair, '=', &key, &value);
        if (!pf_str_eq_nocase(key, PF_STR("for")))
            continue;
        if (value.n > 1 && value.p[0] == '"' && value.p[value.n - 1] == '"')
            value = (pf_str){value.p + 1, value.n - 2};
        return value;
    }
    return (pf_str){NULL, 0};
}

static void follow_one(const pf_networks *s, pf_str node, pf_forwarded *f)
{
    pf_address a;
    if (!pf_address_parse(node, true, &a)) {
        f->named = false;
        return;
    }
    if (!f->named || !pf_networks_have(s, &a))
        f->client = a;
    f->named = true;
}

void pf_networks_follow(const pf_networks *s, pf_str line, bool rfc7239, pf_forwarded *f)
{
    pf_str one;
    f->seen = true;
    while (line.n) {
        if (!cut_element(&line, ',', rfc7239, &one)) {
            f->named = false;
            return;
        }
        if (one.n)
            follow_one(s, rfc7239 ? node_of(one) : one, f);
    }
}

bool pf_forwarded_client(const pf_forwarded *rfc7239, const pf_forwarded *x, pf_address *out)
{
    const pf_forwarded *f = rfc7239->seen ? rfc7239 : x;
    *out = f->client;
    if (!rfc7239->seen || !x->seen)
        return f->named;
    return rfc7239->named && x->named && memcmp(&rfc7239->client, &x->client, sizeof *out) == 0;
}
