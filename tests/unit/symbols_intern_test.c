#include "storage/local/symbols/intern.h"
#include "support/profile_eq.h"
#include "support/symbols_path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { TINY = 1, AMPLE = 32 << 20 };

static pf_arena arena;
static pf_test_symbols store;

static int setup(void **state)
{
    (void)state;
    pf_arena_init(&arena, NULL, 0);
    pf_test_symbols_init(&store, AMPLE);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    pf_arena_free(&arena);
    pf_test_symbols_free(&store);
    return 0;
}

static pf_buf put(const pf_profile *p)
{
    pf_error err;
    pf_buf row = PF_BUF_INIT;
    if (pf_test_symbols_put(&store, p, &row, &err))
        fail_msg("%s", err.msg);
    return row;
}

/* How many entries of a table the last profile brought. */
static uint32_t brought(pf_table table)
{
    return store.fresh.next[table] - store.fresh.base[table];
}

static void assert_comes_back(const pf_profile *p, const pf_buf *row)
{
    pf_profile back;
    pf_error err;
    if (pf_test_symbols_get(&store, p->time_nanos, pf_buf_str(row), &back, &err))
        fail_msg("%s", err.msg);
    assert_true(pf_test_same_canonically(p, &back));
}

/* A made-up profile that has mappings, the first of them with locations in it. */
static pf_profile mapped_profile(void)
{
    for (uint64_t seed = 1;; seed++) {
        pf_profile p = pf_test_profile(seed, &arena);
        uint32_t in_first = 0, same = 0;
        for (uint32_t i = 0; i < p.nlocation; i++)
            in_first += p.location[i].mapping == 0;
        for (uint32_t i = 1; i < p.nmapping; i++)
            same +=
                p.mapping[i].limit - p.mapping[i].start == p.mapping[0].limit - p.mapping[0].start;
        if (p.nmapping >= 2 && in_first && !same)
            return p;
    }
}

static pf_code intern(const pf_profile *p, pf_row *row)
{
    pf_content c;
    pf_intern_room room;
    assert_int_equal(pf_content_of(p, &store.key, &arena, &c, NULL), PF_OK);
    assert_null(c.misfit);
    assert_int_equal(pf_intern_prepare(&room, p, &c, &arena, NULL), PF_OK);
    return pf_intern(store.known, &store.numbering, &store.key, p, &c, &room, &store.fresh, row,
                     NULL);
}

static void known_content_costs_nothing(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        pf_profile p = pf_test_profile(seed, &arena);
        pf_buf first = put(&p), second = put(&p);
        assert_true(pf_tables_is_empty(&store.fresh));
        assert_int_equal(first.len, second.len);
        assert_memory_equal(first.data, second.data, first.len);
        assert_comes_back(&p, &second);
        pf_buf_free(&first);
        pf_buf_free(&second);
    }
}

static void another_numbering_is_known(void **state)
{
    (void)state;
    pf_profile p = mapped_profile();
    pf_buf a = put(&p);
    for (uint32_t i = 0; i < p.nmapping; i++)
        p.mapping[i].id += 1000;
    for (uint32_t i = 0; i < p.nlocation; i++) {
        p.location[i].id += 5000;
        p.location[i].mapping_id += p.location[i].mapping_id ? 1000 : 0;
    }
    for (uint32_t i = 0; i < p.nfunction; i++)
        p.function[i].id += 7000;
    pf_buf b = put(&p);
    assert_true(pf_tables_is_empty(&store.fresh));
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.data, b.data, a.len);
    pf_buf_free(&a);
    pf_buf_free(&b);
}

static void a_moved_binary_shares_its_locations(void **state)
{
    (void)state;
    pf_profile p = mapped_profile();
    pf_buf a = put(&p);
    const uint64_t by = UINT64_C(0x7fff12345000);
    p.mapping[0].start += by;
    p.mapping[0].limit += by;
    for (uint32_t i = 0; i < p.nlocation; i++)
        if (p.location[i].mapping == 0)
            p.location[i].address += by;
    pf_buf b = put(&p);
    for (int t = 0; t < PF_TABLES; t++)
        assert_int_equal(brought((pf_table)t), t == PF_TABLE_MAPS);
    assert_comes_back(&p, &b);
    pf_buf_free(&a);
    pf_buf_free(&b);
}

static void a_new_leaf_costs_one_node(void **state)
{
    (void)state;
    pf_profile p = pf_test_profile(3, &arena);
    p.nsample = 1;
    p.sample[0] = (pf_sample){.loc_off = 1, .loc_n = 10};
    p.nlabel = 0;
    for (uint32_t i = 0; i < 11; i++)
        p.sample_location[i] = i % p.nlocation;
    p.nsample_location = 11;
    pf_buf a = put(&p);
    assert_int_equal(brought(PF_TABLE_NODE), 10);
    p.sample[0] = (pf_sample){.loc_off = 0, .loc_n = 11};
    pf_buf b = put(&p);
    assert_int_equal(brought(PF_TABLE_NODE), 1);
    assert_int_equal(brought(PF_TABLE_STACK), 1);
    assert_int_equal(brought(PF_TABLE_LOCATION), 0);
    assert_comes_back(&p, &b);
    pf_buf_free(&a);
    pf_buf_free(&b);
}

