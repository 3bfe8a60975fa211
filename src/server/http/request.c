/* What the application may ask of a request. */
#include "server/http/request.h"

char *pf_req_text(pf_req *req, size_t n)
{
    if (n <= sizeof req->text - req->text_used) {
        char *p = req->text + req->text_used;
        req->text_used += n;
        return p;
    }
    return pf_arena_alloc(&req->arena, n);
}

bool pf_req_room_for_headers(pf_req *req, size_t n)
{
    req->headers = n <= PF_HEADERS_INLINE ? req->inline_headers
                                          : pf_arena_array(&req->arena, n, sizeof *req->headers);
    return req->headers != NULL;
}

pf_method pf_req_method(const pf_req *req)
{
    return req->method;
}

pf_str pf_req_method_name(const pf_req *req)
{
    return req->method_name;
}

pf_str pf_req_target(const pf_req *req)
{
    return req->target;
}

pf_str pf_req_path(const pf_req *req)
{
    return req->path;
}

pf_str pf_req_query(const pf_req *req)
{
    return req->query;
}

pf_str pf_req_header_line(const pf_req *req, const char *name, size_t i)
{
    pf_str wanted = pf_str_c(name);
    for (size_t k = 0; k < req->nheaders; k++)
        if (pf_str_eq_nocase(req->headers[k].name, wanted) && !i--)
            return req->headers[k].value;
    return (pf_str){NULL, 0};
}

pf_str pf_req_header(const pf_req *req, const char *name)
{
    return pf_req_header_line(req, name, 0);
}

bool pf_req_list_has(const pf_req *req, const char *name, pf_str token)
{
    pf_str wanted = pf_str_c(name);
    for (size_t i = 0; i < req->nheaders; i++)
        if (pf_str_eq_nocase(req->headers[i].name, wanted) &&
            pf_list_has(req->headers[i].value, token))
            return true;
    return false;
}

size_t pf_req_header_lines(const pf_req *req, const char *name)
{
    pf_str wanted = pf_str_c(name);
    size_t n = 0;
    for (size_t i = 0; i < req->nheaders; i++)
        n += pf_str_eq_nocase(req->headers[i].name, wanted);
    return n;
}

pf_str pf_req_body(const pf_req *req)
{
    return (pf_str){req->body.data, req->body.len};
}

pf_str pf_req_peer(const pf_req *req)
{
    return pf_str_c(req->peer);
}

bool pf_req_is_tls(const pf_req *req)
{
    return req->is_tls;
}

bool pf_req_on_loopback(const pf_req *req)
{
    return req->on_loopback;
}

bool pf_req_is_forwarded(const pf_req *req)
{
    return req->is_forwarded;
}

bool pf_req_from_proxy(const pf_req *req)
{
    return req->trusted_peer;
}

pf_str pf_req_client_name(const pf_req *req)
{
    return req->client_name;
}

pf_str pf_req_id(const pf_req *req)
{
    return (pf_str){req->id, req->id_len};
}

int64_t pf_req_started(const pf_req *req)
{
    return req->started_wall;
}

pf_arena *pf_req_arena(pf_req *req)
{
    return &req->arena;
}

void pf_req_set_user(pf_req *req, void *user)
{
    req->user = user;
}

void *pf_req_user(const pf_req *req)
{
    return req->user;
}

atomic_bool *pf_req_cancelled(pf_req *req)
{
    return &req->cancelled;
}

pf_run pf_req_run(const pf_req *req)
{
    return req->admit.run;
}

void pf_req_delay(pf_req *req, int64_t ns)
{
    req->delay = ns;
}

void pf_req_move(pf_req *req)
{
    req->moving = true;
}
