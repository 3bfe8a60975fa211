/* arena.h: memory that is handed out piece by piece and freed in one go.
 *
 *     +---------------- block 0 (kept over a reset) ---------+   +------- block 1 -------+
 *     | alloc | alloc | alloc | ... free ...                 |-->| alloc | ... free ...  |
 *     +------------------------------------------------------+   +-----------------------+
 *
 * A decoded profile, a request and a query result each live in one. Blocks are taken from a
 * pf_ledger where one is given, so that many arenas together stay under a ceiling; `limit` bounds
 * this arena. Every allocation is aligned to 16 bytes and is NOT zeroed unless it comes from
 * pf_arena_zalloc. Not thread-safe: an arena belongs to one thread at a time (handing it over is
 * fine).
 */
#ifndef PF_BASE_ARENA_H
#define PF_BASE_ARENA_H

#include "base/error.h"
#include "base/ledger.h"
#include "base/str.h"

typedef struct pf_arena_block pf_arena_block;

typedef struct pf_arena {
    pf_arena_block *head; /* the block that is being filled; older ones behind it */
    size_t held;          /* bytes of all blocks, headers included */
    size_t limit;         /* ceiling of `held`; 0 is none */
    pf_ledger *budget;    /* NULL: none */
    size_t beside;        /* bytes of the budget that the same request holds elsewhere: its body */
    bool over_limit;      /* the last NULL was for `limit`, or `never`: waiting will not help */
    bool over_budget;     /* the last NULL was for the budget: it may pass */
    bool never; /* the last NULL was for the budget, which even alone the request overfills */
} pf_arena;

/* `budget` may be NULL and must outlive the arena. Allocates nothing yet. */
void pf_arena_init(pf_arena *a, pf_ledger *budget, size_t limit);

/* NULL when the machine, the limit or the budget is out of memory; `n` 0 gives a valid pointer. */
void *pf_arena_alloc(pf_arena *a, size_t n);
void *pf_arena_zalloc(pf_arena *a, size_t n);

/* `count` elements of `size` bytes, not zeroed; NULL on overflow of the product, too. */
void *pf_arena_array(pf_arena *a, size_t count, size_t size);

/* Asked before `n` bytes are taken piece by piece: false, with the reason as after a NULL, when they can never be
 * had. True promises nothing. */
bool pf_arena_could_hold(pf_arena *a, size_t n);

/* Gives back the tail of the newest allocation: `p` (of `n` bytes) shrinks to `keep` bytes. Where it had
 * a large block to itself and keeps nothing, the block is freed at once. */
void pf_arena_shrink(pf_arena *a, void *p, size_t n, size_t keep);

/* A copy in the arena, with a NUL behind it that is not counted; {NULL, 0} when out of memory. */
pf_str pf_arena_str(pf_arena *a, pf_str s);

/* Why the last allocation gave NULL, as an error: PF_TOO_LARGE (limit, or never), PF_UNAVAILABLE (budget) or
 * PF_INTERNAL. `what` names what needed it. */
pf_code pf_arena_fail(const pf_arena *a, pf_error *err, const char *what);

/* Forgets all allocations; keeps one block of at most `keep` bytes for the next use. */
void pf_arena_reset(pf_arena *a, size_t keep);

/* Frees everything. The arena may be used again. */
void pf_arena_free(pf_arena *a);

#endif
