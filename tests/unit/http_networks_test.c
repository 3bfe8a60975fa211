/* Networks, and whom a proxy's word is believed about. */
#include "server/http/networks.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

static void test_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *text, *alone, *with_port; /* as they are shown; NULL: refused */
    } cases[] = {
        {"127.0.0.1", "127.0.0.1", "127.0.0.1"},
        {"::1", "::1", "::1"},
        {"[::1]", "::1", "::1"},
        {"2001:db8::A", "2001:db8::a", "2001:db8::a"},
        {"::ffff:10.1.2.3", "10.1.2.3", "10.1.2.3"},
        {"1.2.3.4:80", NULL, "1.2.3.4"},
        {"[2001:db8::1]:80", NULL, "2001:db8::1"},
        {"1.2.3.4:_hidden", NULL, "1.2.3.4"}, /* RFC 7239 6.3 */
        {"1.2.3", NULL, NULL},
        {"1.2.3.4.5", NULL, NULL},
        {"01.2.3.4", NULL, NULL},
        {"256.1.1.1", NULL, NULL},
        {"0x7f.1.1.1", NULL, NULL},
        {"2130706433", NULL, NULL},
        {" 1.2.3.4", NULL, NULL},
        {"1.2.3.4 ", NULL, NULL},
        {"", NULL, NULL},
        {"[]", NULL, NULL},
        {"[", NULL, NULL},
        {"[::1", NULL, NULL},
        {"[::1]x", NULL, NULL},
        {"[::1]80", NULL, NULL},
        {"::1]", NULL, NULL},
        {"fe80::1%eth0", NULL, NULL},
        {"unknown", NULL, NULL},
        {"_secret", NULL, NULL},
        {"localhost", NULL, NULL},
        {"1111:2222:3333:4444:5555:6666:7777:8888:9999", NULL, NULL},
        {"11111111111111111111111111111111111111111111111111111111", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int port = 0; port < 2; port++) {
            const char *expected = port ? cases[i].with_port : cases[i].alone;
            pf_address a;
            char text[INET6_ADDRSTRLEN];
            bool ok = pf_address_parse(pf_str_c(cases[i].text), port, &a);
            if (ok != (expected != NULL))
                fail_msg("\"%s\", port %d", cases[i].text, port);
            if (ok) {
                pf_address_format(&a, text);
                assert_string_equal(text, expected);
            }
        }
    pf_address a;
    assert_false(pf_address_parse((pf_str){"1.2.3.4\0", 8}, false, &a));
    assert_false(pf_address_parse((pf_str){NULL, 0}, true, &a));
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

static void test_parse(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t n; /* networks */
        bool local;
    } good[] = {
        {"", 0, false},
        {"unix", 0, true},
        {"10.0.0.0/8", 1, false},
        {" 10.0.0.0/8 ,\t::1 , unix", 2, true},
        {"0.0.0.0/0,::/0", 2, false},
        {"1.2.3.4/32,::1/128,[::1]", 3, false},
        {"::ffff:10.0.0.0/104", 1, false},
    };
    static const char *const bad[] = {
        "x",           "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/",    "/8",
        "::1/129",     "::1/x",       "10.0.0/8",    "10.0.0.0/8/8", "10.0.0.0/8 ::1",
        ",10.0.0.0/8", "Unix",        "1.2.3.4:80",  "10.0.0.0/8,,", "example.com"};
    pf_networks s;
    pf_error err;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(pf_networks_parse(&s, good[i].text, &err), PF_OK);
        assert_int_equal(s.n, good[i].n);
        assert_true(s.local == good[i].local);
    }
    assert_int_equal(pf_networks_parse(&s, NULL, &err), PF_OK);
    assert_true(!s.n && !s.local);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(pf_networks_parse(&s, bad[i], &err), PF_INVALID);
        assert_non_null(strstr(err.msg, "is neither an address"));
    }
    assert_int_equal(pf_networks_parse(&s, "10.0.0.0/8,bad one", &err), PF_INVALID);
    assert_non_null(strstr(err.msg, "\"bad one\""));
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

static bool has(const char *networks, const char *address)
{
    pf_networks s;
    pf_address a;
    assert_int_equal(pf_networks_parse(&s, networks, NULL), PF_OK);
    assert_true(pf_address_parse(pf_str_c(address), false, &a));
    return pf_networks_have(&s, &a);
}

static void test_membership(void **state)
{
    (void)state;
    assert_false(has("", "127.0.0.1"));
    assert_false(has("unix", "127.0.0.1"));
    assert_true(has("10.0.0.0/8", "10.255.0.1"));
    assert_false(has("10.0.0.0/8", "11.0.0.0"));
    assert_true(has("10.1.2.3/8", "10.9.9.9")); /* what stands behind the bits counts for nothing */
    assert_true(has("172.16.0.0/12", "172.31.255.255"));
    assert_false(has("172.16.0.0/12", "172.32.0.0"));
    assert_true(has("192.168.1.128/25", "192.168.1.128"));
    assert_false(has("192.168.1.128/25", "192.168.1.127"));
    assert_true(has("1.2.3.4", "1.2.3.4") && !has("1.2.3.4", "1.2.3.5"));
    assert_true(has("1.2.3.4/31", "1.2.3.5") && !has("1.2.3.4/31", "1.2.3.6"));
    assert_true(has("0.0.0.0/0", "255.1.2.3"));
    assert_false(has("0.0.0.0/0", "2001:db8::1")); /* all of IPv4 is not all of IPv6 */
    assert_true(has("::/0", "2001:db8::1"));
    assert_true(has("2001:db8::/33", "2001:db8:7fff::1"));
    assert_false(has("2001:db8::/33", "2001:db8:8000::1"));
    assert_true(has("::1", "::1") && !has("::1", "::2"));
    assert_true(has("::ffff:10.0.0.0/104", "10.4.4.4"));
    assert_true(has("1.1.1.1,2.2.2.0/24", "2.2.2.2"));
}

