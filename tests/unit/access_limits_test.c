/* How much a token and a service may ask. Time is handed in: nothing here waits. */
#include "server/access/limits.h"

#include "base/clock.h"
#include "base/metrics.h"
#include "support/alloc_fault.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const int64_t SEC = PF_NS_PER_SEC, MS = PF_NS_PER_MS;
static int64_t now, retry;
static pf_error why;

static pf_limits *limits_of(int64_t rate, int64_t bytes, int64_t queries)
{
    pf_limits *l;
    pf_error err;
    const pf_limits_config cfg = {rate, bytes, queries};
    assert_int_equal(pf_limits_new(&cfg, &l, &err), PF_OK);
    now = 1000 * SEC;
    return l;
}

static bool push(pf_limits *l, const char *token, const char *service, size_t bytes)
{
    pf_code code = pf_limits_push(l, pf_str_c(token), pf_str_c(service), bytes, now, &retry, &why);
    assert_true(code == PF_OK || code == PF_RATE_LIMIT);
    assert_true(code ? retry >= 1 : retry == 0);
    return !code;
}

/* How many of them pass. */
static int pushes(pf_limits *l, int n, const char *token, const char *service, size_t bytes)
{
    int passed = 0;
    for (int i = 0; i < n; i++)
        passed += push(l, token, service, bytes);
    return passed;
}

static double metric(const char *name)
{
    char line[128];
    snprintf(line, sizeof line, "\n%s ", name);
    pf_buf b = PF_BUF_INIT;
    pf_metrics_write(&b);
    pf_buf_putc(&b, 0);
    const char *at = strstr(b.data, line);
    if (!at)
        fail_msg("no %s in\n%s", name, b.data);
    double v = strtod(at + strlen(line), NULL);
    pf_buf_free(&b);
    return v;
}

/* ---- Pushes a second */

static void test_pushes_a_second(void **state)
{
    (void)state;
    static const int rates[] = {1, 2, 3, 7, 10, 1000, 9973};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        int rate = rates[i];
        pf_limits *l = limits_of(rate, 0, 0);
        assert_int_equal(pushes(l, rate + 5, "t", "s", 1 << 30),
                         rate); /* a second's worth at once */
        assert_int_equal(retry, 1);
        now += SEC;
        assert_int_equal(pushes(l, rate + 5, "t", "s", 0), rate);
        now += 3600 * SEC; /* no more is saved up */
        assert_int_equal(pushes(l, rate + 5, "t", "s", 0), rate);
        pf_limits_free(l);
    }
}

static void test_pushes_come_back_one_by_one(void **state)
{
    (void)state;
    pf_limits *l = limits_of(10, 0, 0);
    assert_int_equal(pushes(l, 20, "t", "s", 0), 10);
    for (int i = 0; i < 50; i++) {
        now += 99 * MS;
        assert_false(push(l, "t", "s", 0)); /* which costs nothing */
        now += MS;
        assert_int_equal(pushes(l, 2, "t", "s", 0), 1);
    }
    now += 350 * MS;
    assert_int_equal(pushes(l, 10, "t", "s", 0), 3);
    now += 50 * MS;
    assert_int_equal(pushes(l, 10, "t", "s", 0), 1);
    now -= SEC; /* another thread's clock, read before */
    assert_false(push(l, "t", "s", 0));
    pf_limits_free(l);
}

/* ---- Bytes a second */

static void test_bytes_a_second(void **state)
{
    (void)state;
    pf_limits *l = limits_of(0, 1000, 0);
    assert_int_equal(pushes(l, 10, "t", "s", 300), 3);
    assert_true(push(l, "t", "s", 100)); /* a smaller one still fits */
    assert_false(push(l, "t", "s", 1));
    assert_true(push(l, "t", "s", 0));
    now += 299 * MS;
    assert_false(push(l, "t", "s", 300));
    now += MS;
    assert_true(push(l, "t", "s", 300));
    pf_limits_free(l);
}

