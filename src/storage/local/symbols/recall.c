#include "storage/local/symbols/recall.h"

#include "storage/local/symbols/content_hash.h"

#include <stdlib.h>

static const pf_table kept[] = {PF_TABLE_STRING, PF_TABLE_MAPPING, PF_TABLE_FUNCTION,
                                PF_TABLE_LOCATION, PF_TABLE_NODE};
enum { KEPT = sizeof kept / sizeof *kept, FIRST_CAP = 256 };

void pf_recall_init(pf_recall *r, const pf_hash_key *key, size_t max)
{
    *r = (pf_recall){.key = key, .max = max};
    for (int i = 0; i < PF_TABLES; i++)
        r->next[i] = 1;
}

void pf_recall_free(pf_recall *r)
{
    for (int i = 0; i < PF_TABLES; i++)
        free(r->hash[i]);
    free(r->node);
    pf_buf_free(&r->scratch);
    *r = (pf_recall){0};
}

static size_t bytes(const pf_recall *r)
{
    size_t n = r->node_cap * sizeof *r->node;
    for (int i = 0; i < PF_TABLES; i++)
        n += r->cap[i] * sizeof(pf_hash);
    return n;
}

/* Room for the numbers below `end`: in *p, of elements of `size`. */
static pf_code grow(pf_recall *r, void **p, uint32_t *cap, size_t size, uint32_t end, pf_error *err)
{
    if (end <= *cap)
        return PF_OK;
    size_t n = (size_t)end + end / 2 < FIRST_CAP ? FIRST_CAP : (size_t)end + end / 2;
    if (n > UINT32_MAX || bytes(r) + (n - *cap) * size > r->max)
        return pf_fail(err, PF_TOO_LARGE, "a service has more symbols than are recalled");
    void *bigger = realloc(*p, n * size);
    if (!bigger)
        return pf_fail_nomem(err, "symbols");
    *p = bigger;
    *cap = (uint32_t)n;
    return PF_OK;
}

static pf_code make_room(pf_recall *r, const pf_tables *t, pf_error *err)
{
    pf_code code = PF_OK;
    for (int i = 0; i < PF_TABLES && !code; i++)
        if (t->base[i] > r->next[i])
            code = pf_fail(err, PF_INTERNAL, "damaged symbols: a chunk is missing");
    for (int i = 0; i < KEPT && !code; i++) {
        pf_table k = kept[i];
        void *p = r->hash[k];
        bool first = !p;
        code = grow(r, &p, &r->cap[k], sizeof(pf_hash), t->next[k], err);
        r->hash[k] = p;
        if (first && p)
            r->hash[k][0] =
                k == PF_TABLE_STRING ? pf_content_string(r->key, PF_STR("")) : (pf_hash){0, 0};
    }
    void *p = r->node;
    if (!code)
        code = grow(r, &p, &r->node_cap, sizeof *r->node, t->next[PF_TABLE_NODE], err);
    r->node = p;
    return code;
}

static void hash_flat_tables(pf_recall *r, const pf_tables *t)
{
    pf_hash *string = r->hash[PF_TABLE_STRING];
    for (uint32_t n = r->next[PF_TABLE_STRING]; n < t->next[PF_TABLE_STRING]; n++)
        string[n] = pf_content_string(r->key, pf_tables_blob(t, PF_TABLE_STRING, n));
    for (uint32_t n = r->next[PF_TABLE_MAPPING]; n < t->next[PF_TABLE_MAPPING]; n++) {
        const pf_sym_mapping *m = pf_tables_mapping(t, n);
        r->hash[PF_TABLE_MAPPING][n] = pf_content_mapping(
            r->key, m->size, m->offset, string[m->file], string[m->build_id], m->flags, m->ordinal);
    }
    for (uint32_t n = r->next[PF_TABLE_FUNCTION]; n < t->next[PF_TABLE_FUNCTION]; n++) {
        const pf_sym_function *f = pf_tables_function(t, n);
        r->hash[PF_TABLE_FUNCTION][n] = pf_content_function(
            r->key, string[f->name], string[f->system_name], string[f->filename], f->start_line);
    }
}

static bool hash_locations(pf_recall *r, const pf_tables *t)
{
    for (uint32_t n = r->next[PF_TABLE_LOCATION]; n < t->next[PF_TABLE_LOCATION]; n++) {
        const pf_sym_location *l = pf_tables_location(t, n);
        pf_buf_clear(&r->scratch);
        pf_content_place *to = (pf_content_place *)pf_buf_reserve(
            &r->scratch, sizeof *to + l->line_n * sizeof *to->line);
        if (!to)
            return false;
        *to = (pf_content_place){r->hash[PF_TABLE_MAPPING][l->mapping], l->address, l->folded};
        for (uint32_t i = 0; i < l->line_n; i++) {
            const pf_sym_line *line = &t->line[l->line_off + i];
            to->line[i] = (pf_content_line){r->hash[PF_TABLE_FUNCTION][line->function], line->line,
                                            line->column};
        }
        r->hash[PF_TABLE_LOCATION][n] = pf_content_location(r->key, to, l->line_n);
    }
    return true;
}

static void hash_nodes(pf_recall *r, const pf_tables *t)
{
    pf_hash *hash = r->hash[PF_TABLE_NODE];
    for (uint32_t n = r->next[PF_TABLE_NODE]; n < t->next[PF_TABLE_NODE]; n++) {
        pf_sym_node node = r->node[n] = pf_tables_node(t, n);
        hash[n] =
            pf_content_chain(r->key, hash[node.parent], r->hash[PF_TABLE_LOCATION][node.location]);
    }
}

/* The hash of a whole stack, from its leaf up. */
static bool hash_stack(pf_recall *r, uint32_t leaf, pf_hash *out)
{
    pf_buf *frames = &r->scratch;
    pf_buf_clear(frames);
    for (uint32_t at = leaf; at; at = r->node[at].parent)
        pf_buf_put(frames, &r->hash[PF_TABLE_LOCATION][r->node[at].location], sizeof(pf_hash));
    if (frames->failed)
        return false;
    *out = pf_content_stack(r->key, (const pf_hash *)frames->data, frames->len / sizeof(pf_hash));
    return true;
}

pf_code pf_recall_add(pf_recall *r, const pf_tables *t, pf_recall_fn fn, void *ctx, pf_error *err)
{
    pf_code code = make_room(r, t, err);
    if (code)
        return code;
    hash_flat_tables(r, t);
    if (!hash_locations(r, t))
        return pf_fail_nomem(err, "symbols");
    hash_nodes(r, t);
    bool more = true;
    for (int i = 0; i < KEPT; i++)
        for (uint32_t n = r->next[kept[i]]; more && n < t->next[kept[i]]; n++)
            more = fn(ctx, kept[i], r->hash[kept[i]][n], n);
    for (uint32_t n = r->next[PF_TABLE_STACK]; more && n < t->next[PF_TABLE_STACK]; n++) {
        pf_hash stack;
        if (!hash_stack(r, pf_tables_stack(t, n), &stack))
            return pf_fail_nomem(err, "symbols");
        more = fn(ctx, PF_TABLE_STACK, stack, n);
    }
    for (int i = 0; i < PF_TABLES; i++)
        if (t->next[i] > r->next[i])
            r->next[i] = t->next[i];
    return PF_OK;
}
