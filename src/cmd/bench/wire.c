#include "cmd/bench/wire.h"

#include "base/str.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    PATIENCE_S = 30,
    /* RFC 9113 */
    FRAME_HEAD = 9,
    DATA = 0,
    HEADERS = 1,
    END_STREAM = 1,
    END_HEADERS = 4,
};

/* ---- Where */

static pf_code resolve(const char *url, const char *usual_port, struct addrinfo **out,
                       pf_error *err)
{
    char host[256];
    pf_str rest = pf_str_c(strstr(url, "://") + 3), authority, path;
    pf_str_cut(rest, '/', &authority, &path);
    snprintf(host, sizeof host, "%.*s", PF_FMT(authority));
    char *colon = strrchr(host, ':'), *name = host;
    const char *port = usual_port;
    if (colon && !strchr(colon, ']')) {
        *colon = 0;
        port = colon + 1;
    }
    if (*name == '[') {
        name++;
        name[strcspn(name, "]")] = 0;
    }
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    int rc = getaddrinfo(name, port, &hints, out);
    return rc ? pf_fail(err, PF_INVALID, "%s: %s", url, gai_strerror(rc)) : PF_OK;
}

static SSL_CTX *client_ctx(bool http2)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    const unsigned char *alpn = (const unsigned char *)(http2 ? "\x02h2" : "\x08http/1.1");
    if (ctx && SSL_CTX_set_alpn_protos(ctx, alpn, 1u + *alpn) != 0) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

pf_code bench_place_find(bench_place *p, const bench_target *t, pf_error *err)
{
    bool tls = bench_target_is_tls(t);
    *p = (bench_place){.http2 = t->http2};
    if (tls && !(p->ctx = client_ctx(t->http2)))
        return pf_fail_nomem(err, "TLS");
    return resolve(t->url, tls ? "443" : "80", &p->to, err);
}

void bench_place_free(bench_place *p)
{
    if (p->to)
        freeaddrinfo(p->to);
    SSL_SESSION_free(p->session);
    SSL_CTX_free(p->ctx);
    *p = (bench_place){0};
}

/* ---- Bytes */

static bool put_all(bench_wire *w, const char *p, size_t n)
{
    for (size_t put; n; p += put, n -= put) {
        ssize_t some = w->ssl ? SSL_write(w->ssl, p, (int)n) : send(w->fd, p, n, MSG_NOSIGNAL);
        if (some <= 0)
            return false;
        put = (size_t)some;
    }
    return true;
}

static bool get_more(bench_wire *w)
{
    size_t room = BENCH_WIRE_ANSWER - w->n;
    char *at = w->answer + w->n;
    ssize_t n = w->ssl ? SSL_read(w->ssl, at, (int)room) : recv(w->fd, at, room, 0);
    if (n <= 0)
        return false;
    w->n += (size_t)n;
    w->answer[w->n] = 0;
    return true;
}

/* ---- Asking */

static bool ask_http1(bench_wire *w)
{
    static const char request[] = "GET /api/0/version HTTP/1.1\r\nHost: localhost\r\n\r\n";
    if (!put_all(w, request, sizeof request - 1))
        return false;
    for (;;) {
        const char *end = strstr(w->answer, "\r\n\r\n"),
                   *length = strcasestr(w->answer, "\r\nContent-Length:");
        size_t body = end && length ? strtoul(length + 17, NULL, 10) : 0;
        if (end && w->n >= (size_t)(end - w->answer) + 4 + body)
            return strncmp(w->answer, "HTTP/1.1 200 ", 13) == 0;
        if (!get_more(w))
            return false;
    }
}

/* Takes whole frames off; whether one of them ended the stream. *bad: it was no 200. */
static bool stream_ended(bench_wire *w, bool *bad)
{
    const unsigned char *p = (const unsigned char *)w->answer;
    size_t at = 0;
    bool ended = false;
    while (w->n - at >= FRAME_HEAD && !ended) {
        size_t len = (size_t)p[at] << 16 | (size_t)p[at + 1] << 8 | p[at + 2];
        if (w->n - at < FRAME_HEAD + len)
            break;
        /* ":status: 200" is one byte where it stands in the static table (RFC 7541 A), and stands first. */
        if (p[at + 3] == HEADERS && p[at + FRAME_HEAD] != 0x88)
            *bad = true;
        ended = p[at + 3] <= HEADERS && p[at + 4] & END_STREAM;
        at += FRAME_HEAD + len;
    }
    memmove(w->answer, w->answer + at, w->n - at);
    w->n -= at;
    return ended;
}

