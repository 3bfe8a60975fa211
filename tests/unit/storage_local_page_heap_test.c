/* The heap that fills a page: it keeps the best, whatever the order in which they come. */
#include "storage/local/page_heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N = 500 };

static pf_entry all[N];
static uint32_t seed = 1;

static uint32_t next_random(void)
{
    seed = seed * 1664525 + 1013904223;
    return seed >> 8;
}

/* Few distinct times, so that the id decides often; ids are distinct. */
static void make_entries(void)
{
    for (uint32_t i = 0; i < N; i++) {
        all[i] = (pf_entry){.created_at = (int64_t)(next_random() % 40) - 20, .series = i};
        all[i].xid.b[0] = (uint8_t)next_random();
        all[i].xid.b[10] = (uint8_t)(i >> 8);
        all[i].xid.b[11] = (uint8_t)i;
    }
}

static int by_order(const void *a, const void *b)
{
    return pf_entry_cmp(a, b);
}

static void check_page(size_t max, bool down)
{
    pf_entry sorted[N];
    pf_page_heap e;
    pf_error err;
    pf_page_heap_init(&e, max, down);
    size_t kept_last = 0;
    for (size_t i = 0; i < N; i++) {
        bool kept = false;
        assert_int_equal(pf_page_heap_add(&e, &all[i], &kept, &err), PF_OK);
        kept_last += kept;
        if (!kept) /* what is no better than the worst says that its run may end */
            assert_true(e.n == max);
    }
    assert_true(kept_last >= (max < N ? max : N));
    pf_page_heap_sort(&e);
    memcpy(sorted, all, sizeof all);
    qsort(sorted, N, sizeof *sorted, by_order);
    assert_int_equal(e.n, max < N ? max : N);
    for (size_t i = 0; i < e.n; i++)
        assert_memory_equal(&e.heap[i].xid, &sorted[down ? N - 1 - i : i].xid,
                            sizeof e.heap[i].xid);
    pf_page_heap_free(&e);
}

static void test_keeps_the_best(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        make_entries();
        static const size_t sizes[] = {1, 2, 3, 63, 64, 65, N - 1, N, N + 1};
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            check_page(sizes[i], false);
            check_page(sizes[i], true);
        }
    }
}

static void test_beyond(void **state)
{
    (void)state;
    pf_page_heap e;
    pf_error err;
    bool kept;
    for (int down = 0; down < 2; down++) {
        pf_page_heap_init(&e, 2, down);
        assert_false(pf_page_heap_beyond(&e, 0));
        for (int64_t t = 4; t <= 5; t++)
            pf_page_heap_add(&e, &(pf_entry){.created_at = t}, &kept, &err);
        assert_int_equal(pf_page_heap_beyond(&e, 3), down);
        assert_false(pf_page_heap_beyond(&e, down ? 4 : 5)); /* the id may still decide */
        assert_int_equal(pf_page_heap_beyond(&e, 6), !down);
        pf_page_heap_free(&e);
    }
}

static void test_nothing_at_all(void **state)
{
    (void)state;
    pf_page_heap e;
    pf_page_heap_init(&e, 10, false);
    pf_page_heap_sort(&e);
    assert_int_equal(e.n, 0);
    pf_page_heap_free(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keeps_the_best),
        cmocka_unit_test(test_beyond),
        cmocka_unit_test(test_nothing_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
