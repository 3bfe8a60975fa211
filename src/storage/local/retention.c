#include "storage/local/retention.h"

#include "base/log.h"

#include <stdlib.h>

bool pf_trust_look(pf_trust *t, const pf_clock *clock, int64_t *jump)
{
    int64_t boot = pf_clock_boot(clock), offset = pf_clock_wall(clock) - boot;
    int64_t moved = t->started ? offset - t->offset : 0;
    *jump = 0;
    if (!t->started || moved > PF_TRUST_SLACK || moved < -PF_TRUST_SLACK) {
        *jump = moved;
        t->since = boot;
        t->started = true;
    }
    t->offset = offset;
    return boot - t->since >= PF_TRUST_AFTER;
}

static void drop(pf_committer *c, pf_partition *p, pf_drop_reason reason, const char *why)
{
    pf_extent e = pf_partition_extent(p);
    PF_LOG_INFO("dropped a partition", PF_S("partition", p->name), PF_S("reason", why),
                PF_I("profiles", pf_extent_rows(&e)));
    pf_committer_leave(c, p);
    pf_partitions_drop(c->set, p);
    pf_metric_add(c->metrics->dropped[reason], 1);
}

/* Unix seconds: when the last profile arrived, or for a partition without any when it was to end.
 */
static int64_t last_arrival(const pf_committer *c, pf_partition *p)
{
    pf_extent e = pf_partition_extent(p);
    return pf_extent_rows(&e) ? e.last_arrival : (p->key.day + c->set->days) * 86400;
}

void pf_retention_expire(pf_committer *c, int64_t now, int64_t ttl)
{
    pf_partition **list = NULL;
    size_t n = 0;
    if (ttl <= 0 || pf_partitions_all(c->set, &list, &n, NULL))
        return;
    int64_t before = now / PF_NS_PER_SEC - (ttl + PF_NS_PER_SEC - 1) / PF_NS_PER_SEC;
    for (size_t i = 0; i < n; i++)
        if (last_arrival(c, list[i]) < before)
            drop(c, list[i], PF_DROPPED_EXPIRED, "expired");
    pf_partitions_release(list, n);
    pf_partitions_reap(c->set);
}

/* The one whose last profile arrived last; one without any can't stand in for it. */
static pf_partition *newest(pf_partition **list, size_t n)
{
    pf_partition *found = NULL;
    int64_t last = INT64_MIN;
    for (size_t i = 0; i < n; i++) {
        pf_extent e = pf_partition_extent(list[i]);
        if (!pf_extent_rows(&e) || e.last_arrival < last)
            continue;
        found = list[i];
        last = e.last_arrival;
    }
    return found;
}

/* The one whose last profile arrived first, of those that may go. */
static pf_partition *oldest(const pf_committer *c, pf_partition **list, size_t n,
                            const pf_partition *spared)
{
    int64_t today = pf_partitions_day(c->set, pf_clock_wall(c->clock));
    pf_partition *found = NULL;
    for (size_t i = 0; i < n; i++) {
        if (!list[i] || list[i] == spared || list[i] == c->writer.partition ||
            list[i]->key.day == today)
            continue;
        if (!found || last_arrival(c, list[i]) < last_arrival(c, found))
            found = list[i];
    }
    return found;
}

void pf_retention_shrink(pf_committer *c, int64_t max_size)
{
    pf_partition **list = NULL;
    size_t n = 0;
    if (max_size <= 0 || pf_partitions_all(c->set, &list, &n, NULL))
        return;
    const pf_partition *last = newest(list, n);
    int64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += pf_partition_bytes(list[i]);
    for (pf_partition *p; sum > max_size && (p = oldest(c, list, n, last));) {
        sum -= pf_partition_bytes(p);
        drop(c, p, PF_DROPPED_SIZE, "max-size");
        for (size_t i = 0; i < n; i++)
            if (list[i] == p)
                list[i] = NULL;
        pf_partition_unref(p);
    }
    for (size_t i = 0; i < n; i++)
        if (list[i])
            pf_partition_unref(list[i]);
    free(list);
    pf_partitions_reap(c->set);
}
