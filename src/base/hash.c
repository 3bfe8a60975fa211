#include "base/hash_inline.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

void pf_random(void *p, size_t n)
{
    char *at = p;
    while (n) {
        ssize_t got = getrandom(at, n, 0);
        if (got < 0 && errno != EINTR)
            abort();
        if (got > 0)
            at += got, n -= (size_t)got;
    }
}

void pf_hash_key_random(pf_hash_key *key)
{
    pf_random(key->secret, sizeof key->secret);
}

void pf_hash_key_from(pf_hash_key *key, const void *seed, size_t n)
{
    for (size_t i = 0; i < sizeof key->secret; i += 16) {
        XXH128_hash_t h = XXH3_128bits_withSeed(seed, n, i + 1);
        memcpy(key->secret + i, &h, 16);
    }
}

pf_hash pf_hash_bytes(const pf_hash_key *key, const void *p, size_t n)
{
    return pf_hash_bytes_inline(key, p, n);
}

pf_hash pf_hash_fixed(pf_str s)
{
    XXH128_hash_t h = XXH3_128bits(s.p, s.n);
    return (pf_hash){h.low64, h.high64};
}
