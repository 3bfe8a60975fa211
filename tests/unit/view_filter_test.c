/* Filters and drop_frames, in google/pprof's own examples and at their edges. */
#include "support/view_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include "view/filter.h"
#include "view/flame.h"
#include "view/folded.h"

#include <cmocka.h>
#include <stdlib.h>

static const pf_stop no_stop;

static int by_text(const void *a, const void *b)
{
    return pf_str_cmp(*(const pf_str *)a, *(const pf_str *)b);
}

/* The lines, sorted: their order is the tree's, which is not what is tested here. */
static size_t lines_of(pf_str text, pf_str lines[16])
{
    size_t n = 0;
    while (text.n) {
        assert_true(n < 16);
        pf_str_cut(text, '\n', &lines[n++], &text);
    }
    qsort(lines, n, sizeof *lines, by_text);
    return n;
}

static void assert_stacks(pf_arena *a, const pf_profile *p, const char *expected)
{
    pf_view v = vf_view(a, p, PF_BY_FUNCTION);
    pf_flame f;
    pf_error err;
    pf_buf b = PF_BUF_INIT;
    pf_str got[16], want[16];
    assert_int_equal(pf_flame_make(&f, &v, &(pf_flame_options){0}, &err), PF_OK);
    assert_int_equal(pf_folded_write(&f, &v, &b, &err), PF_OK);
    size_t n = lines_of(pf_buf_str(&b), got), m = lines_of(pf_str_c(expected), want);
    for (size_t i = 0; i < n || i < m; i++)
        if (i >= n || i >= m || !pf_str_eq(got[i], want[i]))
            fail_msg("got:\n%.*swanted:\n%s", PF_FMT(pf_buf_str(&b)), expected);
    pf_buf_free(&b);
}

typedef struct patterns {
    const char *focus, *ignore, *hide, *show, *show_from;
} patterns;

static pf_regex *compile(pf_arena *a, const char *pattern)
{
    pf_regex *re = NULL;
    pf_error err;
    if (pattern)
        assert_int_equal(pf_regex_new_in(a, pf_str_c(pattern), PF_REGEX_SEARCH, &re, &err), PF_OK);
    return re;
}

static void assert_filtered(const char *stacks, patterns by, const char *expected)
{
    pf_arena a;
    pf_profile out;
    pf_error err;
    pf_arena_init(&a, NULL, 0);
    pf_profile *in = vf_profile(&a, stacks);
    pf_filter f = {compile(&a, by.focus), compile(&a, by.ignore), compile(&a, by.hide),
                   compile(&a, by.show), compile(&a, by.show_from)};
    assert_int_equal(pf_filter_apply(&f, in, &no_stop, &a, &out, &err), PF_OK);
    assert_stacks(&a, &out, expected);
    pf_arena_free(&a);
}

static const char stacks[] = "main;work;parse 30\nmain;work|read 12\nmain;idle 1\n 5\n";

static void focus_and_ignore_choose_stacks(void **state)
{
    (void)state;
    assert_filtered(stacks, (patterns){.focus = "work"}, "main;work;parse 30\nmain;work;read 12\n");
    assert_filtered(stacks, (patterns){.focus = "read"}, "main;work;read 12\n");
    assert_filtered(stacks, (patterns){.ignore = "work"}, "main;idle 1\n");
    assert_filtered(stacks, (patterns){.focus = "work", .ignore = "^parse$"},
                    "main;work;read 12\n");
    assert_filtered(stacks, (patterns){.focus = "parse\\.go"}, "main;work;parse 30\n");
    assert_filtered(stacks, (patterns){.focus = "bin/app"},
                    "main;work;parse 30\nmain;work;read 12\nmain;idle 1\n");
    assert_filtered(stacks, (patterns){.focus = "nothing"}, "");
    assert_filtered(stacks, (patterns){0},
                    "(no stack) 5\nmain;work;parse 30\nmain;work;read 12\nmain;idle 1\n");
}

static void hide_and_show_choose_frames(void **state)
{
    (void)state;
    assert_filtered(stacks, (patterns){.hide = "work"},
                    "main;parse 30\nmain;read 12\nmain;idle 1\n");
    assert_filtered(stacks, (patterns){.hide = "read"},
                    "main;work 12\nmain;work;parse 30\nmain;idle 1\n");
    assert_filtered(stacks, (patterns){.show = "work|idle"}, "work 42\nidle 1\n");
    assert_filtered(stacks, (patterns){.show = "[a-z]", .hide = "main"},
                    "work;parse 30\nwork;read 12\nidle 1\n");
    assert_filtered(stacks, (patterns){.hide = "/bin/app"}, "");
    assert_filtered(stacks, (patterns){.show = "nothing"}, "");
}

