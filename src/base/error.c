#include "base/error.h"

#include <stdio.h>

pf_code pf_vfail(pf_error *err, pf_code code, const char *fmt, va_list ap)
{
    if (err) {
        err->code = code;
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

pf_code pf_fail_nomem(pf_error *err, const char *what)
{
    return pf_fail(err, PF_INTERNAL, "out of memory (%s)", what);
}

int pf_code_status(pf_code code)
{
    switch (code) {
    case PF_OK:
        return 200;
    case PF_INVALID:
        return 400;
    case PF_NOT_FOUND:
        return 404;
    case PF_NOT_ALLOWED:
        return 405;
    case PF_TOO_LARGE:
        return 413;
    case PF_UNSUPPORTED:
        return 415;
    case PF_QUERY_LIMIT:
        return 422;
    case PF_UNAVAILABLE:
        return 503;
    case PF_TIMEOUT:
        return 504;
    case PF_CANCELLED:
        return 499;
    case PF_INTERNAL:
        break;
    }
    return 500;
}
