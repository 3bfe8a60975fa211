/* The shapes that the page reads, byte for byte, and pictures of odd profiles. */
#include "support/view_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include "view/dot.h"
#include "view/json.h"
#include "view/svg.h"

#include <cmocka.h>
#include <string.h>

static const pf_view_facts facts = {2, "2023-11-14T22:13:20Z", false};

static void whole_numbers(void **state)
{
    (void)state;
    static const int64_t cases[] = {0, 1, -1, 10, 99, -100, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pf_buf b = PF_BUF_INIT, expected = PF_BUF_INIT;
        pf_buf_put_int(&b, cases[i]);
        pf_buf_printf(&expected, "%lld", (long long)cases[i]);
        assert_true(pf_str_eq(pf_buf_str(&b), pf_buf_str(&expected)));
        pf_buf_free(&b);
        pf_buf_free(&expected);
    }
}

static void a_flame_graph(void **state)
{
    (void)state;
    pf_arena a;
    pf_error err;
    pf_flame f;
    pf_buf b = PF_BUF_INIT;
    pf_arena_init(&a, NULL, 0);
    pf_view v = vf_view(&a, vf_profile(&a, "main.f|main.g 3\nx\xff 1\n"), PF_BY_FUNCTION);
    assert_int_equal(pf_flame_make(&f, &v, &(pf_flame_options){.max_nodes = 3}, &err), PF_OK);
    assert_int_equal(pf_json_flame(&f, &v, &facts, &b, &err), PF_OK);
    pf_buf_putc(&b, 0);
    assert_string_equal(
        b.data,
        "{\"sample_type\":{\"type\":\"samples\",\"unit\":\"count\"},\"sample_types\":["
        "{\"type\":\"samples\",\"unit\":\"count\"},{\"type\":\"cpu\",\"unit\":\"nanoseconds\"}],"
        "\"total\":4,\"period\":0,\"profiles\":2,\"time\":\"2023-11-14T22:13:20Z\","
        "\"duration_nanos\":0,\"names\":[\"root\",\"main.f\",\"(other)\",\"main.g\"],"
        "\"files\":[\"\",\"/src/main.f.go\",\"/src/main.g.go\"],\"packages\":[\"\",\"main\"],"
        "\"binaries\":[\"\",\"/bin/"
        "app\"],\"build_ids\":[\"\",\"\"],\"nodes\":{\"parent\":[0,0,0,1],\"name\":[0,1,2,3],"
        "\"file\":[0,1,0,2],\"line\":[0,10,0,10],\"binary\":[0,1,0,1],\"package\":[0,1,0,1],"
        "\"self\":[0,0,1,3],\"total\":[4,3,1,3],\"inlined\":[0,0,0,1],\"folded\":[0,0,1,0]},"
        "\"truncated\":{\"nodes\":1,\"value\":1}}");
    pf_buf_free(&b);
    pf_arena_free(&a);
}

static void one_file_of_two_builds_is_two_binaries(void **state)
{
    (void)state;
    pf_arena a;
    pf_error err;
    pf_flame f;
    pf_buf b = PF_BUF_INIT;
    pf_arena_init(&a, NULL, 0);
    pf_profile *p = vf_profile(&a, "old 4\nnew 3\nboth 2\nboth|both 1\n");
    p->mapping[0].build_id = vf_string(p, "0a1b");
    p->mapping[1] = p->mapping[0];
    p->mapping[1].build_id = vf_string(p, "2c3d");
    p->nmapping = 2;
    p->location[1].mapping = p->location[2].mapping = 1;
    pf_view v = vf_view(&a, p, PF_BY_FUNCTION);
    assert_int_equal(pf_flame_make(&f, &v, &(pf_flame_options){0}, &err), PF_OK);
    assert_int_equal(pf_json_flame(&f, &v, &facts, &b, &err), PF_OK);
    pf_buf_putc(&b, 0);
    assert_non_null(strstr(b.data, "\"names\":[\"root\",\"old\",\"both\",\"new\"]"));
    assert_non_null(strstr(b.data, "\"binaries\":[\"\",\"/bin/app\",\"/bin/app\",\"/bin/app\"],"
                                   "\"build_ids\":[\"\",\"0a1b\",\"\",\"2c3d\"]"));
    assert_non_null(strstr(b.data, "\"binary\":[0,1,2,3,2]"));
    pf_buf_free(&b);
    pf_arena_free(&a);
}

