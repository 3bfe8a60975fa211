#include "storage/local/symbols/resolve.h"

#include "storage/local/symbols/content.h"

#include <string.h>

void pf_resolver_init(pf_resolver *r, size_t max_bytes)
{
    memset(r, 0, sizeof *r);
    r->max = max_bytes;
    pf_hash_key_random(&r->key);
}

enum { BUFS = 12, PLACES = 5, MAPS = 4 };

static void all_bufs(pf_resolver *r, pf_buf *out[BUFS])
{
    pf_buf *bufs[BUFS] = {
        &r->string,  &r->sample_type, &r->sample, &r->value,    &r->sample_location, &r->label,
        &r->mapping, &r->location,    &r->line,   &r->function, &r->comment,         &r->label_run};
    memcpy(out, bufs, sizeof bufs);
}

static void all_places(pf_resolver *r, pf_places *out[PLACES])
{
    pf_places *places[PLACES] = {&r->by_string, &r->by_labels, &r->by_mapping, &r->by_function,
                                 &r->by_location};
    memcpy(out, places, sizeof places);
}

static void all_maps(pf_resolver *r, pf_map *out[MAPS])
{
    pf_map *maps[MAPS] = {&r->strings, &r->mappings, &r->functions, &r->locations};
    memcpy(out, maps, sizeof maps);
}

/* Clearing a map costs what it holds at most: one that was large once and is not any more would
 * make every small profile pay for it. */
static void clear_map(pf_map *m)
{
    if (m->cap > 4096 && m->len < m->cap / 16)
        pf_map_free(m);
    else
        pf_map_clear(m);
}

void pf_resolver_free(pf_resolver *r)
{
    pf_buf *bufs[BUFS];
    pf_places *places[PLACES];
    pf_map *maps[MAPS];
    all_bufs(r, bufs);
    all_places(r, places);
    all_maps(r, maps);
    for (int i = 0; i < BUFS; i++)
        pf_buf_free(bufs[i]);
    for (int i = 0; i < PLACES; i++)
        pf_places_free(places[i]);
    for (int i = 0; i < MAPS; i++)
        pf_map_free(maps[i]);
}

static size_t bytes_held(pf_resolver *r)
{
    pf_buf *bufs[BUFS];
    pf_places *places[PLACES];
    pf_map *maps[MAPS];
    size_t n = 0;
    all_bufs(r, bufs);
    all_places(r, places);
    all_maps(r, maps);
    for (int i = 0; i < BUFS; i++)
        n += bufs[i]->cap;
    for (int i = 0; i < PLACES; i++)
        n += pf_places_bytes(places[i]);
    for (int i = 0; i < MAPS; i++)
        n += pf_map_bytes(maps[i]);
    return n;
}

/* Forgets the last profile; false when out of memory. */
static bool begin(pf_resolver *r, const pf_tables *t)
{
    static const pf_table tables[PLACES] = {PF_TABLE_STRING, PF_TABLE_LABELS, PF_TABLE_MAPPING,
                                            PF_TABLE_FUNCTION, PF_TABLE_LOCATION};
    pf_buf *bufs[BUFS];
    pf_places *places[PLACES];
    pf_map *maps[MAPS];
    all_bufs(r, bufs);
    all_places(r, places);
    all_maps(r, maps);
    if (r->max && bytes_held(r) > r->max) /* what the last one failed for must not fail this one */
        pf_resolver_free(r);
    for (int i = 0; i < BUFS; i++)
        pf_buf_clear(bufs[i]);
    for (int i = 0; i < MAPS; i++)
        clear_map(maps[i]);
    bool ok = true;
    for (int i = 0; i < PLACES; i++)
        ok &= pf_places_begin(places[i], t->base[tables[i]], t->next[tables[i]]);
    return ok;
}

typedef struct resolving {
    pf_resolver *r;
    const pf_tables *t;
    pf_error *err;
    pf_code code; /* sticky */
} resolving;

static void fail_nomem(resolving *w)
{
    if (!w->code)
        w->code = pf_fail_nomem(w->err, "a profile");
}

static bool fail_number(resolving *w, uint64_t number, const char *what)
{
    if (!w->code)
        w->code = pf_fail(w->err, PF_INTERNAL, "damaged data: %s %llu refers to nothing", what,
                          (unsigned long long)number);
    return false;
}

