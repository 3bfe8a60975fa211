/* The envelope: how a profile and an error are shown. */
#include "server/api/reply.h"

#include "server/http/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_a_profile(void **state)
{
    (void)state;
    const pf_pair pairs[] = {{PF_STR("a"), PF_STR("1")}, {PF_STR("b"), PF_STR("\"<&\xff")}};
    pf_meta m = {.id = PF_STR("id"),
                 .service = PF_STR("s\n"),
                 .labels = {pairs, 2},
                 .type = PF_TYPE_HEAP,
                 .created_at = 1500000000};
    pf_buf b = PF_BUF_INIT;
    pf_reply_open(&b);
    pf_reply_put_meta(&(pf_json){.out = &b}, &m, NULL);
    pf_reply_close(&b);
    pf_buf_putc(&b, 0);
    assert_string_equal(
        b.data,
        "{\"code\":200,\"body\":{\"id\":\"id\",\"type\":\"heap\",\"service\":\"s\\n\",\"labels\":"
        "[{\"key\":\"a\",\"value\":\"1\"},{\"key\":\"b\",\"value\":\"\\\"<&\xef\xbf\xbd\"}],"
        "\"created_at\":\"1970-01-01T00:00:01.5Z\"}}\n");
    pf_buf_clear(&b);
    m.labels.n = 0;
    pf_reply_put_meta(&(pf_json){.out = &b}, &m, NULL);
    pf_buf_putc(&b, 0);
    assert_null(strstr(b.data, "labels")); /* left out when empty */
    pf_buf_free(&b);
}

static void test_a_profile_and_what_it_comes_to(void **state)
{
    (void)state;
    static const pf_sample_type list[] = {{{"a", 1}, {"count", 5}}, {{"\"", 1}, {"", 0}}};
    const pf_sample_types types = {list, 2};
    const int64_t sum[] = {INT64_MIN, 0};
    const bool has_sum[] = {true, false};
    pf_meta m = {.id = PF_STR("id"), .service = PF_STR("s"), .type = PF_TYPE_CPU};
    pf_total t = {.duration = 5, .types = &types, .sum = sum, .has_sum = has_sum}, trace = {0};
    pf_buf b = PF_BUF_INIT;
    pf_reply_put_meta(&(pf_json){.out = &b}, &m, &t);
    pf_buf_putc(&b, 0);
    assert_string_equal(
        b.data,
        "{\"id\":\"id\",\"type\":\"cpu\",\"service\":\"s\",\"created_at\":\"1970-01-01T00:00:00Z\","
        "\"duration_nanos\":5,\"totals\":[{\"type\":\"a\",\"unit\":\"count\",\"value\":-"
        "9223372036854775808},"
        "{\"type\":\"\\\"\",\"unit\":\"\",\"value\":null}]}");
    pf_buf_clear(&b);
    pf_reply_put_meta(&(pf_json){.out = &b}, &m, &trace);
    pf_buf_putc(&b, 0);
    assert_non_null(strstr(b.data, "\"duration_nanos\":null,\"totals\":null}"));
    pf_buf_free(&b);
}

static void test_what_a_download_is_called(void **state)
{
    (void)state;
    static const struct {
        const char *stem;
        pf_type type;
        const char *expected;
    } cases[] = {
        {"dc1eq3c8akc1ptfubjn0", PF_TYPE_CPU, "dc1eq3c8akc1ptfubjn0.pb.gz"},
        {"x", PF_TYPE_TRACE, "x.trace"},
        {"P0.shop/1/x,host=\"a\"", PF_TYPE_CPU, "P0.shop_1_x_host__a_.pb.gz"},
        {"a\r\nX-Evil: 1", PF_TYPE_CPU, "a__X-Evil__1.pb.gz"},
        {"gr\xc3\xb6\xff;%.", PF_TYPE_CPU, "gr_____..pb.gz"},
    };
    char got[PF_DISPOSITION_MAX], expected[PF_DISPOSITION_MAX];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pf_reply_disposition(pf_str_c(cases[i].stem), cases[i].type, got);
        snprintf(expected, sizeof expected, "attachment; filename=\"%s\"", cases[i].expected);
        assert_string_equal(got, expected);
    }
    char longest[1000];
    memset(longest, 'a', sizeof longest);
    pf_reply_disposition((pf_str){longest, sizeof longest}, PF_TYPE_TRACE, got);
    assert_string_equal(got + strlen(got) - 9, "aa.trace\"");
}

