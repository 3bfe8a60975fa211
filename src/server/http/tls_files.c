#include "server/http/tls_files.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { FILE_MAX = 1 << 20, CHAIN_DEPTH = 8 };

/* A file under reading. */
typedef struct source {
    const char *flag, *path;
    BIO *bio; /* its bytes */
} source;

static pf_code fail(const source *s, const char *why, pf_error *err)
{
    ERR_clear_error();
    return pf_fail(err, PF_INVALID, "-%s: %s: %s", s->flag, s->path, why);
}

/* With OpenSSL's own words about it. */
static pf_code fail_openssl(const source *s, const char *what, pf_error *err)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return pf_fail(err, PF_INVALID, "-%s: %s: %s: %s", s->flag, s->path, what,
                   reason ? reason : "OpenSSL doesn't say why");
}

static pf_code read_all(const source *s, FILE *f, char *bytes, size_t *n, pf_error *err)
{
    *n = fread(bytes, 1, FILE_MAX, f);
    if (ferror(f))
        return fail(s, strerror(errno), err);
    if (!*n)
        return fail(s, "the file is empty", err);
    return *n == FILE_MAX ? fail(s, "the file is too large", err) : PF_OK;
}

/* A file and nothing else: a pipe would keep who reads it waiting. */
static FILE *open_file(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool file = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    FILE *f = file ? fdopen(fd, "r") : NULL;
    if (fd >= 0 && !f) {
        int why = file ? errno : S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
        close(fd);
        errno = why;
    }
    return f;
}

/* Afterwards close_source, in any case. */
static pf_code open_source(source *s, const char *flag, const char *path, pf_error *err)
{
    *s = (source){flag, path, NULL};
    FILE *f = open_file(path);
    if (!f)
        return fail(s, errno == EINVAL ? "it is no file" : strerror(errno), err);
    size_t n = 0;
    char *bytes = malloc(FILE_MAX);
    pf_code code = bytes ? read_all(s, f, bytes, &n, err) : pf_fail_nomem(err, "TLS");
    if (!code) {
        s->bio = BIO_new(BIO_s_secmem()); /* cleared when it is freed */
        if (!s->bio || BIO_write(s->bio, bytes, (int)n) != (int)n)
            code = pf_fail_nomem(err, "TLS");
    }
    if (bytes)
        OPENSSL_cleanse(bytes, n);
    free(bytes);
    fclose(f);
    return code;
}

static void close_source(source *s)
{
    BIO_free(s->bio);
    ERR_clear_error();
}

/* ---- Certificates */

