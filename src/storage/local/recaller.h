/* recaller.h: the thread that finds out, after a restart, which symbols a partition has already.
 *
 *     committer: first push of a service --pf_recaller_want--> queue of services
 *     recaller:  its chunks, one after the other (symbols/recall.h) --> some thousand keys and numbers
 *     committer: between two batches, puts them into the symbol cache
 *
 * Until a symbol is recalled it is stored a second time if it comes, which costs bytes and nothing else: so the committer
 * never waits for this. The thread has a connection of its own while it has something to do, the lowest priority, at most
 * half a core, and a bound on its memory. It stops for good when the cache has no room but another's. A service of which a
 * chunk is damaged is logged, and goes on with what was recalled until there.
 */
#ifndef PF_STORAGE_LOCAL_RECALLER_H
#define PF_STORAGE_LOCAL_RECALLER_H

#include "storage/local/committer.h"

/* A service that waits for its turn. */
typedef struct pf_recall_wanted {
    int64_t service;
    pf_hash salt; /* its numbering's: what is recalled is of no use under another */
} pf_recall_wanted;

struct pf_recaller {
    /* Fixed before the thread starts. */
    pf_committer *committer;
    const pf_hash_key *key;
    pf_local_metrics *metrics;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    pf_partition *partition; /* that of the queue; a reference; NULL: nothing is wanted */
    uint64_t round;          /* of the partition: another one after each pf_recaller_leave */
    pf_recall_wanted *queue;
    size_t head, n, cap;
    bool busy, stopping, full;

    pthread_t thread;
    bool started;
};

/* Before the committer's. */
pf_code pf_recaller_start(pf_recaller *r, pf_error *err);

/* Ends the thread at once; before the committer's stop, which may still call the two below. Does nothing before a start. */
void pf_recaller_stop(pf_recaller *r);
void pf_recaller_free(pf_recaller *r); /* after the committer's stop */

/* The committer's: to recall a service of the partition that it writes. Out of memory: it is not. */
void pf_recaller_want(pf_recaller *r, pf_partition *p, int64_t service, const pf_hash *salt);

/* The committer's: it leaves the partition, and nothing of it is wanted any more. The thread lets go of it soon. */
void pf_recaller_leave(pf_recaller *r);

/* Waits until nothing is left to do: for tests. */
void pf_recaller_wait(pf_recaller *r);

#endif
