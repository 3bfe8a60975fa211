/* The symbols of a merge: what the samples refer to, each content once. See merge_state.h. */
#include "pprof/merge_state.h"

#include <stdlib.h>
#include <string.h>

/* A label on its way into its set's canonical order: texts before numbers, by key, and labels of
 * the same key as they stood. Keys are ordered by hash, which needs no look at their bytes; the
 * result is put into the order of the texts once, at the end. */
typedef struct pf_label_key {
    pf_hash key;
    uint32_t numeric;
    uint32_t place; /* in the sample's labels */
} pf_label_key;

/* What is hashed; no padding in any of them. */
typedef struct function_bytes {
    pf_hash name, system_name, filename;
    int64_t start_line;
} function_bytes;

typedef struct mapping_bytes {
    pf_hash build_id_or_file;
    uint64_t size, offset;
} mapping_bytes;

typedef struct location_bytes {
    pf_hash mapping;
    uint64_t address; /* in its mapping */
    uint32_t has_mapping, folded;
} location_bytes;

typedef struct line_bytes {
    pf_hash function;
    int64_t line, column;
} line_bytes;

typedef struct label_bytes {
    pf_hash key, text; /* the value or the unit */
    int64_t num;
    uint64_t kind; /* a text, a number without and with a unit */
} label_bytes;

enum { LABEL_TEXT, LABEL_NUMBER, LABEL_NUMBER_UNIT };

