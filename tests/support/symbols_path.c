#include "support/symbols_path.h"

#include "storage/local/symbols/chunk.h"
#include "storage/local/symbols/content_hash.h"
#include "storage/local/symbols/recall.h"

#include <stdlib.h>
#include <string.h>

static void *must(void *p)
{
    if (!p)
        abort();
    return p;
}

void pf_test_symbols_init(pf_test_symbols *s, size_t cache_bytes)
{
    memset(s, 0, sizeof *s);
    pf_hash_key_from(&s->key, "test", 4);
    s->known = must(pf_symbol_cache_new(cache_bytes));
    pf_numbering_init(&s->numbering, NULL);
    pf_tables_init(&s->fresh, NULL);
    pf_tables_init(&s->all, NULL);
    pf_resolver_init(&s->resolver, 0);
    pf_arena_init(&s->arena, NULL, 0);
}

void pf_test_symbols_free(pf_test_symbols *s)
{
    pf_symbol_cache_free(s->known);
    pf_tables_free(&s->fresh);
    pf_tables_free(&s->all);
    pf_buf_free(&s->chunk);
    pf_resolver_free(&s->resolver);
    pf_arena_free(&s->arena);
}

pf_code pf_test_symbols_put(pf_test_symbols *s, const pf_profile *p, pf_buf *row, pf_error *err)
{
    pf_arena_reset(&s->arena, 1 << 20);
    pf_buf_clear(&s->chunk);
    pf_content c;
    pf_code code = pf_content_of(p, &s->key, &s->arena, &c, err);
    if (code)
        return code;
    if (c.misfit)
        return pf_fail(err, PF_UNSUPPORTED, "%s", c.misfit);
    pf_row r;
    pf_intern_room room;
    code = pf_intern_prepare(&room, p, &c, &s->arena, err);
    if (!code)
        code = pf_intern(s->known, &s->numbering, &s->key, p, &c, &room, &s->fresh, &r, err);
    if (!code)
        pf_row_sort(&r, room.scratch);
    if (!code)
        code = pf_row_encode(&r, p->time_nanos, room.scratch, row, err);
    if (code || pf_tables_is_empty(&s->fresh))
        return code;
    code = pf_chunk_encode(&s->fresh, 0, &s->chunk, err);
    return code ? code : pf_chunk_decode(&s->all, pf_buf_str(&s->chunk), err);
}

pf_code pf_test_symbols_get(pf_test_symbols *s, int64_t created_at, pf_str row, pf_profile *out,
                            pf_error *err)
{
    pf_arena_reset(&s->arena, 1 << 20);
    pf_row r;
    pf_code code = pf_row_decode(&r, created_at, row, &s->arena, err);
    if (code)
        return code;
    return pf_resolve(&s->resolver, &s->all, &r, &r.maps, r.maps ? 1 : 0, out, err);
}

static bool recalled(void *ctx, pf_table table, pf_hash content, uint32_t number)
{
    pf_test_symbols *s = ctx;
    pf_symbol_cache_offer(s->known, pf_numbering_key(&s->numbering, table, content), number);
    return true;
}

void pf_test_symbols_restart(pf_test_symbols *s, size_t cache_bytes)
{
    pf_symbol_cache_free(s->known);
    s->known = must(pf_symbol_cache_new(cache_bytes));
    pf_numbering_init(&s->numbering, NULL);
    pf_recall r;
    pf_recall_init(&r, &s->key, SIZE_MAX);
    if (pf_recall_add(&r, &s->all, recalled, s, NULL))
        abort();
    memcpy(s->numbering.next, s->all.next, sizeof s->all.next);
    pf_recall_free(&r);
}

uint64_t pf_test_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

typedef struct maker {
    uint64_t state;
    pf_arena *a;
    pf_profile p;
} maker;

static uint32_t below(maker *m, uint32_t n)
{
    return n ? (uint32_t)(pf_test_random(&m->state) % n) : 0;
}

