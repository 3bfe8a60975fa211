/* Chunked bodies: which are taken, what they say, and that it doesn't matter how they arrive. */
#include "server/http/chunked.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LONG = 64 << 10 };

typedef struct outcome {
    pf_chunked_result result; /* the last: END, BAD, or MORE where the body is cut off */
    size_t taken;             /* of the bytes offered, where it ended */
    char data[LONG];
    size_t n;
} outcome;

/* Offers the text `step` bytes at a time; 0: all at once. */
static void read_all(const char *text, size_t n, size_t step, outcome *out)
{
    pf_chunked c = {0};
    size_t at = 0, shown = 0;
    *out = (outcome){.result = PF_CHUNKED_MORE};
    while (shown < n) {
        shown = step && shown + step < n ? shown + step : n;
        while (at < shown) {
            size_t taken = 0;
            pf_str data = {NULL, 0};
            out->result = pf_chunked_next(&c, text + at, shown - at, &taken, &data);
            if (out->result == PF_CHUNKED_BAD)
                return;
            assert_true(taken > 0 && taken <= shown - at);
            at += taken;
            if (out->result == PF_CHUNKED_DATA) {
                assert_true(data.n > 0 && data.p >= text && data.p + data.n <= text + at);
                memcpy(out->data + out->n, data.p, data.n);
                out->n += data.n;
            }
            out->taken = at;
            if (out->result == PF_CHUNKED_END)
                return;
        }
    }
}

static void test_good(void **state)
{
    (void)state;
    static const struct {
        const char *text, *data;
    } cases[] = {
        {"0\r\n\r\n", ""},
        {"3\r\nabc\r\n0\r\n\r\n", "abc"},
        {"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", "abcde"},
        {"A\r\n0123456789\r\n0\r\n\r\n", "0123456789"},
        {"a\r\n0123456789\r\n0\r\n\r\n", "0123456789"},
        {"000003\r\n\r\n\r\r\n0\r\n\r\n", "\r\n\r"}, /* data is data */
        {"0000000000000003\r\nabc\r\n000\r\n\r\n", "abc"},
        {"3;a\r\nabc\r\n0\r\n\r\n", "abc"},
        {"3;a=b;c=\"d e\"\r\nabc\r\n0;x\r\n\r\n", "abc"},
        {"3 \t ;a\r\nabc\r\n0\r\n\r\n", "abc"},
        {"3;\xff\r\nabc\r\n0\r\n\r\n", "abc"},
        {"1\r\nx\r\n0\r\nTrailer: yes\r\n\r\n", "x"},
        {"1\r\nx\r\n0\r\nA:\r\nB: c:d\te\r\n\r\n", "x"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = strlen(cases[i].text);
        for (size_t step = 0; step <= n; step++) {
            outcome got;
            read_all(cases[i].text, n, step, &got);
            assert_int_equal(got.result, PF_CHUNKED_END);
            assert_int_equal(got.taken, n);
            assert_int_equal(got.n, strlen(cases[i].data));
            assert_memory_equal(got.data, cases[i].data, got.n);
        }
    }
}

static void test_bad(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "\r\n",
        "\n",
        "x\r\n",
        " 3\r\nabc\r\n",
        "-3\r\nabc\r\n",
        "+3\r\nabc\r\n",
        "0x3\r\nabc\r\n",
        "3\nabc\r\n0\r\n\r\n",
        "3\rabc",
        "3\r\r\nabc",
        "3 \r\nabc", /* padding stands only before an extension */
        "3 3\r\nabc",
        "3_3\r\nabc",
        ";a\r\n",
        "3;a\nabc",
        "3;\x01\r\nabc",
        "3;\x7f\r\nabc",
        "3\r\nabcd\r\n",
        "3\r\nabc\n0\r\n\r\n",
        "3\r\nabcx\n0\r\n\r\n",
        "3\r\nabc\n\n0\r\n\r\n",
        "3\r\nabc\r0\r\n\r\n",
        "3\r\nabc0\r\n\r\n",
        "10000000000000000\r\n", /* 17 digits */
        "00000000000000000\r\n", /* of them many are none */
        "fffffffffffffffff\r\n",
        "0\r\n\n",
        "0\r\n\rx",
        "0\r\n x: y\r\n\r\n",
        "0\r\n: y\r\n\r\n",
        "0\r\nx y: z\r\n\r\n",
        "0\r\nx\r\n\r\n",
        "0\r\nx: \x01\r\n\r\n",
        "0\r\nx: y\n\r\n",
        "0\r\nx: y\rz\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        size_t n = strlen(bad[i]);
        for (size_t step = 0; step <= n; step++) {
            outcome got;
            read_all(bad[i], n, step, &got);
            assert_int_equal(got.result, PF_CHUNKED_BAD);
        }
    }
    outcome got;
    read_all("3;a\0b\r\nabc\r\n", 12, 0, &got);
    assert_int_equal(got.result, PF_CHUNKED_BAD);
}

