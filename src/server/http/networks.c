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

bool pf_address_parse(pf_str s, bool port, pf_address *out)
{
    char text[INET6_ADDRSTRLEN];
    struct in_addr v4;
    if (s.n > 1 && s.p[0] == '[') {
        const char *end = memchr(s.p, ']', s.n);
        if (!end || (end + 1 != s.p + s.n && !(port && end[1] == ':')))
            return false;
        s = (pf_str){s.p + 1, (size_t)(end - s.p) - 1};
    } else if (port) {
        pf_str host, rest;
        if (pf_str_cut(s, ':', &host, &rest) && !memchr(rest.p, ':', rest.n))
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

/* Cuts the last element off a list; false when none is left. */
static bool last_of(pf_str *list, char sep, pf_str *out)
{
    if (!list->n)
        return false;
    size_t at = list->n;
    while (at && list->p[at - 1] != sep)
        at--;
    *out = pf_str_trim((pf_str){list->p + at, list->n - at});
    list->n = at ? at - 1 : 0;
    return true;
}

/* The node of `for=` in "for=192.0.2.43;proto=http", "for=\"[2001:db8::1]:80\"". */
static pf_str forwarded_for(pf_str element)
{
    pf_str pair, key, value;
    while (element.n) {
        pf_str_cut(element, ';', &pair, &element);
        pf_str_cut(pf_str_trim(pair), '=', &key, &value);
        if (!pf_str_eq_nocase(key, PF_STR("for")))
            continue;
        if (value.n > 1 && value.p[0] == '"' && value.p[value.n - 1] == '"')
            value = (pf_str){value.p + 1, value.n - 2};
        return value;
    }
    return (pf_str){NULL, 0};
}

bool pf_networks_client(const pf_networks *s, pf_str forwarded, pf_str x_forwarded_for,
                        pf_address *out)
{
    pf_str list = forwarded.n ? forwarded : x_forwarded_for, one;
    bool found = false;
    while (last_of(&list, ',', &one)) {
        pf_address a;
        if (!pf_address_parse(forwarded.n ? forwarded_for(one) : one, true, &a))
            break;
        *out = a;
        found = true;
        if (!pf_networks_have(s, &a))
            break;
    }
    return found;
}
