/* A request's way through the application, whoever replies, whatever breaks, and that it ends once. */
#include "server/http/exchange.h"

#include "base/clock.h"
#include "support/http_world.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* One request as the tests on the loop's thread see it. */
typedef struct scene {
    http_world w;
    http_owner owner;
    const char *line;
    int64_t length;
    const char *body; /* what comes of it */
    pf_req *req;
    pf_stage stage; /* how far it got */
} scene;

static void open_scene(scene *s, unsigned queue_max)
{
    memset(s, 0, sizeof *s);
    http_world_start(&s->w, queue_max);
    http_owner_init(&s->owner, true);
    s->line = "GET /a?b=c";
    s->length = -1;
}

static void close_scene(scene *s)
{
    http_world_end(&s->w);
    http_owner_free(&s->owner);
}

/* Head, body, run, as far as it goes. */
static void go(void *ctx)
{
    scene *s = ctx;
    s->req = http_world_begin(&s->w, &s->owner.base, s->line, s->length);
    pf_exchange_head(s->req);
    if (s->body && s->req->stage == PF_STAGE_BODY)
        pf_exchange_body(s->req, s->body, strlen(s->body));
    s->stage = s->req->stage;
    if (s->req->stage == PF_STAGE_BODY)
        pf_exchange_run(s->req);
}

static void let_go(void *ctx)
{
    scene *s = ctx;
    pf_exchange_end(s->req);
}

/* One request from its head to its end. */
static void do_one(scene *s)
{
    int before = atomic_load(&s->w.finished);
    http_world_run(&s->w, go, s);
    http_world_wait(&s->w, before + 1);
}

static void assert_answer(scene *s, int status, const char *text)
{
    assert_int_equal(s->w.status, status);
    assert_int_equal(s->w.sent, strlen(text));
    assert_int_equal(s->owner.sent.len, strlen(text));
    assert_memory_equal(s->owner.sent.data ? s->owner.sent.data : "", text, strlen(text));
    pf_buf_clear(&s->owner.sent);
}

/* ---- Who replies */

static pthread_t loop_thread, handling_thread;

static void note_loop_thread(void *ctx)
{
    (void)ctx;
    loop_thread = pthread_self();
}

static void reply_noting(http_world *w, pf_req *req)
{
    (void)w;
    handling_thread = pthread_self();
    http_world_reply(req, 200, "fine");
}

static void on_worker(http_world *w, pf_req *req, pf_admit *out)
{
    (void)w;
    (void)req;
    out->run = PF_RUN_WORKER;
}

static void test_inline_and_on_a_worker(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, 1);
    http_world_run(&s.w, note_loop_thread, NULL);
    s.w.handle = reply_noting;
    do_one(&s);
    assert_answer(&s, 200, "fine");
    assert_true(pthread_equal(handling_thread, loop_thread));
    s.w.admit = on_worker;
    do_one(&s);
    assert_answer(&s, 200, "fine");
    assert_false(pthread_equal(handling_thread, loop_thread));
    close_scene(&s);
}

static void *reply_elsewhere(void *arg)
{
    http_world_reply(arg, 201, "made later");
    return NULL;
}

static pthread_t helper;

static void start_helper(http_world *w, pf_req *req)
{
    (void)w;
    assert_int_equal(pthread_create(&helper, NULL, reply_elsewhere, req), 0);
}

static void test_another_thread(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, 1);
    s.w.handle = start_helper;
    for (int i = 0; i < 200; i++) {
        do_one(&s);
        pthread_join(helper, NULL);
        assert_answer(&s, 201, "made later");
    }
    close_scene(&s);
}

/* The first call finds that it would take long. */
static void move_first(http_world *w, pf_req *req)
{
    if (pf_req_run(req) == PF_RUN_INLINE) {
        memcpy(pf_arena_alloc(pf_req_arena(req), 5), "taken", 5);
        pf_req_set_user(req, w);
        pf_req_move(req);
        return;
    }
    assert_ptr_equal(pf_req_user(req), w);
    reply_noting(w, req);
}