static void show_from_cuts_above(void **state)
{
    (void)state;
    static const char abcb[] = "A;B;C;B 1\n";
    assert_filtered(abcb, (patterns){.show_from = "A"}, "A;B;C;B 1\n");
    assert_filtered(abcb, (patterns){.show_from = "B"}, "B;C;B 1\n");
    assert_filtered(abcb, (patterns){.show_from = "C"}, "C;B 1\n");
    assert_filtered(abcb, (patterns){.show_from = "D"}, "");
    assert_filtered(stacks, (patterns){.show_from = "^read$"}, "read 12\n");
    assert_filtered(stacks, (patterns){.show_from = "^work$|idle"},
                    "work;parse 30\nwork;read 12\nidle 1\n");
}

static void all_together_in_their_order(void **state)
{
    (void)state;
    assert_filtered(
        "main;http;serve;lock;parse 3\nmain;gc;parse 4\nmain;http;idle 5\n",
        (patterns){.focus = "http", .ignore = "idle", .hide = "lock", .show_from = "serve"},
        "serve;parse 3\n");
}

static void what_was_given_stays_as_it_was(void **state)
{
    (void)state;
    pf_arena a;
    pf_profile out;
    pf_error err;
    pf_arena_init(&a, NULL, 0);
    pf_profile *in = vf_profile(&a, stacks);
    pf_filter f = {.hide = compile(&a, "work"), .show_from = compile(&a, "main")};
    assert_int_equal(pf_filter_apply(&f, in, &no_stop, &a, &out, &err), PF_OK);
    assert_stacks(&a, in, "(no stack) 5\nmain;work;parse 30\nmain;work;read 12\nmain;idle 1\n");
    assert_int_equal(out.nsample, 3);
    assert_int_equal(out.value[1], 300);
    pf_arena_free(&a);
}

static void names_without_their_arguments(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        /* From google/pprof's tests of simplifyFunc. */
        {".foo", "foo"},
        {"foo(int, int)", "foo"},
        {"(anonymous namespace)::foo(int)", "(anonymous namespace)::foo"},
        {"ns::operator()(int)", "ns::operator()"},
        {"operator()", "operator()"},
        {"a::(anonymous namespace)::Test::operator()(void)",
         "a::(anonymous namespace)::Test::operator()"},
        {"plain", "plain"},
        {"", ""},
        {"(", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pf_str got = pf_simple_name(pf_str_c(cases[i][0]));
        if (!pf_str_eq(got, pf_str_c(cases[i][1])))
            fail_msg("%s gives \"%.*s\"", cases[i][0], PF_FMT(got));
    }
}

static void assert_pruned(const char *stacks_in, const char *drop, const char *keep,
                          const char *expected)
{
    pf_arena a;
    pf_profile out;
    pf_error err;
    pf_arena_init(&a, NULL, 0);
    pf_profile *in = vf_profile(&a, stacks_in);
    in->drop_frames = vf_string(in, drop);
    in->keep_frames = vf_string(in, keep);
    assert_int_equal(pf_filter_prune(in, &no_stop, &a, &out, &err), PF_OK);
    assert_stacks(&a, &out, expected);
    pf_arena_free(&a);
}

static void drop_frames_drops_them_and_what_is_beneath(void **state)
{
    (void)state;
    assert_pruned("main;a;malloc;sbrk 1\n", "malloc", "", "main;a 1\n");
    assert_pruned("main;a;malloc;sbrk 1\n", "mall", "", "main;a;malloc;sbrk 1\n");
    assert_pruned("main;a;malloc(int);sbrk 1\n", "malloc", "", "main;a 1\n");
    assert_pruned("malloc;sbrk 1\n", "malloc", "", "malloc;sbrk 1\n");
    assert_pruned("malloc 1\n", "malloc", "", "malloc 1\n");
    assert_pruned("main;malloc;a;malloc 1\n", "malloc", "", "main 1\n");
    assert_pruned("main;xmalloc;xfree 1\n", "x.*", "xm.*", "main;xmalloc 1\n");
    assert_pruned("main;a|malloc|inner;b 1\n", "malloc", "", "main;a 1\n");
    assert_pruned("main;a 1\n", "(", "", "main;a 1\n");
    assert_pruned("main;a 1\n", "a", "(", "main;a 1\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(focus_and_ignore_choose_stacks),
        cmocka_unit_test(hide_and_show_choose_frames),
        cmocka_unit_test(show_from_cuts_above),
        cmocka_unit_test(all_together_in_their_order),
        cmocka_unit_test(what_was_given_stays_as_it_was),
        cmocka_unit_test(names_without_their_arguments),
        cmocka_unit_test(drop_frames_drops_them_and_what_is_beneath),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
