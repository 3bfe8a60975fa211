#include "storage/local/symbols/tables.h"

#include <stdlib.h>
#include <string.h>

enum { ENTRIES_MAX = 1 << 30 }; /* of one table in memory */

void pf_tables_init(pf_tables *t, const uint32_t *base)
{
    memset(t, 0, sizeof *t);
    pf_tables_clear(t, base);
}

void pf_tables_init_floating(pf_tables *t)
{
    pf_tables_init(t, NULL);
    t->floating = true;
}

void pf_tables_clear(pf_tables *t, const uint32_t *base)
{
    t->floating = false;
    for (int i = 0; i < PF_TABLES; i++)
        t->base[i] = t->next[i] = base ? base[i] : 1;
    for (int i = 0; i < PF_BLOB_TABLES; i++)
        pf_buf_clear(&t->text[i]);
    t->nline = 0;
}

void pf_tables_free(pf_tables *t)
{
    for (int i = 0; i < PF_BLOB_TABLES; i++) {
        pf_buf_free(&t->text[i]);
        free(t->end[i]);
    }
    free(t->mapping);
    free(t->function);
    free(t->location);
    free(t->node);
    free(t->stack);
    free(t->line);
    pf_tables_init(t, NULL);
}

size_t pf_tables_bytes(const pf_tables *t)
{
    size_t n = sizeof *t + t->cap_line * sizeof *t->line;
    for (int i = 0; i < PF_BLOB_TABLES; i++)
        n += t->text[i].cap + t->cap[i] * sizeof *t->end[i];
    return n + t->cap[PF_TABLE_MAPPING] * sizeof *t->mapping +
           t->cap[PF_TABLE_FUNCTION] * sizeof *t->function +
           t->cap[PF_TABLE_LOCATION] * sizeof *t->location +
           t->cap[PF_TABLE_NODE] * sizeof *t->node + t->cap[PF_TABLE_STACK] * sizeof *t->stack;
}

bool pf_tables_is_empty(const pf_tables *t)
{
    return memcmp(t->base, t->next, sizeof t->base) == 0;
}

/* Room for element `n` of an array; *cap counts elements. */
static pf_code reserve(void **array, uint32_t *cap, uint64_t n, size_t size, pf_error *err)
{
    if (n < *cap)
        return PF_OK;
    if (n >= ENTRIES_MAX)
        return pf_fail(err, PF_TOO_LARGE, "a symbol table has no numbers left");
    uint64_t want = n < 16 ? 16 : n + n / 2;
    if (want > ENTRIES_MAX)
        want = ENTRIES_MAX;
    void *p = realloc(*array, want * size);
    if (!p)
        return pf_fail_nomem(err, "symbol tables");
    *array = p;
    *cap = (uint32_t)want;
    return PF_OK;
}

static pf_code reserve_record(pf_tables *t, pf_table table, void **array, size_t size,
                              pf_error *err)
{
    if (t->next[table] == UINT32_MAX)
        return pf_fail(err, PF_TOO_LARGE, "a symbol table has no numbers left");
    return reserve(array, &t->cap[table], t->next[table] - t->base[table], size, err);
}

pf_code pf_tables_add_blob(pf_tables *t, pf_table table, pf_str bytes, pf_error *err)
{
    pf_code code = reserve_record(t, table, (void **)&t->end[table], sizeof **t->end, err);
    if (code)
        return code;
    if (t->text[table].len + bytes.n > UINT32_MAX)
        return pf_fail(err, PF_TOO_LARGE, "a symbol table is over 4 GiB");
    pf_buf_put_str(&t->text[table], bytes);
    if (t->text[table].failed)
        return pf_fail_nomem(err, "symbol tables");
    t->end[table][t->next[table]++ - t->base[table]] = (uint32_t)t->text[table].len;
    return PF_OK;
}

pf_code pf_tables_add_mapping(pf_tables *t, const pf_sym_mapping *m, pf_error *err)
{
    pf_table k = PF_TABLE_MAPPING;
    pf_code code = reserve_record(t, k, (void **)&t->mapping, sizeof *m, err);
    if (!code)
        t->mapping[t->next[k]++ - t->base[k]] = *m;
    return code;
}

pf_code pf_tables_add_function(pf_tables *t, const pf_sym_function *f, pf_error *err)
{
    pf_table k = PF_TABLE_FUNCTION;
    pf_code code = reserve_record(t, k, (void **)&t->function, sizeof *f, err);
    if (!code)
        t->function[t->next[k]++ - t->base[k]] = *f;
    return code;
}

pf_code pf_tables_add_location(pf_tables *t, const pf_sym_location *l, const pf_sym_line *lines,
                               pf_error *err)
{
    pf_table k = PF_TABLE_LOCATION;
    pf_code code = reserve_record(t, k, (void **)&t->location, sizeof *l, err);
    if (!code)
        code = pf_tables_reserve_lines(t, l->line_n, err);
    if (code)
        return code;
    pf_sym_location *to = &t->location[t->next[k]++ - t->base[k]];
    *to = *l;
    to->line_off = t->nline;
    if (l->line_n)
        memcpy(t->line + t->nline, lines, l->line_n * sizeof *lines);
    t->nline += l->line_n;
    return PF_OK;
}

pf_code pf_tables_reserve(pf_tables *t, pf_table table, uint32_t next, pf_error *err)
{
    const struct {
        void **array;
        size_t size;
    } of[PF_TABLES] = {[PF_TABLE_MAPPING] = {(void **)&t->mapping, sizeof *t->mapping},
                       [PF_TABLE_FUNCTION] = {(void **)&t->function, sizeof *t->function},
                       [PF_TABLE_LOCATION] = {(void **)&t->location, sizeof *t->location},
                       [PF_TABLE_NODE] = {(void **)&t->node, sizeof *t->node},
                       [PF_TABLE_STACK] = {(void **)&t->stack, sizeof *t->stack}};
    uint32_t base = t->base[table];
    if (next <= base)
        return PF_OK;
    return reserve(of[table].array, &t->cap[table], next - base - 1, of[table].size, err);
}

pf_code pf_tables_grow(pf_tables *t, pf_table table, pf_error *err)
{
    if (t->next[table] == UINT32_MAX)
        return pf_fail(err, PF_TOO_LARGE, "a symbol table has no numbers left");
    return pf_tables_reserve(t, table, t->next[table] + 1, err);
}

pf_code pf_tables_reserve_lines(pf_tables *t, uint64_t n, pf_error *err)
{
    return n ? reserve((void **)&t->line, &t->cap_line, t->nline + n - 1, sizeof *t->line, err)
             : PF_OK;
}

pf_str pf_tables_blob(const pf_tables *t, pf_table table, uint32_t number)
{
    if (!number)
        return (pf_str){"", 0};
    uint32_t i = number - t->base[table];
    uint32_t from = i ? t->end[table][i - 1] : 0;
    return (pf_str){t->text[table].data + from, t->end[table][i] - from};
}
