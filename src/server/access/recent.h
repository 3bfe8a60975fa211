/* recent.h: a table of a fixed number of keys that forgets the one unused for longest to make room for a new one.
 *
 *     heads    [hash] -> entry -> entry               chains of those whose hashes end alike
 *     entries  newest <-> entry <-> ... <-> oldest    in the order of their last use
 *
 * All its memory is taken at the start, so it can't fail later, and it does not grow whatever clients make up. A
 * key is the 128-bit hash of a text under a random key of the table, so that nobody can prepare two that collide. Values
 * stay where they are until their key is forgotten. Not thread-safe.
 *
 *     pf_hash key = pf_recent_key(r, 't', token);
 *     bucket *b = pf_recent_find(r, key);
 *     if (!b)
 *         b = pf_recent_add(r, key, NULL, NULL);
 */
#ifndef PF_SERVER_ACCESS_RECENT_H
#define PF_SERVER_ACCESS_RECENT_H

#include "base/hash.h"

typedef struct pf_recent pf_recent;

/* For `max` keys (1 to 32,767), each with a value of `bytes`. NULL: out of memory. */
pf_recent *pf_recent_new(unsigned max, size_t bytes);
void pf_recent_free(pf_recent *r);

/* Texts of different kinds are different keys. */
pf_hash pf_recent_key(const pf_recent *r, char kind, pf_str text);

/* The value; its key is the newest afterwards. NULL: it is not there. */
void *pf_recent_find(pf_recent *r, pf_hash key);

/* Adds a key that is not there; its value is all zeros. In a full table the oldest is forgotten, or, with `may_go`, the
 * oldest whose value may go; NULL: none may. `may_go` is asked about each at most once. */
typedef bool (*pf_recent_may_go)(const void *value, void *ctx);
void *pf_recent_add(pf_recent *r, pf_hash key, pf_recent_may_go may_go, void *ctx);

unsigned pf_recent_count(const pf_recent *r);

#endif