static void test_a_body_larger_than_a_second_s_worth(void **state)
{
    (void)state;
    pf_limits *l = limits_of(0, 1000, 0);
    assert_true(push(l, "t", "s", 1));
    assert_false(push(l, "t", "s", 5000)); /* not quite full */
    assert_int_equal(retry, 1);
    now += MS;
    assert_true(push(l, "t", "s", 5000)); /* a debt of five seconds */
    assert_false(push(l, "t", "s", 5000));
    assert_int_equal(retry, 5);
    assert_false(push(l, "t", "s", 0));
    assert_int_equal(retry, 4);
    now += 4 * SEC + 499 * MS;
    assert_false(push(l, "t", "s", 500));
    assert_int_equal(retry, 1);
    now += MS;
    assert_true(push(l, "t", "s", 500));
    pf_limits_free(l);
}

static void test_the_largest_numbers(void **state)
{
    (void)state;
    pf_limits *l = limits_of(INT64_MAX, 1, 0);
    assert_true(push(l, "t", "s", SIZE_MAX));
    assert_false(push(l, "t", "s", SIZE_MAX));
    assert_true(retry > 70LL * 365 * 86400);
    pf_limits_free(l);
    l = limits_of(0, INT64_MAX, 0);
    assert_int_equal(pushes(l, 3, "t", "s", INT64_MAX), 1);
    pf_limits_free(l);
}

/* ---- Whose */

static void test_each_token_and_each_service(void **state)
{
    (void)state;
    pf_limits *l = limits_of(4, 0, 0);
    assert_int_equal(pushes(l, 9, "a", "s", 0), 4);
    assert_false(push(l, "a", "other", 0));
    assert_non_null(strstr(why.msg, "token \"a\""));
    assert_false(push(l, "b", "s", 0));
    assert_non_null(strstr(why.msg, "service \"s\""));
    assert_int_equal(pushes(l, 9, "b", "other", 0), 4); /* what was refused has cost neither */
    assert_int_equal(pushes(l, 9, "s", "a", 0), 4);     /* a token is no service of that name */
    assert_int_equal(pushes(l, 9, "", "alone", 0), 4);
    assert_int_equal(pushes(l, 9, "alone", "", 0), 4);
    assert_int_equal(pushes(l, 9, "", "", 0), 9);
    pf_limits_free(l);
}

static void test_both_limits_of_pushes(void **state)
{
    (void)state;
    pf_limits *l = limits_of(3, 1000, 0);
    assert_true(push(l, "t", "s", 900));
    assert_false(push(l, "t", "s", 200)); /* has not counted as a push either */
    assert_non_null(strstr(why.msg, "-limits.push-bytes"));
    assert_int_equal(pushes(l, 9, "t", "s", 0), 2);
    assert_non_null(strstr(why.msg, "-limits.push-rate"));
    now += SEC;
    assert_true(push(l, "t", "s", 4000));
    assert_int_equal(pushes(l, 9, "t", "s", 0), 0);
    assert_int_equal(retry, 3); /* the longer of both */
    pf_limits_free(l);
}

static void test_what_is_said(void **state)
{
    (void)state;
    pf_limits *l = limits_of(2, 0, 0);
    pushes(l, 3, "shop-ci", "shop", 0);
    assert_string_equal(why.msg, "too many pushes: token \"shop-ci\" may have 2 a second "
                                 "(-limits.push-rate)");
    pushes(l, 3, "", "shop", 0);
    assert_string_equal(
        why.msg, "too many pushes: service \"shop\" may have 2 a second (-limits.push-rate)");
    char longest[4096];
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = 0;
    pushes(l, 3, "", longest, 0);
    assert_non_null(strstr(why.msg, "xxx\" may have 2 a second (-limits.push-rate)"));
    pf_limits_free(l);
    l = limits_of(0, 1000, 0);
    pushes(l, 3, "shop-ci", "shop", 800);
    assert_string_equal(why.msg, "too many bytes: token \"shop-ci\" may have 1000 a second "
                                 "(-limits.push-bytes)");
    pf_limits_free(l);
}

