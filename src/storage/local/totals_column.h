/* totals_column.h: the totals column, which the index carries beside each profile, decoded.
 *
 *     varint number of the sample types | zig-zag duration | bit map | sums, zig-zag
 *          \-> looked up once a partition and number
 *
 * Lists of sample types are shared between partitions where they are equal, so that their address says which list
 * it is. They live in the finder's arena. Not thread-safe.
 */
#ifndef PF_STORAGE_LOCAL_TOTALS_COLUMN_H
#define PF_STORAGE_LOCAL_TOTALS_COLUMN_H

#include "storage/local/finder.h"
#include "storage/storage.h"

typedef struct pf_totals_types {
    uint32_t partition;
    uint64_t number;
    const pf_sample_types *types;
} pf_totals_types;

/* Zeroed at the start. */
typedef struct pf_totals_column {
    pf_finder *f;
    pf_totals_types *known; /* the one used last is looked at first */
    size_t nknown, known_cap, last;
    int64_t *sum;
    bool *has_sum;
} pf_totals_column;

/* Fills types, sum, has_sum and duration of *out from a column of the partition that `f` has entered; sum and has_sum
 * are the reader's, until it reads the next. */
pf_code pf_totals_column_read(pf_totals_column *s, pf_finder *f, pf_str bytes, pf_total *out,
                              pf_error *err);
void pf_totals_column_free(pf_totals_column *s);

#endif
