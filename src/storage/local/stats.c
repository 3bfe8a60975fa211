/* stats.c: what the store holds, for people.
 *
 * The rate of a minute is kept as what was added in each of its last seconds: upkeep, once a second, notes by
 * how much the rows have grown. A second in which a partition was dropped counts as none.
 */
#include "storage/local/store.h"

void pf_rate_note(pf_rate *r, int64_t rows)
{
    int64_t added = r->begun && rows > r->rows ? rows - r->rows : 0;
    r->begun = true;
    r->rows = rows;
    atomic_store(&r->added[r->at], added);
    r->at = (r->at + 1) % PF_RATE_SECONDS;
}

double pf_rate_get(pf_rate *r)
{
    int64_t sum = 0;
    for (int i = 0; i < PF_RATE_SECONDS; i++)
        sum += atomic_load(&r->added[i]);
    return (double)sum / PF_RATE_SECONDS;
}

pf_code pf_local_stats(pf_store *s, pf_store_stats *out, pf_error *err)
{
    pf_local *l = (pf_local *)s;
    pf_partition **list = NULL;
    size_t n = 0;
    pf_code code = pf_partitions_all(&l->set, &list, &n, err);
    if (code)
        return code;
    *out = (pf_store_stats){
        .partitions = (int64_t)n, .retention = l->cfg.data_ttl, .ingest = pf_rate_get(&l->rate)};
    for (size_t i = 0; i < n; i++) {
        pf_extent e = pf_partition_extent(list[i]);
        int64_t rows = pf_extent_rows(&e);
        out->bytes += pf_partition_bytes(list[i]);
        if (rows && (!out->profiles || e.first_created < out->oldest))
            out->oldest = e.first_created;
        if (rows && (!out->profiles || e.last_created > out->newest))
            out->newest = e.last_created;
        out->profiles += rows;
    }
    pf_partitions_release(list, n);
    return PF_OK;
}