static void test_moved_to_a_worker(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, 1);
    http_world_run(&s.w, note_loop_thread, NULL);
    s.w.handle = move_first;
    do_one(&s);
    assert_answer(&s, 200, "fine");
    assert_int_equal(atomic_load(&s.w.handled), 2);
    assert_false(pthread_equal(handling_thread, loop_thread));
    close_scene(&s);
}

static void refuse_in_admit(http_world *w, pf_req *req, pf_admit *out)
{
    (void)w;
    (void)out;
    pf_req_reply_status(req, 404, "not here");
}

static void test_replied_by_admit(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, 1);
    s.w.admit = refuse_in_admit;
    s.length = 1 << 30; /* not waited for, and not judged */
    do_one(&s);
    assert_int_equal(s.stage, PF_STAGE_HANDLE);
    assert_answer(&s, 404, "404: not here");
    assert_int_equal(atomic_load(&s.w.handled), 0);
    close_scene(&s);
}

static void reply_twice(http_world *w, pf_req *req)
{
    (void)w;
    http_world_reply(req, 200, "first");
    http_world_reply(req, 500, "second");
    pf_req_reply_status(req, 400, "third");
    pf_req_reply_error(req, PF_INTERNAL, NULL);
}

static void test_the_first_reply_counts(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, 1);
    s.w.handle = reply_twice;
    do_one(&s);
    assert_answer(&s, 200, "first");
    close_scene(&s);
}

/* ---- The queue */

static void hold(http_world *w, pf_req *req)
{
    http_world_hold(w, req);
    http_world_reply(req, 200, atomic_load(pf_req_cancelled(req)) ? "cancelled" : "held");
}

static void test_a_full_queue(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, 1);
    s.w.admit = on_worker;
    s.w.handle = hold;
    atomic_store(&s.w.held, true);
    http_world_run(&s.w, go, &s);
    sem_wait(&s.w.entered); /* the only worker is busy */
    pf_req *running = s.req;
    http_world_run(&s.w, go, &s); /* waits */
    pf_req *waiting = s.req;
    http_world_run(&s.w, go, &s);
    http_world_wait(&s.w, 1);
    assert_answer(&s, 503, "503: too many requests are waiting");
    assert_int_equal(atomic_load(&s.w.handled), 1);
    assert_ptr_not_equal(running, waiting);
    atomic_store(&s.w.held, false);
    http_world_wait(&s.w, 3);
    assert_int_equal(atomic_load(&s.w.handled), 2);
    close_scene(&s);
}

/* Moving meets a full queue, too. */
static void test_moved_to_a_full_queue(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, 0);
    s.w.handle = move_first;
    do_one(&s);
    assert_int_equal(s.w.status, 503);
    assert_int_equal(atomic_load(&s.w.handled), 1);
    close_scene(&s);
}

static void test_given_up_before_it_was_handled(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, 1);
    s.w.admit = on_worker;
    s.w.handle = hold;
    atomic_store(&s.w.held, true);
    http_world_run(&s.w, go, &s);
    sem_wait(&s.w.entered);
    http_world_run(&s.w, go, &s);
    http_world_run(&s.w, let_go, &s); /* its client is gone while it waits */
    assert_int_equal(atomic_load(&s.w.finished), 0);
    atomic_store(&s.w.held, false);
    http_world_wait(&s.w, 2);
    assert_int_equal(atomic_load(&s.w.handled), 1);
    assert_int_equal(s.w.status, 503);
    assert_int_equal(s.w.sent, -1);
    close_scene(&s);
}

/* ---- Connections that are gone */

static void go_to_head(void *ctx)
{
    scene *s = ctx;
    s->req = http_world_begin(&s->w, &s->owner.base, s->line, s->length);
}

static void go_to_body(void *ctx)
{
    scene *s = ctx;
    go_to_head(s);
    pf_exchange_head(s->req);
    assert_int_equal(s->req->stage, PF_STAGE_BODY);
    pf_exchange_body(s->req, "some", 4);
}

static void assert_gone(scene *s, int n)
{
    http_world_wait(&s->w, n);
    assert_int_equal(s->w.sent, -1);
    assert_int_equal(s->owner.calls, 0);
}

