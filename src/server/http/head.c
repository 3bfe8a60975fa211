#include "server/http/head.h"

#include "server/http/target.h"

#include <string.h>

static pf_refusal refuse(int status, const char *msg)
{
    return (pf_refusal){status, msg};
}

static size_t too_long(const pf_head_find *f, pf_refusal *no)
{
    *no = f->lines ? refuse(431, "request line and headers are too long")
                   : refuse(414, "the request line is too long");
    return 0;
}

static bool is_control(unsigned char c)
{
    return (c < 0x20 && c != '\t') || c == 0x7f;
}

size_t pf_head_find_end(pf_head_find *f, const char *p, size_t n, size_t max, pf_refusal *no)
{
    *no = refuse(0, NULL);
    while (f->at < n) {
        unsigned char c = (unsigned char)p[f->at];
        if (f->at >= max)
            return too_long(f, no);
        if (c == '\r' && f->at + 1 == n)
            return 0;
        if (c == '\r' && p[f->at + 1] == '\n') {
            bool empty = f->at == f->line;
            f->at += 2;
            f->line = f->at;
            f->lines++;
            if (f->at > max)
                return too_long(f, no);
            if (empty)
                return f->at;
            if (f->lines > PF_HEADERS_MAX + 1)
                *no = refuse(431, "too many headers");
        } else if (is_control(c)) {
            *no = refuse(400, c == '\r'   ? "malformed HTTP request: a CR without LF"
                              : c == '\n' ? "malformed HTTP request: a line ends in LF without CR"
                                          : "malformed HTTP request: a control character");
        } else {
            f->at++;
        }
        if (no->status)
            return 0;
    }
    return 0;
}

/* Cuts the next line off; the caller knows that there is one. */
static pf_str next_line(pf_str *rest)
{
    const char *end = memchr(rest->p, '\n', rest->n);
    size_t n = (size_t)(end - rest->p);
    pf_str line = {rest->p, n - 1};
    *rest = (pf_str){end + 1, rest->n - n - 1};
    return line;
}

pf_refusal pf_head_read_line(pf_str line, pf_head *out)
{
    *out = (pf_head){.minor = 1};
    pf_str rest, version;
    bool spaces =
        pf_str_cut(line, ' ', &out->method, &rest) && pf_str_cut(rest, ' ', &out->target, &version);
    if (!spaces || !out->target.n || memchr(version.p, ' ', version.n))
        return refuse(400, "malformed HTTP request: the request line is not METHOD TARGET VERSION");
    if (!pf_is_token(out->method))
        return refuse(400, "malformed HTTP request: malformed method");
    if (version.n != 8 || memcmp(version.p, "HTTP/", 5) != 0 || version.p[6] != '.' ||
        version.p[5] < '0' || version.p[5] > '9' || version.p[7] < '0' || version.p[7] > '9')
        return refuse(400, "malformed HTTP request: malformed version");
    if (version.p[5] != '1')
        return refuse(505, "this HTTP version is not spoken here");
    out->minor = version.p[7] - '0';
    return refuse(0, NULL);
}

static pf_refusal read_header(pf_str line, pf_header *out)
{
    if (line.p[0] == ' ' || line.p[0] == '\t')
        return refuse(400, "malformed HTTP request: a folded header");
    if (!pf_str_cut(line, ':', &out->name, &out->value))
        return refuse(400, "malformed HTTP request: a header without a colon");
    if (!pf_is_token(out->name))
        return refuse(400, "malformed HTTP request: a header has a malformed name");
    out->value = pf_str_trim(out->value);
    return refuse(0, NULL);
}

static pf_refusal check_host(const pf_header *headers, size_t n, int minor)
{
    size_t hosts = 0;
    for (size_t i = 0; i < n; i++) {
        if (!pf_str_eq_nocase(headers[i].name, PF_STR("Host")))
            continue;
        if (hosts++)
            return refuse(400, "malformed HTTP request: more than one Host");
        if (headers[i].value.n && !pf_is_authority(headers[i].value))
            return refuse(400, "malformed HTTP request: malformed Host");
    }
    return !hosts && minor > 0 ? refuse(400, "malformed HTTP request: no Host") : refuse(0, NULL);
}

/* A proxy that does as Connection says would take these away, one that does not would leave them. */
static pf_refusal check_connection(const pf_header *headers, size_t n)
{
    static const pf_str framing[] = {PF_STR("Content-Length"), PF_STR("Transfer-Encoding"),
                                     PF_STR("Host")};
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < sizeof framing / sizeof *framing; k++)
            if (pf_str_eq_nocase(headers[i].name, PF_STR("Connection")) &&
                pf_list_has(headers[i].value, framing[k]))
                return refuse(400, "malformed HTTP request: Connection names a header that says "
                                   "where the request ends or whom it is for");
    return refuse(0, NULL);
}

pf_refusal pf_head_read(const char *p, size_t n, pf_head *out, pf_header *headers)
{
    pf_str rest = {p, n};
    pf_refusal no = pf_head_read_line(next_line(&rest), out);
    while (!no.status && rest.n > 2) {
        no = read_header(next_line(&rest), &headers[out->nheaders]);
        out->nheaders += !no.status;
    }
    if (!no.status)
        no = check_host(headers, out->nheaders, out->minor);
    if (!no.status)
        no = check_connection(headers, out->nheaders);
    if (!no.status)
        no = pf_framing_read(headers, out->nheaders, out->minor == 0, &out->framing);
    return no;
}

/* Digits only: no sign, no list, no white space inside. One that is out of range is over every limit. */
static bool read_length(pf_str s, uint64_t *out)
{
    uint64_t v = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        if (__builtin_mul_overflow(v, 10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v))
            v = UINT64_MAX;
    }
    *out = v;
    return s.n > 0;
}

pf_refusal pf_framing_read(const pf_header *headers, size_t n, bool http10, pf_framing *out)
{
    *out = (pf_framing){0};
    size_t lengths = 0, codings = 0;
    for (size_t i = 0; i < n; i++) {
        pf_str name = headers[i].name, value = headers[i].value;
        if (pf_str_eq_nocase(name, PF_STR("Content-Length"))) {
            if (lengths++)
                return refuse(400, "malformed HTTP request: more than one Content-Length");
            if (!read_length(value, &out->length))
                return refuse(400, "malformed HTTP request: malformed Content-Length");
            out->has_length = true;
        } else if (pf_str_eq_nocase(name, PF_STR("Transfer-Encoding"))) {
            if (codings++)
                return refuse(400, "malformed HTTP request: more than one Transfer-Encoding");
            out->chunked = pf_str_eq_nocase(value, PF_STR("chunked"));
            if (!out->chunked)
                return refuse(501, "the only transfer coding taken is chunked");
        }
    }
    if (out->chunked && out->has_length)
        return refuse(400, "malformed HTTP request: Content-Length beside Transfer-Encoding");
    if (out->chunked && http10)
        return refuse(400, "malformed HTTP request: HTTP/1.0 has no Transfer-Encoding");
    return refuse(0, NULL);
}

bool pf_list_has(pf_str value, pf_str token)
{
    pf_str one;
    while (value.n) {
        pf_str_cut(value, ',', &one, &value);
        if (pf_str_eq_nocase(pf_str_trim(one), token))
            return true;
    }
    return false;
}
