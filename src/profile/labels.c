#include "profile/labels.h"

#include "profile/url.h"

#include <stdlib.h>
#include <string.h>

static int pair_cmp(const void *pa, const void *pb)
{
    const pf_pair *a = pa, *b = pb;
    int c = pf_str_cmp(a->key, b->key);
    return c ? c : pf_str_cmp(a->value, b->value);
}

static pf_code check_text(pf_str s, const char *what, size_t max, pf_error *err)
{
    if (s.n > max)
        return pf_fail(err, PF_INVALID, "a label %s of %zu bytes is over the limit of %zu", what,
                       s.n, max);
    if (!pf_str_is_utf8(s))
        return pf_fail(err, PF_INVALID, "a label %s is not valid UTF-8", what);
    if (pf_str_has_control(s))
        return pf_fail(err, PF_INVALID, "a label %s holds a control character", what);
    return PF_OK;
}

static pf_code parse_pair(pf_str chunk, pf_arena *a, pf_pair *out, pf_error *err)
{
    pf_str key, value;
    pf_str_cut(chunk, '=', &key, &value);
    pf_code code = pf_url_unescape(pf_str_trim(key), true, a, &out->key, err);
    if (!code)
        code = pf_url_unescape(pf_str_trim(value), true, a, &out->value, err);
    if (!code && out->key.n)
        code = check_text(out->key, "key", PF_LABEL_KEY_MAX, err);
    if (!code && out->key.n)
        code = check_text(out->value, "value", PF_LABEL_VALUE_MAX, err);
    return code;
}

static pf_code parse(pf_str text, pf_arena *a, pf_labels *out, pf_error *err)
{
    pf_pair *pairs = pf_arena_array(a, PF_LABELS_MAX, sizeof *pairs);
    if (!pairs)
        return pf_arena_fail(a, err, "labels");
    size_t n = 0;
    for (pf_str rest = text; rest.n;) {
        pf_str chunk;
        pf_str_cut(rest, ',', &chunk, &rest);
        pf_pair pair;
        pf_code code = parse_pair(chunk, a, &pair, err);
        if (code)
            return code;
        if (!pair.key.n)
            continue;
        size_t i = 0;
        while (i < n && pair_cmp(&pairs[i], &pair) != 0)
            i++;
        if (i < n)
            continue; /* an exact repeat */
        if (n == PF_LABELS_MAX)
            return pf_fail(err, PF_INVALID, "more than %d labels", PF_LABELS_MAX);
        pairs[n++] = pair;
    }
    qsort(pairs, n, sizeof *pairs, pair_cmp);
    *out = (pf_labels){pairs, n};
    return PF_OK;
}

pf_code pf_labels_parse(pf_str text, pf_arena *a, pf_labels *out, pf_error *err)
{
    *out = (pf_labels){NULL, 0};
    if (!text.n)
        return PF_OK;
    pf_error why;
    pf_code code = parse(text, a, out, &why);
    if (code == PF_INVALID) {
        pf_str shown = {text.p, text.n < 200 ? text.n : 200};
        return pf_fail(err, code, "bad \"labels\" \"%.*s\": %s", PF_FMT(shown), why.msg);
    }
    return code ? pf_fail(err, code, "%s", why.msg) : PF_OK;
}

/* Both are sorted, so one walk over `have` serves all of `want`. */
bool pf_labels_match(pf_labels have, pf_labels want)
{
    size_t i = 0;
    for (size_t w = 0; w < want.n; w++) {
        int c = -1;
        while (i < have.n && (c = pair_cmp(&have.pairs[i], &want.pairs[w])) < 0)
            i++;
        if (i == have.n || c != 0)
            return false;
    }
    return true;
}

bool pf_labels_eq(pf_labels a, pf_labels b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (pair_cmp(&a.pairs[i], &b.pairs[i]) != 0)
            return false;
    return true;
}

void pf_labels_encode(pf_labels l, pf_buf *out)
{
    for (size_t i = 0; i < l.n; i++) {
        pf_buf_put_varint(out, l.pairs[i].key.n);
        pf_buf_put_str(out, l.pairs[i].key);
        pf_buf_put_varint(out, l.pairs[i].value.n);
        pf_buf_put_str(out, l.pairs[i].value);
    }
}

static bool take_text(const uint8_t **p, const uint8_t *end, pf_str *out)
{
    uint64_t n;
    if (!pf_varint_get(p, end, &n) || n > (uint64_t)(end - *p))
        return false;
    *out = (pf_str){(const char *)*p, n};
    *p += n;
    return true;
}

bool pf_labels_decode(pf_str bytes, pf_arena *a, pf_labels *out)
{
    *out = (pf_labels){NULL, 0};
    if (!bytes.n)
        return true;
    pf_pair *pairs = pf_arena_array(a, PF_LABELS_MAX, sizeof *pairs);
    if (!pairs)
        return false;
    const uint8_t *p = (const uint8_t *)bytes.p, *end = p + bytes.n;
    size_t n = 0;
    for (; p < end; n++)
        if (n == PF_LABELS_MAX || !take_text(&p, end, &pairs[n].key) ||
            !take_text(&p, end, &pairs[n].value))
            return false;
    pf_arena_shrink(a, pairs, PF_LABELS_MAX * sizeof *pairs, n * sizeof *pairs);
    *out = (pf_labels){pairs, n};
    return true;
}
