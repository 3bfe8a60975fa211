/* resolve.h: numbers back into a profile.
 *
 * Every number is turned into its location, mapping and function once. Equal content may have
 * several numbers (what a cache forgot was numbered again), so pf_resolve joins entries by content on the
 * way: the profile has each mapping, function and location once, as the one that was pushed did.
 *
 *     pf_resolver r;
 *     pf_resolver_init(&r, max_bytes);
 *     pf_resolve(&r, tables, &row, &row.maps, 1, &profile, &err);   until the next pf_resolve
 *     pf_resolver_free(&r);
 *
 * Not thread-safe. The texts of the profile point into the tables: they must not change meanwhile.
 */
#ifndef PF_STORAGE_LOCAL_SYMBOLS_RESOLVE_H
#define PF_STORAGE_LOCAL_SYMBOLS_RESOLVE_H

#include "base/map.h"
#include "pprof/merge.h"
#include "storage/local/symbols/number_index.h"
#include "storage/local/symbols/stack_sum.h"
#include "storage/local/symbols/tables.h"

typedef struct pf_resolver {
    pf_hash_key key;
    size_t max; /* bytes that it may hold; 0: no ceiling */
    pf_buf string, sample_type, sample, value, sample_location, label, mapping, location, line,
        function, comment;
    pf_buf label_run;        /* by label set: offset and count in label */
    pf_buf node, leaf, path; /* of a tree: nodes, samples; scratch */
    pf_number_index by_string, by_labels, by_mapping, by_function, by_location,
        by_node;                                    /* number to index */
    pf_map strings, mappings, functions, locations; /* content to index */
} pf_resolver;

void pf_resolver_init(pf_resolver *r, size_t max_bytes);
void pf_resolver_free(pf_resolver *r);

/* The profile of `row`. Its mappings are those of the maps numbers given, in order, each content
 * once with the start it has first; its header is row->header's. PF_INTERNAL "damaged …: number …
 * refers to nothing"; PF_QUERY_LIMIT above max_bytes. */
pf_code pf_resolve(pf_resolver *r, const pf_tables *t, const pf_row *row, const uint32_t *maps,
                   size_t nmaps, pf_profile *out, pf_error *err);

/* What has been added up, for a merge: a profile without samples, and they as a tree of nodes. Entries are not
 * joined by content, since the merge does that. Samples that are all zero are there without stack and labels.
 * The tree's values are the sum's. */
pf_code pf_resolve_sum(pf_resolver *r, const pf_tables *t, const pf_stack_sum *sum, uint32_t header,
                       const uint32_t *maps, size_t nmaps, pf_profile *out, pf_tree *tree,
                       pf_error *err);

/* How many sample types the header of this number has; PF_INTERNAL when it is damaged. */
pf_code pf_resolve_sample_types(const pf_tables *t, uint32_t header, uint32_t *n, pf_error *err);

#endif
