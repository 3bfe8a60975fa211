/* stack_sum.h: adds up rows number by number: the merge before anything is resolved.
 *
 *     (stack, labels) -> entry:  | stack | labels | value per sample type |
 *
 * Rows must share their tables (one service in one partition) and have equally many sample types. A
 * sum that would leave int64 starts a second entry for the same stack instead, so that nothing is
 * lost before the merge decides about the total. Memory grows with distinct stacks only. Not
 * thread-safe.
 */
#ifndef PF_STORAGE_LOCAL_SYMBOLS_STACK_SUM_H
#define PF_STORAGE_LOCAL_SYMBOLS_STACK_SUM_H

#include "base/error.h"
#include "base/remap.h"
#include "storage/local/symbols/row.h"

typedef struct pf_stack_sum {
    uint32_t nsample_type;
    uint32_t nstack;   /* one past the largest stack number that may come */
    size_t max;        /* bytes; 0: no ceiling */
    uint32_t *plain;   /* by stack number, for samples without labels: entry + 1, 0 for none */
    pf_remap labelled; /* stack << 32 | labels to entry */
    pf_buf stack, labels, value; /* by entry: uint32_t, uint32_t, int64_t[nsample_type] */
} pf_stack_sum;

/* PF_INTERNAL out of memory. */
pf_code pf_stack_sum_init(pf_stack_sum *s, uint32_t nsample_type, uint32_t nstack, size_t max,
                          pf_error *err);

/* Room for stack numbers below `nstack`. */
pf_code pf_stack_sum_reach(pf_stack_sum *s, uint32_t nstack, pf_error *err);

/* PF_QUERY_LIMIT above `max` bytes; PF_INTERNAL for a stack number out of range. */
pf_code pf_stack_sum_add(pf_stack_sum *s, const pf_row *row, pf_error *err);

/* How many entries there are; they stand in the order in which they came. */
static inline uint32_t pf_stack_sum_count(const pf_stack_sum *s)
{
    return (uint32_t)(s->stack.len / sizeof(uint32_t));
}

size_t pf_stack_sum_bytes(const pf_stack_sum *s); /* memory held */
void pf_stack_sum_free(pf_stack_sum *s);

#endif
