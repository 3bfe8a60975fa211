/* body.c: collecting a body.
 *
 * A Content-Length is a claim, so it buys at most PF_BODY_FIRST bytes; from there the buffer
 * doubles as bytes really come, never past what was announced or allowed. The budget is charged
 * with what is allocated, before it is.
 */
#include "server/http/internal.h"

#include <stdlib.h>
#include <string.h>

static size_t next_cap(const pf_req *req, size_t need)
{
    const pf_body *b = &req->body;
    size_t most = req->admit.max_body;
    if (req->framing.has_length && req->framing.length < most)
        most = (size_t)req->framing.length;
    size_t cap = b->cap ? (b->cap > SIZE_MAX / 2 ? SIZE_MAX : b->cap * 2) : PF_BODY_FIRST;
    if (cap < need)
        cap = need;
    return cap > most ? most : cap;
}

static pf_code grow(pf_req *req, size_t need, pf_error *err)
{
    pf_body *b = &req->body;
    pf_budget *budget = req->http->cfg.budget;
    size_t cap = next_cap(req, need);
    if (budget && !pf_budget_take(budget, cap - b->cap)) {
        cap = need; /* the step was too wide */
        bool taken = pf_budget_take(budget, cap - b->cap);
        if (!taken && !pf_budget_fits_alone(budget, need))
            return pf_fail(err, PF_TOO_LARGE,
                           "the body needs more memory than -memory.max-inflight allows");
        if (!taken)
            return pf_fail(err, PF_UNAVAILABLE, "the memory for requests in flight is used up");
    }
    char *data = realloc(b->data, cap);
    if (!data) {
        if (budget)
            pf_budget_give(budget, cap - b->cap);
        return pf_fail(err, PF_UNAVAILABLE, "out of memory");
    }
    b->data = data;
    b->cap = req->arena.beside = cap;
    return PF_OK;
}

pf_code pf_body_append(pf_req *req, const char *data, size_t n, pf_error *err)
{
    pf_body *b = &req->body;
    size_t need;
    if (__builtin_add_overflow(b->len, n, &need) || need > req->admit.max_body)
        return pf_fail(err, PF_TOO_LARGE, "the body is over the limit of %zu bytes",
                       req->admit.max_body);
    if (need > b->cap) {
        pf_code code = grow(req, need, err);
        if (code)
            return code;
    }
    memcpy(b->data + b->len, data, n);
    b->len = need;
    return PF_OK;
}

void pf_body_free(pf_req *req)
{
    if (req->http->cfg.budget)
        pf_budget_give(req->http->cfg.budget, req->body.cap);
    free(req->body.data);
    req->body = (pf_body){0};
    req->arena.beside = 0;
}