static void *array(maker *m, uint32_t n, size_t size)
{
    return must(pf_arena_zalloc(m->a, n * size + 1));
}

static void make_strings(maker *m)
{
    pf_profile *p = &m->p;
    p->nstring = 2 + below(m, 40);
    p->string = array(m, p->nstring, sizeof *p->string);
    p->string[0] = PF_STR("");
    for (uint32_t i = 1; i < p->nstring; i++) {
        uint32_t n = 1 + below(m, i % 8 ? 12 : 600);
        char *s = array(m, n, 1);
        for (uint32_t k = 0; k < n; k++)
            s[k] = (char)(below(m, 4) ? 'a' + below(m, 26) : below(m, 256));
        p->string[i] = (pf_str){s, n};
    }
}

static void make_mappings(maker *m)
{
    pf_profile *p = &m->p;
    p->nmapping = below(m, 5);
    p->mapping = array(m, p->nmapping, sizeof *p->mapping);
    for (uint32_t i = 0; i < p->nmapping; i++) {
        pf_mapping *to = &p->mapping[i];
        if (i && !below(m, 3))
            *to = p->mapping[below(m, i)]; /* equal content, elsewhere or not */
        else
            *to = (pf_mapping){.limit = below(m, 1 << 20),
                               .offset = pf_test_random(&m->state) >> below(m, 64),
                               .file = below(m, p->nstring),
                               .build_id = below(m, p->nstring),
                               .flags = below(m, 16)};
        uint64_t size = to->limit - to->start;
        to->id = 3 + i * UINT64_C(7);
        to->start = below(m, 4) ? pf_test_random(&m->state) & ~UINT64_C(0xfff) : 0;
        to->limit = to->start + size;
    }
}

static void make_functions(maker *m)
{
    pf_profile *p = &m->p;
    p->nfunction = 1 + below(m, 30);
    p->function = array(m, p->nfunction, sizeof *p->function);
    for (uint32_t i = 0; i < p->nfunction; i++)
        p->function[i] = (pf_function){
            .id = 1000 - i,
            .start_line = (int64_t)i - 10, /* sets equally named ones apart */
            .name = below(m, p->nstring),
            .system_name = below(m, p->nstring),
            .filename = below(m, p->nstring),
        };
}

static void make_locations(maker *m)
{
    pf_profile *p = &m->p;
    p->nlocation = 1 + below(m, 60);
    p->location = array(m, p->nlocation, sizeof *p->location);
    p->line = array(m, p->nlocation * 6, sizeof *p->line);
    for (uint32_t i = 0; i < p->nlocation; i++) {
        pf_location *to = &p->location[i];
        *to = (pf_location){
            .id = 5 + i * UINT64_C(3),
            .address = i + 1,
            .mapping = PF_NO_INDEX,
            .line_off = p->nline,
            .line_n = below(m, 3) ? 1 : below(m, 7),
            .folded = !below(m, 5),
        };
        if (p->nmapping && below(m, 5)) {
            to->mapping = below(m, p->nmapping);
            to->mapping_id = p->mapping[to->mapping].id;
            to->address += p->mapping[to->mapping].start;
        }
        for (uint32_t k = 0; k < to->line_n; k++)
            p->line[p->nline++] = (pf_line){
                .line = below(m, 4) ? below(m, 900) : -(int64_t)below(m, 900),
                .column = below(m, 4) ? 0 : below(m, 80),
                .function = below(m, p->nfunction),
            };
    }
}

static int64_t make_value(maker *m, uint32_t manner)
{
    static const int64_t extreme[] = {INT64_MIN, INT64_MAX, INT64_MIN + 1, -1, 0, 1};
    switch (manner) {
    case 0:
        return 0;
    case 1:
        return 1 + below(m, 4);
    case 2:
        return INT64_C(10000000) * (1 + below(m, 9));
    case 3:
        return extreme[below(m, 6)];
    case 4:
        return (int64_t)(pf_test_random(&m->state) >> 1 >> below(m, 63));
    case 5:
        return (int64_t)below(m, 2000) - 1000;
    case 6:
        return INT64_MIN;
    default:
        return below(m, 3) ? 0 : 1 << below(m, 20);
    }
}