/* What client two trusted proxies' networks make of the headers; "" where it is not told. */
static void test_forwarded(void **state)
{
    (void)state;
    static const struct {
        const char *forwarded, *x_forwarded_for, *client;
    } cases[] = {
        {"", "", ""},
        {"", "1.2.3.4", "1.2.3.4"},
        {"", " 1.2.3.4 ", "1.2.3.4"},
        {"", "1.2.3.4:5678", "1.2.3.4"},
        {"", "2001:db8::1", "2001:db8::1"},
        {"", "[2001:db8::1]:80", "2001:db8::1"},
        /* Read from the end: who stands before the first stranger may be his invention. */
        {"", "6.6.6.6, 1.2.3.4", "1.2.3.4"},
        {"", "6.6.6.6,1.2.3.4,10.0.0.9", "1.2.3.4"},
        {"", "6.6.6.6, 10.0.0.8, 10.0.0.9", "6.6.6.6"},
        {"", "127.0.0.1, 1.2.3.4", "1.2.3.4"},
        {"", "10.0.0.1", "10.0.0.1"}, /* all are proxies: the farthest */
        {"", "10.0.0.1, 10.0.0.2", "10.0.0.1"},
        /* What can't be read ends the belief. */
        {"", "unknown", ""},
        {"", "1.2.3.4, unknown", ""},
        {"", "1.2.3.4, ", ""},
        {"", "1.2.3.4,,10.0.0.9", "10.0.0.9"},
        {"", "6.6.6.6, garbage, 10.0.0.9", "10.0.0.9"},
        {"", "1.2.3.4 5.6.7.8", ""},
        {"", ",", ""},
        {"", "<script>", ""},
        {"for=1.2.3.4", "", "1.2.3.4"},
        {"For=1.2.3.4", "", "1.2.3.4"},
        {"for=\"1.2.3.4\"", "", "1.2.3.4"},
        {"for=\"1.2.3.4:80\"", "", "1.2.3.4"},
        {"for=\"[2001:db8::1]\"", "", "2001:db8::1"},
        {"for=\"[2001:db8::1]:4711\";proto=http;by=203.0.113.43", "", "2001:db8::1"},
        {"proto=https; for=1.2.3.4 ;host=x", "", "1.2.3.4"},
        {"for=6.6.6.6, for=1.2.3.4;proto=https, for=10.0.0.9", "", "1.2.3.4"},
        {"for=1.2.3.4, proto=http", "", ""}, /* an element that names nobody */
        {"for=unknown", "", ""},
        {"for=_hidden", "", ""},
        {"for=", "", ""},
        {"for=\"", "", ""},
        {"for=\"\"", "", ""},
        {"for", "", ""},
        {"by=1.2.3.4", "", ""},
        {"xfor=1.2.3.4", "", ""},
        /* A stranger's quotes don't reach into what a proxy wrote behind them. */
        {"for=\"6.6.6.6, for=1.2.3.4", "", "1.2.3.4"},
        {"for=\"6.6.6.6;, for=1.2.3.4, for=10.0.0.9", "", "1.2.3.4"},
        /* RFC 7239 before the older custom. */
        {"for=1.2.3.4", "5.6.7.8", "1.2.3.4"},
        {"for=unknown", "5.6.7.8", ""},
    };
    pf_networks s;
    assert_int_equal(pf_networks_parse(&s, "10.0.0.0/8, ::1", NULL), PF_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pf_address a;
        char text[INET6_ADDRSTRLEN] = "";
        if (pf_networks_client(&s, pf_str_c(cases[i].forwarded), pf_str_c(cases[i].x_forwarded_for),
                               &a))
            pf_address_format(&a, text);
        if (strcmp(text, cases[i].client) != 0)
            fail_msg("Forwarded: %s, X-Forwarded-For: %s: \"%s\"", cases[i].forwarded,
                     cases[i].x_forwarded_for, text);
    }
}

static void test_a_long_list(void **state)
{
    (void)state;
    char text[32 << 10], *p = text;
    pf_networks s;
    pf_address a;
    assert_int_equal(pf_networks_parse(&s, "10.0.0.0/8", NULL), PF_OK);
    p += sprintf(p, "1.2.3.4");
    while (p < text + sizeof text - 16)
        p += sprintf(p, ",10.0.0.1");
    assert_true(pf_networks_client(&s, (pf_str){NULL, 0}, pf_str_c(text), &a));
    p = (char[INET6_ADDRSTRLEN]){0};
    pf_address_format(&a, p);
    assert_string_equal(p, "1.2.3.4");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses), cmocka_unit_test(test_addresses_of_sockets),
        cmocka_unit_test(test_loopback),  cmocka_unit_test(test_parse),
        cmocka_unit_test(test_too_many),  cmocka_unit_test(test_membership),
        cmocka_unit_test(test_forwarded), cmocka_unit_test(test_a_long_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
