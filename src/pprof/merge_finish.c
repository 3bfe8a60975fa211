/* The end of a merge. Samples that add up to zero go; where there are some, what only they referred to goes
 * with them, and the tables close up in place, keeping their order. Then the stacks, which were leaves of a
 * tree until now, are written out. The result borrows all tables.
 */
#include "pprof/merge_state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What is still referred to, by old number: PF_NO_INDEX, or, after closing up, the new number. */
typedef struct remap {
    uint32_t *string, *mapping, *function, *location, *label_set, *node;
} remap;

enum { USED = 0 };

static pf_code make_one(pf_merge *m, uint32_t n, uint32_t **out, pf_error *err)
{
    void *got;
    pf_code code = pf_merge_memory(m, &m->scratch, n, sizeof **out, &got, err);
    if (code)
        return code;
    memset(got, 0xff, n * sizeof **out);
    *out = got;
    return PF_OK;
}

static pf_code make_remap(pf_merge *m, remap *r, pf_error *err)
{
    pf_code code = make_one(m, m->string.n, &r->string, err);
    if (!code)
        code = make_one(m, m->mapping.n, &r->mapping, err);
    if (!code)
        code = make_one(m, m->function.n, &r->function, err);
    if (!code)
        code = make_one(m, m->location.n, &r->location, err);
    if (!code)
        code = make_one(m, m->label_set.n, &r->label_set, err);
    return code ? code : make_one(m, m->node.n, &r->node, err);
}

/* ---- sums ---- */

static pf_code check_sums(const pf_merge *m, pf_error *err)
{
    for (size_t i = 0; i < m->carry.n; i++) {
        if (*PF_ROW(&m->carry, int64_t, i) == 0)
            continue;
        const pf_value_type *t = PF_ROW(&m->sample_type, pf_value_type, i % m->sample_type.n);
        return pf_fail(err, PF_INVALID, "a sum of %.*s/%.*s is outside of what int64 holds",
                       PF_FMT(*PF_ROW(&m->string, pf_str, t->type)),
                       PF_FMT(*PF_ROW(&m->string, pf_str, t->unit)));
    }
    if (m->duration > INT64_MAX || m->duration < INT64_MIN)
        return pf_fail(err, PF_INVALID, "the sum of the durations is outside of what int64 holds");
    return PF_OK;
}

/* True when there were any. */
static bool drop_zero_samples(pf_merge *m)
{
    uint32_t nvalue = m->sample_type.n, n = m->leaf.n, kept = 0;
    int64_t *value = m->value.rows;
    for (uint32_t i = 0; i < n; i++) {
        const int64_t *from = value + (size_t)i * nvalue;
        if (pf_values_all_zero(from, nvalue))
            continue;
        if (kept < i) {
            memcpy(value + (size_t)kept * nvalue, from, nvalue * sizeof *value);
            *PF_ROW(&m->leaf, pf_tree_sample, kept) = *PF_ROW(&m->leaf, pf_tree_sample, i);
        }
        kept++;
    }
    m->leaf.n = kept;
    m->value.n = kept * nvalue;
    return kept < n;
}

/* ---- closing up ---- */

/* Nodes stay where they are; those that no sample leads to any more are without a location. */
static void close_samples(pf_merge *m, remap *r)
{
    const pf_tree_node *node = m->node.rows;
    for (uint32_t i = 0; i < m->leaf.n; i++) {
        const pf_tree_sample *s = PF_ROW(&m->leaf, pf_tree_sample, i);
        for (uint32_t at = s->leaf; at && r->node[at] == PF_NO_INDEX; at = node[at].parent) {
            r->node[at] = USED;
            r->location[node[at].location] = USED;
        }
        if (s->label_off != PF_NO_INDEX)
            r->label_set[s->label_off] = USED;
    }
}

