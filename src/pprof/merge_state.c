/* A merge's memory: tables, maps and arenas that together stay within one limit and one budget. */
#include "pprof/merge_state.h"

#include <stdlib.h>
#include <string.h>

static size_t held(const pf_merge *m)
{
    size_t bytes = m->table_bytes + m->texts.held + m->scratch.held;
    for (size_t i = 0; i < sizeof m->map / sizeof *m->map; i++)
        bytes += pf_map_bytes(&m->map[i]);
    return bytes + pf_merge_nodes_bytes(&m->nodes) + pf_remap_bytes(&m->labelled);
}

pf_code pf_merge_over_limit(const pf_merge *m, pf_error *err)
{
    if (!m->limit || m->texts.never || m->scratch.never)
        return pf_fail(err, PF_QUERY_LIMIT,
                       "merging needs more memory than -memory.max-inflight allows");
    return pf_fail(err, PF_QUERY_LIMIT, "merging needs more than the %zu bytes that it may have",
                   m->limit);
}

pf_code pf_merge_over_budget(pf_error *err)
{
    return pf_fail(err, PF_UNAVAILABLE, "the memory for requests in flight is used up (merging)");
}

bool pf_merge_fits(const pf_merge *m, size_t more)
{
    size_t now = held(m);
    return !m->limit || (now <= m->limit && more <= m->limit - now);
}

pf_code pf_merge_memory(pf_merge *m, pf_arena *a, size_t count, size_t size, void **out,
                        pf_error *err)
{
    if (m->limit) {
        size_t others = held(m) - a->held;
        a->limit = others < m->limit ? m->limit - others : 1;
    }
    *out = pf_arena_array(a, count, size);
    if (*out)
        return PF_OK;
    if (a->over_limit)
        return pf_merge_over_limit(m, err);
    return a->over_budget ? pf_merge_over_budget(err) : pf_fail_nomem(err, "merging");
}

static pf_code resize(pf_merge *m, pf_rows *t, size_t cap, pf_error *err)
{
    size_t more = (cap - t->cap) * t->size;
    if (!pf_merge_fits(m, more))
        return pf_merge_over_limit(m, err);
    if (m->budget && !pf_ledger_take(m->budget, more, NULL))
        return pf_merge_over_budget(err);
    void *rows = realloc(t->rows, cap * t->size);
    if (!rows) {
        if (m->budget)
            pf_ledger_give(m->budget, more);
        return pf_fail_nomem(err, "merging");
    }
    t->rows = rows;
    t->cap = cap;
    m->table_bytes += more;
    return PF_OK;
}

static pf_code grow(pf_merge *m, pf_rows *t, size_t need, pf_error *err)
{
    size_t cap = t->cap ? t->cap + t->cap / 2 : 64;
    if (cap < need || !pf_merge_fits(m, (cap - t->cap) * t->size))
        cap = need;
    return resize(m, t, cap, err);
}

pf_code pf_merge_append(pf_merge *m, pf_rows *t, size_t more, uint32_t *at, pf_error *err)
{
    size_t need = t->n + more;
    if (need >= UINT32_MAX)
        return pf_fail(err, PF_QUERY_LIMIT, "merging gives more than 4 billion rows");
    if (need > t->cap || !t->rows) {
        pf_code code = grow(m, t, need, err);
        if (code)
            return code;
    }
    *at = t->n;
    t->n = (uint32_t)need;
    return PF_OK;
}

/* A hash table that is going to grow is there twice for a while. */
static bool may_grow(const pf_merge *m, size_t bytes, size_t len, size_t cap, size_t slot)
{
    return len * 4 < cap * 3 || pf_merge_fits(m, cap ? 2 * bytes : 64 * slot);
}

