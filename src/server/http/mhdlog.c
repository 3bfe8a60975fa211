/* mhdlog.c: what libmicrohttpd says, and its own error answers replaced.
 *
 * What it can't parse (a malformed request line or header, a bad Content-Length or chunk, a head
 * larger than its pool) it answers by itself, in HTML, without asking; a bad Content-Length it even
 * answers with the headers twice. But it logs first: "Error processing request (HTTP response code
 * is 400 ('...'))". The log callback runs on the HTTP thread that is about to send, so this is the
 * moment to write our own answer to the socket and shut the sending side; libmicrohttpd's then
 * fails, and it closes the connection, as it was going to.
 *
 * The callback is not told the connection. It can only be one of this thread's that is still
 * reading, in a phase that fits the status. A request whose headers libmicrohttpd calls complete,
 * while they were not handed over yet, is the one that it is parsing. Else, if just one connection
 * comes into question, or just one that got bytes a moment ago, it is the one. Failing that, the
 * client gets the HTML: the right status in other clothes.
 */
#include "server/http/internal.h"

#include "base/log.h"

#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

enum { SUSPECTS_MAX = 64, RECENT_MS = 20 };

static bool headers_are_in(const pf_conn *c)
{
    return MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE) != NULL;
}

static bool fits(const pf_conn *c, unsigned status)
{
    int phase = atomic_load_explicit(&c->phase, memory_order_relaxed);
    switch (status) {
    case 414: /* the request line */
    case 505:
        return phase == PF_PHASE_IDLE;
    case 431: /* headers, or trailers */
        return phase == PF_PHASE_HEAD || phase == PF_PHASE_BODY;
    default:
        return phase <= PF_PHASE_BODY;
    }
}

static bool got_bytes_just_now(const pf_conn *c)
{
    struct tcp_info info;
    socklen_t n = sizeof info;
    return getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &n) == 0 &&
           info.tcpi_last_data_recv <= RECENT_MS;
}

/* The connection of this thread that is in error; NULL when that can't be told. */
static pf_conn *culprit_locked(pf_loop *loop, unsigned status)
{
    pf_conn *suspects[SUSPECTS_MAX], *recent = NULL;
    unsigned n = 0, nrecent = 0;
    for (pf_conn *c = pf_loop_http(loop)->conns; c; c = c->next) {
        if (c->loop != loop || !fits(c, status))
            continue;
        if (atomic_load(&c->phase) == PF_PHASE_HEAD && headers_are_in(c))
            return c;
        if (n == SUSPECTS_MAX)
            return NULL;
        suspects[n++] = c;
    }
    if (n == 1)
        return suspects[0];
    for (unsigned i = 0; i < n; i++) {
        if (got_bytes_just_now(suspects[i])) {
            recent = suspects[i];
            nrecent++;
        }
    }
    return nrecent == 1 ? recent : NULL;
}

static const char *message_of(unsigned status)
{
    switch (status) {
    case 413:
        return "the body is over the limit";
    case 414:
        return "the request target is too long";
    case 431:
        return "request line and headers are too long";
    case 505:
        return "this server speaks HTTP/1.1";
    case 500:
        return "internal error";
    default:
        return "malformed HTTP request";
    }
}

static void replace_answer(pf_loop *loop, unsigned status)
{
    pf_http *h = pf_loop_http(loop);
    if (status < 400) /* libmicrohttpd 1.0 redirects from a target with a space to one without */
        status = 400;
    pthread_mutex_lock(&h->conns_lock);
    pf_conn *c = culprit_locked(loop, status);
    if (c) {
        pthread_mutex_lock(&c->lock);
        pf_conn_answer(c, c->req, (int)status, message_of(status));
        pthread_mutex_unlock(&c->lock);
    }
    pthread_mutex_unlock(&h->conns_lock);
}

void pf_mhd_log(void *cls, const char *format, va_list ap)
{
    static const char error[] = "Error processing request (HTTP response code is %u";
    if (strncmp(format, error, sizeof error - 1) == 0) {
        va_list args;
        va_copy(args, ap);
        replace_answer(cls, va_arg(args, unsigned));
        va_end(args);
    }
    if (!pf_log_enabled(PF_LOG_LEVEL_DEBUG))
        return;
    char text[512];
    vsnprintf(text, sizeof text, format, ap);
    text[strcspn(text, "\n")] = 0;
    PF_LOG_DEBUG("libmicrohttpd", PF_S("message", text));
}
