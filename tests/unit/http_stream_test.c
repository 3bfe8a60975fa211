/* Answers that are made while they are sent: piece by piece, and done() once, whatever happens. */
#include "server/http/stream.h"

#include "support/http_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

/* What a stream gives, and what has come of it. */
typedef struct source {
    int pieces;       /* in all */
    int fail_at;      /* the number of the piece that fails; 0: none */
    int hold_at;      /* the number of the piece in which it waits for world.held */
    int empty;        /* calls that give nothing before each piece */
    size_t size;      /* of a piece */
    const char *type; /* of its content */
    bool twice;       /* it replies twice */
    http_world *w;
    pf_req *req;
    atomic_int made, done;
    int left_empty;
    atomic_bool inside;
} source;

typedef struct scene {
    http_world w;
    http_owner owner;
    source src;
    pf_req *req;
} scene;

static source *the_source;

static char byte_of(int piece)
{
    return (char)('a' + piece % 26);
}

static pf_code produce(void *ctx, pf_buf *out, bool *end, pf_error *err)
{
    source *s = ctx;
    assert_false(atomic_exchange(&s->inside, true)); /* never twice at a time */
    assert_int_equal(atomic_load(&s->done), 0);
    if (s->left_empty-- > 0) {
        atomic_store(&s->inside, false);
        return PF_OK;
    }
    s->left_empty = s->empty;
    int number = atomic_fetch_add(&s->made, 1) + 1;
    if (number == s->hold_at)
        http_world_hold(s->w, s->req);
    pf_code code = PF_OK;
    if (number == s->fail_at) {
        pf_buf_puts(out, "a part");
        code = pf_fail(err, PF_NOT_FOUND, "piece %d is missing", number);
    } else {
        char *at = pf_buf_reserve(out, s->size);
        if (at)
            memset(at, byte_of(number), s->size);
        out->len += at ? s->size : 0;
        *end = number == s->pieces;
    }
    atomic_store(&s->inside, false);
    return code;
}

static void done(void *ctx)
{
    source *s = ctx;
    assert_false(atomic_load(&s->inside));
    atomic_fetch_add(&s->done, 1);
}

static void stream(http_world *w, pf_req *req)
{
    source *s = the_source;
    s->w = w;
    s->req = req;
    s->left_empty = s->empty;
    if (s->twice)
        http_world_reply(req, 200, "first");
    pf_req_reply_stream(req, 200, s->type, produce, done, s);
}

static void open_scene(scene *s, source src)
{
    memset(s, 0, sizeof *s);
    http_world_start(&s->w, 4);
    http_owner_init(&s->owner, true);
    s->w.handle = stream;
    s->src = src;
    the_source = &s->src;
    if (!s->src.type)
        s->src.type = "application/octet-stream";
}

static void close_scene(scene *s)
{
    http_world_end(&s->w);
    assert_int_equal(atomic_load(&s->src.done), 1);
    http_owner_free(&s->owner);
}

static void go(void *ctx)
{
    scene *s = ctx;
    s->req = http_world_begin(&s->w, &s->owner.base, "GET /", -1);
    pf_exchange_head(s->req);
    pf_exchange_run(s->req);
}

static void let_go(void *ctx)
{
    scene *s = ctx;
    pf_exchange_end(s->req);
}

static void assert_pieces(const scene *s, int n)
{
    const pf_buf *b = &s->owner.sent;
    assert_int_equal(b->len, (size_t)n * s->src.size);
    for (size_t i = 0; i < b->len; i++)
        assert_int_equal(b->data[i], byte_of((int)(i / s->src.size) + 1));
}

static void test_pieces_come_in_their_order(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, (source){.pieces = 50, .size = 1000, .empty = 2});
    http_world_run(&s.w, go, &s);
    http_world_wait(&s.w, 1);
    assert_pieces(&s, 50);
    assert_int_equal(s.owner.calls, 50); /* an empty piece is asked for again, not sent */
    assert_true(s.w.status == 200 && s.w.sent == 50000);
    close_scene(&s);
}

