/* gzip: members, limits, and everything that is not gzip. */
#include "pprof/gzip.h"
#include "support/corpus.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PLENTY = 1 << 30 };

static pf_buf gzip(pf_str bytes)
{
    pf_buf out = PF_BUF_INIT;
    assert_int_equal(pf_gzip(bytes, 1, &out, NULL), PF_OK);
    return out;
}

/* Inflates a copy that ends where the bytes end, so that reading on is seen. */
static pf_code inflate(pf_str gz, size_t max, pf_str expect, pf_error *err)
{
    pf_arena a;
    pf_str out = {0};
    pf_arena_init(&a, NULL, 0);
    char *exact = malloc(gz.n ? gz.n : 1);
    assert_non_null(exact);
    memcpy(exact, gz.p, gz.n);
    *err = (pf_error){0};
    pf_code code = pf_gunzip((pf_str){exact, gz.n}, max, &a, &out, err);
    if (!code)
        assert_true(pf_str_eq(out, expect));
    free(exact);
    pf_arena_free(&a);
    return code;
}

static void check_refused(pf_str gz, pf_code code, const char *part)
{
    pf_error err;
    assert_int_equal(inflate(gz, PLENTY, PF_STR(""), &err), code);
    if (!strstr(err.msg, part))
        fail_msg("\"%s\" instead of \"%s\"", err.msg, part);
}

static char *noise(size_t n)
{
    char *p = malloc(n);
    assert_non_null(p);
    uint64_t x = 1;
    for (size_t i = 0; i < n; i++) {
        x = x * UINT64_C(6364136223846793005) + 1;
        p[i] = (char)(x >> 56);
    }
    return p;
}

static void test_there_and_back(void **state)
{
    (void)state;
    enum { N = 300000 };
    char *bytes = noise(N);
    for (int level = 1; level <= 12; level += 4)
        for (size_t n = 0; n <= N; n = n * 3 + 1) {
            pf_str s = {bytes, n};
            pf_buf gz = PF_BUF_INIT;
            pf_error err;
            assert_int_equal(pf_gzip(s, level, &gz, &err), PF_OK);
            assert_true(pf_is_gzip(pf_buf_str(&gz)));
            assert_int_equal(inflate(pf_buf_str(&gz), PLENTY, s, &err), PF_OK);
            assert_int_equal(inflate(pf_buf_str(&gz), n, s, &err), PF_OK);
            if (n)
                assert_int_equal(inflate(pf_buf_str(&gz), n - 1, s, &err), PF_TOO_LARGE);
            pf_buf_free(&gz);
        }
    free(bytes);
}

/* Members whose last one says nothing about the size of all. */
static void test_members(void **state)
{
    (void)state;
    enum { N = 200000 };
    char *bytes = noise(N);
    const pf_str part[] = {{bytes, N / 2}, {bytes + N / 2, N / 2 - 7}, {"", 0}, {bytes + N - 7, 7}};
    pf_buf all = PF_BUF_INIT;
    for (size_t i = 0; i < sizeof part / sizeof *part; i++)
        assert_int_equal(pf_gzip(part[i], 6, &all, NULL), PF_OK);
    pf_error err;
    assert_int_equal(inflate(pf_buf_str(&all), PLENTY, (pf_str){bytes, N}, &err), PF_OK);
    assert_int_equal(inflate(pf_buf_str(&all), N, (pf_str){bytes, N}, &err), PF_OK);
    assert_int_equal(inflate(pf_buf_str(&all), N - 1, PF_STR(""), &err), PF_TOO_LARGE);
    pf_buf_free(&all);
    free(bytes);
}

