#include "server/http/h2_head.h"

#include "server/http/target.h"

#include <string.h>

enum { FIELD_OVERHEAD = 32 }; /* that a field counts beside its bytes: RFC 9113 6.5.2 */

static pf_str copy(pf_req *req, const uint8_t *p, size_t n)
{
    char *own = pf_req_text(req, n + !n);
    if (own && n)
        memcpy(own, p, n);
    return (pf_str){own, own ? n : 0};
}

static pf_refusal refuse(int status, const char *msg)
{
    return (pf_refusal){status, msg};
}

/* They move to the arena when they are many. */
static pf_refusal add_header(pf_req *req, pf_str name, pf_str value)
{
    if (req->nheaders == PF_HEADERS_MAX)
        return refuse(431, "too many headers");
    if (req->nheaders == PF_HEADERS_INLINE) {
        pf_header *more = pf_arena_array(&req->arena, PF_HEADERS_MAX, sizeof *more);
        if (!more)
            return refuse(503, "the memory for requests in flight is used up");
        memcpy(more, req->headers, req->nheaders * sizeof *more);
        req->headers = more;
    }
    req->headers[req->nheaders++] = (pf_header){name, value};
    return refuse(0, NULL);
}

/* ":authority" comes first, if it comes; a Host beside it must say the same: RFC 9113 8.3.1. */
static pf_refusal take_host(pf_req *req, pf_str value)
{
    pf_str before = pf_req_header(req, "Host");
    if (before.p)
        return pf_str_eq_nocase(before, value)
                   ? refuse(0, NULL)
                   : refuse(400, "malformed HTTP request: Host is not :authority");
    if (!pf_is_authority(value))
        return refuse(400, "malformed HTTP request: malformed Host");
    return add_header(req, PF_STR("Host"), value);
}

static pf_refusal take(pf_req *req, pf_str name, pf_str value)
{
    if (pf_str_eq(name, PF_STR(":authority")) || pf_str_eq(name, PF_STR("host")))
        return take_host(req, value);
    if (pf_str_eq(name, PF_STR(":method")))
        req->method_name = value;
    else if (pf_str_eq(name, PF_STR(":path")))
        req->target = req->path = value;
    else if (!pf_str_has_prefix(name, PF_STR(":")))
        return add_header(req, name, value);
    return refuse(0, NULL);
}

bool pf_h2_take_field(pf_req *req, const uint8_t *name, size_t nname, const uint8_t *value,
                      size_t nvalue, pf_refusal *no)
{
    req->head_bytes += nname + nvalue + FIELD_OVERHEAD;
    if (req->head_bytes > req->service->cfg.header_max) {
        *no = refuse(431, "the headers are too long");
        return false;
    }
    pf_str n = copy(req, name, nname), v = copy(req, value, nvalue);
    *no =
        n.p && v.p ? take(req, n, v) : refuse(503, "the memory for requests in flight is used up");
    return !no->status;
}
