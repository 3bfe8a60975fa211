/* Two sides in one profile. */
#include "support/view_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include "view/diff.h"
#include "view/top.h"

#include <cmocka.h>

static void assert_diff(const char *left, const char *right, bool normalize, const char *expected)
{
    pf_arena a;
    pf_error err;
    pf_profile both;
    pf_view v;
    pf_top t;
    pf_buf b = PF_BUF_INIT;
    pf_arena_init(&a, NULL, 0);
    pf_merge *m = pf_merge_new(NULL, 0);
    pf_diff_options o = {.normalize = normalize};
    assert_int_equal(
        pf_diff_make(vf_profile(&a, left), vf_profile(&a, right), &o, m, &a, &both, &err), PF_OK);
    pf_view_options view = {.sample_type = PF_STR("samples"), .is_diff = true};
    assert_int_equal(pf_view_make(&v, &both, &view, &a, &err), PF_OK);
    assert_int_equal(pf_top_make(&t, &v, 0, &err), PF_OK);
    pf_buf_printf(&b, "%lld:%lld", (long long)v.total, (long long)v.base_total);
    for (uint32_t i = 0; i < t.n; i++)
        pf_buf_printf(&b, ", %.*s %lld/%lld:%lld/%lld", PF_FMT(v.frames.frame[t.row[i].frame].name),
                      (long long)t.row[i].flat, (long long)t.row[i].cum,
                      (long long)t.row[i].base_flat, (long long)t.row[i].base_cum);
    pf_buf_putc(&b, 0);
    assert_string_equal(b.data, expected);
    pf_buf_free(&b);
    pf_merge_free(m);
    pf_arena_free(&a);
}

static void both_sides_are_told_apart(void **state)
{
    (void)state;
    assert_diff("main;a 10\nmain;b 1\n", "main;a 7\nmain;c 2\n", false,
                "11:9, a 10/10:7/7, c 0/0:2/2, b 1/1:0/0, main 0/11:0/9");
    assert_diff("main;a 10\n", "main;a 10\n", false, "10:10, a 10/10:10/10, main 0/10:0/10");
}

static void normalized_sums_are_the_bases(void **state)
{
    (void)state;
    assert_diff("a 30\nb 10\n", "a 4\n", true, "4:4, a 3/3:4/4, b 1/1:0/0");
}

static pf_code fails(pf_profile *left, pf_profile *right, pf_arena *a, pf_error *err)
{
    pf_profile both;
    pf_merge *m = pf_merge_new(NULL, 0);
    pf_code code = pf_diff_make(left, right, &(pf_diff_options){0}, m, a, &both, err);
    pf_merge_free(m);
    return code;
}

static void what_cannot_be_compared(void **state)
{
    (void)state;
    pf_arena a;
    pf_error err;
    pf_arena_init(&a, NULL, 0);
    pf_profile *left = vf_profile(&a, "a 1\n"), *right = vf_profile(&a, "a 1\n");
    right->sample_type[1].type = vf_string(right, "wall");
    assert_int_equal(fails(left, right, &a, &err), PF_INVALID);
    right = vf_profile(&a, "a 1\n");
    right->value[0] = INT64_MIN;
    assert_int_equal(fails(left, right, &a, &err), PF_INVALID);
    pf_arena_free(&a);
}

static void a_label_of_that_name_gives_way(void **state)
{
    (void)state;
    pf_arena a;
    pf_error err;
    pf_profile both;
    pf_arena_init(&a, NULL, 0);
    pf_profile *p = vf_profile(&a, "a 1\n");
    p->label[0] = (pf_label){.key = vf_string(p, "pprof::base"), .str = vf_string(p, "perhaps")};
    p->label[1] = (pf_label){.key = vf_string(p, "tenant"), .str = vf_string(p, "blue")};
    p->nlabel = p->sample[0].label_n = 2;
    pf_merge *m = pf_merge_new(NULL, 0);
    pf_profile *left = vf_profile(&a, "b 2\n");
    assert_int_equal(pf_diff_make(left, p, &(pf_diff_options){0}, m, &a, &both, &err), PF_OK);
    assert_int_equal(both.nsample, 2);
    assert_int_equal(both.value[2], -1);
    assert_int_equal(both.sample[1].label_n, 2);
    int base = 0;
    for (uint32_t i = 0; i < 2; i++) {
        const pf_label *l = &both.label[both.sample[1].label_off + i];
        base += pf_str_eq(both.string[l->key], PF_STR("pprof::base")) &&
                pf_str_eq(both.string[l->str], PF_STR("true"));
    }
    assert_int_equal(base, 1);
    pf_merge_free(m);
    pf_arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sides_are_told_apart),
        cmocka_unit_test(normalized_sums_are_the_bases),
        cmocka_unit_test(what_cannot_be_compared),
        cmocka_unit_test(a_label_of_that_name_gives_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
