#include "storage/local/symbols/chunk.h"
#include "support/symbols_path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PROFILES = 40 };

/* What PROFILES profiles of one service brought, chunk by chunk, and all of it. */
static pf_test_symbols store;
static pf_buf chunks[PROFILES];

static int setup(void **state)
{
    (void)state;
    pf_arena a;
    pf_arena_init(&a, NULL, 0);
    pf_test_symbols_init(&store, 1 << 20);
    for (uint64_t i = 0; i < PROFILES; i++) {
        pf_profile p = pf_test_profile(i, &a);
        pf_buf row = PF_BUF_INIT;
        pf_test_symbols_put(&store, &p, &row, NULL);
        pf_buf_put_str(&chunks[i], pf_buf_str(&store.chunk));
        pf_buf_free(&row);
    }
    pf_arena_free(&a);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (int i = 0; i < PROFILES; i++)
        pf_buf_free(&chunks[i]);
    pf_test_symbols_free(&store);
    return 0;
}

static void assert_same(const pf_tables *a, const pf_tables *b)
{
    assert_memory_equal(a->next, b->next, sizeof a->next);
    for (int t = 0; t < PF_BLOB_TABLES; t++)
        for (uint32_t n = 1; n < a->next[t]; n++) {
            pf_str x = pf_tables_blob(a, (pf_table)t, n), y = pf_tables_blob(b, (pf_table)t, n);
            assert_int_equal(x.n, y.n);
            assert_memory_equal(x.p, y.p, x.n);
        }
#define SAME(table, array)                                                                         \
    assert_memory_equal(a->array, b->array, (a->next[table] - 1) * sizeof *a->array)
    SAME(PF_TABLE_MAPPING, mapping);
    SAME(PF_TABLE_NODE, node);
    SAME(PF_TABLE_STACK, stack);
#undef SAME
    for (uint32_t i = 0; i < a->next[PF_TABLE_FUNCTION] - 1; i++) { /* field by field: padding */
        assert_int_equal(a->function[i].start_line, b->function[i].start_line);
        assert_int_equal(a->function[i].name, b->function[i].name);
        assert_int_equal(a->function[i].system_name, b->function[i].system_name);
        assert_int_equal(a->function[i].filename, b->function[i].filename);
    }
    for (uint32_t i = 0; i < a->next[PF_TABLE_LOCATION] - 1; i++) {
        assert_int_equal(a->location[i].address, b->location[i].address);
        assert_int_equal(a->location[i].mapping, b->location[i].mapping);
        assert_int_equal(a->location[i].line_off, b->location[i].line_off);
        assert_int_equal(a->location[i].line_n, b->location[i].line_n);
        assert_int_equal(a->location[i].folded, b->location[i].folded);
    }
    assert_int_equal(a->nline, b->nline);
    for (uint32_t i = 0; i < a->nline; i++) {
        assert_int_equal(a->line[i].line, b->line[i].line);
        assert_int_equal(a->line[i].column, b->line[i].column);
        assert_int_equal(a->line[i].function, b->line[i].function);
    }
}

/* From a copy of exactly these bytes. */
static pf_code decode(pf_tables *t, pf_str bytes, pf_error *err)
{
    char *copy = malloc(bytes.n + 1);
    memcpy(copy, bytes.p, bytes.n);
    pf_code code = pf_chunk_decode(t, (pf_str){copy, bytes.n}, err);
    free(copy);
    return code;
}

static void comes_back(int level)
{
    pf_buf b = PF_BUF_INIT;
    pf_tables t;
    pf_tables_init(&t, NULL);
    assert_int_equal(pf_chunk_encode(&store.all, level, &b, NULL), PF_OK);
    assert_int_equal(pf_chunk_is_compressed(pf_buf_str(&b)), level > 0);
    assert_int_equal(decode(&t, pf_buf_str(&b), NULL), PF_OK);
    assert_same(&store.all, &t);
    pf_tables_free(&t);
    pf_buf_free(&b);
}

static void all_tables_come_back_plain(void **state)
{
    (void)state;
    comes_back(0);
}

static void all_tables_come_back_compressed(void **state)
{
    (void)state;
    comes_back(3);
    comes_back(19);
}

