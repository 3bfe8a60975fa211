#include "view/pairs.h"

#include "base/hash.h"
#include "view/view.h"

#include <string.h>

enum { CAP_FIRST = 256 };

/* Multiply-shift hashing (Dietzfelbinger et al. 1997), then one slot after the other. Where the key stands, or the empty slot where it would. */
static uint32_t slot_of(const pf_pairs *p, uint64_t key)
{
    uint32_t mask = p->cap * 2 - 1, at = (uint32_t)(key * p->factor >> p->shift);
    while (p->slot[at] && p->key[p->slot[at] - 1] != key)
        at = (at + 1) & mask;
    return at;
}

static pf_code grow(pf_pairs *p, pf_error *err)
{
    uint32_t cap = p->cap ? p->cap * 2 : CAP_FIRST;
    if (cap > UINT32_MAX / 8)
        return pf_fail(err, PF_QUERY_LIMIT, "the view has too many %s", p->what);
    char *item = pf_arena_array(p->arena, cap, p->size);
    uint64_t *key = pf_arena_array(p->arena, cap, sizeof *key);
    uint32_t *slot = pf_arena_zalloc(p->arena, (size_t)cap * 2 * sizeof *slot);
    if (!item || !key || !slot)
        return pf_view_nomem(p->arena, err);
    if (p->n) {
        memcpy(item, p->item, p->n * p->size);
        memcpy(key, p->key, p->n * sizeof *key);
    }
    p->item = item;
    p->key = key;
    p->slot = slot;
    p->cap = cap;
    p->shift = 64 - (unsigned)__builtin_ctz(cap * 2);
    if (!p->factor) {
        pf_random(&p->factor, sizeof p->factor);
        p->factor |= 1;
    }
    for (uint32_t i = 0; i < p->n; i++)
        slot[slot_of(p, key[i])] = i + 1;
    return PF_OK;
}

pf_code pf_pairs_at(pf_pairs *p, uint32_t first, uint32_t second, uint32_t *number, pf_error *err)
{
    uint64_t key = (uint64_t)first << 32 | second;
    uint32_t at = p->cap ? slot_of(p, key) : 0;
    if (p->cap && p->slot[at]) {
        *number = p->slot[at] - 1;
        return PF_OK;
    }
    if (p->n == p->cap) {
        pf_code code = grow(p, err);
        if (code)
            return code;
        at = slot_of(p, key);
    }
    p->key[p->n] = key;
    memset((char *)p->item + p->n * p->size, 0, p->size);
    *number = p->n;
    p->slot[at] = ++p->n;
    return PF_OK;
}