static void test_gone_before_it_was_handled(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, 1);
    s.length = 100;
    http_world_run(&s.w, go_to_head, &s);
    http_world_run(&s.w, let_go, &s);
    assert_gone(&s, 1);
    http_world_run(&s.w, go_to_body, &s);
    assert_true(pf_ledger_held(&s.w.budget) > 0);
    http_world_run(&s.w, let_go, &s);
    assert_gone(&s, 2);
    assert_int_equal(atomic_load(&s.w.handled), 0);
    close_scene(&s);
}

static pf_req *parked; /* whom nobody has replied to yet */

static void park(http_world *w, pf_req *req)
{
    (void)w;
    parked = req;
}

static void test_gone_while_somebody_has_it(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, 1);
    s.w.handle = park;
    http_world_run(&s.w, go, &s);
    assert_false(atomic_load(pf_req_cancelled(parked)));
    http_world_run(&s.w, let_go, &s);
    assert_true(atomic_load(pf_req_cancelled(parked)));
    assert_int_equal(atomic_load(&s.w.finished), 0); /* a reply is due all the same */
    http_world_reply(parked, 200, "nobody reads this");
    assert_gone(&s, 1);
    assert_int_equal(s.w.status, 200);

    s.w.admit = on_worker;
    s.w.handle = hold;
    atomic_store(&s.w.held, true);
    http_world_run(&s.w, go, &s);
    sem_wait(&s.w.entered);
    http_world_run(&s.w, let_go, &s); /* hold() sees that it is cancelled */
    assert_gone(&s, 2);
    close_scene(&s);
}

static void large(http_world *w, pf_req *req)
{
    (void)w;
    pf_buf b = PF_BUF_INIT;
    memset(pf_buf_reserve(&b, 100000), 'x', 100000);
    b.len = 100000;
    pf_req_reply_take(req, 200, "application/octet-stream", &b);
}

static void test_gone_before_its_answer_was_sent(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, 1);
    s.owner.ends = false;
    s.w.handle = large;
    http_world_run(&s.w, go, &s);
    sem_wait(&s.owner.called);
    assert_true(pf_ledger_held(&s.w.budget) >= 100000);
    http_world_run(&s.w, let_go, &s);
    http_world_wait(&s.w, 1);
    assert_int_equal(s.w.status, 200);
    assert_int_equal(s.w.sent, -1);
    close_scene(&s);
}

/* ---- Replies that are held back */

static const int64_t AN_HOUR = 3600 * PF_NS_PER_SEC;
static int64_t delay_ns;

/* Only "/held" is. */
static void reply_delayed(http_world *w, pf_req *req)
{
    (void)w;
    pf_buf b = PF_BUF_INIT;
    pf_buf_put_str(&b, pf_req_path(req));
    if (pf_str_eq(pf_req_path(req), PF_STR("/held")))
        pf_req_delay(req, delay_ns);
    pf_req_reply_take(req, 200, "text/plain", &b);
}

static void admit_delayed(http_world *w, pf_req *req, pf_admit *out)
{
    (void)out;
    reply_delayed(w, req);
}

/* Both are replied to in one turn of the loop, and its mailbox keeps the order. */
static void go_two(void *ctx)
{
    scene *s = ctx;
    s->line = "GET /held";
    go(s);
    s->line = "GET /next";
    go(s);
}

static void assert_order(scene *s, int64_t ns, const char *order)
{
    int before = atomic_load(&s->w.finished);
    delay_ns = ns;
    http_world_run(&s->w, go_two, s);
    http_world_wait(&s->w, before + 2);
    assert_int_equal(s->owner.sent.len, strlen(order));
    assert_memory_equal(s->owner.sent.data, order, strlen(order));
    pf_buf_clear(&s->owner.sent);
    assert_int_equal(atomic_load(&s->w.service.delayed), 0);
}

static void test_a_delayed_reply_leaves_later(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, 1);
    s.w.handle = reply_delayed;
    assert_order(&s, 1, "/next/held");
    assert_order(&s, 0, "/held/next");
    assert_order(&s, -1, "/held/next");
    s.w.handle = NULL;
    s.w.admit = admit_delayed;
    assert_order(&s, 1, "/next/held");
    close_scene(&s);
}