static void close_locations(pf_merge *m, remap *r)
{
    uint32_t kept = 0, at = 0;
    pf_line *line = m->line.rows;
    for (uint32_t i = 0; i < m->location.n; i++) {
        if (r->location[i] == PF_NO_INDEX)
            continue;
        pf_location l = *PF_ROW(&m->location, pf_location, i);
        for (uint32_t k = 0; k < l.line_n; k++) {
            line[at + k] = line[l.line_off + k];
            r->function[line[at + k].function] = USED;
        }
        if (l.mapping != PF_NO_INDEX)
            r->mapping[l.mapping] = USED;
        l.line_off = at;
        at += l.line_n;
        r->location[i] = kept;
        *PF_ROW(&m->location, pf_location, kept++) = l;
    }
    m->location.n = kept;
    m->line.n = at;
}

static void close_mappings_functions(pf_merge *m, remap *r)
{
    uint32_t kept = 0;
    if (m->mapping.n)
        r->mapping[0] = USED; /* the main binary */
    for (uint32_t i = 0; i < m->mapping.n; i++) {
        if (r->mapping[i] == PF_NO_INDEX)
            continue;
        pf_mapping row = *PF_ROW(&m->mapping, pf_mapping, i);
        r->string[row.file] = r->string[row.build_id] = USED;
        r->mapping[i] = kept;
        *PF_ROW(&m->mapping, pf_mapping, kept++) = row;
    }
    m->mapping.n = kept;
    kept = 0;
    for (uint32_t i = 0; i < m->function.n; i++) {
        if (r->function[i] == PF_NO_INDEX)
            continue;
        pf_function row = *PF_ROW(&m->function, pf_function, i);
        r->string[row.name] = r->string[row.system_name] = r->string[row.filename] = USED;
        r->function[i] = kept;
        *PF_ROW(&m->function, pf_function, kept++) = row;
    }
    m->function.n = kept;
}

static void close_labels(pf_merge *m, remap *r)
{
    uint32_t kept = 0, at = 0;
    pf_label *label = m->label.rows;
    for (uint32_t i = 0; i < m->label_set.n; i++) {
        if (r->label_set[i] == PF_NO_INDEX)
            continue;
        pf_label_set set = *PF_ROW(&m->label_set, pf_label_set, i);
        for (uint32_t k = 0; k < set.n; k++) {
            pf_label l = label[at + k] = label[set.off + k];
            r->string[l.key] = r->string[l.str] = r->string[l.unit] = USED;
        }
        set.off = at;
        at += set.n;
        r->label_set[i] = kept;
        *PF_ROW(&m->label_set, pf_label_set, kept++) = set;
    }
    m->label_set.n = kept;
    m->label.n = at;
}

static void close_strings(pf_merge *m, remap *r)
{
    const uint32_t header[] = {m->drop_frames, m->keep_frames,      m->default_sample_type,
                               m->doc_url,     m->period_type.type, m->period_type.unit};
    r->string[0] = USED;
    for (size_t i = 0; i < sizeof header / sizeof *header; i++)
        r->string[header[i]] = USED;
    for (uint32_t i = 0; i < m->comment.n; i++)
        r->string[*PF_ROW(&m->comment, uint32_t, i)] = USED;
    for (uint32_t i = 0; i < m->sample_type.n; i++) {
        const pf_value_type *t = PF_ROW(&m->sample_type, pf_value_type, i);
        r->string[t->type] = r->string[t->unit] = USED;
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < m->string.n; i++) {
        if (r->string[i] == PF_NO_INDEX)
            continue;
        *PF_ROW(&m->string, pf_str, kept) = *PF_ROW(&m->string, pf_str, i);
        r->string[i] = kept++;
    }
    m->string.n = kept;
}

/* ---- new numbers ---- */

