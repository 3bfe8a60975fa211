/* Frames: what is one and what is two, how they are named, packages and clean paths. */
#include "support/view_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_str(pf_str got, const char *expected)
{
    if (!pf_str_eq(got, pf_str_c(expected)))
        fail_msg("\"%.*s\" is not \"%s\"", PF_FMT(got), expected);
}

static void words(void **state)
{
    (void)state;
    pf_granularity g;
    assert_true(pf_granularity_parse(PF_STR(""), &g) && g == PF_BY_FUNCTION);
    assert_true(pf_granularity_parse(PF_STR("functions"), &g) && g == PF_BY_FUNCTION);
    assert_true(pf_granularity_parse(PF_STR("files"), &g) && g == PF_BY_FILE);
    assert_true(pf_granularity_parse(PF_STR("lines"), &g) && g == PF_BY_LINE);
    assert_true(pf_granularity_parse(PF_STR("addresses"), &g) && g == PF_BY_ADDRESS);
    assert_false(pf_granularity_parse(PF_STR("Lines"), &g));
}

static void paths_are_cleaned_as_go_does(void **state)
{
    (void)state;
    /* From the tests of Go's path/filepath. */
    static const char *const cases[][2] = {
        {"abc", "abc"},
        {"abc/def", "abc/def"},
        {"a/b/c", "a/b/c"},
        {".", "."},
        {"..", ".."},
        {"../..", "../.."},
        {"/abc", "/abc"},
        {"/", "/"},
        {"abc/", "abc"},
        {"abc/def/", "abc/def"},
        {"./", "."},
        {"../", ".."},
        {"/abc/", "/abc"},
        {"abc//def//ghi", "abc/def/ghi"},
        {"//abc", "/abc"},
        {"abc/./def", "abc/def"},
        {"/./abc/def", "/abc/def"},
        {"abc/.", "abc"},
        {"abc/def/..", "abc"},
        {"abc/def/ghi/../jkl", "abc/def/jkl"},
        {"abc/def/../..", "."},
        {"/abc/def/../..", "/"},
        {"abc/def/../../..", ".."},
        {"/abc/def/../../..", "/"},
        {"abc/def/../../../ghi/jkl/../../../mno", "../../mno"},
        {"abc/./../def", "def"},
        {"abc//./../def", "def"},
        {"a/../../b", "../b"},
        {"...", "..."},
        {"a..b/.c", "a..b/.c"},
        {"", ""},
    };
    pf_arena a;
    pf_arena_init(&a, NULL, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_str(pf_path_clean(pf_str_c(cases[i][0]), &a), cases[i][1]);
    pf_arena_free(&a);
}

static void packages(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"main.main", "main"},
        {"net/http.(*conn).serve", "net/http"},
        {"github.com/a/b.v2/c.F.func1", "github.com/a/b.v2/c"},
        {"std::vector<int>::push_back", "std"},
        {"java.util.HashMap.get", "java"},
        {"malloc", ""},
        {"operator()(int)", ""},
        {"", ""},
        {"a/b", ""},
        {"größe.f", "größe"},
        {".f", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_str(pf_package_of(pf_str_c(cases[i][0])), cases[i][1]);
}

static pf_frames frames_of(pf_arena *a, const pf_profile *p, pf_granularity g)
{
    pf_frames f;
    pf_error err;
    assert_int_equal(pf_frames_make(&f, p, g, a, &err), PF_OK);
    return f;
}

static void assert_label(const pf_frame *f, const char *expected)
{
    pf_buf b = PF_BUF_INIT;
    pf_frame_put_label(f, &b);
    assert_str(pf_buf_str(&b), expected);
    pf_buf_free(&b);
}

/* Two functions of a name in two files, one of them at two lines. */
static void what_is_one_frame(void **state)
{
    (void)state;
    pf_arena a;
    pf_arena_init(&a, NULL, 0);
    pf_profile *p = vf_profile(&a, "f;g;h 1\n");
    p->function[1].name = p->function[0].name; /* g is another f, in /src/g.go */
    p->line[2].function = p->line[1].function; /* and stands at line 99, too */
    p->line[2].line = 99;
    assert_int_equal(frames_of(&a, p, PF_BY_FUNCTION).n, 1);
    assert_int_equal(frames_of(&a, p, PF_BY_FILE).n, 2);
    pf_frames f = frames_of(&a, p, PF_BY_LINE);
    assert_int_equal(f.n, 3);
    f = frames_of(&a, p, PF_BY_ADDRESS);
    assert_int_equal(f.n, 3);
    p->line[2].line = 12;
    assert_int_equal(frames_of(&a, p, PF_BY_LINE).n, 2);
    assert_int_equal(frames_of(&a, p, PF_BY_ADDRESS).n, 3);
    pf_arena_free(&a);
}

static void labels_are_the_tools(void **state)
{
    (void)state;
    pf_arena a;
    pf_arena_init(&a, NULL, 0);
    pf_profile *p = vf_profile(&a, "main.f 1\n");
    pf_frames f = frames_of(&a, p, PF_BY_FUNCTION);
    assert_label(&f.frame[0], "main.f");
    assert_int_equal(f.frame[0].line, 10);
    assert_str(f.frame[0].package, "main");
    assert_str(f.frame[0].binary, "/bin/app");
    assert_str(f.frame[0].file, "/src/main.f.go");
    assert_label(&frames_of(&a, p, PF_BY_FILE).frame[0], "/src/main.f.go");
    assert_label(&frames_of(&a, p, PF_BY_LINE).frame[0], "main.f /src/main.f.go:12");
    assert_label(&frames_of(&a, p, PF_BY_ADDRESS).frame[0],
                 "0000000000001000 main.f /src/main.f.go:12");
    p->function[0].name = 0;
    assert_label(&frames_of(&a, p, PF_BY_FUNCTION).frame[0], "[app]");
    assert_label(&frames_of(&a, p, PF_BY_LINE).frame[0], "/src/main.f.go:12");
    p->location[0].line_n = 0;
    assert_label(&frames_of(&a, p, PF_BY_LINE).frame[0], "[app]");
    assert_label(&frames_of(&a, p, PF_BY_ADDRESS).frame[0], "0000000000001000 [app]");
    p->location[0].mapping = PF_NO_INDEX;
    assert_label(&frames_of(&a, p, PF_BY_FUNCTION).frame[0], "<unknown>");
    pf_arena_free(&a);
}

static void equal_texts_under_two_numbers_are_one(void **state)
{
    (void)state;
    pf_arena a;
    pf_arena_init(&a, NULL, 0);
    pf_profile *p = vf_profile(&a, "f;g 1\n");
    p->string[p->nstring] = PF_STR("f");
    p->function[0].name = p->nstring++;
    p->string[p->nstring] = PF_STR("/src/./x/..//f.go");
    p->function[0].filename = p->nstring++;
    assert_int_equal(frames_of(&a, p, PF_BY_FUNCTION).n, 1);
    assert_int_equal(frames_of(&a, p, PF_BY_LINE).n, 1);
    pf_arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words),
        cmocka_unit_test(paths_are_cleaned_as_go_does),
        cmocka_unit_test(packages),
        cmocka_unit_test(what_is_one_frame),
        cmocka_unit_test(labels_are_the_tools),
        cmocka_unit_test(equal_texts_under_two_numbers_are_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
