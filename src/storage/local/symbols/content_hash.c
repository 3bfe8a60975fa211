#include "storage/local/symbols/content_hash.h"

#include "base/hash_inline.h"

#include <string.h>

pf_hash pf_content_string(const pf_hash_key *key, pf_str s)
{
    return pf_hash_bytes_inline(key, s.p, s.n);
}

pf_hash pf_content_function(const pf_hash_key *key, pf_hash name, pf_hash system_name,
                            pf_hash filename, int64_t start_line)
{
    const struct {
        pf_hash name, system_name, filename;
        int64_t start_line;
    } f = {name, system_name, filename, start_line};
    return pf_hash_bytes_inline(key, &f, sizeof f);
}

pf_hash pf_content_mapping(const pf_hash_key *key, uint64_t size, uint64_t offset, pf_hash file,
                           pf_hash build_id, uint32_t flags, uint32_t ordinal)
{
    const struct {
        uint64_t size, offset;
        pf_hash file, build_id;
        uint32_t flags, ordinal;
    } m = {size, offset, file, build_id, flags, ordinal};
    return pf_hash_bytes_inline(key, &m, sizeof m);
}

pf_hash pf_content_location(const pf_hash_key *key, const pf_content_place *l, size_t lines)
{
    if (lines == 1) /* most have one line: a size the compiler knows */
        return pf_hash_bytes_inline(key, l, sizeof *l + sizeof *l->line);
    return pf_hash_bytes_inline(key, l, sizeof *l + lines * sizeof *l->line);
}

pf_hash pf_content_stack(const pf_hash_key *key, const pf_hash *locations, size_t n)
{
    return n ? pf_hash_bytes_inline(key, locations, n * sizeof *locations) : (pf_hash){0, 0};
}

pf_hash pf_content_chain(const pf_hash_key *key, pf_hash caller, pf_hash location)
{
    const pf_hash pair[2] = {caller, location};
    return pf_hash_bytes_inline(key, pair, sizeof pair);
}

typedef struct work {
    const pf_profile *p;
    const pf_hash_key *key;
    pf_arena *a;
    pf_content *c;
    bool *location_used, *function_used;
    uint32_t deepest, most_labels; /* of any sample */
} work;

static void hash_strings(work *w)
{
    for (uint32_t i = 0; i < w->p->nstring; i++)
        w->c->string[i] = pf_content_string(w->key, w->p->string[i]);
}

/* A small set of hashes, to find content that stands twice: as many slots as leave three quarters of
 * them free, so that nearly every probe ends where it begins. */
typedef struct seen {
    const pf_hash *hash;
    uint32_t *slot; /* index + 1, 0 for free */
    uint32_t mask;
} seen;

static bool seen_init(seen *s, const pf_hash *hash, uint32_t n, pf_arena *a)
{
    uint64_t slots = 16;
    while (slots < (uint64_t)n * 4)
        slots *= 2;
    if (slots > UINT32_MAX)
        return false;
    *s = (seen){hash, pf_arena_zalloc(a, slots * sizeof *s->slot), (uint32_t)(slots - 1)};
    return s->slot != NULL;
}

/* The first entry of i's content, which is i itself when there was none before. */
static inline uint32_t first_of(seen *s, uint32_t i)
{
    pf_hash hash = s->hash[i];
    uint32_t at = (uint32_t)hash.lo & s->mask;
    for (; s->slot[at]; at = (at + 1) & s->mask)
        if (pf_hash_eq(s->hash[s->slot[at] - 1], hash))
            return s->slot[at] - 1;
    s->slot[at] = i + 1;
    return i;
}

/* Mappings of equal content get different ordinals, so that a location's mapping is never in doubt.
 */
static bool hash_mappings(work *w)
{
    const pf_profile *p = w->p;
    seen s;
    pf_hash *bare = pf_arena_array(w->a, p->nmapping, sizeof *bare);
    uint32_t *repeats = pf_arena_zalloc(w->a, p->nmapping * sizeof *repeats);
    if (!bare || !repeats || !seen_init(&s, bare, p->nmapping, w->a))
        return false;
    for (uint32_t i = 0; i < p->nmapping; i++) {
        const pf_mapping *m = &p->mapping[i];
        pf_hash file = w->c->string[m->file], build = w->c->string[m->build_id];
        uint64_t size = m->limit - m->start;
        bare[i] = pf_content_mapping(w->key, size, m->offset, file, build, m->flags, 0);
        uint32_t ordinal = repeats[first_of(&s, i)]++;
        w->c->ordinal[i] = ordinal;
        w->c->mapping[i] =
            ordinal ? pf_content_mapping(w->key, size, m->offset, file, build, m->flags, ordinal)
                    : bare[i];
    }
    return true;
}

