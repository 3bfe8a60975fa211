#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *pf_buf_reserve(pf_buf *b, size_t n)
{
    if (b->failed)
        return NULL;
    size_t need;
    if (__builtin_add_overflow(b->len, n, &need) || (b->max && need > b->max)) {
        b->failed = b->over_max = true;
        return NULL;
    }
    if (need > b->cap || !b->data) {
        size_t cap = b->cap ? b->cap : 256;
        while (cap < need)
            cap = cap > SIZE_MAX / 2 ? need : cap * 2;
        if (b->max && cap > b->max && need <= b->max)
            cap = b->max;
        if (b->budget && !pf_ledger_take(b->budget, cap - b->cap, NULL)) {
            b->failed = b->over_budget = true;
            return NULL;
        }
        char *data = realloc(b->data, cap);
        if (!data) {
            if (b->budget)
                pf_ledger_give(b->budget, cap - b->cap);
            b->failed = true;
            return NULL;
        }
        b->data = data;
        b->cap = cap;
    }
    return b->data + b->len;
}

void pf_buf_put(pf_buf *b, const void *p, size_t n)
{
    char *at = pf_buf_reserve(b, n);
    if (at && n) {
        memcpy(at, p, n);
        b->len += n;
    }
}

void pf_buf_puts(pf_buf *b, const char *cstr)
{
    pf_buf_put(b, cstr, strlen(cstr));
}

void pf_buf_put_str(pf_buf *b, pf_str s)
{
    pf_buf_put(b, s.p, s.n);
}

void pf_buf_putc(pf_buf *b, char c)
{
    pf_buf_put(b, &c, 1);
}

void pf_buf_printf(pf_buf *b, const char *fmt, ...)
{
    va_list ap;
    size_t room = b->failed || !b->data ? 0 : b->cap - b->len;
    va_start(ap, fmt);
    int n = vsnprintf(room ? b->data + b->len : NULL, room, fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < room) {
        b->len += (size_t)n;
        return;
    }
    char *at = n < 0 ? NULL : pf_buf_reserve(b, (size_t)n + 1);
    if (!at) {
        b->failed = true;
        return;
    }
    va_start(ap, fmt);
    vsnprintf(at, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->len += (size_t)n;
}

void pf_buf_put_varint(pf_buf *b, uint64_t v)
{
    char *at = pf_buf_reserve(b, 10);
    if (!at)
        return;
    size_t n = 0;
    for (; v >= 0x80; v >>= 7)
        at[n++] = (char)(v | 0x80);
    at[n++] = (char)v;
    b->len += n;
}

void pf_buf_put_json(pf_buf *b, pf_str s)
{
    if (!s.n) /* of an empty one p may be NULL, from which nothing is counted */
        s.p = "";
    pf_buf_putc(b, '"');
    size_t from = 0; /* start of the run that is copied as it is */
    for (size_t i = 0; i < s.n;) {
        unsigned char c = (unsigned char)s.p[i];
        size_t len = c < 0x80 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
        bool plain = c >= 0x20 && c != '"' && c != '\\' && c != 0x7f &&
                     (c < 0x80 || (i + len <= s.n && pf_str_is_utf8((pf_str){s.p + i, len})));
        if (plain) {
            i += len;
            continue;
        }
        pf_buf_put(b, s.p + from, i - from);
        if (c >= 0x80)
            pf_buf_puts(b, "\xef\xbf\xbd");
        else if (c == '"' || c == '\\')
            pf_buf_printf(b, "\\%c", c);
        else if (c == '\n')
            pf_buf_puts(b, "\\n");
        else
            pf_buf_printf(b, "\\u%04x", c);
        from = ++i;
    }
    pf_buf_put(b, s.p + from, s.n - from);
    pf_buf_putc(b, '"');
}

pf_str pf_buf_str(const pf_buf *b)
{
    return (pf_str){b->data, b->len};
}

void pf_buf_clear(pf_buf *b)
{
    b->len = 0;
    b->failed = b->over_budget = b->over_max = false;
}

void pf_buf_free(pf_buf *b)
{
    free(b->data);
    if (b->budget)
        pf_ledger_give(b->budget, b->cap);
    b->data = NULL;
    b->len = b->cap = 0;
    b->failed = b->over_budget = b->over_max = false;
}

bool pf_varint_get(const uint8_t **p, const uint8_t *end, uint64_t *out)
{
    uint64_t v = 0;
    const uint8_t *at = *p;
    for (unsigned shift = 0; shift < 70 && at < end; shift += 7) {
        uint8_t c = *at++;
        v |= (uint64_t)(c & 0x7f) << shift; /* at most 63: the tenth byte keeps its lowest bit */
        if (!(c & 0x80)) {
            *p = at;
            *out = v;
            return true;
        }
    }
    return false;
}

void pf_buf_put_int(pf_buf *b, int64_t v)
{
    char text[24], *end = text + sizeof text, *p = end;
    uint64_t rest = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    do
        *--p = (char)('0' + rest % 10);
    while ((rest /= 10) != 0);
    if (v < 0)
        *--p = '-';
    pf_buf_put(b, p, (size_t)(end - p));
}