static void see_stage(void *ctx)
{
    scene *s = ctx;
    s->stage = s->req->stage;
}

static pf_stage stage_now(scene *s)
{
    http_world_run(&s->w, see_stage, s);
    return s->stage;
}

static void go_held(scene *s, int64_t ns)
{
    delay_ns = ns;
    s->line = "GET /held";
    http_world_run(&s->w, go, s);
}

static void test_gone_while_its_reply_is_held_back(void **state)
{
    (void)state;
    static const int64_t delays[] = {AN_HOUR, INT64_MAX};
    scene s;
    open_scene(&s, 1);
    s.w.handle = reply_delayed;
    for (int i = 0; i < 2; i++) {
        go_held(&s, delays[i]);
        assert_int_equal(stage_now(&s), PF_STAGE_DELAYED);
        assert_int_equal(atomic_load(&s.w.service.delayed), 1);
        http_world_run(&s.w, let_go, &s);
        assert_gone(&s, i + 1);
        assert_int_equal(s.w.status, 200);
        assert_int_equal(atomic_load(&s.w.service.delayed), 0);
    }
    close_scene(&s);
}

/* Nobody waits for the reply: there is nothing to hold back. */
static void test_gone_before_its_delayed_reply(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, 1);
    s.w.handle = park;
    http_world_run(&s.w, go, &s);
    http_world_run(&s.w, let_go, &s);
    pf_req_delay(parked, AN_HOUR);
    http_world_reply(parked, 200, "nobody reads this");
    assert_gone(&s, 1);
    close_scene(&s);
}

static void test_few_replies_are_held_back_at_once(void **state)
{
    (void)state;
    enum { CONNECTIONS = 10, HELD = 3 }; /* a quarter, rounded up */
    pf_req *held[HELD];
    scene s;
    open_scene(&s, 1);
    s.w.service.cfg.connections = CONNECTIONS;
    s.w.handle = reply_delayed;
    for (int i = 0; i < HELD; i++) {
        go_held(&s, AN_HOUR);
        assert_int_equal(stage_now(&s), PF_STAGE_DELAYED);
        held[i] = s.req;
    }
    go_held(&s, AN_HOUR);
    http_world_wait(&s.w, 1);
    assert_answer(&s, 200, "/held");
    assert_int_equal(atomic_load(&s.w.service.delayed), HELD);
    s.owner.calls = 0;
    for (int i = 0; i < HELD; i++) {
        s.req = held[i];
        http_world_run(&s.w, let_go, &s);
        assert_gone(&s, i + 2);
    }
    close_scene(&s);
}

/* ---- What the transport answers by itself */

static void takes_none(http_world *w, pf_req *req, pf_admit *out)
{
    (void)w;
    (void)req;
    out->max_body = 0;
}

static void takes_ten(http_world *w, pf_req *req, pf_admit *out)
{
    (void)w;
    (void)req;
    out->max_body = 10;
}

static void takes_much(http_world *w, pf_req *req, pf_admit *out)
{
    (void)w;
    (void)req;
    out->max_body = SIZE_MAX;
}

static void echo_body(http_world *w, pf_req *req)
{
    (void)w;
    pf_buf b = PF_BUF_INIT;
    pf_buf_put_str(&b, pf_req_body(req));
    pf_req_reply_take(req, 200, "application/octet-stream", &b);
}

static void test_bodies(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, 1);
    s.w.handle = echo_body;
    s.line = "POST /";
    s.body = "0123456789";
    s.length = 10;
    do_one(&s);
    assert_answer(&s, 200, "0123456789");
    s.w.admit = takes_ten;
    do_one(&s);
    assert_answer(&s, 200, "0123456789");
    s.length = 11; /* refused before it comes */
    do_one(&s);
    assert_int_equal(s.stage, PF_STAGE_HANDLE);
    assert_answer(&s, 413, "413: the body is over the limit");
    s.length = -1; /* chunked: refused as soon as it is too much */
    s.body = "0123456789a";
    do_one(&s);
    assert_int_equal(s.stage, PF_STAGE_HANDLE);
    assert_answer(&s, 413, "413: the body is over the limit of 10 bytes");
    close_scene(&s);
}

