/* content_hash.h: what a profile is made of, as hashes: the part of storing it that needs no shared
 * state, and that workers do side by side.
 *
 *     strings -> functions, mappings -> locations -> stacks
 *
 * Each hash covers what the entry says, not how the profile numbers it: ids, string numbers and the
 * address a binary happens to be loaded at leave no trace. Equal content, equal hash, under the
 * store's random key (base/hash.h).
 */
#ifndef PF_STORAGE_LOCAL_SYMBOLS_CONTENT_HASH_H
#define PF_STORAGE_LOCAL_SYMBOLS_CONTENT_HASH_H

#include "base/hash.h"
#include "pprof/profile.h"

typedef struct pf_content {
    pf_hash *string;   /* by index in the profile */
    pf_hash *mapping;  /* size, offset, file, build id, flags, ordinal */
    uint32_t *ordinal; /* of each mapping: how many of equal content stand before it */
    pf_hash *function; /* name, system name, file, start line */
    pf_hash *location; /* mapping, address from its start, folded, lines */
    pf_hash *stack;    /* by sample; {0, 0} for an empty one */
    pf_hash *labels;   /* by sample; {0, 0} for none */
    pf_hash header; /* sample types, period and its type, frames, comments, doc url, default type */
    pf_hash maps;   /* all mappings with their start, in order; {0, 0} for none */

    uint32_t *lone_location, nlone_location; /* those no sample refers to */
    uint32_t *lone_function, nlone_function; /* those no location refers to */

    /* NULL, or why the profile does not fit the tables and must be kept as raw bytes (a literal).
     */
    const char *misfit;
} pf_content;

/* All in `a`. When misfit is set the rest is not. PF_TOO_LARGE, PF_UNAVAILABLE, PF_INTERNAL: the
 * arena. */
pf_code pf_content_of(const pf_profile *p, const pf_hash_key *key, pf_arena *a, pf_content *out,
                      pf_error *err);

/* The hash of the stack that goes on from `caller` with `location`; {0, 0} is the empty stack. */
pf_hash pf_content_chain(const pf_hash_key *key, pf_hash caller, pf_hash location);

/* The parts, for whoever has them from elsewhere (tables that are read back). */
pf_hash pf_content_string(const pf_hash_key *key, pf_str s);
pf_hash pf_content_function(const pf_hash_key *key, pf_hash name, pf_hash system_name,
                            pf_hash filename, int64_t start_line);
pf_hash pf_content_mapping(const pf_hash_key *key, uint64_t size, uint64_t offset, pf_hash file,
                           pf_hash build_id, uint32_t flags, uint32_t ordinal);

typedef struct pf_content_line {
    pf_hash function;
    int64_t line, column;
} pf_content_line;

/* A location as it is hashed, its lines behind it. */
typedef struct pf_content_place {
    pf_hash mapping;
    uint64_t address, folded;
    pf_content_line line[];
} pf_content_place;

pf_hash pf_content_location(const pf_hash_key *key, const pf_content_place *l, size_t lines);
pf_hash pf_content_stack(const pf_hash_key *key, const pf_hash *locations, size_t n);

#endif
