/* Lists of networks, and whom proxies name. */
#include "server/http/networks.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

static pf_networks parsed(const char *text)
{
    pf_networks s;
    pf_error err;
    if (pf_networks_parse(&s, text, &err))
        fail_msg("%s: %s", text, err.msg);
    return s;
}

static pf_address address(const char *text)
{
    pf_address a;
    assert_true(pf_address_parse(pf_str_c(text), false, &a));
    return a;
}

static void test_networks(void **state)
{
    (void)state;
    pf_networks s = parsed("10.0.0.0/8, 192.0.2.128/25,::1,2001:db8::/33,unix");
    static const struct {
        const char *address;
        bool in;
    } cases[] = {
        {"10.0.0.0", true},
        {"10.255.255.255", true},
        {"11.0.0.0", false},
        {"9.255.255.255", false},
        {"192.0.2.128", true},
        {"192.0.2.127", false},
        {"::ffff:10.1.1.1", true},
        {"::1", true},
        {"::2", false},
        {"2001:db8:7fff::1", true},
        {"2001:db8:8000::", false},
        {"127.0.0.1", false},
        {"::10.1.1.1", false},
    };
    assert_true(s.local);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pf_address a = address(cases[i].address);
        if (pf_networks_have(&s, &a) != cases[i].in)
            fail_msg("%s", cases[i].address);
    }
    s = parsed("0.0.0.0/0");
    pf_address v4 = address("8.8.8.8"), v6 = address("2001:db8::1");
    assert_true(pf_networks_have(&s, &v4));
    assert_false(pf_networks_have(&s, &v6));
    s = parsed("");
    assert_false(s.local || pf_networks_have(&s, &v4));
}

static void test_what_is_no_network(void **state)
{
    (void)state;
    static const char *const bad[] = {"x", "10.0.0.0/33",   "::1/129",  "10.0.0.0/-1", "10.0.0.0/",
                                      ",", "10.0.0.1,,::1", "[::1]:80", "1.2.3.4:5",   "010.0.0.1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        pf_networks s;
        pf_error err;
        assert_int_equal(pf_networks_parse(&s, bad[i], &err), PF_INVALID);
    }
}

static void test_addresses_with_ports(void **state)
{
    (void)state;
    static const struct {
        const char *text, *address; /* NULL: there is none */
    } cases[] = {
        {"1.2.3.4", "1.2.3.4"},
        {"1.2.3.4:80", "1.2.3.4"},
        {"[::1]:80", "::1"},
        {"[::1]", "::1"},
        {"::1", "::1"},
        {"2001:db8::1:80", "2001:db8::1:80"},
        {"1.2.3.4:", NULL},
        {"1.2.3.4:x", NULL},
        {"1.2.3.4:123456", NULL},
        {"[::1]x", NULL},
        {"[::1]:", NULL},
        {"[::1]:x", NULL},
        {"[::1", NULL},
        {"[]", NULL},
        {"", NULL},
        {"1.2.3", NULL},
        {"1.2.3.4 ", NULL},
        {"::1%eth0", NULL},
        {"1.2.3.4:80:80", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pf_address a;
        char text[INET6_ADDRSTRLEN];
        bool ok = pf_address_parse(pf_str_c(cases[i].text), true, &a);
        if (ok != (cases[i].address != NULL))
            fail_msg("%s", cases[i].text);
        if (!ok)
            continue;
        pf_address_format(&a, text);
        assert_string_equal(text, cases[i].address);
    }
}

static void test_addresses_of_sockets(void **state)
{
    (void)state;
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x01020304)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    pf_address a, b;
    char text[INET6_ADDRSTRLEN];
    assert_true(pf_address_of((struct sockaddr *)&v4, &a));
    pf_address_format(&a, text);
    assert_string_equal(text, "1.2.3.4");
    assert_true(pf_address_of((struct sockaddr *)&v6, &b));
    assert_true(pf_address_is_loopback(&b) && !pf_address_is_loopback(&a));
    assert_int_equal(inet_pton(AF_INET6, "::ffff:1.2.3.4", &v6.sin6_addr), 1);
    assert_true(pf_address_of((struct sockaddr *)&v6, &b));
    assert_memory_equal(&a, &b, sizeof a); /* by a dual-stack socket it is the same client */
    assert_false(pf_address_of((struct sockaddr *)&un, &a));
}

static bool is_loopback(const char *text)
{
    pf_address a;
    assert_true(pf_address_parse(pf_str_c(text), false, &a));
    return pf_address_is_loopback(&a);
}

