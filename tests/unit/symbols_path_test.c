/* The whole way of a profile through the symbol tables and back: real profiles and made-up ones. */
#include "pprof/merge.h"
#include "storage/local/symbols/chunk.h"
#include "storage/local/symbols/stack_sum.h"
#include "support/corpus.h"
#include "support/profile_eq.h"
#include "support/symbols_path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { NO_CACHE = 1, MUCH_CACHE = 64 << 20 };

static const char *const folders[] = {"collector-service", "go-compiler", "profefe", "languages"};

/* What does not fit the tables by design; everything else has to. */
static bool is_named_misfit(const char *reason)
{
    static const char *const named[] = {
        "two functions of equal content",
        "two locations of equal content",
        "a mapping id that exists nowhere",
    };
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        if (strcmp(reason, named[i]) == 0)
            return true;
    return false;
}

static void goes_through(pf_test_symbols *s, const pf_profile *p, const char *what)
{
    pf_error err = {0};
    pf_buf row = PF_BUF_INIT;
    pf_code code = pf_test_symbols_put(s, p, &row, &err);
    if (code == PF_UNSUPPORTED && is_named_misfit(err.msg)) {
        print_message("%s: %s\n", what, err.msg);
        pf_buf_free(&row);
        return;
    }
    if (code)
        fail_msg("%s: %s", what, err.msg);
    pf_profile back;
    if (pf_test_symbols_get(s, p->time_nanos, pf_buf_str(&row), &back, &err))
        fail_msg("%s: %s", what, err.msg);
    pf_test_check_references(&back);
    if (!pf_test_same_canonically(p, &back))
        fail_msg("%s came back changed", what);
    pf_buf_free(&row);
}

/* How many profiles of the folder there were. */
static size_t folder_goes_through(const char *folder, size_t cache_bytes, uint64_t *turns)
{
    size_t profiles = 0;
    pf_test_symbols s;
    pf_test_symbols_init(&s, cache_bytes);
    pf_arena a;
    pf_arena_init(&a, NULL, 0);
    pf_corpus c;
    pf_test_corpus(&c, folder, "");
    for (size_t i = 0; i < c.n; i++) {
        pf_profile p;
        pf_arena_reset(&a, 1 << 20);
        if (pf_test_profile_of(c.file[i].bytes, &a, &p)) {
            goes_through(&s, &p, c.file[i].name);
            profiles++;
        }
        if (i % 40 == 39) {
            *turns += pf_symbol_cache_turns(s.known);
            pf_test_symbols_restart(&s, cache_bytes);
        }
    }
    pf_test_corpus_free(&c);
    pf_arena_free(&a);
    pf_test_symbols_free(&s);
    return profiles;
}

static void folders_go_through(size_t cache_bytes, bool evicts)
{
    size_t profiles = 0;
    uint64_t turns = 0;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        profiles += folder_goes_through(folders[i], cache_bytes, &turns);
    assert_true(profiles >= 90);
    assert_int_equal(turns > 0, evicts);
}

static void every_real_profile_comes_back(void **state)
{
    (void)state;
    folders_go_through(MUCH_CACHE, false);
}

static void every_real_profile_comes_back_with_a_tiny_cache(void **state)
{
    (void)state;
    folders_go_through(NO_CACHE, true);
}

static void made_up_profiles_come_back(void **state)
{
    (void)state;
    pf_test_symbols s;
    pf_test_symbols_init(&s, NO_CACHE);
    pf_arena a;
    pf_arena_init(&a, NULL, 0);
    for (uint64_t seed = 0; seed < 1500; seed++) {
        char what[64];
        snprintf(what, sizeof what, "the profile of seed %llu", (unsigned long long)seed);
        pf_arena_reset(&a, 1 << 20);
        pf_profile p = pf_test_profile(seed, &a);
        goes_through(&s, &p, what);
    }
    pf_arena_free(&a);
    pf_test_symbols_free(&s);
}

/* Adds the rows up by number and merges what comes of it. */
static pf_code merge_rows(pf_test_symbols *s, const pf_buf *rows, size_t n, pf_merge *m,
                          pf_profile *out, pf_error *err)
{
    pf_row row;
    pf_stack_sum sum = {0};
    pf_tree tree;
    uint32_t *maps = test_calloc(n, sizeof *maps), header = 0;
    pf_arena a;
    pf_arena_init(&a, NULL, 0);
    pf_code code = PF_OK;
    for (size_t i = 0; i < n && !code; i++) {
        code = pf_row_decode(&row, 0, pf_buf_str(&rows[i]), &a, err);
        if (!code && !i) {
            header = row.header;
            code = pf_stack_sum_init(&sum, row.nsample_type, s->all.next[PF_TABLE_STACK], 0, err);
        }
        maps[i] = row.maps;
        if (!code)
            code = pf_stack_sum_add(&sum, &row, err);
    }
    if (!code)
        code = pf_resolve_sum(&s->resolver, &s->all, &sum, header, maps, n, out, &tree, err);
    if (!code)
        code = pf_merge_add_header(m, out, err);
    if (!code)
        code = pf_merge_add_tree(m, out, &tree, err);
    pf_stack_sum_free(&sum);
    pf_arena_free(&a);
    test_free(maps);
    return code ? code : pf_merge_finish(m, out, err);
}

/* Samples, their stacks and labels: what a sum by numbers is answerable for. The times of a merge
 * are the caller's. */
static void same_but_times(pf_profile *a, pf_profile *b)
{
    b->time_nanos = a->time_nanos;
    b->duration_nanos = a->duration_nanos;
    assert_true(pf_test_same_canonically(a, b));
}

static void merge_by_numbers_equals_merge(const char *folder, const char *part)
{
    pf_test_symbols s;
    pf_test_symbols_init(&s, NO_CACHE);
    pf_arena a;
    pf_arena_init(&a, NULL, 0);
    pf_corpus c;
    pf_test_corpus(&c, folder, part);
    pf_buf *rows = test_calloc(c.n, sizeof *rows);
    pf_merge *plain = pf_merge_new(NULL, 0), *summed = pf_merge_new(NULL, 0);
    pf_error err = {0};
    for (size_t i = 0; i < c.n; i++) {
        pf_profile p;
        assert_true(pf_test_profile_of(c.file[i].bytes, &a, &p));
        assert_int_equal(pf_test_symbols_put(&s, &p, &rows[i], &err), PF_OK);
        assert_int_equal(pf_merge_add(plain, &p, &err), PF_OK);
    }
    pf_profile want, got;
    assert_int_equal(pf_merge_finish(plain, &want, &err), PF_OK);
    assert_int_equal(merge_rows(&s, rows, c.n, summed, &got, &err), PF_OK);
    same_but_times(&want, &got);
    for (size_t i = 0; i < c.n; i++)
        pf_buf_free(&rows[i]);
    test_free(rows);
    pf_test_corpus_free(&c);
    pf_merge_free(plain);
    pf_merge_free(summed);
    pf_arena_free(&a);
    pf_test_symbols_free(&s);
}

static void sums_of_real_profiles_equal_their_merge(void **state)
{
    (void)state;
    merge_by_numbers_equals_merge("collector-service", "cpu.");
    merge_by_numbers_equals_merge("collector-service", "heap.");
    merge_by_numbers_equals_merge("collector-service", "goroutine.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_real_profile_comes_back),
        cmocka_unit_test(every_real_profile_comes_back_with_a_tiny_cache),
        cmocka_unit_test(made_up_profiles_come_back),
        cmocka_unit_test(sums_of_real_profiles_equal_their_merge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
