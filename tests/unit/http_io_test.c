/* Bytes in and out of a socket that does not block, in clear text and through TLS. */
#include "server/http/io.h"

#include "support/certificates.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { LARGE = 3 << 20 };

static char whole[LARGE];
static char dir[] = "/tmp/pf-io-XXXXXX", cert_file[64], key_file[64], ca_file[64];
static cert own, client_cert;
static pf_tls *tls;

/* A server's certificate, which is also the CA of its clients'. */
static int set_up(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_DFL); /* what is sent in clear text must not need it ignored */
    srand(5);
    for (size_t i = 0; i < LARGE; i++)
        whole[i] = (char)(rand() >> 5);
    if (!mkdtemp(dir))
        return -1;
    snprintf(cert_file, sizeof cert_file, "%s/cert.pem", dir);
    snprintf(key_file, sizeof key_file, "%s/key.pem", dir);
    snprintf(ca_file, sizeof ca_file, "%s/ca.pem", dir);
    own = cert_make("CN=shop", NULL, -CERT_DAY, CERT_DAY);
    client_cert = cert_make("O=a rather long name,CN=ci", &own, -CERT_DAY, CERT_DAY);
    cert_write(&own, NULL, cert_file);
    cert_write(&own, NULL, ca_file);
    cert_write_key(&own, NULL, key_file);
    pf_tls_config cfg = {cert_file, key_file, ca_file};
    return pf_tls_new(&cfg, &tls, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    pf_tls_free(tls);
    cert_free(&own);
    cert_free(&client_cert);
    unlink(cert_file);
    unlink(key_file);
    unlink(ca_file);
    return rmdir(dir);
}

static void no_waiting(int fd)
{
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
}

