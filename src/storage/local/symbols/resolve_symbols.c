/* Symbols: each number of a table becomes an entry of the profile, once; with `join` each content does. */
#include "storage/local/symbols/resolve_state.h"

#include <stddef.h>
#include <string.h>

void pf_resolving_nomem(pf_resolving *w)
{
    if (!w->code)
        w->code = pf_fail_nomem(w->err, "a profile");
}

bool pf_resolving_missing(pf_resolving *w, uint64_t number, const char *what)
{
    if (!w->code)
        w->code = pf_fail(w->err, PF_INTERNAL, "damaged data: %s %llu refers to nothing", what,
                          (unsigned long long)number);
    return false;
}

bool pf_resolving_fits(pf_resolving *w)
{
    if (!w->code && w->r->max && pf_resolver_bytes(w->r) > w->r->max)
        w->code =
            pf_fail(w->err, PF_QUERY_LIMIT, "the result needs more than %zu bytes", w->r->max);
    return !w->code;
}

/* The index that content has: *fresh tells that it is new and that the caller adds it at that
 * index. */
static uint32_t index_of(pf_resolving *w, pf_map *m, pf_hash content, uint32_t next, bool *fresh)
{
    uint32_t *at = pf_map_at(m, content);
    *fresh = at && *at == PF_MAP_EMPTY;
    if (!at) {
        pf_resolving_nomem(w);
        return 0;
    }
    if (*fresh)
        *at = next;
    return *at;
}

static inline pf_hash hash(const pf_resolving *w, const void *content, size_t bytes)
{
    return pf_hash_bytes(&w->r->key, content, bytes);
}

static uint32_t new_string(pf_resolving *w, uint32_t number)
{
    pf_str s = pf_tables_blob(w->t, PF_TABLE_STRING, number);
    bool fresh = s.n > 0; /* the empty one is string 0 */
    uint32_t i = fresh ? pf_resolving_count(&w->r->string, sizeof s) : 0;
    if (w->join && fresh)
        i = index_of(w, &w->r->strings, hash(w, s.p, s.n), i, &fresh);
    if (fresh)
        pf_resolving_put(w, &w->r->string, &s, sizeof s);
    pf_number_index_set(&w->r->by_string, number, i);
    return i;
}

uint32_t pf_resolving_string(pf_resolving *w, uint64_t number)
{
    if (!number || !pf_resolving_has(w, PF_TABLE_STRING, number, "string"))
        return 0;
    uint32_t i = pf_number_index_get(&w->r->by_string, (uint32_t)number);
    return i == PF_NUMBER_INDEX_NONE ? new_string(w, (uint32_t)number) : i;
}

static uint32_t new_function(pf_resolving *w, uint32_t number)
{
    const pf_sym_function *f = pf_tables_function(w->t, number);
    pf_function to = {
        .start_line = f->start_line,
        .name = pf_resolving_string(w, f->name),
        .system_name = pf_resolving_string(w, f->system_name),
        .filename = pf_resolving_string(w, f->filename),
    };
    const struct {
        int64_t start_line;
        uint32_t name, system_name, filename, zero;
    } content = {to.start_line, to.name, to.system_name, to.filename, 0};
    bool fresh = true;
    uint32_t i = pf_resolving_count(&w->r->function, sizeof to);
    to.id = i + UINT64_C(1);
    if (w->join)
        i = index_of(w, &w->r->functions, hash(w, &content, sizeof content), i, &fresh);
    if (fresh)
        pf_resolving_put(w, &w->r->function, &to, sizeof to);
    pf_number_index_set(&w->r->by_function, number, i);
    return i;
}

uint32_t pf_resolving_function(pf_resolving *w, uint32_t number)
{
    if (!number) /* a line never has number 0 */
        pf_resolving_missing(w, number, "function");
    if (!pf_resolving_has(w, PF_TABLE_FUNCTION, number, "function"))
        return 0;
    uint32_t i = pf_number_index_get(&w->r->by_function, number);
    return i == PF_NUMBER_INDEX_NONE ? new_function(w, number) : i;
}