static size_t most(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* The largest of what rows hold many of. */
typedef struct widest {
    size_t locations, labels;
    size_t bytes; /* that hashing any row takes */
} widest;

static widest widest_rows(const pf_profile *p, const pf_tree *tree)
{
    size_t lines = 0;
    widest w = {0};
    for (uint32_t i = 0; i < p->nlocation; i++)
        lines = most(lines, p->location[i].line_n);
    for (uint32_t i = 0; !tree && i < p->nsample; i++) {
        w.locations = most(w.locations, p->sample[i].loc_n);
        w.labels = most(w.labels, p->sample[i].label_n);
    }
    for (uint32_t i = 0; tree && i < tree->nsample; i++)
        w.labels = most(w.labels, tree->sample[i].label_n);
    w.bytes =
        most(sizeof(location_bytes) + lines * sizeof(line_bytes), w.labels * sizeof(label_bytes));
    return w;
}

/* As google/pprof's mappingKey: sizes that differ within a page are the same. */
static pf_hash hash_mapping(const pf_merge *m, const pf_merge_view *v, const pf_mapping *map)
{
    enum { PAGE = 4096 };
    uint64_t size = map->limit - map->start + (PAGE - 1);
    uint32_t who = v->p->string[map->build_id].n ? map->build_id : map->file;
    const mapping_bytes b = {v->string_hash[who], size - size % PAGE, map->offset};
    return pf_hash_bytes(&m->key, &b, sizeof b);
}

static pf_hash hash_function(const pf_merge *m, const pf_merge_view *v, const pf_function *f)
{
    const function_bytes b = {v->string_hash[f->name], v->string_hash[f->system_name],
                              v->string_hash[f->filename], f->start_line};
    return pf_hash_bytes(&m->key, &b, sizeof b);
}

static pf_hash hash_location(const pf_merge *m, const pf_merge_view *v, const pf_location *l)
{
    location_bytes head = {.address = l->address, .folded = l->folded};
    if (l->mapping != PF_NO_INDEX) {
        head.mapping = v->mapping_hash[l->mapping];
        head.has_mapping = 1;
        head.address -= v->p->mapping[l->mapping].start; /* the same wherever it was loaded */
    }
    memcpy(v->bytes, &head, sizeof head);
    char *at = v->bytes + sizeof head;
    for (uint32_t i = 0; i < l->line_n; i++, at += sizeof(line_bytes)) {
        const pf_line *line = &v->p->line[l->line_off + i];
        const line_bytes b = {v->function_hash[line->function], line->line, line->column};
        memcpy(at, &b, sizeof b);
    }
    return pf_hash_bytes(&m->key, v->bytes, (size_t)(at - v->bytes));
}

static void hash_rows(const pf_merge *m, pf_merge_view *v)
{
    const pf_profile *p = v->p;
    for (uint32_t i = 0; i < p->nstring; i++)
        v->string_hash[i] = pf_hash_bytes(&m->key, p->string[i].p, p->string[i].n);
    for (uint32_t i = 0; i < p->nmapping; i++)
        v->mapping_hash[i] = hash_mapping(m, v, &p->mapping[i]);
    for (uint32_t i = 0; i < p->nfunction; i++)
        v->function_hash[i] = hash_function(m, v, &p->function[i]);
    for (uint32_t i = 0; i < p->nlocation; i++)
        v->location_hash[i] = hash_location(m, v, &p->location[i]);
}

pf_code pf_merge_view_make(pf_merge *m, const pf_profile *p, const pf_tree *tree, pf_merge_view *v,
                           pf_error *err)
{
    *v = (pf_merge_view){.p = p, .tree = tree};
    widest w = widest_rows(p, tree);
    const struct {
        void *out;
        size_t count, size;
    } parts[] = {
        {&v->string_hash, p->nstring, sizeof(pf_hash)},
        {&v->mapping_hash, p->nmapping, sizeof(pf_hash)},
        {&v->function_hash, p->nfunction, sizeof(pf_hash)},
        {&v->location_hash, p->nlocation, sizeof(pf_hash)},
        {&v->mapping, p->nmapping, sizeof *v->mapping},
        {&v->location, p->nlocation, sizeof *v->location},
        {&v->path, w.locations, sizeof *v->path},
        {&v->label_runs, p->nlabel, sizeof *v->label_runs},
        {&v->bytes, w.bytes, 1},
        {&v->labels, w.labels, sizeof(pf_label_key)},
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        void *got;
        pf_code code = pf_merge_memory(m, &m->scratch, parts[i].count, parts[i].size, &got, err);
        if (code)
            return code;
        memcpy(parts[i].out, &got, sizeof got);
    }
    memset(v->mapping, 0xff, p->nmapping * sizeof *v->mapping);
    memset(v->location, 0xff, p->nlocation * sizeof *v->location);
    memset(v->label_runs, 0, p->nlabel * sizeof *v->label_runs);
    hash_rows(m, v);
    return PF_OK;
}

pf_code pf_merge_string(pf_merge *m, pf_hash hash, pf_str s, uint32_t *out, pf_error *err)
{
    uint32_t *slot, at;
    pf_code code = pf_merge_slot(m, &m->strings, hash, &slot, err);
    if (code || (*out = *slot) != PF_MAP_EMPTY)
        return code;
    code = pf_merge_append(m, &m->string, 1, &at, err);
    if (code)
        return code;
    void *text;
    code = pf_merge_memory(m, &m->texts, s.n, 1, &text, err);
    if (code)
        return code;
    if (s.n)
        memcpy(text, s.p, s.n);
    *PF_ROW(&m->string, pf_str, at) = (pf_str){text, s.n};
    *out = *slot = at;
    return PF_OK;
}

static pf_code own_string(pf_merge *m, const pf_merge_view *v, uint32_t i, uint32_t *out,
                          pf_error *err)
{
    return pf_merge_string(m, v->string_hash[i], v->p->string[i], out, err);
}

pf_code pf_merge_mapping(pf_merge *m, pf_merge_view *v, uint32_t i, uint32_t *out, pf_error *err)
{
    if ((*out = v->mapping[i]) != PF_NO_INDEX)
        return PF_OK;
    const pf_mapping *from = &v->p->mapping[i];
    uint32_t *slot, at;
    pf_code code = pf_merge_slot(m, &m->mappings, v->mapping_hash[i], &slot, err);
    if (code)
        return code;
    if (*slot == PF_MAP_EMPTY) {
        pf_mapping row = *from;
        code = own_string(m, v, from->file, &row.file, err);
        if (!code)
            code = own_string(m, v, from->build_id, &row.build_id, err);
        if (!code)
            code = pf_merge_append(m, &m->mapping, 1, &at, err);
        if (code)
            return code;
        *PF_ROW(&m->mapping, pf_mapping, at) = row;
        *slot = at;
    }
    *out = v->mapping[i] = *slot;
    return PF_OK;
}

static pf_code own_function(pf_merge *m, const pf_merge_view *v, uint32_t i, uint32_t *out,
                            pf_error *err)
{
    const pf_function *from = &v->p->function[i];
    uint32_t *slot, at;
    pf_code code = pf_merge_slot(m, &m->functions, v->function_hash[i], &slot, err);
    if (code || (*out = *slot) != PF_MAP_EMPTY)
        return code;
    pf_function row = *from;
    code = own_string(m, v, from->name, &row.name, err);
    if (!code)
        code = own_string(m, v, from->system_name, &row.system_name, err);
    if (!code)
        code = own_string(m, v, from->filename, &row.filename, err);
    if (!code)
        code = pf_merge_append(m, &m->function, 1, &at, err);
    if (code)
        return code;
    *PF_ROW(&m->function, pf_function, at) = row;
    *out = *slot = at;
    return PF_OK;
}

static pf_code new_location(pf_merge *m, pf_merge_view *v, const pf_location *from, uint32_t *out,
                            pf_error *err)
{
    pf_location row = {.address = from->address,
                       .mapping = PF_NO_INDEX,
                       .line_n = from->line_n,
                       .folded = from->folded};
    pf_code code = PF_OK;
    if (from->mapping != PF_NO_INDEX) {
        code = pf_merge_mapping(m, v, from->mapping, &row.mapping, err);
        if (code)
            return code;
        row.address -=
            v->p->mapping[from->mapping].start; /* as the mapping that came first has it */
        row.address += PF_ROW(&m->mapping, pf_mapping, row.mapping)->start;
    }
    code = pf_merge_append(m, &m->line, from->line_n, &row.line_off, err);
    for (uint32_t i = 0; i < from->line_n && !code; i++) {
        pf_line line = v->p->line[from->line_off + i];
        code = own_function(m, v, line.function, &line.function, err);
        *PF_ROW(&m->line, pf_line, row.line_off + i) = line;
    }
    if (!code)
        code = pf_merge_append(m, &m->location, 1, out, err);
    if (!code)
        *PF_ROW(&m->location, pf_location, *out) = row;
    return code;
}

pf_code pf_merge_add_location(pf_merge *m, pf_merge_view *v, uint32_t i, pf_error *err)
{
    /* They are usually numbered as stacks name them first. */
    if (i + PF_MERGE_AHEAD < v->p->nlocation)
        pf_merge_prefetch(&m->locations, v->location_hash[i + PF_MERGE_AHEAD]);
    uint32_t *slot;
    pf_code code = pf_merge_slot(m, &m->locations, v->location_hash[i], &slot, err);
    if (!code && *slot == PF_MAP_EMPTY)
        code = new_location(m, v, &v->p->location[i], slot, err);
    if (!code)
        v->location[i] = *slot;
    return code;
}

/* ---- labels ---- */

static int label_key_cmp(const void *a, const void *b)
{
    const pf_label_key *x = a, *y = b;
    if (x->numeric != y->numeric)
        return x->numeric < y->numeric ? -1 : 1;
    if (x->key.hi != y->key.hi)
        return x->key.hi < y->key.hi ? -1 : 1;
    if (x->key.lo != y->key.lo)
        return x->key.lo < y->key.lo ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

/* The labels that count: as google/pprof, a text where there is one, else a number or a unit. */
static size_t sort_labels(const pf_merge_view *v, const pf_label *label, uint32_t label_n,
                          uint32_t *ntext)
{
    size_t n = 0;
    bool sorted = true;
    *ntext = 0;
    for (uint32_t i = 0; i < label_n; i++) {
        const pf_label *l = &label[i];
        if (!l->str && !l->num && !l->unit)
            continue;
        *ntext += l->str != 0;
        v->labels[n] = (pf_label_key){v->string_hash[l->key], !l->str, i};
        sorted = sorted && (n == 0 || label_key_cmp(&v->labels[n - 1], &v->labels[n]) < 0);
        n++;
    }
    if (!sorted)
        qsort(v->labels, n, sizeof *v->labels, label_key_cmp);
    return n;
}

static bool same_key(const pf_label_key *a, const pf_label_key *b)
{
    return a->numeric == b->numeric && pf_hash_eq(a->key, b->key);
}

/* Numbers of one key have units, all of them, as soon as one has. */
static uint64_t kind_of_group(const pf_label *label, const pf_label_key *group, size_t n)
{
    if (!group->numeric)
        return LABEL_TEXT;
    for (size_t i = 0; i < n; i++)
        if (label[group[i].place].unit)
            return LABEL_NUMBER_UNIT;
    return LABEL_NUMBER;
}

static pf_hash label_set_hash(const pf_merge *m, const pf_merge_view *v, const pf_label *label,
                              size_t n)
{
    label_bytes *b = (label_bytes *)v->bytes;
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && same_key(&v->labels[i], &v->labels[end]);)
            end++;
        uint64_t kind = kind_of_group(label, &v->labels[i], end - i);
        for (size_t k = i; k < end; k++) {
            const pf_label *l = &label[v->labels[k].place];
            b[k] = (label_bytes){v->labels[k].key, {0, 0}, kind == LABEL_TEXT ? 0 : l->num, kind};
            if (kind != LABEL_NUMBER)
                b[k].text = v->string_hash[kind == LABEL_TEXT ? l->str : l->unit];
        }
    }
    return pf_hash_bytes(&m->key, b, n * sizeof *b);
}

