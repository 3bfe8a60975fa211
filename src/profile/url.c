#include "profile/url.h"

#include <string.h>

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

pf_code pf_url_unescape(pf_str s, bool plus_is_space, pf_arena *a, pf_str *out, pf_error *err)
{
    if (!s.n || (!memchr(s.p, '%', s.n) && !(plus_is_space && memchr(s.p, '+', s.n)))) {
        *out = s;
        return PF_OK;
    }
    char *to = pf_arena_alloc(a, s.n);
    if (!to)
        return pf_arena_fail(a, err, "a URL parameter");
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '%') {
            int hi = i + 2 < s.n ? hex(s.p[i + 1]) : -1;
            int lo = i + 2 < s.n ? hex(s.p[i + 2]) : -1;
            if (hi < 0 || lo < 0) {
                pf_str bad = {s.p + i, s.n - i < 3 ? s.n - i : 3};
                return pf_fail(err, PF_INVALID, "invalid URL escape \"%.*s\"", PF_FMT(bad));
            }
            c = (char)(hi << 4 | lo);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        to[n++] = c;
    }
    *out = (pf_str){to, n};
    return PF_OK;
}

pf_code pf_url_param(pf_str query, const char *name, pf_arena *a, pf_str *out, pf_error *err)
{
    *out = (pf_str){NULL, 0};
    while (query.n) {
        pf_str pair, key, value, plain;
        pf_str_cut(query, '&', &pair, &query);
        pf_str_cut(pair, '=', &key, &value);
        pf_error why;
        pf_code code = pf_url_unescape(key, true, a, &plain, NULL);
        if (code && code != PF_INVALID) /* it may be the one that is looked for */
            return pf_arena_fail(a, err, "a URL parameter");
        if (code || !pf_str_eq(plain, pf_str_c(name)))
            continue;
        code = pf_url_unescape(value, true, a, out, &why);
        if (code == PF_INVALID)
            return pf_fail(err, code, "bad \"%s\" \"%.*s\": %s", name,
                           PF_FMT(((pf_str){value.p, value.n < 200 ? value.n : 200})), why.msg);
        return code ? pf_arena_fail(a, err, "a URL parameter") : PF_OK;
    }
    return PF_OK;
}
