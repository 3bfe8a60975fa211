/* Whatever decodes as a profile and fits the tables comes back equal; kept several times and added up
 * by number it equals the merge of the decoded ones. Short inputs are seeds of made-up profiles,
 * eight bytes each, kept one after another; long ones are a profile's bytes. */
#include "pprof/gzip.h"
#include "pprof/merge.h"
#include "storage/local/symbols/stack_sum.h"
#include "support/profile_eq.h"
#include "support/symbols_path.h"

#include <stdlib.h>
#include <string.h>

enum { SEEDS_MAX = 64, PROFILES_MAX = SEEDS_MAX / 8, TIMES = 3, ARENA_MAX = 64 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

/* Keeps the profile and reads it back; false when it is a misfit. */
static bool comes_back(pf_test_symbols *s, const pf_profile *p, pf_buf *row)
{
    pf_profile back;
    pf_buf_clear(row);
    pf_code code = pf_test_symbols_put(s, p, row, NULL);
    check(!code || code == PF_UNSUPPORTED);
    if (code)
        return false;
    check(!pf_test_symbols_get(s, p->time_nanos, pf_buf_str(row), &back, NULL));
    pf_test_check_references(&back);
    check(pf_test_same_canonically(p, &back));
    return true;
}

/* As a client gets it: written from the tree of its stacks, then read. */
static pf_code finish_as_answer(pf_merge *m, pf_arena *a, pf_profile *out)
{
    pf_profile result;
    pf_tree tree;
    pf_buf answer = PF_BUF_INIT;
    pf_code code = pf_merge_finish_tree(m, &result, &tree, NULL);
    if (!code) {
        check(!pf_profile_encode_tree(&result, &tree, &answer, NULL));
        check(!pf_profile_decode(out, a, pf_arena_str(a, pf_buf_str(&answer)), NULL));
    }
    pf_buf_free(&answer);
    return code;
}

/* The row TIMES times, added up, resolved, merged and written. */
static pf_code merge_by_number(pf_test_symbols *s, pf_str bytes, pf_arena *a, pf_profile *out)
{
    pf_merge *m = pf_merge_new(NULL, 0);
    pf_row row;
    pf_stack_sum sum;
    pf_tree tree;
    check(!pf_row_decode(&row, 0, bytes, a, NULL));
    check(!pf_stack_sum_init(&sum, row.nsample_type, s->all.next[PF_TABLE_STACK], 0, NULL));
    for (int i = 0; i < TIMES; i++)
        check(!pf_stack_sum_add(&sum, &row, NULL));
    check(!pf_resolve_sum(&s->resolver, &s->all, &sum, row.header, &row.maps, row.maps ? 1 : 0, out,
                          &tree, NULL));
    pf_code code = pf_merge_add_header(m, out, NULL);
    if (!code)
        code = pf_merge_add_tree(m, out, &tree, NULL);
    if (!code)
        code = finish_as_answer(m, a, out);
    pf_stack_sum_free(&sum);
    pf_merge_free(m);
    return code;
}

/* The profile is merged as it was read back, not as it was made: which of several mappings that a merge takes
 * for the same lends it its start, and in what order they stand, follows from the order of samples, which
 * storing does not keep. */
static void merges_alike(pf_test_symbols *s, pf_str bytes)
{
    pf_merge *plain = pf_merge_new(NULL, 0);
    pf_profile p, want, got;
    pf_row row;
    pf_arena a;
    pf_arena_init(&a, NULL, 0);
    check(!pf_row_decode(&row, 0, bytes, &a, NULL));
    check(!pf_resolve(&s->resolver, &s->all, &row, &row.maps, row.maps ? 1 : 0, &p, NULL));
    p.time_nanos = p.duration_nanos = 0; /* the store's caller sees to these */
    pf_code code = PF_OK;
    for (int i = 0; i < TIMES && !code; i++)
        code = pf_merge_add(plain, &p, NULL);
    if (!code)
        code = pf_merge_finish(plain, &want, NULL);
    check(merge_by_number(s, bytes, &a, &got) == code);
    if (!code)
        check(pf_test_same_canonically(&want, &got));
    pf_merge_free(plain);
    pf_arena_free(&a);
}

static size_t read_profiles(const uint8_t *data, size_t size, pf_arena *a, pf_profile *p)
{
    if (size > SEEDS_MAX) {
        pf_str bytes = {(const char *)data, size};
        if (pf_is_gzip(bytes) && pf_gunzip(bytes, ARENA_MAX, a, &bytes, NULL))
            return 0;
        return !pf_profile_decode(p, a, bytes, NULL);
    }
    for (size_t i = 0; i < size / 8; i++) {
        uint64_t seed;
        memcpy(&seed, data + i * 8, 8);
        p[i] = pf_test_profile(seed, a);
    }
    return size / 8;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pf_arena a;
    pf_profile p[PROFILES_MAX];
    pf_test_symbols s;
    pf_buf row = PF_BUF_INIT;
    pf_arena_init(&a, NULL, ARENA_MAX);
    pf_test_symbols_init(&s, 1);
    size_t n = read_profiles(data, size, &a, p);
    for (size_t i = 0; i < n; i++)
        if (comes_back(&s, &p[i], &row) && comes_back(&s, &p[i], &row))
            merges_alike(&s, pf_buf_str(&row));
    pf_buf_free(&row);
    pf_test_symbols_free(&s);
    pf_arena_free(&a);
    return 0;
}