static void flood(void *ctx)
{
    scene *s = ctx;
    static const char some[1000];
    s->req = http_world_begin(&s->w, &s->owner.base, s->line, s->length);
    pf_exchange_head(s->req);
    int n = 0;
    for (; s->req->stage == PF_STAGE_BODY && n < 10000; n++)
        pf_exchange_body(s->req, some, sizeof some);
    assert_int_equal(n, PF_DRAIN_MAX / (int)sizeof some + 1);
}

static void test_a_body_that_nobody_wants(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, 1);
    s.w.admit = takes_none;
    s.w.handle = echo_body;
    s.line = "DELETE /";
    s.body = "read for politeness";
    s.length = 19;
    do_one(&s);
    assert_answer(&s, 200, "");
    s.length = PF_DRAIN_MAX + 1;
    do_one(&s);
    assert_int_equal(s.w.status, 413);
    pf_buf_clear(&s.owner.sent);
    s.length = -1;
    http_world_run(&s.w, flood, &s);
    http_world_wait(&s.w, 3);
    assert_answer(&s, 413, "413: this request takes no body");
    close_scene(&s);
}

static void test_memory_in_flight(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, 1);
    s.w.admit = takes_much;
    s.line = "POST /";
    s.length = HTTP_WORLD_BUDGET + 1; /* could never fit */
    do_one(&s);
    assert_int_equal(s.w.status, 413);
    assert_true(pf_ledger_take(&s.w.budget, HTTP_WORLD_BUDGET - 5, NULL)); /* others have it all */
    pf_buf_clear(&s.owner.sent);
    s.length = 20;
    s.body = "01234567890123456789";
    do_one(&s);
    assert_answer(&s, 503, "503: the memory for requests in flight is used up");
    pf_ledger_give(&s.w.budget, HTTP_WORLD_BUDGET - 5);
    close_scene(&s);
}

static void test_heads_that_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *line, *headers;
        int status;
    } cases[] = {
        {"GET /", "Expect: 100-continue", 200},
        {"GET /", "Expect: 100-CONTINUE", 200},
        {"GET /", "Expect: a miracle", 417},
        {"GET nowhere", "", 400},
        {"GET /a#b", "", 400},
        {"GET /a\x01", "", 400},
        {"OPTIONS *", "", 200},
    };
    scene s;
    open_scene(&s, 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        s.line = cases[i].line;
        s.w.headers = cases[i].headers;
        do_one(&s);
        assert_int_equal(s.w.status, cases[i].status);
    }
    assert_int_equal(atomic_load(&s.w.admitted), 3);
    close_scene(&s);
}

/* ---- What a request is told of */

static char seen[1024];

static void describe(http_world *w, pf_req *req)
{
    (void)w;
    snprintf(seen, sizeof seen, "%d %.*s %.*s|%.*s|%.*s peer %.*s tls %d name %.*s",
             pf_req_method(req), PF_FMT(pf_req_method_name(req)), PF_FMT(pf_req_target(req)),
             PF_FMT(pf_req_path(req)), PF_FMT(pf_req_query(req)), PF_FMT(pf_req_peer(req)),
             pf_req_is_tls(req), PF_FMT(pf_req_client_name(req)));
    http_world_reply(req, 200, "seen");
}

static const char *what_is_seen(scene *s, const char *line, const char *headers)
{
    s->line = line;
    s->w.headers = headers;
    do_one(s);
    return seen;
}

