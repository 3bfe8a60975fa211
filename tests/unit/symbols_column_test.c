#include "storage/local/symbols/column.h"
#include "support/symbols_path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ALL_EQUAL = 0xff };

/* Bits one by one, as H.264 9.1 describes the code: another hand than column.c's. */
static void put_bit(pf_buf *b, size_t *pos, unsigned bit)
{
    if (*pos % 8 == 0)
        pf_buf_putc(b, 0);
    b->data[b->len - 1] |= (char)(bit << (7 - *pos % 8));
    ++*pos;
}

static void put_golomb(pf_buf *b, size_t *pos, uint64_t v, unsigned k)
{
    unsigned __int128 x = (unsigned __int128)(v >> k) + 1;
    unsigned len = 0;
    while (x >> len)
        len++;
    for (unsigned i = 1; i < len; i++)
        put_bit(b, pos, 0);
    for (unsigned i = len; i-- > 0;)
        put_bit(b, pos, (unsigned)(x >> i) & 1);
    for (unsigned i = k; i-- > 0;)
        put_bit(b, pos, (unsigned)(v >> i) & 1);
}

static void put_reference(pf_buf *b, const uint64_t *v, size_t n, unsigned k, uint64_t base)
{
    pf_buf_putc(b, (char)k);
    pf_buf_put_varint(b, base);
    size_t pos = 0;
    for (size_t i = 0; i < n; i++)
        put_golomb(b, &pos, v[i] - base, k);
}

/* From a copy of exactly these bytes, so that reading beyond them is seen. */
static bool get(const char *data, size_t len, uint64_t *v, size_t n, size_t *left)
{
    uint8_t *copy = calloc(1, len ? len : 1);
    memcpy(copy, data, len);
    const uint8_t *p = copy;
    bool ok = pf_column_get(&p, copy + len, v, n);
    *left = len - (size_t)(p - copy);
    free(copy);
    return ok;
}

static void check_reads(const pf_buf *b, const uint64_t *v, size_t n)
{
    size_t left;
    uint64_t *got = malloc(n * sizeof *got + 1);
    assert_true(get(b->data, b->len, got, n, &left));
    assert_int_equal(left, 0);
    assert_memory_equal(got, v, n * sizeof *v);
    for (size_t cut = 0; cut < b->len; cut++)
        assert_false(get(b->data, cut, got, n, &left));
    free(got);
}

static void check_round_trip(const uint64_t *v, size_t n)
{
    pf_buf b = PF_BUF_INIT, reference = PF_BUF_INIT;
    pf_column_put(&b, v, n);
    assert_false(b.failed);
    check_reads(&b, v, n);
    unsigned k = (uint8_t)b.data[0];
    uint64_t base = UINT64_MAX;
    for (size_t i = 0; i < n; i++)
        base = v[i] < base ? v[i] : base;
    if (k != ALL_EQUAL) {
        put_reference(&reference, v, n, k, base);
        assert_int_equal(b.len, reference.len);
        assert_memory_equal(b.data, reference.data, b.len);
    }
    pf_buf_free(&b);
    pf_buf_free(&reference);
}

static void nothing_takes_no_bytes(void **state)
{
    (void)state;
    pf_buf b = PF_BUF_INIT;
    pf_column_put(&b, NULL, 0);
    assert_int_equal(b.len, 0);
    const uint8_t *p = NULL;
    assert_true(pf_column_get(&p, p, NULL, 0));
}

static void equal_values_take_two_bytes(void **state)
{
    (void)state;
    uint64_t v[1000];
    for (int i = 0; i < 1000; i++)
        v[i] = 7;
    pf_buf b = PF_BUF_INIT;
    pf_column_put(&b, v, 1000);
    assert_int_equal(b.len, 2);
    pf_buf_free(&b);
    check_round_trip(v, 1000);
    v[0] = UINT64_MAX;
    check_round_trip(v, 1);
}

