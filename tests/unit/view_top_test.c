/* Flat and cum, and the graph's edges beside them. */
#include "support/view_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include "view/graph.h"
#include "view/top.h"

#include <cmocka.h>

static void assert_top(const char *stacks, uint32_t limit, const char *expected)
{
    pf_arena a;
    pf_top t;
    pf_error err;
    pf_buf b = PF_BUF_INIT;
    pf_arena_init(&a, NULL, 0);
    pf_view v = vf_view(&a, vf_profile(&a, stacks), PF_BY_FUNCTION);
    assert_int_equal(pf_top_make(&t, &v, limit, &err), PF_OK);
    for (uint32_t i = 0; i < t.n; i++)
        pf_buf_printf(&b, "%.*s %lld/%lld, ", PF_FMT(v.frames.frame[t.row[i].frame].name),
                      (long long)t.row[i].flat, (long long)t.row[i].cum);
    pf_buf_printf(&b, "missing %u, %lld", t.left_out, (long long)t.left_out_flat);
    assert_string_equal(b.data, expected);
    pf_buf_free(&b);
    pf_arena_free(&a);
}

static void flat_and_cum(void **state)
{
    (void)state;
    assert_top("main;a;b 3\nmain;a 2\nmain;c 1\n 9\n", 0,
               "b 3/3, a 2/5, c 1/1, main 0/6, missing 0, 0");
}

static void recursion_counts_once_a_stack(void **state)
{
    (void)state;
    assert_top("main;f;f;g;f 3\nf 1\n", 0, "f 4/4, g 0/3, main 0/3, missing 0, 0");
}

static void what_is_missing_is_said(void **state)
{
    (void)state;
    assert_top("main;a;b 3\nmain;a 2\nmain;c 1\n", 2, "b 3/3, a 2/5, missing 2, 1");
    assert_top("main;a;b 3\nmain;a 2\nmain;c 1\n", 4,
               "b 3/3, a 2/5, c 1/1, main 0/6, missing 0, 0");
}

static void rows_that_come_to_nothing_are_left_out(void **state)
{
    (void)state;
    assert_top("main;a 3\nmain;b -3\nz 0\n", 0, "a 3/3, b -3/-3, missing 0, 0");
}

static void assert_edges(const char *stacks, const char *leave_out, const char *expected)
{
    pf_arena a;
    pf_graph g;
    pf_error err;
    pf_buf b = PF_BUF_INIT;
    pf_arena_init(&a, NULL, 0);
    pf_view v = vf_view(&a, vf_profile(&a, stacks), PF_BY_FUNCTION);
    bool keep[64];
    for (uint32_t i = 0; i < v.frames.n; i++)
        keep[i] = !pf_str_eq(v.frames.frame[i].name, pf_str_c(leave_out));
    assert_int_equal(pf_graph_make(&g, &v, keep, &err), PF_OK);
    for (uint32_t i = 0; i < g.n; i++)
        pf_buf_printf(&b, "%.*s>%.*s %lld%s%s, ", PF_FMT(v.frames.frame[g.edge[i].from].name),
                      PF_FMT(v.frames.frame[g.edge[i].to].name), (long long)g.edge[i].weight,
                      g.edge[i].inlined ? " inlined" : "", g.edge[i].residual ? " residual" : "");
    pf_buf_putc(&b, 0);
    assert_string_equal(b.data, expected);
    pf_buf_free(&b);
    pf_arena_free(&a);
}

static void edges(void **state)
{
    (void)state;
    assert_edges("main;a;b 3\nmain;a|b 2\n", "", "main>a 5, a>b 5, ");
    assert_edges("main;a|b 2\n", "", "main>a 2, a>b 2 inlined, ");
    assert_edges("f;f;g;f;g 3\n", "", "f>g 3, g>f 3, ");
    assert_edges("main;a;b 3\nmain;b 2\n", "a", "main>b 5 residual, ");
    assert_edges("main;a 3\n", "main", "");
    assert_edges(" 3\n", "", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flat_and_cum),
        cmocka_unit_test(recursion_counts_once_a_stack),
        cmocka_unit_test(what_is_missing_is_said),
        cmocka_unit_test(rows_that_come_to_nothing_are_left_out),
        cmocka_unit_test(edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