static void test_what_is_seen(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, 1);
    s.w.handle = describe;
    assert_string_equal(what_is_seen(&s, "GET /a%20b?c=d?", ""),
                        "0 GET /a%20b?c=d?|/a%20b|c=d? peer 9.9.9.9 tls 0 name ");
    assert_string_equal(what_is_seen(&s, "HEAD http://x/a", ""),
                        "1 HEAD http://x/a|/a| peer 9.9.9.9 tls 0 name ");
    s.w.service.cfg.base_path = "/base";
    s.w.origin.peer.tls = true;
    s.w.origin.peer.name = "CN=ci,O=shop";
    assert_string_equal(what_is_seen(&s, "POST /base/a", ""),
                        "2 POST /base/a|/a| peer 9.9.9.9 tls 1 name CN=ci,O=shop");
    assert_string_equal(what_is_seen(&s, "get /basement", ""),
                        "5 get /basement|/basement| peer 9.9.9.9 tls 1 name CN=ci,O=shop");
    assert_string_equal(what_is_seen(&s, "DELETE /a", ""),
                        "3 DELETE /a|/a| peer 9.9.9.9 tls 1 name CN=ci,O=shop");
    assert_string_equal(what_is_seen(&s, "OPTIONS /a", ""),
                        "4 OPTIONS /a|/a| peer 9.9.9.9 tls 1 name CN=ci,O=shop");
    close_scene(&s);
}

static void describe_connection(http_world *w, pf_req *req)
{
    (void)w;
    snprintf(seen, sizeof seen, "loopback %d proxy %d", pf_req_on_loopback(req),
             pf_req_from_proxy(req));
    http_world_reply(req, 200, "seen");
}

static void test_what_is_known_of_the_connection(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, 1);
    s.w.handle = describe_connection;
    assert_string_equal(what_is_seen(&s, "GET /", ""), "loopback 0 proxy 0");
    s.w.origin.peer.on_loopback = true;
    assert_string_equal(what_is_seen(&s, "GET /", ""), "loopback 1 proxy 0");
    s.w.origin.peer = (pf_peer){.text = "9.9.9.9", .trusted = true};
    assert_string_equal(what_is_seen(&s, "GET /", ""), "loopback 0 proxy 1");
    close_scene(&s);
}

static const char *peer_seen(scene *s, const char *headers)
{
    return strstr(what_is_seen(s, "GET /", headers), "peer ") + 5;
}

static void test_whom_a_proxy_names(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, 1);
    s.w.handle = describe;
    assert_int_equal(pf_networks_parse(&s.w.service.trusted, "9.9.9.9,9.9.9.8", NULL), PF_OK);
    /* Of somebody else's word nothing is believed. */
    assert_string_equal(peer_seen(&s, "X-Forwarded-For: 1.2.3.4"), "9.9.9.9 tls 0 name ");
    s.w.origin.peer.trusted = true;
    assert_string_equal(peer_seen(&s, ""), "9.9.9.9 tls 0 name ");
    assert_string_equal(peer_seen(&s, "X-Forwarded-For: 1.2.3.4"), "1.2.3.4 tls 0 name ");
    assert_string_equal(peer_seen(&s, "forwarded: for=1.2.3.4"), "1.2.3.4 tls 0 name ");
    assert_string_equal(peer_seen(&s, "X-Forwarded-For: nonsense"), "9.9.9.9 tls 0 name ");
    /* Lines of one name are one list: a proxy may add its own line behind the client's invention. */
    assert_string_equal(peer_seen(&s, "X-Forwarded-For: 6.6.6.6\nX-Forwarded-For: 1.2.3.4"),
                        "1.2.3.4 tls 0 name ");
    assert_string_equal(
        peer_seen(&s, "X-Forwarded-For: 6.6.6.6\nA: b\nX-Forwarded-For: 1.2.3.4, 9.9.9.8"),
        "1.2.3.4 tls 0 name ");
    assert_string_equal(peer_seen(&s, "X-Forwarded-For: 1.2.3.4\nX-Forwarded-For: 9.9.9.8"),
                        "1.2.3.4 tls 0 name ");
    assert_string_equal(peer_seen(&s, "Forwarded: for=6.6.6.6\nForwarded: for=1.2.3.4"),
                        "1.2.3.4 tls 0 name ");
    close_scene(&s);
}

static char id[PF_REQUEST_ID_MAX + 1];

static void note_id(http_world *w, pf_req *req)
{
    (void)w;
    snprintf(id, sizeof id, "%.*s", PF_FMT(pf_req_id(req)));
    http_world_reply(req, 200, "fine");
}