static void test_not_gzip(void **state)
{
    (void)state;
    assert_false(pf_is_gzip(PF_STR("")));
    assert_false(pf_is_gzip(PF_STR("\x1f")));
    assert_false(pf_is_gzip(PF_STR("\x1f\x8c")));
    assert_true(pf_is_gzip(PF_STR("\x1f\x8b")));
    check_refused(PF_STR(""), PF_INVALID, "gzip: invalid header");
    check_refused(PF_STR("\x0a\x04\x08\x01"), PF_INVALID, "gzip: invalid header");
    check_refused(PF_STR("\x1f\x8b"), PF_INVALID, "gzip: truncated");
    check_refused(PF_STR("\x1f\x8b\x07\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), PF_INVALID, "corrupt");
}

static void test_cut_anywhere(void **state)
{
    (void)state;
    pf_buf gz = gzip(PF_STR("a profile, a profile, a profile, and another one"));
    pf_error err;
    for (size_t n = 0; n < gz.len; n++) {
        assert_int_equal(inflate((pf_str){gz.data, n}, PLENTY, PF_STR(""), &err), PF_INVALID);
        assert_true(err.msg[0]);
    }
    pf_buf_free(&gz);
}

static void test_flipped_bits(void **state)
{
    (void)state;
    const pf_str text = PF_STR("a profile, a profile, a profile, and another one");
    pf_buf gz = gzip(text);
    pf_error err;
    size_t harmless = 0; /* in the time, the flags, what fills the last byte of the stream */
    for (size_t bit = 0; bit < gz.len * 8; bit++) {
        gz.data[bit / 8] = (char)(gz.data[bit / 8] ^ 1 << bit % 8);
        pf_code code = inflate(pf_buf_str(&gz), PLENTY, text, &err);
        assert_true(code == PF_INVALID || code == PF_OK);
        harmless += code == PF_OK;
        gz.data[bit / 8] = (char)(gz.data[bit / 8] ^ 1 << bit % 8);
    }
    assert_true(harmless < 72);
    pf_buf_free(&gz);
}

static void test_rubbish_behind(void **state)
{
    (void)state;
    pf_buf gz = gzip(PF_STR("a profile"));
    size_t n = gz.len;
    pf_buf_put(&gz, "\0", 1);
    check_refused(pf_buf_str(&gz), PF_INVALID, "1 bytes behind the end");
    gz.len = n;
    pf_buf_puts(&gz, "rubbish that is long enough for a header");
    check_refused(pf_buf_str(&gz), PF_INVALID, "40 bytes behind the end");
    gz.len = n;
    pf_buf_puts(&gz, "\x1f\x8b\x08");
    check_refused(pf_buf_str(&gz), PF_INVALID, "gzip: truncated");
    pf_buf_free(&gz);
}

/* What the last four bytes say of the size is only a claim. */
static void test_lying_sizes(void **state)
{
    (void)state;
    static const unsigned char claims[][4] = {
        {0, 0, 0, 0}, {1, 0, 0, 0}, {0xff, 0xff, 0xff, 0xff}, {0, 0, 0, 1}};
    enum { N = 1 << 20 };
    char *zeros = calloc(N, 1);
    assert_non_null(zeros);
    pf_buf gz = gzip((pf_str){zeros, N});
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
        memcpy(gz.data + gz.len - 4, claims[i], 4);
        check_refused(pf_buf_str(&gz), PF_INVALID, "checksum");
    }
    pf_buf_free(&gz);
    free(zeros);
}

/* A bomb ends at the ceiling, at the arena's limit or at the budget's, whatever comes first. */
static void test_bomb(void **state)
{
    (void)state;
    enum { N = 64 << 20, SMALL = 1 << 20 };
    char *zeros = calloc(N, 1);
    assert_non_null(zeros);
    pf_buf gz = gzip((pf_str){zeros, N});
    free(zeros);
    pf_error err;
    pf_str out;
    assert_int_equal(inflate(pf_buf_str(&gz), SMALL, PF_STR(""), &err), PF_TOO_LARGE);
    assert_non_null(strstr(err.msg, "more than the limit of 1048576 bytes"));
    pf_arena a;
    pf_arena_init(&a, NULL, SMALL);
    assert_int_equal(pf_gunzip(pf_buf_str(&gz), PLENTY, &a, &out, &err), PF_TOO_LARGE);
    assert_true(a.held <= SMALL);
    pf_arena_free(&a);
    pf_ledger budget;
    pf_ledger_init(&budget, "-memory.max-inflight", 2 * SMALL, PF_UNAVAILABLE, NULL);
    assert_true(pf_ledger_take(&budget, SMALL, NULL));
    pf_arena_init(&a, &budget, 0);
    pf_code code = pf_gunzip(pf_buf_str(&gz), PLENTY, &a, &out, &err);
    assert_true(code == PF_UNAVAILABLE || code == PF_TOO_LARGE);
    pf_arena_free(&a);
    assert_int_equal(pf_ledger_held(&budget), SMALL);
    pf_buf_free(&gz);
}

/* Attempts with too little room are given back before the next: only the last one is held. */
static void test_attempts_do_not_add_up(void **state)
{
    (void)state;
    enum { N = 64 << 20 };
    char *zeros = calloc(N, 1);
    assert_non_null(zeros);
    pf_buf gz = gzip((pf_str){zeros, N});
    pf_arena a;
    pf_str out;
    pf_error err;
    pf_arena_init(&a, NULL, N + (8 << 20)); /* small ones stay */
    if (pf_gunzip(pf_buf_str(&gz), N, &a, &out, &err))
        fail_msg("%s", err.msg);
    assert_true(pf_str_eq(out, (pf_str){zeros, N}));
    pf_arena_free(&a);
    pf_buf_free(&gz);
    free(zeros);
}

static void test_ceiling_of_the_buffer(void **state)
{
    (void)state;
    char *bytes = noise(1000);
    pf_str s = {bytes, 1000};
    pf_buf gz = gzip(s);
    for (size_t max = 1; max < gz.len + 3; max++) {
        pf_buf out = {.max = max};
        pf_error err;
        pf_code code = pf_gzip(s, 1, &out, &err);
        assert_true(code == PF_TOO_LARGE || (code == PF_OK && max >= gz.len));
        assert_true(out.len <= max);
        pf_buf_free(&out);
    }
    pf_buf_free(&gz);
    free(bytes);
}

/* What `curl -d @file` makes of binary data: line breaks and NULs are left out. */
static void test_curl_d(void **state)
{
    (void)state;
    char *bytes = noise(5000);
    pf_buf gz = gzip((pf_str){bytes, 5000});
    pf_buf damaged = PF_BUF_INIT;
    for (size_t i = 0; i < gz.len; i++)
        if (gz.data[i] != '\n' && gz.data[i] != '\r' && gz.data[i])
            pf_buf_putc(&damaged, gz.data[i]);
    check_refused(pf_buf_str(&damaged), PF_INVALID,
                  "was it sent with curl -d instead of --data-binary?");
    damaged.data[2000] = '\n';
    check_refused(pf_buf_str(&damaged), PF_INVALID, "truncated or corrupt");
    pf_buf_free(&damaged);
    pf_buf_free(&gz);
    free(bytes);
}

static void *use_in_thread(void *arg)
{
    const pf_str text = PF_STR("each thread has compressors of its own, freed when it ends");
    for (int level = 1; level < 4; level++) {
        pf_buf gz = PF_BUF_INIT;
        pf_arena a;
        pf_str out;
        pf_arena_init(&a, NULL, 0);
        if (pf_gzip(text, level, &gz, NULL) || pf_gunzip(pf_buf_str(&gz), 1000, &a, &out, NULL) ||
            !pf_str_eq(out, text))
            *(bool *)arg = false;
        pf_arena_free(&a);
        pf_buf_free(&gz);
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    enum { THREADS = 4 };
    pthread_t thread[THREADS];
    bool good[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        good[i] = true;
        assert_int_equal(pthread_create(&thread[i], NULL, use_in_thread, &good[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
        assert_true(good[i]);
    }
}

static void test_corpus_cut_anywhere(void **state)
{
    (void)state;
    pf_corpus c;
    pf_test_corpus(&c, "collector-service", "goroutine.004");
    pf_error err;
    for (size_t i = 0; i < c.n; i++)
        for (size_t n = 0; n < c.file[i].bytes.n; n++)
            assert_int_equal(inflate((pf_str){c.file[i].bytes.p, n}, PLENTY, PF_STR(""), &err),
                             PF_INVALID);
    pf_test_corpus_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_not_gzip),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_flipped_bits),
        cmocka_unit_test(test_rubbish_behind),
        cmocka_unit_test(test_lying_sizes),
        cmocka_unit_test(test_bomb),
        cmocka_unit_test(test_attempts_do_not_add_up),
        cmocka_unit_test(test_ceiling_of_the_buffer),
        cmocka_unit_test(test_curl_d),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_corpus_cut_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
