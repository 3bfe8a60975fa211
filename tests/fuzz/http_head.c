/* An HTTP/1 head and a chunked body, read strictly. However the bytes are cut up, what comes out is the same; it lies
 * inside what went in; and what two programs could read differently never passes. */
#include "server/http/chunked.h"
#include "server/http/head.h"
#include "server/http/target.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX = 4096 };

static void check(bool ok)
{
    if (!ok)
        abort();
}

static bool lies_in(pf_str s, const char *p, size_t n)
{
    return !s.n || (s.p >= p && s.p + s.n <= p + n);
}

static size_t find(const char *p, size_t size, size_t step, pf_head_find *f, pf_refusal *no)
{
    size_t len = 0, n = 0;
    *f = (pf_head_find){0};
    do {
        n = size - n < step ? size : n + step;
        len = pf_head_find_end(f, p, n, MAX, no);
    } while (!len && !no->status && n < size);
    return len;
}

static void check_target(const pf_head *head)
{
    pf_str authority, path, query;
    if (pf_target_split(head->method, head->target, &authority, &path, &query))
        return;
    pf_str t = head->target;
    check(lies_in(query, t.p, t.n) && lies_in(authority, t.p, t.n));
    check(lies_in(path, t.p, t.n) || pf_str_eq(path, PF_STR("/")));
    check(!memchr(t.p, ' ', t.n) && !memchr(t.p, '#', t.n));
    check(!authority.n || pf_is_authority(authority));
}

static void check_head(const char *p, size_t n, size_t lines)
{
    pf_head head;
    pf_header *headers = calloc(lines, sizeof *headers);
    check(headers);
    pf_refusal no = pf_head_read(p, n, &head, headers);
    size_t lengths = 0, codings = 0, hosts = 0;
    check(!no.status == !no.msg);
    check(lies_in(head.method, p, n) && lies_in(head.target, p, n));
    for (size_t i = 0; !no.status && i < head.nheaders; i++) {
        pf_header h = headers[i];
        check(lies_in(h.name, p, n) && lies_in(h.value, p, n));
        check(pf_is_token(h.name) && !memchr(h.value.p, '\n', h.value.n));
        lengths += pf_str_eq_nocase(h.name, PF_STR("content-length"));
        codings += pf_str_eq_nocase(h.name, PF_STR("transfer-encoding"));
        hosts += pf_str_eq_nocase(h.name, PF_STR("host"));
    }
    if (!no.status) {
        check(pf_is_token(head.method) && head.target.n);
        check(head.nheaders + 2 == lines);
        check(lengths + codings <= 1 && hosts <= 1 && (hosts || !head.minor));
        check(head.framing.has_length == (lengths == 1) && head.framing.chunked == (codings == 1));
        check_target(&head);
    }
    free(headers);
}

/* Collects a body; how many bytes it took, 0 where it is malformed or not complete. */
static size_t collect(const char *p, size_t size, size_t step, char *out, size_t *out_n)
{
    pf_chunked c = {0};
    size_t at = 0;
    *out_n = 0;
    while (at < size) {
        size_t n = size - at < step ? size - at : step, taken = 0;
        pf_str data;
        pf_chunked_result r = pf_chunked_next(&c, p + at, n, &taken, &data);
        if (r == PF_CHUNKED_BAD)
            return 0;
        check(taken <= n && (taken > 0 || r == PF_CHUNKED_DATA));
        if (r == PF_CHUNKED_DATA) {
            check(lies_in(data, p, size));
            memcpy(out + *out_n, data.p, data.n);
            *out_n += data.n;
        }
        at += taken;
        if (r == PF_CHUNKED_END)
            return at;
    }
    return 0;
}

static void check_body(const char *p, size_t n, size_t step)
{
    char *a = malloc(2 * n + 1), *b = a + n;
    size_t na, nb;
    check(a);
    size_t whole = collect(p, n, n, a, &na), pieces = collect(p, n, step, b, &nb);
    check(whole == pieces);
    check(!whole || (na == nb && memcmp(a, b, na) == 0));
    free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    size_t step = 1 + data[0] % 32, n = size - 1;
    char *p = malloc(n); /* just so long: reading past it is found */
    check(p);
    memcpy(p, data + 1, n);
    pf_head_find whole, pieces;
    pf_refusal no, no_pieces;
    size_t len = find(p, n, n, &whole, &no), len_pieces = find(p, n, step, &pieces, &no_pieces);
    check(len == len_pieces && no.status == no_pieces.status && whole.lines == pieces.lines);
    check(!len || !no.status);
    check(len <= MAX);
    if (len && whole.lines >= 2)
        check_head(p, len, whole.lines);
    if (len < n)
        check_body(p + len, n - len, step);
    free(p);
    return 0;
}
