/* hash.h: seeded 128-bit hashing (XXH3 with a secret of one's own), random bytes.
 *
 * Content is called equal when its 128-bit hashes under a random, never published key are equal.
 * The key is what makes that safe against somebody who makes up profiles: without it, collisions
 * can't be prepared. An unseeded hash (pf_hash_fixed) may pick a bucket or name a thing, never
 * decide equality. Thread-safe; a pf_hash_key is read-only once made.
 */
#ifndef PF_BASE_HASH_H
#define PF_BASE_HASH_H

#include "base/str.h"

typedef struct pf_hash {
    uint64_t lo, hi;
} pf_hash;

enum { PF_HASH_KEY_BYTES = 192 }; /* what XXH3 uses of a secret at most; at least 136 */

typedef struct pf_hash_key {
    uint8_t secret[PF_HASH_KEY_BYTES];
} pf_hash_key;

/* Fills the key from getrandom(2). */
void pf_hash_key_random(pf_hash_key *key);

/* A key derived from `seed`: the same seed gives the same key. For tests and for keys kept on disk.
 */
void pf_hash_key_from(pf_hash_key *key, const void *seed, size_t n);

pf_hash pf_hash_bytes(const pf_hash_key *key, const void *p, size_t n);

/* The same for every process and machine: for buckets and names only. */
pf_hash pf_hash_fixed(pf_str s);

static inline bool pf_hash_eq(pf_hash a, pf_hash b)
{
    return a.lo == b.lo && a.hi == b.hi;
}

/* Random bytes from the kernel; aborts when the kernel has none (it always has after boot). */
void pf_random(void *p, size_t n);

#endif
