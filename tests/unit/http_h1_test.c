/* HTTP/1.1 on a connection, without a socket: what comes in, however it is cut up, and what goes out; and every
 * allocation on the way failing. */
#include "server/http/h1.h"

#include "base/clock.h"
#include "support/alloc_fault.h"
#include "support/http_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A connection: all that the client sends, and all that it gets. */
typedef struct client {
    pf_owner owner;
    http_world w;
    pf_protocol *p;
    pf_buf in, out;
    size_t step, shown, taken; /* bytes that come at a time, that came, that were taken */
    size_t out_step;           /* bytes that go out at a time; 0: all */
    bool hangs_up;             /* behind its last byte */
    bool told;                 /* that it has hung up */
    int requests;              /* expected */
    sem_t moved;
} client;

/* As conn.c would: reads, writes, until neither can go on. */
static void serve(client *c)
{
    bool moved = true;
    while (moved && !c->p->aborted) {
        struct iovec pieces[PF_OUTPUT_PIECES];
        int n = c->p->ops->output(c->p, pieces);
        moved = n > 0;
        if (n) {
            size_t len = pieces[0].iov_len;
            len = c->out_step && len > c->out_step ? c->out_step : len;
            pf_buf_put(&c->out, pieces[0].iov_base, len);
            c->p->ops->sent(c->p, len);
            continue;
        }
        if (!c->p->wants_input || c->p->ended)
            continue;
        if (c->taken < c->shown) {
            size_t took = c->p->ops->input(c->p, c->in.data + c->taken, c->shown - c->taken);
            assert_true(took <= c->shown - c->taken);
            c->taken += took;
            moved = took > 0;
        }
        if (!moved && c->shown < c->in.len) {
            c->shown += c->step && c->in.len - c->shown > c->step ? c->step : c->in.len - c->shown;
            moved = true;
        }
        if (!moved && c->hangs_up && !c->told) {
            c->told = moved = true;
            c->p->ops->input_ended(c->p);
        }
    }
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
    c->p = pf_h1_new(&c->w.origin, &c->owner);
    if (c->p)
        serve(c);
    else
        sem_post(&c->moved);
}

static void stop(void *ctx)
{
    client *c = ctx;
    if (c->p)
        c->p->ops->free(c->p);
    c->p = NULL;
}

/* Reset and run for another way of cutting it up. */
static void open_client(client *c)
{
    *c = (client){.owner.ready = on_ready};
    sem_init(&c->moved, 0, 0);
    http_world_start(&c->w, 4);
}

static void close_client(client *c)
{
    http_world_run(&c->w, stop, c);
    http_world_end(&c->w);
    pf_buf_free(&c->in);
    pf_buf_free(&c->out);
    sem_destroy(&c->moved);
}

static bool is_over(const client *c)
{
    return !c->p || c->p->aborted || c->p->ended;
}

static void look(void *ctx)
{
    client *c = ctx;
    if (is_over(c) || (c->p->idle && c->taken == c->in.len))
        c->requests = -1;
}

/* Until it is answered, or over. */
static void run(client *c)
{
    c->requests = 0;
    http_world_run(&c->w, start, c);
    for (;;) {
        http_world_run(&c->w, look, c);
        if (c->requests < 0)
            return;
        sem_wait(&c->moved);
    }
}

static pf_code two_pieces(void *ctx, pf_buf *out, bool *end, pf_error *err)
{
    int *calls = ctx;
    (void)err;
    pf_buf_puts(out, "piece");
    *end = ++*calls == 2;
    return PF_OK;
}

static int calls;

static void reset_calls(void *ctx)
{
    (void)ctx;
    calls = 0;
}

static void echo(http_world *w, pf_req *req)
{
    (void)w;
    if (pf_str_eq(pf_req_path(req), PF_STR("/stream"))) {
        calls = 0;
        pf_req_add_header(req, "A", "b");
        pf_req_add_trailer(req, "Last", "words");
        pf_req_reply_stream(req, 200, "text/plain", two_pieces, reset_calls, &calls);
        return;
    }
    pf_buf b = PF_BUF_INIT;
    pf_buf_put_str(&b, pf_req_path(req));
    pf_buf_puts(&b, "=");
    pf_buf_put_str(&b, pf_req_body(req));
    pf_req_reply_take(req, 200, "text/plain", &b);
}

