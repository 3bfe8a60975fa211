#include "server/http/h2_head.h"

#include <string.h>

enum { FIELD_OVERHEAD = 32 }; /* that a field counts beside its bytes: RFC 9113 6.5.2 */

static pf_str copy(pf_req *req, const uint8_t *p, size_t n)
{
    char *own = pf_req_text(req, n + !n);
    if (own && n)
        memcpy(own, p, n);
    return (pf_str){own, own ? n : 0};
}

/* Room for one more; they move to the arena when they are many. */
static bool add_header(pf_req *req, pf_str name, pf_str value)
{
    if (req->nheaders == PF_HEADERS_MAX)
        return false;
    if (req->nheaders == PF_HEADERS_INLINE) {
        pf_header *more = pf_arena_array(&req->arena, PF_HEADERS_MAX, sizeof *more);
        if (!more)
            return false;
        memcpy(more, req->headers, req->nheaders * sizeof *more);
        req->headers = more;
    }
    req->headers[req->nheaders++] = (pf_header){name, value};
    return true;
}

static bool take(pf_req *req, pf_str name, pf_str value)
{
    if (pf_str_eq(name, PF_STR(":method")))
        req->method_name = value;
    else if (pf_str_eq(name, PF_STR(":path")))
        req->target = req->path = value;
    else if (pf_str_eq(name, PF_STR(":authority")))
        return add_header(req, PF_STR("Host"), value);
    else if (!pf_str_has_prefix(name, PF_STR(":")))
        return (pf_str_eq(name, PF_STR("host")) && pf_req_header(req, "Host").n) ||
               add_header(req, name, value);
    return true;
}

bool pf_h2_take_field(pf_req *req, const uint8_t *name, size_t nname, const uint8_t *value,
                      size_t nvalue, pf_refusal *no)
{
    req->head_bytes += nname + nvalue + FIELD_OVERHEAD;
    if (req->head_bytes > req->service->cfg.header_max) {
        *no = (pf_refusal){431, "the headers are too long"};
        return false;
    }
    pf_str n = copy(req, name, nname), v = copy(req, value, nvalue);
    if (!n.p || !v.p) {
        *no = (pf_refusal){503, "the memory for requests in flight is used up"};
        return false;
    }
    *no = (pf_refusal){431, "too many headers"};
    return take(req, n, v);
}