static void is_plain(void *ctx)
{
    scene *s = ctx;
    assert_null(s->owner.ready->reply.stream.produce); /* it is sent with its length */
    assert_int_equal(atomic_load(&s->src.done), 1);
}

static void test_one_piece_is_no_stream(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, (source){.pieces = 1, .size = 100});
    s.owner.ends = false;
    http_world_run(&s.w, go, &s);
    sem_wait(&s.owner.called);
    http_world_run(&s.w, is_plain, &s);
    http_world_run(&s.w, let_go, &s);
    close_scene(&s);
}

static void test_the_first_piece_fails(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, (source){.pieces = 5, .size = 100, .fail_at = 1});
    http_world_run(&s.w, go, &s);
    http_world_wait(&s.w, 1);
    assert_int_equal(s.w.status, 404);
    assert_memory_equal(s.owner.sent.data, "404: piece 1 is missing", 23);
    close_scene(&s);
}

static void test_a_later_piece_fails(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, (source){.pieces = 5, .size = 100, .fail_at = 4});
    http_world_run(&s.w, go, &s);
    http_world_wait(&s.w, 1);
    assert_pieces(&s, 3); /* nothing of the fourth is sent as if it were one */
    assert_true(s.w.status == 200 && s.w.sent == -1);
    assert_int_equal(s.owner.calls, 4);
    close_scene(&s);
}

/* ---- Clients that go */

static void test_gone_while_the_first_piece_is_made(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, (source){.pieces = 5, .size = 100, .hold_at = 1});
    atomic_store(&s.w.held, true);
    http_world_run(&s.w, go, &s);
    sem_wait(&s.w.entered);
    http_world_run(&s.w, let_go, &s); /* whoever makes it sees that it is cancelled */
    http_world_wait(&s.w, 1);
    assert_true(s.w.sent == -1 && s.owner.calls == 0);
    close_scene(&s);
}

static void test_gone_while_a_later_piece_is_made(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, (source){.pieces = 5, .size = 100, .hold_at = 3});
    atomic_store(&s.w.held, true);
    http_world_run(&s.w, go, &s);
    sem_wait(&s.w.entered);
    http_world_run(&s.w, let_go, &s);
    http_world_wait(&s.w, 1);
    assert_true(s.w.sent == -1 && s.owner.calls == 2);
    close_scene(&s);
}

static void test_gone_while_a_piece_is_sent(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, (source){.pieces = 5, .size = 100000});
    s.owner.ends = false;
    http_world_run(&s.w, go, &s);
    sem_wait(&s.owner.called);
    assert_int_equal(atomic_load(&s.src.done), 0);
    assert_true(pf_ledger_held(&s.w.budget) >= 100000);
    http_world_run(&s.w, let_go, &s); /* a worker is sent for done() */
    http_world_wait(&s.w, 1);
    assert_int_equal(s.w.sent, -1);
    assert_int_equal(atomic_load(&s.src.made), 1);
    close_scene(&s);
}

/* What waits behind a busy worker is not made any more. */
static void test_gone_before_a_worker_came(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, (source){.pieces = 5, .size = 100});
    s.src.hold_at = 1;
    atomic_store(&s.w.held, true);
    http_world_run(&s.w, go, &s);
    sem_wait(&s.w.entered);
    source second = {.pieces = 5, .size = 100, .type = "text/plain"};
    the_source = &second;
    pf_req *first = s.req;
    http_world_run(&s.w, go, &s);
    http_world_run(&s.w, let_go, &s);
    assert_int_equal(atomic_load(&second.made), 0);
    s.req = first;
    http_world_run(&s.w, let_go, &s);
    http_world_wait(&s.w, 2);
    assert_int_equal(atomic_load(&second.made), 0);
    assert_int_equal(atomic_load(&second.done), 1);
    close_scene(&s);
}

