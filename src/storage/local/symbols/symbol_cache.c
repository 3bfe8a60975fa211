#include "storage/local/symbols/symbol_cache.h"

#include <stdlib.h>
#include <sys/mman.h>

enum { SLOTS_MIN = 4096, HUGE_BYTES = 2 << 20 };

typedef struct slot {
    uint64_t lo;
    uint32_t hi;
    uint32_t number; /* 0: free */
} slot;

typedef struct generation {
    slot *slots;
    size_t cap, len; /* cap: a power of two */
} generation;

/* The keys put since a begin. */
typedef struct journal {
    pf_hash *key;
    size_t len, cap;
    bool on, lost; /* lost: one is missing */
} journal;

struct pf_symbol_cache {
    generation young, old;
    journal journal;
    size_t cap_max; /* slots of one generation */
    uint64_t turns;
};

pf_symbol_cache *pf_symbol_cache_new(size_t bytes)
{
    pf_symbol_cache *n = calloc(1, sizeof *n);
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

/* Every lookup goes to another page: a large table is put on huge ones where the kernel has them, which spares
 * most of the misses in the translation of addresses. NULL when out of memory. */
static slot *slots_new(size_t cap)
{
    size_t bytes = cap * sizeof(slot);
    if (bytes < HUGE_BYTES)
        return calloc(cap, sizeof(slot));
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    madvise(p, bytes, MADV_HUGEPAGE); /* a hint: refusing it is no error */
    return p;
}

static void slots_free(slot *s, size_t cap)
{
    if (s && cap * sizeof *s >= HUGE_BYTES)
        munmap(s, cap * sizeof *s);
    else
        free(s);
}

/* A table of `cap` slots holding what *g holds. */
static bool rehash(generation *g, size_t cap)
{
    generation bigger = {slots_new(cap), cap, g->len};
    if (!bigger.slots)
        return false;
    for (size_t i = 0; i < g->cap; i++)
        if (g->slots[i].number)
            *probe(&bigger, (pf_hash){g->slots[i].lo, g->slots[i].hi}) = g->slots[i];
    slots_free(g->slots, g->cap);
    *g = bigger;
    return true;
}

/* Room for one more in young, by growing it or by turning the generations. */
static bool make_room(pf_symbol_cache *n)
{
    generation *y = &n->young;
    if (y->len * 4 < y->cap * 3)
        return true;
    /* Growing by steps keeps a small server small; once a generation is old the next starts whole.
     */
    size_t cap = y->cap ? y->cap * 2 : n->old.slots ? n->cap_max : SLOTS_MIN;
    if (cap <= n->cap_max)
        return rehash(y, cap);
    slots_free(n->old.slots, n->old.cap);
    n->old = *y;
    *y = (generation){0};
    n->turns++;
    return rehash(y, n->cap_max);
}

static void add(pf_symbol_cache *n, pf_hash key, uint32_t number)
{
    if (!make_room(n))
        return;
    slot *s = probe(&n->young, key);
    if (!s->number)
        n->young.len++;
    *s = (slot){key.lo, (uint32_t)key.hi, number};
}

bool pf_symbol_cache_get(pf_symbol_cache *n, pf_hash key, uint32_t *number)
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

void pf_symbol_cache_prefetch(const pf_symbol_cache *n, pf_hash key)
{
    if (n->young.cap)
        __builtin_prefetch(&n->young.slots[key.lo & (n->young.cap - 1)]);
    if (n->old.cap)
        __builtin_prefetch(&n->old.slots[key.lo & (n->old.cap - 1)]);
}

static void note(journal *j, pf_hash key)
{
    if (j->len == j->cap) {
        size_t cap = j->cap ? j->cap * 2 : 256;
        pf_hash *bigger =
            cap > PF_SYMBOL_CACHE_NOTED ? NULL : realloc(j->key, cap * sizeof *bigger);
        j->lost = !bigger;
        if (!bigger)
            return;
        j->key = bigger;
        j->cap = cap;
    }
    j->key[j->len++] = key;
}

void pf_symbol_cache_put(pf_symbol_cache *n, pf_hash key, uint32_t number)
{
    if (n->journal.on && !n->journal.lost)
        note(&n->journal, key);
    add(n, key, number);
}

bool pf_symbol_cache_offer(pf_symbol_cache *n, pf_hash key, uint32_t number)
{
    generation *y = &n->young;
    if (n->turns || (y->cap == n->cap_max && y->len * 4 >= y->cap * 3))
        return false;
    if (!y->cap || !probe(y, key)->number)
        add(n, key, number);
    return true;
}

void pf_symbol_cache_begin(pf_symbol_cache *n)
{
    n->journal.len = 0;
    n->journal.on = true;
    n->journal.lost = false;
}

void pf_symbol_cache_keep(pf_symbol_cache *n)
{
    n->journal.len = 0;
    n->journal.on = n->journal.lost = false;
}

/* A search ends at the first free slot: those behind the one that becomes free move up, as far as that brings them no
 * further than to where their search begins. */
static void forget(generation *g, pf_hash key)
{
    slot *s = g->cap ? probe(g, key) : NULL;
    if (!s || !s->number)
        return;
    size_t mask = g->cap - 1, hole = (size_t)(s - g->slots);
    for (size_t i = (hole + 1) & mask; g->slots[i].number; i = (i + 1) & mask) {
        size_t home = g->slots[i].lo & mask;
        if (((i - home) & mask) < ((i - hole) & mask))
            continue;
        g->slots[hole] = g->slots[i];
        hole = i;
    }
    g->slots[hole] = (slot){0};
    g->len--;
}

bool pf_symbol_cache_undo(pf_symbol_cache *n)
{
    bool whole = !n->journal.lost;
    for (size_t i = 0; whole && i < n->journal.len; i++) {
        forget(&n->young, n->journal.key[i]);
        forget(&n->old, n->journal.key[i]); /* a generation may have turned since */
    }
    pf_symbol_cache_keep(n);
    return whole;
}

size_t pf_symbol_cache_bytes(const pf_symbol_cache *n)
{
    return sizeof *n + (n->young.cap + n->old.cap) * sizeof(slot) +
           n->journal.cap * sizeof(pf_hash);
}

uint64_t pf_symbol_cache_turns(const pf_symbol_cache *n)
{
    return n->turns;
}

void pf_symbol_cache_free(pf_symbol_cache *n)
{
    if (!n)
        return;
    slots_free(n->young.slots, n->young.cap);
    slots_free(n->old.slots, n->old.cap);
    free(n->journal.key);
    free(n);
}
