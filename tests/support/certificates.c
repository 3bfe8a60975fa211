#include "support/certificates.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void set_name(X509_NAME *name, const char *subject)
{
    pf_str rest = pf_str_c(subject), one, key, value;
    while (rest.n) {
        char field[16];
        pf_str_cut(rest, ',', &one, &rest);
        pf_str_cut(one, '=', &key, &value);
        snprintf(field, sizeof field, "%.*s", PF_FMT(key));
        assert_int_equal(X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                                                    (const unsigned char *)value.p, (int)value.n,
                                                    -1, 0),
                         1);
    }
}

static void make_ca(X509 *x509)
{
    X509_EXTENSION *ext =
        X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
    assert_non_null(ext);
    assert_int_equal(X509_add_ext(x509, ext, -1), 1);
    X509_EXTENSION_free(ext);
}

cert cert_make(const char *subject, const cert *issuer, long from, long until)
{
    static long serial;
    cert c = {EVP_EC_gen("P-256"), X509_new()};
    assert_true(c.key && c.x509);
    const cert *by = issuer ? issuer : &c;
    assert_int_equal(X509_set_version(c.x509, X509_VERSION_3), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(c.x509), ++serial), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(c.x509), from));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(c.x509), until));
    set_name(X509_get_subject_name(c.x509), subject);
    assert_int_equal(X509_set_issuer_name(c.x509, X509_get_subject_name(by->x509)), 1);
    assert_int_equal(X509_set_pubkey(c.x509, c.key), 1);
    if (!issuer)
        make_ca(c.x509);
    assert_true(X509_sign(c.x509, by->key, EVP_sha256()) > 0);
    return c;
}

void cert_free(cert *c)
{
    EVP_PKEY_free(c->key);
    X509_free(c->x509);
}

static FILE *open_beside(const char *file, char *other, size_t n)
{
    snprintf(other, n, "%s.new", file);
    FILE *f = fopen(other, "we");
    assert_non_null(f);
    return f;
}

static void put_in_place(FILE *f, const char *other, const char *file)
{
    assert_int_equal(fclose(f), 0);
    assert_int_equal(rename(other, file), 0);
}

void cert_write(const cert *c, const cert *then, const char *file)
{
    char other[256];
    FILE *f = open_beside(file, other, sizeof other);
    assert_int_equal(PEM_write_X509(f, c->x509), 1);
    if (then)
        assert_int_equal(PEM_write_X509(f, then->x509), 1);
    put_in_place(f, other, file);
}

void cert_write_key(const cert *c, const char *passphrase, const char *file)
{
    char other[256];
    FILE *f = open_beside(file, other, sizeof other);
    const EVP_CIPHER *cipher = passphrase ? EVP_aes_128_cbc() : NULL;
    assert_int_equal(PEM_write_PrivateKey(f, c->key, cipher, (const unsigned char *)passphrase,
                                          passphrase ? (int)strlen(passphrase) : 0, NULL, NULL),
                     1);
    put_in_place(f, other, file);
}

SSL *tls_client_new(int fd, const cert *own, const char *alpn, SSL_SESSION *session)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    assert_non_null(ctx);
    if (own) {
        assert_int_equal(SSL_CTX_use_certificate(ctx, own->x509), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey(ctx, own->key), 1);
    }
    SSL *ssl = SSL_new(ctx);
    SSL_CTX_free(ctx); /* ssl holds it */
    assert_non_null(ssl);
    assert_int_equal(SSL_set_fd(ssl, fd), 1);
    SSL_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (alpn)
        assert_int_equal(
            SSL_set_alpn_protos(ssl, (const unsigned char *)alpn, (unsigned)strlen(alpn)), 0);
    if (session)
        assert_int_equal(SSL_set_session(ssl, session), 1);
    SSL_set_connect_state(ssl);
    return ssl;
}

void tls_client_free(SSL *ssl)
{
    SSL_free(ssl);
}

pf_io_result tls_shake(pf_io *server, SSL *client, bool *client_ok)
{
    pf_io_result r = PF_IO_AGAIN;
    int rc = -1, why = SSL_ERROR_WANT_READ;
    for (int i = 0; i < 100 && (r == PF_IO_AGAIN || why == SSL_ERROR_WANT_READ); i++) {
        if (rc != 1) {
            rc = SSL_do_handshake(client);
            why = SSL_get_error(client, rc);
        }
        if (r == PF_IO_AGAIN)
            r = pf_io_handshake(server);
        if (r != PF_IO_AGAIN && r != PF_IO_OK && rc != 1 && i > 10)
            break; /* it has said why, and the client has had its chance to read it */
    }
    *client_ok = rc == 1;
    return r;
}
