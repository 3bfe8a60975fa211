/* number_index.h: where the entries of a table stand in what is being made of them: number to index.
 *
 *     by number less the first:  | round | index | round | index | ...
 *
 * An entry counts only in the round that set it, so forgetting all of them costs nothing, however
 * large the table; and memory that no number touches is never touched. Owns its memory (malloc). Not
 * thread-safe.
 */
#ifndef PF_STORAGE_LOCAL_SYMBOLS_NUMBER_INDEX_H
#define PF_STORAGE_LOCAL_SYMBOLS_NUMBER_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PF_NUMBER_INDEX_NONE UINT32_MAX

typedef struct pf_number_slot {
    uint32_t round, index;
} pf_number_slot;

typedef struct pf_number_index {
    pf_number_slot *place;
    size_t cap;
    uint32_t round, base;
} pf_number_index;

/* Forgets all places and has room for numbers of [base, next). False when out of memory. */
bool pf_number_index_begin(pf_number_index *p, uint32_t base, uint32_t next);
void pf_number_index_free(pf_number_index *p);

/* `number` must lie within [base, next). PF_NUMBER_INDEX_NONE when it has no place yet. */
static inline uint32_t pf_number_index_get(const pf_number_index *p, uint32_t number)
{
    const pf_number_slot *at = &p->place[number - p->base];
    return at->round == p->round ? at->index : PF_NUMBER_INDEX_NONE;
}
static inline void pf_number_index_set(pf_number_index *p, uint32_t number, uint32_t index)
{
    p->place[number - p->base] = (pf_number_slot){p->round, index};
}

static inline size_t pf_number_index_bytes(const pf_number_index *p)
{
    return p->cap * sizeof *p->place;
}

#endif
