/* symbols_path.h: a profile's whole way through the symbol tables and back, for tests.
 *
 *     profile -> content -> numbers -> chunk bytes + row bytes -> tables + row -> profile
 *
 * Holds what the committer (numbers), the file (chunks read into tables) and a reader (resolver)
 * hold, for one service. Every function aborts when memory runs out.
 */
#ifndef PF_TESTS_SYMBOLS_PATH_H
#define PF_TESTS_SYMBOLS_PATH_H

#include "pprof/profile.h"
#include "storage/local/symbols/intern.h"
#include "storage/local/symbols/resolve.h"

typedef struct pf_test_symbols {
    pf_hash_key key;
    pf_symbol_cache *known;
    pf_numbering numbering;
    pf_tables fresh; /* what the last profile brought */
    pf_tables all;   /* everything, as read back from chunks */
    pf_buf chunk;    /* the bytes that the last profile brought; empty for none */
    pf_resolver resolver;
    pf_arena arena; /* for one put, and for what the last get gave */
} pf_test_symbols;

/* `cache_bytes` for pf_symbol_cache; the hash key is the same in every run. */
void pf_test_symbols_init(pf_test_symbols *s, size_t cache_bytes);
void pf_test_symbols_free(pf_test_symbols *s);

/* The row's bytes into `row`, its new symbols into s->chunk and from there into s->all.
 * PF_UNSUPPORTED with content's reason when the profile is a misfit. */
pf_code pf_test_symbols_put(pf_test_symbols *s, const pf_profile *p, pf_buf *row, pf_error *err);

/* Valid until the next call. */
pf_code pf_test_symbols_get(pf_test_symbols *s, int64_t created_at, pf_str row, pf_profile *out,
                            pf_error *err);

/* As after a restart: the numbers are forgotten and found again in the tables. */
void pf_test_symbols_restart(pf_test_symbols *s, size_t cache_bytes);

/* A small generator of pseudo-random numbers (splitmix64). */
uint64_t pf_test_random(uint64_t *state);

/* A valid profile that fits the tables, made up from `seed`: equal mappings, inlined lines, lone
 * entries, equal samples, labels of all kinds, values at the ends of int64. Lives in `a`. */
pf_profile pf_test_profile(uint64_t seed, pf_arena *a);

#endif
