#include "server/http/body.h"

#include <stdlib.h>
#include <string.h>

static size_t next_cap(const pf_body *b, size_t need)
{
    size_t most = b->announced < b->max && b->announced >= need ? (size_t)b->announced : b->max;
    size_t cap = b->cap ? (b->cap > SIZE_MAX / 2 ? SIZE_MAX : b->cap * 2) : PF_BODY_FIRST;
    if (cap < need)
        cap = need;
    return cap > most ? most : cap;
}

static pf_code grow(pf_body *b, size_t need, pf_error *err)
{
    size_t cap = next_cap(b, need);
    if (b->budget && !pf_ledger_take(b->budget, cap - b->cap, NULL)) {
        cap = need; /* the step was too wide */
        bool taken = pf_ledger_take(b->budget, cap - b->cap, NULL);
        if (!taken && !pf_ledger_fits_alone(b->budget, need))
            return pf_fail(err, PF_TOO_LARGE,
                           "the body needs more memory than -memory.max-inflight allows");
        if (!taken)
            return pf_fail(err, PF_UNAVAILABLE, "the memory for requests in flight is used up");
    }
    char *data = realloc(b->data, cap);
    if (!data) {
        if (b->budget)
            pf_ledger_give(b->budget, cap - b->cap);
        return pf_fail(err, PF_UNAVAILABLE, "out of memory");
    }
    b->data = data;
    b->cap = cap;
    return PF_OK;
}

pf_code pf_body_append(pf_body *b, const char *data, size_t n, pf_error *err)
{
    size_t need;
    if (__builtin_add_overflow(b->len, n, &need) || need > b->max)
        return pf_fail(err, PF_TOO_LARGE, "the body is over the limit of %zu bytes", b->max);
    if (need > b->cap) {
        pf_code code = grow(b, need, err);
        if (code)
            return code;
    }
    memcpy(b->data + b->len, data, n);
    b->len = need;
    return PF_OK;
}

void pf_body_free(pf_body *b)
{
    if (b->budget)
        pf_ledger_give(b->budget, b->cap);
    free(b->data);
    *b = (pf_body){0};
}