static bool hash_functions(work *w)
{
    const pf_profile *p = w->p;
    seen s;
    if (!seen_init(&s, w->c->function, p->nfunction, w->a))
        return false;
    for (uint32_t i = 0; i < p->nfunction; i++) {
        const pf_function *f = &p->function[i];
        w->c->function[i] =
            pf_content_function(w->key, w->c->string[f->name], w->c->string[f->system_name],
                                w->c->string[f->filename], f->start_line);
        if (first_of(&s, i) != i)
            w->c->misfit = "two functions of equal content";
    }
    return true;
}

static bool hash_locations(work *w)
{
    const pf_profile *p = w->p;
    seen s;
    uint32_t most = 0;
    for (uint32_t i = 0; i < p->nlocation; i++)
        most = p->location[i].line_n > most ? p->location[i].line_n : most;
    pf_content_place *place =
        pf_arena_alloc(w->a, sizeof *place + (size_t)most * sizeof *place->line);
    if (!place || !seen_init(&s, w->c->location, p->nlocation, w->a))
        return false;
    for (uint32_t i = 0; i < p->nlocation; i++) {
        const pf_location *l = &p->location[i];
        place->mapping = (pf_hash){0, 0};
        place->address = l->address;
        place->folded = l->folded;
        if (l->mapping != PF_NO_INDEX) {
            place->mapping = w->c->mapping[l->mapping];
            place->address -= p->mapping[l->mapping].start;
        } else if (l->mapping_id) {
            w->c->misfit = "a mapping id that exists nowhere";
        }
        for (uint32_t k = 0; k < l->line_n; k++) {
            const pf_line *line = &p->line[l->line_off + k];
            w->function_used[line->function] = true;
            place->line[k] =
                (pf_content_line){w->c->function[line->function], line->line, line->column};
        }
        w->c->location[i] = pf_content_location(w->key, place, l->line_n);
        if (first_of(&s, i) != i)
            w->c->misfit = "two locations of equal content";
    }
    return true;
}

static bool hash_stacks(work *w)
{
    const pf_profile *p = w->p;
    pf_hash *chain = pf_arena_array(w->a, w->deepest, sizeof *chain);
    if (!chain)
        return false;
    for (uint32_t i = 0; i < p->nsample; i++) {
        const uint32_t *at = p->sample_location + p->sample[i].loc_off;
        uint32_t n = p->sample[i].loc_n;
        for (uint32_t k = 0; k < n; k++) {
            w->location_used[at[k]] = true;
            chain[k] = w->c->location[at[k]];
        }
        w->c->stack[i] = pf_content_stack(w->key, chain, n);
    }
    return true;
}

typedef struct label_content {
    pf_hash key, str, unit;
    int64_t num, zero;
} label_content;

static bool hash_labels(work *w)
{
    const pf_profile *p = w->p;
    label_content *labels = pf_arena_array(w->a, w->most_labels, sizeof *labels);
    if (!labels)
        return false;
    for (uint32_t i = 0; i < p->nsample; i++) {
        const pf_sample *s = &p->sample[i];
        for (uint32_t k = 0; k < s->label_n; k++) {
            const pf_label *l = &p->label[s->label_off + k];
            labels[k] = (label_content){w->c->string[l->key], w->c->string[l->str],
                                        w->c->string[l->unit], l->num, 0};
            /* The tables know "not set" and "set to a text", not "set to an empty one". */
            if ((l->str && !p->string[l->str].n) || (l->unit && !p->string[l->unit].n))
                w->c->misfit = "a label that refers to an empty string";
        }
        w->c->labels[i] = s->label_n
                              ? pf_hash_bytes_inline(w->key, labels, s->label_n * sizeof *labels)
                              : (pf_hash){0, 0};
    }
    return true;
}

