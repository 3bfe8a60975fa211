#include "base/remap.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAP = 64 };

static pf_remap_slot *probe(const pf_remap *m, uint64_t key)
{
    size_t mask = m->cap - 1;
    /* Fibonacci hashing: the keys are consecutive numbers, or pairs of such, more often than not.
     * Only the top bits of the product depend on all bits of the key. */
    size_t i = key * (UINT64_C(0x9e3779b97f4a7c15) ^ m->seed << 1) >> m->shift;
    while (m->slots[i].used && m->slots[i].key != key)
        i = (i + 1) & mask;
    return &m->slots[i];
}

/* `cap`: a power of two. */
static bool resize(pf_remap *m, size_t cap)
{
    pf_remap bigger = *m;
    bigger.cap = cap;
    bigger.shift = 64 - (unsigned)__builtin_ctzll(cap);
    if (m->budget && !pf_ledger_take(m->budget, pf_remap_bytes(&bigger), NULL))
        return false;
    bigger.slots = calloc(cap, sizeof *bigger.slots);
    if (!bigger.slots) {
        if (m->budget)
            pf_ledger_give(m->budget, pf_remap_bytes(&bigger));
        return false;
    }
    for (size_t i = 0; i < m->cap; i++)
        if (m->slots[i].used)
            *probe(&bigger, m->slots[i].key) = m->slots[i];
    pf_remap_free(m);
    m->slots = bigger.slots;
    m->cap = cap;
    m->len = bigger.len;
    m->shift = bigger.shift;
    return true;
}

bool pf_remap_reserve(pf_remap *m, size_t n)
{
    size_t cap = m->cap ? m->cap : FIRST_CAP;
    while (n * 4 > cap * 3)
        cap *= 2;
    return cap == m->cap || resize(m, cap);
}

uint32_t *pf_remap_at(pf_remap *m, uint64_t key)
{
    if (m->len * 4 >= m->cap * 3 && !resize(m, m->cap ? m->cap * 2 : FIRST_CAP))
        return NULL;
    pf_remap_slot *s = probe(m, key);
    if (!s->used) {
        *s = (pf_remap_slot){key, PF_REMAP_NONE, 1};
        m->len++;
    }
    return &s->value;
}

void pf_remap_clear(pf_remap *m)
{
    if (m->len)
        memset(m->slots, 0, m->cap * sizeof *m->slots);
    m->len = 0;
}

void pf_remap_free(pf_remap *m)
{
    if (m->budget)
        pf_ledger_give(m->budget, pf_remap_bytes(m));
    free(m->slots);
    m->slots = NULL;
    m->cap = m->len = 0;
}
