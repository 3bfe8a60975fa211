/* Flags that contradict one another or make no sense are refused with a message that names them. */
#include "cmd/bench/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { WORDS = 8 };

static pf_code parse(const char *const *words, bench_options *o, pf_error *err)
{
    char *argv[WORDS + 2] = {"profefe-bench"};
    int argc = 1;
    for (; argc <= WORDS && words[argc - 1]; argc++)
        argv[argc] = (char *)words[argc - 1];
    *err = (pf_error){0};
    return bench_options_parse(o, argc, argv, err);
}

static void test_good(void **state)
{
    (void)state;
    bench_options o;
    pf_error err;
    const char *const words[WORDS + 1] = {"-url=http://a",
                                          "-vs-server",
                                          "b -x={addr} -d={dir}",
                                          "-scenario=get,merge",
                                          "-merge-sizes=5,50",
                                          "-type=heap",
                                          "-pid-a=7",
                                          "-vs-http2"};
    assert_int_equal(parse(words, &o, &err), PF_OK);
    assert_string_equal(o.side[0].url, "http://a");
    assert_int_equal(o.side[0].pid, 7);
    assert_string_equal(o.side[1].command, "b -x={addr} -d={dir}");
    assert_int_equal(o.type, PF_TYPE_HEAP);
    assert_int_equal(o.nsizes, 2);
    assert_int_equal(o.sizes[1], 50);
    assert_true(o.side[1].http2 && !o.side[0].http2);
    assert_true(bench_options_wants(&o, "merge"));
    assert_false(bench_options_wants(&o, "ingest"));
}

static void test_all_wants_all(void **state)
{
    (void)state;
    bench_options o;
    pf_error err;
    const char *const words[WORDS + 1] = {"-server=x"};
    assert_int_equal(parse(words, &o, &err), PF_OK);
    assert_true(bench_options_wants(&o, "ingest"));
    assert_false(bench_options_wants(&o, "soak")); /* by name only */
    assert_int_equal(o.nsizes, 4);
    assert_int_equal(o.services, 200);
    assert_int_equal(o.ingest_services, 20);
    assert_int_equal(o.nsame, 2);
    assert_int_equal(o.paced, 1000);
}

static void test_services_are_for_all_that_is_not_said(void **state)
{
    (void)state;
    bench_options o;
    pf_error err;
    const char *const all[WORDS + 1] = {"-server=x", "-services=2000", "-scenario=all,soak"};
    assert_int_equal(parse(all, &o, &err), PF_OK);
    assert_int_equal(o.services, 2000);
    assert_int_equal(o.ingest_services, 2000);
    assert_true(bench_options_wants(&o, "soak") && bench_options_wants(&o, "get"));
    const char *const apart[WORDS + 1] = {"-server=x", "-services=6", "-ingest-services=3"};
    assert_int_equal(parse(apart, &o, &err), PF_OK);
    assert_int_equal(o.services, 6);
    assert_int_equal(o.ingest_services, 3);
}

static void test_bad(void **state)
{
    (void)state;
    static const struct {
        const char *words[WORDS + 1], *names;
    } bad[] = {
        {{NULL}, "-url"},
        {{"-vs-url=http://b"}, "-url"},
        {{"-url=http://a", "-server=x"}, "-server"},
        {{"-url=http://a", "-vs-url=http://b", "-vs-server=x"}, "-vs-server"},
        {{"-url=http://a", "-scenario=get,nap"}, "nap"},
        {{"-url=http://a", "-merge-sizes=10,ten"}, "ten"},
        {{"-url=http://a", "-merge-sizes=0"}, "-merge-sizes"},
        {{"-url=http://a", "-merge-sizes=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17"}, "16 sizes"},
        {{"-url=http://a", "-type=trace"}, "-type"},
        {{"-url=http://a", "-type=sprofile"}, "sprofile"},
        {{"-url=http://a", "-connections=0"}, "-connections"},
        {{"-url=http://a", "-samples=99999"}, "-samples"},
        {{"-url=http://a", "-idle=0"}, "-idle"},
        {{"-url=http://a", "-rate=5000", "-duration=10s"}, "-rate and -duration"},
        {{"-url=http://a", "-duration=10ms"}, "-duration"},
        {{"-url=http://a", "-same-services=20,many"}, "many"},
        {{"-url=http://a", "-same-services=100001"}, "-same-services"},
        {{"-url=http://a", "-big=1GB"}, "-big"},
        {{"-url=http://a", "more"}, "more"},
        {{"-nonsense"}, "nonsense"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        bench_options o;
        pf_error err;
        assert_int_equal(parse(bad[i].words, &o, &err), PF_INVALID);
        if (!strstr(err.msg, bad[i].names))
            fail_msg("\"%s\" does not name %s", err.msg, bad[i].names);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_all_wants_all),
        cmocka_unit_test(test_services_are_for_all_that_is_not_said),
        cmocka_unit_test(test_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
