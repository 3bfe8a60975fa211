/* places.h: where the entries of a table stand in what is being made of them: number to index.
 *
 *     by number less the first:  | round | index | round | index | ...
 *
 * An entry counts only in the round that set it, so forgetting all of them costs nothing, however
 * large the table; and memory that no number touches is never touched. Owns its memory (malloc). Not
 * thread-safe.
 */
#ifndef PF_STORAGE_LOCAL_SYMBOLS_PLACES_H
#define PF_STORAGE_LOCAL_SYMBOLS_PLACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PF_PLACE_NONE UINT32_MAX

typedef struct pf_place {
    uint32_t round, index;
} pf_place;

typedef struct pf_places {
    pf_place *place;
    size_t cap;
    uint32_t round, base;
} pf_places;

/* Forgets all places and has room for numbers of [base, next). False when out of memory. */
bool pf_places_begin(pf_places *p, uint32_t base, uint32_t next);
void pf_places_free(pf_places *p);

/* `number` must lie within [base, next). PF_PLACE_NONE when it has no place yet. */
static inline uint32_t pf_places_get(const pf_places *p, uint32_t number)
{
    const pf_place *at = &p->place[number - p->base];
    return at->round == p->round ? at->index : PF_PLACE_NONE;
}
static inline void pf_places_set(pf_places *p, uint32_t number, uint32_t index)
{
    p->place[number - p->base] = (pf_place){p->round, index};
}

static inline size_t pf_places_bytes(const pf_places *p)
{
    return p->cap * sizeof *p->place;
}

#endif
