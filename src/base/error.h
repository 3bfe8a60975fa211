/* error.h: the one way in which this project says that something failed.
 *
 * A function that can fail returns a pf_code, PF_OK (0) on success, and takes a `pf_error *err` as
 * its last parameter. Where the fault is known it calls pf_fail(), which fills *err and returns the
 * code; everybody above passes the code up and leaves *err alone. One place, the HTTP layer, turns
 * a code into a status. `err` may be NULL when the caller does not care why.
 *
 *     if (n > max)
 *         return pf_fail(err, PF_TOO_LARGE, "body of %zu bytes is over the limit of %zu", n, max);
 *
 * Messages are for the person who made the request: they name what was wrong and its value, and
 * hold no trailing newline. They may contain bytes from outside; whoever prints them escapes them.
 * Thread-safety: a pf_error belongs to one thread at a time; there is no global state.
 */
#ifndef PF_BASE_ERROR_H
#define PF_BASE_ERROR_H

#include <stdarg.h>

typedef enum pf_code {
    PF_OK = 0,
    PF_INVALID,         /* the caller's input is wrong: 400 */
    PF_MALFORMED,       /* the body is not what it should be: 400 */
    PF_UNAUTHENTICATED, /* nobody knows who the caller is: 401 */
    PF_FORBIDDEN,       /* the caller may not do this: 403 */
    PF_NOT_FOUND,       /* nothing there: 404 */
    PF_NOT_ALLOWED,     /* this can't be done to that: 405 */
    PF_CONFLICT,        /* something else is there already: 409 */
    PF_TOO_LARGE,       /* over a limit that will not change by waiting: 413 */
    PF_UNSUPPORTED,     /* a media type or encoding that is not spoken: 415 */
    PF_MISDIRECTED,     /* a request for a host that this server is not: 421 */
    PF_QUERY_LIMIT,     /* a query needs more than it may have: 422 */
    PF_RATE_LIMIT,      /* more requests than the caller may make, try again later: 429 */
    PF_UNAVAILABLE,     /* not just now, try again: 503 */
    PF_TIMEOUT,         /* took longer than it may: 504 */
    PF_CANCELLED,       /* the client is gone; nobody reads the answer */
    PF_INTERNAL,        /* a fault of ours or of the machine: 500 */
} pf_code;

enum { PF_ERROR_MSG_MAX = 512 };

typedef struct pf_error {
    pf_code code;
    const char *param; /* the request parameter or flag that is wrong, a literal; or NULL */
    char msg[PF_ERROR_MSG_MAX]; /* NUL-terminated, cut to fit */
} pf_error;

/* Fills *err (when not NULL) and returns `code`. */
pf_code pf_fail(pf_error *err, pf_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
pf_code pf_vfail(pf_error *err, pf_code code, const char *fmt, va_list ap);

/* pf_fail about one parameter of the request: `param` is a literal. */
pf_code pf_fail_param(pf_error *err, pf_code code, const char *param, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Passes `why` on under another code, or with words before or behind it, and keeps its parameter:
 *
 *     return pf_fail_as(err, &why, PF_MALFORMED, "malformed profile (%s)", why.msg);
 *
 * `why` is another error than `err`: its message is read while that of `err` is written.
 */
pf_code pf_fail_as(pf_error *err, const pf_error *why, pf_code code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* PF_INTERNAL "out of memory (what)": the allocator failed. */
pf_code pf_fail_nomem(pf_error *err, const char *what);

/* The HTTP status that a code stands for; 200 for PF_OK. */
int pf_code_status(pf_code code);

/* The code in a word for programs, "not_found": docs/api.md lists them. */
const char *pf_code_name(pf_code code);

/* The code that an answer of this status stands for, where nothing more is known. */
pf_code pf_code_of_status(int status);

#endif
