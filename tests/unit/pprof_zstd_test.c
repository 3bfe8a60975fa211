/* Decompressing zstd within limits. */
#include "pprof/zstd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zstd.h>

enum { N = 1 << 20, BOUND = 2 << 20 };

typedef struct fixture {
    pf_arena arena;
    pf_ledger budget;
    char plain[N], packed[BOUND];
    size_t packed_n;
} fixture;

/* `known`: the frame says how large it becomes. */
static fixture *make(bool known)
{
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    pf_ledger_init(&f->budget, "-memory.max-inflight", 64 << 20, PF_UNAVAILABLE, NULL);
    pf_arena_init(&f->arena, &f->budget, 0);
    for (size_t i = 0; i < N; i++)
        f->plain[i] = (char)(i * i >> 9);
    ZSTD_CCtx *c = ZSTD_createCCtx();
    assert_non_null(c);
    ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);
    ZSTD_CCtx_setParameter(c, ZSTD_c_contentSizeFlag, known);
    f->packed_n = ZSTD_compress2(c, f->packed, sizeof f->packed, f->plain, N);
    assert_false(ZSTD_isError(f->packed_n));
    ZSTD_freeCCtx(c);
    return f;
}

static void end(fixture *f)
{
    pf_arena_free(&f->arena);
    assert_int_equal(pf_ledger_held(&f->budget), 0);
    free(f);
}

static pf_code run(fixture *f, size_t n, size_t max, pf_str *out, pf_error *err)
{
    return pf_unzstd((pf_str){f->packed, n}, max, &f->arena, out, err);
}

static void test_round_trip(void **state)
{
    (void)state;
    for (int known = 0; known < 2; known++) {
        fixture *f = make(known);
        pf_str out;
        assert_int_equal(run(f, f->packed_n, N, &out, NULL), PF_OK);
        assert_int_equal(out.n, N);
        assert_memory_equal(out.p, f->plain, N);
        /* Two frames are one body. */
        memcpy(f->packed + f->packed_n, f->packed, f->packed_n);
        assert_int_equal(run(f, 2 * f->packed_n, 2 * N, &out, NULL), PF_OK);
        assert_int_equal(out.n, 2 * N);
        assert_memory_equal(out.p + N, f->plain, N);
        end(f);
    }
}

static void test_limits(void **state)
{
    (void)state;
    for (int known = 0; known < 2; known++) {
        fixture *f = make(known);
        pf_str out;
        pf_error err;
        assert_int_equal(run(f, f->packed_n, N - 1, &out, &err), PF_TOO_LARGE);
        assert_non_null(strstr(err.msg, "1048575"));
        assert_true(pf_ledger_held(&f->budget) <= 2 * N);
        pf_arena_reset(&f->arena, 0);
        assert_true(
            pf_ledger_take(&f->budget, (64 << 20) - pf_ledger_held(&f->budget) - N / 2, NULL));
        assert_int_equal(run(f, f->packed_n, N, &out, &err), PF_UNAVAILABLE);
        pf_ledger_give(&f->budget, pf_ledger_held(&f->budget) - f->arena.held);
        end(f);
    }
}

static void test_malformed(void **state)
{
    (void)state;
    fixture *f = make(true);
    pf_str out;
    pf_error err;
    static const size_t cut[] = {0, 1, 3, 4, 5, 20};
    for (size_t i = 0; i < sizeof cut / sizeof *cut; i++)
        assert_int_equal(run(f, cut[i], N, &out, &err), PF_INVALID);
    assert_int_equal(run(f, f->packed_n - 1, N, &out, &err), PF_INVALID);
    f->packed[f->packed_n] = 'x'; /* rubbish behind it */
    assert_int_equal(run(f, f->packed_n + 1, N, &out, &err), PF_INVALID);
    f->packed[f->packed_n - 1] ^= 1; /* the checksum */
    assert_int_equal(run(f, f->packed_n, N, &out, &err), PF_INVALID);
    assert_non_null(strstr(err.msg, "zstd"));
    end(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
