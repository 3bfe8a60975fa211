/* views.h: the symbol tables that readers have in memory: a cache with a ceiling.
 *
 * A view holds the tables of one service in one partition, from number 1 to wherever they were read. It
 * only grows: when a row refers to more than it has, the chunks behind what it has are read.
 *
 *     view = pf_views_take(views, conn->partition, service, &err)
 *     pf_view_reach(view, conn, op, next, NULL, &err) reads on until the numbers below `next` are there
 *     pthread_rwlock_rdlock(&view->lock); ... view->tables ...; pthread_rwlock_unlock
 *     pf_views_give(views, view)
 *
 * Those least recently used go first when all together hold more than the ceiling. One in use stays; what the
 * ceiling is passed by then counts against the memory in flight. One that could not be read on is left to those
 * who use it, who may need no more than it has; who comes later starts anew. Thread-safe.
 */
#ifndef PF_STORAGE_LOCAL_VIEWS_H
#define PF_STORAGE_LOCAL_VIEWS_H

#include "storage/local/conns.h"
#include "storage/local/symbols/tables.h"

typedef struct pf_view pf_view;
typedef struct pf_views pf_views;
struct pf_view {
    pf_views *views;

    /* Guarded by the cache's lock. */
    pf_view *newer, *older; /* by last use */
    pf_view *chain;         /* the next of its bucket */
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

enum { PF_VIEW_BUCKETS = 1024 };

struct pf_views {
    pthread_mutex_t lock; /* guards all below */
    pf_view *newest, *oldest;
    pf_view *bucket[PF_VIEW_BUCKETS]; /* by partition and service */
    size_t bytes, max;
    pf_budget *budget; /* of the memory in flight; NULL until an operation has one */
    size_t charged;    /* taken from it: what bytes is above max */
};

void pf_views_init(pf_views *v, size_t max);
void pf_views_free(pf_views *v); /* all must have been given back */

pf_code pf_views_take(pf_views *v, const pf_partition *p, int64_t service, pf_view **out,
                      pf_error *err);
void pf_views_give(pf_views *v, pf_view *view);

/* Reads chunks until every table reaches `next`: for one row, half of what there is on average. With `reached`,
 * for a caller who will come again with other rows, reads all there are, and *reached gets where they end.
 * PF_INTERNAL when the partition has no more: what refers to more is damaged. PF_QUERY_LIMIT when the tables
 * need more than the memory in flight could ever give, PF_UNAVAILABLE when it can't give it now. */
pf_code pf_view_reach(pf_view *view, pf_conn *conn, const pf_op *op, const uint32_t next[PF_TABLES],
                      uint32_t reached[PF_TABLES], pf_error *err);

#endif
