/* A profile for -pgo: its stacks, and nothing else. */
#include "support/profile_eq.h"
#include "support/view_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include "view/pgo.h"

#include <cmocka.h>

static const pf_stop no_stop;

static void put_location(pf_buf *b, const pf_profile *p, uint32_t location)
{
    const pf_location *loc = &p->location[location];
    for (uint32_t i = loc->line_n; i-- > 0;) {
        const pf_line *line = &p->line[loc->line_off + i];
        const pf_function *f = &p->function[line->function];
        pf_buf_printf(b, "%.*s+%lld%s", PF_FMT(p->string[f->name]),
                      (long long)(line->line - f->start_line), i ? "|" : "");
    }
}

static void put_stacks(pf_buf *b, const pf_profile *p)
{
    for (uint32_t i = 0; i < p->nsample; i++) {
        const pf_sample *s = &p->sample[i];
        for (uint32_t k = s->loc_n; k-- > 0;) {
            put_location(b, p, p->sample_location[s->loc_off + k]);
            pf_buf_puts(b, k ? ";" : "");
        }
        pf_buf_printf(b, " %lld, ", (long long)p->value[i]);
    }
    pf_buf_putc(b, 0);
}

static void check_pgo(const pf_profile *in, pf_arena *a, const char *expected)
{
    pf_profile p, again;
    pf_error err;
    pf_buf b = PF_BUF_INIT;
    assert_int_equal(pf_pgo_make(in, &no_stop, a, &p, &err), PF_OK);
    assert_int_equal(p.nsample_type, 1);
    assert_int_equal(p.nmapping + p.nlabel, 0);
    pf_test_check_references(&p);
    put_stacks(&b, &p);
    assert_string_equal(b.data, expected);
    pf_buf_clear(&b);
    assert_int_equal(pf_profile_encode(&p, &b, &err), PF_OK);
    assert_int_equal(pf_profile_decode(&again, a, pf_buf_str(&b), &err), PF_OK);
    assert_int_equal(again.nsample, p.nsample);
    pf_buf_free(&b);
}

static void assert_pgo(const char *stacks, const char *expected)
{
    pf_arena a;
    pf_arena_init(&a, NULL, 0);
    check_pgo(vf_profile(&a, stacks), &a, expected);
    pf_arena_free(&a);
}

static void stacks_stay_whole(void **state)
{
    (void)state;
    assert_pgo("main;a;b 3\nmain;a|b 2\nmain 9\n 4\nmain;a;b 5\n",
               " 4, main+2 9, main+2;a+2;b+2 8, main+2;a+2|b+2 2, ");
    assert_pgo("f;f|g;f 2\n", "f+2;f+2|g+2;f+2 2, ");
    assert_pgo("", "");
}

static void what_comes_to_nothing_goes(void **state)
{
    (void)state;
    assert_pgo("main;a 3\nmain;a -3\nmain;b 0\nmain;c -1\n", "main+2;c+2 -1, ");
    assert_pgo("main;a;b 3\nmain;a;b -3\n 1\n", " 1, ");
}

/* Locations 0, 1 and 2 are a, main and b, leaf first; b is made another place of a's code. */
static void equal_lines_are_one_location_but_not_in_one_stack(void **state)
{
    (void)state;
    for (int address = 0; address < 2; address++) {
        pf_arena a;
        pf_arena_init(&a, NULL, 0);
        pf_profile *apart = vf_profile(&a, "main;a 3\nmain;b 4\n");
        apart->line[apart->location[2].line_off] = apart->line[apart->location[0].line_off];
        check_pgo(apart, &a, "main+2;a+2 7, ");
        pf_profile *together = vf_profile(&a, "main;a 3\nmain;b 4\nmain;a;b 5\n"), p;
        together->line[together->location[2].line_off] =
            together->line[together->location[0].line_off];
        if (!address)
            for (uint32_t i = 0; i < together->nlocation; i++)
                together->location[i].address = 0;
        pf_error err;
        assert_int_equal(pf_pgo_make(together, &no_stop, &a, &p, &err), PF_OK);
        assert_int_equal(p.nlocation, 3);
        for (uint32_t i = 0; i < p.nlocation; i++)
            assert_int_equal(p.location[i].address, address ? i + 1 : 0);
        pf_arena_free(&a);
    }
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
        cmocka_unit_test(stacks_stay_whole),
        cmocka_unit_test(what_comes_to_nothing_goes),
        cmocka_unit_test(equal_lines_are_one_location_but_not_in_one_stack),
        cmocka_unit_test(only_of_cpu_profiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
