/* The raw target is only cut up here: unescaping is the business of whoever knows what a part means. */
#include "server/http/target.h"

static bool is_alnum(unsigned char c)
{
    return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
}

static bool is_one_of(char c, const char *set)
{
    while (*set && *set != c)
        set++;
    return *set;
}

static bool is_token_char(unsigned char c)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    return is_alnum(c) || is_one_of((char)c, others);
}

bool pf_is_token(pf_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_token_char((unsigned char)s.p[i]))
            return false;
    return s.n > 0;
}

/* Bytes that are a name, or an address in brackets; 0: neither. A comma is legal in names and yet refused: it is how
 * two hosts look when somebody has made one of them. */
static size_t host_bytes(pf_str s)
{
    size_t i = 0;
    if (s.n && s.p[0] == '[') {
        for (i = 1; i < s.n && (is_alnum((unsigned char)s.p[i]) || is_one_of(s.p[i], ":.%-_~"));
             i++)
            ;
        return i > 1 && i < s.n && s.p[i] == ']' ? i + 1 : 0;
    }
    while (i < s.n && (is_alnum((unsigned char)s.p[i]) || is_one_of(s.p[i], "-._~%!$&'()*+;=")))
        i++;
    return i;
}

bool pf_is_authority(pf_str s)
{
    size_t i = host_bytes(s);
    if (!i || (i < s.n && s.p[i++] != ':'))
        return false;
    while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
        i++;
    return i == s.n;
}

/* Cuts "http://authority" off; false when it is no absolute form. What is left of "http://host" and "http://host?q"
 * has an empty path, which stands for "/". */
static bool cut_authority(pf_str *s, pf_str *authority)
{
    static const pf_str schemes[] = {PF_STR("http://"), PF_STR("https://")};
    for (size_t k = 0; k < sizeof schemes / sizeof *schemes; k++) {
        size_t i = schemes[k].n, from = i;
        if (s->n < i || !pf_str_eq_nocase((pf_str){s->p, i}, schemes[k]))
            continue;
        while (i < s->n && s->p[i] != '/' && s->p[i] != '?')
            i++;
        *authority = (pf_str){s->p + from, i - from};
        *s = (pf_str){s->p + i, s->n - i};
        return pf_is_authority(*authority);
    }
    return false;
}

const char *pf_target_split(pf_str method, pf_str target, pf_str *authority, pf_str *path,
                            pf_str *query)
{
    *path = target;
    *authority = *query = (pf_str){NULL, 0};
    for (size_t i = 0; i < target.n; i++) {
        unsigned char c = (unsigned char)target.p[i];
        if (c <= ' ' || c == 0x7f)
            return "the request target holds a space or a control character";
        if (c == '#')
            return "the request target holds a fragment";
    }
    if (pf_str_eq(method, PF_STR("CONNECT")) || pf_str_eq(target, PF_STR("*")))
        return NULL;
    pf_str rest = target;
    bool absolute = false;
    if (!rest.n || (rest.p[0] != '/' && !(absolute = cut_authority(&rest, authority))))
        return "the request target is neither a path nor an http URL";
    pf_str_cut(rest, '?', path, query);
    if (absolute && !path->n)
        *path = PF_STR("/");
    return NULL;
}

void pf_target_unprefix(pf_str *path, pf_str base)
{
    if (!base.n || !pf_str_has_prefix(*path, base))
        return;
    if (path->n == base.n || path->p[base.n] == '/')
        *path = (pf_str){path->p + base.n, path->n - base.n};
}
