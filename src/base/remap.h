/* remap.h: a hash table from 64-bit keys that we made ourselves (numbers, pairs of numbers) to
 * 32-bit values. For content from outside see map.h.
 *
 *     slot:  | key | value | used |     linear probing, at most 3/4 full, power-of-two slots
 *
 * All zeros is an empty table. Not thread-safe. Owns its slots (malloc), counted against `budget` where one
 * is given.
 */
#ifndef PF_BASE_REMAP_H
#define PF_BASE_REMAP_H

#include "base/ledger.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PF_REMAP_NONE UINT32_MAX

typedef struct pf_remap_slot {
    uint64_t key;
    uint32_t value; /* PF_REMAP_NONE: free, or just made */
    uint32_t used;
} pf_remap_slot;

typedef struct pf_remap {
    pf_remap_slot *slots;
    size_t cap, len; /* cap: 0 or a power of two */
    unsigned shift;  /* leaves the bits that number the slots */
    uint64_t seed;   /* any number, set before the first key where senders have a say in the keys */
    pf_ledger *budget;
} pf_remap;

/* Where the value of `key` stands; a new one is PF_REMAP_NONE. NULL when out of memory. Valid until
 * the next call. */
uint32_t *pf_remap_at(pf_remap *m, uint64_t key);

/* Room for `n` keys in all, so that they come without growing; n below 2^32. False when out of memory: nothing
 * has changed. */
bool pf_remap_reserve(pf_remap *m, size_t n);
void pf_remap_clear(pf_remap *m);
void pf_remap_free(pf_remap *m);

static inline size_t pf_remap_bytes(const pf_remap *m)
{
    return m->cap * sizeof *m->slots;
}

#endif