static void what_was_forgotten_gets_a_second_number(void **state)
{
    (void)state;
    pf_symbol_cache_free(store.known);
    store.known = pf_symbol_cache_new(TINY);
    pf_profile p = mapped_profile();
    pf_buf a = put(&p);
    for (uint64_t seed = 1000; seed < 1300; seed++) {
        pf_profile other = pf_test_profile(seed, &arena);
        pf_buf row = put(&other);
        pf_buf_free(&row);
    }
    assert_true(pf_symbol_cache_turns(store.known) >= 2);
    pf_buf b = put(&p);
    assert_true(brought(PF_TABLE_LOCATION) > 0);
    assert_true(brought(PF_TABLE_STRING) > 0);
    assert_comes_back(&p, &a);
    assert_comes_back(&p, &b);
    pf_buf_free(&a);
    pf_buf_free(&b);
}

static void a_restart_recalls_the_numbers(void **state)
{
    (void)state;
    enum { N = 30 };
    pf_buf before[N];
    for (uint64_t seed = 0; seed < N; seed++) {
        pf_profile p = pf_test_profile(seed, &arena);
        before[seed] = put(&p);
    }
    pf_test_symbols_restart(&store, AMPLE);
    for (uint64_t seed = 0; seed < N; seed++) {
        pf_profile p = pf_test_profile(seed, &arena);
        pf_buf after = put(&p);
        for (int t = 0; t < PF_TABLES; t++) /* those are few and not recalled */
            if (t != PF_TABLE_LABELS && t != PF_TABLE_HEADER && t != PF_TABLE_MAPS)
                assert_int_equal(brought((pf_table)t), 0);
        assert_comes_back(&p, &after);
        pf_buf_free(&after);
        pf_buf_free(&before[seed]);
    }
}

static void spaces_do_not_share_numbers(void **state)
{
    (void)state;
    pf_profile p = pf_test_profile(5, &arena);
    pf_buf a = put(&p);
    uint32_t strings = brought(PF_TABLE_STRING);
    pf_numbering_init(&store.numbering, NULL); /* another service, the same cache */
    pf_tables_clear(&store.all, NULL);
    pf_buf b = put(&p);
    assert_int_equal(brought(PF_TABLE_STRING), strings);
    assert_comes_back(&p, &b);
    pf_buf_free(&a);
    pf_buf_free(&b);
}

static void numbers_go_on_from_where_they_are(void **state)
{
    (void)state;
    uint32_t next[PF_TABLES];
    for (int t = 0; t < PF_TABLES; t++)
        next[t] = 100 + (uint32_t)t;
    pf_numbering_init(&store.numbering, next);
    pf_profile p = pf_test_profile(5, &arena);
    pf_row row;
    assert_int_equal(intern(&p, &row), PF_OK);
    assert_int_equal(row.header, 100 + PF_TABLE_HEADER);
    assert_memory_equal(store.fresh.base, next, sizeof next);
    assert_memory_equal(store.fresh.next, store.numbering.next, sizeof next);
}

static void a_full_table_is_an_error(void **state)
{
    (void)state;
    uint32_t next[PF_TABLES];
    for (int t = 0; t < PF_TABLES; t++)
        next[t] = 1;
    next[PF_TABLE_NODE] = UINT32_MAX;
    pf_numbering_init(&store.numbering, next);
    pf_profile p = mapped_profile();
    pf_row row;
    assert_int_equal(intern(&p, &row), PF_TOO_LARGE);
}

static void equal_mappings_keep_their_places(void **state)
{
    (void)state;
    pf_profile p = mapped_profile();
    p.mapping[1] = p.mapping[0];
    p.mapping[1].id = 4711;
    p.mapping[1].start += 0x100000;
    p.mapping[1].limit += 0x100000;
    for (uint32_t i = 0; i < p.nlocation; i++) { /* in the first and in the second by turns */
        p.location[i].mapping = i % 2;
        p.location[i].mapping_id = p.mapping[i % 2].id;
        p.location[i].address = p.mapping[i % 2].start + i / 2;
        p.location[i].line_n = 0; /* told apart by their mapping alone */
        p.location[i].folded = false;
    }
    pf_buf row = put(&p);
    assert_true(brought(PF_TABLE_MAPPING) >= 2);
    assert_comes_back(&p, &row);
    pf_buf_free(&row);
}

static void a_heap_profile_shows_its_sizes(void **state)
{
    (void)state;
    pf_profile p = pf_test_profile(3, &arena);
    p.period = 524288;
    p.label = (pf_label[]){{.key = 1, .num = 48}, {.key = 1, .str = 1}, {.key = 1, .num = -5}};
    p.nlabel = 3;
    p.nsample = 5;
    for (uint32_t i = 0; i < 5; i++) {
        p.sample[i].label_off = i < 3 ? i : 0;
        p.sample[i].label_n = i < 3 ? 1 : i == 3 ? 2 : 0;
    }
    pf_row row;
    assert_int_equal(intern(&p, &row), PF_OK);
    assert_int_equal(row.rate, 524288);
    assert_int_equal(row.size[0], 48);
    for (int i = 1; i < 5; i++)
        assert_int_equal(row.size[i], 0);
    pf_numbering_init(&store.numbering, NULL);
    pf_buf bytes = put(&p);
    assert_comes_back(&p, &bytes);
    pf_buf_free(&bytes);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(known_content_costs_nothing),
        CASE(another_numbering_is_known),
        CASE(a_moved_binary_shares_its_locations),
        CASE(a_new_leaf_costs_one_node),
        CASE(what_was_forgotten_gets_a_second_number),
        CASE(a_restart_recalls_the_numbers),
        CASE(spaces_do_not_share_numbers),
        CASE(numbers_go_on_from_where_they_are),
        CASE(a_full_table_is_an_error),
        CASE(equal_mappings_keep_their_places),
        CASE(a_heap_profile_shows_its_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
