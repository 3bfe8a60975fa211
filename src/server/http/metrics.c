/* metrics.c: what the transport tells of itself. Requests are counted by the application, which knows routes. */
#include "server/http/internal.h"

#include "base/metrics.h"

static double connections(void *ctx)
{
    return atomic_load(&((pf_http *)ctx)->accepted);
}

static double requests(void *ctx)
{
    return atomic_load(&((pf_http *)ctx)->live);
}

static double queued(void *ctx)
{
    return (double)pf_workers_queued(((pf_http *)ctx)->workers);
}

static double refused(void *ctx)
{
    return (double)atomic_load(&((pf_http *)ctx)->refused);
}

void pf_http_metrics_start(pf_http *h)
{
    pf_metrics_callback("profefe_http_connections", "Open connections.", PF_GAUGE, connections, h);
    pf_metrics_callback("profefe_http_requests_in_flight",
                        "Requests between their first line and their last byte.", PF_GAUGE,
                        requests, h);
    pf_metrics_callback("profefe_http_queue_length", "Jobs that wait for a worker thread.",
                        PF_GAUGE, queued, h);
    pf_metrics_callback("profefe_http_connections_refused_total",
                        "Connections over the limit, answered 503.", PF_COUNTER, refused, h);
}

void pf_http_metrics_stop(pf_http *h)
{
    pf_metrics_forget(h);
}
