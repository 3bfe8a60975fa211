/* symrow.h: a profile as numbers: the row of kind 1.
 *
 * A row says: header, maps and times; then, sorted by stack number, a column of stacks, one of
 * label sets, one per sample type; then the locations and functions that no sample leads to. The
 * bytes are drawn in docs/storage-format.md.
 */
#ifndef PF_STORAGE_LOCAL_SYMBOLS_SYMROW_H
#define PF_STORAGE_LOCAL_SYMBOLS_SYMROW_H

#include "base/arena.h"
#include "base/buf.h"

typedef struct pf_symrow {
    int64_t time_nanos, duration_nanos;
    uint32_t header, maps; /* numbers in their tables */
    uint32_t nsample, nsample_type;
    uint64_t *stack, *labels; /* numbers, by sample; labels is NULL when no sample has any */
    int64_t *value;           /* column by column: value[type * nsample + sample] */
    uint32_t *lone_location, *lone_function; /* numbers */
    uint32_t nlone_location, nlone_function;
} pf_symrow;

/* Sorts the samples by stack, then labels, those of equal ones staying in their order. Scratch
 * memory comes from `a`; the arrays are replaced. */
pf_code pf_symrow_sort(pf_symrow *r, pf_arena *a, pf_error *err);

/* Appends the bytes of a sorted row. `created_at` is what the time is written relative to.
 * PF_INTERNAL out of memory. */
pf_code pf_symrow_encode(const pf_symrow *r, int64_t created_at, pf_arena *a, pf_buf *out,
                         pf_error *err);

/* Reads a row into `a`. PF_INTERNAL "damaged row: …"; what the arena says when it is too large for
 * it. */
pf_code pf_symrow_decode(pf_symrow *r, int64_t created_at, pf_str bytes, pf_arena *a,
                         pf_error *err);

#endif
