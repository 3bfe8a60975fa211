/* idindex.h: from the ids of a profile's rows to their places. Internal to this room.
 *
 * Ids are any 64-bit numbers but nearly always 1, 2, 3, ... in order, then nothing is built at all.
 * When they are small, a table gives the place directly; else a hash table whose seed is drawn for
 * each one, so that nobody can prepare ids that collide. Lives in the arena it was built in;
 * read-only once built.
 */
#ifndef PF_PPROF_IDINDEX_H
#define PF_PPROF_IDINDEX_H

#include "base/arena.h"

typedef struct pf_idindex_slot {
    uint64_t id;
    uint32_t place; /* UINT32_MAX: empty */
} pf_idindex_slot;

typedef struct pf_idindex {
    uint32_t n;             /* rows */
    bool in_order;          /* row i has id i + 1 */
    uint32_t *direct;       /* by id; UINT32_MAX: no such id */
    uint64_t direct_n;      /* its entries */
    pf_idindex_slot *slots; /* open addressing, linear probing, at most half full */
    uint64_t mask, seed[2];
    size_t bytes; /* of direct or slots */
} pf_idindex;

typedef enum pf_idindex_code {
    PF_IDINDEX_OK = 0,
    PF_IDINDEX_ZERO,      /* a row has id 0 */
    PF_IDINDEX_DUPLICATE, /* two rows have id *bad */
    PF_IDINDEX_NOMEM,     /* ask pf_arena_fail why */
} pf_idindex_code;

/* `rows`: n structs of `stride` bytes, each of which begins with its uint64_t id. */
pf_idindex_code pf_idindex_build(pf_idindex *x, pf_arena *a, const void *rows, uint32_t n,
                                 size_t stride, uint64_t *bad);

/* Gives the table back to the arena when nothing was allocated behind it. */
void pf_idindex_drop(pf_idindex *x, pf_arena *a);

uint32_t pf_idindex_find_table(const pf_idindex *x, uint64_t id);

/* The row's place, or UINT32_MAX. */
static inline uint32_t pf_idindex_find(const pf_idindex *x, uint64_t id)
{
    if (x->in_order)
        return id - 1 < x->n ? (uint32_t)(id - 1) : UINT32_MAX; /* id 0 wraps around */
    return pf_idindex_find_table(x, id);
}

#endif