static void what_does_not_shrink_stays_plain(void **state)
{
    (void)state;
    pf_tables t, back;
    pf_buf b = PF_BUF_INIT;
    pf_tables_init(&t, NULL);
    pf_tables_init(&back, NULL);
    assert_int_equal(pf_tables_add_blob(&t, PF_TABLE_STRING, PF_STR("x"), NULL), PF_OK);
    pf_buf_puts(&b, "before");
    assert_int_equal(pf_chunk_encode(&t, 3, &b, NULL), PF_OK);
    pf_str chunk = {b.data + 6, b.len - 6};
    assert_int_equal(decode(&back, chunk, NULL), PF_OK);
    assert_same(&t, &back);
    pf_tables_free(&t);
    pf_tables_free(&back);
    pf_buf_free(&b);
}

static void many_chunks_are_one(void **state)
{
    (void)state;
    pf_tables t;
    pf_tables_init(&t, NULL);
    for (int i = 0; i < PROFILES; i++)
        if (chunks[i].len)
            assert_int_equal(decode(&t, pf_buf_str(&chunks[i]), NULL), PF_OK);
    assert_same(&store.all, &t);
    pf_tables_free(&t);
}

/* The first half was read as small chunks when all were replaced by one. */
static void a_chunk_may_hold_what_was_read(void **state)
{
    (void)state;
    pf_buf one = PF_BUF_INIT;
    assert_int_equal(pf_chunk_encode(&store.all, 3, &one, NULL), PF_OK);
    for (int read = 0; read <= PROFILES; read++) {
        pf_tables t;
        pf_tables_init(&t, NULL);
        for (int i = 0; i < read; i++)
            if (chunks[i].len)
                assert_int_equal(decode(&t, pf_buf_str(&chunks[i]), NULL), PF_OK);
        assert_int_equal(decode(&t, pf_buf_str(&one), NULL), PF_OK);
        assert_same(&store.all, &t);
        assert_int_equal(decode(&t, pf_buf_str(&chunks[0]), NULL), PF_OK); /* all of it known */
        assert_same(&store.all, &t);
        pf_tables_free(&t);
    }
    pf_buf_free(&one);
}

static void a_gap_is_damage(void **state)
{
    (void)state;
    pf_tables t;
    pf_error err;
    pf_tables_init(&t, NULL);
    assert_int_equal(decode(&t, pf_buf_str(&chunks[0]), NULL), PF_OK);
    assert_int_equal(decode(&t, pf_buf_str(&chunks[2]), &err), PF_INTERNAL);
    assert_non_null(strstr(err.msg, "damaged symbols"));
    pf_tables_free(&t);
}

static void floating_tables_begin_where_the_chunk_does(void **state)
{
    (void)state;
    pf_tables t;
    pf_tables_init_floating(&t);
    assert_true(pf_tables_is_empty(&t));
    for (int i = 7; i < PROFILES; i++)
        if (chunks[i].len)
            assert_int_equal(decode(&t, pf_buf_str(&chunks[i]), NULL), PF_OK);
    assert_memory_equal(t.next, store.all.next, sizeof t.next);
    uint32_t last = t.next[PF_TABLE_STRING] - 1;
    pf_str a = pf_tables_blob(&t, PF_TABLE_STRING, last);
    pf_str b = pf_tables_blob(&store.all, PF_TABLE_STRING, last);
    assert_int_equal(a.n, b.n);
    assert_memory_equal(a.p, b.p, a.n);
    pf_tables_free(&t);
}