static inline bool check(resolving *w, pf_table table, uint64_t number, const char *what)
{
    if (number > UINT32_MAX || !pf_tables_has(w->t, table, (uint32_t)number))
        return fail_number(w, number, what);
    return !w->code;
}

static bool check_memory(resolving *w)
{
    if (!w->code && w->r->max && bytes_held(w->r) > w->r->max)
        w->code =
            pf_fail(w->err, PF_QUERY_LIMIT, "the result needs more than %zu bytes", w->r->max);
    return !w->code;
}

static uint32_t count(const pf_buf *b, size_t size)
{
    return (uint32_t)(b->len / size);
}

/* The index that content has: *fresh tells that it is new and that the caller adds it at that
 * index. */
static uint32_t index_of(resolving *w, pf_map *m, pf_hash content, uint32_t next, bool *fresh)
{
    uint32_t *at = pf_map_at(m, content);
    *fresh = at && *at == PF_MAP_EMPTY;
    if (!at) {
        fail_nomem(w);
        return 0;
    }
    if (*fresh)
        *at = next;
    return *at;
}

static uint32_t add_string(resolving *w, pf_str s)
{
    bool fresh;
    uint32_t i = index_of(w, &w->r->strings, pf_hash_bytes(&w->r->key, s.p, s.n),
                          count(&w->r->string, sizeof s), &fresh);
    if (fresh)
        pf_buf_put(&w->r->string, &s, sizeof s);
    return i;
}

static uint32_t string_index(resolving *w, uint64_t number)
{
    if (!number || !check(w, PF_TABLE_STRING, number, "string"))
        return 0;
    uint32_t i = pf_places_get(&w->r->by_string, (uint32_t)number);
    if (i == PF_PLACE_NONE) {
        i = add_string(w, pf_tables_blob(w->t, PF_TABLE_STRING, (uint32_t)number));
        pf_places_set(&w->r->by_string, (uint32_t)number, i);
    }
    return i;
}

static uint32_t new_function(resolving *w, uint32_t number)
{
    const pf_sym_function *f = pf_tables_function(w->t, number);
    pf_function to = {
        .start_line = f->start_line,
        .name = string_index(w, f->name),
        .system_name = string_index(w, f->system_name),
        .filename = string_index(w, f->filename),
    };
    const struct {
        int64_t start_line;
        uint32_t name, system_name, filename, zero;
    } content = {to.start_line, to.name, to.system_name, to.filename, 0};
    bool fresh;
    uint32_t next = count(&w->r->function, sizeof to);
    uint32_t i = index_of(w, &w->r->functions, pf_hash_bytes(&w->r->key, &content, sizeof content),
                          next, &fresh);
    if (fresh) {
        to.id = next + UINT64_C(1);
        pf_buf_put(&w->r->function, &to, sizeof to);
    }
    return i;
}

static uint32_t function_index(resolving *w, uint32_t number)
{
    if (!number) /* none is no number for a line to have */
        fail_number(w, number, "function");
    if (!check(w, PF_TABLE_FUNCTION, number, "function"))
        return 0;
    uint32_t i = pf_places_get(&w->r->by_function, number);
    if (i == PF_PLACE_NONE) {
        i = new_function(w, number);
        pf_places_set(&w->r->by_function, number, i);
    }
    return i;
}

static pf_hash mapping_content(resolving *w, const pf_sym_mapping *m)
{
    const struct {
        uint64_t size, offset;
        uint32_t file, build_id, flags, ordinal;
    } content = {m->size,  m->offset, string_index(w, m->file), string_index(w, m->build_id),
                 m->flags, m->ordinal};
    return pf_hash_bytes(&w->r->key, &content, sizeof content);
}

/* Adds a mapping of the profile's, unless its content is there already. */
static void add_mapping(resolving *w, uint64_t number, uint64_t start)
{
    if (!number || !check(w, PF_TABLE_MAPPING, number, "mapping"))
        return;
    const pf_sym_mapping *m = pf_tables_mapping(w->t, (uint32_t)number);
    bool fresh;
    uint32_t next = count(&w->r->mapping, sizeof(pf_mapping));
    uint32_t i = index_of(w, &w->r->mappings, mapping_content(w, m), next, &fresh);
    if (fresh) {
        pf_mapping to = {
            .id = next + UINT64_C(1),
            .start = start,
            .limit = start + m->size,
            .offset = m->offset,
            .file = string_index(w, m->file),
            .build_id = string_index(w, m->build_id),
            .flags = m->flags,
        };
        pf_buf_put(&w->r->mapping, &to, sizeof to);
    }
    pf_places_set(&w->r->by_mapping, (uint32_t)number, i);
}

