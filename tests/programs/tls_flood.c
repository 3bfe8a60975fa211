/* tls_flood.c: a TLS 1.3 client that sends key updates and nothing else, as fast as it can: for
 * tests/integration/test_tls.py, since no other client can be told to.
 *
 *     tls_flood <port> <how many at most>
 *
 * Prints "connected", then "sent" once a thousand have gone out. Exits with 3 when the server has closed the
 * connection, with 0 when it has taken all.
 */
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

static void say(const char *what)
{
    puts(what);
    fflush(stdout);
}

static bool shake_hands(SSL *ssl, int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0 &&
           SSL_set_fd(ssl, fd) == 1 && SSL_set_min_proto_version(ssl, TLS1_3_VERSION) == 1 &&
           SSL_connect(ssl) == 1;
}

static int flood(SSL *ssl, long most)
{
    for (long i = 0; i < most; i++) {
        if (SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED) != 1 || SSL_do_handshake(ssl) != 1)
            return 3;
        if (i == 1000)
            say("sent");
    }
    return 0;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = ctx ? SSL_new(ctx) : NULL;
    int rc = 1;
    if (argc == 3 && ssl && shake_hands(ssl, atoi(argv[1]))) {
        say("connected");
        rc = flood(ssl, atol(argv[2]));
    }
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    return rc;
}
