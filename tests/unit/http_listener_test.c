/* Reading "host:port", and what listens then. */
#include "server/http/listener.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void test_bad(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",        "localhost", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:-1",
        ":65536",  ":1x",       ":+1",       "::1",        "::1:80",      "[::1]",
        "[::1:80", "]::1[:80",  "[::1]x:80", ":000001",    "256.1.1.1:0", "[127.0.0.1]:0x",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        pf_listener l;
        pf_error err = {0};
        assert_int_equal(pf_listener_open(&l, bad[i], &err), PF_INVALID);
        assert_non_null(strstr(err.msg, "bad address"));
        assert_int_equal(l.n, 0);
    }
    char longest[400];
    memset(longest, 'a', sizeof longest);
    strcpy(longest + sizeof longest - 4, ":80");
    pf_listener l;
    assert_int_equal(pf_listener_open(&l, longest, NULL), PF_INVALID);
}

static void test_free_port(void **state)
{
    (void)state;
    pf_listener l, again;
    pf_error err;
    assert_int_equal(pf_listener_open(&l, "127.0.0.1:0", &err), PF_OK);
    unsigned port = 0;
    assert_int_equal(sscanf(l.text, "127.0.0.1:%u", &port), 1);
    assert_true(port > 0 && l.loopback && l.n == 1);
    assert_int_equal(pf_listener_open(&again, l.text, &err), PF_UNAVAILABLE);
    assert_non_null(strstr(err.msg, "Address already in use"));
    pf_listener_close(&l);
    assert_int_equal(l.n, 0);
}

static void test_every_interface(void **state)
{
    (void)state;
    pf_listener l;
    assert_int_equal(pf_listener_open(&l, ":0", NULL), PF_OK);
    assert_false(l.loopback);
    assert_true(l.n == 1);
    pf_listener_close(&l);
}

static void test_name(void **state)
{
    (void)state;
    pf_listener l;
    assert_int_equal(pf_listener_open(&l, "localhost:0", NULL), PF_OK);
    assert_true(l.loopback);
    for (unsigned i = 0; i < l.n; i++) { /* all on one port */
        struct sockaddr_storage sa;
        socklen_t n = sizeof sa;
        assert_int_equal(getsockname(l.fds[i], (struct sockaddr *)&sa, &n), 0);
        unsigned port = ntohs(sa.ss_family == AF_INET ? ((struct sockaddr_in *)&sa)->sin_port
                                                      : ((struct sockaddr_in6 *)&sa)->sin6_port);
        char end[16];
        snprintf(end, sizeof end, ":%u", port);
        assert_non_null(strstr(l.text, end));
    }
    pf_listener_close(&l);
}

static void test_unix(void **state)
{
    (void)state;
    char dir[] = "/tmp/pf-listener-XXXXXX", addr[64], name[64];
    pf_listener l, again;
    pf_error err;
    assert_non_null(mkdtemp(dir));
    snprintf(addr, sizeof addr, "unix:%s/s", dir);
    assert_int_equal(pf_listener_open(&l, addr, &err), PF_OK);
    assert_string_equal(l.text, addr);
    assert_true(l.loopback);
    assert_int_equal(pf_listener_open(&again, addr, &err), PF_UNAVAILABLE); /* it is in use */
    close(l.fds[0]); /* as a killed process leaves it */
    assert_int_equal(access(addr + 5, F_OK), 0);
    assert_int_equal(pf_listener_open(&again, addr, &err), PF_OK);
    pf_listener_close(&again);
    assert_int_equal(access(addr + 5, F_OK), -1);
    free(l.unix_path);
    snprintf(name, sizeof name, "%s/file", dir);
    FILE *f = fopen(name, "w");
    assert_non_null(f);
    fclose(f);
    snprintf(addr, sizeof addr, "unix:%s/file", dir);
    assert_int_equal(pf_listener_open(&l, addr, &err), PF_UNAVAILABLE); /* no socket: left alone */
    assert_int_equal(unlink(name), 0);
    assert_int_equal(rmdir(dir), 0);
    assert_int_equal(pf_listener_open(&l, "unix:", &err), PF_INVALID);
}

static void test_inherited(void **state)
{
    (void)state;
    pf_listener l, taken;
    pf_error err;
    assert_int_equal(pf_listener_open(&l, "127.0.0.1:0", &err), PF_OK);
    assert_int_equal(pf_listener_inherit(&taken, l.fds[0], &err), PF_OK);
    assert_string_equal(taken.text, l.text);
    assert_true(taken.loopback);
    pf_listener_close(&taken);
    assert_int_equal(fcntl(l.fds[0], F_GETFD), FD_CLOEXEC); /* still open */
    pf_listener_close(&l);
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(pf_listener_inherit(&taken, fds[0], &err), PF_INVALID);
    assert_non_null(strstr(err.msg, "no listening socket"));
    close(fds[0]);
    close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_free_port),
        cmocka_unit_test(test_every_interface),
        cmocka_unit_test(test_name),
        cmocka_unit_test(test_unix),
        cmocka_unit_test(test_inherited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
