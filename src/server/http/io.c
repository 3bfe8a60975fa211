#include "server/http/io.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <linux/sockios.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    TLS_RECORD = 16 << 10,
    READS = 4, /* of the socket before others have their turn: a record takes two */
};

bool pf_io_open(pf_io *io, int fd, pf_tls *tls)
{
    *io = (pf_io){.fd = fd};
    if (!tls)
        return true;
    io->bio.fd = fd;
    SSL *ssl = pf_tls_session(tls);
    BIO *bio = ssl ? pf_bio_new(&io->bio) : NULL;
    if (!bio) {
        SSL_free(ssl);
        return false;
    }
    SSL_set_bio(ssl, bio, bio);
    SSL_set_accept_state(ssl);
    io->ssl = ssl;
    return true;
}

void pf_io_close(pf_io *io)
{
    SSL_free(io->ssl);
    close(io->fd);
}

/* OpenSSL keeps errors per thread: they are cleared before each call, so that one connection's is never taken for
 * another's. */
static pf_io_result tls_result(const pf_io *io, int rc)
{
    switch (SSL_get_error(io->ssl, rc)) {
    case SSL_ERROR_NONE:
        return PF_IO_OK;
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return PF_IO_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return PF_IO_END;
    default:
        return PF_IO_ERROR;
    }
}

pf_io_result pf_io_handshake(pf_io *io)
{
    if (!io->ssl)
        return PF_IO_OK;
    io->bio.reads = UINT_MAX; /* what a handshake may read is bounded by OpenSSL */
    ERR_clear_error();
    pf_io_result r = tls_result(io, SSL_do_handshake(io->ssl));
    /* A record of TLS begins with a byte from 20 to 23. */
    bool clear = !io->bio.written && isupper(io->bio.first);
    return r == PF_IO_ERROR && clear ? PF_IO_CLEAR : r;
}

static pf_io_result socket_result(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? PF_IO_AGAIN : PF_IO_ERROR;
}

pf_io_result pf_io_read(pf_io *io, char *p, size_t n, size_t *got)
{
    if (!io->ssl) {
        ssize_t r = recv(io->fd, p, n, 0);
        if (r < 0)
            return socket_result();
        *got = (size_t)r;
        return r ? PF_IO_OK : PF_IO_END;
    }
    io->bio.reads = READS;
    ERR_clear_error();
    int rc = SSL_read_ex(io->ssl, p, n, got);
    if (rc == 1)
        return PF_IO_OK;
    *got = 0;
    pf_io_result r = tls_result(io, rc);
    return r == PF_IO_AGAIN && !io->bio.reads ? PF_IO_OK : r;
}

/* A record of its own for a short head costs the client a wake-up: pieces go together. */
static pf_io_result write_tls(pf_io *io, const struct iovec *iov, int n, size_t *put)
{
    char together[TLS_RECORD];
    const void *p = iov[0].iov_base;
    size_t len = iov[0].iov_len;
    if (n > 1 && len < sizeof together) {
        len = 0;
        for (int i = 0; i < n && len < sizeof together; i++) {
            size_t room = sizeof together - len,
                   part = iov[i].iov_len < room ? iov[i].iov_len : room;
            memcpy(together + len, iov[i].iov_base, part);
            len += part;
        }
        p = together;
    }
    ERR_clear_error();
    int rc = SSL_write_ex(io->ssl, p, len, put);
    return rc == 1 ? PF_IO_OK : tls_result(io, rc);
}

pf_io_result pf_io_write(pf_io *io, const struct iovec *iov, int n, size_t *put)
{
    if (io->ssl)
        return write_tls(io, iov, n, put);
    struct msghdr msg = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)n};
    ssize_t r = sendmsg(io->fd, &msg, MSG_NOSIGNAL);
    if (r < 0)
        return socket_result();
    *put = (size_t)r;
    return PF_IO_OK;
}

void pf_io_end(pf_io *io)
{
    if (io->ssl && SSL_is_init_finished(io->ssl)) {
        ERR_clear_error();
        SSL_shutdown(io->ssl);
    }
    shutdown(io->fd, SHUT_WR);
}

void pf_io_abort(pf_io *io)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(io->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

void pf_io_write_clear(int fd, const char *p, size_t n)
{
    if (send(fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        /* Given up, as promised: there is nobody to tell. */
    }
}

uint64_t pf_io_acknowledged(const pf_io *io, uint64_t written)
{
    if (io->ssl)
        written = io->bio.written;
    int waiting = 0;
    if (ioctl(io->fd, SIOCOUTQ, &waiting) < 0 || waiting < 0 || (uint64_t)waiting > written)
        return 0;
    return written - (uint64_t)waiting;
}

bool pf_io_is_h2(const pf_io *io)
{
    const unsigned char *name = NULL;
    unsigned n = 0;
    if (io->ssl)
        SSL_get0_alpn_selected(io->ssl, &name, &n);
    return n == 2 && memcmp(name, "h2", 2) == 0;
}

bool pf_io_was_resumed(const pf_io *io)
{
    return io->ssl && SSL_session_reused(io->ssl) == 1;
}

/* A resumed session was verified when it began: its certificate may have ended since. */
static X509 *client_certificate(const pf_io *io)
{
    X509 *cert = io->ssl && SSL_get_verify_result(io->ssl) == X509_V_OK
                     ? SSL_get0_peer_certificate(io->ssl)
                     : NULL;
    return cert && X509_cmp_current_time(X509_get0_notAfter(cert)) > 0 ? cert : NULL;
}

bool pf_io_client_name(const pf_io *io, char *out, size_t n)
{
    X509 *cert = client_certificate(io);
    BIO *text = cert ? BIO_new(BIO_s_mem()) : NULL;
    if (!text)
        return false;
    const char *p;
    bool ok = X509_NAME_print_ex(text, X509_get_subject_name(cert), 0, XN_FLAG_RFC2253) >= 0;
    long len = BIO_get_mem_data(text, &p);
    ok = ok && len > 0 && (size_t)len < n;
    if (ok) {
        memcpy(out, p, (size_t)len);
        out[len] = 0;
    }
    BIO_free(text);
    return ok;
}