static void test_ids(void **state)
{
    (void)state;
    scene s;
    char longest[PF_REQUEST_ID_MAX + 32] = "X-Request-Id: ";
    open_scene(&s, 1);
    s.w.handle = note_id;
    s.w.headers = "x-request-ID: one~two!";
    do_one(&s);
    assert_string_equal(id, "one~two!");
    memset(longest + 14, 'i', PF_REQUEST_ID_MAX);
    s.w.headers = longest;
    do_one(&s);
    assert_string_equal(id, longest + 14);
    longest[14 + PF_REQUEST_ID_MAX] = 'x'; /* one too many: it gets a fresh one */
    const char *bad[] = {longest,
                         "X-Request-Id: a b",
                         "X-Request-Id: \x7f",
                         "X-Request-Id: \xc3\xa4",
                         "X-Request-Id:",
                         ""};
    char before[sizeof id] = "";
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        s.w.headers = bad[i];
        do_one(&s);
        assert_int_equal(strlen(id), 20);
        assert_string_not_equal(id, before);
        strcpy(before, id);
    }
    close_scene(&s);
}

/* ---- Requests are used again */

static void look_used(http_world *w, pf_req *req)
{
    (void)w;
    assert_null(pf_req_user(req));
    assert_false(atomic_load(pf_req_cancelled(req)));
    assert_int_equal(pf_req_body(req).n, 0);
    assert_int_equal(req->reply.headers.len, 0);
    assert_int_equal(req->nheaders, 1);
    pf_req_set_user(req, &seen);
    pf_req_add_header(req, "A", "b");
    assert_non_null(pf_arena_alloc(pf_req_arena(req), 100000));
    http_world_reply(req, 200, "fine");
}

static void count_unused(void *ctx)
{
    scene *s = ctx;
    assert_int_equal(s->w.pool.n, 1);
}

static void test_nothing_of_a_request_is_left_in_the_next(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, 1);
    s.w.handle = look_used;
    s.w.headers = "A: b";
    do_one(&s);
    pf_req *first = s.req;
    for (int i = 0; i < 10; i++) {
        do_one(&s);
        assert_ptr_equal(s.req, first);
    }
    http_world_run(&s.w, count_unused, &s);
    close_scene(&s);
}

enum { AT_ONCE = 5 };

static void go_many(void *ctx)
{
    scene *s = ctx;
    pf_req *all[AT_ONCE];
    for (int i = 0; i < AT_ONCE; i++)
        all[i] = http_world_begin(&s->w, &s->owner.base, s->line, s->length);
    for (int i = 0; i < AT_ONCE; i++)
        pf_exchange_end(all[i]);
    assert_int_equal(s->w.pool.n, s->w.service.pool_max);
}

static void test_few_are_kept(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, 1);
    http_world_run(&s.w, go_many, &s);
    http_world_wait(&s.w, AT_ONCE);
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inline_and_on_a_worker),
        cmocka_unit_test(test_another_thread),
        cmocka_unit_test(test_moved_to_a_worker),
        cmocka_unit_test(test_replied_by_admit),
        cmocka_unit_test(test_the_first_reply_counts),
        cmocka_unit_test(test_a_full_queue),
        cmocka_unit_test(test_moved_to_a_full_queue),
        cmocka_unit_test(test_given_up_before_it_was_handled),
        cmocka_unit_test(test_gone_before_it_was_handled),
        cmocka_unit_test(test_gone_while_somebody_has_it),
        cmocka_unit_test(test_gone_before_its_answer_was_sent),
        cmocka_unit_test(test_a_delayed_reply_leaves_later),
        cmocka_unit_test(test_gone_while_its_reply_is_held_back),
        cmocka_unit_test(test_gone_before_its_delayed_reply),
        cmocka_unit_test(test_few_replies_are_held_back_at_once),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_a_body_that_nobody_wants),
        cmocka_unit_test(test_memory_in_flight),
        cmocka_unit_test(test_heads_that_are_refused),
        cmocka_unit_test(test_what_is_seen),
        cmocka_unit_test(test_what_is_known_of_the_connection),
        cmocka_unit_test(test_whom_a_proxy_names),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_nothing_of_a_request_is_left_in_the_next),
        cmocka_unit_test(test_few_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
