#include "base/str.h"

#include <string.h>

pf_str pf_str_c(const char *cstr)
{
    return (pf_str){cstr, cstr ? strlen(cstr) : 0};
}

bool pf_str_eq(pf_str a, pf_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static unsigned char fold(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

bool pf_str_eq_nocase(pf_str a, pf_str b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (fold(a.p[i]) != fold(b.p[i]))
            return false;
    return true;
}

int pf_str_cmp(pf_str a, pf_str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

bool pf_str_has_prefix(pf_str s, pf_str prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

pf_str pf_str_trim(pf_str s)
{
    while (s.n && is_space(s.p[0]))
        s.p++, s.n--;
    while (s.n && is_space(s.p[s.n - 1]))
        s.n--;
    return s;
}

bool pf_str_cut(pf_str s, char sep, pf_str *head, pf_str *tail)
{
    const char *at = s.n ? memchr(s.p, sep, s.n) : NULL;
    if (!at) {
        *head = s;
        *tail = (pf_str){NULL, 0};
        return false;
    }
    *head = (pf_str){s.p, (size_t)(at - s.p)};
    *tail = (pf_str){at + 1, s.n - head->n - 1};
    return true;
}

bool pf_str_to_i64(pf_str s, int64_t *out)
{
    size_t i = 0;
    bool neg = false;
    if (s.n && (s.p[0] == '-' || s.p[0] == '+'))
        neg = s.p[i++] == '-';
    if (i == s.n)
        return false;
    int64_t v = 0; /* kept negative: INT64_MIN has no positive twin */
    for (; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_sub_overflow(v, s.p[i] - '0', &v))
            return false;
    }
    if (!neg && v == INT64_MIN)
        return false;
    *out = neg ? v : -v;
    return true;
}

/* Bytes of the character at s.p (code point in *cp), 0 when it is not well formed. */
static size_t utf8_next(pf_str s, uint32_t *cp)
{
    const unsigned char *p = (const unsigned char *)s.p;
    if (p[0] < 0x80) {
        *cp = p[0];
        return 1;
    }
    size_t len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (p[0] < 0xc2 || p[0] > 0xf4 || s.n < len)
        return 0;
    uint32_t c = p[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (p[i] & 0x3f);
    }
    if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return 0;
    *cp = c;
    return len;
}

bool pf_str_is_utf8(pf_str s)
{
    uint32_t cp;
    for (size_t n; s.n; s.p += n, s.n -= n)
        if (!(n = utf8_next(s, &cp)))
            return false;
    return true;
}

uint32_t pf_str_code_point(pf_str s, size_t at, size_t *n)
{
    static const size_t lengths[] = {0, 0, 0, 0, 2, 2, 3, 4}; /* by the high half, from 8 on */
    unsigned char c = (unsigned char)s.p[at];
    *n = 1;
    if (c < 0x80)
        return c;
    *n = lengths[(c >> 4) - 8];
    if (!*n || *n > s.n - at || !pf_str_is_utf8((pf_str){s.p + at, *n})) {
        *n = 1;
        return 0xfffd;
    }
    uint32_t v = c & (0x7fu >> *n);
    for (size_t i = 1; i < *n; i++)
        v = v << 6 | ((unsigned char)s.p[at + i] & 0x3f);
    return v;
}

bool pf_str_has_control(pf_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < 0x20 || c == 0x7f)
            return true;
        if (c == 0xc2 && i + 1 < s.n && (unsigned char)s.p[i + 1] >= 0x80 &&
            (unsigned char)s.p[i + 1] < 0xa0)
            return true;
    }
    return false;
}