/* A connection over TCP with little room in it. fds[0] is the server's. */
static void tcp_pair(int fds[2])
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof sa;
    int room = 8 << 10, l = socket(AF_INET, SOCK_STREAM, 0);
    fds[1] = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(l, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    setsockopt(fds[1], SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    assert_int_equal(bind(l, (struct sockaddr *)&sa, sizeof sa), 0);
    assert_int_equal(listen(l, 1), 0);
    assert_int_equal(getsockname(l, (struct sockaddr *)&sa, &n), 0);
    assert_int_equal(connect(fds[1], (struct sockaddr *)&sa, sizeof sa), 0);
    fds[0] = accept(l, NULL, NULL);
    assert_true(fds[0] >= 0);
    close(l);
    no_waiting(fds[0]);
    no_waiting(fds[1]);
}

static void open_clear(pf_io *io, int fds[2])
{
    tcp_pair(fds);
    assert_true(pf_io_open(io, fds[0], NULL));
    assert_int_equal(pf_io_handshake(io), PF_IO_OK);
}

static SSL *open_tls(pf_io *io, int fds[2], const cert *shown)
{
    bool ok;
    tcp_pair(fds);
    assert_true(pf_io_open(io, fds[0], tls));
    SSL *client = tls_client_new(fds[1], shown, "\x02h2", NULL);
    assert_int_equal(tls_shake(io, client, &ok), PF_IO_OK);
    assert_true(ok);
    return client;
}

static pf_io_result write_text(pf_io *io, const char *text, size_t *put)
{
    *put = 0;
    return pf_io_write(io, &(struct iovec){(char *)text, strlen(text)}, 1, put);
}

/* The kernel needs a moment to carry something from one end of a connection to the other. */
static pf_io_result read_soon(pf_io *io, char *p, size_t n, size_t *got)
{
    pf_io_result r;
    *got = 0;
    while ((r = pf_io_read(io, p, n, got)) == PF_IO_AGAIN)
        usleep(100);
    return r;
}

static void test_clear_text(void **state)
{
    (void)state;
    int fds[2];
    pf_io io;
    char text[16];
    size_t n;
    open_clear(&io, fds);
    assert_int_equal(pf_io_read(&io, text, sizeof text, &n), PF_IO_AGAIN);
    assert_int_equal(write(fds[1], "hello", 5), 5);
    assert_int_equal(read_soon(&io, text, 3, &n), PF_IO_OK);
    assert_int_equal(n, 3);
    assert_int_equal(read_soon(&io, text, sizeof text, &n), PF_IO_OK);
    assert_int_equal(n, 2);
    assert_memory_equal(text, "lo", 2);
    shutdown(fds[1], SHUT_WR);
    assert_int_equal(read_soon(&io, text, sizeof text, &n), PF_IO_END);
    /* It still takes an answer. */
    assert_int_equal(write_text(&io, "bye", &n), PF_IO_OK);
    pf_io_end(&io);
    no_waiting(fds[1]);
    while ((n = (size_t)read(fds[1], text, sizeof text)) == (size_t)-1)
        usleep(100);
    assert_int_equal(n, 3);
    assert_false(pf_io_is_h2(&io) || pf_io_was_resumed(&io) || pf_io_client_name(&io, text, 16));
    pf_io_close(&io);
    close(fds[1]);
}

static void test_a_peer_that_is_gone(void **state)
{
    (void)state;
    int fds[2];
    pf_io io;
    size_t n;
    open_clear(&io, fds);
    close(fds[1]);
    pf_io_result r = PF_IO_OK;
    for (int i = 0; i < 100000 && (r == PF_IO_OK || r == PF_IO_AGAIN); i++)
        r = write_text(&io, "x", &n); /* the first may still go out; no signal comes */
    assert_int_equal(r, PF_IO_ERROR);
    pf_io_close(&io);
}

static void test_abort_resets(void **state)
{
    (void)state;
    int fds[2];
    pf_io io;
    char c;
    open_clear(&io, fds);
    pf_io_abort(&io);
    pf_io_close(&io);
    while (read(fds[1], &c, 1) < 0 && errno == EAGAIN)
        usleep(100);
    assert_int_equal(errno, ECONNRESET);
    close(fds[1]);
}

/* What the client has got so far. */
typedef struct taker {
    int fd;
    SSL *ssl; /* NULL: clear text */
    size_t got;
} taker;

static void take_some(taker *t)
{
    static char piece[5000];
    ssize_t n = t->ssl ? SSL_read(t->ssl, piece, sizeof piece) : read(t->fd, piece, sizeof piece);
    if (n <= 0)
        return;
    assert_true(t->got + (size_t)n <= LARGE);
    assert_memory_equal(piece, whole + t->got, n);
    t->got += (size_t)n;
}

/* The next bytes in up to three pieces, `least` bytes at least where there are so many. */
static int cut_up(size_t at, size_t least, struct iovec pieces[3], size_t *total)
{
    int n = 0;
    *total = 0;
    for (; n < 3 && at < LARGE; n++) {
        size_t len = (size_t)rand() % (n == 1 ? 60000 : 300) + 1;
        if (n == 2 && *total + len < least)
            len = least - *total;
        len = at + len > LARGE ? LARGE - at : len;
        pieces[n] = (struct iovec){whole + at, len};
        at += len;
        *total += len;
    }
    return n;
}

/* Sends all of it in odd pieces through a connection with little room. What found none is cut up anew. How often it
 * was full. */
static int send_whole(pf_io *io, taker *t)
{
    size_t sent = 0, offered = 0;
    int full = 0;
    srand(11);
    while (t->got < LARGE) {
        struct iovec pieces[3];
        size_t put = 0;
        int n = cut_up(sent, offered, pieces, &offered);
        pf_io_result r = n ? pf_io_write(io, pieces, n, &put) : PF_IO_AGAIN;
        assert_true(r == PF_IO_OK || r == PF_IO_AGAIN);
        if (r == PF_IO_OK) {
            assert_true(put > 0 && put <= offered);
            sent += put;
            offered = 0;
            continue;
        }
        full += n > 0;
        for (int i = 0; i < 10; i++)
            take_some(t);
    }
    return full;
}

/* Until the kernel has heard that all was taken. */
static void await_acknowledged(const pf_io *io, uint64_t written)
{
    uint64_t all = io->ssl ? BIO_number_written(SSL_get_wbio(io->ssl)) : written;
    while (pf_io_acknowledged(io, written) < all)
        usleep(100);
    assert_true(pf_io_acknowledged(io, written) == all);
}

static void test_much_in_clear_text(void **state)
{
    (void)state;
    int fds[2];
    pf_io io;
    open_clear(&io, fds);
    taker t = {.fd = fds[1]};
    assert_true(send_whole(&io, &t) > 10);
    await_acknowledged(&io, LARGE);
    pf_io_close(&io);
    close(fds[1]);
}

/* Writes are partial, and what follows a write that found no room is offered in other pieces, at another address. */
static void test_much_through_tls(void **state)
{
    (void)state;
    int fds[2];
    pf_io io;
    SSL *client = open_tls(&io, fds, NULL);
    taker t = {.fd = fds[1], .ssl = client};
    assert_true(send_whole(&io, &t) > 10);
    await_acknowledged(&io, LARGE);
    tls_client_free(client);
    pf_io_close(&io);
    close(fds[1]);
}

static void test_what_is_not_taken_is_not_acknowledged(void **state)
{
    (void)state;
    for (int with_tls = 0; with_tls < 2; with_tls++) {
        int fds[2];
        pf_io io;
        size_t sent = 0, n = 0;
        SSL *client = NULL;
        if (with_tls)
            client = open_tls(&io, fds, NULL);
        else
            open_clear(&io, fds);
        while (pf_io_write(&io, &(struct iovec){whole + sent, LARGE - sent}, 1, &n) == PF_IO_OK)
            sent += n;
        assert_true(sent > 0 && sent < LARGE);
        for (int i = 0; i < 20; i++)
            assert_true(pf_io_acknowledged(&io, sent) < sent);
        tls_client_free(client);
        pf_io_close(&io);
        close(fds[1]);
    }
}

static void test_a_head_and_its_body_are_one_record(void **state)
{
    (void)state;
    int fds[2];
    pf_io io;
    char text[16];
    size_t n;
    SSL *client = open_tls(&io, fds, NULL);
    struct iovec pieces[] = {{"head", 4}, {"body", 4}, {"tail", 4}};
    assert_int_equal(pf_io_write(&io, pieces, 3, &n), PF_IO_OK);
    assert_int_equal(n, 12);
    int got;
    while ((got = SSL_read(client, text, sizeof text)) <= 0)
        usleep(100);
    assert_int_equal(got, 12); /* SSL_read gives no more than a record */
    assert_memory_equal(text, "headbodytail", 12);
    tls_client_free(client);
    pf_io_close(&io);
    close(fds[1]);
}

static void test_tls_reads_and_ends(void **state)
{
    (void)state;
    int fds[2];
    pf_io io;
    char text[32];
    size_t n;
    SSL *client = open_tls(&io, fds, NULL);
    assert_true(pf_io_is_h2(&io));
    assert_int_equal(pf_io_read(&io, text, sizeof text, &n), PF_IO_AGAIN);
    assert_int_equal(SSL_write(client, "hello", 5), 5);
    assert_int_equal(read_soon(&io, text, 2, &n), PF_IO_OK);
    assert_int_equal(n, 2);
    assert_int_equal(pf_io_read(&io, text, sizeof text, &n), PF_IO_OK); /* it was read already */
    assert_int_equal(n, 3);
    pf_io_end(&io);
    while (SSL_read(client, text, sizeof text) <= 0 &&
           !(SSL_get_shutdown(client) & SSL_RECEIVED_SHUTDOWN))
        usleep(100);
    assert_int_equal(SSL_get_shutdown(client) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
    SSL_shutdown(client);
    assert_int_equal(read_soon(&io, text, sizeof text, &n), PF_IO_END);
    tls_client_free(client);
    pf_io_close(&io);
    close(fds[1]);
}

/* A client that just hangs up, as many do, has ended. */
static void test_tls_without_close_notify(void **state)
{
    (void)state;
    int fds[2];
    pf_io io;
    char c;
    size_t n;
    SSL *client = open_tls(&io, fds, NULL);
    assert_int_equal(write_text(&io, "x", &n), PF_IO_OK);
    while (SSL_read(client, &c, 1) <= 0) /* closing with something unread would be a reset */
        usleep(100);
    tls_client_free(client);
    close(fds[1]);
    assert_int_equal(read_soon(&io, &c, 1, &n), PF_IO_END);
    pf_io_end(&io);
    pf_io_close(&io);
}

static pf_io_result shake_with(const char *text, size_t n)
{
    int fds[2];
    pf_io io;
    pf_io_result r = PF_IO_AGAIN;
    tcp_pair(fds);
    assert_true(pf_io_open(&io, fds[0], tls));
    assert_int_equal(pf_io_handshake(&io), PF_IO_AGAIN);
    assert_int_equal(write(fds[1], text, n), n);
    shutdown(fds[1], SHUT_WR);
    while (r == PF_IO_AGAIN) {
        r = pf_io_handshake(&io);
        usleep(100);
    }
    pf_io_end(&io); /* nothing to say goodbye with: harmless */
    pf_io_close(&io);
    close(fds[1]);
    return r;
}

static void test_what_is_no_handshake(void **state)
{
    (void)state;
    static const char http[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n", post[] = "POST /a HTTP/1.1\r\n",
                      garbage[] = "\xff\xfe\xfd nothing of the kind",
                      preface[] = "PRI * HTTP/2.0\r\n\r\n", part[] = "\x16\x03\x01\x02\x00\x01\x00";
    assert_int_equal(shake_with(http, sizeof http - 1), PF_IO_CLEAR);
    assert_int_equal(shake_with(post, sizeof post - 1), PF_IO_CLEAR);
    assert_int_equal(shake_with(garbage, sizeof garbage - 1), PF_IO_ERROR);
    assert_int_equal(shake_with(preface, sizeof preface - 1), PF_IO_CLEAR);
    assert_int_equal(shake_with(part, sizeof part - 1), PF_IO_END); /* cut off */
    assert_int_equal(shake_with("", 0), PF_IO_END);
}

/* One connection's fault stands in a queue of the thread's: it must not be taken for another's. */
static void test_errors_stay_with_their_connection(void **state)
{
    (void)state;
    int fds[2], other[2];
    pf_io io, broken;
    char text[8];
    size_t n;
    SSL *client = open_tls(&io, fds, NULL), *liar = open_tls(&broken, other, NULL);
    static const char garbage[] = "\x17\x03\x03\x00\x20 garbage in a record, 32 bytes long";
    assert_int_equal(write(other[1], garbage, sizeof garbage), sizeof garbage);
    assert_int_equal(read_soon(&broken, text, sizeof text, &n), PF_IO_ERROR);
    assert_int_equal(pf_io_read(&io, text, sizeof text, &n), PF_IO_AGAIN);
    assert_int_equal(write_text(&io, "fine", &n), PF_IO_OK);
    assert_int_equal(SSL_write(client, "too", 3), 3);
    assert_int_equal(read_soon(&io, text, sizeof text, &n), PF_IO_OK);
    tls_client_free(client);
    tls_client_free(liar);
    pf_io_close(&io);
    pf_io_close(&broken);
    close(fds[1]);
    close(other[1]);
}

static void test_the_clients_name(void **state)
{
    (void)state;
    int fds[2];
    pf_io io;
    char name[64];
    SSL *client = open_tls(&io, fds, &client_cert);
    assert_true(pf_io_client_name(&io, name, sizeof name));
    assert_string_equal(name, "CN=ci,O=a rather long name");
    assert_true(pf_io_client_name(&io, name, 27));
    assert_false(pf_io_client_name(&io, name, 26)); /* a name that is cut off is another's */
    tls_client_free(client);
    pf_io_close(&io);
    close(fds[1]);
}

static void test_past_tls(void **state)
{
    (void)state;
    int fds[2];
    char text[8];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    pf_io_write_clear(fds[0], "sorry", 5);
    assert_int_equal(read(fds[1], text, sizeof text), 5);
    close(fds[1]);
    pf_io_write_clear(fds[0], "sorry", 5); /* nobody is there: no signal, no wait */
    close(fds[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clear_text),
        cmocka_unit_test(test_a_peer_that_is_gone),
        cmocka_unit_test(test_abort_resets),
        cmocka_unit_test(test_much_in_clear_text),
        cmocka_unit_test(test_much_through_tls),
        cmocka_unit_test(test_what_is_not_taken_is_not_acknowledged),
        cmocka_unit_test(test_a_head_and_its_body_are_one_record),
        cmocka_unit_test(test_tls_reads_and_ends),
        cmocka_unit_test(test_tls_without_close_notify),
        cmocka_unit_test(test_what_is_no_handshake),
        cmocka_unit_test(test_errors_stay_with_their_connection),
        cmocka_unit_test(test_the_clients_name),
        cmocka_unit_test(test_past_tls),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
