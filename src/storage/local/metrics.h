/* metrics.h: what the embedded store shows of itself under /debug/metrics. Thread-safe. */
#ifndef PF_STORAGE_LOCAL_METRICS_H
#define PF_STORAGE_LOCAL_METRICS_H

#include "base/metrics.h"

#include <stdatomic.h>
#include <stdint.h>

typedef enum pf_refusal {
    PF_REFUSED_QUEUE,  /* the queue is full */
    PF_REFUSED_SPACE,  /* less than min_free is free */
    PF_REFUSED_DISK,   /* full or failing */
    PF_REFUSED_SERIES, /* too many series */
    PF_REFUSED_OTHER,
    PF_REFUSALS
} pf_refusal;

typedef enum pf_drop_reason { PF_DROPPED_EXPIRED, PF_DROPPED_SIZE, PF_DROP_REASONS } pf_drop_reason;

/* Who reads symbols on the way of a write. */
typedef enum pf_symbols_reader {
    PF_READ_START, /* the committer, at a service's first write */
    PF_READ_RECALL,
    PF_SYMBOLS_READERS
} pf_symbols_reader;

typedef struct pf_local_metrics {
    pf_metric *commit_seconds, *commit_profiles;
    pf_metric *raw, *columns; /* profiles stored, by kind */
    pf_metric *refused[PF_REFUSALS], *dropped[PF_DROP_REASONS];
    pf_metric *clock_jumps, *damaged;
    pf_metric *repeated, *removed; /* pushes that came before; profiles deleted */
    pf_metric *log_pages;          /* written to logs */
    pf_metric *opened;             /* readers' connections */
    pf_metric *recalled, *symbol_bytes[PF_SYMBOLS_READERS];
    pf_metric *queue, *partitions, *partitions_damaged, *disk_bytes, *free_bytes;
} pf_local_metrics;

/* Registers the families and shows each series from the start, at 0. */
void pf_local_metrics_init(pf_local_metrics *m);

#endif
