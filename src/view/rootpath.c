#include "view/rootpath.h"

#include <stdio.h>
#include <string.h>

enum { CHECK_EVERY = 1024 };

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    char lower = (char)(c | 32);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* %xx undone; an escape that can't be undone stays as it is. */
static pf_str unescape(pf_str s, pf_arena *a)
{
    char *out = pf_arena_alloc(a, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; out && i < s.n; i++) {
        int hi = s.p[i] == '%' && i + 2 < s.n ? hex(s.p[i + 1]) : -1;
        int lo = hi >= 0 ? hex(s.p[i + 2]) : -1;
        out[n++] = lo >= 0 ? (char)(hi << 4 | lo) : s.p[i];
        i += lo >= 0 ? 2 : 0;
    }
    return (pf_str){out, n};
}

/* Names that are not UTF-8 are shown with U+FFFD, so that is how they come back. */
static bool same_name(pf_str shown, pf_str name, pf_buf *scratch)
{
    if (pf_str_eq(shown, name))
        return true;
    if (pf_str_is_utf8(name))
        return false;
    pf_buf_clear(scratch);
    pf_buf_put_json(scratch, name);
    pf_buf quoted = PF_BUF_INIT;
    pf_buf_put_json(&quoted, shown);
    bool same =
        !scratch->failed && !quoted.failed && pf_str_eq(pf_buf_str(scratch), pf_buf_str(&quoted));
    pf_buf_free(&quoted);
    return same;
}

static bool is_meant(pf_str wanted, const pf_frame *f, pf_buf *scratch)
{
    if (same_name(wanted, f->name, scratch))
        return true;
    if (!f->line && !f->address)
        return false;
    pf_buf_clear(scratch);
    pf_frame_put_label(f, scratch);
    return !scratch->failed && pf_str_eq(wanted, pf_buf_str(scratch));
}

static pf_code mark(pf_root_path *r, uint32_t element, pf_str wanted, const pf_view *v,
                    pf_error *err)
{
    pf_buf scratch = PF_BUF_INIT;
    pf_code code = PF_OK;
    for (uint32_t i = 0; i < v->frames.n && !code; i++) {
        if (i % CHECK_EVERY == 0)
            code = pf_stop_check(&v->stop, err);
        if (!code && is_meant(wanted, &v->frames.frame[i], &scratch))
            r->has[element * r->row + i / 8] |= (uint8_t)(1 << i % 8);
    }
    pf_buf_free(&scratch);
    return code;
}

static pf_code make_rows(pf_root_path *r, size_t n, const pf_view *v, pf_error *err)
{
    r->row = ((size_t)v->frames.n + 7) / 8;
    r->has =
        n <= UINT32_MAX && n * r->row / n == r->row ? pf_arena_zalloc(v->arena, n * r->row) : NULL;
    return r->has ? PF_OK : pf_view_nomem(v->arena, err);
}

pf_code pf_root_path_make_one(pf_root_path *r, pf_str name, const pf_view *v, pf_error *err)
{
    *r = (pf_root_path){0};
    if (!name.n)
        return PF_OK;
    pf_code code = make_rows(r, 1, v, err);
    return code ? code : mark(r, r->n++, name, v, err);
}

pf_code pf_root_path_make(pf_root_path *r, pf_str text, const pf_view *v, pf_error *err)
{
    *r = (pf_root_path){0};
    if (!text.n)
        return PF_OK;
    size_t n = 1;
    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == ';';
    pf_code code = make_rows(r, n, v, err);
    for (; !code && r->n < n; r->n++) {
        pf_str element;
        pf_str_cut(text, ';', &element, &text);
        pf_str wanted = unescape(element, v->arena);
        code = wanted.p ? mark(r, r->n, wanted, v, err) : pf_view_nomem(v->arena, err);
    }
    return code;
}
