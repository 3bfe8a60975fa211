#include "storage/local/symbols/tables.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void number_zero_is_always_there(void **state)
{
    (void)state;
    pf_tables t;
    pf_tables_init(&t, NULL);
    assert_true(pf_tables_is_empty(&t));
    for (int i = 0; i < PF_TABLES; i++) {
        assert_true(pf_tables_has(&t, (pf_table)i, 0));
        assert_false(pf_tables_has(&t, (pf_table)i, 1));
    }
    assert_int_equal(pf_tables_blob(&t, PF_TABLE_STRING, 0).n, 0);
    assert_int_equal(pf_tables_stack(&t, 0), 0);
    pf_tables_free(&t);
}

static void entries_keep_what_they_say(void **state)
{
    (void)state;
    enum { N = 3000 };
    static char text[N];
    uint32_t base[PF_TABLES];
    for (int i = 0; i < PF_TABLES; i++)
        base[i] = 1000 * (uint32_t)(i + 1);
    pf_tables t;
    pf_tables_init(&t, base);
    memset(text, 'x', sizeof text);
    pf_sym_line lines[3] = {{1, 2, 3}, {4, 5, 6}, {7, 8, 9}};
    pf_code code = PF_OK;
    for (uint32_t i = 0; i < N; i++) {
        code |= pf_tables_add_blob(&t, PF_TABLE_LABELS, (pf_str){text, i % 50}, NULL);
        code |= pf_tables_add_mapping(&t, &(pf_sym_mapping){.size = i}, NULL);
        code |= pf_tables_add_function(&t, &(pf_sym_function){.start_line = i}, NULL);
        code |= pf_tables_add_location(&t, &(pf_sym_location){.address = i, .line_n = i % 4}, lines,
                                       NULL);
        code |= pf_tables_add_node(&t, (pf_sym_node){i, i + 1}, NULL);
        code |= pf_tables_add_stack(&t, i + 7, NULL);
    }
    assert_int_equal(code, PF_OK);
    for (uint32_t i = 0; i < N; i++) {
        assert_int_equal(pf_tables_blob(&t, PF_TABLE_LABELS, 2000 + i).n, i % 50);
        assert_int_equal(pf_tables_mapping(&t, 1000 * (PF_TABLE_MAPPING + 1) + i)->size, i);
        assert_int_equal(pf_tables_function(&t, 1000 * (PF_TABLE_FUNCTION + 1) + i)->start_line, i);
        const pf_sym_location *l = pf_tables_location(&t, 1000 * (PF_TABLE_LOCATION + 1) + i);
        assert_int_equal(l->address, i);
        assert_int_equal(l->line_n, i % 4);
        for (uint32_t k = 0; k < l->line_n; k++)
            assert_int_equal(t.line[l->line_off + k].function, lines[k].function);
        assert_int_equal(pf_tables_node(&t, 1000 * (PF_TABLE_NODE + 1) + i).parent, i);
        assert_int_equal(pf_tables_stack(&t, 1000 * (PF_TABLE_STACK + 1) + i), i + 7);
    }
    assert_true(pf_tables_has(&t, PF_TABLE_NODE, base[PF_TABLE_NODE] + N - 1));
    assert_false(pf_tables_has(&t, PF_TABLE_NODE, base[PF_TABLE_NODE] + N));
    assert_false(pf_tables_has(&t, PF_TABLE_NODE, base[PF_TABLE_NODE] - 1));
    assert_true(pf_tables_bytes(&t) > N * sizeof(pf_sym_location));

    size_t held = pf_tables_bytes(&t);
    pf_tables_clear(&t, NULL);
    assert_true(pf_tables_is_empty(&t));
    assert_int_equal(t.nline, 0);
    assert_int_equal(pf_tables_bytes(&t), held); /* kept for the next */
    pf_tables_free(&t);
}

static void the_last_number_is_not_given_out(void **state)
{
    (void)state;
    uint32_t base[PF_TABLES];
    for (int i = 0; i < PF_TABLES; i++)
        base[i] = UINT32_MAX - 1;
    pf_tables t;
    pf_tables_init(&t, base);
    assert_int_equal(pf_tables_add_stack(&t, 0, NULL), PF_OK);
    assert_int_equal(pf_tables_add_stack(&t, 0, NULL), PF_TOO_LARGE);
    assert_int_equal(pf_tables_add_blob(&t, PF_TABLE_STRING, PF_STR("a"), NULL), PF_OK);
    assert_int_equal(pf_tables_add_blob(&t, PF_TABLE_STRING, PF_STR("b"), NULL), PF_TOO_LARGE);
    assert_true(pf_str_eq(pf_tables_blob(&t, PF_TABLE_STRING, UINT32_MAX - 1), PF_STR("a")));
    pf_tables_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(number_zero_is_always_there),
        cmocka_unit_test(entries_keep_what_they_say),
        cmocka_unit_test(the_last_number_is_not_given_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
