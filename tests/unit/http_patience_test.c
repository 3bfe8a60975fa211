/* How much an HTTP/2 client may ask for nothing: frames as they come, in pieces of every length. */
#include "server/http/patience.h"

#include "base/buf.h"
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING = 6, WINDOW_UPDATE = 8, CONTINUATION };
enum { END_STREAM = 1, ACK = 1, PADDED = 8, MOST_CONTINUATIONS = 10 };

static const int64_t start = 1234567 * PF_NS_PER_SEC;
static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

static void put_frame(pf_buf *b, uint8_t type, uint8_t flags, const void *payload, size_t n)
{
    const uint8_t header[9] = {
        (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n, type, flags, 0, 0, 0, 1};
    pf_buf_put(b, header, sizeof header);
    if (n)
        pf_buf_put(b, payload, n);
}

static bool watch(pf_patience *p, const pf_buf *b)
{
    return pf_patience_watch(p, (const uint8_t *)b->data, b->len, start);
}

/* What the bucket holds when these bytes were seen at once; the same must come of any pieces. */
static int64_t left_after(const pf_buf *b)
{
    pf_patience whole;
    pf_patience_init(&whole, MOST_CONTINUATIONS, start);
    bool ok = watch(&whole, b);
    for (size_t step = 1; step < 40; step++) {
        pf_patience p;
        bool same = true;
        pf_patience_init(&p, MOST_CONTINUATIONS, start);
        for (size_t at = 0; same && at < b->len; at += step) {
            size_t n = b->len - at < step ? b->len - at : step;
            same = pf_patience_watch(&p, (const uint8_t *)b->data + at, n, start);
        }
        assert_int_equal(same, ok);
        assert_int_equal(p.left, whole.left);
    }
    return ok ? whole.left : -1;
}

static void test_what_frames_cost(void **state)
{
    (void)state;
    static const uint8_t payload[300];
    static const uint8_t all_padding[] = {3, 0, 0, 0}, some_padding[] = {3, 'x', 0, 0, 0};
    const struct {
        uint8_t type, flags;
        const uint8_t *payload;
        size_t n;
        int cost;
    } cases[] = {
        {DATA, 0, payload, 1, 0},
        {DATA, 0, NULL, 0, 1},
        {DATA, END_STREAM, NULL, 0, 0},
        {DATA, PADDED, all_padding, sizeof all_padding, 1},
        {DATA, PADDED | END_STREAM, all_padding, sizeof all_padding, 0},
        {DATA, PADDED, some_padding, sizeof some_padding, 0},
        {DATA, PADDED, NULL, 0, 1},
        {DATA, PADDED, payload, 1, 1},
        {DATA, PADDED, payload, 2, 0},
        {HEADERS, 4, payload, 300, 0},
        {PRIORITY, 0, payload, 5, 1},
        {RST_STREAM, 0, payload, 4, 1},
        {SETTINGS, 0, NULL, 0, PF_PATIENCE_RESET},
        {SETTINGS, ACK, NULL, 0, 1},
        {PING, 0, payload, 8, 1},
        {PING, ACK, payload, 8, 1},
        {WINDOW_UPDATE, 0, payload, 4, 1},
        {CONTINUATION, 0, payload, 300, 1},
        {0xbe, 0xff, payload, 77, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pf_buf b = PF_BUF_INIT;
        pf_buf_put(&b, preface, sizeof preface - 1);
        for (int k = 0; k < 3; k++)
            put_frame(&b, cases[i].type, cases[i].flags, cases[i].payload, cases[i].n);
        assert_int_equal(left_after(&b), PF_PATIENCE - 3 * cases[i].cost);
        pf_buf_free(&b);
    }
}

/* The length has three bytes; what lies inside a frame is not taken for one. */
static void test_long_frames(void **state)
{
    (void)state;
    size_t n = 0x010203;
    char *payload = test_malloc(n);
    memset(payload, CONTINUATION, n);
    pf_buf b = PF_BUF_INIT;
    pf_buf_put(&b, preface, sizeof preface - 1);
    put_frame(&b, HEADERS, 0, payload, n);
    put_frame(&b, PING, 0, payload, 8);
    assert_int_equal(left_after(&b), PF_PATIENCE - 1);
    pf_buf_free(&b);
    test_free(payload);
}

static void test_continuations_are_bounded(void **state)
{
    (void)state;
    pf_buf b = PF_BUF_INIT;
    pf_buf_put(&b, preface, sizeof preface - 1);
    for (int k = 0; k < 3; k++) {
        put_frame(&b, HEADERS, 0, "x", 1);
        for (int i = 0; i < MOST_CONTINUATIONS; i++)
            put_frame(&b, CONTINUATION, 0, "x", 1);
    }
    assert_int_equal(left_after(&b), PF_PATIENCE - 3 * MOST_CONTINUATIONS);
    put_frame(&b, CONTINUATION, 0, NULL, 0);
    assert_int_equal(left_after(&b), -1);
    pf_buf_free(&b);
}

static void test_it_ends(void **state)
{
    (void)state;
    pf_patience p;
    pf_buf pings = PF_BUF_INIT;
    put_frame(&pings, PING, 0, "12345678", 8);
    pf_patience_init(&p, MOST_CONTINUATIONS, start);
    p.skip = 0;
    for (int i = 0; i < PF_PATIENCE; i++)
        assert_true(watch(&p, &pings));
    assert_false(watch(&p, &pings));
    pf_buf_free(&pings);

    pf_patience_init(&p, MOST_CONTINUATIONS, start);
    for (int i = 0; i < 1000; i++)
        assert_true(pf_patience_lose(&p, PF_PATIENCE_RESET));
    assert_false(pf_patience_lose(&p, PF_PATIENCE_RESET));
}

/* At the pace at which it comes back a client may go on for ever; at twice that it may not. */
static void test_time_gives_it_back(void **state)
{
    (void)state;
    pf_patience p;
    int64_t step = PF_NS_PER_SEC / PF_PATIENCE_PER_SECOND, now = start;
    pf_patience_init(&p, MOST_CONTINUATIONS, start);
    for (int i = 0; i < 3 * PF_PATIENCE; i++) {
        assert_true(pf_patience_watch(&p, NULL, 0, now += step));
        assert_true(pf_patience_lose(&p, 1));
    }
    int endured = 0;
    while (endured < 20 * PF_PATIENCE && pf_patience_watch(&p, NULL, 0, now += step / 2) &&
           pf_patience_lose(&p, 1))
        endured++;
    assert_true(endured >= PF_PATIENCE && endured < 3 * PF_PATIENCE);

    /* However long it was quiet, there is one bucket. */
    assert_true(pf_patience_watch(&p, NULL, 0, now += 3600 * PF_NS_PER_SEC));
    assert_true(pf_patience_lose(&p, PF_PATIENCE));
    assert_false(pf_patience_lose(&p, 1));
}

static void test_work_gives_it_back(void **state)
{
    (void)state;
    pf_patience p;
    pf_patience_init(&p, MOST_CONTINUATIONS, start);
    assert_true(pf_patience_lose(&p, PF_PATIENCE));
    for (int i = 0; i < PF_PATIENCE_BYTES * 100; i++)
        pf_patience_gain_bytes(&p, 1);
    assert_int_equal(p.left, 100);
    pf_patience_gain(&p, PF_PATIENCE_ANSWER);
    assert_int_equal(p.left, 100 + PF_PATIENCE_ANSWER);
    pf_patience_gain_bytes(&p, SIZE_MAX / 4);
    assert_int_equal(p.left, PF_PATIENCE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_frames_cost),          cmocka_unit_test(test_long_frames),
        cmocka_unit_test(test_continuations_are_bounded), cmocka_unit_test(test_it_ends),
        cmocka_unit_test(test_time_gives_it_back),        cmocka_unit_test(test_work_gives_it_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