static void test_loopback(void **state)
{
    (void)state;
    assert_true(is_loopback("127.0.0.1") && is_loopback("127.255.0.9") && is_loopback("::1"));
    assert_true(is_loopback("::ffff:127.0.0.1"));
    assert_false(is_loopback("126.0.0.1") || is_loopback("::2") || is_loopback("::127.0.0.1"));
}

static void test_too_many(void **state)
{
    (void)state;
    char text[PF_NETWORKS_MAX * 12 + 12], *p = text;
    pf_networks s;
    pf_error err;
    for (int i = 0; i < PF_NETWORKS_MAX; i++)
        p += sprintf(p, "%s10.0.0.%d", i ? "," : "", i);
    assert_int_equal(pf_networks_parse(&s, text, &err), PF_OK);
    assert_int_equal(s.n, PF_NETWORKS_MAX);
    strcpy(p, ",::1");
    assert_int_equal(pf_networks_parse(&s, text, &err), PF_INVALID);
    assert_non_null(strstr(err.msg, "more than 64"));
}

/* Two lines of one kind; what they name, or NULL. */
static const char *named(const char *first, const char *second, bool rfc7239)
{
    static char text[INET6_ADDRSTRLEN];
    pf_networks s = parsed("10.0.0.0/8");
    pf_forwarded f = {0}, other = {0};
    pf_address a;
    pf_networks_follow(&s, pf_str_c(first), rfc7239, &f);
    if (second)
        pf_networks_follow(&s, pf_str_c(second), rfc7239, &f);
    if (!(rfc7239 ? pf_forwarded_client(&f, &other, &a) : pf_forwarded_client(&other, &f, &a)))
        return NULL;
    pf_address_format(&a, text);
    return text;
}

static void test_the_last_that_is_no_proxy(void **state)
{
    (void)state;
    assert_string_equal(named("6.6.6.6, 1.1.1.1, 10.0.0.1", NULL, false), "1.1.1.1");
    assert_string_equal(named("6.6.6.6", "1.1.1.1", false), "1.1.1.1");
    assert_string_equal(named("1.1.1.1", "10.0.0.2, 10.0.0.1", false), "1.1.1.1");
    assert_string_equal(named("10.0.0.2, 10.0.0.1", NULL, false), "10.0.0.2");
    assert_string_equal(named("x, 10.0.0.1", NULL, false), "10.0.0.1");
    assert_string_equal(named("for=6.6.6.6", "for=1.1.1.1;by=x, for=10.0.0.1", true), "1.1.1.1");
    assert_null(named("1.1.1.1, x", NULL, false));
    assert_null(named("1.1.1.1", "x", false));
    assert_null(named("", NULL, false));
    assert_null(named("for=1.1.1.1, for=_x", NULL, true));
    assert_null(named("1.1.1.1", NULL, true));
}

static void test_quotes_hide_separators(void **state)
{
    (void)state;
    assert_string_equal(named("for=1.1.1.1;host=\"a,for=6.6.6.6;b\"", NULL, true), "1.1.1.1");
    assert_string_equal(named("host=\"a;for=6.6.6.6\";for=1.1.1.1", NULL, true), "1.1.1.1");
    assert_string_equal(named("for=1.1.1.1;host=\"a\\\",for=6.6.6.6;b\"", NULL, true), "1.1.1.1");
    assert_null(named("for=\"6.6.6.6, for=1.1.1.1", NULL, true));
    assert_null(named("for=1.1.1.1;host=\"\\", NULL, true));
    assert_string_equal(named("\"6.6.6.6, 1.1.1.1", NULL, false), "1.1.1.1"); /* no quotes there */
}

static void test_two_kinds_must_agree(void **state)
{
    (void)state;
    pf_networks s = parsed("10.0.0.0/8");
    pf_address a;
    static const char *const x[] = {"1.1.1.1", "6.6.6.6", "x", ""};
    for (size_t i = 0; i < sizeof x / sizeof *x; i++) {
        pf_forwarded f = {0}, g = {0};
        pf_networks_follow(&s, PF_STR("for=1.1.1.1"), true, &f);
        pf_networks_follow(&s, pf_str_c(x[i]), false, &g);
        assert_int_equal(pf_forwarded_client(&f, &g, &a), i == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_networks),
        cmocka_unit_test(test_what_is_no_network),
        cmocka_unit_test(test_addresses_with_ports),
        cmocka_unit_test(test_addresses_of_sockets),
        cmocka_unit_test(test_loopback),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_the_last_that_is_no_proxy),
        cmocka_unit_test(test_quotes_hide_separators),
        cmocka_unit_test(test_two_kinds_must_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