static void a_top(void **state)
{
    (void)state;
    pf_arena a;
    pf_error err;
    pf_top t;
    pf_buf b = PF_BUF_INIT;
    pf_arena_init(&a, NULL, 0);
    pf_view v = vf_view(&a, vf_profile(&a, "a;\"\xff 3\n"), PF_BY_ADDRESS);
    pf_view_facts with_address = facts;
    with_address.shows_address = true;
    assert_int_equal(pf_top_make(&t, &v, 1, &err), PF_OK);
    pf_json_top(&t, &v, &with_address, &b);
    pf_buf_putc(&b, 0);
    assert_non_null(strstr(b.data, "\"rows\":[{\"name\":\"\\\"\xef\xbf\xbd\",\"file\":"
                                   "\"/src/\\\"\xef\xbf\xbd.go\",\"line\":12,"
                                   "\"address\":\"0x1000\",\"flat\":3,\"cum\":3}],"
                                   "\"missing\":{\"rows\":1,\"flat\":0}}"));
    pf_buf_free(&b);
    pf_arena_free(&a);
}

static void pictures_have_a_limit_and_an_end(void **state)
{
    (void)state;
    static const char *const stacks[] = {"", " 5\n", "a -5\n", "a 0\n", "<b>;\"c\" 1\n"};
    for (size_t i = 0; i < sizeof stacks / sizeof *stacks; i++) {
        pf_arena a;
        pf_error err;
        pf_flame f;
        pf_buf b = PF_BUF_INIT, small = {.max = 100};
        pf_arena_init(&a, NULL, 0);
        pf_view v = vf_view(&a, vf_profile(&a, stacks[i]), PF_BY_FUNCTION);
        assert_int_equal(pf_flame_make(&f, &v, &(pf_flame_options){0}, &err), PF_OK);
        assert_int_equal(pf_svg_write(&f, &v, &b, &err), PF_OK);
        assert_true(b.len > 7 && memcmp(b.data + b.len - 7, "</svg>\n", 7) == 0);
        assert_null(memmem(b.data, b.len, "<b>", 3));
        assert_null(memmem(b.data, b.len, "nan", 3));
        assert_null(memmem(b.data, b.len, "inf", 3));
        pf_buf_clear(&b);
        assert_int_equal(pf_dot_write(&v, 0, &b, &err), PF_OK);
        assert_true(b.len > 2 && memcmp(b.data + b.len - 2, "}\n", 2) == 0);
        assert_int_equal(pf_svg_write(&f, &v, &small, &err), PF_QUERY_LIMIT);
        pf_buf_clear(&small);
        assert_int_equal(pf_dot_write(&v, 0, &small, &err), PF_QUERY_LIMIT);
        pf_buf_free(&small);
        pf_buf_free(&b);
        pf_arena_free(&a);
    }
}

static void sample_types_by_name(void **state)
{
    (void)state;
    pf_arena a;
    pf_error err;
    uint32_t index;
    pf_arena_init(&a, NULL, 0);
    pf_profile *p = vf_profile(&a, "a 1\n");
    assert_int_equal(pf_view_sample_type(p, PF_STR(""), &index, &err), PF_OK);
    assert_int_equal(index, 1);
    p->default_sample_type = vf_string(p, "samples");
    assert_int_equal(pf_view_sample_type(p, PF_STR(""), &index, &err), PF_OK);
    assert_int_equal(index, 0);
    p->default_sample_type = vf_string(p, "nothing");
    assert_int_equal(pf_view_sample_type(p, PF_STR(""), &index, &err), PF_OK);
    assert_int_equal(index, 1);
    assert_int_equal(pf_view_sample_type(p, PF_STR("nothing"), &index, &err), PF_INVALID);
    assert_non_null(strstr(err.msg, "samples, cpu"));
    p->nsample_type = 0;
    assert_int_equal(pf_view_sample_type(p, PF_STR(""), &index, &err), PF_INVALID);
    pf_arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_numbers),
        cmocka_unit_test(a_flame_graph),
        cmocka_unit_test(one_file_of_two_builds_is_two_binaries),
        cmocka_unit_test(a_top),
        cmocka_unit_test(pictures_have_a_limit_and_an_end),
        cmocka_unit_test(sample_types_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
