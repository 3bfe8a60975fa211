#include "base/map.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAP = 64 };

void pf_map_init(pf_map *m, pf_ledger *budget)
{
    *m = (pf_map){.budget = budget};
}

static pf_map_slot *probe(const pf_map *m, pf_hash key)
{
    size_t mask = m->cap - 1;
    for (size_t i = key.lo & mask;; i = (i + 1) & mask) {
        pf_map_slot *s = &m->slots[i];
        if (s->value == PF_MAP_EMPTY || pf_hash_eq(s->key, key))
            return s;
    }
}

/* How many slots `probe` looked at to get to `s`. */
static uint64_t looked_at(const pf_map *m, pf_hash key, const pf_map_slot *s)
{
    return (((size_t)(s - m->slots) - key.lo) & (m->cap - 1)) + 1;
}

static void mark_empty(pf_map *m)
{
    memset(m->slots, 0xff, m->cap * sizeof *m->slots);
}

/* `cap`: a power of two. */
static bool resize(pf_map *m, size_t cap)
{
    pf_map bigger = {.cap = cap, .len = m->len, .probes = m->probes, .budget = m->budget};
    size_t bytes = cap * sizeof *bigger.slots;
    m->over_budget = m->budget && !pf_ledger_take(m->budget, bytes, NULL);
    if (m->over_budget)
        return false;
    bigger.slots = malloc(bytes);
    if (!bigger.slots) {
        if (m->budget)
            pf_ledger_give(m->budget, bytes);
        return false;
    }
    mark_empty(&bigger);
    for (size_t i = 0; i < m->cap; i++) {
        if (m->slots[i].value == PF_MAP_EMPTY)
            continue;
        pf_map_slot *s = probe(&bigger, m->slots[i].key);
        bigger.probes += looked_at(&bigger, m->slots[i].key, s);
        *s = m->slots[i];
    }
    pf_map_free(m);
    *m = bigger;
    return true;
}

pf_code pf_map_fail(const pf_map *m, pf_error *err, const char *what)
{
    return m->over_budget ? pf_fail(err, PF_UNAVAILABLE,
                                    "the memory for requests in flight is used up (%s)", what)
                          : pf_fail_nomem(err, what);
}

bool pf_map_reserve(pf_map *m, size_t n)
{
    size_t cap = m->cap ? m->cap : FIRST_CAP;
    while (n * 4 > cap * 3)
        cap *= 2;
    return cap == m->cap || resize(m, cap);
}

uint32_t pf_map_get(const pf_map *m, pf_hash key)
{
    return m->cap ? probe(m, key)->value : PF_MAP_EMPTY;
}

uint32_t *pf_map_at(pf_map *m, pf_hash key)
{
    if (m->len * 4 >= m->cap * 3 && !resize(m, m->cap ? m->cap * 2 : FIRST_CAP))
        return NULL;
    pf_map_slot *s = probe(m, key);
    m->probes += looked_at(m, key, s);
    if (s->value == PF_MAP_EMPTY) {
        s->key = key;
        m->len++;
    }
    return &s->value;
}

size_t pf_map_bytes(const pf_map *m)
{
    return m->cap * sizeof *m->slots;
}

void pf_map_clear(pf_map *m)
{
    if (m->cap)
        mark_empty(m);
    m->len = 0;
}

void pf_map_free(pf_map *m)
{
    if (m->budget)
        pf_ledger_give(m->budget, pf_map_bytes(m));
    free(m->slots);
    m->slots = NULL;
    m->cap = m->len = 0;
}
