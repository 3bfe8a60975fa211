/* page_heap.h: the best K index entries seen so far, in a heap whose top is the worst of them.
 *
 * A page of a listing is filled from many runs (partitions, types, series), each of which comes in
 * order: a run is left as soon as it gives something that is no better than the top. Not
 * thread-safe.
 */
#ifndef PF_STORAGE_LOCAL_PAGE_HEAP_H
#define PF_STORAGE_LOCAL_PAGE_HEAP_H

#include "base/error.h"
#include "base/xid.h"

typedef struct pf_entry {
    int64_t created_at, series;
    int64_t number;     /* of the row in its partition */
    uint32_t partition; /* index in the finder's list */
    pf_xid xid;
} pf_entry;

typedef struct pf_page_heap {
    pf_entry *heap;
    size_t n, max, cap;
    bool down; /* newest first: the better one is the later one */
} pf_page_heap;

/* `max` is at least 1. Memory grows with what is kept. */
void pf_page_heap_init(pf_page_heap *e, size_t max, bool down);
void pf_page_heap_free(pf_page_heap *e);

/* By created_at, then id: <0, 0, >0. */
int pf_entry_cmp(const pf_entry *a, const pf_entry *b);

/* True when an entry at `created_at` or beyond could not get in any more. */
bool pf_page_heap_beyond(const pf_page_heap *e, int64_t created_at);

/* Adds it if it is good enough; *kept says so. */
pf_code pf_page_heap_add(pf_page_heap *e, const pf_entry *entry, bool *kept, pf_error *err);

/* Turns the heap into a list, best first. Nothing may be added afterwards. */
void pf_page_heap_sort(pf_page_heap *e);

#endif