/* The place of a mapping among the profile's: of its number, or of its content. */
static uint32_t mapping_index(resolving *w, uint32_t number)
{
    if (!number || !check(w, PF_TABLE_MAPPING, number, "mapping"))
        return PF_NO_INDEX;
    uint32_t i = pf_places_get(&w->r->by_mapping, number);
    if (i != PF_PLACE_NONE)
        return i;
    i = pf_map_get(&w->r->mappings, mapping_content(w, pf_tables_mapping(w->t, number)));
    if (i != PF_MAP_EMPTY)
        pf_places_set(&w->r->by_mapping, number, i);
    else if (!w->code)
        w->code = pf_fail(w->err, PF_INTERNAL, "damaged data: mapping %u is none of its profile's",
                          number);
    return i;
}

/* Appends the lines; NULL when that fails. */
static const pf_line *put_lines(resolving *w, const pf_sym_location *l)
{
    size_t bytes = l->line_n * sizeof(pf_line);
    pf_line *lines = (pf_line *)pf_buf_reserve(&w->r->line, bytes);
    if (!lines) {
        fail_nomem(w);
        return NULL;
    }
    memset(lines, 0, bytes); /* they are hashed with their padding */
    for (uint32_t i = 0; i < l->line_n; i++) {
        const pf_sym_line *from = &w->t->line[l->line_off + i];
        lines[i].line = from->line;
        lines[i].column = from->column;
        lines[i].function = function_index(w, from->function);
    }
    w->r->line.len += bytes;
    return w->code ? NULL : lines;
}

static pf_hash location_content(resolving *w, const pf_sym_location *l, uint32_t mapping,
                                const pf_line *lines)
{
    struct {
        uint64_t address;
        uint32_t mapping, folded;
        pf_line line[4];
    } few;
    const size_t head = offsetof(__typeof__(few), line), bytes = l->line_n * sizeof *lines;
    few.address = l->address;
    few.mapping = mapping;
    few.folded = l->folded;
    if (bytes <= sizeof few.line) {
        memcpy(few.line, lines, bytes);
        return pf_hash_bytes(&w->r->key, &few, head + bytes);
    }
    const pf_hash h[2] = {pf_hash_bytes(&w->r->key, &few, head),
                          pf_hash_bytes(&w->r->key, lines, bytes)};
    return pf_hash_bytes(&w->r->key, h, sizeof h);
}

static uint32_t new_location(resolving *w, uint32_t number)
{
    const pf_sym_location *l = pf_tables_location(w->t, number);
    uint32_t mapping = mapping_index(w, l->mapping);
    size_t lines_at = w->r->line.len;
    const pf_line *lines = put_lines(w, l);
    if (!lines)
        return 0;
    bool fresh;
    uint32_t next = count(&w->r->location, sizeof(pf_location));
    uint32_t i =
        index_of(w, &w->r->locations, location_content(w, l, mapping, lines), next, &fresh);
    if (!fresh) {
        w->r->line.len = lines_at;
        return i;
    }
    pf_location to = {
        .id = next + UINT64_C(1),
        .address = l->address,
        .mapping = mapping,
        .line_off = (uint32_t)(lines_at / sizeof(pf_line)),
        .line_n = l->line_n,
        .folded = l->folded,
    };
    if (mapping != PF_NO_INDEX) {
        const pf_mapping *m = (pf_mapping *)w->r->mapping.data + mapping;
        to.mapping_id = m->id;
        to.address += m->start;
    }
    pf_buf_put(&w->r->location, &to, sizeof to);
    return i;
}

static inline uint32_t location_index(resolving *w, uint32_t number)
{
    if (!number) /* none is no number for a frame to have */
        fail_number(w, number, "location");
    if (!check(w, PF_TABLE_LOCATION, number, "location"))
        return 0;
    uint32_t i = pf_places_get(&w->r->by_location, number);
    if (i == PF_PLACE_NONE) {
        i = new_location(w, number);
        pf_places_set(&w->r->by_location, number, i);
    }
    return i;
}

/* A cursor over the varints of a blob entry. */
typedef struct varints {
    const uint8_t *p, *end;
    resolving *w;
} varints;

