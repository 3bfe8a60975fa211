/* store.h: the embedded store's own struct, for the files of this folder and their tests. */
#ifndef PF_STORAGE_LOCAL_STORE_H
#define PF_STORAGE_LOCAL_STORE_H

#include "storage/local/committer.h"
#include "storage/local/dir.h"
#include "storage/local/free_space.h"
#include "storage/local/local.h"
#include "storage/local/rate.h"
#include "storage/local/recaller.h"
#include "storage/local/retention.h"
#include "storage/local/symviews.h"

typedef struct pf_local {
    pf_store base;
    pf_local_config cfg; /* dir points to dir.path */
    pf_dir dir;
    pf_conns conns;
    pf_partitions set;
    pf_committer committer;
    pf_recaller recaller;
    pf_trust trust; /* the committer's thread only */
    pf_free_space space;
    pf_local_metrics metrics;
    pf_symviews views;
    pf_symbol_cache *known; /* the committer's */
    pf_rate rate;
    pf_hash_key key; /* of the content hashes; random, never stored */
} pf_local;

pf_code pf_local_find(pf_store *s, const pf_query *q, pf_find_pos *pos, size_t max, const pf_op *op,
                      pf_meta_fn fn, void *ctx, pf_error *err);
pf_code pf_local_read(pf_store *s, pf_str id, const pf_op *op, pf_blob *out, pf_error *err);
pf_code pf_local_merge(pf_store *s, const pf_selection *sel, const pf_op *op, pf_blob *out,
                       pf_error *err);
pf_code pf_local_merge_profile(pf_store *s, const pf_selection *sel, const pf_op *op,
                               pf_merged_fn fn, void *ctx, pf_error *err);
pf_code pf_local_totals(pf_store *s, const pf_query *q, const pf_op *op, pf_total_fn fn, void *ctx,
                        pf_error *err);
pf_code pf_local_find_totals(pf_store *s, const pf_query *q, pf_find_pos *pos, size_t max,
                             const pf_op *op, pf_meta_total_fn fn, void *ctx, pf_error *err);
pf_code pf_local_remove(pf_store *s, const pf_removal *r, const pf_op *op, int64_t *removed,
                        pf_error *err);
pf_code pf_local_stats(pf_store *s, pf_store_stats *out, pf_error *err);
pf_code pf_local_services(pf_store *s, const pf_op *op, bool (*fn)(void *ctx, pf_str service),
                          void *ctx, pf_error *err);

/* Once a second, in the committer's thread: clock, expiry, size, free space, idle connections. */
void pf_local_upkeep(void *local);

#endif