static void renumber_symbols(pf_merge *m, const remap *r)
{
    for (uint32_t i = 0; i < m->mapping.n; i++) {
        pf_mapping *row = PF_ROW(&m->mapping, pf_mapping, i);
        row->file = r->string[row->file];
        row->build_id = r->string[row->build_id];
    }
    for (uint32_t i = 0; i < m->function.n; i++) {
        pf_function *row = PF_ROW(&m->function, pf_function, i);
        row->name = r->string[row->name];
        row->system_name = r->string[row->system_name];
        row->filename = r->string[row->filename];
    }
    for (uint32_t i = 0; i < m->line.n; i++) {
        pf_line *row = PF_ROW(&m->line, pf_line, i);
        row->function = r->function[row->function];
    }
    for (uint32_t i = 0; i < m->location.n; i++) {
        pf_location *row = PF_ROW(&m->location, pf_location, i);
        row->mapping = row->mapping == PF_NO_INDEX ? PF_NO_INDEX : r->mapping[row->mapping];
    }
}

static void renumber_samples(pf_merge *m, const remap *r)
{
    for (uint32_t i = 0; i < m->label.n; i++) {
        pf_label *row = PF_ROW(&m->label, pf_label, i);
        row->key = r->string[row->key];
        row->str = r->string[row->str];
        row->unit = r->string[row->unit];
    }
    for (uint32_t i = 1; i < m->node.n; i++) {
        pf_tree_node *row = PF_ROW(&m->node, pf_tree_node, i);
        row->location = r->location[row->location];
    }
    for (uint32_t i = 0; i < m->leaf.n; i++) {
        pf_tree_sample *row = PF_ROW(&m->leaf, pf_tree_sample, i);
        if (row->label_off != PF_NO_INDEX)
            row->label_off = r->label_set[row->label_off];
    }
}

static void renumber_type(pf_value_type *t, const remap *r)
{
    t->type = r->string[t->type];
    t->unit = r->string[t->unit];
}

static void renumber_header(pf_merge *m, const remap *r)
{
    renumber_type(&m->period_type, r);
    for (uint32_t i = 0; i < m->sample_type.n; i++)
        renumber_type(PF_ROW(&m->sample_type, pf_value_type, i), r);
    for (uint32_t i = 0; i < m->comment.n; i++) {
        uint32_t *row = PF_ROW(&m->comment, uint32_t, i);
        *row = r->string[*row];
    }
    m->drop_frames = r->string[m->drop_frames];
    m->keep_frames = r->string[m->keep_frames];
    m->default_sample_type = r->string[m->default_sample_type];
    m->doc_url = r->string[m->doc_url];
}

/* What only samples that are gone have referred to goes with them. */
static pf_code close_up(pf_merge *m, pf_error *err)
{
    remap r;
    pf_code code = make_remap(m, &r, err);
    if (code)
        return code;
    close_samples(m, &r);
    close_locations(m, &r);
    close_mappings_functions(m, &r);
    close_labels(m, &r);
    close_strings(m, &r);
    renumber_symbols(m, &r);
    renumber_samples(m, &r);
    renumber_header(m, &r);
    return PF_OK;
}

static void set_ids(pf_merge *m)
{
    for (uint32_t i = 0; i < m->mapping.n; i++)
        PF_ROW(&m->mapping, pf_mapping, i)->id = (uint64_t)i + 1;
    for (uint32_t i = 0; i < m->function.n; i++)
        PF_ROW(&m->function, pf_function, i)->id = (uint64_t)i + 1;
    for (uint32_t i = 0; i < m->location.n; i++) {
        pf_location *row = PF_ROW(&m->location, pf_location, i);
        row->id = (uint64_t)i + 1;
        row->mapping_id = row->mapping == PF_NO_INDEX ? 0 : (uint64_t)row->mapping + 1;
    }
}

/* From the sets' numbers to where they stand. */
static void give_labels(pf_merge *m)
{
    const pf_label_set *set = m->label_set.rows;
    for (uint32_t i = 0; i < m->leaf.n; i++) {
        pf_tree_sample *s = PF_ROW(&m->leaf, pf_tree_sample, i);
        bool none = s->label_off == PF_NO_INDEX;
        s->label_n = none ? 0 : set[s->label_off].n;
        s->label_off = none ? 0 : set[s->label_off].off;
    }
}

