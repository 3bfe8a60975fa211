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

/* Whether list[i], of a list in order, is the file of the day that is written next. */
static bool is_last_of(int64_t day, pf_partition **list, size_t n, size_t i)
{
    if (list[i]->key.day != day)
        return false;
    while (++i < n)
        if (list[i] && list[i]->key.day == day)
            return false;
    return true;
}

/* The one whose last profile arrived first, of those that may go. */
static pf_partition *oldest(const pf_committer *c, pf_partition **list, size_t n,
                            const pf_partition *spared)
{
    int64_t today = pf_partitions_day(c->set, pf_clock_wall(c->clock));
    pf_partition *found = NULL;
    for (size_t i = 0; i < n; i++) {
        if (!list[i] || list[i] == spared || list[i] == c->writer.partition ||
            is_last_of(today, list, n, i))
            continue;
        if (!found || last_arrival(c, list[i]) < last_arrival(c, found))
            found = list[i];
    }
    return found;
}

static int64_t share_of(int64_t max_size)
{
    enum { SHARES = 8 };
    int64_t share = max_size / SHARES;
    return share < PF_SHARE_MIN ? PF_SHARE_MIN : share;
}

/* What is kept free below the ceiling, so that the next transactions don't pass it. */
static int64_t ceiling(int64_t max_size)
{
    return max_size - share_of(max_size) / 2;
}

int pf_retention_log_pages(int64_t max_size, int most)
{
    enum { PAGE = 4096, PARTS = 4 };
    int64_t pages = share_of(max_size) / PARTS / PAGE;
    return max_size <= 0 || pages > most ? most : (int)pages;
}

void pf_retention_shrink(pf_committer *c)
{
    pf_partition **list = NULL;
    size_t n = 0;
    if (c->max_size <= 0 || pf_partitions_all(c->set, &list, &n, NULL))
        return;
    const pf_partition *last = newest(list, n);
    int64_t sum = 0, own = 0;
    for (size_t i = 0; i < n; i++) {
        int64_t bytes = pf_partition_bytes(list[i]);
        own += list[i] == c->writer.partition ? bytes : 0;
        sum += bytes;
    }
    for (pf_partition *p; sum > ceiling(c->max_size) && (p = oldest(c, list, n, last));) {
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
    c->others = sum - own;
    c->measured = c->writer.partition ? c->writer.partition->serial : 0;
    pf_partitions_reap(c->set);
}

void pf_retention_note_growth(pf_committer *c)
{
    pf_partition *p = c->writer.partition;
    if (c->max_size <= 0 || !p)
        return;
    int64_t own = pf_partition_bytes(p);
    if (own >= share_of(c->max_size))
        atomic_store(&p->full, true);
    if (c->measured != p->serial || c->others + own > ceiling(c->max_size))
        pf_retention_shrink(c);
}
