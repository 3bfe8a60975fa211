/* A name with several addresses: the first of them need not be the one that is listened on. */
#include "cmd/bench/wire.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* A socket with a port of its own, listening or not: a port that is bound only refuses. */
static int bind_one(struct sockaddr_in *addr, bool listening)
{
    socklen_t n = sizeof *addr;
    *addr = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)addr, n), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)addr, &n), 0);
    if (listening)
        assert_int_equal(listen(fd, 4), 0);
    return fd;
}

static struct addrinfo info(struct sockaddr_in *addr, struct addrinfo *next)
{
    return (struct addrinfo){.ai_family = AF_INET,
                             .ai_socktype = SOCK_STREAM,
                             .ai_addr = (struct sockaddr *)addr,
                             .ai_addrlen = sizeof *addr,
                             .ai_next = next};
}

static void test_the_next_address_is_tried(void **state)
{
    (void)state;
    static bench_wire wire;
    struct sockaddr_in dead, live;
    int fds[2] = {bind_one(&dead, false), bind_one(&live, true)};
    struct addrinfo second = info(&live, NULL), first = info(&dead, &second);
    bench_place place = {.to = &first};
    pf_error err = {0};
    if (bench_wire_open(&wire, &place, false, &err))
        fail_msg("%s", err.msg);
    bench_wire_close(&wire);
    close(fds[0]);
    close(fds[1]);
}

static void test_none_answers(void **state)
{
    (void)state;
    static bench_wire wire;
    struct sockaddr_in dead;
    int fd = bind_one(&dead, false);
    struct addrinfo second = info(&dead, NULL), first = info(&dead, &second);
    bench_place place = {.to = &first};
    pf_error err = {0};
    assert_int_equal(bench_wire_open(&wire, &place, false, &err), PF_UNAVAILABLE);
    assert_non_null(strstr(err.msg, "connect"));
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_next_address_is_tried),
        cmocka_unit_test(test_none_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
