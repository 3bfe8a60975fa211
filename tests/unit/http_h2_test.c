/* HTTP/2 on a connection, without a socket, against nghttp2's client: requests and answers, and every allocation on the
 * way failing. */
#include "server/http/h2.h"

#include "base/clock.h"
#include "support/alloc_fault.h"
#include "support/http_world.h"

#include <nghttp2/nghttp2.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { STREAMS = 12, LARGE = 100000, STEP = 700 };

/* One request as the client sees it. */
typedef struct call {
    const char *method, *path;
    size_t body; /* bytes that it sends */
    size_t sent;
    int32_t id;
    int status;
    size_t received;
    char type[64], trailer[64];
    bool indexed; /* its date or id was put into HPACK's table */
    bool whole;   /* its stream was closed without an error */
} call;

typedef struct client {
    pf_owner owner;
    http_world w;
    pf_protocol *p;
    nghttp2_session *peer;
    call calls[STREAMS];
    size_t ncalls, nclosed;
    pf_buf out; /* of the peer: not taken yet */
    bool over;
    sem_t moved;
} client;

/* ---- The client's side */

static int on_header(nghttp2_session *s, const nghttp2_frame *frame, const uint8_t *name,
                     size_t nname, const uint8_t *value, size_t nvalue, uint8_t flags, void *ctx)
{
    (void)ctx;
    call *k = nghttp2_session_get_stream_user_data(s, frame->hd.stream_id);
    pf_str n = {(const char *)name, nname}, v = {(const char *)value, nvalue};
    if (pf_str_eq(n, PF_STR(":status")))
        k->status = atoi(v.p);
    if (pf_str_eq(n, PF_STR("content-type")))
        snprintf(k->type, sizeof k->type, "%.*s", PF_FMT(v));
    if (pf_str_eq(n, PF_STR("last")))
        snprintf(k->trailer, sizeof k->trailer, "%.*s", PF_FMT(v));
    bool varies = pf_str_eq(n, PF_STR("date")) || pf_str_eq(n, PF_STR("x-request-id"));
    if (varies && !(flags & NGHTTP2_NV_FLAG_NO_INDEX))
        k->indexed = true;
    return 0;
}

static int on_data(nghttp2_session *s, uint8_t flags, int32_t id, const uint8_t *data, size_t n,
                   void *ctx)
{
    (void)flags;
    (void)data;
    (void)ctx;
    call *k = nghttp2_session_get_stream_user_data(s, id);
    k->received += n;
    return 0;
}

static int on_close(nghttp2_session *s, int32_t id, uint32_t why, void *ctx)
{
    client *c = ctx;
    call *k = nghttp2_session_get_stream_user_data(s, id);
    k->whole = why == NGHTTP2_NO_ERROR;
    c->nclosed++;
    return 0;
}

