/* What an answer says, whoever made it, and what it is charged with. */
#include "server/http/answer.h"

#include "support/http_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include <cmocka.h>

/* One request that is answered by `reply`, and what its answer was. */
typedef struct scene {
    http_world w;
    http_owner owner;
    const char *line;
    bool worker;     /* runs handle() */
    char head[4096]; /* "Name: value\n" each */
    char trailers[512];
    int status;
    bool has_body;
    size_t used; /* of the budget while the answer is there */
} scene;

static void (*reply)(pf_req *req);

static void call_reply(http_world *w, pf_req *req)
{
    (void)w;
    reply(req);
}

static bool by_worker;

static void choose(http_world *w, pf_req *req, pf_admit *out)
{
    (void)w;
    (void)req;
    out->run = by_worker ? PF_RUN_WORKER : PF_RUN_INLINE;
}

static void open_scene(scene *s)
{
    memset(s, 0, sizeof *s);
    http_world_start(&s->w, 4);
    http_owner_init(&s->owner, false);
    s->w.handle = call_reply;
    s->w.admit = choose;
    s->line = "GET /";
}

static void close_scene(scene *s)
{
    http_world_end(&s->w);
    http_owner_free(&s->owner);
}

static void go(void *ctx)
{
    scene *s = ctx;
    pf_req *req = http_world_begin(&s->w, &s->owner.base, s->line, -1);
    pf_exchange_head(req);
    if (req->stage == PF_STAGE_BODY)
        pf_exchange_run(req);
}

static void put(void *ctx, const char *name, pf_str value)
{
    char *out = ctx;
    sprintf(out + strlen(out), "%s: %.*s\n", name, PF_FMT(value));
}

static void take_answer(void *ctx)
{
    scene *s = ctx;
    pf_req *req = s->owner.ready;
    *s->head = *s->trailers = 0;
    pf_answer_each_header(req, "today", put, s->head);
    pf_answer_each_trailer(req, put, s->trailers);
    s->status = req->reply.status;
    s->has_body = pf_answer_has_body(req);
    s->used = req->reply.charged;
    pf_buf_clear(&s->owner.sent);
    pf_buf_put_str(&s->owner.sent, pf_buf_str(&req->reply.body));
    pf_exchange_end(req);
}

static void answer(scene *s, void (*how)(pf_req *req))
{
    int before = atomic_load(&s->w.finished);
    reply = how;
    by_worker = s->worker;
    http_world_run(&s->w, go, s);
    sem_wait(&s->owner.called);
    http_world_run(&s->w, take_answer, s);
    http_world_wait(&s->w, before + 1);
}

static bool says(const scene *s, const char *line)
{
    return strstr(s->head, line) != NULL;
}

/* ---- Headers */

static void plain(pf_req *req)
{
    http_world_reply(req, 200, "fine");
}

static void test_what_every_answer_says(void **state)
{
    (void)state;
    scene s;
    open_scene(&s);
    s.w.headers = "X-Request-Id: me";
    answer(&s, plain);
    assert_string_equal(s.head, "Date: today\nContent-Type: text/plain\nContent-Length: 4\n"
                                "X-Request-Id: me\nX-Default: yes\n");
    assert_true(s.has_body && s.status == 200);
    assert_string_equal(s.trailers, "");
    s.line = "HEAD /";
    answer(&s, plain);
    assert_true(says(&s, "Content-Length: 4\n"));
    assert_false(s.has_body);
    close_scene(&s);
}

static void no_content(pf_req *req)
{
    pf_req_reply_take(req, 204, NULL, &(pf_buf){0});
}

static void not_modified(pf_req *req)
{
    pf_req_add_header(req, "ETag", "\"x\"");
    pf_req_reply_take(req, 304, NULL, &(pf_buf){0});
}

static void empty(pf_req *req)
{
    pf_req_reply_take(req, 200, NULL, &(pf_buf){0});
}

static void test_answers_without_a_body(void **state)
{
    (void)state;
    scene s;
    open_scene(&s);
    s.w.headers = "X-Request-Id: me";
    answer(&s, no_content);
    assert_string_equal(s.head, "Date: today\nX-Request-Id: me\nX-Default: yes\n");
    assert_false(s.has_body);
    answer(&s, not_modified);
    assert_string_equal(s.head, "Date: today\nX-Request-Id: me\nETag: \"x\"\nX-Default: yes\n");
    assert_false(s.has_body);
    answer(&s, empty);
    assert_string_equal(s.head,
                        "Date: today\nContent-Length: 0\nX-Request-Id: me\nX-Default: yes\n");
    close_scene(&s);
}

static void with_headers(pf_req *req)
{
    pf_req_add_header(req, "A", "1");
    pf_req_add_header(req, "A", "2");
    pf_req_add_header(req, "x-DEFAULT", "mine"); /* goes before what every answer has */
    pf_req_add_header(req, "Empty", "");
    pf_req_add_trailer(req, "Last", "words");
    plain(req);
}

