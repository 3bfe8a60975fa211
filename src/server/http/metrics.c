/* What the transport tells of itself. Requests are counted by the application, which knows routes. */
#include "base/metrics.h"

#include "server/http/server.h"

#define READ_COUNTER(name)                                                                         \
    static double name(void *ctx)                                                                  \
    {                                                                                              \
        return (double)atomic_load(&((pf_http *)ctx)->service.name);                               \
    }

READ_COUNTER(connections)
READ_COUNTER(live)
READ_COUNTER(delayed)
READ_COUNTER(accepted)
READ_COUNTER(refused)
READ_COUNTER(evicted)
READ_COUNTER(handshakes)
READ_COUNTER(resumed)
READ_COUNTER(handshake_failures)
READ_COUNTER(h2_connections)
READ_COUNTER(attacks)

static double queued(void *ctx)
{
    return (double)pf_workers_queued(((pf_http *)ctx)->service.workers);
}

void pf_http_metrics_start(pf_http *h)
{
    static const struct {
        const char *name, *help;
        pf_metric_type type;
        double (*read)(void *ctx);
    } list[] = {
        {"profefe_http_connections", "Open connections.", PF_GAUGE, connections},
        {"profefe_http_requests_in_flight", "Requests between their head and their last byte.",
         PF_GAUGE, live},
        {"profefe_http_replies_delayed", "Replies held back, as those to wrong passwords are.",
         PF_GAUGE, delayed},
        {"profefe_http_queue_length", "Jobs that wait for a worker thread.", PF_GAUGE, queued},
        {"profefe_http_connections_accepted_total", "Connections accepted, refused ones too.",
         PF_COUNTER, accepted},
        {"profefe_http_connections_refused_total", "Connections over a limit, answered 503.",
         PF_COUNTER, refused},
        {"profefe_http_connections_evicted_total",
         "Idle connections closed to make room for new ones.", PF_COUNTER, evicted},
        {"profefe_http_connections_h2_total", "Connections that spoke HTTP/2.", PF_COUNTER,
         h2_connections},
        {"profefe_http_connections_abused_total",
         "HTTP/2 connections ended for floods of frames that ask for nothing.", PF_COUNTER,
         attacks},
        {"profefe_http_tls_handshakes_total", "Full TLS handshakes.", PF_COUNTER, handshakes},
        {"profefe_http_tls_resumptions_total", "TLS handshakes that resumed a session.", PF_COUNTER,
         resumed},
        {"profefe_http_tls_handshake_failures_total", "TLS handshakes that failed.", PF_COUNTER,
         handshake_failures},
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        pf_metrics_callback(list[i].name, list[i].help, list[i].type, list[i].read, h);
}

void pf_http_metrics_stop(pf_http *h)
{
    pf_metrics_forget(h);
}
