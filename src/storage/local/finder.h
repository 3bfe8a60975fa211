/* finder.h: fills one page of a listing from all partitions.
 *
 *     for each partition that can have something:
 *         service -> number
 *         no labels:    one run of profile_time a type
 *         with labels:  the matching series, one run of profile_series each;
 *                       where many may match, profile_time first, looking at each series once
 *     a run adds to the entries until it gives nothing better;
 *     then series -> labels for those that stay
 *
 * One connection at a time, given back between partitions. Not thread-safe.
 */
#ifndef PF_STORAGE_LOCAL_FINDER_H
#define PF_STORAGE_LOCAL_FINDER_H

#include "base/map.h"
#include "storage/local/page_heap.h"
#include "storage/local/partitions.h"

typedef struct pf_known_series {
    pf_labels labels;
    pf_type type;
    bool match; /* of the query's type and labels */
} pf_known_series;

/* Where a page begins: behind (created_at, xid), in its direction. No xid: at created_at. */
typedef struct pf_find_from {
    int64_t created_at;
    pf_xid xid;
    bool has_xid;
} pf_find_from;

typedef struct pf_finder {
    pf_conns *conns;
    const pf_query *q;
    const pf_op *op;
    pf_partition **list; /* references held */
    size_t npartitions;
    pf_page_heap entries;
    pf_find_from from;
    pf_arena arena;  /* labels */
    pf_map numbers;  /* (partition, series) -> index in known */
    pf_hash_key key; /* of its hashes */
    pf_known_series *known;
    size_t nknown, known_cap;
    unsigned steps; /* rows walked, for looking at the op now and then */

    /* The partition that is being searched. */
    pf_conn *conn;
    uint32_t partition;
    int64_t service;
} pf_finder;

/* Takes the partitions that can have something for `q`. pf_finder_free is right after an error,
 * too. */
pf_code pf_finder_init(pf_finder *f, pf_partitions *set, pf_conns *conns, const pf_query *q,
                       const pf_op *op, pf_error *err);
void pf_finder_free(pf_finder *f);

/* Puts the next `max` entries behind `from`, or before it when `down`, into f->entries, sorted.
 * What series were learnt stays known for the next page. With `labels` false only the entries' keys
 * are wanted. */
pf_code pf_finder_page(pf_finder *f, pf_find_from from, size_t max, bool down, bool labels,
                       pf_error *err);

/* Receives the entries of a page in order; false ends the page there (that entry counts as given). */
typedef bool (*pf_entry_fn)(void *ctx, const pf_finder *f, const pf_entry *e);

/* The next page of the query behind *pos, which moves on: pf_store_find without the metas (find.c). */
pf_code pf_finder_next(pf_finder *f, pf_find_pos *pos, size_t max, bool labels, pf_entry_fn fn,
                       void *ctx, pf_error *err);

/* The same into out[max], for whoever goes back to the rows; *n gets how many there are. */
pf_code pf_finder_entries(pf_finder *f, pf_find_pos *pos, pf_entry *out, size_t max, size_t *n,
                          pf_error *err);

/* For walks of another kind, partition by partition: takes a connection to partition `i` of the list, begins
 * to read, and puts the service's number into f->service, 0 where it is unknown there. */
pf_code pf_finder_enter(pf_finder *f, uint32_t i, pf_error *err);
void pf_finder_leave(pf_finder *f); /* after an error, too */

/* What is known of a series of the partition entered: *at is its index in f->known. */
pf_code pf_finder_know(pf_finder *f, int64_t number, uint32_t *at, pf_error *err);

/* The series of an entry of the last page that wanted labels. */
const pf_known_series *pf_finder_series(const pf_finder *f, const pf_entry *e);

#endif
