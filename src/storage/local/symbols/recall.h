/* recall.h: what stands in the symbol tables of a service, as the hashes by which the committer knows it.
 *
 *     chunk 1, chunk 2, ... in their order --> (table, content hash, number), ...
 *
 * Of the chunks that are through, only the hashes of what later entries may refer to are held, and where each node
 * leads: some 24 bytes a node, 16 another entry. Label sets, headers and maps are few, and not recalled. Owns its memory
 * (malloc). Not thread-safe.
 */
#ifndef PF_STORAGE_LOCAL_SYMBOLS_RECALL_H
#define PF_STORAGE_LOCAL_SYMBOLS_RECALL_H

#include "base/hash.h"
#include "storage/local/symbols/tables.h"

typedef struct pf_recall {
    const pf_hash_key *key; /* not owned */
    size_t max;
    uint32_t next[PF_TABLES]; /* numbers below are through */
    pf_hash *hash[PF_TABLES]; /* by number, of the tables that others refer to */
    pf_sym_node *node;
    uint32_t cap[PF_TABLES], node_cap;
    pf_buf scratch;
} pf_recall;

/* False: enough. */
typedef bool (*pf_recall_fn)(void *ctx, pf_table table, pf_hash content, uint32_t number);

/* `max`: bytes that it may hold. */
void pf_recall_init(pf_recall *r, const pf_hash_key *key, size_t max);
void pf_recall_free(pf_recall *r);

/* Gives fn() what the tables of one chunk, or several, hold beyond those before. PF_TOO_LARGE: more than `max`.
 * PF_INTERNAL: a chunk is missing in between; out of memory. */
pf_code pf_recall_add(pf_recall *r, const pf_tables *t, pf_recall_fn fn, void *ctx, pf_error *err);

#endif
