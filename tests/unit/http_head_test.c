/* What headers say about the body, and which sayings are refused. */
#include "server/http/head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MAX = 4 };

typedef struct header {
    const char *name, *value;
} header;

static pf_refusal framing_of(const header *in, bool http10, pf_framing *out)
{
    pf_header headers[MAX];
    size_t n = 0;
    for (; n < MAX && in[n].name; n++)
        headers[n] = (pf_header){pf_str_c(in[n].name), pf_str_c(in[n].value)};
    return pf_framing_read(headers, n, http10, out);
}

static void test_good(void **state)
{
    (void)state;
    pf_framing f;
    assert_int_equal(framing_of((header[MAX]){{"Host", "x"}}, false, &f).status, 0);
    assert_false(f.chunked || f.has_length);
    assert_int_equal(framing_of((header[MAX]){{"content-LENGTH", "0"}}, false, &f).status, 0);
    assert_true(f.has_length && f.length == 0);
    assert_int_equal(
        framing_of((header[MAX]){{"Content-Length", "0018446744073709551615"}}, true, &f).status,
        0);
    assert_true(f.has_length && f.length == UINT64_MAX);
    assert_int_equal(
        framing_of((header[MAX]){{"Content-Length", "99999999999999999999999"}}, true, &f).status,
        0);
    assert_true(f.has_length && f.length == UINT64_MAX); /* over every limit */
    assert_int_equal(framing_of((header[MAX]){{"Transfer-Encoding", "Chunked"}}, false, &f).status,
                     0);
    assert_true(f.chunked && !f.has_length);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        header headers[MAX];
        bool http10;
        int status;
    } cases[] = {
        {{{"Content-Length", "1"}, {"Content-Length", "1"}}, false, 400},
        {{{"Content-Length", "1"}, {"X", ""}, {"content-length", "2"}}, false, 400},
        {{{"Content-Length", ""}}, false, 400},
        {{{"Content-Length", "-1"}}, false, 400},
        {{{"Content-Length", "+1"}}, false, 400},
        {{{"Content-Length", "1, 1"}}, false, 400},
        {{{"Content-Length", "1 1"}}, false, 400},
        {{{"Content-Length", "0x1"}}, false, 400},
        {{{"Content-Length", "1"}, {"Transfer-Encoding", "chunked"}}, false, 400},
        {{{"Transfer-Encoding", "chunked"}, {"Content-Length", "1"}}, false, 400},
        {{{"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "chunked"}}, false, 400},
        {{{"Transfer-Encoding", "chunked"}}, true, 400},
        {{{"Transfer-Encoding", "gzip"}}, false, 501},
        {{{"Transfer-Encoding", "gzip, chunked"}}, false, 501},
        {{{"Transfer-Encoding", ""}}, false, 501},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pf_framing f;
        pf_refusal no = framing_of(cases[i].headers, cases[i].http10, &f);
        assert_int_equal(no.status, cases[i].status);
        assert_non_null(no.msg);
    }
}

/* The status that a whole head gets, 0 for none; with `step` bytes more at a time. */
static int status_of(const char *text, size_t n, size_t step, pf_head *out)
{
    static pf_header headers[PF_HEADERS_MAX];
    static char own[1 << 16];
    pf_head_find find = {0};
    pf_refusal no = {0, NULL};
    size_t end = 0, shown = 0;
    assert_true(n <= sizeof own);
    memcpy(own, text, n);
    while (!end && !no.status && shown < n) {
        shown = shown + step < n ? shown + step : n;
        end = pf_head_find_end(&find, own, shown, 1024, &no);
    }
    if (no.status)
        return no.status;
    assert_int_equal(end, n);
    assert_true(find.lines >= 2);
    return pf_head_read(own, n, out, headers).status;
}

#define HOST "Host: x\r\n"

static void test_whole_heads(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int status;
    } cases[] = {
        {"GET / HTTP/1.1\r\n" HOST "\r\n", 0},
        {"GET / HTTP/1.1\r\nhost:x\r\n\r\n", 0},
        {"GET / HTTP/1.1\r\nHost:\r\n\r\n", 0},
        {"GET / HTTP/1.7\r\n" HOST "\r\n", 0},
        {"GET / HTTP/1.0\r\n\r\n", 0},
        {"GET / HTTP/1.1\r\n" HOST "X:\t a\tb \t\r\n\r\n", 0},
        {"GET / HTTP/1.1\r\n" HOST "X: \xff\r\n\r\n", 0},
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" HOST HOST "\r\n", 400},
        {"GET / HTTP/1.0\r\n" HOST HOST "\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", 400},
        {"GET  / HTTP/1.1\r\n" HOST "\r\n", 400},
        {"GET / HTTP/1.1 \r\n" HOST "\r\n", 400},
        {" GET / HTTP/1.1\r\n" HOST "\r\n", 400},
        {"GET\t/ HTTP/1.1\r\n" HOST "\r\n", 400},
        {"GET /\r\n" HOST "\r\n", 400},
        {"GET\r\n" HOST "\r\n", 400},
        {"G(T / HTTP/1.1\r\n" HOST "\r\n", 400},
        {"GET / http/1.1\r\n" HOST "\r\n", 400},
        {"GET / HTTP/1\r\n" HOST "\r\n", 400},
        {"GET / HTTP/1.10\r\n" HOST "\r\n", 400},
        {"GET / HTTP/2.0\r\n" HOST "\r\n", 505},
        {"GET / HTTP/1.1\n" HOST "\r\n", 400},
        {"GET / HTTP/1.1\r\n" HOST "\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\rY: z\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" HOST " folded\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" HOST "\tfolded\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" HOST "X : y\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" HOST ": y\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" HOST ":\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" HOST "X\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" HOST "X\x01: y\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" HOST "X: \x7f\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding:\x0b"
         "chunked\r\n\r\n",
         400},
        {"GET / HTTP/1.1\r\n" HOST "Connection: x, Host\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\n" HOST "Connection: content-length\r\nContent-Length: 0\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\n" HOST "Connection: x\r\nConnection: transfer-encoding\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" HOST "Connection: X-Host, keep-alive\r\n\r\n", 0},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: \"chunked\"\r\n\r\n", 501},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked;q=1\r\n\r\n", 501},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = strlen(cases[i].text);
        for (size_t step = 1; step <= n; step = step < 3 ? step + 1 : n + (step == n)) {
            pf_head head;
            int status = status_of(cases[i].text, n, step, &head);
            if (status != cases[i].status)
                fail_msg("%s: %d, not %d (step %zu)", cases[i].text, status, cases[i].status, step);
        }
    }
}

