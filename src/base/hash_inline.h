/* hash_inline.h: pf_hash_bytes for inlining, for the few places that hash thousands of short things of a
 * size the compiler knows. It draws in all of XXH3: don't include it in a header.
 */
#ifndef PF_BASE_HASH_INLINE_H
#define PF_BASE_HASH_INLINE_H

#include "base/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

static inline pf_hash pf_hash_bytes_inline(const pf_hash_key *key, const void *p, size_t n)
{
    XXH128_hash_t h = XXH3_128bits_withSecret(p, n, key->secret, sizeof key->secret);
    return (pf_hash){h.low64, h.high64};
}

#endif
