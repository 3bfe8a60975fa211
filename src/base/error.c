#include "base/error.h"

#include <stdio.h>

pf_code pf_vfail(pf_error *err, pf_code code, const char *fmt, va_list ap)
{
    if (err) {
        err->code = code;
        err->param = NULL;
        vsnprintf(err->msg, sizeof err->msg, fmt, ap);
    }
    return code;
}

pf_code pf_fail(pf_error *err, pf_code code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    pf_vfail(err, code, fmt, ap);
    va_end(ap);
    return code;
}

pf_code pf_fail_param(pf_error *err, pf_code code, const char *param, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    pf_vfail(err, code, fmt, ap);
    va_end(ap);
    if (err)
        err->param = param;
    return code;
}

pf_code pf_fail_as(pf_error *err, const pf_error *why, pf_code code, const char *fmt, ...)
{
    const char *param = why->param;
    va_list ap;
    va_start(ap, fmt);
    pf_vfail(err, code, fmt, ap);
    va_end(ap);
    if (err)
        err->param = param;
    return code;
}

pf_code pf_fail_nomem(pf_error *err, const char *what)
{
    return pf_fail(err, PF_INTERNAL, "out of memory (%s)", what);
}

typedef struct meaning {
    pf_code code;
    int status;
    const char *name;
} meaning;

/* Of several codes with one status the first is what that status alone stands for. */
static const meaning meanings[] = {
    {PF_OK, 200, "ok"},
    {PF_INVALID, 400, "invalid_request"},
    {PF_MALFORMED, 400, "malformed_body"},
    {PF_UNAUTHENTICATED, 401, "unauthenticated"},
    {PF_FORBIDDEN, 403, "forbidden"},
    {PF_NOT_FOUND, 404, "not_found"},
    {PF_NOT_ALLOWED, 405, "not_allowed"},
    {PF_CONFLICT, 409, "conflict"},
    {PF_TOO_LARGE, 413, "too_large"},
    {PF_UNSUPPORTED, 415, "unsupported"},
    {PF_MISDIRECTED, 421, "misdirected"},
    {PF_QUERY_LIMIT, 422, "query_limit"},
    {PF_RATE_LIMIT, 429, "rate_limit"},
    {PF_CANCELLED, 499, "cancelled"},
    {PF_INTERNAL, 500, "internal"},
    {PF_UNAVAILABLE, 503, "unavailable"},
    {PF_TIMEOUT, 504, "timeout"},
};

static const meaning *meaning_of(pf_code code)
{
    static const meaning internal = {PF_INTERNAL, 500, "internal"};
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
        if (meanings[i].code == code)
            return &meanings[i];
    return &internal;
}

int pf_code_status(pf_code code)
{
    return meaning_of(code)->status;
}

const char *pf_code_name(pf_code code)
{
    return meaning_of(code)->name;
}

pf_code pf_code_of_status(int status)
{
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
        if (meanings[i].status == status)
            return meanings[i].code;
    if (status == 408)
        return PF_TIMEOUT;
    if (status == 501 || status == 505)
        return PF_UNSUPPORTED;
    return status >= 400 && status < 500 ? PF_INVALID : PF_INTERNAL;
}
