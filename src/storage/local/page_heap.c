#include "storage/local/page_heap.h"

#include <stdlib.h>
#include <string.h>

void pf_page_heap_init(pf_page_heap *e, size_t max, bool down)
{
    *e = (pf_page_heap){.max = max, .down = down};
}

void pf_page_heap_free(pf_page_heap *e)
{
    free(e->heap);
    *e = (pf_page_heap){0};
}

int pf_entry_cmp(const pf_entry *a, const pf_entry *b)
{
    if (a->created_at != b->created_at)
        return a->created_at < b->created_at ? -1 : 1;
    return memcmp(a->xid.b, b->xid.b, sizeof a->xid.b);
}

static bool worse(const pf_page_heap *e, const pf_entry *a, const pf_entry *b)
{
    int c = pf_entry_cmp(a, b);
    return e->down ? c < 0 : c > 0;
}

bool pf_page_heap_beyond(const pf_page_heap *e, int64_t created_at)
{
    if (e->n < e->max)
        return false;
    return e->down ? created_at < e->heap[0].created_at : created_at > e->heap[0].created_at;
}

static void sift_up(pf_page_heap *e, size_t at)
{
    pf_entry moved = e->heap[at];
    while (at > 0 && worse(e, &moved, &e->heap[(at - 1) / 2])) {
        e->heap[at] = e->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    e->heap[at] = moved;
}

static void sift_down(pf_page_heap *e)
{
    pf_entry moved = e->heap[0];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < e->n; at = child) {
        if (child + 1 < e->n && worse(e, &e->heap[child + 1], &e->heap[child]))
            child++;
        if (!worse(e, &e->heap[child], &moved))
            break;
        e->heap[at] = e->heap[child];
    }
    e->heap[at] = moved;
}

static pf_code grow(pf_page_heap *e, pf_error *err)
{
    size_t cap = e->cap ? e->cap * 2 : 64;
    pf_entry *bigger = realloc(e->heap, cap * sizeof *bigger);
    if (!bigger)
        return pf_fail_nomem(err, "listing");
    e->heap = bigger;
    e->cap = cap;
    return PF_OK;
}

pf_code pf_page_heap_add(pf_page_heap *e, const pf_entry *entry, bool *kept, pf_error *err)
{
    *kept = true;
    if (e->n == e->max) {
        *kept = worse(e, &e->heap[0], entry);
        if (*kept) {
            e->heap[0] = *entry;
            sift_down(e);
        }
        return PF_OK;
    }
    if (e->n == e->cap && grow(e, err))
        return PF_INTERNAL;
    e->heap[e->n++] = *entry;
    sift_up(e, e->n - 1);
    return PF_OK;
}

static int upwards(const void *a, const void *b)
{
    return pf_entry_cmp(a, b);
}

static int downwards(const void *a, const void *b)
{
    return pf_entry_cmp(b, a);
}

void pf_page_heap_sort(pf_page_heap *e)
{
    if (e->n)
        qsort(e->heap, e->n, sizeof *e->heap, e->down ? downwards : upwards);
}