static void make_labels(maker *m, pf_sample *s)
{
    pf_profile *p = &m->p;
    s->label_off = p->nlabel;
    s->label_n = below(m, 2) ? 0 : below(m, 4);
    for (uint32_t k = 0; k < s->label_n; k++) {
        pf_label *l = &p->label[p->nlabel++];
        *l = (pf_label){.key = below(m, 3)};
        if (below(m, 2))
            l->str = below(m, p->nstring);
        else
            l->num = below(m, 4) ? below(m, 3) : INT64_MIN, l->unit = below(m, 3);
        l->key = l->key < p->nstring ? l->key : 0;
        l->unit = l->unit < p->nstring ? l->unit : 0;
    }
}

static void make_samples(maker *m)
{
    pf_profile *p = &m->p;
    p->nsample_type = 1 + below(m, 4);
    p->sample_type = array(m, p->nsample_type, sizeof *p->sample_type);
    uint32_t manner[4];
    for (uint32_t t = 0; t < p->nsample_type; t++) {
        p->sample_type[t] = (pf_value_type){below(m, p->nstring), below(m, p->nstring)};
        manner[t] = below(m, 8);
    }
    bool labels = below(m, 2);
    p->nsample = 1 + below(m, 120);
    p->sample = array(m, p->nsample, sizeof *p->sample);
    p->value = array(m, p->nsample * p->nsample_type, sizeof *p->value);
    p->sample_location = array(m, p->nsample * 20, sizeof *p->sample_location);
    p->label = array(m, p->nsample * 4, sizeof *p->label);
    for (uint32_t i = 0; i < p->nsample; i++) {
        pf_sample *s = &p->sample[i];
        if (i && !below(m, 3)) {
            *s = p->sample[below(m, i)];
        } else {
            *s = (pf_sample){.loc_off = p->nsample_location, .loc_n = below(m, 20)};
            for (uint32_t k = 0; k < s->loc_n; k++)
                p->sample_location[p->nsample_location++] = below(m, p->nlocation);
        }
        s->label_off = s->label_n = 0;
        if (labels)
            make_labels(m, s);
        for (uint32_t t = 0; t < p->nsample_type; t++) {
            int64_t *v = &p->value[(size_t)i * p->nsample_type + t];
            /* Half of the further types are multiples of the one before. */
            *v = t && manner[t] % 2 ? (int64_t)((uint64_t)v[-1] * manner[t])
                                    : make_value(m, manner[t]);
        }
    }
}

pf_profile pf_test_profile(uint64_t seed, pf_arena *a)
{
    maker m = {.state = seed, .a = a};
    make_strings(&m);
    make_mappings(&m);
    make_functions(&m);
    make_locations(&m);
    make_samples(&m);
    pf_profile *p = &m.p;
    p->time_nanos = below(&m, 4) ? INT64_C(1700000000000000000) + below(&m, 1 << 30) : 0;
    p->duration_nanos = make_value(&m, below(&m, 8));
    p->period = make_value(&m, below(&m, 8));
    if (below(&m, 3)) {
        p->has_period_type = true;
        p->period_type = (pf_value_type){below(&m, p->nstring), below(&m, p->nstring)};
    }
    if (below(&m, 2)) {
        p->drop_frames = below(&m, p->nstring);
        p->keep_frames = below(&m, p->nstring);
        p->default_sample_type = below(&m, p->nstring);
        p->doc_url = below(&m, p->nstring);
        p->ncomment = below(&m, 4);
        p->comment = array(&m, p->ncomment, sizeof *p->comment);
        for (uint32_t i = 0; i < p->ncomment; i++)
            p->comment[i] = below(&m, p->nstring);
    }
    return m.p;
}