static bool hash_header(work *w)
{
    const pf_profile *p = w->p;
    pf_buf b = PF_BUF_INIT;
    const uint64_t numbers[] = {p->nsample_type, p->ncomment, p->has_period_type,
                                (uint64_t)p->period};
    pf_buf_put(&b, numbers, sizeof numbers);
#define PUT(index)                                                                                 \
    do {                                                                                           \
        pf_buf_put(&b, &w->c->string[index], sizeof(pf_hash));                                     \
    } while (0)
    for (uint32_t i = 0; i < p->nsample_type; i++) {
        PUT(p->sample_type[i].type);
        PUT(p->sample_type[i].unit);
    }
    PUT(p->period_type.type);
    PUT(p->period_type.unit);
    PUT(p->drop_frames);
    PUT(p->keep_frames);
    PUT(p->default_sample_type);
    PUT(p->doc_url);
    for (uint32_t i = 0; i < p->ncomment; i++)
        PUT(p->comment[i]);
#undef PUT
    bool ok = !b.failed; /* which clearing forgets */
    w->c->header = ok ? pf_hash_bytes_inline(w->key, b.data, b.len) : (pf_hash){0, 0};
    pf_buf_clear(&b);
    for (uint32_t i = 0; i < p->nmapping; i++) {
        pf_buf_put(&b, &w->c->mapping[i], sizeof w->c->mapping[i]);
        pf_buf_put(&b, &p->mapping[i].start, sizeof p->mapping[i].start);
    }
    w->c->maps = b.len ? pf_hash_bytes_inline(w->key, b.data, b.len) : (pf_hash){0, 0};
    ok = ok && !b.failed;
    pf_buf_free(&b);
    return ok;
}

/* The indexes of [0, n) that are not marked. */
static bool collect_lone(const bool *used, uint32_t n, pf_arena *a, uint32_t **out, uint32_t *count)
{
    *count = 0;
    for (uint32_t i = 0; i < n; i++)
        *count += !used[i];
    *out = pf_arena_array(a, *count, sizeof **out);
    if (!*out)
        return false;
    for (uint32_t i = 0, k = 0; i < n; i++)
        if (!used[i])
            (*out)[k++] = i;
    return true;
}

static bool find_lone(work *w)
{
    const pf_profile *p = w->p;
    pf_content *c = w->c;
    return collect_lone(w->location_used, p->nlocation, w->a, &c->lone_location,
                        &c->nlone_location) &&
           collect_lone(w->function_used, p->nfunction, w->a, &c->lone_function,
                        &c->nlone_function);
}

static void measure(work *w)
{
    const pf_profile *p = w->p;
    for (uint32_t i = 0; i < p->nsample; i++) {
        pf_sample s = p->sample[i];
        w->deepest = s.loc_n > w->deepest ? s.loc_n : w->deepest;
        w->most_labels = s.label_n > w->most_labels ? s.label_n : w->most_labels;
    }
}

static bool allocate(work *w)
{
    const pf_profile *p = w->p;
    pf_content *c = w->c;
    c->string = pf_arena_array(w->a, p->nstring, sizeof *c->string);
    c->mapping = pf_arena_array(w->a, p->nmapping, sizeof *c->mapping);
    c->ordinal = pf_arena_array(w->a, p->nmapping, sizeof *c->ordinal);
    c->function = pf_arena_array(w->a, p->nfunction, sizeof *c->function);
    c->location = pf_arena_array(w->a, p->nlocation, sizeof *c->location);
    c->stack = pf_arena_array(w->a, p->nsample, sizeof *c->stack);
    c->labels = pf_arena_array(w->a, p->nsample, sizeof *c->labels);
    w->location_used = pf_arena_zalloc(w->a, p->nlocation);
    w->function_used = pf_arena_zalloc(w->a, p->nfunction);
    return c->string && c->mapping && c->ordinal && c->function && c->location && c->stack &&
           c->labels && w->location_used && w->function_used;
}

pf_code pf_content_of(const pf_profile *p, const pf_hash_key *key, pf_arena *a, pf_content *out,
                      pf_error *err)
{
    memset(out, 0, sizeof *out);
    if (p->has_unknown_fields)
        out->misfit = "fields that profile.proto does not define";
    if (out->misfit)
        return PF_OK;
    work w = {.p = p, .key = key, .a = a, .c = out};
    if (!allocate(&w))
        return pf_arena_fail(a, err, "a profile's symbols");
    measure(&w);
    hash_strings(&w);
    bool ok = hash_mappings(&w) && hash_functions(&w) && hash_locations(&w) && hash_labels(&w);
    ok = ok && (out->misfit || (hash_stacks(&w) && hash_header(&w) && find_lone(&w)));
    return ok ? PF_OK : pf_arena_fail(a, err, "a profile's symbols");
}
