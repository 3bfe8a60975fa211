#include "server/access/recent.h"

#include <stdlib.h>
#include <string.h>

enum { NONE = 0 }; /* entries are numbered from 1 */

typedef struct entry {
    pf_hash key;
    uint16_t chained;      /* the next of its chain */
    uint16_t newer, older; /* towards both ends of the list */
} entry;

struct pf_recent {
    pf_hash_key secret;
    size_t bytes;
    unsigned max, n;
    unsigned mask; /* of heads */
    uint16_t newest, oldest;
    uint16_t *heads;
    entry *entries; /* [max + 1]; the first is not used */
    char *values;   /* likewise */
};

pf_recent *pf_recent_new(unsigned max, size_t bytes)
{
    pf_recent *r = calloc(1, sizeof *r);
    unsigned heads = 1;
    while (heads < max)
        heads *= 2;
    if (!r)
        return NULL;
    pf_hash_key_random(&r->secret);
    r->bytes = (bytes + 15) / 16 * 16; /* aligned for whatever it is */
    r->max = max;
    r->mask = heads - 1;
    r->heads = calloc(heads, sizeof *r->heads);
    r->entries = calloc(max + 1, sizeof *r->entries);
    r->values = calloc(max + 1, r->bytes);
    if (!r->heads || !r->entries || !r->values) {
        pf_recent_free(r);
        return NULL;
    }
    return r;
}

void pf_recent_free(pf_recent *r)
{
    if (!r)
        return;
    free(r->heads);
    free(r->entries);
    free(r->values);
    free(r);
}

pf_hash pf_recent_key(const pf_recent *r, char kind, pf_str text)
{
    pf_hash h = pf_hash_bytes(&r->secret, text.n ? text.p : "", text.n);
    h.hi ^= (unsigned char)kind;
    return h;
}

static void *value_of(const pf_recent *r, unsigned i)
{
    return r->values + i * r->bytes;
}

static uint16_t *head_of(const pf_recent *r, pf_hash key)
{
    return &r->heads[key.lo & r->mask];
}

static void unlist(pf_recent *r, unsigned i)
{
    const entry *e = &r->entries[i];
    *(e->newer ? &r->entries[e->newer].older : &r->newest) = e->older;
    *(e->older ? &r->entries[e->older].newer : &r->oldest) = e->newer;
}

static void list_first(pf_recent *r, unsigned i)
{
    entry *e = &r->entries[i];
    e->newer = NONE;
    e->older = r->newest;
    *(e->older ? &r->entries[e->older].newer : &r->oldest) = (uint16_t)i;
    r->newest = (uint16_t)i;
}

void *pf_recent_find(pf_recent *r, pf_hash key)
{
    unsigned i = *head_of(r, key);
    while (i && !pf_hash_eq(r->entries[i].key, key))
        i = r->entries[i].chained;
    if (!i)
        return NULL;
    unlist(r, i);
    list_first(r, i);
    return value_of(r, i);
}

static void forget(pf_recent *r, unsigned i)
{
    uint16_t *at = head_of(r, r->entries[i].key);
    while (*at != i)
        at = &r->entries[*at].chained;
    *at = r->entries[i].chained;
    unlist(r, i);
}

static unsigned free_entry(pf_recent *r, pf_recent_may_go may_go, void *ctx)
{
    if (r->n < r->max)
        return ++r->n;
    unsigned i = r->oldest;
    while (i && may_go && !may_go(value_of(r, i), ctx))
        i = r->entries[i].newer;
    if (i)
        forget(r, i);
    return i;
}

void *pf_recent_add(pf_recent *r, pf_hash key, pf_recent_may_go may_go, void *ctx)
{
    unsigned i = free_entry(r, may_go, ctx);
    if (!i)
        return NULL;
    uint16_t *head = head_of(r, key);
    r->entries[i] = (entry){.key = key, .chained = *head};
    *head = (uint16_t)i;
    list_first(r, i);
    return memset(value_of(r, i), 0, r->bytes);
}

unsigned pf_recent_count(const pf_recent *r)
{
    return r->n;
}
