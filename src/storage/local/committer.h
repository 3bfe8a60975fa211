/* committer.h: the one thread that writes. It takes all that has queued, writes it as one
 * transaction, and answers each when that is on disk; while it does, the next ones queue up and
 * share the next fsync. Where many are pushed at once, or one after the other, it waits a moment for them (gather.h).
 *
 *     pf_committer_put ---> queue (bounded) ---> batch ---> COMMIT ---> done() for each
 *
 * Once a second, and after a batch when a second has passed, it calls `tick`, in which the store
 * looks after its partitions: so all that changes partitions happens in this thread. Thread-safe.
 */
#ifndef PF_STORAGE_LOCAL_COMMITTER_H
#define PF_STORAGE_LOCAL_COMMITTER_H

#include "base/clock.h"
#include "storage/local/gather.h"
#include "storage/local/metrics.h"
#include "storage/local/partitions.h"
#include "storage/local/writer.h"

typedef struct pf_committer pf_committer;
typedef struct pf_recaller pf_recaller; /* recaller.h */

/* Something that the thread is to do between two batches. */
typedef struct pf_committer_call pf_committer_call;
struct pf_committer_call {
    void (*fn)(pf_committer *c, void *ctx);
    void *ctx;
    bool done;
    pf_committer_call *next;
};

struct pf_committer {
    /* Fixed before the thread starts. */
    pf_partitions *set;
    pf_local_metrics *metrics;
    const pf_clock *clock;
    size_t queue_max, cache;
    pf_series_limits limits; /* a day */
    int64_t max_size;        /* bytes of all partitions together; 0: no ceiling (retention.h) */
    pf_symbol_cache *known;  /* the thread's own once started; the owner frees it after the stop */
    const pf_hash_key *key;
    pf_recaller *recaller; /* NULL: nothing is recalled */
    void (*tick)(void *ctx);
    void *tick_ctx;

    pthread_mutex_t lock; /* guards the queue, the flags, `ticks`, `gather` and `failing` */
    pthread_cond_t wanted, ticked;
    pf_write *head, *tail;
    size_t queued;
    pf_gather gather;
    size_t call_at; /* as many in the queue wake the thread; SIZE_MAX: it is at work */
    bool closing, tick_asked;
    uint64_t ticks;
    pf_committer_call *calls; /* in the order in which they came */
    pf_error failing;         /* why the last batch could not be stored; code PF_OK: it could */

    /* The thread's own. */
    pthread_t thread;
    bool started;
    pf_writer writer;
    int64_t others;                /* bytes of the partitions that are not written */
    uint64_t measured;             /* beside the partition of this serial; only with max_size */
    int64_t last_tick, last_batch; /* pf_clock_mono() */
};

pf_code pf_committer_start(pf_committer *c, pf_error *err);

/* Takes over the write (its job is in store_data) unless it fails: PF_UNAVAILABLE, the queue is
 * full. */
pf_code pf_committer_put(pf_committer *c, pf_write *w, pf_error *err);

/* Has the thread call fn(c, ctx) between two batches, where it may change partitions, and waits for it. Pushes wait as
 * long as it takes. */
void pf_committer_run(pf_committer *c, void (*fn)(pf_committer *c, void *ctx), void *ctx);

/* Has the thread call `tick` and waits for it: for tests. */
void pf_committer_tick(pf_committer *c);

/* PF_OK, or why writes fail just now. */
pf_code pf_committer_ready(pf_committer *c, pf_error *err);

/* Writes what has queued, ends the thread, closes the writer. Does nothing before a start. */
void pf_committer_stop(pf_committer *c);

/* In `tick` only: closes the writer if it is on `p`, so that the partition can be dropped. */
void pf_committer_leave(pf_committer *c, const pf_partition *p);

#endif
