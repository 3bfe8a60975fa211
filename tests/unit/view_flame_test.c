/* Trees of stacks: sums, order, what is cut and what opens again. */
#include "support/view_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include "view/flame.h"

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static pf_flame make(pf_view *v, uint32_t max_nodes, const char *root)
{
    pf_flame f;
    pf_error err;
    pf_flame_options o = {.max_nodes = max_nodes, .root = pf_str_c(root)};
    assert_int_equal(pf_flame_make(&f, v, &o, &err), PF_OK);
    return f;
}

/* "name self/total" a node, in order, for comparing at one glance. */
static void assert_tree(const pf_flame *f, const pf_view *v, const char *expected)
{
    pf_buf b = PF_BUF_INIT;
    for (uint32_t i = 0; i < f->n; i++) {
        const pf_flame_node *n = &f->node[i];
        pf_buf_printf(&b, "%s%u:%.*s %lld/%lld", i ? ", " : "", n->parent,
                      PF_FMT(pf_flame_name(f, v, i)), (long long)n->self, (long long)n->total);
        if (n->folded)
            pf_buf_printf(&b, " (%u)", n->folded);
        assert_true(n->parent <= i);
    }
    pf_buf_putc(&b, 0);
    assert_string_equal(b.data, expected);
    pf_buf_free(&b);
}

static const char stacks[] = "main;work;parse 30\n"
                             "main;work;read 12\n"
                             "main;work 5\n"
                             "main;idle 1\n"
                             "gc 7\n"
                             " 2\n"
                             "main;zero 0\n";

static void a_tree_adds_up(void **state)
{
    (void)state;
    pf_arena a;
    pf_arena_init(&a, NULL, 0);
    pf_view v = vf_view(&a, vf_profile(&a, stacks), PF_BY_FUNCTION);
    pf_flame f = make(&v, 0, "");
    assert_tree(&f, &v,
                "0:root 2/57, 0:main 0/48, 0:gc 7/7, 1:work 5/47, 1:idle 1/1, 3:parse 30/30, "
                "3:read 12/12");
    assert_int_equal(v.total, 57);
    assert_int_equal(f.left_out, 0);
    pf_arena_free(&a);
}

static void what_is_cut_is_said_exactly(void **state)
{
    (void)state;
    pf_arena a;
    pf_arena_init(&a, NULL, 0);
    pf_view v = vf_view(&a, vf_profile(&a, stacks), PF_BY_FUNCTION);
    pf_flame f = make(&v, 4, "");
    assert_tree(&f, &v,
                "0:root 2/57, 0:main 0/48, 0:(other) 7/7 (1), 1:work 5/47, 1:(other) 1/1 (1), "
                "3:parse 30/30, 3:(other) 12/12 (1)");
    assert_int_equal(f.left_out, 3);
    assert_int_equal(f.left_out_value, 20);
    f = make(&v, 1, "");
    assert_tree(&f, &v, "0:root 2/57, 0:(other) 55/55 (6)");
    pf_arena_free(&a);
}

static void equal_totals_are_in_order_of_names(void **state)
{
    (void)state;
    pf_arena a;
    pf_arena_init(&a, NULL, 0);
    pf_view v = vf_view(&a, vf_profile(&a, "c 1\na 1\nb 1\nd 2\n"), PF_BY_FUNCTION);
    pf_flame f = make(&v, 0, "");
    assert_tree(&f, &v, "0:root 0/5, 0:d 2/2, 0:a 1/1, 0:b 1/1, 0:c 1/1");
    pf_arena_free(&a);
}

static void a_root_opens_what_is_below_it(void **state)
{
    (void)state;
    pf_arena a;
    pf_error err;
    pf_arena_init(&a, NULL, 0);
    pf_view v = vf_view(&a, vf_profile(&a, "main;a%3Bb;x 1\nmain;a%3Bb;y 2\nmain;a%3Bb 4\nz 8\n"),
                        PF_BY_FUNCTION);
    pf_flame f = make(&v, 0, "main;a%253Bb");
    assert_tree(&f, &v, "0:root 4/7, 0:y 2/2, 0:x 1/1");
    assert_int_equal(v.total, 15);
    pf_flame_options none = {.root = PF_STR("main;x")};
    assert_int_equal(pf_flame_make(&f, &v, &none, &err), PF_NOT_FOUND);
    pf_arena_free(&a);
}

static void a_root_may_be_named_with_its_line(void **state)
{
    (void)state;
    pf_arena a;
    pf_arena_init(&a, NULL, 0);
    pf_view v = vf_view(&a, vf_profile(&a, "main;f;x 1\nmain;f 2\n"), PF_BY_LINE);
    pf_flame f = make(&v, 0, "main /src/main.go:12;f%20/src/f.go%3A12");
    assert_tree(&f, &v, "0:root 2/3, 0:x 1/1");
    pf_arena_free(&a);
}