static pf_header accept_header = {PF_STR("Accept"), PF_STR("*/*")};

static void check_form(pf_error_form form, pf_req *req, const pf_error *err, const char *type,
                       const char *body)
{
    pf_buf b = PF_BUF_INIT;
    assert_string_equal(form(NULL, req, pf_code_status(err->code), err, &b), type);
    pf_buf_putc(&b, 0);
    assert_string_equal(b.data, body);
    pf_buf_free(&b);
}

static bool is_for_go(pf_req *req)
{
    bool found = req->reply.headers.len >= 12 && strcmp(req->reply.headers.data, "X-Go-Pprof") == 0;
    pf_buf_free(&req->reply.headers);
    return found;
}

static void test_an_error(void **state)
{
    (void)state;
    static pf_req req;
    pf_error err;
    req.path = PF_STR("/api/0/x");
    strcpy(req.id, "r1");
    req.id_len = 2;
    pf_fail(&err, PF_NOT_FOUND, "no \"x\"");
    const char *json =
        "{\"code\":404,\"error\":\"no \\\"x\\\"\",\"kind\":\"not_found\",\"request_id\":\"r1\"}\n";
    check_form(pf_reply_error_form, &req, &err, PF_JSON, json);
    req.path = PF_STR("/x");
    check_form(pf_reply_error_form, &req, &err, PF_TEXT, "no \"x\"\n");
    check_form(pf_reply_error_form, NULL, &err, PF_TEXT, "no \"x\"\n");
    req.path = PF_STR("/api/0/x");
    pf_fail_param(&err, PF_INVALID, "from", "bad");
    check_form(pf_reply_error_form, &req, &err, PF_JSON,
               "{\"code\":400,\"error\":\"bad\",\"kind\":\"invalid_request\",\"param\":\"from\","
               "\"request_id\":\"r1\"}\n");
    assert_false(is_for_go(&req));
}

static void test_an_error_that_go_tool_pprof_prints(void **state)
{
    (void)state;
    static pf_req req;
    pf_error err;
    pf_arena_init(&req.arena, NULL, 0);
    req.path = PF_STR("/api/0/profiles/merge");
    pf_fail(&err, PF_NOT_FOUND, "nothing found");
    const char *json = "{\"code\":404,\"error\":\"nothing found\",\"kind\":\"not_found\","
                       "\"request_id\":\"\"}\n";
    check_form(pf_reply_pprof_error_form, &req, &err, PF_TEXT, "nothing found\n");
    assert_true(is_for_go(&req));
    req.query = PF_STR("format=pprof");
    check_form(pf_reply_pprof_error_form, &req, &err, PF_TEXT, "nothing found\n");
    assert_true(is_for_go(&req));
    req.query = PF_STR("format=top");
    check_form(pf_reply_pprof_error_form, &req, &err, PF_JSON, json);
    req.query = PF_STR("");
    req.headers = &accept_header;
    req.nheaders = 1;
    check_form(pf_reply_pprof_error_form, &req, &err, PF_JSON, json);
    assert_false(is_for_go(&req));
    pf_arena_free(&req.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_profile),
        cmocka_unit_test(test_a_profile_and_what_it_comes_to),
        cmocka_unit_test(test_what_a_download_is_called),
        cmocka_unit_test(test_an_error),
        cmocka_unit_test(test_an_error_that_go_tool_pprof_prints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