static void test_off(void **state)
{
    (void)state;
    pf_limits *l = limits_of(0, 0, 0);
    pf_limits_query q;
    assert_int_equal(pushes(l, 10000, "t", "s", SIZE_MAX), 10000);
    for (int i = 0; i < 10000; i++)
        assert_int_equal(pf_limits_query_begin(l, PF_STR("t"), PF_STR("s"), now, &q, &why), PF_OK);
    pf_limits_query_end(l, &q);
    pf_limits_free(l);
    l = limits_of(-1, -1, -1);
    assert_int_equal(pushes(l, 10, "t", "s", 1), 10);
    pf_limits_free(l);
}

/* ---- Queries at once */

static bool begin(pf_limits *l, const char *token, const char *service, pf_limits_query *q)
{
    pf_code code = pf_limits_query_begin(l, pf_str_c(token), pf_str_c(service), now, q, &why);
    assert_true(code == PF_OK || code == PF_RATE_LIMIT);
    return !code;
}

static void test_queries_at_once(void **state)
{
    (void)state;
    pf_limits *l = limits_of(0, 0, 2);
    pf_limits_query a, b, c, d;
    assert_true(begin(l, "t", "one", &a));
    assert_true(begin(l, "t", "two", &b));
    assert_false(begin(l, "t", "three", &c));
    assert_string_equal(why.msg, "too many queries: token \"t\" may have 2 at once "
                                 "(-limits.query-concurrency)");
    assert_true(begin(l, "u", "one", &d));
    assert_false(begin(l, "v", "one", &c)); /* its token has not been counted */
    assert_string_equal(why.msg, "too many queries: service \"one\" may have 2 at once "
                                 "(-limits.query-concurrency)");
    pf_limits_query_end(l, &c); /* nothing to be ended */
    assert_false(begin(l, "v", "one", &c));
    pf_limits_query_end(l, &a);
    pf_limits_query_end(l, &a); /* once more counts nothing */
    pf_limits_query again;
    assert_true(begin(l, "v", "one", &a));
    assert_false(begin(l, "v", "one", &again));
    assert_true(begin(l, "v", "", &again));
    assert_false(begin(l, "v", "", &c));
    pf_limits_query_end(l, &again);
    assert_true(begin(l, "v", "two", &again));
    assert_false(begin(l, "", "two", &c));
    pf_limits_query all[4] = {a, b, d, again};
    for (int i = 0; i < 4; i++)
        pf_limits_query_end(l, &all[i]);
    assert_true(begin(l, "t", "one", &a) && begin(l, "t", "one", &b));
    pf_limits_query_end(l, &a);
    pf_limits_query_end(l, &b);
    pf_limits_free(l);
}

/* ---- Many */

static bool push_number(pf_limits *l, int n, size_t bytes)
{
    char service[16];
    snprintf(service, sizeof service, "n%d", n);
    return push(l, "", service, bytes);
}

static void test_a_busy_one_does_not_start_anew_while_idle_ones_are_there(void **state)
{
    (void)state;
    pf_limits *l = limits_of(0, 1000, 0);
    assert_true(push(l, "", "busy", 100000)); /* the oldest, for a hundred seconds in debt */
    for (int n = 0; n < 3 * PF_LIMITS_KEYS; n++) {
        assert_true(push_number(l, n, 1));
        now += MS; /* time enough for it to be idle again */
    }
    assert_false(push(l, "", "busy", 1));
    pf_limits_free(l);
}

