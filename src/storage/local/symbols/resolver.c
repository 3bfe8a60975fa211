/* What a resolver holds, and how it forgets. */
#include "storage/local/symbols/resolve_state.h"

#include <string.h>

void pf_resolver_init(pf_resolver *r, size_t max_bytes)
{
    memset(r, 0, sizeof *r);
    r->max = max_bytes;
    pf_hash_key_random(&r->key);
}

enum { BUFS = 15, PLACES = 6, MAPS = 4 };

static void all_bufs(pf_resolver *r, pf_buf *out[BUFS])
{
    pf_buf *bufs[BUFS] = {
        &r->string,  &r->sample_type, &r->sample,   &r->value, &r->sample_location,
        &r->label,   &r->mapping,     &r->location, &r->line,  &r->function,
        &r->comment, &r->label_run,   &r->node,     &r->leaf,  &r->path};
    memcpy(out, bufs, sizeof bufs);
}

static void all_places(pf_resolver *r, pf_number_index *out[PLACES])
{
    pf_number_index *places[PLACES] = {&r->by_string,   &r->by_labels,   &r->by_mapping,
                                       &r->by_function, &r->by_location, &r->by_node};
    memcpy(out, places, sizeof places);
}

static void all_maps(pf_resolver *r, pf_map *out[MAPS])
{
    pf_map *maps[MAPS] = {&r->strings, &r->mappings, &r->functions, &r->locations};
    memcpy(out, maps, sizeof maps);
}

/* Clearing a map costs what it holds at most: one that was large once and is not any more would
 * make every small profile pay for it. */
static void clear_map(pf_map *m)
{
    if (m->cap > 4096 && m->len < m->cap / 16)
        pf_map_free(m);
    else
        pf_map_clear(m);
}

void pf_resolver_free(pf_resolver *r)
{
    pf_buf *bufs[BUFS];
    pf_number_index *places[PLACES];
    pf_map *maps[MAPS];
    all_bufs(r, bufs);
    all_places(r, places);
    all_maps(r, maps);
    for (int i = 0; i < BUFS; i++)
        pf_buf_free(bufs[i]);
    for (int i = 0; i < PLACES; i++)
        pf_number_index_free(places[i]);
    for (int i = 0; i < MAPS; i++)
        pf_map_free(maps[i]);
}

bool pf_resolver_failed(pf_resolver *r)
{
    pf_buf *bufs[BUFS];
    all_bufs(r, bufs);
    for (int i = 0; i < BUFS; i++)
        if (bufs[i]->failed)
            return true;
    return false;
}

size_t pf_resolver_bytes(pf_resolver *r)
{
    pf_buf *bufs[BUFS];
    pf_number_index *places[PLACES];
    pf_map *maps[MAPS];
    size_t n = 0;
    all_bufs(r, bufs);
    all_places(r, places);
    all_maps(r, maps);
    for (int i = 0; i < BUFS; i++)
        n += bufs[i]->cap;
    for (int i = 0; i < PLACES; i++)
        n += pf_number_index_bytes(places[i]);
    for (int i = 0; i < MAPS; i++)
        n += pf_map_bytes(maps[i]);
    return n;
}

bool pf_resolver_begin(pf_resolver *r, const pf_tables *t, bool tree)
{
    static const pf_table tables[PLACES] = {PF_TABLE_STRING,   PF_TABLE_LABELS,   PF_TABLE_MAPPING,
                                            PF_TABLE_FUNCTION, PF_TABLE_LOCATION, PF_TABLE_NODE};
    pf_buf *bufs[BUFS];
    pf_number_index *places[PLACES];
    pf_map *maps[MAPS];
    all_bufs(r, bufs);
    all_places(r, places);
    all_maps(r, maps);
    if (r->max &&
        pf_resolver_bytes(r) > r->max) /* what the last one failed for must not fail this one */
        pf_resolver_free(r);
    for (int i = 0; i < BUFS; i++)
        pf_buf_clear(bufs[i]);
    for (int i = 0; i < MAPS; i++)
        clear_map(maps[i]);
    bool ok = true;
    for (int i = 0; i < (tree ? PLACES : PLACES - 1); i++) /* nodes are the last */
        ok &= pf_number_index_begin(places[i], t->base[tables[i]], t->next[tables[i]]);
    return ok;
}