static pf_hash text_hash(pf_resolving *w, uint32_t string)
{
    if (!pf_resolving_has(w, PF_TABLE_STRING, string, "string"))
        string = 0;
    pf_str s = pf_tables_blob(w->t, PF_TABLE_STRING, string);
    return hash(w, s.p, s.n);
}

/* Mappings are told apart by content whether entries are joined or not: rows list them by one number and
 * locations may refer to them by another. */
static pf_hash mapping_content(pf_resolving *w, const pf_sym_mapping *m)
{
    const struct {
        uint64_t size, offset;
        pf_hash file, build_id;
        uint32_t flags, ordinal;
    } content = {m->size,  m->offset, text_hash(w, m->file), text_hash(w, m->build_id),
                 m->flags, m->ordinal};
    return hash(w, &content, sizeof content);
}

/* Adds a mapping of the profile's, unless its content is there already. */
static void add_mapping(pf_resolving *w, uint64_t number, uint64_t start)
{
    if (!number || !pf_resolving_has(w, PF_TABLE_MAPPING, number, "mapping"))
        return;
    const pf_sym_mapping *m = pf_tables_mapping(w->t, (uint32_t)number);
    bool fresh;
    uint32_t next = pf_resolving_count(&w->r->mapping, sizeof(pf_mapping));
    uint32_t i = index_of(w, &w->r->mappings, mapping_content(w, m), next, &fresh);
    if (fresh) {
        pf_mapping to = {
            .id = next + UINT64_C(1),
            .start = start,
            .limit = start + m->size,
            .offset = m->offset,
            .file = pf_resolving_string(w, m->file),
            .build_id = pf_resolving_string(w, m->build_id),
            .flags = m->flags,
        };
        pf_resolving_put(w, &w->r->mapping, &to, sizeof to);
    }
    pf_number_index_set(&w->r->by_mapping, (uint32_t)number, i);
}

/* The place of a mapping among the profile's: of its number, or of its content. */
static uint32_t mapping_index(pf_resolving *w, uint32_t number)
{
    if (!number || !pf_resolving_has(w, PF_TABLE_MAPPING, number, "mapping"))
        return PF_NO_INDEX;
    uint32_t i = pf_number_index_get(&w->r->by_mapping, number);
    if (i != PF_NUMBER_INDEX_NONE)
        return i;
    i = pf_map_get(&w->r->mappings, mapping_content(w, pf_tables_mapping(w->t, number)));
    if (i != PF_MAP_EMPTY)
        pf_number_index_set(&w->r->by_mapping, number, i);
    else if (!w->code)
        w->code = pf_fail(w->err, PF_INTERNAL, "damaged data: mapping %u is none of its profile's",
                          number);
    return i;
}

/* Appends the lines; NULL when that fails. */
static const pf_line *put_lines(pf_resolving *w, const pf_sym_location *l)
{
    size_t bytes = l->line_n * sizeof(pf_line);
    pf_line *lines = (pf_line *)pf_buf_reserve(&w->r->line, bytes);
    if (!lines) {
        pf_resolving_nomem(w);
        return NULL;
    }
    memset(lines, 0, bytes); /* they are hashed with their padding */
    for (uint32_t i = 0; i < l->line_n; i++) {
        const pf_sym_line *from = &w->t->line[l->line_off + i];
        lines[i].line = from->line;
        lines[i].column = from->column;
        lines[i].function = pf_resolving_function(w, from->function);
    }
    w->r->line.len += bytes;
    return w->code ? NULL : lines;
}