/* What stands behind the body is the next request's. */
static void test_nothing_behind_the_end_is_taken(void **state)
{
    (void)state;
    static const char text[] = "1\r\nx\r\n0\r\n\r\nGET / HTTP/1.1\r\n";
    for (size_t step = 0; step < sizeof text; step++) {
        outcome got;
        read_all(text, sizeof text - 1, step, &got);
        assert_int_equal(got.result, PF_CHUNKED_END);
        assert_int_equal(got.taken, 11);
    }
}

static void test_cut_off(void **state)
{
    (void)state;
    static const char text[] = "3;a\r\nabc\r\n0\r\nT: x\r\n\r\n";
    for (size_t n = 1; n < sizeof text - 1; n++) {
        outcome got;
        read_all(text, n, 1, &got);
        assert_true(got.result == PF_CHUNKED_MORE || got.result == PF_CHUNKED_DATA);
        assert_int_equal(got.taken, n);
    }
}

static void test_the_largest_size(void **state)
{
    (void)state;
    pf_chunked c = {0};
    size_t taken;
    pf_str data;
    static const char size[] = "ffffffffffffffff\r\n";
    assert_int_equal(pf_chunked_next(&c, size, sizeof size - 1, &taken, &data), PF_CHUNKED_MORE);
    assert_true(c.left == UINT64_MAX);
    assert_int_equal(pf_chunked_next(&c, "abc", 3, &taken, &data), PF_CHUNKED_DATA);
    assert_int_equal(data.n, 3);
    assert_true(c.left == UINT64_MAX - 3);
}

/* A body of `chunks` chunks of one byte, each with an extension of `ext` bytes, and trailers of `trailer` bytes in
 * all but the last CRLF. */
static pf_chunked_result read_made(size_t chunks, size_t ext, size_t trailer)
{
    char *text = malloc(chunks * (ext + 8) + trailer + 32), *p = text;
    assert_non_null(text);
    for (size_t i = 0; i < chunks; i++) {
        p += sprintf(p, "1;");
        memset(p, 'e', ext);
        p += ext;
        p += sprintf(p, "\r\nx\r\n");
    }
    p += sprintf(p, "0\r\n");
    if (trailer) {
        p += sprintf(p, "T:");
        memset(p, 't', trailer - 4);
        p += trailer - 4;
        p += sprintf(p, "\r\n");
    }
    p += sprintf(p, "\r\n");
    outcome *got = malloc(sizeof *got);
    assert_non_null(got);
    read_all(text, (size_t)(p - text), 0, got);
    pf_chunked_result result = got->result;
    free(got);
    free(text);
    return result;
}

/* Bytes that are no body are bounded over the whole body: a client can't send nothing for ever. */
static void test_limits(void **state)
{
    (void)state;
    assert_int_equal(read_made(1, PF_CHUNK_EXTENSIONS_MAX, 0), PF_CHUNKED_END);
    assert_int_equal(read_made(1, PF_CHUNK_EXTENSIONS_MAX + 1, 0), PF_CHUNKED_BAD);
    assert_int_equal(read_made(128, PF_CHUNK_EXTENSIONS_MAX / 128, 0), PF_CHUNKED_END);
    assert_int_equal(read_made(129, PF_CHUNK_EXTENSIONS_MAX / 128, 0), PF_CHUNKED_BAD);
    assert_int_equal(read_made(1, PF_CHUNK_EXTENSIONS_MAX, 8000), PF_CHUNKED_END);
    assert_int_equal(read_made(0, 0, PF_CHUNK_TRAILERS_MAX), PF_CHUNKED_END);
    assert_int_equal(read_made(0, 0, PF_CHUNK_TRAILERS_MAX + 100), PF_CHUNKED_BAD);
}

/* However a long body is cut up, its data and its end are the same. */
static void test_any_split(void **state)
{
    (void)state;
    static char text[LONG], whole[LONG];
    static outcome got;
    size_t n = 0, len = 0;
    srand(1);
    while (n < 40000) {
        size_t size = (size_t)rand() % 300 + 1;
        n += (size_t)sprintf(text + n, "%zx%s\r\n", size, rand() % 50 ? "" : ";ext=1");
        for (size_t i = 0; i < size; i++)
            whole[len++] = text[n++] = (char)rand();
        n += (size_t)sprintf(text + n, "\r\n");
    }
    n += (size_t)sprintf(text + n, "0\r\nT: 1\r\n\r\n");
    static const size_t steps[] = {0, 1, 2, 3, 7, 64, 251, 299, 1000, 4096, 39999};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        read_all(text, n, steps[i], &got);
        assert_int_equal(got.result, PF_CHUNKED_END);
        assert_int_equal(got.taken, n);
        assert_int_equal(got.n, len);
        assert_memory_equal(got.data, whole, len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_nothing_behind_the_end_is_taken),
        cmocka_unit_test(test_cut_off),
        cmocka_unit_test(test_the_largest_size),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_any_split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
