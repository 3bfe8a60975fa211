/* tables.h: the numbered symbol tables of one service in one partition, in memory.
 *
 *     stack --> node --> location --> line[] --> function --> string
 *                 \-> parent node ...    \--> mapping --------^
 *
 * Every table counts from 1; number 0 is there without being stored: the empty string, no mapping,
 * no function, no location, the root of the stacks, the empty stack, no labels. A table only grows,
 * and an entry refers to numbers that exist when it is added, so whatever prefix of the tables one
 * holds is whole in itself.
 *
 * A pf_tables holds a run of numbers [base, next) of each table: all of them when base is 1, or
 * just what one profile brought. Owns its memory (malloc). Not thread-safe.
 */
#ifndef PF_STORAGE_LOCAL_SYMBOLS_TABLES_H
#define PF_STORAGE_LOCAL_SYMBOLS_TABLES_H

#include "base/buf.h"
#include "base/error.h"

typedef enum pf_table {
    /* Runs of bytes. */
    PF_TABLE_STRING,
    PF_TABLE_LABELS, /* a label set: labels_number in intern.c writes it */
    PF_TABLE_HEADER, /* what seldom changes of a profile: header_number in intern.c */
    PF_TABLE_MAPS,   /* a process's mappings, in order, with their addresses: maps_number there */
    /* Records. */
    PF_TABLE_MAPPING,
    PF_TABLE_FUNCTION,
    PF_TABLE_LOCATION,
    PF_TABLE_NODE,
    PF_TABLE_STACK,
    PF_TABLES,
} pf_table;

enum { PF_BLOB_TABLES = PF_TABLE_MAPPING };

typedef struct pf_sym_mapping {
    uint64_t size, offset;   /* limit - start */
    uint32_t file, build_id; /* strings */
    uint32_t flags;          /* pf_mapping.flags */
    uint32_t ordinal;        /* how many mappings of equal content stand before it in its profile */
} pf_sym_mapping;

typedef struct pf_sym_function {
    int64_t start_line;
    uint32_t name, system_name, filename; /* strings */
} pf_sym_function;

typedef struct pf_sym_line {
    int64_t line, column;
    uint32_t function;
} pf_sym_line;

typedef struct pf_sym_location {
    uint64_t address; /* from the mapping's start, modulo 2^64; absolute without a mapping */
    uint32_t mapping;
    uint32_t line_off, line_n; /* in pf_tables.line */
    bool folded;
} pf_sym_location;

typedef struct pf_sym_node {
    uint32_t parent; /* towards the root: the caller */
    uint32_t location;
} pf_sym_node;

typedef struct pf_tables {
    uint32_t base[PF_TABLES], next[PF_TABLES];

    pf_buf text[PF_BLOB_TABLES];   /* all entries, one behind the other */
    uint32_t *end[PF_BLOB_TABLES]; /* where entry base + i ends in text */
    pf_sym_mapping *mapping;
    pf_sym_function *function;
    pf_sym_location *location;
    pf_sym_node *node;
    uint32_t *stack; /* its leaf node */
    pf_sym_line *line;
    uint32_t nline;
    uint32_t cap[PF_TABLES], cap_line;
    bool floating; /* empty: the first chunk read into it gives the bases */
} pf_tables;

/* Empty, to be filled from the numbers of `base` on (NULL: from 1). Allocates nothing. */
void pf_tables_init(pf_tables *t, const uint32_t *base);

/* Empty, to be filled from wherever the first chunk begins (chunk.h). */
void pf_tables_init_floating(pf_tables *t);

/* Forgets the entries, keeps the memory. */
void pf_tables_clear(pf_tables *t, const uint32_t *base);
void pf_tables_free(pf_tables *t);
size_t pf_tables_bytes(const pf_tables *t); /* memory held */
bool pf_tables_is_empty(const pf_tables *t);

/* Adds an entry, which gets the number t->next[table] had. PF_INTERNAL out of memory, PF_TOO_LARGE
 * when a table has no numbers left. */
pf_code pf_tables_add_blob(pf_tables *t, pf_table table, pf_str bytes, pf_error *err);
pf_code pf_tables_add_mapping(pf_tables *t, const pf_sym_mapping *m, pf_error *err);
pf_code pf_tables_add_function(pf_tables *t, const pf_sym_function *f, pf_error *err);
/* `lines`: l->line_n of them; l->line_off is set here. */
pf_code pf_tables_add_location(pf_tables *t, const pf_sym_location *l, const pf_sym_line *lines,
                               pf_error *err);
static inline pf_code pf_tables_add_node(pf_tables *t, pf_sym_node n, pf_error *err);
static inline pf_code pf_tables_add_stack(pf_tables *t, uint32_t node, pf_error *err);

/* Room for the entries below number `next` of a table of records, or for n more lines, to be written in place by
 * who then sets t->next or t->nline (chunk.c). Errors as above. */
pf_code pf_tables_reserve(pf_tables *t, pf_table table, uint32_t next, pf_error *err);
pf_code pf_tables_reserve_lines(pf_tables *t, uint64_t n, pf_error *err);

/* The entry of a number that is held; number 0 gives the empty string. Borrowed until the next add.
 */
pf_str pf_tables_blob(const pf_tables *t, pf_table table, uint32_t number);

/* 0 is always there. */
static inline bool pf_tables_has(const pf_tables *t, pf_table table, uint32_t number)
{
    return !number || (number >= t->base[table] && number < t->next[table]);
}
static inline const pf_sym_mapping *pf_tables_mapping(const pf_tables *t, uint32_t number)
{
    return &t->mapping[number - t->base[PF_TABLE_MAPPING]];
}
static inline const pf_sym_function *pf_tables_function(const pf_tables *t, uint32_t number)
{
    return &t->function[number - t->base[PF_TABLE_FUNCTION]];
}
static inline const pf_sym_location *pf_tables_location(const pf_tables *t, uint32_t number)
{
    return &t->location[number - t->base[PF_TABLE_LOCATION]];
}
static inline pf_sym_node pf_tables_node(const pf_tables *t, uint32_t number)
{
    return t->node[number - t->base[PF_TABLE_NODE]];
}
static inline uint32_t pf_tables_stack(const pf_tables *t, uint32_t number)
{
    return number ? t->stack[number - t->base[PF_TABLE_STACK]] : 0;
}

/* The way of the two tables that are long: room is made seldom, so it is made elsewhere. */
pf_code pf_tables_grow(pf_tables *t, pf_table table, pf_error *err);

static inline pf_code pf_tables_add_node(pf_tables *t, pf_sym_node n, pf_error *err)
{
    const pf_table k = PF_TABLE_NODE;
    if (t->next[k] - t->base[k] >= t->cap[k] || t->next[k] == UINT32_MAX) {
        pf_code code = pf_tables_grow(t, k, err);
        if (code)
            return code;
    }
    t->node[t->next[k]++ - t->base[k]] = n;
    return PF_OK;
}

static inline pf_code pf_tables_add_stack(pf_tables *t, uint32_t node, pf_error *err)
{
    const pf_table k = PF_TABLE_STACK;
    if (t->next[k] - t->base[k] >= t->cap[k] || t->next[k] == UINT32_MAX) {
        pf_code code = pf_tables_grow(t, k, err);
        if (code)
            return code;
    }
    t->stack[t->next[k]++ - t->base[k]] = node;
    return PF_OK;
}

#endif
