/* Bytes between a socket and a protocol, until neither side can go on. */
#include "server/http/pump.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { LARGE = 4 << 20 };
static char large[LARGE];

/* A protocol that takes whole lines and has a lot to say, as far as the test wants. */
typedef struct fake {
    pf_protocol base;
    pf_buf taken; /* all that it took */
    size_t offers;
    int lines; /* that it takes before it wants no more; below 0: without end */
    int ended; /* calls of input_ended */
    const char *out;
    size_t out_len, out_sent;
    bool drips; /* a byte at a time */
    bool freed;
} fake;

static size_t input(pf_protocol *p, const char *data, size_t n)
{
    fake *f = (fake *)p;
    size_t at = 0;
    assert_true(n > 0 && p->wants_input);
    f->offers++;
    for (const char *end; p->wants_input && (end = memchr(data + at, '\n', n - at));) {
        at = (size_t)(end - data) + 1;
        if (f->lines > 0 && --f->lines == 0)
            p->wants_input = false;
    }
    pf_buf_put(&f->taken, data, at);
    return at;
}

static void input_ended(pf_protocol *p)
{
    ((fake *)p)->ended++;
}

static void nothing(pf_protocol *p)
{
    (void)p;
}

static int output(pf_protocol *p, struct iovec *pieces)
{
    fake *f = (fake *)p;
    if (f->out_sent == f->out_len)
        return 0;
    size_t left = f->drips ? 1 : f->out_len - f->out_sent, head = left < 10 ? left : 10;
    pieces[0] = (struct iovec){(char *)f->out + f->out_sent, head};
    pieces[1] = (struct iovec){(char *)f->out + f->out_sent + head, left - head};
    return left > head ? 2 : 1;
}

static void sent(pf_protocol *p, size_t n)
{
    fake *f = (fake *)p;
    f->out_sent += n;
    assert_true(f->out_sent <= f->out_len);
}

static void set_freed(pf_protocol *p)
{
    fake *f = (fake *)p;
    pf_buf_free(&f->taken);
    f->freed = true;
}

static const pf_protocol_ops ops = {.input = input,
                                    .input_ended = input_ended,
                                    .half_closed = nothing,
                                    .output = output,
                                    .sent = sent,
                                    .timeout = nothing,
                                    .drain = nothing,
                                    .free = set_freed};

typedef struct scene {
    pf_loop *loop;
    pf_pump pump;
    fake speaks;
    int peer; /* the client's end */
} scene;

static fake h2; /* what choose_h2 gives */
static bool chosen, out_of_memory;

static pf_protocol *choose(const pf_origin *origin, pf_owner *owner)
{
    (void)origin;
    (void)owner;
    chosen = true;
    h2 = (fake){.base = {.ops = &ops, .wants_input = true}, .lines = -1};
    return out_of_memory ? NULL : &h2.base;
}

static void open_scene(scene *s, const int fds[2])
{
    *s = (scene){.peer = fds[1],
                 .speaks = {.base = {.ops = &ops, .wants_input = true}, .lines = -1}};
    assert_int_equal(pf_loop_new(0, &s->loop, NULL), PF_OK);
    s->pump = (pf_pump){.loop = s->loop, .readable = true, .writable = true};
    assert_true(pf_io_open(&s->pump.io, fds[0], NULL));
    pf_pump_use(&s->pump, &s->speaks.base);
}

static void open_pair(scene *s)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    open_scene(s, fds);
}

static void close_scene(scene *s)
{
    pf_pump_free(&s->pump);
    assert_true(s->speaks.freed);
    pf_loop_free(s->loop);
    if (s->peer >= 0)
        close(s->peer);
}

static void say(scene *s, const char *text)
{
    assert_int_equal(write(s->peer, text, strlen(text)), strlen(text));
    s->pump.readable = true; /* what an event would say */
}

static void take(scene *s, size_t n)
{
    static char bytes[64 << 10];
    while (n) {
        ssize_t got = read(s->peer, bytes, n < sizeof bytes ? n : sizeof bytes);
        assert_true(got > 0);
        n -= (size_t)got;
    }
}

static void assert_taken(const fake *f, const char *text)
{
    assert_int_equal(f->taken.len, strlen(text));
    assert_memory_equal(f->taken.data ? f->taken.data : "", text, strlen(text));
}

/* ---- Reading */

static void test_what_is_left_is_offered_again(void **state)
{
    (void)state;
    scene s;
    open_pair(&s);
    assert_true(pf_pump_run(&s.pump));
    assert_false(s.pump.readable); /* it was tried */
    say(&s, "one\ntw");
    assert_true(pf_pump_run(&s.pump));
    assert_taken(&s.speaks, "one\n");
    size_t offers = s.speaks.offers;
    assert_true(pf_pump_run(&s.pump)); /* nothing has come */
    assert_true(s.speaks.offers <= offers + 1);
    say(&s, "o\nthree");
    assert_true(pf_pump_run(&s.pump));
    assert_taken(&s.speaks, "one\ntwo\n");
    say(&s, "\n");
    assert_true(pf_pump_run(&s.pump));
    assert_taken(&s.speaks, "one\ntwo\nthree\n");
    assert_null(s.pump.in.data); /* a connection that waits holds no buffer */
    close_scene(&s);
}

