#include "base/map.h"

#include <stdlib.h>
#include <string.h>

void pf_map_init(pf_map *m, pf_budget *budget)
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

static void mark_empty(pf_map *m)
{
    memset(m->slots, 0xff, m->cap * sizeof *m->slots);
}

static bool grow(pf_map *m)
{
    pf_map bigger = {.cap = m->cap ? m->cap * 2 : 64, .len = m->len, .budget = m->budget};
    size_t bytes = bigger.cap * sizeof *bigger.slots;
    if (m->budget && !pf_budget_take(m->budget, bytes))
        return false;
    bigger.slots = malloc(bytes);
    if (!bigger.slots) {
        if (m->budget)
            pf_budget_give(m->budget, bytes);
        return false;
    }
    mark_empty(&bigger);
    for (size_t i = 0; i < m->cap; i++)
        if (m->slots[i].value != PF_MAP_EMPTY)
            *probe(&bigger, m->slots[i].key) = m->slots[i];
    pf_map_free(m);
    *m = bigger;
    return true;
}

uint32_t pf_map_get(const pf_map *m, pf_hash key)
{
    return m->cap ? probe(m, key)->value : PF_MAP_EMPTY;
}

uint32_t *pf_map_at(pf_map *m, pf_hash key)
{
    if (m->len * 4 >= m->cap * 3 && !grow(m))
        return NULL;
    pf_map_slot *s = probe(m, key);
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
        pf_budget_give(m->budget, pf_map_bytes(m));
    free(m->slots);
    m->slots = NULL;
    m->cap = m->len = 0;
}
