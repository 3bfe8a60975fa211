/* body.h: a request's body while it is collected.
 *
 * A Content-Length is a claim, so it buys at most PF_BODY_FIRST bytes; from there the buffer doubles as bytes really
 * come, never past what was announced or allowed. The budget is charged with what is allocated, before it is.
 */
#ifndef PF_SERVER_HTTP_BODY_H
#define PF_SERVER_HTTP_BODY_H

#include "base/error.h"
#include "base/ledger.h"

#include <stdint.h>

enum { PF_BODY_FIRST = 64 << 10 }; /* first allocation, whatever was announced */

typedef struct pf_body {
    char *data;
    size_t len, cap;    /* cap is what the budget is charged with */
    size_t max;         /* bytes that are allowed */
    uint64_t announced; /* Content-Length; UINT64_MAX: none */
    pf_ledger *budget;  /* NULL: none */
} pf_body;

/* Appends; PF_TOO_LARGE when it can never fit, PF_UNAVAILABLE when it does not fit now. */
pf_code pf_body_append(pf_body *b, const char *data, size_t n, pf_error *err);
void pf_body_free(pf_body *b);

#endif
