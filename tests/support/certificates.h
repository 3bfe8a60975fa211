/* certificates.h: keys and certificates made on the spot, and a TLS client that uses them. */
#ifndef PF_SUPPORT_CERTIFICATES_H
#define PF_SUPPORT_CERTIFICATES_H

#include "server/http/io.h"

#include <openssl/ssl.h>

/* A key on P-256 and what vouches for it. */
typedef struct cert {
    EVP_PKEY *key;
    X509 *x509;
} cert;

enum { CERT_DAY = 86400 };

/* For `subject` ("CN=shop,O=x": from the general to the special), valid `from` to `until` seconds from now, signed by
 * `issuer`; NULL: by itself, and it may sign others. Fails the test when it can't be made. */
cert cert_make(const char *subject, const cert *issuer, long from, long until);
void cert_free(cert *c);

/* Writes PEM files; with `then` also the certificate that leads on; with `passphrase` an encrypted key. As one that
 * replaces files should: under another name first. */
void cert_write(const cert *c, const cert *then, const char *file);
void cert_write_key(const cert *c, const char *passphrase, const char *file);

/* A client's side of a handshake on `fd`, which must not block: nothing has been sent yet. `own` is the certificate
 * it shows, NULL: none; `alpn` as RFC 7301 has it, "\x02h2"; NULL: none; `session` what it resumes, or NULL. */
SSL *tls_client_new(int fd, const cert *own, const char *alpn, SSL_SESSION *session);
void tls_client_free(SSL *ssl);

/* Lets both sides go on until neither must. What the server's side came to; *client is whether the client's was done
 * without an error. */
pf_io_result tls_shake(pf_io *server, SSL *client, bool *client_ok);

#endif
