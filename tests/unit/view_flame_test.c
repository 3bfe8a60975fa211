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

static pf_flame around(pf_view *v, const char *function, bool up, const char *root)
{
    pf_flame f;
    pf_error err;
    pf_flame_options o = {.function = pf_str_c(function), .up = up, .root = pf_str_c(root)};
    assert_int_equal(pf_flame_make(&f, v, &o, &err), PF_OK);
    return f;
}

static void stacks_are_laid_from_the_leaf_up(void **state)
{
    (void)state;
    pf_arena a;
    pf_arena_init(&a, NULL, 0);
    pf_view v = vf_view(&a, vf_profile(&a, "a;b;c 3\na;c 2\na 1\n 4\n"), PF_BY_FUNCTION);
    pf_flame f = around(&v, "", true, "");
    assert_tree(&f, &v, "0:root 4/10, 0:c 0/5, 0:a 1/1, 1:b 0/3, 1:a 2/2, 3:a 3/3");
    f = around(&v, "", true, "c;b");
    assert_tree(&f, &v, "0:root 0/3, 0:a 3/3");
    pf_arena_free(&a);
}

static void callers_and_callees_count_recursion_once(void **state)
{
    (void)state;
    pf_arena a;
    pf_arena_init(&a, NULL, 0);
    pf_view v = vf_view(&a, vf_profile(&a, "m;f;g;f;x 4\nm;h;f 2\nm;x 1\n 8\n"), PF_BY_FUNCTION);
    pf_flame f = around(&v, "f", false, "");
    assert_tree(&f, &v, "0:f 2/6, 0:g 0/4, 1:f 0/4, 2:x 4/4");
    f = around(&v, "f", true, "");
    assert_tree(&f, &v, "0:f 0/6, 0:m 4/4, 0:h 0/2, 2:m 2/2");
    assert_int_equal(v.total, 15);
    f = around(&v, "f", false, "g;f");
    assert_tree(&f, &v, "0:root 0/4, 0:x 4/4");
    f = around(&v, "m", true, "");
    assert_tree(&f, &v, "0:m 7/7");
    f = around(&v, "x", false, "");
    assert_tree(&f, &v, "0:x 5/5");
    pf_arena_free(&a);
}

static void what_is_around_a_function_is_cut_and_opens(void **state)
{
    (void)state;
    pf_arena a;
    pf_error err;
    pf_flame f;
    pf_arena_init(&a, NULL, 0);
    pf_view v = vf_view(&a, vf_profile(&a, stacks), PF_BY_FUNCTION);
    pf_flame_options o = {.function = PF_STR("work"), .max_nodes = 2};
    assert_int_equal(pf_flame_make(&f, &v, &o, &err), PF_OK);
    assert_tree(&f, &v, "0:work 5/47, 0:parse 30/30, 0:(other) 12/12 (1)");
    o.function = PF_STR("zero"); /* stands in samples of no value only */
    assert_int_equal(pf_flame_make(&f, &v, &o, &err), PF_NOT_FOUND);
    assert_non_null(strstr(err.msg, "\"function\""));
    o = (pf_flame_options){.function = PF_STR("work"), .root = PF_STR("idle")};
    assert_int_equal(pf_flame_make(&f, &v, &o, &err), PF_NOT_FOUND);
    assert_non_null(strstr(err.msg, "\"root\""));
    pf_arena_free(&a);
}

static void a_function_is_all_its_lines_or_the_one_that_is_named(void **state)
{
    (void)state;
    pf_arena a;
    pf_arena_init(&a, NULL, 0);
    pf_profile *p = vf_profile(&a, "m;f;x 1\nm;n;f;y 2\n");
    uint32_t other = p->nlocation++; /* f at a second place */
    p->location[other] = p->location[1];
    p->location[other].line_off = p->nline;
    p->line[p->nline++] =
        (pf_line){.line = 99, .function = p->line[p->location[1].line_off].function};
    assert_int_equal(p->sample_location[4], 1);
    p->sample_location[4] = other;
    pf_view v = vf_view(&a, p, PF_BY_LINE);
    pf_flame f = around(&v, "f", false, "");
    assert_int_equal(f.node[0].total, 3);
    f = around(&v, "f /src/f.go:12", false, "");
    assert_tree(&f, &v, "0:f 0/1, 0:x 1/1");
    f = around(&v, "f /src/f.go:99", true, "");
    assert_tree(&f, &v, "0:f 0/2, 0:n 0/2, 1:m 2/2");
    pf_arena_free(&a);
}

