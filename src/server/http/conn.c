/* conn.c: a connection from accept to close, as far as it is ours.
 *
 *     IDLE --request line--> HEAD --headers--> BODY --> HANDLE --> WRITE --+
 *      ^                                                                   |
 *      +----------------------------- keep-alive --------------------------+
 *
 * libmicrohttpd reads and writes; what is kept here is what it does not offer: in which phase a
 * connection is and since when (watch.c has the deadlines), a way to answer when its own state
 * machine takes no answer, and a closing that lets the client read that answer.
 *
 * That last point: closing a socket whose receive buffer holds bytes, or gets some later, makes the
 * kernel send a reset, and a reset makes the client's kernel throw away the answer that it had not
 * read yet. A client that pushes 100 MB and is told 413 early would see "connection reset". So the
 * sending side is shut, the socket handed to the door thread (a dup: libmicrohttpd closes its own),
 * and read dry for a while.
 */
#include "server/http/internal.h"

#include "base/xid.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

void pf_conn_phase(pf_conn *c, pf_phase phase)
{
    atomic_store_explicit(&c->since, pf_clock_mono(), memory_order_relaxed);
    atomic_store_explicit(&c->phase, phase, memory_order_release);
}

static pf_conn *conn_open(pf_loop *loop, struct MHD_Connection *mhd)
{
    pf_http *h = pf_loop_http(loop);
    pf_conn *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->http = h;
    c->loop = loop;
    c->mhd = mhd;
    c->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    pf_peer_format(MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr,
                   c->peer);
    pthread_mutex_init(&c->lock, NULL);
    pf_conn_phase(c, PF_PHASE_IDLE);
    pthread_mutex_lock(&h->conns_lock);
    c->next = h->conns;
    if (c->next)
        c->next->prev = c;
    h->conns = c;
    h->nconns++;
    pthread_mutex_unlock(&h->conns_lock);
    return c;
}

static void conn_close(pf_conn *c)
{
    pf_http *h = c->http;
    pthread_mutex_lock(&h->conns_lock);
    *(c->prev ? &c->prev->next : &h->conns) = c->next;
    if (c->next)
        c->next->prev = c->prev;
    h->nconns--;
    pthread_mutex_unlock(&h->conns_lock);
    if (c->req) /* libmicrohttpd lost the connection without completing its request */
        pf_req_end(c->req);
    int unread = 0;
    if (!c->aborted &&
        (atomic_load(&c->linger) || (ioctl(c->fd, FIONREAD, &unread) == 0 && unread > 0))) {
        int fd = fcntl(c->fd, F_DUPFD_CLOEXEC, 3);
        if (fd >= 0)
            pf_door_linger(h, fd);
    }
    pthread_mutex_destroy(&c->lock);
    free(c);
}

void pf_conn_notify(void *cls, struct MHD_Connection *mhd, void **socket_context,
                    enum MHD_ConnectionNotificationCode code)
{
    pf_loop *loop = cls;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *socket_context = conn_open(loop, mhd); /* NULL: pf_req_uri refuses what comes on it */
        return;
    }
    if (*socket_context)
        conn_close(*socket_context);
    *socket_context = NULL;
    pf_loop_gone(loop);
}

static void put_start(pf_buf *out, int status)
{
    char date[64];
    time_t now = (time_t)(pf_clock_wall(NULL) / PF_NS_PER_SEC);
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &tm); /* LC_TIME stays "C" */
    pf_buf_printf(out, "HTTP/1.1 %d %s\r\nDate: %s\r\n", status,
                  MHD_get_reason_phrase_for((unsigned)status), date);
}

/* An error answer as bytes; returns the length of its body. */
static size_t write_answer(pf_http *h, pf_buf *out, pf_str target, pf_str id, int status,
                           const char *msg)
{
    pf_buf body = PF_BUF_INIT;
    const char *type = h->app.error_body(h->app.ctx, target, status, msg, &body);
    char fresh[PF_XID_CHARS + 1];
    if (!id.n) {
        pf_xid_format(pf_xid_new(pf_clock_wall(NULL) / PF_NS_PER_SEC), fresh);
        id = (pf_str){fresh, PF_XID_CHARS};
    }
    put_start(out, status);
    pf_buf_printf(out, "Connection: close\r\nContent-Type: %s\r\n", type);
    pf_buf_printf(out, "X-Request-Id: %.*s\r\n", PF_FMT(id));
    for (const pf_http_header *f = h->app.headers; f && f->name; f++)
        pf_buf_printf(out, "%s: %s\r\n", f->name, f->value);
    if (status == 503)
        pf_buf_puts(out, "Retry-After: 1\r\n");
    pf_buf_printf(out, "Content-Length: %zu\r\n\r\n", body.len);
    pf_buf_put(out, body.data, body.len);
    size_t n = body.len;
    pf_buf_free(&body);
    return n;
}

/* These answers are a few hundred bytes and the socket's buffer is empty: what does not go out at
 * once is given up. */
static bool send_all(int fd, const pf_buf *b)
{
    return !b->failed && send(fd, b->data, b->len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)b->len;
}

void pf_conn_answer(pf_conn *c, const pf_req *req, int status, const char *msg)
{
    if (c->answered || c->aborted)
        return;
    pf_buf out = PF_BUF_INIT;
    pf_str target = req ? req->target : PF_STR("");
    pf_str id = req ? (pf_str){req->id, req->id_len} : PF_STR("");
    size_t n = write_answer(c->http, &out, target, id, status, msg);
    c->answered = true;
    c->answer_status = status;
    c->answer_sent = send_all(c->fd, &out) ? (int64_t)n : -1;
    pf_buf_free(&out);
    atomic_store_explicit(&c->linger, true, memory_order_relaxed);
    shutdown(c->fd, SHUT_WR);
}

void pf_conn_answer_cut(pf_conn *c, const pf_req *req)
{
    if (atomic_load(&c->http->stopping))
        pf_conn_answer(c, req, 503, "the server is shutting down");
    else
        pf_conn_answer(c, req, 400, "the request ended before it was complete");
}

void pf_answer_refused(pf_http *h, int fd, int status, const char *msg)
{
    pf_buf out = PF_BUF_INIT;
    write_answer(h, &out, PF_STR(""), PF_STR(""), status, msg);
    send_all(fd, &out);
    pf_buf_free(&out);
    shutdown(fd, SHUT_WR);
    pf_door_linger(h, fd);
}

void pf_conn_abort(pf_conn *c)
{
    c->aborted = true;
    /* A reset, so that the kernel does not keep what the client will not take. */
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    shutdown(c->fd, SHUT_RDWR);
}