static void negative_values_keep_their_place(void **state)
{
    (void)state;
    pf_arena a;
    pf_arena_init(&a, NULL, 0);
    pf_view v = vf_view(&a, vf_profile(&a, "m;a 10\nm;b -9\nn 2\n"), PF_BY_FUNCTION);
    pf_flame f = make(&v, 0, "");
    assert_tree(&f, &v, "0:root 0/3, 0:n 2/2, 0:m 0/1, 2:a 10/10, 2:b -9/-9");
    f = make(&v, 3, ""); /* m weighs what a does, and stays because of it */
    assert_tree(&f, &v, "0:root 0/3, 0:m 0/1, 0:(other) 2/2 (1), 1:a 10/10, 1:(other) -9/-9 (1)");
    pf_arena_free(&a);
}

static void inlined_means_wherever_it_stands(void **state)
{
    (void)state;
    pf_arena a;
    pf_arena_init(&a, NULL, 0);
    pf_view v = vf_view(&a, vf_profile(&a, "main|f 1\nmain|g 1\nmain;g 1\n"), PF_BY_FUNCTION);
    pf_flame f = make(&v, 0, "");
    assert_tree(&f, &v, "0:root 0/3, 0:main 0/3, 1:g 2/2, 1:f 1/1");
    assert_false(f.node[1].inlined);
    assert_false(f.node[2].inlined);
    assert_true(f.node[3].inlined);
    pf_arena_free(&a);
}

static void no_samples_are_a_root(void **state)
{
    (void)state;
    pf_arena a;
    pf_arena_init(&a, NULL, 0);
    pf_view v = vf_view(&a, vf_profile(&a, ""), PF_BY_FUNCTION);
    pf_flame f = make(&v, 10, "");
    assert_tree(&f, &v, "0:root 0/0");
    pf_arena_free(&a);
}

/* Many nodes of many weights: what stays are the largest, whatever the limit. */
static void selection_is_right_for_every_limit(void **state)
{
    (void)state;
    pf_arena a;
    pf_arena_init(&a, NULL, 0);
    pf_buf text = PF_BUF_INIT;
    uint32_t random = 1;
    for (int i = 0; i < 300; i++) {
        random = random * 1664525 + 1013904223;
        pf_buf_printf(&text, "r%u;s%u;t%d %u\n", random >> 30, random >> 28, i,
                      (random >> 20) % 50);
    }
    pf_buf_putc(&text, 0);
    pf_view v = vf_view(&a, vf_profile(&a, text.data), PF_BY_FUNCTION);
    pf_flame whole = make(&v, 0, "");
    for (uint32_t most = 1; most < whole.n; most += 7) {
        pf_flame cut = make(&v, most, "");
        int64_t least_kept = INT64_MAX, sum = cut.node[0].self;
        uint32_t plain = 0, folded = 0;
        for (uint32_t i = 0; i < cut.n; i++) {
            folded += cut.node[i].folded;
            sum += i ? cut.node[i].self : 0;
            if (cut.node[i].folded)
                continue;
            plain++;
            least_kept = cut.node[i].total < least_kept ? cut.node[i].total : least_kept;
        }
        uint32_t larger = 0;
        for (uint32_t i = 0; i < whole.n; i++)
            larger += whole.node[i].total > least_kept;
        assert_int_equal(plain, most);
        assert_int_equal(folded, whole.n - most);
        assert_int_equal(sum, whole.node[0].total);
        assert_true(larger < most || most == 1);
    }
    pf_buf_free(&text);
    pf_arena_free(&a);
}

static void a_small_arena_is_an_error(void **state)
{
    (void)state;
    pf_arena big, tiny;
    pf_error err;
    pf_flame f;
    pf_arena_init(&big, NULL, 0);
    pf_arena_init(&tiny, NULL, 40000);
    pf_view v = vf_view(&big, vf_profile(&big, stacks), PF_BY_FUNCTION);
    v.arena = &tiny;
    assert_int_equal(pf_flame_make(&f, &v, &(pf_flame_options){0}, &err), PF_QUERY_LIMIT);
    pf_arena_free(&tiny);
    pf_arena_free(&big);
}

static pf_code stop(const void *ctx, pf_error *err)
{
    (void)ctx;
    return pf_fail(err, PF_TIMEOUT, "enough");
}

static void it_stops_when_told(void **state)
{
    (void)state;
    pf_arena a;
    pf_error err;
    pf_flame f;
    pf_arena_init(&a, NULL, 0);
    pf_view v = vf_view(&a, vf_profile(&a, stacks), PF_BY_FUNCTION);
    v.stop = (pf_stop){stop, NULL};
    assert_int_equal(pf_flame_make(&f, &v, &(pf_flame_options){0}, &err), PF_TIMEOUT);
    pf_arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tree_adds_up),
        cmocka_unit_test(what_is_cut_is_said_exactly),
        cmocka_unit_test(equal_totals_are_in_order_of_names),
        cmocka_unit_test(a_root_opens_what_is_below_it),
        cmocka_unit_test(a_root_may_be_named_with_its_line),
        cmocka_unit_test(negative_values_keep_their_place),
        cmocka_unit_test(inlined_means_wherever_it_stands),
        cmocka_unit_test(no_samples_are_a_root),
        cmocka_unit_test(selection_is_right_for_every_limit),
        cmocka_unit_test(a_small_arena_is_an_error),
        cmocka_unit_test(it_stops_when_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
