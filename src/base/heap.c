#include "base/heap.h"

#include "base/metrics.h"

#include <malloc.h>
#include <stdatomic.h>

static atomic_bool used;

/* A block of a megabyte or more is mapped on its own and goes back when it is freed. glibc would raise that size to
 * the largest block freed so far; setting it turns that off. What is free at the end of the heap goes back above
 * some megabytes only: else every request has the kernel clear its pages anew. */
void pf_heap_setup(void)
{
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
    mallopt(M_TRIM_THRESHOLD, 4 << 20);
}

void pf_heap_used(void)
{
    atomic_store_explicit(&used, true, memory_order_relaxed);
}

bool pf_heap_give_back(void)
{
    static pf_metric *trims;
    if (!trims)
        trims = pf_metric_series(
            pf_metrics_family("profefe_heap_trims_total",
                              "Times that memory which queries had left free was given back.",
                              PF_COUNTER, NULL, 0),
            "");
    if (!atomic_exchange_explicit(&used, false, memory_order_relaxed) ||
        mallinfo2().fordblks < PF_HEAP_FREE_MAX)
        return false;
    malloc_trim(0);
    pf_metric_add(trims, 1);
    return true;
}
