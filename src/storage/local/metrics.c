#include "storage/local/metrics.h"

static const double latency_bounds[] = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                        0.1,    0.25,  0.5,    1,     2.5,  5,     10};
static const double batch_bounds[] = {1, 2, 4, 8, 16, 32, 64, 128, 256};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static pf_metric *gauge(const char *name, const char *help)
{
    return pf_metric_series(pf_metrics_family(name, help, PF_GAUGE, NULL, 0), "");
}

static void init_counters(pf_local_metrics *m)
{
    static const char *const refusals[PF_REFUSALS] = {"reason=\"queue_full\"",
                                                      "reason=\"min_free\"", "reason=\"disk\"",
                                                      "reason=\"series\"", "reason=\"other\""};
    static const char *const drops[PF_DROP_REASONS] = {"reason=\"expired\"", "reason=\"max_size\""};
    pf_metric_family *f =
        pf_metrics_family("profefe_store_writes_refused_total",
                          "Profiles that the store did not take, by reason.", PF_COUNTER, NULL, 0);
    for (int i = 0; i < PF_REFUSALS; i++)
        m->refused[i] = pf_metric_series(f, refusals[i]);
    f = pf_metrics_family("profefe_local_partitions_dropped_total",
                          "Partitions removed from disk, by reason.", PF_COUNTER, NULL, 0);
    for (int i = 0; i < PF_DROP_REASONS; i++)
        m->dropped[i] = pf_metric_series(f, drops[i]);
    m->clock_jumps = pf_metric_series(
        pf_metrics_family("profefe_local_clock_jumps_total",
                          "Times that the wall clock jumped, which postpones retention.",
                          PF_COUNTER, NULL, 0),
        "");
    m->log_pages =
        pf_metric_series(pf_metrics_family("profefe_local_log_pages_total",
                                           "Pages of 4 KiB that transactions wrote to the log.",
                                           PF_COUNTER, NULL, 0),
                         "");
    m->opened = pf_metric_series(
        pf_metrics_family(
            "profefe_local_connections_opened_total",
            "Connections to partitions opened for readers, who keep them for the next.", PF_COUNTER,
            NULL, 0),
        "");
    m->recalled = pf_metric_series(
        pf_metrics_family("profefe_local_symbols_recalled_total",
                          "Symbols of before a restart that are known again.", PF_COUNTER, NULL, 0),
        "");
    f = pf_metrics_family("profefe_local_symbol_bytes_read_total",
                          "Bytes of symbols read for the sake of writes after a restart: by the "
                          "committer, and by the thread that recalls them.",
                          PF_COUNTER, NULL, 0);
    m->symbol_bytes[PF_READ_START] = pf_metric_series(f, "by=\"committer\"");
    m->symbol_bytes[PF_READ_RECALL] = pf_metric_series(f, "by=\"recaller\"");
    m->repeated = pf_metric_series(
        pf_metrics_family("profefe_store_writes_repeated_total",
                          "Pushes that were not stored again: their external id was there.",
                          PF_COUNTER, NULL, 0),
        "");
    m->removed =
        pf_metric_series(pf_metrics_family("profefe_store_profiles_deleted_total",
                                           "Profiles deleted on request.", PF_COUNTER, NULL, 0),
                         "");
    m->damaged = pf_metric_series(
        pf_metrics_family("profefe_local_damaged_reads_total",
                          "Profiles whose checksum did not match when they were read.", PF_COUNTER,
                          NULL, 0),
        "");
}

void pf_local_metrics_init(pf_local_metrics *m)
{
    init_counters(m);
    m->commit_seconds = pf_metric_series(
        pf_metrics_family("profefe_local_commit_duration_seconds",
                          "Time of a transaction, from its start until it is on disk.",
                          PF_HISTOGRAM, latency_bounds, COUNT(latency_bounds)),
        "");
    m->commit_profiles = pf_metric_series(
        pf_metrics_family("profefe_local_commit_profiles", "Profiles in a transaction.",
                          PF_HISTOGRAM, batch_bounds, COUNT(batch_bounds)),
        "");
    pf_metric_family *f = pf_metrics_family(
        "profefe_store_profiles", "Profiles stored, by kind of row: raw bytes or columns.",
        PF_GAUGE, NULL, 0);
    m->raw = pf_metric_series(f, "kind=\"raw\"");
    m->columns = pf_metric_series(f, "kind=\"columns\"");
    m->queue = gauge("profefe_local_queue_length", "Profiles waiting for the committer.");
    m->partitions = gauge("profefe_local_partitions", "Partitions on disk.");
    m->partitions_damaged = gauge(
        "profefe_local_partitions_damaged",
        "Partitions that are damaged: kept, not written to, and not read where they can't be.");
    m->disk_bytes = gauge("profefe_local_disk_bytes", "Bytes that the partitions take on disk.");
    m->free_bytes =
        gauge("profefe_local_free_bytes", "Bytes free on the file system of the store.");
}