static void test_without_idle_ones_the_oldest_goes(void **state)
{
    (void)state;
    pf_limits *l = limits_of(0, 1000, 0);
    for (int n = 0; n < PF_LIMITS_KEYS; n++)
        assert_true(push_number(l, n, 2000));
    assert_false(push_number(l, 0, 1)); /* all are remembered; this one is the newest now */
    assert_true(push_number(l, PF_LIMITS_KEYS, 2000));
    assert_false(push_number(l, 0, 1));
    assert_false(push_number(l, 2, 1));
    assert_true(push_number(l, 1, 1)); /* it was the oldest */
    pf_limits_free(l);
}

static void test_who_has_a_query_running_is_not_forgotten(void **state)
{
    (void)state;
    pf_limits *l = limits_of(1, 0, 1);
    static pf_limits_query all[PF_LIMITS_KEYS];
    char service[16];
    pf_limits_query q;
    for (int n = 0; n < PF_LIMITS_KEYS; n++) {
        snprintf(service, sizeof service, "n%d", n);
        assert_true(begin(l, "", service, &all[n]));
    }
    assert_false(begin(l, "", "one more", &q));
    assert_string_equal(why.msg, "too many tokens and services have queries running "
                                 "(-limits.query-concurrency counts 4096)");
    assert_false(push(l, "", "one more", 0));
    assert_false(begin(l, "", "n0", &q));
    pf_limits_query_end(l, &all[7]);
    assert_true(push(l, "", "one more", 0));
    for (int n = 0; n < PF_LIMITS_KEYS; n++)
        pf_limits_query_end(l, &all[n]);
    for (int n = 0; n < PF_LIMITS_KEYS; n++) {
        snprintf(service, sizeof service, "n%d", n);
        assert_true(begin(l, "", service, &q));
        pf_limits_query_end(l, &q);
    }
    pf_limits_free(l);
}

/* The token's bucket, which is looked at first, does not have to go for the service's. */
static void test_a_push_does_not_forget_its_own_token(void **state)
{
    (void)state;
    pf_limits *l = limits_of(1, 0, 1);
    static pf_limits_query all[PF_LIMITS_KEYS];
    char service[16];
    for (int n = 0; n < PF_LIMITS_KEYS - 1; n++) {
        snprintf(service, sizeof service, "n%d", n);
        assert_true(begin(l, "", service, &all[n]));
    }
    assert_false(push(l, "token", "service", 0)); /* there is room for one of both */
    assert_non_null(strstr(why.msg, "too many tokens and services"));
    pf_limits_query_end(l, &all[0]);
    assert_true(push(l, "token", "service", 0));
    assert_false(push(l, "token", "n1", 0));
    assert_false(push(l, "", "service", 0));
    for (int n = 0; n < PF_LIMITS_KEYS - 1; n++)
        pf_limits_query_end(l, &all[n]);
    pf_limits_free(l);
}

/* ---- Metrics */

static void test_metrics(void **state)
{
    (void)state;
    static const char refused[] = "profefe_limits_refused_total{limit=\"%s\",of=\"%s\"}";
    static const char *const names[] = {"push_rate", "push_bytes", "query_concurrency"};
    double before[3][2];
    char name[128];
    pf_limits *l = limits_of(0, 0, 7);
    assert_true(metric("profefe_limits_push_rate") == 0);
    assert_true(metric("profefe_limits_push_bytes") == 0);
    assert_true(metric("profefe_limits_query_concurrency") == 7);
    pf_limits_free(l);
    l = limits_of(2, 1000, 1);
    assert_true(metric("profefe_limits_push_rate") == 2);
    assert_true(metric("profefe_limits_push_bytes") == 1000);
    assert_true(metric("profefe_limits_query_concurrency") == 1);
    for (int i = 0; i < 6; i++) {
        snprintf(name, sizeof name, refused, names[i / 2], i % 2 ? "service" : "token");
        before[i / 2][i % 2] = metric(name);
    }
    pf_limits_query q, r;
    pushes(l, 3, "a", "", 0);    /* 1 refused */
    pushes(l, 4, "", "a", 0);    /* 2 */
    pushes(l, 4, "b", "", 2000); /* 3 */
    pushes(l, 5, "", "b", 2000); /* 4 */
    assert_true(begin(l, "c", "", &q));
    for (int i = 0; i < 5; i++)
        assert_false(begin(l, "c", "", &r));
    pf_limits_query_end(l, &q);
    assert_true(begin(l, "", "c", &q));
    for (int i = 0; i < 6; i++)
        assert_false(begin(l, "", "c", &r));
    pf_limits_query_end(l, &q);
    for (int i = 0; i < 6; i++) {
        snprintf(name, sizeof name, refused, names[i / 2], i % 2 ? "service" : "token");
        assert_true(metric(name) - before[i / 2][i % 2] == i + 1);
    }
    pf_limits_free(l);
}