static void test_headers_that_are_added(void **state)
{
    (void)state;
    scene s;
    open_scene(&s);
    s.w.headers = "X-Request-Id: me";
    answer(&s, with_headers);
    assert_string_equal(s.head, "Date: today\nContent-Type: text/plain\nContent-Length: 4\n"
                                "X-Request-Id: me\nA: 1\nA: 2\nx-DEFAULT: mine\nEmpty: \n");
    assert_string_equal(s.trailers, "Last: words\n");
    s.w.app.headers = NULL;
    answer(&s, plain);
    assert_false(says(&s, "X-Default"));
    close_scene(&s);
}

/* What a client sent and the application gives back must not become a header of its own. */
static void hostile(pf_req *req)
{
    static const char *const bad[] = {
        "a\r\nSet-Cookie: x", "a\nb", "a\rb", "\x01", "a\x1f", "\x7f"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        pf_req_add_header(req, "Bad", bad[i]);
        pf_req_add_trailer(req, "Bad", bad[i]);
    }
    pf_req_add_header(req, "Tab", "a\tb");
    pf_req_add_header(req, "High", "\xc3\xa4");
    plain(req);
}

static void test_control_characters_are_left_out(void **state)
{
    (void)state;
    scene s;
    open_scene(&s);
    answer(&s, hostile);
    assert_false(says(&s, "Bad") || says(&s, "Set-Cookie"));
    assert_true(says(&s, "Tab: a\tb\n") && says(&s, "High: \xc3\xa4\n"));
    assert_string_equal(s.trailers, "");
    close_scene(&s);
}

/* ---- Errors */

static void unavailable(pf_req *req)
{
    pf_error err;
    pf_req_reply_error(req, pf_fail(&err, PF_UNAVAILABLE, "not now"), &err);
}

static void not_allowed(pf_req *req)
{
    pf_req_add_header(req, "Allow", "GET");
    pf_req_reply_status(req, 405, "no");
}

static void without_a_reason(pf_req *req)
{
    pf_req_reply_error(req, PF_INTERNAL, NULL);
}

static void test_errors(void **state)
{
    (void)state;
    scene s;
    open_scene(&s);
    answer(&s, unavailable);
    assert_int_equal(s.status, 503);
    assert_true(says(&s, "Retry-After: 1\n") && says(&s, "Content-Length: 12\n"));
    assert_memory_equal(s.owner.sent.data, "503: not now", 12);
    answer(&s, not_allowed);
    assert_true(s.status == 405 && says(&s, "Allow: GET\n") && !says(&s, "Retry-After"));
    answer(&s, without_a_reason);
    assert_memory_equal(s.owner.sent.data, "500: ", 5);
    close_scene(&s);
}

/* ---- Memory */

static size_t wanted;

static void of_size(pf_req *req)
{
    pf_buf b = PF_BUF_INIT;
    memset(pf_buf_reserve(&b, wanted), 'x', wanted);
    b.len = wanted;
    pf_req_reply_take(req, 200, "application/octet-stream", &b);
    assert_null(b.data);
}

static void failed(pf_req *req)
{
    pf_buf b = {.max = 3};
    pf_buf_puts(&b, "four");
    assert_true(b.failed);
    pf_req_reply_take(req, 200, "text/plain", &b);
}

static void test_the_budget(void **state)
{
    (void)state;
    scene s;
    open_scene(&s);
    wanted = PF_REPLY_FREE; /* so much is free, and a probe is answered */
    assert_true(pf_ledger_take(&s.w.budget, HTTP_WORLD_BUDGET - 20000, NULL));
    answer(&s, of_size);
    assert_true(s.status == 200 && s.used == 0);
    wanted = 19000; /* charged with what it is, not with the buffer's slack */
    answer(&s, of_size);
    assert_true(s.status == 200 && s.used == 19000);
    wanted = 20001;
    answer(&s, of_size);
    assert_true(s.status == 503 && says(&s, "Retry-After: 1\n") && s.used == 0);
    pf_ledger_give(&s.w.budget, HTTP_WORLD_BUDGET - 20000);
    answer(&s, of_size);
    assert_int_equal(s.status, 200);
    wanted = HTTP_WORLD_BUDGET + 1; /* never can */
    answer(&s, of_size);
    assert_true(s.status == 422 && !says(&s, "Retry-After"));
    assert_non_null(strstr(s.owner.sent.data, "-memory.max-inflight"));
    answer(&s, failed);
    assert_int_equal(s.status, 503);
    s.w.service.cfg.budget = NULL; /* without one nothing is counted */
    wanted = HTTP_WORLD_BUDGET + 1;
    answer(&s, of_size);
    assert_int_equal(s.status, 200);
    s.w.service.cfg.budget = &s.w.budget;
    close_scene(&s);
}

/* ---- Codings */

static const char *type, *vary;
static bool coded;

static void fill(pf_buf *b, size_t n)
{
    for (unsigned i = 0; b->len < n; i++)
        pf_buf_printf(b, "{\"id\":%u,\"name\":\"function_%u\"},", i * 7919 % 10007, i % 97);
    b->len = n;
}

