/* A chunk's bytes, arbitrary or a damaged real one's, read on top of the chunks before it. Whatever
 * reads as a chunk leaves tables that are safe to hash, to write again and to resolve rows against.
 *
 *     | 0 | a chunk ...      | seed of a profile, not 0 | compressed? | edits ... */
#include "storage/local/symbols/chunk.h"
#include "storage/local/symbols/recall.h"

#include "damage.h"
#include "support/profile_eq.h"
#include "support/symbols_path.h"

#include <stdlib.h>

enum { RESULT_MAX = 16 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

/* What two profiles of one service were kept as. */
typedef struct kept {
    pf_buf before, chunk[2],
        row; /* the first's chunk; the second's, plain and compressed, and row */
} kept;

static const kept *keep(uint8_t seed)
{
    static kept all[256];
    kept *k = &all[seed];
    if (k->row.len)
        return k;
    pf_test_symbols s;
    pf_arena a;
    pf_arena_init(&a, NULL, 0);
    pf_test_symbols_init(&s, 1);
    for (uint64_t i = 0; i < 2; i++) {
        pf_profile p = pf_test_profile(seed + i * 100000, &a);
        pf_buf_clear(&k->row);
        pf_test_symbols_put(&s, &p, &k->row, NULL);
        if (!i)
            pf_buf_put_str(&k->before, pf_buf_str(&s.chunk));
    }
    for (int i = 0; i < 2 && s.chunk.len; i++)
        check(!pf_chunk_encode(&s.fresh, i ? 3 : 0, &k->chunk[i], NULL));
    pf_arena_free(&a);
    pf_test_symbols_free(&s);
    return k;
}

static bool go_on(void *ctx, pf_table table, pf_hash content, uint32_t number)
{
    (void)ctx, (void)table, (void)content, (void)number;
    return true;
}

/* All that readers do with tables. */
static void check_tables(const pf_tables *t, pf_str bytes)
{
    pf_hash_key key;
    pf_hash_key_from(&key, "test", 4);
    pf_recall recall;
    pf_recall_init(&recall, &key, SIZE_MAX);
    check(!pf_recall_add(&recall, t, go_on, NULL, NULL));
    pf_recall_free(&recall);

    pf_buf again = PF_BUF_INIT;
    pf_tables copy;
    pf_tables_init(&copy, NULL);
    check(!pf_chunk_encode(t, 0, &again, NULL));
    check(!pf_chunk_decode(&copy, pf_buf_str(&again), NULL));
    check(!memcmp(copy.next, t->next, sizeof t->next) && copy.nline == t->nline);
    pf_tables_free(&copy);
    pf_buf_free(&again);

    pf_resolver r;
    pf_arena a;
    pf_row row;
    pf_profile p;
    pf_resolver_init(&r, RESULT_MAX);
    pf_arena_init(&a, NULL, RESULT_MAX);
    if (!pf_row_decode(&row, 0, bytes, &a, NULL) &&
        !pf_resolve(&r, t, &row, &row.maps, row.maps ? 1 : 0, &p, NULL))
        pf_test_check_references(&p);
    pf_arena_free(&a);
    pf_resolver_free(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    const kept *k = keep(data[0]);
    pf_buf chunk = PF_BUF_INIT;
    if (data[0]) {
        pf_buf_put_str(&chunk, pf_buf_str(&k->chunk[data[1] & 1]));
        pf_fuzz_damage(&chunk, data + 2, size - 2);
    } else {
        pf_buf_put(&chunk, data + 1, size - 1);
    }
    pf_tables t;
    pf_tables_init(&t, NULL);
    if (k->before.len)
        check(!pf_chunk_decode(&t, pf_buf_str(&k->before), NULL));
    if (!pf_chunk_decode(&t, pf_buf_str(&chunk), NULL))
        check_tables(&t, pf_buf_str(&k->row));
    pf_tables_free(&t);
    pf_buf_free(&chunk);
    return 0;
}
