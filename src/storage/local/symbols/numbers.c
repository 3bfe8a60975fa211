#include "storage/local/symbols/numbers.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS_MIN = 4096 };

typedef struct slot {
    uint64_t lo;
    uint32_t hi;
    uint32_t number; /* 0: free */
} slot;

typedef struct generation {
    slot *slots;
    size_t cap, len; /* cap: a power of two */
} generation;

struct pf_numbers {
    generation young, old;
    size_t cap_max; /* slots of one generation */
    uint64_t turns;
};

pf_numbers *pf_numbers_new(size_t bytes)
{
    pf_numbers *n = calloc(1, sizeof *n);
    if (!n)
        return NULL;
    n->cap_max = SLOTS_MIN;
    while (n->cap_max * 2 * sizeof(slot) * 2 <= bytes)
        n->cap_max *= 2;
    return n;
}

static slot *probe(const generation *g, pf_hash key)
{
    size_t mask = g->cap - 1;
    for (size_t i = key.lo & mask;; i = (i + 1) & mask) {
        slot *s = &g->slots[i];
        if (!s->number || (s->lo == key.lo && s->hi == (uint32_t)key.hi))
            return s;
    }
}

/* A table of `cap` slots holding what *g holds. */
static bool rehash(generation *g, size_t cap)
{
    generation bigger = {calloc(cap, sizeof(slot)), cap, g->len};
    if (!bigger.slots)
        return false;
    for (size_t i = 0; i < g->cap; i++)
        if (g->slots[i].number)
            *probe(&bigger, (pf_hash){g->slots[i].lo, g->slots[i].hi}) = g->slots[i];
    free(g->slots);
    *g = bigger;
    return true;
}

/* Room for one more in young, by growing it or by turning the generations. */
static bool make_room(pf_numbers *n)
{
    generation *y = &n->young;
    if (y->len * 4 < y->cap * 3)
        return true;
    /* Growing by steps keeps a small server small; once a generation is old the next starts whole.
     */
    size_t cap = y->cap ? y->cap * 2 : n->old.slots ? n->cap_max : SLOTS_MIN;
    if (cap <= n->cap_max)
        return rehash(y, cap);
    free(n->old.slots);
    n->old = *y;
    *y = (generation){0};
    n->turns++;
    return rehash(y, n->cap_max);
}

static void add(pf_numbers *n, pf_hash key, uint32_t number)
{
    if (!make_room(n))
        return;
    slot *s = probe(&n->young, key);
    if (!s->number)
        n->young.len++;
    *s = (slot){key.lo, (uint32_t)key.hi, number};
}

bool pf_numbers_get(pf_numbers *n, pf_hash key, uint32_t *number)
{
    slot *s = n->young.cap ? probe(&n->young, key) : NULL;
    if (s && s->number) {
        *number = s->number;
        return true;
    }
    s = n->old.cap ? probe(&n->old, key) : NULL;
    if (!s || !s->number)
        return false;
    *number = s->number;
    add(n, key, *number);
    return true;
}

void pf_numbers_prefetch(const pf_numbers *n, pf_hash key)
{
    if (n->young.cap)
        __builtin_prefetch(&n->young.slots[key.lo & (n->young.cap - 1)]);
}

void pf_numbers_put(pf_numbers *n, pf_hash key, uint32_t number)
{
    add(n, key, number);
}

size_t pf_numbers_bytes(const pf_numbers *n)
{
    return sizeof *n + (n->young.cap + n->old.cap) * sizeof(slot);
}

uint64_t pf_numbers_turns(const pf_numbers *n)
{
    return n->turns;
}

void pf_numbers_free(pf_numbers *n)
{
    if (!n)
        return;
    free(n->young.slots);
    free(n->old.slots);
    free(n);
}
