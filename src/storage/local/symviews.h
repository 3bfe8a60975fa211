/* symviews.h: the symbol tables that readers have in memory: a cache with a ceiling.
 *
 * A view holds the tables of one service in one partition, from number 1 to wherever they were read. It
 * only grows: when a row refers to more than it has, the chunks behind what it has are read.
 *
 *     view = pf_symviews_take(views, conn->partition, service, &err)
 *     pf_symview_reach(view, conn, op, next, NULL, &err) reads on until the numbers below `next` are there
 *     pthread_rwlock_rdlock(&view->lock); ... view->tables ...; pthread_rwlock_unlock
 *     pf_symviews_give(views, view)
 *
 * Those least recently used go first when all together hold more than the ceiling. One in use stays; what the
 * ceiling is passed by then counts against the memory in flight. One that could not be read on is left to those
 * who use it, who may need no more than it has; who comes later starts anew. Thread-safe.
 */
#ifndef PF_STORAGE_LOCAL_SYMVIEWS_H
#define PF_STORAGE_LOCAL_SYMVIEWS_H

#include "storage/local/conns.h"
#include "storage/local/symbols/tables.h"

typedef struct pf_symview pf_symview;
typedef struct pf_symviews pf_symviews;
struct pf_symview {
    pf_symviews *views;

    /* Guarded by the cache's lock. */
    pf_symview *newer, *older; /* by last use */
    pf_symview *chain;         /* the next of its bucket */
    unsigned users;
    size_t counted; /* bytes that stand in the cache's sum */
    bool abandoned; /* out of the cache: the last user frees it */

    /* Guarded by `lock`. */
    pthread_rwlock_t lock;
    pf_tables tables;
    uint32_t sequence; /* of the newest chunk in it */

    uint64_t partition; /* pf_partition.serial */
    int64_t service;
};

enum { PF_SYMVIEW_BUCKETS = 1024 };

struct pf_symviews {
    pthread_mutex_t lock; /* guards all below */
    pf_symview *newest, *oldest;
    pf_symview *bucket[PF_SYMVIEW_BUCKETS]; /* by partition and service */
    size_t bytes, max;
    pf_ledger *budget; /* of the memory in flight; NULL until an operation has one */
    size_t charged;    /* taken from it: what bytes is above max */
};

void pf_symviews_init(pf_symviews *v, size_t max);
void pf_symviews_free(pf_symviews *v); /* all must have been given back */

pf_code pf_symviews_take(pf_symviews *v, const pf_partition *p, int64_t service, pf_symview **out,
                         pf_error *err);
void pf_symviews_give(pf_symviews *v, pf_symview *view);

/* Reads chunks until every table reaches `next`: for one row, half of what there is on average. With `reached`,
 * for a caller who will come again with other rows, reads all there are, and *reached gets where they end.
 * PF_INTERNAL when the partition has no more: what refers to more is damaged. PF_QUERY_LIMIT when the tables
 * need more than the memory in flight could ever give, PF_UNAVAILABLE when it can't give it now. */
pf_code pf_symview_reach(pf_symview *view, pf_conn *conn, const pf_op *op,
                         const uint32_t next[PF_TABLES], uint32_t reached[PF_TABLES],
                         pf_error *err);

#endif
