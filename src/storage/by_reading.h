/* by_reading.h: totals for stores that have no sums at hand: reads every profile and adds up.
 * Internal to this room.
 */
#ifndef PF_STORAGE_BY_READING_H
#define PF_STORAGE_BY_READING_H

#include "storage/storage.h"

pf_code pf_totals_by_reading(pf_store *s, const pf_query *q, const pf_op *op, pf_total_fn fn,
                             void *ctx, pf_error *err);

pf_code pf_find_totals_by_reading(pf_store *s, const pf_query *q, pf_find_pos *pos, size_t max,
                                  const pf_op *op, pf_meta_total_fn fn, void *ctx, pf_error *err);

#endif