static ssize_t give_body(nghttp2_session *s, int32_t id, uint8_t *out, size_t max, uint32_t *flags,
                         nghttp2_data_source *source, void *ctx)
{
    (void)s;
    (void)id;
    (void)ctx;
    call *k = source->ptr;
    size_t n = k->body - k->sent < max ? k->body - k->sent : max;
    memset(out, 'b', n);
    k->sent += n;
    if (k->sent == k->body)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

static nghttp2_nv field(const char *name, const char *value)
{
    return (nghttp2_nv){(uint8_t *)name, (uint8_t *)value, strlen(name), strlen(value), 0};
}

static void submit(client *c, call *k)
{
    nghttp2_nv fields[] = {field(":method", k->method), field(":scheme", "http"),
                           field(":path", k->path), field(":authority", "x")};
    nghttp2_data_provider body = {.source.ptr = k, .read_callback = give_body};
    k->id = nghttp2_submit_request(c->peer, NULL, fields, 4, k->body ? &body : NULL, k);
    assert_true(k->id > 0);
}

static void open_peer(client *c)
{
    nghttp2_session_callbacks *on;
    assert_int_equal(nghttp2_session_callbacks_new(&on), 0);
    nghttp2_session_callbacks_set_on_header_callback(on, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(on, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(on, on_close);
    assert_int_equal(nghttp2_session_client_new(&c->peer, on, c), 0);
    nghttp2_session_callbacks_del(on);
    assert_int_equal(nghttp2_submit_settings(c->peer, 0, NULL, 0), 0);
    for (size_t i = 0; i < c->ncalls; i++)
        submit(c, &c->calls[i]);
}

/* ---- As conn.c would */

static bool write_some(client *c)
{
    struct iovec pieces[PF_OUTPUT_PIECES];
    int n = c->p->ops->output(c->p, pieces);
    if (!n || c->p->aborted)
        return false;
    ssize_t taken = nghttp2_session_mem_recv(c->peer, pieces[0].iov_base, pieces[0].iov_len);
    assert_int_equal(taken, pieces[0].iov_len); /* it has nothing to complain about */
    c->p->ops->sent(c->p, pieces[0].iov_len);
    return true;
}

static bool read_some(client *c)
{
    const uint8_t *frame;
    ssize_t n;
    while ((n = nghttp2_session_mem_send(c->peer, &frame)) > 0)
        pf_buf_put(&c->out, frame, (size_t)n);
    assert_true(n == 0 && !c->out.failed);
    if (!c->out.len || !c->p->wants_input || c->p->ended)
        return false;
    size_t step = c->out.len < STEP ? c->out.len : STEP,
           took = c->p->ops->input(c->p, c->out.data, step);
    memmove(c->out.data, c->out.data + took, c->out.len - took);
    c->out.len -= took;
    return took > 0;
}

static void serve(client *c)
{
    while (!c->p->aborted && (write_some(c) || read_some(c)))
        ;
    c->over = c->p->aborted || c->p->ended || c->nclosed == c->ncalls;
    sem_post(&c->moved);
}

static void on_ready(pf_owner *o, pf_req *req)
{
    client *c = (client *)o;
    c->p->ops->ready(c->p, req);
    serve(c);
}

static void start(void *ctx)
{
    client *c = ctx;
    c->p = pf_h2_new(&c->w.origin, &c->owner);
    if (c->p)
        serve(c);
    else
        c->over = true;
    sem_post(&c->moved);
}

static void look(void *ctx)
{
    bool **both = ctx;
    *both[1] = *both[0];
}

/* Until all is answered, or over. */
static void run(client *c)
{
    bool over = false;
    http_world_run(&c->w, start, c);
    while (!over) {
        sem_wait(&c->moved);
        http_world_run(&c->w, look, (bool *[]){&c->over, &over});
    }
}

static void stop(void *ctx)
{
    client *c = ctx;
    if (c->p)
        c->p->ops->free(c->p);
    c->p = NULL;
}

/* ---- The application */

static pf_code two_pieces(void *ctx, pf_buf *out, bool *end, pf_error *err)
{
    int *calls = ctx;
    (void)err;
    pf_buf_puts(out, "piece");
    *end = ++*calls == 2;
    return PF_OK;
}

static void answer(http_world *w, pf_req *req)
{
    (void)w;
    if (pf_str_eq(pf_req_path(req), PF_STR("/stream"))) {
        int *calls = pf_arena_zalloc(pf_req_arena(req), sizeof *calls);
        pf_req_add_trailer(req, "Last", "words");
        if (calls)
            pf_req_reply_stream(req, 200, "text/x-stream", two_pieces, NULL, calls);
        else
            pf_req_reply_status(req, 503, "out of memory");
        return;
    }
    pf_buf b = PF_BUF_INIT;
    pf_buf_put_str(&b, pf_req_body(req));
    pf_buf_puts(&b, "!");
    pf_req_reply_take(req, 200, "text/plain", &b);
}

static void choose(http_world *w, pf_req *req, pf_admit *out)
{
    (void)w;
    if (pf_str_eq(pf_req_path(req), PF_STR("/worker")))
        out->run = PF_RUN_WORKER;
}

static void open_client(client *c)
{
    *c = (client){.owner.ready = on_ready,
                  .calls = {{.method = "GET", .path = "/a"},
                            {.method = "POST", .path = "/worker", .body = 10},
                            {.method = "POST", .path = "/c", .body = LARGE},
                            {.method = "HEAD", .path = "/d"},
                            {.method = "GET", .path = "/stream"}},
                  .ncalls = STREAMS};
    for (int i = 5; i < STREAMS; i++)
        c->calls[i] = (call){.method = "GET", .path = "/more"};
    sem_init(&c->moved, 0, 0);
    http_world_start(&c->w, STREAMS);
    c->w.handle = answer;
    c->w.admit = choose;
    open_peer(c);
}

static void close_client(client *c)
{
    http_world_run(&c->w, stop, c);
    http_world_end(&c->w);
    nghttp2_session_del(c->peer);
    pf_buf_free(&c->out);
    sem_destroy(&c->moved);
}

static void assert_answered(const client *c)
{
    static const size_t expected[] = {1, 11, LARGE + 1, 0, 10};
    assert_int_equal(c->nclosed, STREAMS);
    for (size_t i = 0; i < STREAMS; i++) {
        assert_int_equal(c->calls[i].status, 200);
        assert_int_equal(c->calls[i].received, i < 5 ? expected[i] : 1);
    }
    assert_string_equal(c->calls[0].type, "text/plain");
    assert_string_equal(c->calls[4].type, "text/x-stream");
    assert_string_equal(c->calls[4].trailer, "words");
}

static void test_many_at_once(void **state)
{
    (void)state;
    client c;
    open_client(&c);
    run(&c);
    assert_answered(&c);
    http_world_wait(&c.w, STREAMS);
    close_client(&c);
}

/* An agent's connection lives for days: what differs in each answer must not pile up in both ends' tables. */
static void test_what_varies_is_not_put_into_tables(void **state)
{
    (void)state;
    client c;
    open_client(&c);
    run(&c);
    for (size_t i = 0; i < STREAMS; i++)
        assert_false(c.calls[i].indexed);
    assert_true(nghttp2_session_get_hd_inflate_dynamic_table_size(c.peer) < 260);
    close_client(&c);
}

/* Whatever could not be had, each request that began has ended, and nothing is left: ASan and the budget say so. */
static bool run_with_fault(long n, bool on)
{
    client c;
    open_client(&c);
    pf_buf_reserve(&c.out, 4 * LARGE);
    alloc_fault_arm_all(n, on);
    run(&c);
    bool failed = alloc_fault_disarm();
    const call *streamed = &c.calls[4];
    if (streamed->whole && streamed->status == 200)
        assert_string_equal(streamed->trailer,
                            "words"); /* an answer without its trailers is none */
    if (!failed)
        assert_answered(&c);
    close_client(&c);
    return failed;
}

static void test_each_allocation_fails(void **state)
{
    (void)state;
    assert_true(alloc_fault_walk(0, run_with_fault) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_what_varies_is_not_put_into_tables),
        cmocka_unit_test(test_each_allocation_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
