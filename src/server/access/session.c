#include "server/access/session.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>

#define VERSION "1"

static bool sign(const pf_rule *rule, pf_str statement, uint8_t out[static PF_DIGEST])
{
    static const char purpose[] = "profefe session " VERSION;
    uint8_t key[PF_DIGEST];
    bool ok = HMAC(EVP_sha256(), rule->hash, PF_DIGEST, (const unsigned char *)purpose,
                   sizeof purpose - 1, key, NULL) &&
              HMAC(EVP_sha256(), key, PF_DIGEST, (const unsigned char *)statement.p, statement.n,
                   out, NULL);
    OPENSSL_cleanse(key, sizeof key);
    return ok;
}

bool pf_session_sign(const pf_rule *rule, int64_t expires, char out[static PF_SESSION_MAX])
{
    uint8_t signature[PF_DIGEST];
    int n = snprintf(out, PF_SESSION_MAX, VERSION ".%016llx.%lld",
                     (unsigned long long)pf_rule_prefix(rule), (long long)expires);
    if (!sign(rule, (pf_str){out, (size_t)n}, signature))
        return false;
    out[n++] = '.';
    for (size_t i = 0; i < PF_DIGEST; i++)
        n += snprintf(out + n, PF_SESSION_MAX - (size_t)n, "%02x", signature[i]);
    return true;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_hex(pf_str s, uint8_t *out, size_t n)
{
    if (s.n != 2 * n)
        return false;
    for (size_t i = 0; i < n; i++) {
        int high = hex_digit(s.p[2 * i]), low = hex_digit(s.p[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

bool pf_session_read(pf_str value, pf_session *out)
{
    pf_str version, prefix, expires, signature, rest;
    uint8_t bytes[8];
    if (value.n >= PF_SESSION_MAX || !pf_str_cut(value, '.', &version, &rest) ||
        !pf_str_cut(rest, '.', &prefix, &rest) || !pf_str_cut(rest, '.', &expires, &signature))
        return false;
    if (!pf_str_eq(version, PF_STR(VERSION)) || !read_hex(prefix, bytes, sizeof bytes) ||
        !pf_str_to_i64(expires, &out->expires) || !read_hex(signature, out->signature, PF_DIGEST))
        return false;
    out->prefix = 0;
    for (size_t i = 0; i < sizeof bytes; i++)
        out->prefix = out->prefix << 8 | bytes[i];
    out->statement = (pf_str){value.p, value.n - signature.n - 1};
    return true;
}

bool pf_session_check(const pf_session *s, const pf_rule *rule, bool *is_of)
{
    uint8_t right[PF_DIGEST];
    *is_of = false;
    if (!rule->has_hash)
        return true;
    if (!sign(rule, s->statement, right))
        return false;
    *is_of = CRYPTO_memcmp(right, s->signature, PF_DIGEST) == 0;
    return true;
}

bool pf_session_next(pf_str *cookies, pf_str *value)
{
    while (cookies->n) {
        pf_str cookie, name;
        pf_str_cut(*cookies, ';', &cookie, cookies);
        if (pf_str_cut(pf_str_trim(cookie), '=', &name, value) &&
            pf_str_eq(name, PF_STR(PF_SESSION_COOKIE)))
            return true;
    }
    return false;
}