static void worker_for_streams(http_world *w, pf_req *req, pf_admit *out)
{
    (void)w;
    if (pf_str_eq(pf_req_path(req), PF_STR("/worker")))
        out->run = PF_RUN_WORKER;
}

#define HOST "Host: x\r\nX-Request-Id: me\r\n"

/* The answer without its date, which is another each second. */
static char *without_dates(const pf_buf *out)
{
    char *text = calloc(1, out->len + 1), *to = text;
    assert_non_null(text);
    pf_str rest = pf_buf_str(out), line;
    while (rest.n) {
        bool cut = pf_str_cut(rest, '\n', &line, &rest);
        if (pf_str_has_prefix(line, PF_STR("Date: ")))
            continue;
        memcpy(to, line.p, line.n);
        to += line.n;
        if (cut)
            *to++ = '\n';
    }
    return text;
}

static void assert_answers(const client *c, const char *expected)
{
    char *got = without_dates(&c->out);
    assert_string_equal(got, expected);
    free(got);
}

static const char all_kinds[] =
    "GET /a HTTP/1.1\r\n" HOST "\r\n"
    "\r\n" /* as old clients send behind a body */
    "POST /b HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello"
    "POST /worker HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
    "3;x\r\nabc\r\n2\r\nde\r\n0\r\nT: u\r\n\r\n"
    "HEAD /c HTTP/1.1\r\n" HOST "\r\n"
    "GET /stream HTTP/1.1\r\n" HOST "TE: trailers\r\n\r\n"
    "POST /d HTTP/1.1\r\n" HOST "Content-Length: 1\r\nExpect: 100-continue\r\n\r\n!"
    "GET /e HTTP/1.0\r\nX-Request-Id: me\r\nConnection: keep-alive\r\n\r\n"
    "GET /f HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"
    "GET /never HTTP/1.1\r\n" HOST "\r\n";

#define TEXT(n)                                                                                    \
    "Content-Type: text/plain\r\nContent-Length: " n "\r\nX-Request-Id: me\r\nX-Default: yes\r\n"
#define OK "HTTP/1.1 200 OK\r\n"

static const char all_answers[] =
    OK TEXT("3") "\r\n/a=" OK TEXT("8") "\r\n/b=hello" OK TEXT("13") "\r\n/worker=abcde" OK TEXT(
        "3") "\r\n" OK "Content-Type: text/plain\r\nX-Request-Id: me\r\nA: b\r\nVary: "
             "Accept-Encoding\r\nX-Default: yes\r\n"
             "Transfer-Encoding: chunked\r\n\r\n5\r\npiece\r\n5\r\npiece\r\n0\r\nLast: "
             "words\r\n\r\n"
             "HTTP/1.1 100 Continue\r\n\r\n" OK TEXT("4") "\r\n/d=!" OK
                 TEXT("3") "Connection: keep-alive\r\n\r\n/e=" OK TEXT(
                     "3") "Connection: close\r\n\r\n/f=";

static void test_any_split_gives_the_same_answers(void **state)
{
    (void)state;
    static const size_t steps[] = {0, 1, 2, 3, 7, 64, 200};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        for (size_t out_step = 0; out_step < 8; out_step += 7) {
            client c;
            open_client(&c);
            c.w.handle = echo;
            c.w.admit = worker_for_streams;
            c.step = steps[i];
            c.out_step = out_step;
            pf_buf_puts(&c.in, all_kinds);
            run(&c);
            assert_true(c.p->ended && !c.p->aborted);
            http_world_wait(&c.w, 8);
            assert_answers(&c, all_answers);
            close_client(&c);
        }
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        int status;
    } cases[] = {
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/1.1\nHost: x\n\n", 400},
        {"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: x\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n", 501},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nx", 400},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 9999999\r\n\r\n", 413},
        {"GET / HTTP/1.1\r\n" HOST "Expect: rain\r\n\r\n", 417},
        {"\r\n\r\n\r\n\r\n\r\n\r\n", 400}, /* not for ever */
        {"\x16\x03\x01\x02\x01", 400},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        client c;
        char expected[64];
        open_client(&c);
        pf_buf_puts(&c.in, cases[i].in);
        pf_buf_puts(&c.in, "GET /never HTTP/1.1\r\n" HOST "\r\n");
        run(&c);
        http_world_wait(&c.w, 1);
        assert_int_equal(c.w.status, cases[i].status);
        sprintf(expected, "HTTP/1.1 %d ", cases[i].status);
        assert_memory_equal(c.out.data, expected, strlen(expected));
        pf_buf_putc(&c.out, 0);
        assert_non_null(strstr(c.out.data, "\r\nConnection: close\r\n"));
        assert_null(strstr(c.out.data + 1, "HTTP/1.1")); /* there is one answer */
        assert_int_equal(atomic_load(&c.w.handled), 0);
        close_client(&c);
    }
}

