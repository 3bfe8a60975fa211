/* symbol_cache.h: which number a content has: a cache from seeded hashes to symbol numbers with a
 * ceiling.
 *
 *     young:  | hash, 96 bits | number |     what was added or looked up of late
 *     old:    | hash, 96 bits | number |     the generation before; a hit moves the entry to young
 *
 * When young is full it becomes old, and what was old is forgotten. So the cache never holds more
 * than its bytes, a lookup is one or two probes, and what is in use stays. What was forgotten is
 * given a second number when it comes again; whoever reads joins by content.
 *
 *     begin -> put, put, ... -> keep     what was put stays
 *                            -> undo     what was put since begin, and only that, is forgotten
 *
 * Not thread-safe: it belongs to the committer.
 */
#ifndef PF_STORAGE_LOCAL_SYMBOLS_SYMBOL_CACHE_H
#define PF_STORAGE_LOCAL_SYMBOLS_SYMBOL_CACHE_H

#include "base/hash.h"

typedef struct pf_symbol_cache pf_symbol_cache;

/* At most `bytes` for both generations, at least 128 KiB; memory is taken as it is used. NULL when
 * out of memory. */
pf_symbol_cache *pf_symbol_cache_new(size_t bytes);

/* False: not known (any more). */
bool pf_symbol_cache_get(pf_symbol_cache *n, pf_hash key, uint32_t *number);

/* Begins to bring from memory what a pf_symbol_cache_get of this key will look at. */
void pf_symbol_cache_prefetch(const pf_symbol_cache *n, pf_hash key);

/* `key` must not be there. Forgets others when there is no room, and itself when there is no
 * memory. */
void pf_symbol_cache_put(pf_symbol_cache *n, pf_hash key, uint32_t number);

/* Adds what is not known, as long as nothing else needs to be forgotten for it. False: there is no room, or there was none
 * at some time; there will be none later either. */
bool pf_symbol_cache_offer(pf_symbol_cache *n, pf_hash key, uint32_t number);

/* Notes the keys that are put from now on. Does nothing else: a cache without a begin works as well. */
void pf_symbol_cache_begin(pf_symbol_cache *n);

/* Notes no more: what was put stays. */
void pf_symbol_cache_keep(pf_symbol_cache *n);

/* Notes no more, and forgets what was put since the begin. False when not all of it could be noted (for want of memory,
 * or more than PF_SYMBOL_CACHE_NOTED): then nothing was forgotten, and no key that may have been put may be asked for
 * again. */
bool pf_symbol_cache_undo(pf_symbol_cache *n);
enum { PF_SYMBOL_CACHE_NOTED = 1 << 16 }; /* keys, of 16 bytes, which come on top of the ceiling */

size_t pf_symbol_cache_bytes(const pf_symbol_cache *n);
uint64_t pf_symbol_cache_turns(const pf_symbol_cache *n); /* how often a generation was forgotten */
void pf_symbol_cache_free(pf_symbol_cache *n);

#endif
