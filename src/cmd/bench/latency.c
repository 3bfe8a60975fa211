#include "cmd/bench/latency.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool room(bench_latency *l, size_t n)
{
    if (n <= l->cap - l->n)
        return true;
    size_t cap = l->cap ? l->cap : 256;
    while (cap - l->n < n)
        cap *= 2;
    int64_t *v = reallocarray(l->v, cap, sizeof *v);
    if (!v) {
        l->failed = true;
        return false;
    }
    l->v = v;
    l->cap = cap;
    return true;
}

void bench_latency_add(bench_latency *l, int64_t ns)
{
    if (room(l, 1))
        l->v[l->n++] = ns;
    l->sorted = false;
}

void bench_latency_merge(bench_latency *into, const bench_latency *from)
{
    into->failed |= from->failed;
    if (!from->n || !room(into, from->n))
        return;
    memcpy(into->v + into->n, from->v, from->n * sizeof *from->v);
    into->n += from->n;
    into->sorted = false;
}

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

int64_t bench_latency_percentile(bench_latency *l, double percent)
{
    if (!l->n)
        return 0;
    if (!l->sorted)
        qsort(l->v, l->n, sizeof *l->v, ascending);
    l->sorted = true;
    double rank = ceil(percent / 100 * (double)l->n);
    size_t i = rank < 1 ? 0 : (size_t)rank - 1;
    return l->v[i < l->n ? i : l->n - 1];
}

int64_t bench_latency_mean(const bench_latency *l)
{
    double sum = 0;
    for (size_t i = 0; i < l->n; i++)
        sum += (double)l->v[i];
    return l->n ? (int64_t)(sum / (double)l->n) : 0;
}

void bench_latency_free(bench_latency *l)
{
    free(l->v);
    *l = (bench_latency){0};
}
