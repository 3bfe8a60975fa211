/* A request's head as the transport reads it: method and target on the first line, headers below. What comes out
 * must lie inside what went in, and a head with two lengths or a length beside chunks must never pass. */
#include "server/http/internal.h"

#include <stdlib.h>
#include <string.h>

enum { HEADERS_MAX = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void check_target(pf_str line)
{
    pf_str method, target, path, query;
    pf_str_cut(line, ' ', &method, &target);
    pf_is_token(method);
    if (pf_target_split(method, target, &path, &query) || !target.n)
        return;
    const char *end = target.p + target.n;
    check(memchr(target.p, 0, target.n) == NULL && memchr(target.p, ' ', target.n) == NULL);
    check(!query.n || (query.p > target.p && query.p + query.n == end));
    check(pf_str_eq(path, PF_STR("/")) || (path.p >= target.p && path.p + path.n <= end));
}

static void check_headers(pf_str rest)
{
    pf_header headers[HEADERS_MAX];
    size_t n = 0, lengths = 0, codings = 0;
    while (rest.n && n < HEADERS_MAX) {
        pf_str line;
        pf_str_cut(rest, '\n', &line, &rest);
        pf_str_cut(line, ':', &headers[n].name, &headers[n].value);
        headers[n].value = pf_str_trim(headers[n].value);
        lengths += pf_str_eq_nocase(headers[n].name, PF_STR("content-length"));
        codings += pf_str_eq_nocase(headers[n].name, PF_STR("transfer-encoding"));
        n++;
    }
    pf_framing f;
    pf_refusal no = pf_framing_read(headers, n, false, &f);
    check(!no.status == !no.msg);
    check(no.status || lengths + codings <= 1);
    check(no.status || (f.has_length == (lengths == 1) && f.chunked == (codings == 1)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pf_str line, rest;
    pf_str_cut((pf_str){(const char *)data, size}, '\n', &line, &rest);
    check_target(line);
    check_headers(rest);
    return 0;
}