static void both_sides_of_a_comparison(void **state)
{
    (void)state;
    pf_arena a;
    pf_arena_init(&a, NULL, 0);
    pf_view v = vf_view(&a, vf_profile(&a, "m;f 5\nm;g;f -3\nm -1\n"), PF_BY_FUNCTION);
    static const bool is_base[] = {false, true, true};
    v.is_diff = true;
    v.is_base = is_base;
    pf_flame f = around(&v, "f", true, "");
    assert_tree(&f, &v, "0:f 0/5, 0:m 5/5, 0:g 0/0, 2:m 0/0");
    assert_int_equal(f.node[0].base_total, 3);
    assert_int_equal(f.node[3].base_self, 3);
    f = around(&v, "", true, "");
    assert_int_equal(f.node[0].base_total, 4);
    pf_arena_free(&a);
}

static void a_hundred_thousand_frames_deep(void **state)
{
    (void)state;
    enum { DEPTH = 90000 };
    pf_arena a;
    pf_arena_init(&a, NULL, 0);
    pf_profile *p = vf_profile(&a, "m;f 1\n");
    for (uint32_t i = 0; i < DEPTH; i++)
        p->sample_location[i] = i % 2;
    p->sample[0].loc_n = p->nsample_location = DEPTH;
    pf_view v = vf_view(&a, p, PF_BY_FUNCTION);
    pf_flame f = around(&v, "", true, "");
    assert_int_equal(f.n, DEPTH + 1);
    f = around(&v, "m", false, "");
    assert_int_equal(f.n, DEPTH); /* it is the outermost */
    f = around(&v, "f", true, "");
    assert_int_equal(f.n, 2);
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
    pf_view v = vf_view(&big, vf_profile(&big, stacks), PF_BY_FUNCTION);
    pf_flame_options o = {.up = true, .function = PF_STR("work"), .root = PF_STR("main")};
    unsigned refused = 0, made = 0;
    for (size_t limit = 100; limit < 40000; limit += 331) {
        pf_arena_init(&tiny, NULL, limit);
        v.arena = &tiny;
        pf_code code = pf_flame_make(&f, &v, &o, &err);
        assert_true(code == PF_QUERY_LIMIT || (!code && refused));
        refused += code == PF_QUERY_LIMIT;
        made += !code;
        pf_arena_free(&tiny);
    }
    assert_true(refused > 5 && made > 5);
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

static pf_code stop_later(const void *ctx, pf_error *err)
{
    int *left = *(int *const *)ctx;
    return --*left < 0 ? pf_fail(err, PF_TIMEOUT, "enough") : PF_OK;
}

/* A path has as many elements as fit a request line, and each is compared with every frame. */
static void it_stops_on_a_long_path(void **state)
{
    (void)state;
    enum { LONG = 1000 };
    char root[LONG + 1];
    int left = LONG / 2, *at = &left;
    pf_arena a;
    pf_error err;
    pf_flame f;
    pf_arena_init(&a, NULL, 0);
    pf_view v = vf_view(&a, vf_profile(&a, stacks), PF_BY_FUNCTION);
    memset(root, ';', LONG);
    root[LONG] = 0;
    v.stop = (pf_stop){stop_later, &at};
    pf_flame_options o = {.root = pf_str_c(root)};
    assert_int_equal(pf_flame_make(&f, &v, &o, &err), PF_TIMEOUT);
    assert_int_equal(left, -1);
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
        cmocka_unit_test(stacks_are_laid_from_the_leaf_up),
        cmocka_unit_test(callers_and_callees_count_recursion_once),
        cmocka_unit_test(what_is_around_a_function_is_cut_and_opens),
        cmocka_unit_test(a_function_is_all_its_lines_or_the_one_that_is_named),
        cmocka_unit_test(both_sides_of_a_comparison),
        cmocka_unit_test(a_hundred_thousand_frames_deep),
        cmocka_unit_test(negative_values_keep_their_place),
        cmocka_unit_test(inlined_means_wherever_it_stands),
        cmocka_unit_test(no_samples_are_a_root),
        cmocka_unit_test(selection_is_right_for_every_limit),
        cmocka_unit_test(a_small_arena_is_an_error),
        cmocka_unit_test(it_stops_when_told),
        cmocka_unit_test(it_stops_on_a_long_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
