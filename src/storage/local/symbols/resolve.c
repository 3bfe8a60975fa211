/* Samples: a row's as a profile has them, frame by frame, or a sum's as the tree that their stacks are. */
#include "storage/local/symbols/resolve_state.h"

#include <string.h>

/* A node on the way from a leaf to what is known. */
typedef struct step {
    uint32_t number;   /* of the node */
    uint32_t location; /* its index in the profile */
} step;

/* Room for one more frame at least. */
static bool grow_frames(pf_resolving *w)
{
    pf_buf *frames = &w->r->sample_location;
    if (frames->len / sizeof(uint32_t) >= PF_NO_INDEX)
        w->code = pf_fail(w->err, PF_QUERY_LIMIT, "the result has over 2^32 frames");
    else if (!pf_buf_reserve(frames, sizeof(uint32_t)))
        pf_resolving_nomem(w);
    return pf_resolving_fits(w);
}

static void put_stack(pf_resolving *w, uint64_t number)
{
    pf_buf *frames = &w->r->sample_location;
    if (!pf_resolving_has(w, PF_TABLE_STACK, number, "stack"))
        return;
    for (uint32_t at = pf_tables_stack(w->t, (uint32_t)number); at;) {
        if (!pf_resolving_has(w, PF_TABLE_NODE, at, "stack node"))
            return;
        pf_sym_node node = pf_tables_node(w->t, at);
        uint32_t i = pf_resolving_location(w, node.location);
        if (frames->cap - frames->len < sizeof i && !grow_frames(w))
            return;
        memcpy(frames->data + frames->len, &i, sizeof i);
        frames->len += sizeof i;
        at = node.parent;
    }
}

/* All samples and their values, still to be filled; false when there is no room. */
static bool reserve_samples(pf_resolving *w, const pf_row *row)
{
    size_t samples = row->nsample * sizeof(pf_sample), values;
    if (__builtin_mul_overflow((size_t)row->nsample * sizeof(int64_t), row->nsample_type, &values))
        values = SIZE_MAX;
    if (!pf_buf_reserve(&w->r->sample, samples) || !pf_buf_reserve(&w->r->value, values)) {
        pf_resolving_nomem(w);
        return false;
    }
    w->r->sample.len = samples;
    w->r->value.len = values;
    return pf_resolving_fits(w);
}

static void put_samples(pf_resolving *w, const pf_row *row)
{
    if (w->code || !reserve_samples(w, row))
        return;
    pf_sample *sample = (pf_sample *)w->r->sample.data;
    int64_t *value = (int64_t *)w->r->value.data;
    pf_run stack = {0, 0};
    for (uint32_t i = 0; i < row->nsample && !w->code; i++) {
        /* Sorted by stack: one that comes again stands there already. */
        if (!i || row->stack[i] != row->stack[i - 1]) {
            stack.off = pf_resolving_count(&w->r->sample_location, sizeof(uint32_t));
            put_stack(w, row->stack[i]);
            stack.n = pf_resolving_count(&w->r->sample_location, sizeof(uint32_t)) - stack.off;
        }
        pf_run labels = row->labels ? pf_resolving_labels(w, row->labels[i]) : (pf_run){0, 0};
        sample[i] = (pf_sample){stack.off, stack.n, labels.off, labels.n};
        for (uint32_t t = 0; t < row->nsample_type; t++)
            *value++ = row->value[(size_t)t * row->nsample + i];
    }
}

/* Appends the nodes from a stack's leaf up to where they are known, and gives the node that the leaf became.
 * Parents get their places before their children, locations theirs leaf first. */
static uint32_t put_nodes(pf_resolving *w, uint32_t number)
{
    pf_buf *path = &w->r->path, *nodes = &w->r->node;
    uint32_t known = 0;
    pf_buf_clear(path);
    for (uint32_t at = pf_tables_stack(w->t, number); at && !w->code;) {
        if (!pf_resolving_has(w, PF_TABLE_NODE, at, "stack node"))
            return 0;
        known = pf_number_index_get(&w->r->by_node, at);
        if (known != PF_NUMBER_INDEX_NONE)
            break;
        pf_sym_node node = pf_tables_node(w->t, at);
        const step s = {at, pf_resolving_location(w, node.location)};
        pf_resolving_put(w, path, &s, sizeof s);
        at = node.parent;
        known = 0;
    }
    const step *steps = (step *)path->data;
    for (uint32_t i = pf_resolving_count(path, sizeof *steps); i-- > 0 && !w->code;) {
        const pf_tree_node node = {known, steps[i].location};
        known = pf_resolving_count(nodes, sizeof node);
        if (nodes->cap - nodes->len < sizeof node)
            pf_resolving_fits(w);
        pf_resolving_put(w, nodes, &node, sizeof node);
        pf_number_index_set(&w->r->by_node, steps[i].number, known);
    }
    return known;
}

