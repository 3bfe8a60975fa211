/* row.h: a profile as numbers: the row of kind 1.
 *
 *     | format | header | maps | time | duration | sample types, samples |    varints
 *     | stacks      a column: each number less the one before; the samples are sorted by it
 *     | label sets  n, and a column of the n numbers, ascending: each less the one before
 *     |             a column of places among them; less the one before where the stack is the same
 *     | rate        0, or the period of a heap profile and a column: the size of each label set
 *     | values      per sample type: see below
 *     | lone locations: n, numbers | lone functions: n, numbers |     those no sample leads to
 *     | tag, length, bytes | ...    sections: none is written yet; see docs/storage-format.md
 *
 *     values:  | 0 |                                   all are 0
 *              | 1 | factor | numbers |                multiples of a common factor
 *              | 2 | column | factor |                 the same multiples as an earlier column's
 *              | 3 | numbers | numbers | numbers |     this column and the next, as sampled.h has
 *                                                      it: counts, what their estimates lack of the
 *                                                      objects, and of the bytes
 *     numbers: | 0 or 1 | column |                     1: zig-zag
 *
 * Factors, counts and single numbers are varints, columns are column.h's. Differences and what is
 * lacking are taken modulo 2^64, so every value has its bytes.
 */
#ifndef PF_STORAGE_LOCAL_SYMBOLS_ROW_H
#define PF_STORAGE_LOCAL_SYMBOLS_ROW_H

#include "base/arena.h"
#include "base/buf.h"

typedef struct pf_row {
    int64_t time_nanos, duration_nanos;
    uint32_t header, maps; /* numbers in their tables */
    uint32_t nsample, nsample_type;
    uint64_t *stack, *labels; /* numbers, by sample; labels is NULL when no sample has any */
    int64_t *value;           /* column by column: value[type * nsample + sample] */
    uint32_t *lone_location, *lone_function; /* numbers */
    uint32_t nlone_location, nlone_function;

    /* What helps to write few bytes, and is not read back: the bytes of an allocation by sample,
     * the same for samples of one label set, and how many bytes apart they are sampled. 0 or NULL
     * when there are none. */
    uint64_t rate, *size;
} pf_row;

/* What sorting and writing a row take besides it. */
typedef struct pf_row_scratch pf_row_scratch;

/* Room for all rows of so many samples and types; `labels`: some sample has any. Lives in `a`; NULL as the arena says. */
pf_row_scratch *pf_row_scratch_new(uint32_t nsample, uint32_t nsample_type, bool labels,
                                   pf_arena *a);

/* Sorts the samples by stack, then labels, those of equal ones staying in their order. The
 * arrays are replaced by the scratch's own. */
void pf_row_sort(pf_row *r, pf_row_scratch *s);

/* Appends the bytes of a sorted row. `created_at` is what the time is written relative to.
 * PF_INTERNAL out of memory (for `out`). */
pf_code pf_row_encode(const pf_row *r, int64_t created_at, pf_row_scratch *s, pf_buf *out,
                      pf_error *err);

/* Reads a row into `a`. PF_INTERNAL "damaged row: …", or naming a section with an odd tag, which must be known; what the arena says when it is too large for
 * it. */
pf_code pf_row_decode(pf_row *r, int64_t created_at, pf_str bytes, pf_arena *a, pf_error *err);

#endif
