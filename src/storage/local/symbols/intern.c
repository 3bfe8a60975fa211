#include "storage/local/symbols/intern.h"

#include <string.h>

/* The cache of numbers is larger than the processor's, and a look-up that waits for memory costs as much as
 * reading a whole stack: they are started some samples ahead. Of a stack that is new, a few nodes and locations
 * at its leaf are new as a rule; the callers above them are not looked at.
 */
enum { AHEAD = 8, AHEAD_NEW = 4, NEAR_LEAF = 4 };

void pf_numbering_init(pf_numbering *s, const uint32_t *next)
{
    pf_random(&s->salt, sizeof s->salt);
    for (int i = 0; i < PF_TABLES; i++)
        s->next[i] = next ? next[i] : 1;
}

pf_hash pf_numbering_key(const pf_numbering *s, pf_table table, pf_hash content)
{
    return (pf_hash){content.lo ^ s->salt.lo, content.hi ^ s->salt.hi ^ ((uint64_t)table + 1)};
}

typedef struct interning {
    pf_symbol_cache *known;
    pf_numbering *s;
    const pf_hash_key *key;
    const pf_profile *p;
    const pf_content *c;
    pf_tables *fresh;
    pf_error *err;
    uint32_t *location, *function, *mapping; /* numbers by index, 0 where not asked for yet */
    pf_sym_line *lines;                      /* scratch: as many as the longest location has */
    uint32_t deepest;                        /* frames of a stack */
    pf_hash *chain;                          /* scratch: AHEAD_NEW times as many */
    uint32_t *unknown;                       /* scratch: samples whose stack is new */
    pf_buf blob;                             /* scratch */
    pf_code code;                            /* sticky */
} interning;

static bool find(interning *w, pf_table table, pf_hash content, uint32_t *number)
{
    return pf_symbol_cache_get(w->known, pf_numbering_key(w->s, table, content), number);
}

/* The number that the entry just added got, made known. */
static uint32_t made(interning *w, pf_table table, pf_hash content, pf_code code)
{
    if (code) {
        w->code = code;
        return 0;
    }
    uint32_t number = w->fresh->next[table] - 1;
    pf_symbol_cache_put(w->known, pf_numbering_key(w->s, table, content), number);
    return number;
}

static uint32_t string_number(interning *w, uint32_t i)
{
    uint32_t n = 0;
    if (w->p->string[i].n && !find(w, PF_TABLE_STRING, w->c->string[i], &n))
        n = made(w, PF_TABLE_STRING, w->c->string[i],
                 pf_tables_add_blob(w->fresh, PF_TABLE_STRING, w->p->string[i], w->err));
    return n;
}

static uint32_t mapping_number(interning *w, uint32_t i)
{
    if (w->mapping[i])
        return w->mapping[i];
    uint32_t n = 0;
    if (!find(w, PF_TABLE_MAPPING, w->c->mapping[i], &n)) {
        const pf_mapping *m = &w->p->mapping[i];
        pf_sym_mapping entry = {
            .size = m->limit - m->start,
            .offset = m->offset,
            .file = string_number(w, m->file),
            .build_id = string_number(w, m->build_id),
            .flags = m->flags,
            .ordinal = w->c->ordinal[i],
        };
        n = made(w, PF_TABLE_MAPPING, w->c->mapping[i],
                 pf_tables_add_mapping(w->fresh, &entry, w->err));
    }
    return w->mapping[i] = n;
}

static uint32_t function_number(interning *w, uint32_t i)
{
    if (w->function[i])
        return w->function[i];
    uint32_t n = 0;
    if (!find(w, PF_TABLE_FUNCTION, w->c->function[i], &n)) {
        const pf_function *f = &w->p->function[i];
        pf_sym_function entry = {
            .name = string_number(w, f->name),
            .system_name = string_number(w, f->system_name),
            .filename = string_number(w, f->filename),
            .start_line = f->start_line,
        };
        n = made(w, PF_TABLE_FUNCTION, w->c->function[i],
                 pf_tables_add_function(w->fresh, &entry, w->err));
    }
    return w->function[i] = n;
}

