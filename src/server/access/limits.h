/* limits.h: how much one token, and one service, may ask of the server.
 *
 * Three limits, each 0 (off) or at least 1, each counted for every token and for every service by itself: a push counts
 * for its token and for its service, a query for its token and for the service that it asks for. What has no token (none
 * are in use) or no service (a query over all) is counted for the other alone; an empty text is none.
 *
 * Pushes and bytes a second are token buckets with room for one second's worth, so that a client may send all of a
 * second at once; what a push costs is exact to a nanosecond of waiting. A body larger than that passes when the bucket is full and leaves a debt, which is waited for. What is
 * refused costs nothing.
 *
 *     bucket  |#########     |        full again at `full`, a time: now + (what is missing) / rate
 *
 * PF_LIMITS_KEYS tokens and services are remembered. One that is idle (its buckets are full, no query runs) counts as one that
 * never was, so the idle one unused for longest is forgotten first; without idle ones the one unused for longest that
 * has no query running. Where each of them has one, further ones are refused. Thread-safe; one short lock.
 */
#ifndef PF_SERVER_ACCESS_LIMITS_H
#define PF_SERVER_ACCESS_LIMITS_H

#include "base/error.h"
#include "base/str.h"

enum { PF_LIMITS_KEYS = 4096 };

typedef struct pf_limits_config {
    int64_t push_rate;         /* -limits.push-rate: pushes a second */
    int64_t push_bytes;        /* -limits.push-bytes: bytes of bodies a second, as they are sent */
    int64_t query_concurrency; /* -limits.query-concurrency: queries at once */
} pf_limits_config;

typedef struct pf_limits pf_limits;

/* Also shows the limits as gauges (profefe_limits_push_rate, …_push_bytes, …_query_concurrency; 0: off) and counts what is
 * refused in profefe_limits_refused_total{limit="push_rate|push_bytes|query_concurrency",of="token|service"}. */
pf_code pf_limits_new(const pf_limits_config *cfg, pf_limits **out, pf_error *err);
void pf_limits_free(pf_limits *l);

/* A push of a body of `bytes`, now (pf_clock_mono). PF_OK: it is counted. PF_RATE_LIMIT says whose limit it is, how much
 * that is and which flag's; *retry_after_s is then how many seconds to wait, at least 1. */
pf_code pf_limits_push(pf_limits *l, pf_str token, pf_str service, size_t bytes, int64_t now_mono,
                       int64_t *retry_after_s, pf_error *err);

/* A query that runs. Zeroed, it is one that has ended. */
typedef struct pf_limits_query {
    void *counted[2];
} pf_limits_query;

/* PF_OK: it counts until pf_limits_query_end. PF_RATE_LIMIT: as above, to be tried again in a second; `q` has nothing
 * to be ended. */
pf_code pf_limits_query_begin(pf_limits *l, pf_str token, pf_str service, int64_t now_mono,
                              pf_limits_query *q, pf_error *err);

/* Of a query that has ended already, or was refused, it does nothing. */
void pf_limits_query_end(pf_limits *l, pf_limits_query *q);

#endif
