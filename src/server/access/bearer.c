#include "server/access/bearer.h"

static int base64_digit(char c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

/* RFC 4648, section 4; the padding may be left out. False: it isn't, or is too long. */
static bool decode_base64(pf_str in, char *out, size_t max, size_t *n)
{
    size_t pads = 0;
    while (pads < 2 && pads < in.n && in.p[in.n - 1 - pads] == '=')
        pads++;
    if (pads && in.n % 4 != 0)
        return false;
    in.n -= pads;
    if (in.n % 4 == 1 || in.n / 4 * 3 + 2 > max)
        return false;
    unsigned bits = 0, held = 0;
    *n = 0;
    for (size_t i = 0; i < in.n; i++) {
        int digit = base64_digit(in.p[i]);
        if (digit < 0)
            return false;
        bits = (bits << 6 | (unsigned)digit) & 0xffffff;
        held += 6;
        if (held >= 8) {
            held -= 8;
            out[(*n)++] = (char)(bits >> held & 0xff);
        }
    }
    return true;
}

static pf_code fail(pf_error *err, const char *why)
{
    return pf_fail(err, PF_UNAUTHENTICATED, "%s", why);
}

static pf_code read_basic(pf_str value, char *buf, pf_str *secret, pf_error *err)
{
    size_t n;
    pf_str user;
    if (!decode_base64(value, buf, PF_BEARER_BUF, &n))
        return fail(err, "bad Authorization: what follows Basic is no base64, or too long");
    if (!pf_str_cut((pf_str){buf, n}, ':', &user, secret))
        return fail(err, "bad Authorization: Basic must hold a user, a colon and a token");
    return PF_OK;
}

pf_code pf_bearer_read(pf_str authorization, char buf[static PF_BEARER_BUF], pf_str *secret,
                       pf_error *err)
{
    pf_str scheme, value;
    pf_code code = PF_OK;
    pf_str_cut(pf_str_trim(authorization), ' ', &scheme, &value);
    value = pf_str_trim(value);
    if (pf_str_eq_nocase(scheme, PF_STR("Bearer")))
        *secret = value;
    else if (pf_str_eq_nocase(scheme, PF_STR("Basic")))
        code = read_basic(value, buf, secret, err);
    else
        return fail(err, "bad Authorization: there are \"Bearer <token>\" and Basic with the token "
                         "as password");
    if (!code && !secret->n)
        return fail(err, "bad Authorization: the token is empty");
    if (!code && secret->n > PF_BEARER_MAX)
        return fail(err, "bad Authorization: the token is longer than 4096 bytes");
    return code;
}