static void json(pf_req *req)
{
    pf_buf b = PF_BUF_INIT;
    fill(&b, wanted);
    if (vary)
        pf_req_add_header(req, "Vary", vary);
    if (coded)
        pf_req_add_header(req, "Content-Encoding", "br");
    pf_req_reply_take(req, 200, type, &b);
}

/* Whether what came is what json() made, by what the headers say of it. */
static void check_body(const scene *s)
{
    pf_buf plain_text = PF_BUF_INIT;
    fill(&plain_text, wanted);
    char *back = calloc(1, wanted + 1);
    assert_non_null(back);
    const pf_buf *sent = &s->owner.sent;
    if (says(s, "Content-Encoding: zstd\n")) {
        assert_int_equal(ZSTD_decompress(back, wanted, sent->data, sent->len), wanted);
    } else if (says(s, "Content-Encoding: gzip\n")) {
        z_stream z = {0};
        assert_int_equal(inflateInit2(&z, 16 + MAX_WBITS), Z_OK);
        z.next_in = (Bytef *)sent->data;
        z.avail_in = (uInt)sent->len;
        z.next_out = (Bytef *)back;
        z.avail_out = (uInt)wanted;
        assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
        assert_int_equal(z.avail_out, 0);
        inflateEnd(&z);
    } else {
        assert_int_equal(sent->len, wanted);
        memcpy(back, sent->data, wanted);
    }
    char length[64];
    sprintf(length, "Content-Length: %zu\n", sent->len);
    assert_true(says(s, length));
    assert_memory_equal(back, plain_text.data, wanted);
    free(back);
    pf_buf_free(&plain_text);
}

static void test_codings(void **state)
{
    (void)state;
    static const struct {
        const char *accept, *type, *vary;
        size_t n;
        bool worker, coded;
        const char *encoding, *varies;
    } cases[] = {
        {"gzip", "application/json", NULL, 5000, false, false, "gzip", "Vary: Accept-Encoding\n"},
        {"gzip, zstd", "text/plain", NULL, 5000, false, false, "zstd", "Vary: Accept-Encoding\n"},
        {"gzip", "text/html", "Origin", 5000, false, false, "gzip",
         "Vary: Origin, Accept-Encoding\n"},
        {"gzip", "text/html", "accept-encoding, Origin", 5000, false, false, "gzip",
         "Vary: accept-encoding, Origin\n"},
        {"gzip", "application/json", NULL, 5000, false, true, "br", NULL}, /* it has one already */
        {"", "application/json", NULL, 5000, false, false, NULL, NULL},
        {"gzip;q=0", "application/json", NULL, 5000, false, false, NULL, NULL},
        {"gzip", "application/octet-stream", NULL, 5000, false, false, NULL, NULL},
        {"gzip", "application/json", NULL, PF_CODING_LEAST - 1, false, false, NULL, NULL},
        {"gzip", "application/json", NULL, PF_CODING_LEAST, false, false, "gzip", ""},
        /* Much is compressed where it holds nobody up. */
        {"gzip", "application/json", NULL, 1 << 20, false, false, NULL, NULL},
        {"gzip", "application/json", NULL, 1 << 20, true, false, "gzip", ""},
        {"zstd", "application/json", NULL, 1 << 20, true, false, "zstd", ""},
    };
    scene s;
    open_scene(&s);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char accept[64], encoding[64];
        snprintf(accept, sizeof accept, "Accept-Encoding: %s", cases[i].accept);
        snprintf(encoding, sizeof encoding, "Content-Encoding: %s\n",
                 cases[i].encoding ? cases[i].encoding : "");
        s.w.headers = accept;
        s.worker = cases[i].worker;
        type = cases[i].type;
        vary = cases[i].vary;
        coded = cases[i].coded;
        wanted = cases[i].n;
        answer(&s, json);
        if (says(&s, "Content-Encoding: ") != (cases[i].encoding != NULL) ||
            (cases[i].encoding && !says(&s, encoding)) ||
            (cases[i].varies && !says(&s, cases[i].varies)))
            fail_msg("case %zu: %s", i, s.head);
        check_body(&s);
    }
    close_scene(&s);
}

static void noise(pf_req *req)
{
    pf_buf b = PF_BUF_INIT;
    srand(9);
    for (int i = 0; i < 5000; i++)
        pf_buf_putc(&b, (char)(rand() >> 7));
    pf_req_reply_take(req, 200, "text/plain", &b);
}

static void test_what_gets_no_smaller_leaves_as_it_is(void **state)
{
    (void)state;
    scene s;
    open_scene(&s);
    s.w.headers = "Accept-Encoding: gzip";
    answer(&s, noise);
    assert_true(says(&s, "Content-Length: 5000\n") && !says(&s, "Content-Encoding"));
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_every_answer_says),
        cmocka_unit_test(test_answers_without_a_body),
        cmocka_unit_test(test_headers_that_are_added),
        cmocka_unit_test(test_control_characters_are_left_out),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_the_budget),
        cmocka_unit_test(test_codings),
        cmocka_unit_test(test_what_gets_no_smaller_leaves_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