static uint32_t new_location(interning *w, uint32_t i)
{
    const pf_location *l = &w->p->location[i];
    pf_sym_location entry = {.address = l->address, .folded = l->folded, .line_n = l->line_n};
    if (l->mapping != PF_NO_INDEX) {
        entry.mapping = mapping_number(w, l->mapping);
        entry.address -= w->p->mapping[l->mapping].start;
    }
    for (uint32_t k = 0; k < l->line_n; k++) {
        const pf_line *line = &w->p->line[l->line_off + k];
        w->lines[k] = (pf_sym_line){line->line, line->column, function_number(w, line->function)};
    }
    return made(w, PF_TABLE_LOCATION, w->c->location[i],
                pf_tables_add_location(w->fresh, &entry, w->lines, w->err));
}

static uint32_t location_number(interning *w, uint32_t i)
{
    if (!w->location[i] && !find(w, PF_TABLE_LOCATION, w->c->location[i], &w->location[i]))
        w->location[i] = new_location(w, i);
    return w->location[i];
}

static pf_hash *chain_of(const interning *w, uint32_t turn)
{
    return w->chain + (size_t)(turn % AHEAD_NEW) * w->deepest;
}

/* Hashes the nodes of a new stack, and begins to look up those at its leaf. */
static void begin_stack(interning *w, uint32_t sample, pf_hash *chain)
{
    const pf_sample *s = &w->p->sample[sample];
    const uint32_t *frame = w->p->sample_location + s->loc_off; /* leaf first */
    pf_hash caller = {0, 0};
    for (uint32_t i = s->loc_n; i-- > 0;)
        caller = chain[i] = pf_content_chain(w->key, caller, w->c->location[frame[i]]);
    for (uint32_t i = 0; i < s->loc_n && i < NEAR_LEAF; i++) {
        pf_symbol_cache_prefetch(w->known, pf_numbering_key(w->s, PF_TABLE_NODE, chain[i]));
        if (!w->location[frame[i]])
            pf_symbol_cache_prefetch(
                w->known, pf_numbering_key(w->s, PF_TABLE_LOCATION, w->c->location[frame[i]]));
    }
}

/* The node of a stack that is not known: up from the leaf to the first caller that is, then down
 * again. */
static uint32_t new_stack(interning *w, uint32_t sample, const pf_hash *chain)
{
    const pf_sample *s = &w->p->sample[sample];
    const uint32_t *frame = w->p->sample_location + s->loc_off;
    uint32_t node = 0, i = 0;
    if (find(w, PF_TABLE_STACK, w->c->stack[sample], &node))
        return node; /* a sample before this one brought it */
    while (i < s->loc_n && !find(w, PF_TABLE_NODE, chain[i], &node))
        i++;
    while (i-- > 0 && !w->code) {
        pf_sym_node entry = {.parent = node, .location = location_number(w, frame[i])};
        if (!w->code)
            node = made(w, PF_TABLE_NODE, chain[i], pf_tables_add_node(w->fresh, entry, w->err));
    }
    if (w->code)
        return 0;
    return made(w, PF_TABLE_STACK, w->c->stack[sample],
                pf_tables_add_stack(w->fresh, node, w->err));
}

/* Those that are known first, then the others. */
static void number_stacks(interning *w, uint64_t *number)
{
    const pf_profile *p = w->p;
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->nsample; i++) {
        if (i + AHEAD < p->nsample)
            pf_symbol_cache_prefetch(
                w->known, pf_numbering_key(w->s, PF_TABLE_STACK, w->c->stack[i + AHEAD]));
        uint32_t known = 0;
        if (p->sample[i].loc_n && !find(w, PF_TABLE_STACK, w->c->stack[i], &known))
            w->unknown[n++] = i;
        number[i] = known;
    }
    for (uint32_t i = 0; i < n && i < AHEAD_NEW - 1; i++)
        begin_stack(w, w->unknown[i], chain_of(w, i));
    for (uint32_t i = 0; i < n && !w->code; i++) {
        if (i + AHEAD_NEW - 1 < n)
            begin_stack(w, w->unknown[i + AHEAD_NEW - 1], chain_of(w, i + AHEAD_NEW - 1));
        number[w->unknown[i]] = new_stack(w, w->unknown[i], chain_of(w, i));
    }
}