/* From a chunk's front alone, as from the whole of it. */
static void the_front_says_what_comes_next(void **state)
{
    (void)state;
    uint32_t next[PF_TABLES];
    pf_tables t;
    pf_error err;
    pf_tables_init(&t, NULL);
    for (int i = 0; i < PROFILES; i++) {
        if (!chunks[i].len)
            continue;
        assert_int_equal(decode(&t, pf_buf_str(&chunks[i]), NULL), PF_OK);
        assert_int_equal(pf_chunk_next(pf_buf_str(&chunks[i]), next, NULL), PF_OK);
        assert_memory_equal(next, t.next, sizeof next);
    }
    pf_buf packed = PF_BUF_INIT;
    assert_int_equal(pf_chunk_encode(&t, 3, &packed, NULL), PF_OK);
    assert_true(pf_chunk_is_compressed(pf_buf_str(&packed)));
    assert_int_equal(pf_chunk_next(pf_buf_str(&packed), next, NULL), PF_OK);
    assert_memory_equal(next, t.next, sizeof next);
    static const char *const bad[] = {"", "\x02", "\x00\x01", "\x01rubbish"};
    static const size_t bytes[] = {0, 1, 2, 8};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(pf_chunk_next((pf_str){bad[i], bytes[i]}, next, &err), PF_INTERNAL);
        assert_non_null(strstr(err.msg, "damaged symbols"));
    }
    pf_buf_free(&packed);
    pf_tables_free(&t);
}

static void empty_tables_are_a_chunk(void **state)
{
    (void)state;
    pf_tables t, back;
    pf_buf b = PF_BUF_INIT;
    pf_tables_init(&t, NULL);
    pf_tables_init(&back, NULL);
    assert_int_equal(pf_chunk_encode(&t, 0, &b, NULL), PF_OK);
    assert_int_equal(decode(&back, pf_buf_str(&b), NULL), PF_OK);
    assert_true(pf_tables_is_empty(&back));
    pf_buf_free(&b);
}

static void values_at_the_ends_come_back(void **state)
{
    (void)state;
    pf_tables t, back;
    pf_buf b = PF_BUF_INIT;
    pf_tables_init(&t, NULL);
    pf_tables_init(&back, NULL);
    const uint64_t ends[] = {0, UINT64_MAX, 1, UINT64_C(1) << 63, INT64_MAX};
    pf_code code = pf_tables_add_blob(&t, PF_TABLE_STRING, PF_STR(""), NULL);
    for (int i = 0; i < 5; i++) {
        pf_sym_mapping m = {ends[i], ends[4 - i], 1, 0, UINT32_MAX, UINT32_MAX};
        pf_sym_function f = {(int64_t)ends[i], 1, 0, 1};
        code |= pf_tables_add_mapping(&t, &m, NULL);
        code |= pf_tables_add_function(&t, &f, NULL);
    }
    for (int i = 0; i < 5; i++) {
        pf_sym_line lines[2] = {{(int64_t)ends[i], (int64_t)ends[4 - i], 1 + (uint32_t)i},
                                {(int64_t)ends[4 - i], (int64_t)ends[i], 5}};
        pf_sym_location l = {ends[i], 1 + (uint32_t)i, 0, (uint32_t)i % 3, i % 2};
        code |= pf_tables_add_location(&t, &l, lines, NULL);
    }
    code |= pf_tables_add_node(&t, (pf_sym_node){0, 5}, NULL);
    code |= pf_tables_add_node(&t, (pf_sym_node){0, 1}, NULL);
    code |= pf_tables_add_node(&t, (pf_sym_node){1, 3}, NULL);
    code |= pf_tables_add_stack(&t, 3, NULL) | pf_tables_add_stack(&t, 0, NULL);
    assert_int_equal(code, PF_OK);
    assert_int_equal(pf_chunk_encode(&t, 0, &b, NULL), PF_OK);
    assert_int_equal(decode(&back, pf_buf_str(&b), NULL), PF_OK);
    assert_same(&t, &back);
    pf_tables_free(&t);
    pf_tables_free(&back);
    pf_buf_free(&b);
}

