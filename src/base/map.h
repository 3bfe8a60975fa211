/* map.h: an open-addressing hash table from 128-bit content hashes to 32-bit numbers.
 *
 *     slot:  | hash.lo | hash.hi | value |     linear probing, at most 3/4 full, power-of-two slots
 *
 * The keys are already well-mixed hashes (pf_hash_bytes, see hash.h): the low bits of key.lo alone pick the
 * slot, so a number, or one times a constant, makes a table of collisions. `probes` shows it. A stored value
 * can't be PF_MAP_EMPTY. There is no removal: tables here grow, are read, and are dropped
 * whole. Owns its slots (malloc), counted against `budget` where one is given. Not thread-safe.
 */
#ifndef PF_BASE_MAP_H
#define PF_BASE_MAP_H

#include "base/error.h"
#include "base/hash.h"
#include "base/ledger.h"

typedef struct pf_map_slot {
    pf_hash key;
    uint32_t value; /* UINT32_MAX: empty */
    uint32_t pad;
} pf_map_slot;

typedef struct pf_map {
    pf_map_slot *slots;
    size_t cap;      /* slots: 0 or a power of two */
    size_t len;      /* used ones */
    uint64_t probes; /* slots that pf_map_at and growing looked at; about two a call are right */
    pf_ledger *budget;
    bool over_budget; /* the last failure was for the budget: waiting may help */
} pf_map;

#define PF_MAP_EMPTY UINT32_MAX

void pf_map_init(pf_map *m, pf_ledger *budget); /* allocates nothing yet; budget may be NULL */

/* The value, or PF_MAP_EMPTY. */
uint32_t pf_map_get(const pf_map *m, pf_hash key);

/* Returns where the value of `key` stands: the value that is there, or PF_MAP_EMPTY in a new slot
 * that the caller fills at once. NULL when out of memory. Valid until the next pf_map_at. */
uint32_t *pf_map_at(pf_map *m, pf_hash key);

/* Room for `n` keys in all, so that they come without growing; n below 2^32. False when out of memory: nothing
 * has changed. */
bool pf_map_reserve(pf_map *m, size_t n);

/* Why there was no room, as an error: PF_UNAVAILABLE (budget) or PF_INTERNAL. `what` names what needed it. */
pf_code pf_map_fail(const pf_map *m, pf_error *err, const char *what);

size_t pf_map_bytes(const pf_map *m); /* memory held */
void pf_map_clear(pf_map *m);         /* forgets all keys, keeps the slots */
void pf_map_free(pf_map *m);

#endif