static uint32_t add_blob(interning *w, pf_table table, pf_hash content)
{
    if (w->blob.failed)
        w->code = pf_fail_nomem(w->err, "symbols");
    if (w->code)
        return 0;
    return made(w, table, content,
                pf_tables_add_blob(w->fresh, table, pf_buf_str(&w->blob), w->err));
}

/* A label set: per label key, number, text and unit, as they stood. */
static uint32_t labels_number(interning *w, uint32_t sample)
{
    const pf_sample *s = &w->p->sample[sample];
    uint32_t n = 0;
    if (!s->label_n || find(w, PF_TABLE_LABELS, w->c->labels[sample], &n))
        return n;
    pf_buf_clear(&w->blob);
    for (uint32_t i = 0; i < s->label_n; i++) {
        const pf_label *l = &w->p->label[s->label_off + i];
        pf_buf_put_varint(&w->blob, string_number(w, l->key));
        pf_buf_put_varint(&w->blob, string_number(w, l->str));
        pf_buf_put_varint(&w->blob, pf_zigzag(l->num));
        pf_buf_put_varint(&w->blob, string_number(w, l->unit));
    }
    return add_blob(w, PF_TABLE_LABELS, w->c->labels[sample]);
}

static uint32_t header_number(interning *w)
{
    const pf_profile *p = w->p;
    uint32_t n = 0;
    if (find(w, PF_TABLE_HEADER, w->c->header, &n))
        return n;
    pf_buf_clear(&w->blob);
    pf_buf_put_varint(&w->blob, p->nsample_type);
    for (uint32_t i = 0; i < p->nsample_type; i++) {
        pf_buf_put_varint(&w->blob, string_number(w, p->sample_type[i].type));
        pf_buf_put_varint(&w->blob, string_number(w, p->sample_type[i].unit));
    }
    pf_buf_put_varint(&w->blob, p->has_period_type);
    pf_buf_put_varint(&w->blob, string_number(w, p->period_type.type));
    pf_buf_put_varint(&w->blob, string_number(w, p->period_type.unit));
    pf_buf_put_varint(&w->blob, pf_zigzag(p->period));
    pf_buf_put_varint(&w->blob, string_number(w, p->drop_frames));
    pf_buf_put_varint(&w->blob, string_number(w, p->keep_frames));
    pf_buf_put_varint(&w->blob, string_number(w, p->default_sample_type));
    pf_buf_put_varint(&w->blob, string_number(w, p->doc_url));
    pf_buf_put_varint(&w->blob, p->ncomment);
    for (uint32_t i = 0; i < p->ncomment; i++)
        pf_buf_put_varint(&w->blob, string_number(w, p->comment[i]));
    return add_blob(w, PF_TABLE_HEADER, w->c->header);
}

static uint32_t maps_number(interning *w)
{
    const pf_profile *p = w->p;
    uint32_t n = 0;
    if (!p->nmapping || find(w, PF_TABLE_MAPS, w->c->maps, &n))
        return n;
    pf_buf_clear(&w->blob);
    for (uint32_t i = 0; i < p->nmapping; i++) {
        pf_buf_put_varint(&w->blob, mapping_number(w, i));
        pf_buf_put_varint(&w->blob, p->mapping[i].start);
    }
    return add_blob(w, PF_TABLE_MAPS, w->c->maps);
}

