/* A profile for -pgo: its edges, and nothing else. */
#include "support/view_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include "view/pgo.h"

#include <cmocka.h>

static const pf_stop no_stop;

static void assert_pgo(const char *stacks, const char *expected)
{
    pf_arena a;
    pf_profile p;
    pf_error err;
    pf_buf b = PF_BUF_INIT;
    pf_arena_init(&a, NULL, 0);
    assert_int_equal(pf_pgo_make(vf_profile(&a, stacks), &no_stop, &a, &p, &err), PF_OK);
    assert_int_equal(p.nsample_type, 1);
    for (uint32_t i = 0; i < p.nsample; i++) {
        assert_int_equal(p.sample[i].loc_n, 2);
        const uint32_t *stack = &p.sample_location[p.sample[i].loc_off];
        const pf_line *callee = &p.line[p.location[stack[0]].line_off];
        const pf_line *caller = &p.line[p.location[stack[1]].line_off];
        const pf_function *from = &p.function[caller->function];
        pf_buf_printf(&b, "%.*s+%lld>%.*s %lld, ", PF_FMT(p.string[from->name]),
                      (long long)(caller->line - from->start_line),
                      PF_FMT(p.string[p.function[callee->function].name]), (long long)p.value[i]);
    }
    pf_buf_putc(&b, 0);
    assert_string_equal(b.data, expected);
    pf_buf_clear(&b);
    assert_int_equal(pf_profile_encode(&p, &b, &err), PF_OK);
    pf_profile again;
    assert_int_equal(pf_profile_decode(&again, &a, pf_buf_str(&b), &err), PF_OK);
    assert_int_equal(again.nsample, p.nsample);
    pf_buf_free(&b);
    pf_arena_free(&a);
}

static void edges(void **state)
{
    (void)state;
    assert_pgo("main;a;b 3\nmain;a|b 2\nmain 9\n 4\n", "main+2>a 5, a+2>b 5, ");
    assert_pgo("main;a 3\nmain;a -3\n", "main+2>a 0, ");
    assert_pgo("f;f|g;f 2\n", "f+2>f 2, f+2>g 2, g+2>f 2, ");
    assert_pgo("", "");
}

static void only_of_cpu_profiles(void **state)
{
    (void)state;
    pf_arena a;
    pf_profile out;
    pf_error err;
    pf_arena_init(&a, NULL, 0);
    pf_profile *p = vf_profile(&a, "main;a 3\n");
    p->sample_type[0].type = vf_string(p, "contentions");
    assert_int_equal(pf_pgo_make(p, &no_stop, &a, &out, &err), PF_OK);
    assert_int_equal(out.value[0], 30);
    p->sample_type[1].unit = vf_string(p, "bytes");
    assert_int_equal(pf_pgo_make(p, &no_stop, &a, &out, &err), PF_INVALID);
    pf_arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edges),
        cmocka_unit_test(only_of_cpu_profiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