/* NULL at the end of the file, and when there is what can't be read: *code tells. */
static X509 *next_certificate(const source *s, pf_code *code, pf_error *err)
{
    ERR_clear_error();
    X509 *cert = PEM_read_bio_X509_AUX(s->bio, NULL, NULL, NULL);
    if (!cert && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        *code = fail_openssl(s, "a certificate in it can't be read", err);
    return cert;
}

static bool unix_seconds(const ASN1_TIME *t, int64_t *out)
{
    struct tm tm;
    if (!t || ASN1_TIME_to_tm(t, &tm) != 1)
        return false;
    *out = timegm(&tm);
    return true;
}

static pf_code check_dates(const source *s, const X509 *cert, int64_t *not_after, pf_error *err)
{
    int64_t from, now = time(NULL);
    if (!unix_seconds(X509_get0_notBefore(cert), &from) ||
        !unix_seconds(X509_get0_notAfter(cert), not_after))
        return fail(s, "the certificate has no period of validity", err);
    if (*not_after >= now && from <= now)
        return PF_OK;
    char at[PF_TLS_TIME];
    bool over = *not_after < now;
    pf_tls_format_time(over ? *not_after : from, at);
    return pf_fail(err, PF_INVALID, "-%s: %s: the certificate %s %s", s->flag, s->path,
                   over ? "expired on" : "is valid only from", at);
}

static pf_code load_chain(SSL_CTX *ctx, const source *s, pf_error *err)
{
    pf_code code = PF_OK;
    X509 *cert;
    while (!code && (cert = next_certificate(s, &code, err)))
        if (SSL_CTX_add0_chain_cert(ctx, cert) != 1) {
            X509_free(cert);
            code = fail_openssl(s, "a certificate of its chain can't be used", err);
        }
    return code;
}

static pf_code load_certificate(SSL_CTX *ctx, const char *path, int64_t *not_after, pf_error *err)
{
    source s;
    pf_code code = open_source(&s, "tls.cert", path, err);
    X509 *cert = code ? NULL : next_certificate(&s, &code, err);
    if (!code && !cert)
        code = fail(&s, "there is no certificate in it (PEM: -----BEGIN CERTIFICATE-----)", err);
    if (!code)
        code = check_dates(&s, cert, not_after, err);
    if (!code && SSL_CTX_use_certificate(ctx, cert) != 1)
        code = fail_openssl(&s, "the certificate can't be used", err);
    X509_free(cert);
    if (!code)
        code = load_chain(ctx, &s, err);
    close_source(&s);
    return code;
}

/* ---- The key */

static int note_encrypted(char *buf, int size, int rwflag, void *encrypted)
{
    (void)buf;
    (void)size;
    (void)rwflag;
    *(bool *)encrypted = true;
    return -1; /* else OpenSSL would ask at the terminal */
}

static pf_code load_key(SSL_CTX *ctx, const char *path, const char *cert_path, pf_error *err)
{
    source s;
    bool encrypted = false;
    pf_code code = open_source(&s, "tls.key", path, err);
    EVP_PKEY *key = code ? NULL : PEM_read_bio_PrivateKey(s.bio, NULL, note_encrypted, &encrypted);
    if (!code && encrypted)
        code = fail(&s, "the key is encrypted: it must be readable without a passphrase", err);
    else if (!code && !key)
        code = fail(&s, "there is no private key in it (PEM: -----BEGIN PRIVATE KEY-----)", err);
    if (!code && X509_check_private_key(SSL_CTX_get0_certificate(ctx), key) != 1) {
        ERR_clear_error();
        code = pf_fail(err, PF_INVALID,
                       "-tls.key: %s: the key doesn't belong to the certificate in %s", path,
                       cert_path);
    }
    if (!code && SSL_CTX_use_PrivateKey(ctx, key) != 1)
        code = fail_openssl(&s, "the key can't be used", err);
    EVP_PKEY_free(key);
    close_source(&s);
    return code;
}

/* ---- Who signs clients' certificates */

static pf_code trust(SSL_CTX *ctx, X509_STORE *store, const source *s, X509 *cert, pf_error *err)
{
    bool ok = X509_STORE_add_cert(store, cert) == 1 && SSL_CTX_add_client_CA(ctx, cert) == 1;
    X509_free(cert);
    return ok ? PF_OK : fail_openssl(s, "a certificate in it can't be used", err);
}

static bool take_digest(const source *s, unsigned char *out)
{
    char *bytes;
    long n = BIO_get_mem_data(s->bio, &bytes);
    return EVP_Digest(bytes, (size_t)n, out, NULL, EVP_sha256(), NULL) == 1;
}

/* An authority counts by standing in the file, whoever has signed it. */
static pf_code load_client_ca(SSL_CTX *ctx, const char *path, unsigned char *digest, pf_error *err)
{
    source s;
    X509 *cert;
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    size_t n = 0;
    pf_code code = open_source(&s, "tls.client-ca", path, err);
    if (!code && !take_digest(&s, digest))
        code = pf_fail_nomem(err, "TLS");
    for (; !code && (cert = next_certificate(&s, &code, err)); n++)
        code = trust(ctx, store, &s, cert, err);
    if (!code && !n)
        code = fail(&s, "there is no certificate in it (PEM: -----BEGIN CERTIFICATE-----)", err);
    close_source(&s);
    X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
    SSL_CTX_set_verify_depth(ctx, CHAIN_DEPTH);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    return code;
}

pf_code pf_tls_load(SSL_CTX *ctx, const pf_tls_config *cfg, pf_tls_loaded *out, pf_error *err)
{
    *out = (pf_tls_loaded){0};
    pf_code code = load_certificate(ctx, cfg->cert, &out->not_after, err);
    if (!code)
        code = load_key(ctx, cfg->key, cfg->cert, err);
    if (!code && cfg->client_ca)
        code = load_client_ca(ctx, cfg->client_ca, out->client_ca, err);
    return code;
}

void pf_tls_format_time(int64_t seconds, char out[static PF_TLS_TIME])
{
    time_t t = seconds;
    struct tm tm;
    gmtime_r(&t, &tm);
    strftime(out, PF_TLS_TIME, "%Y-%m-%dT%H:%M:%SZ", &tm);
}
