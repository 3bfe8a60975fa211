/* tls_files.h: what the files of a pf_tls_config say, put into a context of OpenSSL.
 *
 * Every file is read once and whole, and then judged by what it holds. Errors are for the person who runs the server:
 * they name the flag, the file, and what to mend. A key that needs a passphrase is one of them: nobody is asked.
 */
#ifndef PF_SERVER_HTTP_TLS_FILES_H
#define PF_SERVER_HTTP_TLS_FILES_H

#include "base/error.h"

#include <openssl/types.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct pf_tls_config {
    const char *cert; /* PEM: the certificate, then those that lead to its CA; borrowed */
    const char *key;  /* PEM, without a passphrase; borrowed */
    const char
        *client_ca; /* PEM: who signs clients' certificates; NULL: clients aren't asked; borrowed */
} pf_tls_config;

enum { PF_TLS_DIGEST = 32 };

typedef struct pf_tls_loaded {
    int64_t not_after;                      /* when the certificate ends, in Unix seconds */
    unsigned char client_ca[PF_TLS_DIGEST]; /* of that file's bytes; 0 without one */
} pf_tls_loaded;

/* PF_INVALID: see above. */
pf_code pf_tls_load(SSL_CTX *ctx, const pf_tls_config *cfg, pf_tls_loaded *out, pf_error *err);

/* "2026-11-22T10:00:00Z" */
enum { PF_TLS_TIME = 32 };
void pf_tls_format_time(int64_t seconds, char out[static PF_TLS_TIME]);

#endif
