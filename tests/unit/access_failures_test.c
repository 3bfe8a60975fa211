/* Failed logins: what the next answer's delay is. Time is handed in. */
#include "server/access/failures.h"

#include "base/clock.h"
#include "base/metrics.h"
#include "support/alloc_fault.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static pf_failures *fresh(void)
{
    pf_failures *f;
    pf_error err;
    assert_int_equal(pf_failures_new(&f, &err), PF_OK);
    return f;
}

/* In ms. */
static int64_t note(pf_failures *f, const char *address, int64_t seconds)
{
    int64_t ns = pf_failures_note(f, pf_str_c(address), seconds * PF_NS_PER_SEC);
    assert_int_equal(ns % PF_NS_PER_MS, 0);
    return ns / PF_NS_PER_MS;
}

static double delayed(void)
{
    static const char name[] = "\nprofefe_auth_failures_delayed_total ";
    pf_buf b = PF_BUF_INIT;
    pf_metrics_write(&b);
    pf_buf_putc(&b, 0);
    const char *at = strstr(b.data, name);
    assert_non_null(at);
    double v = strtod(at + sizeof name - 1, NULL);
    pf_buf_free(&b);
    return v;
}

static void test_delays_grow_to_two_seconds(void **state)
{
    (void)state;
    static const int64_t ms[] = {0, 0, 0, 0, 0, 100, 200, 400, 800, 1600, 2000, 2000, 2000};
    pf_failures *f = fresh();
    double before = delayed();
    for (size_t i = 0; i < sizeof ms / sizeof *ms; i++)
        assert_int_equal(note(f, "192.0.2.1", 100), ms[i]);
    assert_true(delayed() - before == 8);
    for (int i = 0; i < 100000; i++)
        assert_int_equal(note(f, "192.0.2.1", 100), 2000);
    assert_int_equal(note(f, "192.0.2.2", 100), 0); /* another's are nothing to it */
    pf_failures_free(f);
}

static void fail_until_delayed(pf_failures *f, const char *address, int64_t at)
{
    for (int i = 0; i < PF_FAILURES_FREE; i++)
        assert_int_equal(note(f, address, at), 0);
    assert_int_equal(note(f, address, at), 100);
}

static void test_forgotten_a_minute_after_the_last(void **state)
{
    (void)state;
    pf_failures *f = fresh();
    fail_until_delayed(f, "192.0.2.1", 0); /* the clock may begin anywhere */
    assert_int_equal(note(f, "192.0.2.1", 59), 200);
    assert_int_equal(note(f, "192.0.2.1", 118), 400);
    fail_until_delayed(f, "192.0.2.1", 178);
    pf_failures_free(f);
}

static void test_whose_failures_are_one(void **state)
{
    (void)state;
    static const struct {
        const char *one, *other;
        bool same;
    } list[] = {
        {"192.0.2.1", "192.0.2.2", false},
        {"192.0.2.1", "::ffff:192.0.2.1", true},
        {"::ffff:192.0.2.1", "::ffff:192.0.2.2", false},
        {"2001:db8::1", "2001:db8::2", true},
        {"2001:db8::1", "2001:db8:0:0:ffff:ffff:ffff:ffff", true},
        {"2001:db8::1", "2001:db8:0:1::1", false},
        {"::1", "::2", true},
        {"unix", "127.0.0.1", false},
        {"unix", "", false},
        {"unix", "unix", true},
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        pf_failures *f = fresh();
        fail_until_delayed(f, list[i].one, 1);
        if ((note(f, list[i].other, 1) == 200) != list[i].same)
            fail_msg("%s and %s", list[i].one, list[i].other);
        pf_failures_free(f);
    }
}

static void note_number(pf_failures *f, int n, int64_t seconds)
{
    char address[32];
    snprintf(address, sizeof address, "10.%d.%d.%d", n >> 16, n >> 8 & 255, n & 255);
    assert_int_equal(note(f, address, seconds), 0);
}

static void test_the_oldest_is_forgotten(void **state)
{
    (void)state;
    pf_failures *f = fresh();
    fail_until_delayed(f, "192.0.2.1", 1);
    fail_until_delayed(f, "192.0.2.2", 1);
    for (int n = 0; n < PF_FAILURES_MAX - 2; n++)
        note_number(f, n, 2);
    assert_int_equal(note(f, "192.0.2.1", 3), 200); /* nobody has gone yet */
    note_number(f, PF_FAILURES_MAX, 3);             /* for this one 192.0.2.2 goes, the oldest */
    assert_int_equal(note(f, "192.0.2.1", 3), 400);
    fail_until_delayed(f, "192.0.2.2", 3);
    pf_failures_free(f);
}

enum { THREADS = 4, EACH = 20000 };

static void *hammer(void *arg)
{
    pf_failures *f = arg;
    char address[32];
    for (int i = 0; i < EACH; i++) {
        snprintf(address, sizeof address, "10.0.%d.%d", i >> 8, i & 255);
        pf_failures_note(f, pf_str_c(address), PF_NS_PER_SEC);
        pf_failures_note(f, PF_STR("192.0.2.1"), PF_NS_PER_SEC);
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    pf_failures *f = fresh();
    double before = delayed();
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, f), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    /* Each other address has failed at most once a thread. */
    assert_true(delayed() - before == THREADS * EACH - PF_FAILURES_FREE);
    pf_failures_free(f);
}

static void test_without_memory(void **state)
{
    (void)state;
    bool failed = true;
    pf_failures_free(fresh()); /* the metric is there */
    for (int n = 0; failed; n++) {
        pf_failures *f;
        pf_error err;
        alloc_fault_arm(n);
        pf_code code = pf_failures_new(&f, &err);
        failed = alloc_fault_disarm();
        assert_int_equal(code, failed ? PF_INTERNAL : PF_OK);
        assert_int_equal(f == NULL, failed);
        pf_failures_free(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delays_grow_to_two_seconds),
        cmocka_unit_test(test_forgotten_a_minute_after_the_last),
        cmocka_unit_test(test_whose_failures_are_one),
        cmocka_unit_test(test_the_oldest_is_forgotten),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