/* While a request is handled nothing is read: what a client sends meanwhile waits in the kernel. */
static void test_nothing_is_read_that_is_not_wanted(void **state)
{
    (void)state;
    scene s;
    open_pair(&s);
    s.speaks.lines = 1;
    say(&s, "one\ntwo\nthr");
    assert_true(pf_pump_run(&s.pump));
    assert_taken(&s.speaks, "one\n");
    say(&s, "ee\n");
    assert_true(pf_pump_run(&s.pump));
    assert_int_equal(s.pump.in.len, 7); /* what came along with the first line */
    s.speaks.base.wants_input = true;
    s.speaks.lines = 1;
    assert_true(pf_pump_run(&s.pump));
    assert_taken(&s.speaks, "one\ntwo\n");
    s.speaks.base.wants_input = true;
    s.speaks.lines = -1;
    assert_true(pf_pump_run(&s.pump));
    assert_taken(&s.speaks, "one\ntwo\nthree\n");
    close_scene(&s);
}

static void test_the_end_comes_behind_all_bytes(void **state)
{
    (void)state;
    scene s;
    open_pair(&s);
    s.speaks.lines = 1;
    say(&s, "one\ntwo\n");
    shutdown(s.peer, SHUT_WR);
    s.pump.half_closed = true;
    assert_true(pf_pump_run(&s.pump));
    assert_int_equal(s.speaks.ended, 0);
    s.speaks.base.wants_input = true;
    s.speaks.lines = -1;
    assert_true(pf_pump_run(&s.pump));
    assert_taken(&s.speaks, "one\ntwo\n");
    assert_true(s.speaks.ended == 1 && s.pump.input_ended);
    assert_true(pf_pump_run(&s.pump));
    assert_int_equal(s.speaks.ended, 1);
    close_scene(&s);
}

static void test_a_line_longer_than_a_read(void **state)
{
    (void)state;
    scene s;
    open_pair(&s);
    static char much[150 * 1024];
    int room = 1 << 20;
    assert_int_equal(setsockopt(s.peer, SOL_SOCKET, SO_SNDBUF, &room, sizeof room), 0);
    memset(much, 'x', sizeof much);
    much[sizeof much - 1] = '\n';
    assert_int_equal(write(s.peer, much, sizeof much), sizeof much);
    while (!pf_pump_run(&s.pump))
        ;
    assert_int_equal(s.speaks.taken.len, sizeof much);
    assert_null(s.pump.in.data);
    close_scene(&s);
}

/* What could go on for long is told from what is done. */
static void test_others_have_their_turn(void **state)
{
    (void)state;
    scene s;
    open_pair(&s);
    s.speaks.out = large;
    s.speaks.out_len = 1000;
    s.speaks.drips = true;
    assert_false(pf_pump_run(&s.pump));
    size_t first = s.speaks.out_sent;
    assert_true(first > 0 && first < 1000);
    int turns = 1;
    do
        take(&s, first);
    while (turns++ < 100 && !pf_pump_run(&s.pump));
    assert_int_equal(s.speaks.out_sent, 1000);
    assert_int_equal(turns, 1000 / first + 1);
    close_scene(&s);
}

static void test_aborted_and_ended(void **state)
{
    (void)state;
    scene s;
    open_pair(&s);
    say(&s, "one\n");
    s.speaks.base.ended = true; /* only what is there to be sent is sent */
    s.speaks.out = "bye";
    s.speaks.out_len = 3;
    assert_true(pf_pump_run(&s.pump));
    assert_int_equal(s.speaks.offers, 0);
    assert_int_equal(s.speaks.out_sent, 3);
    s.speaks.out_len = 0;
    s.speaks.out_sent = 0;
    s.speaks.base.aborted = true;
    assert_true(pf_pump_run(&s.pump));
    assert_int_equal(s.speaks.offers, 0);
    close_scene(&s);
}

static void test_a_client_that_is_gone(void **state)
{
    (void)state;
    scene s;
    open_pair(&s);
    say(&s, "one\n");
    close(s.peer);
    s.peer = -1;
    s.speaks.out = "answer";
    s.speaks.out_len = 6;
    assert_true(pf_pump_run(&s.pump));
    assert_true(s.pump.broken);
    size_t offers = s.speaks.offers;
    assert_true(pf_pump_run(&s.pump)); /* harmless */
    assert_int_equal(s.speaks.offers, offers);
    close_scene(&s);
}

/* ---- Which protocol */

