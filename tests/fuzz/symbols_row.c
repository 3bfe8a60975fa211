/* A row's bytes, arbitrary or a damaged real one's. Whatever reads as a row can be added up, written
 * and read again, and resolved against tables: into a profile that holds together, or an error.
 *
 *     | 0 | a row ...        | seed of a profile, not 0 | edits ... */
#include "storage/local/symbols/stack_sum.h"

#include "damage.h"
#include "support/profile_eq.h"
#include "support/symbols_path.h"

#include <stdlib.h>

enum { ARENA_MAX = 16 << 20, RESULT_MAX = 16 << 20, PROFILES = 256 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static pf_test_symbols store;
static pf_buf rows[PROFILES];

static void make_store(void)
{
    pf_arena a;
    pf_arena_init(&a, NULL, 0);
    pf_test_symbols_init(&store, 1);
    for (unsigned i = 1; i < PROFILES; i++) {
        pf_profile p = pf_test_profile(i, &a);
        pf_test_symbols_put(&store, &p, &rows[i], NULL); /* a misfit leaves an empty row */
    }
    pf_arena_free(&a);
    pf_resolver_free(&store.resolver);
    pf_resolver_init(&store.resolver, RESULT_MAX);
}

static void check(bool ok)
{
    if (!ok)
        abort();
}

/* Reading what was written gives what was written. */
static void check_again(pf_row *row, pf_arena *a)
{
    pf_row again;
    pf_buf bytes = PF_BUF_INIT;
    for (uint32_t i = 0; i < row->nsample; i++)
        if (row->stack[i] > UINT32_MAX || (row->labels && row->labels[i] > UINT32_MAX))
            return; /* refers to nothing, and can't be sorted */
    pf_row_scratch *s = pf_row_scratch_new(row->nsample, row->nsample_type, row->labels != NULL, a);
    if (s)
        pf_row_sort(row, s);
    if (!s || pf_row_encode(row, 7, s, &bytes, NULL) ||
        pf_row_decode(&again, 7, pf_buf_str(&bytes), a, NULL)) {
        check(a->over_limit);
    } else {
        size_t n = row->nsample;
        check(again.nsample == n && again.nsample_type == row->nsample_type);
        check(again.time_nanos == row->time_nanos && again.header == row->header);
        check(!memcmp(again.stack, row->stack, n * sizeof *row->stack));
        check(!memcmp(again.value, row->value, n * row->nsample_type * sizeof *row->value));
        check(!n || !row->labels == !again.labels);
        check(!n || !row->labels || !memcmp(again.labels, row->labels, n * sizeof *row->labels));
    }
    pf_buf_free(&bytes);
}

/* What a merge does with the row. */
static void add_up(const pf_row *row)
{
    enum { MAX = 1 << 20 };
    pf_stack_sum sum;
    pf_profile p;
    pf_tree tree;
    if (pf_stack_sum_init(&sum, row->nsample_type, store.all.next[PF_TABLE_STACK], MAX, NULL))
        return;
    pf_merge *m = pf_merge_new(NULL, MAX);
    if (!pf_stack_sum_add(&sum, row, NULL) &&
        !pf_resolve_sum(&store.resolver, &store.all, &sum, row->header, &row->maps,
                        row->maps ? 1 : 0, &p, &tree, NULL) &&
        !pf_merge_add_header(m, &p, NULL) && !pf_merge_add_tree(m, &p, &tree, NULL) &&
        !pf_merge_finish(m, &p, NULL))
        pf_test_check_references(&p);
    pf_merge_free(m);
    pf_stack_sum_free(&sum);
}

static void check_row(pf_row *row, pf_arena *a)
{
    add_up(row);
    pf_profile p;
    if (!pf_resolve(&store.resolver, &store.all, row, &row->maps, row->maps ? 1 : 0, &p, NULL))
        pf_test_check_references(&p);
    check_again(row, a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!store.known)
        make_store();
    if (!size)
        return 0;
    pf_buf bytes = PF_BUF_INIT;
    if (data[0]) {
        pf_buf_put_str(&bytes, pf_buf_str(&rows[data[0]]));
        pf_fuzz_damage(&bytes, data + 1, size - 1);
    } else {
        pf_buf_put(&bytes, data + 1, size - 1);
    }
    pf_arena a;
    pf_row row;
    pf_arena_init(&a, NULL, ARENA_MAX);
    if (!pf_row_decode(&row, 7, pf_buf_str(&bytes), &a, NULL))
        check_row(&row, &a);
    pf_arena_free(&a);
    pf_buf_free(&bytes);
    return 0;
}
