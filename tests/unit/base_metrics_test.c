/* Metrics: the text format, the bound on series, callbacks. */
#include "base/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *shown(void)
{
    pf_buf b = PF_BUF_INIT;
    pf_metrics_write(&b);
    pf_buf_putc(&b, 0);
    return b.data;
}

static void assert_shows(const char *text)
{
    char *all = shown();
    if (!strstr(all, text))
        fail_msg("\"%s\" is not in\n%s", text, all);
    free(all);
}

static void test_counters_and_gauges(void **state)
{
    (void)state;
    pf_metric_family *f = pf_metrics_family("t_total", "Things.", PF_COUNTER, NULL, 0);
    pf_metric *m = pf_metric_series(f, "kind=\"a\"");
    pf_metric_add(m, 2);
    pf_metric_add(pf_metric_series(f, "kind=\"a\""), 1);
    pf_metric_add(pf_metric_series(f, "kind=\"b\""), 0.5);
    assert_ptr_equal(f, pf_metrics_family("t_total", "Things.", PF_COUNTER, NULL, 0));
    assert_shows("# HELP t_total Things.\n# TYPE t_total counter\nt_total{kind=\"a\"} 3\n"
                 "t_total{kind=\"b\"} 0.5\n");
    pf_metric *g = pf_metric_series(pf_metrics_family("t_gauge", "G.", PF_GAUGE, NULL, 0), "");
    pf_metric_set(g, -4);
    assert_shows("t_gauge -4\n");
}

static void test_histograms_are_cumulative(void **state)
{
    (void)state;
    static const double bounds[] = {0.1, 1};
    pf_metric *m =
        pf_metric_series(pf_metrics_family("t_seconds", "S.", PF_HISTOGRAM, bounds, 2), "x=\"y\"");
    pf_metric_observe(m, 0.1); /* bounds are inclusive */
    pf_metric_observe(m, 0.5);
    pf_metric_observe(m, 99);
    assert_shows("t_seconds_bucket{x=\"y\",le=\"0.1\"} 1\nt_seconds_bucket{x=\"y\",le=\"1\"} 2\n"
                 "t_seconds_bucket{x=\"y\",le=\"+Inf\"} 3\nt_seconds_sum{x=\"y\"} 99.6\n"
                 "t_seconds_count{x=\"y\"} 3\n");
}

static void test_series_are_bounded(void **state)
{
    (void)state;
    pf_metric_family *f = pf_metrics_family("t_many", "M.", PF_COUNTER, NULL, 0);
    char labels[32];
    for (int i = 0; i < PF_METRIC_SERIES_MAX + 50; i++) {
        snprintf(labels, sizeof labels, "n=\"%d\"", i);
        pf_metric_add(pf_metric_series(f, labels), 1);
    }
    assert_shows("t_many{overflow=\"true\"} 50\n");
}

static double seven(void *ctx)
{
    return *(int *)ctx;
}

static void test_callbacks_until_forgotten(void **state)
{
    (void)state;
    int n = 7;
    pf_metrics_callback("t_asked", "A.", PF_GAUGE, seven, &n);
    assert_shows("t_asked 7\n");
    pf_metrics_forget(&n);
    char *all = shown();
    assert_null(strstr(all, "t_asked"));
    free(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counters_and_gauges),
        cmocka_unit_test(test_histograms_are_cumulative),
        cmocka_unit_test(test_series_are_bounded),
        cmocka_unit_test(test_callbacks_until_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
