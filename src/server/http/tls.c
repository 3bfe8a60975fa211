#include "server/http/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { FILES = 3, TICKET_KEYS_MAX = 128, CHAIN_DEPTH = 8 };

/* What tells a file that was replaced from the one before. */
typedef struct stamp {
    struct timespec changed;
    ino_t inode;
    off_t size;
} stamp;

struct pf_tls {
    pf_tls_config cfg;
    pthread_mutex_t lock; /* guards ctx, not_after */
    SSL_CTX *ctx;
    int64_t not_after;
    stamp seen[FILES]; /* belongs to whoever reloads: one thread */
    unsigned char ticket_keys[TICKET_KEYS_MAX];
    size_t ticket_keys_n;
};

/* OpenSSL's first error of this thread, as people read it. */
static const char *reason(char *text, size_t n)
{
    unsigned long e = ERR_get_error();
    const char *why = e ? ERR_reason_error_string(e) : NULL;
    if (why)
        return why;
    ERR_error_string_n(e, text, n);
    return text;
}

static pf_code fail(const char *what, const char *file, pf_error *err)
{
    char text[256];
    pf_code code = pf_fail(err, PF_INVALID, "%s %s: %s", what, file, reason(text, sizeof text));
    ERR_clear_error();
    return code;
}

static int pick_protocol(SSL *ssl, const unsigned char **out, unsigned char *outlen,
                         const unsigned char *in, unsigned inlen, void *arg)
{
    static const unsigned char ours[] = "\x02h2\x08http/1.1";
    (void)ssl;
    (void)arg;
    return SSL_select_next_proto((unsigned char **)out, outlen, ours, sizeof ours - 1, in, inlen) ==
                   OPENSSL_NPN_NEGOTIATED
               ? SSL_TLSEXT_ERR_OK
               : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static pf_code load_client_ca(SSL_CTX *ctx, const char *file, pf_error *err)
{
    if (SSL_CTX_load_verify_file(ctx, file) != 1)
        return fail("-tls.client-ca: can't read certificates from", file, err);
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(file);
    if (!names)
        return fail("-tls.client-ca: can't read certificates from", file, err);
    SSL_CTX_set_client_CA_list(ctx, names); /* takes them over */
    SSL_CTX_set_verify_depth(ctx, CHAIN_DEPTH);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_CLIENT_ONCE, NULL);
    return PF_OK;
}

static bool unix_seconds(const ASN1_TIME *t, int64_t *out)
{
    struct tm tm;
    if (!t || ASN1_TIME_to_tm(t, &tm) != 1)
        return false;
    *out = timegm(&tm);
    return true;
}

static pf_code check_dates(SSL_CTX *ctx, const char *file, int64_t *not_after, pf_error *err)
{
    const X509 *cert = SSL_CTX_get0_certificate(ctx);
    int64_t from, now = time(NULL);
    if (!cert || !unix_seconds(X509_get0_notBefore(cert), &from) ||
        !unix_seconds(X509_get0_notAfter(cert), not_after))
        return pf_fail(err, PF_INVALID, "-tls.cert: %s has no period of validity", file);
    char day[32];
    struct tm tm;
    time_t at = *not_after < now ? *not_after : from;
    gmtime_r(&at, &tm);
    strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%SZ", &tm);
    if (*not_after < now)
        return pf_fail(err, PF_INVALID, "-tls.cert: the certificate in %s expired on %s", file,
                       day);
    if (from > now)
        return pf_fail(err, PF_INVALID, "-tls.cert: the certificate in %s is valid only from %s",
                       file, day);
    return PF_OK;
}

static pf_code load_files(SSL_CTX *ctx, const pf_tls_config *cfg, int64_t *not_after, pf_error *err)
{
    if (SSL_CTX_use_certificate_chain_file(ctx, cfg->cert) != 1)
        return fail("-tls.cert: can't read a certificate from", cfg->cert, err);
    if (SSL_CTX_use_PrivateKey_file(ctx, cfg->key, SSL_FILETYPE_PEM) != 1)
        return fail("-tls.key: can't use the key in", cfg->key, err);
    if (SSL_CTX_check_private_key(ctx) != 1)
        return fail("-tls.key: doesn't belong to the certificate:", cfg->key, err);
    pf_code code = check_dates(ctx, cfg->cert, not_after, err);
    if (!code && cfg->client_ca)
        code = load_client_ca(ctx, cfg->client_ca, err);
    return code;
}

static int no_passphrase(char *buf, int size, int rwflag, void *arg)
{
    (void)buf;
    (void)size;
    (void)rwflag;
    (void)arg;
    return -1; /* else OpenSSL would ask at the terminal */
}