/* How many frames the samples have together. */
static pf_code count_frames(pf_merge *m, size_t *frames, pf_error *err)
{
    const pf_tree_node *node = m->node.rows;
    void *got;
    pf_code code = pf_merge_memory(m, &m->scratch, m->node.n, sizeof(uint32_t), &got, err);
    if (code)
        return code;
    uint32_t *depth = got;
    depth[0] = 0;
    for (uint32_t i = 1; i < m->node.n; i++)
        depth[i] = depth[node[i].parent] + 1;
    *frames = 0;
    for (uint32_t i = 0; i < m->leaf.n; i++)
        *frames += depth[PF_ROW(&m->leaf, pf_tree_sample, i)->leaf];
    return PF_OK;
}

/* Writes the frames of all samples, leaf first. */
static pf_code spread_samples(pf_merge *m, pf_error *err)
{
    const pf_tree_node *node = m->node.rows;
    size_t frames;
    uint32_t at, first;
    pf_code code = count_frames(m, &frames, err);
    if (!code)
        code = pf_merge_append(m, &m->sample_location, frames, &at, err);
    if (!code)
        code = pf_merge_append(m, &m->sample, m->leaf.n, &first, err);
    if (code)
        return code;
    uint32_t *location = m->sample_location.rows;
    for (uint32_t i = 0; i < m->leaf.n; i++) {
        const pf_tree_sample *s = PF_ROW(&m->leaf, pf_tree_sample, i);
        uint32_t from = at;
        for (uint32_t n = s->leaf; n; n = node[n].parent)
            location[at++] = node[n].location;
        *PF_ROW(&m->sample, pf_sample, i) = (pf_sample){from, at - from, s->label_off, s->label_n};
    }
    return PF_OK;
}

/* ---- labels in the order of their keys ---- */

typedef struct ranked {
    pf_str text;
    uint32_t string, pad;
} ranked;

typedef struct ranked_label {
    uint32_t rank, place;
    pf_label label;
} ranked_label;

static int ranked_cmp(const void *a, const void *b)
{
    return pf_str_cmp(((const ranked *)a)->text, ((const ranked *)b)->text);
}

