/* checksums.h: the bytes that stand in columns, and the checksums that guard them
 * (docs/storage-format.md).
 *
 * SQLite has no checksums of its own, so every row of profile, series and symbols carries one over
 * its key and its content: XXH3, 64 bits, unseeded (it guards against disks, not against people).
 * Stateless.
 */
#ifndef PF_STORAGE_LOCAL_CHECKSUMS_H
#define PF_STORAGE_LOCAL_CHECKSUMS_H

#include "base/xid.h"
#include "pprof/profile.h"

typedef struct pf_record {
    int64_t number, service, type, created_at, series, kind;
    pf_xid xid;
    pf_str totals, bytes; /* borrowed */
} pf_record;

int64_t pf_record_checksum(const pf_record *row);
int64_t pf_series_checksum(int64_t number, pf_str service, int64_t type, pf_str labels);
int64_t pf_symbols_checksum(int64_t number, pf_str chunk);

/* The key of a chunk of symbols: all of a service stand together, in order. */
static inline int64_t pf_symbols_number(int64_t service, uint32_t sequence)
{
    return (int64_t)((uint64_t)service << 32 | sequence);
}

/* The value of posting.pair: a bucket for the series of `service` that carry the pair. */
int64_t pf_posting_pair(int64_t service, pf_str key, pf_str value);

/* The list of sample types: per type varint length and bytes of its name, then of its unit. */
void pf_totals_put_types(const pf_profile *p, pf_buf *out);

/* What time lines need of a profile without reading it: its duration (zig-zag varint, ns), then the sums of
 * the samples' values, a sample type at a time: a bit map of those that fit in int64 (bit i of byte i / 8),
 * then those as zig-zag varints. */
void pf_totals_put_sums(const pf_profile *p, pf_buf *out);

#endif
