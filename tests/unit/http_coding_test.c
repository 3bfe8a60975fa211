/* Content codings, held against zlib and zstd. */
#include "server/http/coding.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include <cmocka.h>

static void test_pick(void **state)
{
    (void)state;
    static const struct {
        const char *accept;
        pf_coding coding, of_stream;
    } cases[] = {
        {"", PF_CODING_NONE, PF_CODING_NONE},
        {"identity", PF_CODING_NONE, PF_CODING_NONE},
        {"br, deflate", PF_CODING_NONE, PF_CODING_NONE},
        {"gzip", PF_CODING_GZIP, PF_CODING_GZIP},
        {"GZip", PF_CODING_GZIP, PF_CODING_GZIP},
        {"x-gzip", PF_CODING_GZIP, PF_CODING_GZIP},
        {"zstd", PF_CODING_ZSTD, PF_CODING_NONE},
        {"gzip, zstd", PF_CODING_ZSTD, PF_CODING_GZIP},
        {"zstd, gzip", PF_CODING_ZSTD, PF_CODING_GZIP},
        {"gzip, deflate, br, zstd", PF_CODING_ZSTD, PF_CODING_GZIP}, /* what browsers send */
        {"gzip, deflate, br", PF_CODING_GZIP, PF_CODING_GZIP},
        {"gzip;q=1.0, zstd;q=0.9", PF_CODING_GZIP, PF_CODING_GZIP},
        {"gzip;q=0.5, zstd;q=0.501", PF_CODING_ZSTD, PF_CODING_GZIP},
        {"gzip;q=0.501, zstd;q=0.5", PF_CODING_GZIP, PF_CODING_GZIP},
        {"gzip;q=0", PF_CODING_NONE, PF_CODING_NONE},
        {"gzip;q=0.0", PF_CODING_NONE, PF_CODING_NONE},
        {"gzip;q=0.000", PF_CODING_NONE, PF_CODING_NONE},
        {"gzip;q=0.001", PF_CODING_GZIP, PF_CODING_GZIP},
        {"gzip;q=0, zstd;q=0", PF_CODING_NONE, PF_CODING_NONE},
        {"gzip;q=0, zstd", PF_CODING_ZSTD, PF_CODING_NONE},
        {"gzip;Q=0", PF_CODING_NONE, PF_CODING_NONE},
        {"gzip ; q=0.5", PF_CODING_GZIP, PF_CODING_GZIP},
        {"\tgzip\t;\tq=1\t", PF_CODING_GZIP, PF_CODING_GZIP},
        {"gzip;level=9;q=0", PF_CODING_NONE, PF_CODING_NONE},
        {"gzip;level=9", PF_CODING_GZIP, PF_CODING_GZIP},
        {"gzip;q=x", PF_CODING_NONE, PF_CODING_NONE}, /* can't be read: not accepted */
        {"gzip;q=0.x", PF_CODING_NONE, PF_CODING_NONE},
        {"gzip;q=-1", PF_CODING_NONE, PF_CODING_NONE},
        {"*", PF_CODING_GZIP, PF_CODING_GZIP},
        {"*;q=0", PF_CODING_NONE, PF_CODING_NONE},
        {"*;q=0, gzip", PF_CODING_GZIP, PF_CODING_GZIP},
        {"gzip;q=0, *", PF_CODING_NONE, PF_CODING_NONE},
        {"identity;q=0", PF_CODING_NONE, PF_CODING_NONE},
        {",,gzip,,", PF_CODING_GZIP, PF_CODING_GZIP},
        {";q=1", PF_CODING_NONE, PF_CODING_NONE},
        {"gzipped, notzstd", PF_CODING_NONE, PF_CODING_NONE},
        {"gzip zstd", PF_CODING_NONE, PF_CODING_NONE},
        {"identity, gzip;q=0.5", PF_CODING_NONE, PF_CODING_NONE},
        {"gzip;q=0.5, identity;q=0.6", PF_CODING_NONE, PF_CODING_NONE},
        {"gzip;q=0.5, identity;q=0.5", PF_CODING_GZIP, PF_CODING_GZIP},
        {"gzip;q=0.2, zstd;q=0.5, identity;q=0.4", PF_CODING_ZSTD, PF_CODING_NONE},
        {"identity;q=0.5, *;q=0.1", PF_CODING_NONE, PF_CODING_NONE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int stream = 0; stream < 2; stream++) {
            pf_coding got = pf_coding_pick(pf_str_c(cases[i].accept),
                                           stream ? PF_CODINGS_OF_STREAMS : PF_CODINGS_OF_BODIES);
            if (got != (stream ? cases[i].of_stream : cases[i].coding))
                fail_msg("\"%s\" picks %s", cases[i].accept, pf_coding_name(got));
        }
    assert_int_equal(pf_coding_pick((pf_str){NULL, 0}, PF_CODINGS_OF_BODIES), PF_CODING_NONE);
    assert_string_equal(pf_coding_name(PF_CODING_GZIP), "gzip");
    assert_string_equal(pf_coding_name(PF_CODING_ZSTD), "zstd");
}

static void test_what_suits(void **state)
{
    (void)state;
    static const char *const yes[] = {
        "text/plain; charset=utf-8",       "text/html",     "application/json",
        "application/json; charset=utf-8", "image/svg+xml", "application/javascript"};
    static const char *const no[] = {"application/octet-stream", "image/png", "application/x-gzip",
                                     "application/grpc", ""};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        assert_true(pf_coding_suits(yes[i]));
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        assert_false(pf_coding_suits(no[i]));
    assert_false(pf_coding_suits(NULL));
}

/* JSON of about `n` bytes. */
static pf_buf make_text(size_t n)
{
    pf_buf b = PF_BUF_INIT;
    for (unsigned i = 0; b.len < n; i++)
        pf_buf_printf(&b, "{\"id\":%u,\"name\":\"function_%u\"},", i * 7919 % 10007, i % 97);
    assert_false(b.failed);
    return b;
}

static pf_buf make_noise(size_t n)
{
    pf_buf b = PF_BUF_INIT;
    srand(3);
    for (size_t i = 0; i < n; i++)
        pf_buf_putc(&b, (char)(rand() >> 7));
    assert_false(b.failed);
    return b;
}

static void open_gunzip(z_stream *z)
{
    *z = (z_stream){0};
    assert_int_equal(inflateInit2(z, 16 + MAX_WBITS), Z_OK);
}

/* All that `in` gives, appended; whether it was the end. */
static bool gunzip(z_stream *z, pf_str in, pf_buf *out)
{
    int rc = Z_OK;
    z->next_in = (Bytef *)in.p;
    z->avail_in = (uInt)in.n;
    do {
        char *at = pf_buf_reserve(out, 64 << 10);
        assert_non_null(at);
        z->next_out = (Bytef *)at;
        z->avail_out = 64 << 10;
        rc = inflate(z, Z_SYNC_FLUSH);
        assert_true(rc == Z_OK || rc == Z_STREAM_END || rc == Z_BUF_ERROR);
        out->len += (64 << 10) - z->avail_out;
    } while (!z->avail_out && rc != Z_STREAM_END);
    assert_int_equal(z->avail_in, 0);
    return rc == Z_STREAM_END;
}

static void assert_same(const pf_buf *a, const pf_buf *b)
{
    assert_int_equal(a->len, b->len);
    assert_memory_equal(a->data, b->data, a->len);
}

static void test_whole_bodies(void **state)
{
    (void)state;
    static const size_t sizes[] = {PF_CODING_LEAST, 70000, 3000000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        pf_buf text = make_text(sizes[i]), gz = PF_BUF_INIT, zstd = PF_BUF_INIT, back = PF_BUF_INIT;
        pf_buf_puts(&gz, "before");
        assert_true(pf_coding_encode(PF_CODING_GZIP, pf_buf_str(&text), &gz));
        assert_true(gz.len < text.len / 2);
        assert_memory_equal(gz.data, "before", 6);
        z_stream z;
        open_gunzip(&z);
        assert_true(gunzip(&z, (pf_str){gz.data + 6, gz.len - 6}, &back));
        inflateEnd(&z);
        assert_same(&back, &text);

        assert_true(pf_coding_encode(PF_CODING_ZSTD, pf_buf_str(&text), &zstd));
        assert_true(zstd.len < text.len / 2);
        assert_int_equal(ZSTD_decompress(back.data, text.len, zstd.data, zstd.len), text.len);
        assert_same(&back, &text);
        pf_buf_free(&text);
        pf_buf_free(&gz);
        pf_buf_free(&zstd);
        pf_buf_free(&back);
    }
}

static void test_what_does_not_get_smaller_is_refused(void **state)
{
    (void)state;
    pf_buf noise = make_noise(20000), out = PF_BUF_INIT;
    assert_false(pf_coding_encode(PF_CODING_GZIP, pf_buf_str(&noise), &out));
    pf_buf_clear(&out);
    assert_false(pf_coding_encode(PF_CODING_ZSTD, pf_buf_str(&noise), &out));
    assert_false(pf_coding_encode(PF_CODING_NONE, PF_STR("aaaa"), &out));
    assert_false(pf_coding_encode(PF_CODING_GZIP, PF_STR(""), &out));
    pf_buf_free(&noise);
    pf_buf_free(&out);
}

/* The room that a buffer may not have is like memory that is not there. */
static void test_no_room(void **state)
{
    (void)state;
    pf_buf text = make_text(100000);
    for (pf_coding c = PF_CODING_GZIP; c <= PF_CODING_ZSTD; c++) {
        pf_buf out = {.max = 300};
        assert_false(pf_coding_encode(c, pf_buf_str(&text), &out));
        pf_buf_free(&out);
    }
    pf_buf_free(&text);
}

/* Feeds pieces, each of which must be readable before the next is made. */
static void stream(const pf_buf *whole, const size_t *sizes, size_t n)
{
    pf_encoder *e = pf_encoder_new();
    assert_non_null(e);
    assert_true(pf_encoder_bytes() >= 64 << 10);
    z_stream z;
    open_gunzip(&z);
    pf_buf back = PF_BUF_INIT;
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        pf_buf piece = PF_BUF_INIT;
        bool last = i == n - 1;
        size_t len = last ? whole->len - at : sizes[i];
        assert_true(pf_encoder_put(e, (pf_str){whole->data + at, len}, last, &piece));
        at += len;
        assert_true(gunzip(&z, pf_buf_str(&piece), &back) == last);
        assert_int_equal(back.len, at);
        pf_buf_free(&piece);
    }
    assert_same(&back, whole);
    inflateEnd(&z);
    pf_buf_free(&back);
    pf_encoder_free(e);
}

static void test_streams_are_readable_piece_by_piece(void **state)
{
    (void)state;
    static const size_t ends_empty[] = {100, 100000, 1, 65536, 65537, 0, 300000, 0};
    pf_buf text = make_text(100 + 100000 + 1 + 65536 + 65537 + 300000);
    text.len = 100 + 100000 + 1 + 65536 + 65537 + 300000;
    stream(&text, ends_empty, sizeof ends_empty / sizeof *ends_empty);
    stream(&text, ends_empty, 3);
    stream(&text, ends_empty, 1);
    pf_buf_free(&text);
    /* What can't be made smaller is a valid stream all the same. */
    pf_buf noise = make_noise(400000);
    stream(&noise, ends_empty, 7);
    pf_buf_free(&noise);
    pf_buf none = make_text(0);
    stream(&none, ends_empty, 1);
    pf_buf_free(&none);
    pf_encoder_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pick),
        cmocka_unit_test(test_what_suits),
        cmocka_unit_test(test_whole_bodies),
        cmocka_unit_test(test_what_does_not_get_smaller_is_refused),
        cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_streams_are_readable_piece_by_piece),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