void pf_merge_reserve(pf_merge *m, const pf_profile *p, const pf_tree *tree)
{
    const struct {
        pf_rows *rows;
        size_t n;
    } tables[] = {
        {&m->string, p->nstring},  {&m->function, p->nfunction},
        {&m->line, p->nline},      {&m->location, p->nlocation},
        {&m->node, tree->nnode},   {&m->unlabelled, tree->nnode},
        {&m->leaf, tree->nsample}, {&m->value, (size_t)tree->nsample * m->sample_type.n},
    };
    const struct {
        pf_map *map;
        size_t n;
    } maps[] = {
        {&m->strings, p->nstring}, {&m->functions, p->nfunction}, {&m->locations, p->nlocation}};
    pf_error unused; /* whatever does not fit grows later, or fails then */
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (tables[i].n > tables[i].rows->cap)
            resize(m, tables[i].rows, tables[i].n, &unused);
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++)
        if (pf_merge_fits(m, 3 * maps[i].n * sizeof(pf_map_slot)))
            pf_map_reserve(maps[i].map, maps[i].n);
    pf_merge_nodes_reserve(m, tree->nnode);
}

static pf_code no_slot(const pf_merge *m, pf_error *err)
{
    return m->budget ? pf_merge_over_budget(err) : pf_fail_nomem(err, "merging");
}

pf_code pf_merge_slot(pf_merge *m, pf_map *map, pf_hash key, uint32_t **slot, pf_error *err)
{
    if (!may_grow(m, pf_map_bytes(map), map->len, map->cap, sizeof *map->slots))
        return pf_merge_over_limit(m, err);
    *slot = pf_map_at(map, key);
    return *slot ? PF_OK : no_slot(m, err);
}

pf_code pf_merge_pair(pf_merge *m, pf_remap *map, uint32_t a, uint32_t b, uint32_t **slot,
                      pf_error *err)
{
    if (!may_grow(m, pf_remap_bytes(map), map->len, map->cap, sizeof *map->slots))
        return pf_merge_over_limit(m, err);
    *slot = pf_remap_at(map, (uint64_t)a << 32 | b);
    return *slot ? PF_OK : no_slot(m, err);
}

pf_merge *pf_merge_new(pf_ledger *budget, size_t limit)
{
    static const uint32_t sizes[PF_MERGE_TABLES] = {
        sizeof(pf_str),      sizeof(pf_mapping),     sizeof(pf_function),  sizeof(pf_line),
        sizeof(pf_location), sizeof(pf_label),       sizeof(pf_label_set), sizeof(pf_tree_node),
        sizeof(uint32_t),    sizeof(pf_tree_sample), sizeof(pf_sample),    sizeof(uint32_t),
        sizeof(int64_t),     sizeof(int64_t),        sizeof(uint32_t),     sizeof(pf_value_type)};
    pf_merge *m = calloc(1, sizeof *m);
    if (!m)
        return NULL;
    m->budget = budget;
    m->limit = limit;
    pf_hash_key_random(&m->key);
    pf_arena_init(&m->texts, budget, limit);
    pf_arena_init(&m->scratch, budget, limit);
    for (size_t i = 0; i < PF_MERGE_TABLES; i++)
        m->table[i].size = sizes[i];
    for (size_t i = 0; i < sizeof m->map / sizeof *m->map; i++)
        pf_map_init(&m->map[i], budget);
    m->labelled.budget = budget;
    memcpy(&m->nodes.factor, m->key.secret, sizeof m->nodes.factor);
    m->labelled.seed = m->nodes.factor |= 1;
    return m;
}

void pf_merge_free(pf_merge *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < PF_MERGE_TABLES; i++)
        free(m->table[i].rows);
    if (m->budget)
        pf_ledger_give(m->budget, m->table_bytes);
    for (size_t i = 0; i < sizeof m->map / sizeof *m->map; i++)
        pf_map_free(&m->map[i]);
    pf_merge_nodes_free(m);
    pf_remap_free(&m->labelled);
    pf_arena_free(&m->texts);
    pf_arena_free(&m->scratch);
    free(m);
}
