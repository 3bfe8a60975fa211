/* intern.h: gives the parts of a profile their numbers, old ones where they are known, new ones
 * where not.
 *
 *     sample --stack hash--> known? yes: its number: one lookup, and nothing else of it is looked at
 *                                   no:  from the leaf up to the first caller that is known; the
 *                                        frames below it become nodes, and only their locations,
 *                                        functions and strings are looked up or added
 *
 * Belongs to the committer: not thread-safe. Numbers given out count as known at once. When what
 * they stand for does not reach the disk, pf_symbol_cache_undo and the pf_numbering of before forget them.
 */
#ifndef PF_STORAGE_LOCAL_SYMBOLS_INTERN_H
#define PF_STORAGE_LOCAL_SYMBOLS_INTERN_H

#include "storage/local/symbols/content_hash.h"
#include "storage/local/symbols/row.h"
#include "storage/local/symbols/symbol_cache.h"
#include "storage/local/symbols/tables.h"

/* The tables of one service in one partition, as the committer knows them. */
typedef struct pf_numbering {
    uint32_t next[PF_TABLES]; /* the numbers that are given out next */
    pf_hash salt;             /* sets its keys in the shared pf_symbol_cache apart */
} pf_numbering;

/* A new random salt: nothing is known in this space any more. `next`: NULL for empty tables. */
void pf_numbering_init(pf_numbering *s, const uint32_t *next);

/* Under which key the shared cache has the number of a content. */
pf_hash pf_numbering_key(const pf_numbering *s, pf_table table, pf_hash content);

/* What pf_intern and a row's sorting and writing need of memory that grows with the profile, taken before it is the
 * profile's turn: being refused for memory costs nobody else anything then. */
typedef struct pf_intern_room {
    pf_row row; /* its arrays */
    pf_row_scratch *scratch;
    uint32_t *location, *function, *mapping, *unknown;
    pf_sym_line *lines;
    uint32_t deepest; /* frames of a stack */
    pf_hash *chain;
} pf_intern_room;

/* All in `a`. PF_TOO_LARGE, PF_UNAVAILABLE, PF_INTERNAL: the arena. */
pf_code pf_intern_prepare(pf_intern_room *room, const pf_profile *p, const pf_content *c,
                          pf_arena *a, pf_error *err);

/* Numbers for all of `p`. New entries go to `fresh`, which is cleared first and begins at s->next;
 * s->next moves on. The row is not sorted yet; it lives in `room`, which may be used again. After an error the space must be
 * forgotten in the same way. PF_TOO_LARGE: a table is full. */
pf_code pf_intern(pf_symbol_cache *known, pf_numbering *s, const pf_hash_key *key,
                  const pf_profile *p, const pf_content *c, const pf_intern_room *room,
                  pf_tables *fresh, pf_row *row, pf_error *err);

#endif