static void extremes_come_back(void **state)
{
    (void)state;
    const uint64_t v[] = {0, UINT64_MAX, 1, UINT64_MAX - 1, INT64_MAX, UINT64_C(1) << 63, 0, 0};
    for (size_t n = 1; n <= sizeof v / sizeof *v; n++)
        for (size_t from = 0; from + n <= sizeof v / sizeof *v; from++)
            check_round_trip(v + from, n);
}

static void every_order_reads(void **state)
{
    (void)state;
    uint64_t random = 1, v[40];
    for (unsigned k = 0; k < 64; k++) {
        for (size_t i = 0; i < 40; i++) /* of all lengths, as many zeros before as there can be */
            v[i] = pf_test_random(&random) >> (i * 64 / 40);
        v[0] = k ? UINT64_MAX : UINT64_MAX - 1;
        v[1] = 0;
        pf_buf b = PF_BUF_INIT;
        put_reference(&b, v, 40, k, 0);
        check_reads(&b, v, 40);
        pf_buf_free(&b);
    }
}

static void random_columns_come_back(void **state)
{
    (void)state;
    uint64_t random = 2, v[300];
    for (int round = 0; round < 600; round++) {
        unsigned bits = (unsigned)(pf_test_random(&random) % 65);
        bool ragged = round % 3 == 0;
        size_t n = 1 + pf_test_random(&random) % 60;
        uint64_t base = round % 2 ? 0 : pf_test_random(&random);
        for (size_t i = 0; i < n; i++) {
            unsigned b = ragged ? (unsigned)(pf_test_random(&random) % (bits + 1)) : bits;
            v[i] = base + (b ? pf_test_random(&random) >> (64 - b) : 0);
        }
        check_round_trip(v, n);
    }
}

static void small_values_cost_little(void **state)
{
    (void)state;
    uint64_t v[800];
    for (int i = 0; i < 800; i++) /* sample counts */
        v[i] = i % 16 ? 1 : 2;
    pf_buf b = PF_BUF_INIT;
    pf_column_put(&b, v, 800);
    assert_int_equal(b.len, 2 + (750 + 50 * 3 + 7) / 8);
    pf_buf_free(&b);
}

static void what_is_no_column_is_refused(void **state)
{
    (void)state;
    uint64_t v[4];
    size_t left;
    const char zeros[64] = {0};
    assert_false(get(zeros, sizeof zeros, v, 1, &left)); /* 64 zeros and more before a value */
    for (unsigned k = 64; k < ALL_EQUAL; k++) {
        const char bytes[] = {(char)k, 0, (char)0xff, (char)0xff, (char)0xff};
        assert_false(get(bytes, sizeof bytes, v, 1, &left));
    }
    const char endless[] = {0, (char)0x80, (char)0x80};
    assert_false(get(endless, sizeof endless, v, 1, &left));
    assert_false(get(endless, 1, v, SIZE_MAX, &left));
}

static void damage_never_reads_outside(void **state)
{
    (void)state;
    uint64_t random = 3, v[50], got[50];
    for (int round = 0; round < 40; round++) {
        for (int i = 0; i < 50; i++)
            v[i] = pf_test_random(&random) >> (pf_test_random(&random) % 64);
        pf_buf b = PF_BUF_INIT;
        pf_column_put(&b, v, 50);
        for (size_t at = 0; at < b.len; at++) {
            size_t left;
            char was = b.data[at];
            b.data[at] ^= (char)(1 << pf_test_random(&random) % 8);
            get(b.data, b.len, got, 50, &left);
            b.data[at] = was;
        }
        pf_buf_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_takes_no_bytes),
        cmocka_unit_test(equal_values_take_two_bytes),
        cmocka_unit_test(extremes_come_back),
        cmocka_unit_test(every_order_reads),
        cmocka_unit_test(random_columns_come_back),
        cmocka_unit_test(small_values_cost_little),
        cmocka_unit_test(what_is_no_column_is_refused),
        cmocka_unit_test(damage_never_reads_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
