/* Xids: the published example, what is refused, uniqueness. */
#include "base/xid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* From the documentation of github.com/rs/xid. */
static void test_the_published_example(void **state)
{
    (void)state;
    const uint8_t bytes[] = {0x4d, 0x88, 0xe1, 0x5b, 0x60, 0xf4,
                             0x86, 0xe4, 0x28, 0x41, 0x2d, 0xc9};
    pf_xid id;
    char text[PF_XID_CHARS + 1];
    assert_true(pf_xid_parse(PF_STR("9m4e2mr0ui3e8a215n4g"), &id));
    assert_memory_equal(id.b, bytes, sizeof bytes);
    assert_int_equal(pf_xid_seconds(id), 1300816219);
    pf_xid_format(id, text);
    assert_string_equal(text, "9m4e2mr0ui3e8a215n4g");
}

static void test_what_is_no_xid(void **state)
{
    (void)state;
    const char *const bad[] = {"",
                               "9m4e2mr0ui3e8a215n4",
                               "9m4e2mr0ui3e8a215n4g0",
                               "9M4E2MR0UI3E8A215N4G",
                               "9m4e2mr0ui3e8a215n4h", /* spare bits */
                               "9m4e2mr0ui3e8a215n4w",
                               "9m4e2mr0ui3e8a215n4 "};
    pf_xid id;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(pf_xid_parse(pf_str_c(bad[i]), &id));
    char nul[PF_XID_CHARS] = "9m4e2mr0ui3e8a215n4";
    assert_false(pf_xid_parse((pf_str){nul, sizeof nul}, &id));
}

static void test_new_ones_differ_and_carry_their_time(void **state)
{
    (void)state;
    pf_xid last = pf_xid_new(0xfedcba98);
    assert_int_equal(pf_xid_seconds(last), 0xfedcba98);
    for (int i = 0; i < 1000; i++) {
        pf_xid id = pf_xid_new(0xfedcba98), back;
        char text[PF_XID_CHARS + 1];
        assert_memory_not_equal(id.b, last.b, sizeof id.b);
        pf_xid_format(id, text);
        assert_true(pf_xid_parse(pf_str_c(text), &back));
        assert_memory_equal(back.b, id.b, sizeof id.b);
        last = id;
    }
}

static void test_next_wraps_its_counter(void **state)
{
    (void)state;
    pf_xid id = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 0xff, 0xff, 0xff}};
    pf_xid next = pf_xid_next(id);
    const uint8_t want[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 0, 0};
    assert_memory_equal(next.b, want, sizeof want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_published_example),
        cmocka_unit_test(test_what_is_no_xid),
        cmocka_unit_test(test_new_ones_differ_and_carry_their_time),
        cmocka_unit_test(test_next_wraps_its_counter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