static void test_clients_that_end_too_early(void **state)
{
    (void)state;
    static const char *const cut_off[] = {"GET", "GET / HTTP/1.1\r\n",
                                          "POST / HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nx"};
    for (size_t i = 0; i < sizeof cut_off / sizeof *cut_off; i++) {
        client c;
        open_client(&c);
        c.hangs_up = true;
        pf_buf_puts(&c.in, cut_off[i]);
        run(&c);
        http_world_wait(&c.w, 1);
        assert_int_equal(c.w.status, 400);
        close_client(&c);
    }
    client c;
    open_client(&c);
    c.hangs_up = true; /* between two requests that is no fault */
    pf_buf_puts(&c.in, "GET / HTTP/1.1\r\n" HOST "\r\n");
    run(&c);
    http_world_wait(&c.w, 1);
    assert_true(c.w.status == 200 && c.p->ended);
    close_client(&c);
}

/* ---- Deadlines */

static void time_out(void *ctx)
{
    client *c = ctx;
    if (c->p->deadline != INT64_MAX)
        c->p->ops->timeout(c->p);
    serve(c);
}

static void test_deadlines(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        int status; /* 0: no answer */
    } cases[] = {
        {"", 0},
        {"G", 408},
        {"GET / HTTP/1.1\r\nHost: x\r\n", 408},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nx", 408},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        client c;
        open_client(&c);
        pf_buf_puts(&c.in, cases[i].in);
        http_world_run(&c.w, start, &c);
        http_world_run(&c.w, time_out, &c);
        if (cases[i].status)
            http_world_wait(&c.w, 1);
        assert_int_equal(c.w.status, cases[i].status);
        http_world_run(&c.w, look, &c);
        assert_int_equal(c.requests, -1);
        assert_true(c.p->ended);
        close_client(&c);
    }
}

/* ---- No memory */

/* An answer has all of its headers and trailers, or is none. */
static void assert_whole(const pf_buf *out)
{
    char *text = without_dates(out), *chunked = strstr(text, "Transfer-Encoding: chunked\r\n");
    if (chunked) {
        assert_non_null(strstr(text, "A: b\r\n"));
        char *end = strstr(chunked, "\r\n0\r\n");
        assert_true(!end || strncmp(end + 5, "Last: words\r\n", 13) == 0);
    }
    free(text);
}

/* As all_kinds until the first that is refused for want of memory, which closes the connection. */
static bool run_with_fault(long n, bool on)
{
    client c;
    open_client(&c);
    c.w.handle = echo;
    c.w.admit = worker_for_streams;
    c.step = 50;
    pf_buf_puts(&c.in, all_kinds);
    pf_buf_reserve(&c.out, sizeof all_answers * 4);
    alloc_fault_arm_all(n - 1, on);
    run(&c);
    bool failed = alloc_fault_disarm();
    assert_whole(&c.out);
    if (!failed)
        assert_answers(&c, all_answers);
    close_client(&c); /* nothing is left: ASan and the budget say so */
    return failed;
}

static void test_each_allocation_fails(void **state)
{
    (void)state;
    assert_true(alloc_fault_walk(1, run_with_fault) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_split_gives_the_same_answers),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_clients_that_end_too_early),
        cmocka_unit_test(test_deadlines),
        cmocka_unit_test(test_each_allocation_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
