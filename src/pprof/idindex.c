#include "pprof/idindex.h"

#include "base/hash.h"

#include <string.h>

static uint64_t row_id(const void *rows, size_t stride, uint32_t i)
{
    uint64_t id;
    memcpy(&id, (const char *)rows + stride * i, sizeof id);
    return id;
}

static uint64_t bucket(const pf_idindex *x, uint64_t id)
{
    unsigned __int128 m = (unsigned __int128)(id ^ x->seed[0]) * x->seed[1];
    return ((uint64_t)m ^ (uint64_t)(m >> 64)) & x->mask;
}

static pf_idindex_slot *probe(const pf_idindex *x, uint64_t id)
{
    for (uint64_t i = bucket(x, id);; i = (i + 1) & x->mask) {
        pf_idindex_slot *s = &x->slots[i];
        if (s->place == UINT32_MAX || s->id == id)
            return s;
    }
}

static bool make_direct(pf_idindex *x, pf_arena *a, uint64_t max)
{
    x->direct_n = max + 1;
    x->bytes = (size_t)x->direct_n * sizeof *x->direct;
    x->direct = pf_arena_alloc(a, x->bytes);
    if (x->direct)
        memset(x->direct, 0xff, x->bytes);
    return x->direct;
}

static bool make_slots(pf_idindex *x, pf_arena *a)
{
    uint64_t cap = 16;
    while (cap < 2 * (uint64_t)x->n)
        cap *= 2;
    x->mask = cap - 1;
    x->bytes = (size_t)cap * sizeof *x->slots;
    x->slots = pf_arena_alloc(a, x->bytes);
    if (!x->slots)
        return false;
    memset(x->slots, 0xff, x->bytes);
    pf_random(x->seed, sizeof x->seed);
    x->seed[1] |= 1;
    return true;
}

pf_idindex_code pf_idindex_build(pf_idindex *x, pf_arena *a, const void *rows, uint32_t n,
                                 size_t stride, uint64_t *bad)
{
    *x = (pf_idindex){.n = n, .in_order = true};
    uint64_t max = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t id = row_id(rows, stride, i);
        if (id == 0)
            return PF_IDINDEX_ZERO;
        x->in_order &= id == (uint64_t)i + 1;
        max = id > max ? id : max;
    }
    if (x->in_order)
        return PF_IDINDEX_OK;
    bool small = max <= 4 * (uint64_t)n + 1024;
    if (!(small ? make_direct(x, a, max) : make_slots(x, a)))
        return PF_IDINDEX_NOMEM;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t id = row_id(rows, stride, i);
        pf_idindex_slot *slot = small ? NULL : probe(x, id);
        uint32_t *place = small ? &x->direct[id] : &slot->place;
        if (*place != UINT32_MAX) {
            *bad = id;
            return PF_IDINDEX_DUPLICATE;
        }
        *place = i;
        if (slot)
            slot->id = id;
    }
    return PF_IDINDEX_OK;
}

void pf_idindex_drop(pf_idindex *x, pf_arena *a)
{
    if (x->direct)
        pf_arena_shrink(a, x->direct, x->bytes, 0);
    else if (x->slots)
        pf_arena_shrink(a, x->slots, x->bytes, 0);
    x->direct = NULL;
    x->slots = NULL;
    x->n = 0;
    x->in_order = true;
}

uint32_t pf_idindex_find_table(const pf_idindex *x, uint64_t id)
{
    if (x->direct)
        return id < x->direct_n ? x->direct[id] : UINT32_MAX;
    return probe(x, id)->place;
}