static bool ask_http2(bench_wire *w)
{
    static const char preface[] =
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        "\0\0\0\4\0\0\0\0\0"                /* SETTINGS: all as they are */
        "\0\0\0\4\1\0\0\0\0"                /* the server's are known */
        "\0\0\4\x08\0\0\0\0\0\x7f\xfe\0\0"; /* WINDOW_UPDATE: send all you have */
    static const char fields[] = "\x82\x86" /* :method GET, :scheme http */
                                 "\x01\x09"
                                 "localhost" /* :authority */
                                 "\x04\x0e"
                                 "/api/0/version"; /* :path */
    unsigned id = 2 * w->asked + 1;
    char head[] = {0,
                   0,
                   sizeof fields - 1,
                   HEADERS,
                   END_STREAM | END_HEADERS,
                   (char)(id >> 24),
                   (char)(id >> 16),
                   (char)(id >> 8),
                   (char)id};
    char request[sizeof preface + sizeof head + sizeof fields];
    size_t n = w->asked ? 0 : sizeof preface - 1;
    bool bad = false;
    memcpy(request, preface, n);
    memcpy(request + n, head, sizeof head);
    memcpy(request + n + sizeof head, fields, sizeof fields - 1);
    if (!put_all(w, request, n + sizeof head + sizeof fields - 1))
        return false;
    while (!stream_ended(w, &bad))
        if (!get_more(w))
            return false;
    return !bad;
}

static pf_code fail(const bench_wire *w, const char *what, pf_error *err)
{
    return pf_fail(err, PF_UNAVAILABLE, "%s: %s, \"%.*s\"", what,
                   errno ? strerror(errno) : "the server hung up", (int)strcspn(w->answer, "\r\n"),
                   w->place->http2 ? "" : w->answer);
}

pf_code bench_wire_ask(bench_wire *w, pf_error *err)
{
    if (!w->place->http2)
        w->n = 0;
    w->answer[w->n] = 0;
    errno = 0;
    bool ok = w->place->http2 ? ask_http2(w) : ask_http1(w);
    w->asked++;
    return ok ? PF_OK : fail(w, "version", err);
}

/* ---- Opening and closing */

static pf_code shake_hands(bench_wire *w, bool resume, pf_error *err)
{
    SSL_SESSION *session = resume ? w->place->session : NULL;
    w->ssl = SSL_new(w->place->ctx);
    if (!w->ssl || SSL_set_fd(w->ssl, w->fd) != 1 ||
        (session && SSL_set_session(w->ssl, session) != 1))
        return pf_fail_nomem(err, "TLS");
    if (SSL_connect(w->ssl) != 1)
        return fail(w, "TLS handshake", err);
    if (session && SSL_session_reused(w->ssl) != 1)
        return pf_fail(err, PF_INTERNAL, "the server does not resume TLS sessions");
    return PF_OK;
}

/* A name may have several addresses, not all of which the server listens on: `localhost` is ::1 and 127.0.0.1. */
static pf_code connect_to(bench_wire *w, const struct addrinfo *to, pf_error *err)
{
    struct timeval patience = {.tv_sec = PATIENCE_S};
    int on = 1;
    errno = 0;
    w->fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (w->fd < 0)
        return pf_fail(err, PF_UNAVAILABLE, "no socket: %s", strerror(errno));
    setsockopt(w->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(w->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(w->fd, to->ai_addr, to->ai_addrlen) == 0)
        return PF_OK;
    pf_code code = fail(w, "connect", err);
    close(w->fd);
    return code;
}

pf_code bench_wire_open(bench_wire *w, bench_place *p, bool resume, pf_error *err)
{
    pf_code code = PF_UNAVAILABLE;
    w->place = p;
    w->ssl = NULL;
    w->n = w->asked = 0;
    *w->answer = 0;
    for (const struct addrinfo *to = p->to; code && to; to = to->ai_next)
        code = connect_to(w, to, err);
    if (code)
        return code;
    errno = 0;
    if (p->ctx)
        code = shake_hands(w, resume, err);
    if (code)
        close(bench_wire_release(w));
    return code;
}

int bench_wire_release(bench_wire *w)
{
    SSL_free(w->ssl); /* which leaves the socket alone */
    w->ssl = NULL;
    return w->fd;
}

/* As clients do: says goodbye, and doesn't wait for an answer. */
void bench_wire_close(bench_wire *w)
{
    if (w->ssl) {
        SSL_SESSION_free(w->place->session);
        w->place->session = SSL_get1_session(w->ssl);
        SSL_shutdown(w->ssl);
    }
    close(bench_wire_release(w));
}
