#include "storage/local/checksums.h"

#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

/* All numbers are hashed as 8 bytes, little-endian, so that the files can move between machines. */
static void add_number(XXH3_state_t *h, int64_t v)
{
    uint8_t b[8];
    for (int i = 0; i < 8; i++)
        b[i] = (uint8_t)((uint64_t)v >> (8 * i));
    XXH3_64bits_update(h, b, sizeof b);
}

static void add_bytes(XXH3_state_t *h, pf_str s)
{
    add_number(h, (int64_t)s.n);
    XXH3_64bits_update(h, s.n ? s.p : "", s.n);
}

int64_t pf_record_checksum(const pf_record *row)
{
    XXH3_state_t h;
    XXH3_INITSTATE(&h);
    XXH3_64bits_reset(&h);
    add_number(&h, row->number);
    XXH3_64bits_update(&h, row->xid.b, sizeof row->xid.b);
    add_number(&h, row->service);
    add_number(&h, row->type);
    add_number(&h, row->created_at);
    add_number(&h, row->series);
    add_number(&h, row->kind);
    add_bytes(&h, row->totals);
    add_bytes(&h, row->bytes);
    return (int64_t)XXH3_64bits_digest(&h);
}

int64_t pf_series_checksum(int64_t number, pf_str service, int64_t type, pf_str labels)
{
    XXH3_state_t h;
    XXH3_INITSTATE(&h);
    XXH3_64bits_reset(&h);
    add_number(&h, number);
    add_bytes(&h, service);
    add_number(&h, type);
    add_bytes(&h, labels);
    return (int64_t)XXH3_64bits_digest(&h);
}

int64_t pf_symbols_checksum(int64_t number, pf_str chunk)
{
    XXH3_state_t h;
    XXH3_INITSTATE(&h);
    XXH3_64bits_reset(&h);
    add_number(&h, number);
    add_bytes(&h, chunk);
    return (int64_t)XXH3_64bits_digest(&h);
}

int64_t pf_posting_pair(int64_t service, pf_str key, pf_str value)
{
    XXH3_state_t h;
    XXH3_INITSTATE(&h);
    XXH3_64bits_reset(&h);
    add_number(&h, service);
    add_bytes(&h, key);
    add_bytes(&h, value);
    return (int64_t)XXH3_64bits_digest(&h);
}

static void put_text(const pf_profile *p, uint32_t string, pf_buf *out)
{
    pf_str s = string < p->nstring ? p->string[string] : (pf_str){0};
    pf_buf_put_varint(out, s.n);
    pf_buf_put_str(out, s);
}

void pf_totals_put_types(const pf_profile *p, pf_buf *out)
{
    for (uint32_t i = 0; i < p->nsample_type; i++) {
        put_text(p, p->sample_type[i].type, out);
        put_text(p, p->sample_type[i].unit, out);
    }
}

/* 2^32 samples of int64 fit in 96 bits. */
static bool sum_of(const pf_profile *p, uint32_t type, int64_t *sum)
{
    __int128 wide = 0;
    for (size_t i = 0; i < p->nsample; i++)
        wide += p->value[i * p->nsample_type + type];
    *sum = (int64_t)wide;
    return wide >= INT64_MIN && wide <= INT64_MAX;
}

void pf_totals_put_sums(const pf_profile *p, pf_buf *out)
{
    pf_buf_put_varint(out, pf_zigzag(p->duration_nanos));
    size_t map = out->len, nmap = ((size_t)p->nsample_type + 7) / 8;
    for (size_t i = 0; i < nmap; i++)
        pf_buf_putc(out, 0);
    for (uint32_t i = 0; i < p->nsample_type; i++) {
        int64_t sum;
        if (!sum_of(p, i, &sum) || out->failed)
            continue;
        out->data[map + i / 8] = (char)(out->data[map + i / 8] | 1 << i % 8);
        pf_buf_put_varint(out, pf_zigzag(sum));
    }
}