/* ---- Threads */

enum { THREADS = 4, EACH = 20000, RATE = 5000, AT_ONCE = 3 };

static pf_limits *shared;
static atomic_int passed, running, most;

static void *hammer(void *arg)
{
    int64_t wait;
    pf_error err;
    (void)arg;
    for (int i = 0; i < EACH; i++) {
        pf_limits_query q;
        pf_str service = i % 2 ? PF_STR("s") : PF_STR("r");
        if (!pf_limits_push(shared, PF_STR("t"), service, 1, 5 * SEC, &wait, &err))
            atomic_fetch_add(&passed, 1);
        if (pf_limits_query_begin(shared, PF_STR("t"), service, 5 * SEC, &q, &err))
            continue;
        int n = atomic_fetch_add(&running, 1) + 1, seen = atomic_load(&most);
        while (n > seen && !atomic_compare_exchange_weak(&most, &seen, n)) {
        }
        atomic_fetch_sub(&running, 1);
        pf_limits_query_end(shared, &q);
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    shared = limits_of(RATE, 1 << 30, AT_ONCE);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&passed), RATE);
    assert_in_range(atomic_load(&most), 1, AT_ONCE);
    pf_limits_query q[AT_ONCE];
    for (int i = 0; i < AT_ONCE; i++)
        assert_true(begin(shared, "t", "s", &q[i])); /* all have ended */
    for (int i = 0; i < AT_ONCE; i++)
        pf_limits_query_end(shared, &q[i]);
    pf_limits_free(shared);
}

static void test_without_memory(void **state)
{
    (void)state;
    const pf_limits_config cfg = {1, 1, 1};
    bool failed = true;
    pf_limits_free(limits_of(1, 1, 1)); /* the metrics are there */
    for (int n = 0; failed; n++) {
        pf_limits *l;
        pf_error err;
        alloc_fault_arm(n);
        pf_code code = pf_limits_new(&cfg, &l, &err);
        failed = alloc_fault_disarm();
        assert_int_equal(code, failed ? PF_INTERNAL : PF_OK);
        assert_int_equal(l == NULL, failed);
        pf_limits_free(l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pushes_a_second),
        cmocka_unit_test(test_pushes_come_back_one_by_one),
        cmocka_unit_test(test_bytes_a_second),
        cmocka_unit_test(test_a_body_larger_than_a_second_s_worth),
        cmocka_unit_test(test_the_largest_numbers),
        cmocka_unit_test(test_each_token_and_each_service),
        cmocka_unit_test(test_both_limits_of_pushes),
        cmocka_unit_test(test_what_is_said),
        cmocka_unit_test(test_off),
        cmocka_unit_test(test_queries_at_once),
        cmocka_unit_test(test_a_busy_one_does_not_start_anew_while_idle_ones_are_there),
        cmocka_unit_test(test_without_idle_ones_the_oldest_goes),
        cmocka_unit_test(test_who_has_a_query_running_is_not_forgotten),
        cmocka_unit_test(test_a_push_does_not_forget_its_own_token),
        cmocka_unit_test(test_metrics),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