pf_code pf_intern_prepare(pf_intern_room *room, const pf_profile *p, const pf_content *c,
                          pf_arena *a, pf_error *err)
{
    pf_row *row = &room->row;
    uint32_t lines = 0, sets = p->nlabel ? p->nsample : 0;
    *room = (pf_intern_room){0};
    for (uint32_t i = 0; i < p->nlocation; i++)
        lines = p->location[i].line_n > lines ? p->location[i].line_n : lines;
    for (uint32_t i = 0; i < p->nsample; i++)
        room->deepest = p->sample[i].loc_n > room->deepest ? p->sample[i].loc_n : room->deepest;
    room->location = pf_arena_array(a, p->nlocation, sizeof *room->location);
    room->function = pf_arena_array(a, p->nfunction, sizeof *room->function);
    room->mapping = pf_arena_array(a, p->nmapping, sizeof *room->mapping);
    room->lines = pf_arena_array(a, lines, sizeof *room->lines);
    room->chain = pf_arena_array(a, room->deepest, AHEAD_NEW * sizeof *room->chain);
    room->unknown = pf_arena_array(a, p->nsample, sizeof *room->unknown);
    row->stack = pf_arena_array(a, p->nsample, sizeof *row->stack);
    row->labels = pf_arena_array(a, sets, sizeof *row->labels);
    row->size = pf_arena_array(a, sets, sizeof *row->size);
    row->value = pf_arena_array(a, (size_t)p->nsample * p->nsample_type, sizeof *row->value);
    row->lone_location = pf_arena_array(a, c->nlone_location, sizeof *row->lone_location);
    row->lone_function = pf_arena_array(a, c->nlone_function, sizeof *row->lone_function);
    room->scratch = pf_row_scratch_new(p->nsample, p->nsample_type, p->nlabel, a);
    bool ok = room->location && room->function && room->mapping && room->lines && room->chain &&
              room->unknown && row->stack && row->labels && row->size && row->value &&
              row->lone_location && row->lone_function && room->scratch;
    return ok ? PF_OK : pf_arena_fail(a, err, "a row");
}

/* What a heap profile of Go says of a sample: its one label is the size of its allocations. */
static uint64_t allocation_size(const pf_profile *p, const pf_sample *s)
{
    const pf_label *l = &p->label[s->label_off];
    return s->label_n == 1 && !l->str && l->num > 0 ? (uint64_t)l->num : 0;
}

static void fill_row(interning *w, pf_row *row)
{
    const pf_profile *p = w->p;
    row->header = header_number(w);
    row->maps = maps_number(w);
    number_stacks(w, row->stack);
    for (uint32_t i = 0; i < p->nsample && !w->code; i++) {
        if (row->labels)
            row->labels[i] = labels_number(w, i);
        if (row->size)
            row->size[i] = allocation_size(p, &p->sample[i]);
        if (row->size && row->size[i] && p->period > 1)
            row->rate = (uint64_t)p->period;
        for (uint32_t t = 0; t < p->nsample_type; t++)
            row->value[(size_t)t * p->nsample + i] = p->value[(size_t)i * p->nsample_type + t];
    }
    for (uint32_t i = 0; i < w->c->nlone_location && !w->code; i++)
        row->lone_location[i] = location_number(w, w->c->lone_location[i]);
    for (uint32_t i = 0; i < w->c->nlone_function && !w->code; i++)
        row->lone_function[i] = function_number(w, w->c->lone_function[i]);
    row->nlone_location = w->c->nlone_location;
    row->nlone_function = w->c->nlone_function;
}

pf_code pf_intern(pf_symbol_cache *known, pf_numbering *s, const pf_hash_key *key,
                  const pf_profile *p, const pf_content *c, const pf_intern_room *room,
                  pf_tables *fresh, pf_row *row, pf_error *err)
{
    interning w = {known, s, key, p, c, fresh, err, .code = PF_OK};
    w.location = room->location;
    w.function = room->function;
    w.mapping = room->mapping;
    w.lines = room->lines;
    w.deepest = room->deepest;
    w.chain = room->chain;
    w.unknown = room->unknown;
    memset(w.location, 0, p->nlocation * sizeof *w.location);
    memset(w.function, 0, p->nfunction * sizeof *w.function);
    memset(w.mapping, 0, p->nmapping * sizeof *w.mapping);
    pf_tables_clear(fresh, s->next);
    *row = room->row;
    row->time_nanos = p->time_nanos;
    row->duration_nanos = p->duration_nanos;
    row->nsample = p->nsample;
    row->nsample_type = p->nsample_type;
    if (!p->nlabel)
        row->labels = row->size = NULL;
    fill_row(&w, row);
    pf_buf_free(&w.blob);
    if (!w.code)
        memcpy(s->next, fresh->next, sizeof s->next);
    return w.code;
}
