#include "profile/matchers.h"

#include "profile/url.h"

typedef struct piece {
    pf_str key, value; /* still escaped */
    bool equal;
    int op;
} piece;

/* True with the operator; a piece without one is a key with an empty value, as pf_labels_parse has it. */
static piece cut(pf_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i], next = i + 1 < s.n ? s.p[i + 1] : 0;
        if (c != '=' && !(c == '!' && (next == '=' || next == '~')))
            continue;
        bool two = c == '!' || next == '~';
        size_t after = i + (two ? 2 : 1);
        piece out = {.key = {s.p, i}, .value = {s.p + after, s.n - after}, .equal = !two};
        if (two)
            out.op = c == '='      ? PF_MATCH_REGEX
                     : next == '=' ? PF_MATCH_NOT_EQUAL
                                   : PF_MATCH_NOT_REGEX;
        return out;
    }
    return (piece){.key = s, .equal = true};
}

static pf_code make(const piece *p, pf_arena *a, pf_matcher *out, pf_error *err)
{
    *out = (pf_matcher){.op = p->op};
    pf_code code = pf_url_unescape(pf_str_trim(p->key), true, a, &out->key, err);
    if (!code) /* a pattern means its '+' */
        code = pf_url_unescape(pf_str_trim(p->value), p->op == PF_MATCH_NOT_EQUAL, a, &out->value,
                               err);
    if (code || p->op == PF_MATCH_NOT_EQUAL)
        return code;
    return pf_regex_new_in(a, out->value, PF_REGEX_WHOLE, &out->re, err);
}

static pf_code parse(pf_str text, pf_arena *a, pf_buf *pairs, pf_matchers *out, pf_error *err)
{
    pf_matcher *list = pf_arena_array(a, PF_LABELS_MAX, sizeof *list);
    if (!list)
        return pf_arena_fail(a, err, "labels");
    size_t n = 0;
    while (text.n) {
        pf_str chunk;
        pf_str_cut(text, ',', &chunk, &text);
        piece p = cut(chunk);
        if (p.equal) {
            if (pairs->len)
                pf_buf_putc(pairs, ',');
            pf_buf_put_str(pairs, chunk);
            continue;
        }
        if (n == PF_LABELS_MAX)
            return pf_fail(err, PF_INVALID, "more than %d matchers", PF_LABELS_MAX);
        pf_code code = make(&p, a, &list[n], err);
        if (code)
            return code;
        n += list[n].key.n > 0;
    }
    *out = (pf_matchers){list, n};
    return pairs->failed ? pf_fail_nomem(err, "labels") : PF_OK;
}

pf_code pf_matchers_parse(const char *name, pf_str text, pf_arena *a, pf_labels *equal,
                          pf_matchers *out, pf_error *err)
{
    *equal = (pf_labels){NULL, 0};
    *out = (pf_matchers){NULL, 0};
    if (!text.n)
        return PF_OK;
    pf_buf pairs = PF_BUF_INIT;
    pf_error why;
    pf_code code = parse(text, a, &pairs, out, &why);
    pf_str kept = {NULL, 0};
    if (!code && pairs.len && !(kept = pf_arena_str(a, pf_buf_str(&pairs))).p)
        code = pf_arena_fail(a, &why, "labels");
    pf_buf_free(&pairs);
    if (code == PF_INVALID)
        return pf_fail(err, code, "bad \"%s\" \"%.*s\": %s", name,
                       PF_FMT(((pf_str){text.p, text.n < 200 ? text.n : 200})), why.msg);
    if (code)
        return pf_fail(err, code, "%s", why.msg);
    return pf_labels_parse(kept, a, equal, err);
}

static bool first_is(const pf_matcher *m, pf_labels have)
{
    for (size_t i = 0; i < have.n; i++)
        if (pf_str_eq(have.pairs[i].key, m->key))
            return m->value.p && pf_str_eq(have.pairs[i].value, m->value);
    return !m->value.p;
}

static pf_code match_one(const pf_matcher *m, pf_labels have, bool *yes, pf_error *err)
{
    bool any = false, found = false;
    pf_code code = PF_OK;
    if (m->op == PF_MATCH_FIRST) {
        *yes = first_is(m, have);
        return PF_OK;
    }
    for (size_t i = 0; !code && !any && i <= have.n; i++) {
        if (i == have.n ? found : !pf_str_eq(have.pairs[i].key, m->key))
            continue;
        found = true;
        pf_str value = i == have.n ? (pf_str){"", 0} : have.pairs[i].value;
        if (m->op == PF_MATCH_NOT_EQUAL)
            any = pf_str_eq(value, m->value);
        else
            code = pf_regex_match(m->re, value, &any, err);
    }
    *yes = any == (m->op == PF_MATCH_REGEX);
    return code;
}

pf_code pf_matchers_match(pf_matchers m, pf_labels have, bool *yes, pf_error *err)
{
    pf_error why;
    *yes = true;
    for (size_t i = 0; *yes && i < m.n; i++) {
        pf_code code = match_one(&m.list[i], have, yes, &why);
        if (code == PF_INVALID)
            return pf_fail(err, code, "bad request: bad \"labels\": %s", why.msg);
        if (code)
            return pf_fail(err, code, "%s", why.msg);
    }
    return PF_OK;
}