static pf_hash location_content(pf_resolving *w, const pf_sym_location *l, uint32_t mapping,
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

/* The index of a location of this content that is there already; PF_MAP_EMPTY for none. */
static uint32_t find_location(pf_resolving *w, const pf_sym_location *l, uint32_t mapping,
                              const pf_line *lines, uint32_t next)
{
    bool fresh;
    uint32_t i =
        index_of(w, &w->r->locations, location_content(w, l, mapping, lines), next, &fresh);
    return fresh ? PF_MAP_EMPTY : i;
}

uint32_t pf_resolving_new_location(pf_resolving *w, uint32_t number)
{
    const pf_sym_location *l = pf_tables_location(w->t, number);
    uint32_t mapping = mapping_index(w, l->mapping);
    size_t lines_at = w->r->line.len;
    const pf_line *lines = put_lines(w, l);
    if (!lines)
        return 0;
    uint32_t next = pf_resolving_count(&w->r->location, sizeof(pf_location));
    uint32_t there = w->join ? find_location(w, l, mapping, lines, next) : PF_MAP_EMPTY;
    pf_number_index_set(&w->r->by_location, number, there == PF_MAP_EMPTY ? next : there);
    if (there != PF_MAP_EMPTY) {
        w->r->line.len = lines_at;
        return there;
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
    pf_resolving_put(w, &w->r->location, &to, sizeof to);
    return next;
}

/* A cursor over the varints of a blob entry. */
typedef struct varints {
    const uint8_t *p, *end;
    pf_resolving *w;
} varints;

static varints open_blob(pf_resolving *w, pf_table table, uint32_t number, const char *what)
{
    varints v = {NULL, NULL, w};
    if (pf_resolving_has(w, table, number, what)) {
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

void pf_resolving_header(pf_resolving *w, uint32_t number, pf_profile *out)
{
    varints v = open_blob(w, PF_TABLE_HEADER, number, "header");
    uint64_t types = next(&v);
    for (uint64_t i = 0; i < types && !w->code; i++) {
        pf_value_type t = {.type = pf_resolving_string(w, next(&v))};
        t.unit = pf_resolving_string(w, next(&v));
        pf_resolving_put(w, &w->r->sample_type, &t, sizeof t);
    }
    out->has_period_type = next(&v) != 0;
    out->period_type.type = pf_resolving_string(w, next(&v));
    out->period_type.unit = pf_resolving_string(w, next(&v));
    out->period = pf_unzigzag(next(&v));
    out->drop_frames = pf_resolving_string(w, next(&v));
    out->keep_frames = pf_resolving_string(w, next(&v));
    out->default_sample_type = pf_resolving_string(w, next(&v));
    out->doc_url = pf_resolving_string(w, next(&v));
    uint64_t comments = next(&v);
    for (uint64_t i = 0; i < comments && !w->code; i++) {
        uint32_t c = pf_resolving_string(w, next(&v));
        pf_resolving_put(w, &w->r->comment, &c, sizeof c);
    }
}

pf_code pf_resolve_sample_types(const pf_tables *t, uint32_t header, uint32_t *n, pf_error *err)
{
    pf_resolving w = {.t = t, .err = err};
    varints v = open_blob(&w, PF_TABLE_HEADER, header, "header");
    *n = (uint32_t)next(&v);
    return w.code;
}

void pf_resolving_maps(pf_resolving *w, uint32_t number)
{
    if (!number)
        return;
    varints v = open_blob(w, PF_TABLE_MAPS, number, "maps");
    while (v.p < v.end && !w->code) {
        uint64_t mapping = next(&v), start = next(&v);
        add_mapping(w, mapping, start);
    }
}

static pf_run new_label_run(pf_resolving *w, uint32_t number)
{
    pf_run fresh = {.off = pf_resolving_count(&w->r->label, sizeof(pf_label))};
    varints v = open_blob(w, PF_TABLE_LABELS, number, "label set");
    while (v.p < v.end && !w->code) {
        pf_label l = {.key = pf_resolving_string(w, next(&v))};
        l.str = pf_resolving_string(w, next(&v));
        l.num = pf_unzigzag(next(&v));
        l.unit = pf_resolving_string(w, next(&v));
        pf_resolving_put(w, &w->r->label, &l, sizeof l);
        fresh.n++;
    }
    pf_resolving_put(w, &w->r->label_run, &fresh, sizeof fresh);
    return fresh;
}

pf_run pf_resolving_labels(pf_resolving *w, uint64_t number)
{
    if (!number || !pf_resolving_has(w, PF_TABLE_LABELS, number, "label set"))
        return (pf_run){0, 0};
    uint32_t i = pf_number_index_get(&w->r->by_labels, (uint32_t)number);
    if (i != PF_NUMBER_INDEX_NONE)
        return ((pf_run *)w->r->label_run.data)[i];
    pf_number_index_set(&w->r->by_labels, (uint32_t)number,
                        pf_resolving_count(&w->r->label_run, sizeof(pf_run)));
    return new_label_run(w, (uint32_t)number);
}
