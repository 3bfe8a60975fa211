/* check.h: verifies a store, offline or beside a running server, without changing it: offline not a byte of its files,
 * none of their times, and no file comes or goes.
 *
 * For each partition, in one read transaction: SQLite's integrity check; format and version; every checksum;
 * that every series, sample-type list, chunk of symbols, row of columns and raw profile can be read and
 * refers to what exists; that the totals kept for time lines agree with the samples; that the extent agrees
 * with the rows.
 *
 *     2026-11-22.db: 75 profiles: 75 as columns in 87154 bytes, 0 raw in 0 bytes; symbols: 9 chunks in 103210
 *     bytes; 2 services, 3 series; 270336 bytes on disk: ok
 */
#ifndef PF_STORAGE_LOCAL_CHECK_H
#define PF_STORAGE_LOCAL_CHECK_H

#include "base/error.h"

#include <stdint.h>
#include <stdio.h>

/* Writes what it finds to `out`, a line a problem and one a partition. *problems counts the former. An error
 * only when the check itself can't be made: the directory can't be read. */
pf_code pf_local_check(const char *dir, FILE *out, uint64_t *problems, pf_error *err);

#endif
