#include "server/api/request_metrics.h"

#include "base/metrics.h"

#include <stdio.h>
#include <stdlib.h>

/* Go's prometheus.DefBuckets, which the original uses, and finer ones below: most requests take
 * less than its smallest. */
static const double duration_bounds[] = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                         0.1,    0.25,  0.5,    1,     2.5,  5,     10};

struct pf_request_metrics {
    pf_metric_family *total, *duration, *request_size, *response_size;
};

pf_request_metrics *pf_request_metrics_new(void)
{
    pf_request_metrics *m = calloc(1, sizeof *m);
    if (!m)
        return NULL;
    m->total =
        pf_metrics_family("profefe_api_requests_total", "Requests answered.", PF_COUNTER, NULL, 0);
    m->duration =
        pf_metrics_family("profefe_api_request_duration_seconds",
                          "Time from a request's first byte to its answer's last.", PF_HISTOGRAM,
                          duration_bounds, sizeof duration_bounds / sizeof *duration_bounds);
    m->request_size = pf_metrics_family("profefe_api_request_size_bytes",
                                        "Target and body of requests.", PF_SUMMARY, NULL, 0);
    m->response_size = pf_metrics_family("profefe_api_response_size_bytes", "Bodies of answers.",
                                         PF_SUMMARY, NULL, 0);
    return m;
}

void pf_request_metrics_count(pf_request_metrics *m, pf_method method, const char *path_label,
                              int status, size_t received, int64_t sent, int64_t duration_ns)
{
    static const char *const methods[] = {"GET", "HEAD", "POST", "DELETE", "OPTIONS", "other"};
    char labels[160];
    int n =
        snprintf(labels, sizeof labels, "method=\"%s\",path=\"%s\"", methods[method], path_label);
    pf_metric_observe(pf_metric_series(m->request_size, labels), (double)received);
    if (sent >= 0)
        pf_metric_observe(pf_metric_series(m->response_size, labels), (double)sent);
    snprintf(labels + n, sizeof labels - (size_t)n, ",code=\"%d\"", status);
    pf_metric_add(pf_metric_series(m->total, labels), 1);
    pf_metric_observe(pf_metric_series(m->duration, labels), (double)duration_ns / 1e9);
}

void pf_request_metrics_free(pf_request_metrics *m)
{
    free(m);
}