/* Every number that an entry refers to stands before it, or in a table before its own. */
static void check_references(const pf_tables *t)
{
    for (uint32_t n = 1; n < t->next[PF_TABLE_MAPPING]; n++) {
        const pf_sym_mapping *m = pf_tables_mapping(t, n);
        assert_true(pf_tables_has(t, PF_TABLE_STRING, m->file));
        assert_true(pf_tables_has(t, PF_TABLE_STRING, m->build_id));
    }
    for (uint32_t n = 1; n < t->next[PF_TABLE_FUNCTION]; n++) {
        const pf_sym_function *f = pf_tables_function(t, n);
        assert_true(pf_tables_has(t, PF_TABLE_STRING, f->name));
        assert_true(pf_tables_has(t, PF_TABLE_STRING, f->system_name));
        assert_true(pf_tables_has(t, PF_TABLE_STRING, f->filename));
    }
    for (uint32_t n = 1; n < t->next[PF_TABLE_LOCATION]; n++) {
        const pf_sym_location *l = pf_tables_location(t, n);
        assert_true(pf_tables_has(t, PF_TABLE_MAPPING, l->mapping));
        assert_true((uint64_t)l->line_off + l->line_n <= t->nline);
    }
    for (uint32_t i = 0; i < t->nline; i++)
        assert_true(pf_tables_has(t, PF_TABLE_FUNCTION, t->line[i].function));
    for (uint32_t n = 1; n < t->next[PF_TABLE_NODE]; n++) {
        assert_true(pf_tables_node(t, n).parent < n);
        assert_true(pf_tables_has(t, PF_TABLE_LOCATION, pf_tables_node(t, n).location));
    }
    for (uint32_t n = 1; n < t->next[PF_TABLE_STACK]; n++)
        assert_true(pf_tables_has(t, PF_TABLE_NODE, pf_tables_stack(t, n)));
}

static void decode_damaged(pf_str bytes)
{
    pf_tables t;
    pf_error err;
    pf_tables_init(&t, NULL);
    pf_code code = decode(&t, bytes, &err);
    assert_true(!code || code == PF_INTERNAL);
    if (!code)
        check_references(&t);
    pf_tables_free(&t);
}

static void cut_chunks_are_damage(void **state)
{
    (void)state;
    for (int level = 0; level <= 3; level += 3) {
        pf_buf b = PF_BUF_INIT;
        assert_int_equal(pf_chunk_encode(&store.all, level, &b, NULL), PF_OK);
        for (size_t n = 0; n < b.len; n += n < 2000 ? 1 : 97) {
            pf_tables t;
            pf_error err;
            pf_tables_init(&t, NULL);
            assert_int_equal(decode(&t, (pf_str){b.data, n}, &err), PF_INTERNAL);
            assert_non_null(strstr(err.msg, "damaged symbols"));
            pf_tables_free(&t);
        }
        pf_buf_free(&b);
    }
}

static void damaged_chunks_refer_to_nothing_that_is_not_there(void **state)
{
    (void)state;
    pf_str first = pf_buf_str(&chunks[0]);
    pf_tables t;
    pf_buf small = PF_BUF_INIT, packed = PF_BUF_INIT;
    pf_tables_init(&t, NULL);
    assert_int_equal(decode(&t, first, NULL), PF_OK);
    assert_int_equal(pf_chunk_encode(&t, 0, &small, NULL), PF_OK);
    assert_int_equal(pf_chunk_encode(&t, 3, &packed, NULL), PF_OK);
    pf_buf *both[] = {&small, &packed};
    for (int i = 0; i < 2; i++)
        for (size_t at = 0; at < both[i]->len; at++)
            for (int bit = 0; bit < 9; bit++) {
                char was = both[i]->data[at];
                both[i]->data[at] = bit < 8 ? (char)(was ^ 1 << bit) : (char)0xff;
                decode_damaged(pf_buf_str(both[i]));
                both[i]->data[at] = was;
            }
    pf_tables_free(&t);
    pf_buf_free(&small);
    pf_buf_free(&packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_tables_come_back_plain),
        cmocka_unit_test(all_tables_come_back_compressed),
        cmocka_unit_test(what_does_not_shrink_stays_plain),
        cmocka_unit_test(many_chunks_are_one),
        cmocka_unit_test(a_chunk_may_hold_what_was_read),
        cmocka_unit_test(a_gap_is_damage),
        cmocka_unit_test(floating_tables_begin_where_the_chunk_does),
        cmocka_unit_test(the_front_says_what_comes_next),
        cmocka_unit_test(empty_tables_are_a_chunk),
        cmocka_unit_test(values_at_the_ends_come_back),
        cmocka_unit_test(cut_chunks_are_damage),
        cmocka_unit_test(damaged_chunks_refer_to_nothing_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
