/* metrics.c: the registry. Families stand in one list that only grows; a family's series likewise,
 * so a pointer once given stays valid. Values are doubles in 64-bit atomics, added to by
 * compare-and-swap.
 */
#include "base/metrics.h"

#include <math.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pf_metric {
    pf_metric *next;
    pf_metric_family *family;
    char *labels;
    _Atomic double value;    /* counter, gauge: value; histogram, summary: sum */
    atomic_ullong count;     /* histogram, summary: observations */
    atomic_ullong buckets[]; /* histogram: one a bound, not cumulative */
};

struct pf_metric_family {
    pf_metric_family *next;
    const char *name, *help;
    pf_metric_type type;
    const double *bounds;
    size_t nbounds;
    pf_metric *series;
    size_t nseries;
    double (*read)(void *ctx); /* NULL: the series hold the values */
    void *ctx;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards the lists and read/ctx */
static pf_metric_family *families;                       /* sorted by name */

static pf_metric_family *family_locked(const char *name, const char *help, pf_metric_type type)
{
    pf_metric_family **at = &families;
    while (*at && strcmp((*at)->name, name) < 0)
        at = &(*at)->next;
    if (*at && strcmp((*at)->name, name) == 0)
        return *at;
    pf_metric_family *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    f->name = name;
    f->help = help;
    f->type = type;
    f->next = *at;
    *at = f;
    return f;
}

pf_metric_family *pf_metrics_family(const char *name, const char *help, pf_metric_type type,
                                    const double *bounds, size_t nbounds)
{
    pthread_mutex_lock(&lock);
    pf_metric_family *f = family_locked(name, help, type);
    if (f && !f->bounds) {
        f->bounds = bounds;
        f->nbounds = nbounds;
    }
    pthread_mutex_unlock(&lock);
    return f;
}

void pf_metrics_callback(const char *name, const char *help, pf_metric_type type,
                         double (*read)(void *ctx), void *ctx)
{
    pthread_mutex_lock(&lock);
    pf_metric_family *f = family_locked(name, help, type);
    if (f) {
        f->read = read;
        f->ctx = ctx;
    }
    pthread_mutex_unlock(&lock);
}

void pf_metrics_forget(void *ctx)
{
    pthread_mutex_lock(&lock);
    for (pf_metric_family *f = families; f; f = f->next)
        if (f->ctx == ctx)
            f->read = NULL, f->ctx = NULL;
    pthread_mutex_unlock(&lock);
}

static pf_metric *find(pf_metric_family *f, const char *labels)
{
    for (pf_metric *m = f->series; m; m = m->next)
        if (strcmp(m->labels, labels) == 0)
            return m;
    return NULL;
}

static pf_metric *series_locked(pf_metric_family *f, const char *labels)
{
    pf_metric *m = find(f, labels);
    if (m)
        return m;
    if (f->nseries >= PF_METRIC_SERIES_MAX) {
        labels = "overflow=\"true\"";
        if ((m = find(f, labels)))
            return m;
    }
    m = calloc(1, sizeof *m + f->nbounds * sizeof m->buckets[0]);
    char *copy = strdup(labels);
    if (!m || !copy) {
        free(m);
        free(copy);
        return NULL;
    }
    m->family = f;
    m->labels = copy;
    pf_metric **tail = &f->series;
    while (*tail)
        tail = &(*tail)->next;
    *tail = m;
    f->nseries++;
    return m;
}

pf_metric *pf_metric_series(pf_metric_family *f, const char *labels)
{
    if (!f)
        return NULL;
    pthread_mutex_lock(&lock);
    pf_metric *m = series_locked(f, labels);
    pthread_mutex_unlock(&lock);
    return m;
}

static void add(_Atomic double *to, double v)
{
    double was = atomic_load_explicit(to, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(to, &was, was + v, memory_order_relaxed,
                                                  memory_order_relaxed))
        ;
}

void pf_metric_add(pf_metric *m, double v)
{
    if (m)
        add(&m->value, v);
}

void pf_metric_set(pf_metric *m, double v)
{
    if (m)
        atomic_store_explicit(&m->value, v, memory_order_relaxed);
}

void pf_metric_observe(pf_metric *m, double v)
{
    if (!m)
        return;
    const pf_metric_family *f = m->family;
    size_t i = 0;
    while (i < f->nbounds && v > f->bounds[i])
        i++;
    if (i < f->nbounds)
        atomic_fetch_add_explicit(&m->buckets[i], 1, memory_order_relaxed);
    add(&m->value, v);
    atomic_fetch_add_explicit(&m->count, 1, memory_order_relaxed);
}

static void put_number(pf_buf *out, double v)
{
    if (isinf(v))
        pf_buf_puts(out, v > 0 ? "+Inf" : "-Inf");
    else if (fabs(v) < 1e15 && v == floor(v))
        pf_buf_printf(out, "%.0f", v);
    else
        pf_buf_printf(out, "%.9g", v);
}

static void put_line(pf_buf *out, const char *name, const char *suffix, const char *labels,
                     const char *more, double v)
{
    pf_buf_printf(out, "%s%s", name, suffix);
    if (*labels || *more)
        pf_buf_printf(out, "{%s%s%s}", labels, *labels && *more ? "," : "", more);
    pf_buf_putc(out, ' ');
    put_number(out, v);
    pf_buf_putc(out, '\n');
}

static void put_series(pf_buf *out, const pf_metric_family *f, pf_metric *m)
{
    double value = atomic_load_explicit(&m->value, memory_order_relaxed);
    if (f->type == PF_COUNTER || f->type == PF_GAUGE) {
        put_line(out, f->name, "", m->labels, "", value);
        return;
    }
    /* _count is read first and the +Inf bucket repeats it: the two must agree in one scrape. */
    double count = (double)atomic_load_explicit(&m->count, memory_order_relaxed);
    if (f->type == PF_HISTOGRAM) {
        double seen = 0;
        char le[48];
        for (size_t i = 0; i < f->nbounds; i++) {
            seen += (double)atomic_load_explicit(&m->buckets[i], memory_order_relaxed);
            snprintf(le, sizeof le, "le=\"%g\"", f->bounds[i]);
            put_line(out, f->name, "_bucket", m->labels, le, seen < count ? seen : count);
        }
        put_line(out, f->name, "_bucket", m->labels, "le=\"+Inf\"", count);
    }
    put_line(out, f->name, "_sum", m->labels, "", value);
    put_line(out, f->name, "_count", m->labels, "", count);
}

void pf_metrics_write(pf_buf *out)
{
    static const char *const types[] = {"counter", "gauge", "histogram", "summary"};
    pthread_mutex_lock(&lock);
    for (pf_metric_family *f = families; f; f = f->next) {
        if (!f->series && !f->read)
            continue;
        pf_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", f->name, f->help, f->name,
                      types[f->type]);
        if (f->read)
            put_line(out, f->name, "", "", "", f->read(f->ctx));
        for (pf_metric *m = f->series; m; m = m->next)
            put_series(out, f, m);
    }
    pthread_mutex_unlock(&lock);
}
