#include "base/log.h"
#include "storage/local/reclaim.h"
#include "storage/local/store.h"

#define IDLE_NS (30 * PF_NS_PER_SEC) /* that a reader's connection is kept */

static void look_at_clock(pf_local *l)
{
    int64_t jump;
    bool trusted = pf_trust_look(&l->trust, l->cfg.clock, &jump);
    if (jump) {
        PF_LOG_WARN("the clock jumped: retention waits for an hour", PF_D("by", jump));
        pf_metric_add(l->metrics.clock_jumps, 1);
    }
    if (trusted)
        pf_retention_expire(&l->committer, pf_clock_wall(l->cfg.clock), l->cfg.data_ttl);
}

static void show(pf_local *l)
{
    pf_partition **list = NULL;
    size_t n = 0;
    int64_t bytes = 0, rows[PF_KINDS] = {0};
    if (pf_partitions_all(&l->set, &list, &n, NULL))
        return;
    for (size_t i = 0; i < n; i++) {
        pf_extent e = pf_partition_extent(list[i]);
        bytes += pf_partition_bytes(list[i]);
        for (int k = 0; k < PF_KINDS; k++)
            rows[k] += e.rows[k];
    }
    pf_partitions_release(list, n);
    pf_rate_note(&l->rate, rows[PF_KIND_RAW] + rows[PF_KIND_COLUMNS]);
    pf_metric_set(l->metrics.raw, (double)rows[PF_KIND_RAW]);
    pf_metric_set(l->metrics.columns, (double)rows[PF_KIND_COLUMNS]);
    pf_buf names = PF_BUF_INIT;
    pf_metric_set(l->metrics.partitions, (double)n);
    pf_metric_set(l->metrics.partitions_damaged, (double)pf_partitions_damaged(&l->set, &names));
    pf_buf_free(&names);
    pf_metric_set(l->metrics.disk_bytes, (double)bytes);
    pf_metric_set(l->metrics.free_bytes, (double)atomic_load(&l->space.free));
}

void pf_local_upkeep(void *local)
{
    pf_local *l = local;
    look_at_clock(l);
    pf_retention_shrink(&l->committer);
    pf_reclaim_step(&l->committer);
    pf_partitions_reap(&l->set);
    pf_free_space_look(&l->space);
    pf_conns_close_idle(&l->conns, NULL, pf_clock_mono() - IDLE_NS);
    show(l);
}
