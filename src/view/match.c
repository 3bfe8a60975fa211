#include "view/match.h"

enum { UNKNOWN = 0, NO = 1, YES = 2, CHECK_EVERY = 64 };

pf_code pf_text_match_init(pf_text_match *m, pf_regex *re, const char *name, const pf_profile *p,
                           const pf_stop *stop, pf_arena *a, pf_error *err)
{
    *m = (pf_text_match){.re = re, .name = name, .p = p, .stop = stop};
    if (re && !(m->known = pf_arena_zalloc(a, p->nstring)))
        return pf_view_nomem(a, err);
    return PF_OK;
}

pf_code pf_text_match_string(pf_text_match *m, uint32_t string, bool *yes, pf_error *err)
{
    *yes = m->known[string] == YES;
    if (m->known[string])
        return PF_OK;
    pf_error why;
    pf_code code = ++m->looked % CHECK_EVERY ? PF_OK : pf_stop_check(m->stop, err);
    if (code)
        return code;
    code = pf_regex_match(m->re, m->p->string[string], yes, &why);
    if (code)
        return pf_fail(err, code, "bad \"%s\": %s", m->name, why.msg);
    m->known[string] = *yes ? YES : NO;
    return PF_OK;
}

pf_code pf_text_match_line(pf_text_match *m, const pf_line *line, bool *yes, pf_error *err)
{
    const pf_function *f = &m->p->function[line->function];
    pf_code code = pf_text_match_string(m, f->name, yes, err);
    return code || *yes ? code : pf_text_match_string(m, f->filename, yes, err);
}

pf_code pf_text_match_binary(pf_text_match *m, const pf_location *loc, bool *yes, pf_error *err)
{
    *yes = false;
    if (loc->mapping == PF_NO_INDEX)
        return PF_OK;
    return pf_text_match_string(m, m->p->mapping[loc->mapping].file, yes, err);
}