static void test_the_preface(void **state)
{
    (void)state;
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    for (size_t step = 1; step < sizeof preface; step++) {
        scene s;
        open_pair(&s);
        s.pump.choose_h2 = choose;
        chosen = out_of_memory = false;
        for (size_t at = 0; at < sizeof preface - 1; at += step) {
            assert_false(chosen);
            char part[sizeof preface];
            snprintf(part, step + 1, "%s", preface + at);
            say(&s, part);
            assert_true(pf_pump_run(&s.pump));
            assert_int_equal(s.speaks.offers, 0);
        }
        assert_true(chosen && s.speaks.freed);
        assert_taken(&h2, preface); /* which is its to read, too */
        say(&s, "PRI *\n");
        assert_true(pf_pump_run(&s.pump));
        assert_int_equal(h2.taken.len, sizeof preface - 1 + 6);
        close_scene(&s);
        assert_true(h2.freed);
    }
}

static void test_what_is_no_preface(void **state)
{
    (void)state;
    static const char *const others[] = {"GET / HTTP/1.1\n", "P\n", "PRI * HTTP/1.1\n", "\n",
                                         "PRI * HTTP/2.0\r\n\r\nSM\r\n\rx\n"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        for (size_t step = 1; step < 30; step += 4) {
            scene s;
            open_pair(&s);
            s.pump.choose_h2 = choose;
            chosen = false;
            for (size_t at = 0; at < strlen(others[i]); at += step) {
                char part[64];
                snprintf(part, step + 1, "%s", others[i] + at);
                say(&s, part);
                assert_true(pf_pump_run(&s.pump));
            }
            assert_false(chosen);
            assert_taken(&s.speaks, others[i]);
            close_scene(&s);
        }
}

static void test_no_memory_for_the_other_protocol(void **state)
{
    (void)state;
    scene s;
    open_pair(&s);
    s.pump.choose_h2 = choose;
    out_of_memory = true;
    say(&s, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert_true(pf_pump_run(&s.pump));
    assert_true(s.pump.broken && !s.pump.protocol);
    pf_pump_free(&s.pump);
    pf_loop_free(s.loop);
    close(s.peer);
}

/* ---- Writing */

static void tcp_pair(int fds[2])
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof sa;
    int l = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(l, (struct sockaddr *)&sa, sizeof sa), 0);
    assert_int_equal(listen(l, 1), 0);
    assert_int_equal(getsockname(l, (struct sockaddr *)&sa, &n), 0);
    fds[1] = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fds[1], (struct sockaddr *)&sa, sizeof sa), 0);
    fds[0] = accept4(l, NULL, NULL, SOCK_NONBLOCK);
    assert_true(fds[0] >= 0);
    close(l);
}

static void test_a_client_that_takes_its_time(void **state)
{
    (void)state;
    scene s;
    int fds[2];
    tcp_pair(fds);
    open_scene(&s, fds);
    s.speaks.out = large;
    s.speaks.out_len = LARGE;
    while (!pf_pump_run(&s.pump))
        ;
    assert_false(s.pump.writable);
    size_t first = s.speaks.out_sent;
    assert_true(first > 0 && first < LARGE);
    assert_true(s.pump.written == first);
    assert_true(pf_pump_look(&s.pump));
    assert_true(s.pump.blocked);
    assert_true(pf_pump_run(&s.pump)); /* nothing can be done until there is room */
    assert_int_equal(s.speaks.out_sent, first);

    /* It is stuck until its machine has acknowledged 16 KiB more. */
    assert_true(pf_pump_is_stuck(&s.pump));
    uint64_t before = s.pump.acknowledged;
    for (int i = 0; i < 200 && pf_pump_is_stuck(&s.pump); i++)
        take(&s, 64 << 10);
    assert_true(s.pump.acknowledged >= before + (16 << 10));
    assert_true(pf_pump_is_stuck(&s.pump) || s.pump.acknowledged > before);

    /* And gets all of it in the end. */
    shutdown(s.peer, SHUT_WR);
    while (s.speaks.out_sent < LARGE) {
        s.pump.writable = true;
        pf_pump_run(&s.pump);
        char bytes[4096];
        while (recv(s.peer, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
            ;
    }
    assert_false(pf_pump_look(&s.pump));
    assert_false(s.pump.blocked);
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_left_is_offered_again),
        cmocka_unit_test(test_nothing_is_read_that_is_not_wanted),
        cmocka_unit_test(test_the_end_comes_behind_all_bytes),
        cmocka_unit_test(test_a_line_longer_than_a_read),
        cmocka_unit_test(test_others_have_their_turn),
        cmocka_unit_test(test_aborted_and_ended),
        cmocka_unit_test(test_a_client_that_is_gone),
        cmocka_unit_test(test_the_preface),
        cmocka_unit_test(test_what_is_no_preface),
        cmocka_unit_test(test_no_memory_for_the_other_protocol),
        cmocka_unit_test(test_a_client_that_takes_its_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
