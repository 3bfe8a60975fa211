/* The raw target is only cut up here: unescaping is the business of whoever knows what a part means. */
#include "server/http/target.h"

static bool is_token_char(unsigned char c)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'))
        return true;
    for (const char *p = others; *p; p++)
        if (c == (unsigned char)*p)
            return true;
    return false;
}

bool pf_is_token(pf_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_token_char((unsigned char)s.p[i]))
            return false;
    return s.n > 0;
}

/* What follows "scheme://authority"; false when it is no absolute form. "http://host" and
 * "http://host?q" have an empty path, which stands for "/". */
static bool skip_authority(pf_str *s)
{
    size_t i = 0;
    while (i < s->n && ((s->p[i] | 32) >= 'a' && (s->p[i] | 32) <= 'z'))
        i++;
    if (!i || s->n - i < 3 || s->p[i] != ':' || s->p[i + 1] != '/' || s->p[i + 2] != '/')
        return false;
    for (i += 3; i < s->n && s->p[i] != '/' && s->p[i] != '?'; i++)
        ;
    *s = (pf_str){s->p + i, s->n - i};
    return true;
}

const char *pf_target_split(pf_str method, pf_str target, pf_str *path, pf_str *query)
{
    *path = target;
    *query = (pf_str){NULL, 0};
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
    if (!rest.n || (rest.p[0] != '/' && !(absolute = skip_authority(&rest))))
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
