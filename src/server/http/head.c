/* head.c: the headers of a request, copied out of libmicrohttpd and read strictly.
 *
 * They are copied because the application may ask for them until finished(), which can be after
 * the connection is gone, and because what libmicrohttpd lets pass has to be looked at one by one:
 * it takes two Content-Lengths (the first wins), a Content-Length beside chunked, and a name with
 * a space before the colon (then nobody knows the header, and the body becomes the next request).
 * Each of these is how one request is made to look like two, so each is refused.
 */
#include "server/http/internal.h"

#include <string.h>

static bool put(pf_req *req, pf_str *out, const char *p, size_t n)
{
    char *at = pf_req_text(req, n + 1);
    if (!at)
        return false;
    if (n)
        memcpy(at, p, n);
    at[n] = 0;
    *out = (pf_str){at, n};
    return true;
}

typedef struct taking {
    pf_req *req;
    size_t room;
    bool failed;
} taking;

static enum MHD_Result take_one(void *cls, enum MHD_ValueKind kind, const char *name, size_t nname,
                                const char *value, size_t nvalue)
{
    (void)kind;
    taking *t = cls;
    pf_req *req = t->req;
    if (req->nheaders == t->room)
        return MHD_NO;
    pf_header *h = &req->headers[req->nheaders];
    if (!put(req, &h->name, name, nname) || !put(req, &h->value, value, value ? nvalue : 0)) {
        t->failed = true;
        return MHD_NO;
    }
    h->value = pf_str_trim(h->value);
    req->nheaders++;
    return MHD_YES;
}

static bool take_headers(pf_req *req, struct MHD_Connection *mhd)
{
    int n = MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, NULL, NULL);
    taking t = {.req = req, .room = n > 0 ? (size_t)n : 0};
    req->headers = req->inline_headers;
    if (t.room > PF_HEADERS_INLINE)
        req->headers = pf_arena_array(&req->arena, t.room, sizeof *req->headers);
    if (!req->headers)
        return false;
    MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, take_one, &t);
    return !t.failed;
}

/* Digits only: no sign, no list, no white space inside. */
static bool read_length(pf_str s, uint64_t *out)
{
    uint64_t v = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9' || __builtin_mul_overflow(v, 10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v))
            return false;
    }
    *out = v;
    return s.n > 0;
}

static pf_refusal refuse(int status, const char *msg)
{
    return (pf_refusal){status, msg};
}

pf_refusal pf_framing_read(const pf_header *headers, size_t n, bool http10, pf_framing *out)
{
    *out = (pf_framing){0};
    size_t lengths = 0, codings = 0;
    for (size_t i = 0; i < n; i++) {
        pf_str name = headers[i].name, value = headers[i].value;
        if (!pf_is_token(name))
            return refuse(400, "a header has a malformed name");
        if (pf_str_eq_nocase(name, PF_STR("Content-Length"))) {
            if (lengths++)
                return refuse(400, "more than one Content-Length");
            if (!read_length(value, &out->length))
                return refuse(400, "malformed Content-Length");
            out->has_length = true;
        } else if (pf_str_eq_nocase(name, PF_STR("Transfer-Encoding"))) {
            if (codings++)
                return refuse(400, "more than one Transfer-Encoding");
            out->chunked = pf_str_eq_nocase(value, PF_STR("chunked"));
            if (!out->chunked)
                return refuse(501, "the only transfer coding taken is chunked");
        }
    }
    if (out->chunked && out->has_length)
        return refuse(400, "Content-Length beside Transfer-Encoding");
    if (out->chunked && http10)
        return refuse(400, "HTTP/1.0 has no Transfer-Encoding");
    return refuse(0, NULL);
}

/* The bytes of request line and headers as libmicrohttpd counted them. */
static size_t head_size(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *i =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    return i ? i->header_size : 0;
}

pf_refusal pf_head_take(pf_req *req, struct MHD_Connection *mhd, const char *version)
{
    size_t limit = req->http->cfg.header_max;
    if (!req->target.p || !req->method_name.p)
        return refuse(503, "the memory for requests in flight is used up");
    if (req->target.n > limit)
        return refuse(414, "the request target is too long");
    if (head_size(mhd) > limit)
        return refuse(431, "request line and headers are too long");
    /* libmicrohttpd ends the target with a NUL where the version begins. One that ends earlier
     * held a NUL of its own. */
    if (req->raw && version != req->raw + req->target.n + 1)
        return refuse(400, "the request target holds a space or a control character");
    if (!pf_is_token(req->method_name))
        return refuse(400, "malformed method");
    const char *wrong = pf_target_split(req->method_name, req->target, &req->path, &req->query);
    if (wrong)
        return refuse(400, wrong);
    pf_target_unprefix(&req->path, pf_str_c(req->http->cfg.base_path));
    if (!take_headers(req, mhd))
        return refuse(503, "the memory for requests in flight is used up");
    return pf_framing_read(req->headers, req->nheaders, strcmp(version, "HTTP/1.0") == 0,
                           &req->framing);
}