/* For TLS 1.2: forward secrecy and authenticated encryption, as HTTP/2 demands. Those of 1.3 all have both. */
static const char ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20";

/* Sessions are kept by clients, in tickets: there is no cache here that could grow. */
static SSL_CTX *new_ctx(pf_tls *tls)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (!ctx || SSL_CTX_set_cipher_list(ctx, ciphers) != 1) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                                 SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(ctx, 1);
    SSL_CTX_set_alpn_select_cb(ctx, pick_protocol, NULL);
    SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
    static const unsigned char id[] = "profefe";
    SSL_CTX_set_session_id_context(ctx, id, sizeof id - 1);
    SSL_CTX_set_tlsext_ticket_keys(ctx, tls->ticket_keys, tls->ticket_keys_n);
    return ctx;
}

/* Every context of one pf_tls encrypts tickets with the keys that OpenSSL made for the first. */
static bool make_ticket_keys(pf_tls *tls)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    long n = ctx ? SSL_CTX_get_tlsext_ticket_keys(ctx, NULL, 0) : 0;
    bool ok = n > 0 && n <= TICKET_KEYS_MAX &&
              SSL_CTX_get_tlsext_ticket_keys(ctx, tls->ticket_keys, n) == 1;
    tls->ticket_keys_n = ok ? (size_t)n : 0;
    SSL_CTX_free(ctx);
    return ok;
}

static void take_stamps(const pf_tls *tls, stamp out[FILES])
{
    const char *files[FILES] = {tls->cfg.cert, tls->cfg.key, tls->cfg.client_ca};
    for (int i = 0; i < FILES; i++) {
        struct stat st;
        memset(&out[i], 0, sizeof out[i]); /* compared by bytes */
        if (files[i] && stat(files[i], &st) == 0) {
            out[i].changed = st.st_mtim;
            out[i].inode = st.st_ino;
            out[i].size = st.st_size;
        }
    }
}

pf_code pf_tls_reload(pf_tls *tls, bool force, bool *fresh, pf_error *err)
{
    stamp now[FILES];
    *fresh = false;
    take_stamps(tls, now);
    if (!force && memcmp(now, tls->seen, sizeof now) == 0)
        return PF_OK;
    /* A ticket says that a CA of before vouched for the client. */
    bool other_ca = tls->ctx && memcmp(&now[FILES - 1], &tls->seen[FILES - 1], sizeof *now) != 0;
    memcpy(tls->seen, now, sizeof now);
    if (other_ca && !make_ticket_keys(tls))
        return pf_fail_nomem(err, "TLS");
    SSL_CTX *ctx = new_ctx(tls);
    if (!ctx)
        return pf_fail_nomem(err, "TLS");
    int64_t not_after = 0;
    pf_code code = load_files(ctx, &tls->cfg, &not_after, err);
    if (code) {
        SSL_CTX_free(ctx);
        return code;
    }
    pthread_mutex_lock(&tls->lock);
    SSL_CTX *old = tls->ctx;
    tls->ctx = ctx;
    tls->not_after = not_after;
    pthread_mutex_unlock(&tls->lock);
    SSL_CTX_free(old); /* connections hold references of their own */
    *fresh = true;
    return PF_OK;
}

pf_code pf_tls_new(const pf_tls_config *cfg, pf_tls **out, pf_error *err)
{
    pf_tls *tls = calloc(1, sizeof *tls);
    if (!tls)
        return pf_fail_nomem(err, "TLS");
    tls->cfg = *cfg;
    pthread_mutex_init(&tls->lock, NULL);
    bool fresh;
    pf_code code =
        make_ticket_keys(tls) ? pf_tls_reload(tls, true, &fresh, err) : pf_fail_nomem(err, "TLS");
    if (code)
        pf_tls_free(tls);
    else
        *out = tls;
    return code;
}

void pf_tls_free(pf_tls *tls)
{
    if (!tls)
        return;
    SSL_CTX_free(tls->ctx);
    OPENSSL_cleanse(tls->ticket_keys, sizeof tls->ticket_keys);
    pthread_mutex_destroy(&tls->lock);
    free(tls);
}

int64_t pf_tls_not_after(pf_tls *tls)
{
    pthread_mutex_lock(&tls->lock);
    int64_t t = tls->not_after;
    pthread_mutex_unlock(&tls->lock);
    return t;
}

void *pf_tls_session(pf_tls *tls)
{
    pthread_mutex_lock(&tls->lock);
    SSL *ssl = SSL_new(tls->ctx);
    pthread_mutex_unlock(&tls->lock);
    return ssl;
}