static varints open_blob(resolving *w, pf_table table, uint32_t number, const char *what)
{
    varints v = {NULL, NULL, w};
    if (check(w, table, number, what)) {
        pf_str s = pf_tables_blob(w->t, table, number);
        v.p = (const uint8_t *)s.p;
        v.end = v.p + s.n;
    }
    return v;
}

static uint64_t next(varints *v)
{
    uint64_t n = 0;
    if (!v->w->code && !pf_varint_get(&v->p, v->end, &n))
        v->w->code = pf_fail(v->w->err, PF_INTERNAL, "damaged data: an entry is cut short");
    return n;
}

static void read_header(resolving *w, uint32_t number, pf_profile *out)
{
    varints v = open_blob(w, PF_TABLE_HEADER, number, "header");
    uint64_t types = next(&v);
    for (uint64_t i = 0; i < types && !w->code; i++) {
        pf_value_type t = {.type = string_index(w, next(&v))};
        t.unit = string_index(w, next(&v));
        pf_buf_put(&w->r->sample_type, &t, sizeof t);
    }
    out->has_period_type = next(&v) != 0;
    out->period_type.type = string_index(w, next(&v));
    out->period_type.unit = string_index(w, next(&v));
    out->period = pf_unzigzag(next(&v));
    out->drop_frames = string_index(w, next(&v));
    out->keep_frames = string_index(w, next(&v));
    out->default_sample_type = string_index(w, next(&v));
    out->doc_url = string_index(w, next(&v));
    uint64_t comments = next(&v);
    for (uint64_t i = 0; i < comments && !w->code; i++) {
        uint32_t c = string_index(w, next(&v));
        pf_buf_put(&w->r->comment, &c, sizeof c);
    }
}

pf_code pf_resolve_sample_types(const pf_tables *t, uint32_t header, uint32_t *n, pf_error *err)
{
    resolving w = {.t = t, .err = err};
    varints v = open_blob(&w, PF_TABLE_HEADER, header, "header");
    *n = (uint32_t)next(&v);
    return w.code;
}

static void read_maps(resolving *w, uint32_t number)
{
    if (!number)
        return;
    varints v = open_blob(w, PF_TABLE_MAPS, number, "maps");
    while (v.p < v.end && !w->code) {
        uint64_t mapping = next(&v), start = next(&v);
        add_mapping(w, mapping, start);
    }
}

typedef struct run {
    uint32_t off, n;
} run;

static run new_label_run(resolving *w, uint32_t number)
{
    run fresh = {.off = count(&w->r->label, sizeof(pf_label))};
    varints v = open_blob(w, PF_TABLE_LABELS, number, "label set");
    while (v.p < v.end && !w->code) {
        pf_label l = {.key = string_index(w, next(&v))};
        l.str = string_index(w, next(&v));
        l.num = pf_unzigzag(next(&v));
        l.unit = string_index(w, next(&v));
        pf_buf_put(&w->r->label, &l, sizeof l);
        fresh.n++;
    }
    pf_buf_put(&w->r->label_run, &fresh, sizeof fresh);
    return fresh;
}

/* The labels of a set, put into label[] once. */
static run label_run(resolving *w, uint64_t number)
{
    if (!number || !check(w, PF_TABLE_LABELS, number, "label set"))
        return (run){0, 0};
    uint32_t i = pf_places_get(&w->r->by_labels, (uint32_t)number);
    if (i != PF_PLACE_NONE && !w->r->label_run.failed)
        return ((run *)w->r->label_run.data)[i];
    pf_places_set(&w->r->by_labels, (uint32_t)number, count(&w->r->label_run, sizeof(run)));
    return new_label_run(w, (uint32_t)number);
}

/* Room for one more frame at least. */
static bool grow_frames(resolving *w)
{
    pf_buf *frames = &w->r->sample_location;
    if (frames->len / sizeof(uint32_t) >= PF_NO_INDEX)
        w->code = pf_fail(w->err, PF_QUERY_LIMIT, "the result has over 2^32 frames");
    else if (!pf_buf_reserve(frames, sizeof(uint32_t)))
        fail_nomem(w);
    return check_memory(w);
}