static int ranked_label_cmp(const void *a, const void *b)
{
    const ranked_label *x = a, *y = b;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

/* Ranks of the texts that are keys, by string number. */
static pf_code rank_keys(pf_merge *m, uint32_t **rank, pf_error *err)
{
    pf_code code = make_one(m, m->string.n, rank, err);
    if (code)
        return code;
    uint32_t n = 0;
    for (uint32_t i = 0; i < m->label.n; i++) {
        uint32_t key = PF_ROW(&m->label, pf_label, i)->key;
        if ((*rank)[key] == PF_NO_INDEX)
            (*rank)[key] = USED, n++;
    }
    void *got;
    code = pf_merge_memory(m, &m->scratch, n, sizeof(ranked), &got, err);
    if (code)
        return code;
    ranked *keys = got;
    n = 0;
    for (uint32_t i = 0; i < m->string.n; i++)
        if ((*rank)[i] == USED)
            keys[n++] = (ranked){*PF_ROW(&m->string, pf_str, i), i, 0};
    qsort(keys, n, sizeof *keys, ranked_cmp);
    for (uint32_t i = 0; i < n; i++)
        (*rank)[keys[i].string] = i;
    return PF_OK;
}

/* Orders n labels by key; those of one key keep their order. */
static void sort_run(pf_label *label, uint32_t n, const uint32_t *rank, ranked_label *tmp)
{
    if (n < 2)
        return;
    for (uint32_t i = 0; i < n; i++)
        tmp[i] = (ranked_label){rank[label[i].key], i, label[i]};
    qsort(tmp, n, sizeof *tmp, ranked_label_cmp);
    for (uint32_t i = 0; i < n; i++)
        label[i] = tmp[i].label;
}

static pf_code sort_labels(pf_merge *m, pf_error *err)
{
    if (m->label.n == 0)
        return PF_OK;
    uint32_t *rank, longest = 0;
    pf_code code = rank_keys(m, &rank, err);
    if (code)
        return code;
    const pf_label_set *set = m->label_set.rows;
    for (uint32_t i = 0; i < m->label_set.n; i++)
        longest = set[i].n > longest ? set[i].n : longest;
    void *tmp;
    code = pf_merge_memory(m, &m->scratch, longest, sizeof(ranked_label), &tmp, err);
    if (code)
        return code;
    for (uint32_t i = 0; i < m->label_set.n; i++) {
        pf_label *label = PF_ROW(&m->label, pf_label, set[i].off);
        sort_run(label, set[i].ntext, rank, tmp);
        sort_run(label + set[i].ntext, set[i].n - set[i].ntext, rank, tmp);
    }
    return PF_OK;
}

/* ---- the result ---- */

static void show_result(const pf_merge *m, pf_profile *p)
{
    *p = (pf_profile){
        .string = m->string.rows,
        .sample_type = m->sample_type.rows,
        .sample = m->sample.rows,
        .value = m->value.rows,
        .sample_location = m->sample_location.rows,
        .label = m->label.rows,
        .mapping = m->mapping.rows,
        .location = m->location.rows,
        .line = m->line.rows,
        .function = m->function.rows,
        .comment = m->comment.rows,
        .nstring = m->string.n,
        .nsample_type = m->sample_type.n,
        .nsample = m->sample.n,
        .nsample_location = m->sample_location.n,
        .nlabel = m->label.n,
        .nmapping = m->mapping.n,
        .nlocation = m->location.n,
        .nline = m->line.n,
        .nfunction = m->function.n,
        .ncomment = m->comment.n,
        .time_nanos = m->time_nanos,
        .duration_nanos = (int64_t)m->duration,
        .period = m->period,
        .period_type = m->period_type,
        .has_period_type = m->period_type.type || m->period_type.unit,
        .drop_frames = m->drop_frames,
        .keep_frames = m->keep_frames,
        .default_sample_type = m->default_sample_type,
        .doc_url = m->doc_url,
    };
}

static pf_code finish(pf_merge *m, pf_error *err)
{
    if (!m->begun)
        return pf_fail(err, PF_INVALID, "no profiles to merge");
    pf_code code = check_sums(m, err);
    if (code)
        return code;
    for (size_t i = 0; i < sizeof m->map / sizeof *m->map; i++)
        pf_map_free(&m->map[i]); /* nothing is looked up any more */
    pf_merge_nodes_free(m);
    pf_remap_free(&m->labelled);
    if (drop_zero_samples(m))
        code = close_up(m, err);
    if (!code)
        code = sort_labels(m, err);
    if (code)
        return code;
    give_labels(m);
    set_ids(m);
    return PF_OK;
}

pf_code pf_merge_finish_tree(pf_merge *m, pf_profile *result, pf_tree *tree, pf_error *err)
{
    pf_code code = finish(m, err);
    pf_arena_free(&m->scratch);
    if (code)
        return code;
    show_result(m, result);
    *tree = (pf_tree){.node = m->node.rows,
                      .sample = m->leaf.rows,
                      .value = m->value.rows,
                      .nnode = m->node.n,
                      .nsample = m->leaf.n};
    return PF_OK;
}

pf_code pf_merge_finish(pf_merge *m, pf_profile *result, pf_error *err)
{
    pf_code code = finish(m, err);
    if (!code)
        code = spread_samples(m, err);
    pf_arena_free(&m->scratch);
    if (!code)
        show_result(m, result);
    return code;
}
