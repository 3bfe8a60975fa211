/* Request metrics: the original's families and labels. */
#include "server/api/request_metrics.h"

#include "base/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_shows(const char *all, const char *text)
{
    if (!strstr(all, text))
        fail_msg("\"%s\" is not in\n%s", text, all);
}

static void test_families(void **state)
{
    (void)state;
    pf_request_metrics *m = pf_request_metrics_new();
    assert_non_null(m);
    pf_request_metrics_count(m, PF_METHOD_GET, "/api/0/services", 200, 20, 100, 2000000);
    pf_request_metrics_count(m, PF_METHOD_GET, "/api/0/services", 200, 30, -1,
                             3000000); /* broken off */
    pf_request_metrics_count(m, PF_METHOD_OTHER, "unknown", 404, 1, 1, 1);
    pf_request_metrics_count(m, PF_METHOD_DELETE, "unknown", 405, 1, 1, 1);
    pf_request_metrics_count(m, PF_METHOD_OPTIONS, "unknown", 405, 1, 1, 1);
    pf_buf b = PF_BUF_INIT;
    pf_metrics_write(&b);
    pf_buf_putc(&b, 0);
    assert_shows(
        b.data,
        "profefe_api_requests_total{method=\"GET\",path=\"/api/0/services\",code=\"200\"} 2\n");
    assert_shows(b.data,
                 "profefe_api_requests_total{method=\"other\",path=\"unknown\",code=\"404\"} 1\n");
    assert_shows(b.data,
                 "profefe_api_requests_total{method=\"DELETE\",path=\"unknown\",code=\"405\"} 1\n");
    assert_shows(
        b.data, "profefe_api_requests_total{method=\"OPTIONS\",path=\"unknown\",code=\"405\"} 1\n");
    assert_shows(b.data, "profefe_api_request_duration_seconds_bucket{method=\"GET\",path=\"/api/0/"
                         "services\",code=\"200\",le=\"0.0025\"} 1\n");
    assert_shows(
        b.data, "profefe_api_request_size_bytes_sum{method=\"GET\",path=\"/api/0/services\"} 50\n");
    assert_shows(
        b.data,
        "profefe_api_response_size_bytes_count{method=\"GET\",path=\"/api/0/services\"} 1\n");
    pf_buf_free(&b);
    pf_request_metrics_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_families),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