static void put_tree(pf_resolving *w, const pf_stack_sum *sum, pf_tree *tree)
{
    const uint32_t *stack = (uint32_t *)sum->stack.data, *labels = (uint32_t *)sum->labels.data;
    uint32_t n = pf_stack_sum_count(sum);
    const pf_tree_node root = {0, 0};
    pf_resolving_put(w, &w->r->node, &root, sizeof root);
    tree->value = (int64_t *)sum->value.data;
    pf_tree_sample *sample =
        (pf_tree_sample *)pf_buf_reserve(&w->r->leaf, n * sizeof(pf_tree_sample));
    if (!sample)
        return; /* seen at the end */
    w->r->leaf.len = n * sizeof *sample;
    for (uint32_t i = 0; i < n && !w->code; i++) {
        sample[i] = (pf_tree_sample){0};
        uint32_t types = sum->nsample_type;
        if (!types || pf_values_all_zero(&tree->value[(size_t)i * types], types))
            continue; /* a merge leaves it out, and what only it refers to */
        if (pf_resolving_has(w, PF_TABLE_STACK, stack[i], "stack"))
            sample[i].leaf = put_nodes(w, stack[i]);
        if (labels[i]) {
            pf_run run = pf_resolving_labels(w, labels[i]);
            sample[i].label_off = run.off;
            sample[i].label_n = run.n;
        }
    }
    tree->sample = sample;
    tree->nsample = n;
    tree->node = (pf_tree_node *)w->r->node.data;
    tree->nnode = pf_resolving_count(&w->r->node, sizeof root);
}

static pf_code finish(pf_resolving *w, uint32_t nsample, uint32_t nsample_type, pf_profile *out)
{
    pf_resolver *r = w->r;
    if (pf_resolver_failed(r))
        pf_resolving_nomem(w);
    if (!pf_resolving_fits(w))
        return w->code;
#define TAKE(field, type)                                                                          \
    out->field = (type *)r->field.data;                                                            \
    out->n##field = pf_resolving_count(&r->field, sizeof(type))
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
    if (nsample && out->nsample_type != nsample_type)
        return pf_fail(w->err, PF_INTERNAL,
                       "damaged data: a row has %u values a sample, its header %u", nsample_type,
                       out->nsample_type);
    return PF_OK;
}

/* String 0, header and mappings. */
static void begin(pf_resolving *w, uint32_t header, const uint32_t *maps, size_t nmaps,
                  pf_profile *out)
{
    const pf_str empty = PF_STR("");
    memset(out, 0, sizeof *out);
    if (!pf_resolver_begin(w->r, w->t, !w->join)) {
        pf_resolving_nomem(w);
        return;
    }
    pf_resolving_put(w, &w->r->string, &empty, sizeof empty);
    pf_resolving_header(w, header, out);
    for (size_t i = 0; i < nmaps && !w->code; i++)
        pf_resolving_maps(w, maps[i]);
}

pf_code pf_resolve(pf_resolver *r, const pf_tables *t, const pf_row *row, const uint32_t *maps,
                   size_t nmaps, pf_profile *out, pf_error *err)
{
    pf_resolving w = {.r = r, .t = t, .err = err, .join = true};
    begin(&w, row->header, maps, nmaps, out);
    out->time_nanos = row->time_nanos;
    out->duration_nanos = row->duration_nanos;
    put_samples(&w, row);
    for (uint32_t i = 0; i < row->nlone_location && !w.code; i++)
        pf_resolving_location(&w, row->lone_location[i]);
    for (uint32_t i = 0; i < row->nlone_function && !w.code; i++)
        pf_resolving_function(&w, row->lone_function[i]);
    return finish(&w, row->nsample, row->nsample_type, out);
}

pf_code pf_resolve_sum(pf_resolver *r, const pf_tables *t, const pf_stack_sum *sum, uint32_t header,
                       const uint32_t *maps, size_t nmaps, pf_profile *out, pf_tree *tree,
                       pf_error *err)
{
    pf_resolving w = {.r = r, .t = t, .err = err};
    *tree = (pf_tree){0};
    begin(&w, header, maps, nmaps, out);
    if (!w.code)
        put_tree(&w, sum, tree);
    return finish(&w, tree->nsample, sum->nsample_type, out);
}
