/* resolve_state.h: a resolving under way. Internal to resolve*.c.
 *
 * A number that refers to nothing, or memory that is not there, is remembered in the first error and makes all
 * that follows do nothing: whoever loops looks at `code`.
 */
#ifndef PF_STORAGE_LOCAL_SYMBOLS_RESOLVE_STATE_H
#define PF_STORAGE_LOCAL_SYMBOLS_RESOLVE_STATE_H

#include "storage/local/symbols/resolve.h"

typedef struct pf_resolving {
    pf_resolver *r;
    const pf_tables *t;
    pf_error *err;
    pf_code code; /* sticky */
    bool join;    /* entries of equal content become one */
} pf_resolving;

/* A run of entries of some array. */
typedef struct pf_run {
    uint32_t off, n;
} pf_run;

/* resolver.c */
/* Forgets the last profile; `tree`: nodes will have places, too. False when out of memory. */
bool pf_resolver_begin(pf_resolver *r, const pf_tables *t, bool tree);
size_t pf_resolver_bytes(pf_resolver *r);
bool pf_resolver_failed(pf_resolver *r); /* one of its buffers has run out of memory */

/* resolve_symbols.c */
void pf_resolving_nomem(pf_resolving *w);
bool pf_resolving_missing(pf_resolving *w, uint64_t number, const char *what); /* an error; false */
bool pf_resolving_fits(pf_resolving *w); /* false when more is held than may be */

/* Appends. Where memory runs out the resolving ends there: else an index of what is not there would be followed. */
static inline void pf_resolving_put(pf_resolving *w, pf_buf *b, const void *p, size_t n)
{
    pf_buf_put(b, p, n);
    if (b->failed)
        pf_resolving_nomem(w);
}

/* True when the table has the number. 0 is always there. */
static inline bool pf_resolving_has(pf_resolving *w, pf_table table, uint64_t number,
                                    const char *what)
{
    if (number > UINT32_MAX || !pf_tables_has(w->t, table, (uint32_t)number))
        return pf_resolving_missing(w, number, what);
    return !w->code;
}

/* The index of an entry in its array of the profile, 0 after an error. */
uint32_t pf_resolving_string(pf_resolving *w, uint64_t number);
uint32_t pf_resolving_function(pf_resolving *w, uint32_t number);
uint32_t pf_resolving_new_location(pf_resolving *w, uint32_t number);
static inline uint32_t pf_resolving_location(pf_resolving *w, uint32_t number)
{
    if (!number) /* a frame never has number 0 */
        pf_resolving_missing(w, number, "location");
    if (!pf_resolving_has(w, PF_TABLE_LOCATION, number, "location"))
        return 0;
    uint32_t i = pf_number_index_get(&w->r->by_location, number);
    return i == PF_NUMBER_INDEX_NONE ? pf_resolving_new_location(w, number) : i;
}

/* The labels of a set, put into label[] once. */
pf_run pf_resolving_labels(pf_resolving *w, uint64_t number);

void pf_resolving_header(pf_resolving *w, uint32_t number, pf_profile *out);
void pf_resolving_maps(pf_resolving *w, uint32_t number); /* adds the mappings */

static inline uint32_t pf_resolving_count(const pf_buf *b, size_t size)
{
    return (uint32_t)(b->len / size);
}

#endif