static void test_nul_is_refused_where_it_stands(void **state)
{
    (void)state;
    static const char text[] = "GET /a\0b HTTP/1.1\r\n" HOST "\r\n";
    static const char value[] = "GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n";
    pf_head head;
    assert_int_equal(status_of(text, sizeof text - 1, 1, &head), 400);
    assert_int_equal(status_of(value, sizeof value - 1, 1000, &head), 400);
}

static void test_limits(void **state)
{
    (void)state;
    char text[4096];
    pf_head head;
    memset(text, 'a', sizeof text);
    memcpy(text, "GET /", 5);
    assert_int_equal(status_of(text, 2000, 100, &head), 414);
    memcpy(text, "GET / HTTP/1.1\r\nX: ", 19);
    assert_int_equal(status_of(text, 2000, 2000, &head), 431);
    size_t n = (size_t)sprintf(text, "GET / HTTP/1.1\r\n" HOST);
    for (int i = 0; i < PF_HEADERS_MAX && n < sizeof text - 8; i++)
        n += (size_t)sprintf(text + n, "A:\r\n");
    assert_int_equal(status_of(text, n + (size_t)sprintf(text + n, "\r\n"), 1, &head), 431);
    /* Of exactly the length that is allowed. */
    n = (size_t)sprintf(text, "GET / HTTP/1.1\r\n" HOST "X: ");
    memset(text + n, 'x', 1020 - n);
    memcpy(text + 1020, "\r\n\r\n", 4);
    assert_int_equal(status_of(text, 1024, 7, &head), 0);
    text[1020] = 'x';
    memcpy(text + 1021, "\r\n\r\n", 4);
    assert_int_equal(status_of(text, 1025, 7, &head), 431);
}

static void test_what_is_read(void **state)
{
    (void)state;
    static const char text[] =
        "POST /a?b=c HTTP/1.0\r\nX-One:  two words \r\nContent-Length: 7\r\n\r\n";
    pf_header headers[4];
    pf_head head;
    assert_int_equal(pf_head_read(text, sizeof text - 1, &head, headers).status, 0);
    assert_true(pf_str_eq(head.method, PF_STR("POST")));
    assert_true(pf_str_eq(head.target, PF_STR("/a?b=c")));
    assert_int_equal(head.minor, 0);
    assert_int_equal(head.nheaders, 2);
    assert_true(pf_str_eq(headers[0].name, PF_STR("X-One")));
    assert_true(pf_str_eq(headers[0].value, PF_STR("two words")));
    assert_int_equal(head.framing.length, 7);
}

static void test_lists(void **state)
{
    (void)state;
    assert_true(pf_list_has(PF_STR("close"), PF_STR("close")));
    assert_true(pf_list_has(PF_STR("keep-alive , CLOSE"), PF_STR("close")));
    assert_false(pf_list_has(PF_STR("closed, not-close"), PF_STR("close")));
    assert_false(pf_list_has(PF_STR(""), PF_STR("close")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_whole_heads), cmocka_unit_test(test_nul_is_refused_where_it_stands),
        cmocka_unit_test(test_limits),      cmocka_unit_test(test_what_is_read),
        cmocka_unit_test(test_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
