/* merge.h: many profiles into one, by the rules of google/pprof's profile.Merge (docs/api.md,
 * "Merging").
 *
 *     pf_merge *m = pf_merge_new(budget, limit);
 *     pf_merge_add(m, &profile, &err);     for each, in order; it may be freed afterwards
 *     pf_merge_finish(m, &result, &err);   result lives as long as m
 *     pf_merge_free(m);
 *
 * Samples are the same when stack, string labels and numeric labels (with units) agree; their
 * values are added up. Samples whose values are all zero are dropped, in what is added and in the
 * result, and with them what nothing refers to any more; the first mapping of the first profile
 * that has one stays first. Sums are exact whatever the order: a sum that leaves int64 at the end
 * fails, one that leaves it on the way and comes back does not.
 *
 * Cost: proportional to the samples added plus the distinct locations; memory to what is distinct,
 * taken from `budget` and bounded by `limit` bytes (0: none). Not thread-safe.
 */
#ifndef PF_PPROF_MERGE_H
#define PF_PPROF_MERGE_H

#include "pprof/profile.h"

typedef struct pf_merge pf_merge;

pf_merge *pf_merge_new(pf_ledger *budget, size_t limit); /* NULL when out of memory */

/* PF_INVALID when sample types or period type differ from the first profile's, saying which and
 * how; PF_QUERY_LIMIT when `limit` is reached; PF_UNAVAILABLE for the budget. After an error only
 * pf_merge_free may be called. Copies what it keeps, texts too. */
pf_code pf_merge_add(pf_merge *m, const pf_profile *p, pf_error *err);

/* pf_merge_add in parts, for a caller that has added up samples of many profiles by itself: the header of
 * each profile in order (its sample types, times, comments, frames, and its first mapping when it is the first
 * to have one), in which pf_merge_add_times stands for a header equal to one that was added but for its
 * times; then samples, whose profiles' headers are not looked at: they must have the sample types of those
 * added. */
pf_code pf_merge_add_header(pf_merge *m, const pf_profile *p, pf_error *err);
void pf_merge_add_times(pf_merge *m, int64_t time_nanos, int64_t duration_nanos);
pf_code pf_merge_add_samples(pf_merge *m, const pf_profile *p, pf_error *err);

/* pf_merge_add_samples, the samples being those of `tree`; p->sample and p->sample_location are not looked at.
 * There must be neither nodes nor locations that no sample with a value leads to. Costs what there are of nodes, where
 * samples of a profile cost their frames. */
pf_code pf_merge_add_tree(pf_merge *m, const pf_profile *p, const pf_tree *tree, pf_error *err);

/* PF_INVALID when nothing was added ("no profiles to merge") or a sum leaves int64. Samples stand in
 * the order in which their stacks appeared first, ids are 1, 2, 3, ..., labels are sorted: texts, then
 * numbers, by key. Samples with the same labels share their range of label[]. */
pf_code pf_merge_finish(pf_merge *m, pf_profile *result, pf_error *err);

/* The same with the samples as a tree, whose values `result` has, but not the samples: half the memory, where
 * all that is wanted is pf_profile_encode_tree. */
pf_code pf_merge_finish_tree(pf_merge *m, pf_profile *result, pf_tree *tree, pf_error *err);

void pf_merge_free(pf_merge *m);

#endif