static void put_stack(resolving *w, uint64_t number)
{
    pf_buf *frames = &w->r->sample_location;
    if (!check(w, PF_TABLE_STACK, number, "stack"))
        return;
    for (uint32_t at = pf_tables_stack(w->t, (uint32_t)number); at;) {
        if (!check(w, PF_TABLE_NODE, at, "stack node"))
            return;
        pf_sym_node node = pf_tables_node(w->t, at);
        uint32_t i = location_index(w, node.location);
        if (frames->cap - frames->len < sizeof i && !grow_frames(w))
            return;
        memcpy(frames->data + frames->len, &i, sizeof i);
        frames->len += sizeof i;
        at = node.parent;
    }
}

/* All samples and their values, still to be filled; false when there is no room. */
static bool reserve_samples(resolving *w, const pf_symrow *row)
{
    size_t samples = row->nsample * sizeof(pf_sample), values;
    if (__builtin_mul_overflow((size_t)row->nsample * sizeof(int64_t), row->nsample_type, &values))
        values = SIZE_MAX;
    if (!pf_buf_reserve(&w->r->sample, samples) || !pf_buf_reserve(&w->r->value, values)) {
        fail_nomem(w);
        return false;
    }
    w->r->sample.len = samples;
    w->r->value.len = values;
    return check_memory(w);
}

static void put_samples(resolving *w, const pf_symrow *row)
{
    if (w->code || !reserve_samples(w, row))
        return;
    pf_sample *sample = (pf_sample *)w->r->sample.data;
    int64_t *value = (int64_t *)w->r->value.data;
    run stack = {0, 0};
    for (uint32_t i = 0; i < row->nsample && !w->code; i++) {
        /* Sorted by stack: one that comes again stands there already. */
        if (!i || row->stack[i] != row->stack[i - 1]) {
            stack.off = count(&w->r->sample_location, sizeof(uint32_t));
            put_stack(w, row->stack[i]);
            stack.n = count(&w->r->sample_location, sizeof(uint32_t)) - stack.off;
        }
        run labels = row->labels ? label_run(w, row->labels[i]) : (run){0, 0};
        sample[i] = (pf_sample){stack.off, stack.n, labels.off, labels.n};
        for (uint32_t t = 0; t < row->nsample_type; t++)
            *value++ = row->value[(size_t)t * row->nsample + i];
    }
}

static pf_code finish(resolving *w, pf_profile *out)
{
    pf_resolver *r = w->r;
    pf_buf *bufs[BUFS];
    all_bufs(r, bufs);
    for (int i = 0; i < BUFS; i++)
        if (bufs[i]->failed)
            fail_nomem(w);
    if (!check_memory(w))
        return w->code;
#define TAKE(field, type)                                                                          \
    out->field = (type *)r->field.data;                                                            \
    out->n##field = count(&r->field, sizeof(type))
    TAKE(string, pf_str);
    TAKE(sample_type, pf_value_type);
    TAKE(sample, pf_sample);
    TAKE(sample_location, uint32_t);
    TAKE(label, pf_label);
    TAKE(mapping, pf_mapping);
    TAKE(location, pf_location);
    TAKE(line, pf_line);
    TAKE(function, pf_function);
    TAKE(comment, uint32_t);
#undef TAKE
    out->value = (int64_t *)r->value.data;
    return PF_OK;
}

pf_code pf_resolve(pf_resolver *r, const pf_tables *t, const pf_symrow *row, const uint32_t *maps,
                   size_t nmaps, pf_profile *out, pf_error *err)
{
    resolving w = {.r = r, .t = t, .err = err};
    memset(out, 0, sizeof *out);
    if (!begin(r, t))
        return pf_fail_nomem(err, "a profile");
    add_string(&w, PF_STR("")); /* string 0 */
    out->time_nanos = row->time_nanos;
    out->duration_nanos = row->duration_nanos;
    read_header(&w, row->header, out);
    for (size_t i = 0; i < nmaps && !w.code; i++)
        read_maps(&w, maps[i]);
    put_samples(&w, row);
    for (uint32_t i = 0; i < row->nlone_location && !w.code; i++)
        location_index(&w, row->lone_location[i]);
    for (uint32_t i = 0; i < row->nlone_function && !w.code; i++)
        function_index(&w, row->lone_function[i]);
    pf_code code = finish(&w, out);
    if (!code && row->nsample && out->nsample_type != row->nsample_type)
        code =
            pf_fail(err, PF_INTERNAL, "damaged data: a row has %u values a sample, its header %u",
                    row->nsample_type, out->nsample_type);
    return code;
}