static pf_code new_label_set(pf_merge *m, const pf_merge_view *v, const pf_label *label,
                             pf_label_set set, uint32_t *out, pf_error *err)
{
    pf_code code = pf_merge_append(m, &m->label, set.n, &set.off, err);
    for (uint32_t i = 0; i < set.n && !code; i++) {
        const pf_label *from = &label[v->labels[i].place];
        pf_label row = {from->str ? 0 : from->num, 0, 0, 0};
        code = own_string(m, v, from->key, &row.key, err);
        if (!code && from->str)
            code = own_string(m, v, from->str, &row.str, err);
        else if (!code)
            code = own_string(m, v, from->unit, &row.unit, err);
        *PF_ROW(&m->label, pf_label, set.off + i) = row;
    }
    if (!code)
        code = pf_merge_append(m, &m->label_set, 1, out, err);
    if (!code)
        *PF_ROW(&m->label_set, pf_label_set, *out) = set;
    return code;
}

static pf_code find_label_set(pf_merge *m, pf_merge_view *v, const pf_label *label,
                              uint32_t label_n, uint32_t *out, pf_error *err)
{
    pf_label_set set = {0};
    set.n = (uint32_t)sort_labels(v, label, label_n, &set.ntext);
    *out = PF_NO_INDEX;
    if (!set.n)
        return PF_OK;
    uint32_t *slot;
    pf_code code = pf_merge_slot(m, &m->label_sets, label_set_hash(m, v, label, set.n), &slot, err);
    if (!code && *slot == PF_MAP_EMPTY)
        code = new_label_set(m, v, label, set, slot, err);
    if (!code)
        *out = *slot;
    return code;
}

pf_code pf_merge_label_set(pf_merge *m, pf_merge_view *v, uint32_t label_off, uint32_t label_n,
                           uint32_t *out, pf_error *err)
{
    *out = PF_NO_INDEX;
    if (!label_n)
        return PF_OK;
    pf_merge_labels *known = &v->label_runs[label_off];
    if (known->n != label_n) { /* many samples may share a run */
        pf_code code = find_label_set(m, v, &v->p->label[label_off], label_n, &known->set, err);
        if (code)
            return code;
        known->n = label_n;
    }
    *out = known->set;
    return PF_OK;
}
