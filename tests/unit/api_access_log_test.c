/* The access log: its line, what it escapes, and that a reader who stalls holds nobody up. */
#include "server/api/access_log.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const pf_access_line plain = {
    .rid = PF_STR("r1"),
    .method = PF_STR("GET"),
    .uri = PF_STR("/api/0/services?x=1"),
    .host = PF_STR("localhost:10100"),
    .ip = PF_STR("127.0.0.1"),
    .started = INT64_C(1136214245) * 1000000000,
    .duration = 1234567,
    .code = 200,
};

/* What is written for one line. */
static const char *written(const pf_access_line *line)
{
    static char text[4096];
    int fds[2];
    pf_access_log *log;
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(pf_access_log_new(fds[1], &log, NULL), PF_OK);
    pf_access_log_write(log, line);
    pf_access_log_free(log);
    close(fds[1]);
    ssize_t n = read(fds[0], text, sizeof text - 1);
    close(fds[0]);
    assert_true(n > 0);
    text[n] = 0;
    return text;
}

static void test_the_originals_line(void **state)
{
    (void)state;
    assert_string_equal(
        written(&plain),
        "rid=r1 ts=2006-01-02T15:04:05Z method=GET uri=/api/0/services?x=1 code=200 "
        "host=localhost ip=127.0.0.1 rtime=1.23457ms\n");
}

static void test_units_of_time(void **state)
{
    (void)state;
    pf_access_line l = plain;
    l.duration = 12345;
    assert_non_null(strstr(written(&l), "rtime=12.345\xc2\xb5s\n"));
    l.duration = INT64_C(1500000000);
    assert_non_null(strstr(written(&l), "rtime=1.5s\n"));
}

static void test_nothing_breaks_the_line(void **state)
{
    (void)state;
    pf_access_line l = plain;
    l.uri = PF_STR("/a b\n\"code=999\xff");
    l.host = PF_STR("[::1]:80");
    l.method = PF_STR("G\r\nX");
    const char *text = written(&l);
    assert_non_null(strstr(text, "uri=/a%20b%0A%22code=999%FF code=200"));
    assert_non_null(strstr(text, "host=::1 "));
    assert_non_null(strstr(text, "method=G%0D%0AX "));
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

static void test_a_request_that_could_not_be_read(void **state)
{
    (void)state;
    pf_access_line l = plain;
    l.method = l.uri = l.host = (pf_str){NULL, 0};
    l.code = 400;
    assert_non_null(strstr(written(&l), "Z method=- uri=- code=400 host= ip=127.0.0.1 "));
}

static void test_a_stalled_reader_holds_nobody_up(void **state)
{
    (void)state;
    int fds[2];
    pf_access_log *log;
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(pf_access_log_new(fds[1], &log, NULL), PF_OK);
    for (int i = 0; i < 40000; i++) /* several megabytes into a pipe of 64 KiB that nobody reads */
        pf_access_log_write(log, &plain);
    assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
    char text[65536];
    size_t got = 0;
    for (ssize_t n; (n = read(fds[0], text, sizeof text)) > 0;)
        got += (size_t)n;
    assert_true(got > 0);
    for (int i = 0; i < 2000; i++)
        pf_access_log_write(log, &plain);
    pf_access_log_free(log); /* comes back, though the pipe is full */
    close(fds[0]);
    close(fds[1]);
}

/* Nobody has to end the log for that, or to write more. */
static void test_lines_go_out_by_themselves(void **state)
{
    (void)state;
    int fds[2];
    pf_access_log *log;
    char text[4096];
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(pf_access_log_new(fds[1], &log, NULL), PF_OK);
    for (int i = 0; i < 3; i++) { /* the first at once, the others after a pause */
        pf_access_log_write(log, &plain);
        ssize_t n = read(fds[0], text, sizeof text); /* waits for it */
        assert_true(n > 0 && text[n - 1] == '\n');
        assert_memory_equal(text, "rid=r1 ", 7);
    }
    pf_access_log_free(log);
    close(fds[0]);
    close(fds[1]);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_originals_line),
        cmocka_unit_test(test_units_of_time),
        cmocka_unit_test(test_nothing_breaks_the_line),
        cmocka_unit_test(test_a_request_that_could_not_be_read),
        cmocka_unit_test(test_a_stalled_reader_holds_nobody_up),
        cmocka_unit_test(test_lines_go_out_by_themselves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
