/* column.h: a run of unsigned integers as bits: the columns of a row.
 *
 *     +------+--------------+------------------------------------------+
 *     | k    | base, varint | value - base, exponential-Golomb order k | zero bits up to a byte
 *     +------+--------------+------------------------------------------+
 *       0..63: as drawn;  0xff: every value is base, and there are no bits
 *
 * Exponential-Golomb of order k (ITU-T H.264, 9.1, generalised): with x = (v >> k) + 1 of L+1 bits,
 * L zero bits, then x, then the k low bits of v; most significant bit first. Small values cost few
 * bits and large ones no more than twice theirs. k is chosen for each column. Sample counts, mostly
 * 1, cost little over a bit each; sorted, delta-coded stack numbers 6 to 8.
 */
#ifndef PF_STORAGE_LOCAL_SYMBOLS_COLUMN_H
#define PF_STORAGE_LOCAL_SYMBOLS_COLUMN_H

#include "base/buf.h"

/* Appends the column; nothing at all when n is 0. */
void pf_column_put(pf_buf *out, const uint64_t *v, size_t n);

/* Reads n values at *p and moves *p behind them. False when the bytes end before or are not a
 * column. */
bool pf_column_get(const uint8_t **p, const uint8_t *end, uint64_t *v, size_t n);

#endif
