/* metrics.h: counters, gauges and histograms, shown as Prometheus text (exposition format 0.0.4).
 *
 * A family (name, help, type) is registered once at start and lives as long as the process. Its
 * series are told apart by a label string that the caller writes as it is shown, for instance
 * `method="GET",code="200"` (values already escaped; an empty string is a family without labels).
 * Looking a series up takes a lock; adding to it does not: hold on to the pointer where it is hot.
 * The number of series of a family is bounded (PF_METRIC_SERIES_MAX): further ones share one series
 * whose label string is `overflow="true"`, so that no client can grow memory.
 * Thread-safe.
 */
#ifndef PF_BASE_METRICS_H
#define PF_BASE_METRICS_H

#include "base/buf.h"

enum { PF_METRIC_SERIES_MAX = 256 };

typedef enum pf_metric_type { PF_COUNTER, PF_GAUGE, PF_HISTOGRAM, PF_SUMMARY } pf_metric_type;

typedef struct pf_metric_family pf_metric_family;
typedef struct pf_metric pf_metric; /* one series */

/* `bounds`: upper bounds of a histogram's buckets, ascending, without +Inf, kept by reference; NULL
 * otherwise. A summary shows only _sum and _count. Registering a name again gives the family that
 * is there. Names and help must be literals. NULL only when out of memory. */
pf_metric_family *pf_metrics_family(const char *name, const char *help, pf_metric_type type,
                                    const double *bounds, size_t nbounds);

/* A gauge or counter whose value is asked for when it is shown. `read` may be called from any
 * thread until pf_metrics_forget(ctx). */
void pf_metrics_callback(const char *name, const char *help, pf_metric_type type,
                         double (*read)(void *ctx), void *ctx);
void pf_metrics_forget(
    void *ctx); /* drops the callbacks of ctx: before what ctx points to is freed */

pf_metric *pf_metric_series(pf_metric_family *f, const char *labels);

void pf_metric_add(pf_metric *m, double v);     /* counter, gauge */
void pf_metric_set(pf_metric *m, double v);     /* gauge */
void pf_metric_observe(pf_metric *m, double v); /* histogram, summary */

/* Writes all families, sorted by name. */
void pf_metrics_write(pf_buf *out);

#endif
