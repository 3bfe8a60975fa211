#include "server/http/tls.h"

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { FILES = 3, TICKET_KEYS_MAX = 128 };

/* What tells a file that was replaced, written or made readable from the one before. */
typedef struct stamp {
    struct timespec changed; /* st_ctim: it also moves with the rights, and can't be set back */
    ino_t inode;
    off_t size;
} stamp;

struct pf_tls {
    pf_tls_config cfg;
    pthread_mutex_t lock; /* guards ctx, loaded */
    SSL_CTX *ctx;
    pf_tls_loaded loaded;
    stamp seen[FILES]; /* belongs to whoever reloads, one thread, like what follows */
    unsigned char ticket_keys[TICKET_KEYS_MAX];
    size_t ticket_keys_n;
};

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

/* For TLS 1.2: forward secrecy and authenticated encryption, as HTTP/2 demands. Those of 1.3 all have both. */
static const char ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20";

/* Sessions are kept by clients, in tickets: there is no cache here that could grow. */
static SSL_CTX *new_ctx(void)
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
    static const unsigned char id[] = "profefe";
    SSL_CTX_set_session_id_context(ctx, id, sizeof id - 1);
    return ctx;
}

/* Keys that OpenSSL made for a context are those of all others of this pf_tls. */
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

/* A ticket says that an authority of before vouched for the client: with others there are other keys. */
static bool set_ticket_keys(pf_tls *tls, SSL_CTX *ctx, const pf_tls_loaded *loaded)
{
    bool same = tls->ticket_keys_n &&
                memcmp(loaded->client_ca, tls->loaded.client_ca, sizeof loaded->client_ca) == 0;
    return (same || make_ticket_keys(tls)) &&
           SSL_CTX_set_tlsext_ticket_keys(ctx, tls->ticket_keys, tls->ticket_keys_n) == 1;
}

static void take_stamps(const pf_tls *tls, stamp out[FILES])
{
    const char *files[FILES] = {tls->cfg.cert, tls->cfg.key, tls->cfg.client_ca};
    for (int i = 0; i < FILES; i++) {
        struct stat st;
        memset(&out[i], 0, sizeof out[i]); /* compared by bytes */
        if (files[i] && stat(files[i], &st) == 0) {
            out[i].changed = st.st_ctim;
            out[i].inode = st.st_ino;
            out[i].size = st.st_size;
        }
    }
}

static void use(pf_tls *tls, SSL_CTX *ctx, const pf_tls_loaded *loaded)
{
    pthread_mutex_lock(&tls->lock);
    SSL_CTX *old = tls->ctx;
    tls->ctx = ctx;
    tls->loaded = *loaded;
    pthread_mutex_unlock(&tls->lock);
    SSL_CTX_free(old); /* connections hold references of their own */
}

/* The stamps are taken before the files are read, so that a change in between is seen the next time. */
pf_code pf_tls_reload(pf_tls *tls, bool force, bool *fresh, pf_error *err)
{
    stamp now[FILES];
    *fresh = false;
    take_stamps(tls, now);
    if (!force && memcmp(now, tls->seen, sizeof now) == 0)
        return PF_OK;
    memcpy(tls->seen, now, sizeof now);
    pf_tls_loaded loaded;
    SSL_CTX *ctx = new_ctx();
    pf_code code = ctx ? pf_tls_load(ctx, &tls->cfg, &loaded, err) : pf_fail_nomem(err, "TLS");
    if (!code && !set_ticket_keys(tls, ctx, &loaded))
        code = pf_fail_nomem(err, "TLS");
    if (code) {
        SSL_CTX_free(ctx);
        if (code != PF_INVALID) /* not the files' fault: to be tried again */
            memset(tls->seen, 0, sizeof tls->seen);
        return code;
    }
    use(tls, ctx, &loaded);
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
    pf_code code = pf_tls_reload(tls, true, &fresh, err);
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
    int64_t t = tls->loaded.not_after;
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
