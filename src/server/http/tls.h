/* tls.h: certificate, key and rules that TLS listeners work with (OpenSSL; TLS 1.2 and 1.3).
 *
 *     pf_tls *tls;
 *     if (pf_tls_new(&(pf_tls_config){.cert = "cert.pem", .key = "key.pem"}, &tls, &err)) …
 *     listens[0] = (pf_http_listen){.addr = ":10443", .app = &app, .tls = tls};
 *
 * The files can be read again while connections are open: those keep what they began with, new ones get the new
 * certificate, and sessions of before can still be resumed. Files that can't be used change nothing.
 *
 * ALPN offers h2 and http/1.1. Sessions are resumed by tickets, whose keys live as long as the pf_tls, but for this:
 * with another client_ca no session of before is resumed.
 * With client_ca a client is asked for a certificate; one that gives none is let in all the same and has no name
 * (pf_req_client_name), one whose certificate that CA did not sign fails in the handshake.
 * Thread-safe, but for pf_tls_reload: one thread.
 */
#ifndef PF_SERVER_HTTP_TLS_H
#define PF_SERVER_HTTP_TLS_H

#include "base/str.h"
#include "server/http/tls_files.h"

typedef struct pf_tls pf_tls;

/* PF_INVALID names flag, file and what is wrong with it: unreadable, not PEM, expired, encrypted, key and certificate
 * that don't belong together. */
pf_code pf_tls_new(const pf_tls_config *cfg, pf_tls **out, pf_error *err);
void pf_tls_free(pf_tls *tls); /* NULL is allowed */

/* Reads the files again if one of them has changed since they were last tried, or in any case with `force`; *fresh
 * tells whether new ones are in force. Reads files: not on a loop's thread. On an error the old ones go on. */
pf_code pf_tls_reload(pf_tls *tls, bool force, bool *fresh, pf_error *err);

/* When the certificate in force ends, in Unix seconds. */
int64_t pf_tls_not_after(pf_tls *tls);

/* For io.c: an SSL of the certificate in force (SSL *), NULL when out of memory. */
void *pf_tls_session(pf_tls *tls);

#endif
