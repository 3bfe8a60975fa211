#include "server/http/bio.h"

#include <errno.h>
#include <openssl/bio.h>
#include <pthread.h>
#include <sys/socket.h>

static BIO_METHOD *method; /* one for all, for ever */

static bool is_for_now(int e)
{
    return e == EAGAIN || e == EWOULDBLOCK || e == EINTR;
}

static int bio_read(BIO *bio, char *p, int n)
{
    pf_bio *b = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (n <= 0)
        return 0;
    if (!b->reads) {
        BIO_set_retry_read(bio);
        return -1;
    }
    b->reads--;
    ssize_t r = recv(b->fd, p, (size_t)n, 0);
    if (r > 0 && !b->first)
        b->first = (unsigned char)*p;
    b->eof = r == 0;
    if (r < 0 && is_for_now(errno))
        BIO_set_retry_read(bio);
    return (int)r;
}

static int bio_write(BIO *bio, const char *p, int n)
{
    pf_bio *b = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (n <= 0)
        return 0;
    ssize_t r = send(b->fd, p, (size_t)n, MSG_NOSIGNAL);
    if (r > 0)
        b->written += (uint64_t)r;
    else if (r < 0 && is_for_now(errno))
        BIO_set_retry_write(bio);
    return (int)r;
}

static long bio_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
    const pf_bio *b = BIO_get_data(bio);
    (void)num;
    (void)ptr;
    if (cmd == BIO_CTRL_EOF)
        return b->eof;
    return cmd == BIO_CTRL_FLUSH; /* nothing is held back */
}

static void make_method(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "connection");
    if (m && BIO_meth_set_read(m, bio_read) && BIO_meth_set_write(m, bio_write) &&
        BIO_meth_set_ctrl(m, bio_ctrl))
        method = m;
    else
        BIO_meth_free(m);
}

BIO *pf_bio_new(pf_bio *b)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_method);
    BIO *bio = method ? BIO_new(method) : NULL;
    if (bio) {
        BIO_set_data(bio, b);
        BIO_set_init(bio, 1);
    }
    return bio;
}