/* ---- Replies that come too late, memory */

static void test_a_second_reply_is_done_at_once(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, (source){.pieces = 5, .size = 100, .twice = true});
    http_world_run(&s.w, go, &s);
    http_world_wait(&s.w, 1);
    assert_int_equal(atomic_load(&s.src.made), 0);
    assert_int_equal(s.w.sent, 5);
    close_scene(&s);
}

static void test_no_memory_for_the_first_piece(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, (source){.pieces = 5, .size = 100000});
    assert_true(pf_ledger_take(&s.w.budget, HTTP_WORLD_BUDGET - 50000, NULL));
    http_world_run(&s.w, go, &s);
    http_world_wait(&s.w, 1);
    assert_int_equal(s.w.status, 503);
    pf_ledger_give(&s.w.budget, HTTP_WORLD_BUDGET - 50000);
    close_scene(&s);
}

static void test_no_memory_for_a_later_piece(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, (source){.pieces = 5, .size = 10000, .hold_at = 2});
    atomic_store(&s.w.held, true);
    http_world_run(&s.w, go, &s);
    sem_wait(&s.w.entered);
    assert_true(pf_ledger_take(&s.w.budget, HTTP_WORLD_BUDGET, NULL));
    s.src.size = 100000; /* it grows just now */
    atomic_store(&s.w.held, false);
    http_world_wait(&s.w, 1);
    assert_true(s.w.status == 200 && s.w.sent == -1);
    pf_ledger_give(&s.w.budget, HTTP_WORLD_BUDGET);
    close_scene(&s);
}

/* ---- Compressed */

static void test_compressed_pieces_can_be_read_as_they_come(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, (source){.pieces = 20, .size = 30000, .type = "application/json"});
    s.w.headers = "Accept-Encoding: gzip";
    http_world_run(&s.w, go, &s);
    http_world_wait(&s.w, 1);
    assert_int_equal(s.owner.calls, 20);
    assert_true(s.owner.sent.len < 20 * 30000 / 10);
    z_stream z = {0};
    static char back[20 * 30000 + 1];
    assert_int_equal(inflateInit2(&z, 16 + MAX_WBITS), Z_OK);
    z.next_in = (Bytef *)s.owner.sent.data;
    z.avail_in = (uInt)s.owner.sent.len;
    z.next_out = (Bytef *)back;
    z.avail_out = sizeof back;
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.total_out, 20 * 30000);
    inflateEnd(&z);
    for (int i = 0; i < 20 * 30000; i++)
        assert_int_equal(back[i], byte_of(i / 30000 + 1));
    close_scene(&s);
}

static void test_a_compressed_stream_breaks(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, (source){.pieces = 5, .size = 30000, .type = "text/plain", .fail_at = 3});
    s.w.headers = "Accept-Encoding: gzip";
    http_world_run(&s.w, go, &s);
    http_world_wait(&s.w, 1);
    assert_int_equal(s.w.sent, -1);
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_come_in_their_order),
        cmocka_unit_test(test_one_piece_is_no_stream),
        cmocka_unit_test(test_the_first_piece_fails),
        cmocka_unit_test(test_a_later_piece_fails),
        cmocka_unit_test(test_gone_while_the_first_piece_is_made),
        cmocka_unit_test(test_gone_while_a_later_piece_is_made),
        cmocka_unit_test(test_gone_while_a_piece_is_sent),
        cmocka_unit_test(test_gone_before_a_worker_came),
        cmocka_unit_test(test_a_second_reply_is_done_at_once),
        cmocka_unit_test(test_no_memory_for_the_first_piece),
        cmocka_unit_test(test_no_memory_for_a_later_piece),
        cmocka_unit_test(test_compressed_pieces_can_be_read_as_they_come),
        cmocka_unit_test(test_a_compressed_stream_breaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
