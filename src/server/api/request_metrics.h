/* request_metrics.h: the request metrics, the families of the original server:
 *
 *     profefe_api_requests_total{method,path,code}            counter
 *     profefe_api_request_duration_seconds{method,path,code}  histogram
 *     profefe_api_request_size_bytes{method,path}             summary
 *     profefe_api_response_size_bytes{method,path}            summary
 *
 * path is a route's label and method one of GET, HEAD, POST, other, so that the number of series is
 * bounded whatever clients send. Thread-safe.
 */
#ifndef PF_SERVER_API_REQUEST_METRICS_H
#define PF_SERVER_API_REQUEST_METRICS_H

#include "server/http/http.h"

typedef struct pf_request_metrics pf_request_metrics;

pf_request_metrics *pf_request_metrics_new(void); /* NULL when out of memory */

/* `sent` below 0: the connection broke off; the response size is not counted then. */
void pf_request_metrics_count(pf_request_metrics *m, pf_method method, const char *path_label,
                              int status, size_t received, int64_t sent, int64_t duration_ns);
void pf_request_metrics_free(pf_request_metrics *m);

#endif
