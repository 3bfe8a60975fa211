#include "storage/local/symbols/remap.h"

#include <stdlib.h>
#include <string.h>

static pf_remap_slot *probe(const pf_remap *m, uint64_t key)
{
    size_t mask = m->cap - 1;
    /* Fibonacci hashing: the keys are consecutive numbers, or pairs of such, more often than not.
     * Only the top bits of the product depend on all bits of the key. */
    size_t i = key * UINT64_C(0x9e3779b97f4a7c15) >> m->shift;
    while (m->slots[i].used && m->slots[i].key != key)
        i = (i + 1) & mask;
    return &m->slots[i];
}

static bool grow(pf_remap *m)
{
    pf_remap bigger = {.cap = m->cap ? m->cap * 2 : 64, .len = m->len};
    bigger.shift = 64 - (unsigned)__builtin_ctzll(bigger.cap);
    bigger.slots = calloc(bigger.cap, sizeof *bigger.slots);
    if (!bigger.slots)
        return false;
    for (size_t i = 0; i < m->cap; i++)
        if (m->slots[i].used)
            *probe(&bigger, m->slots[i].key) = m->slots[i];
    free(m->slots);
    *m = bigger;
    return true;
}

uint32_t *pf_remap_at(pf_remap *m, uint64_t key)
{
    if (m->len * 4 >= m->cap * 3 && !grow(m))
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
    free(m->slots);
    *m = (pf_remap){0};
}
