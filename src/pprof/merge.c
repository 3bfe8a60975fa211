/* Adding profiles to a merge, by the rules of google/pprof's profile.Merge.
 *
 * Values are added modulo 2^64, and a sum that leaves int64 counts its turns in a column of
 * carries, which exists only once that has happened. The exact sum is carry * 2^64 + value, so that
 * the order of adding does not matter and a sum fits exactly when its carry is 0.
 */
#include "pprof/merge_state.h"

#include <string.h>

/* ---- headers ---- */

static pf_code own_text(pf_merge *m, const pf_profile *p, uint32_t string, uint32_t *out,
                        pf_error *err)
{
    pf_str s = p->string[string];
    return pf_merge_string(m, pf_hash_bytes(&m->key, s.p, s.n), s, out, err);
}

static pf_code own_value_type(pf_merge *m, const pf_profile *p, pf_value_type t, pf_value_type *out,
                              pf_error *err)
{
    pf_code code = own_text(m, p, t.type, &out->type, err);
    return code ? code : own_text(m, p, t.unit, &out->unit, err);
}

static pf_code begin(pf_merge *m, const pf_profile *p, pf_error *err)
{
    uint32_t empty, at;
    pf_code code = pf_merge_nodes_begin(m, err);
    if (!code)
        code = pf_merge_string(m, pf_hash_bytes(&m->key, NULL, 0), (pf_str){0}, &empty, err);
    if (!code)
        code = own_value_type(m, p, p->period_type, &m->period_type, err);
    if (!code)
        code = own_text(m, p, p->drop_frames, &m->drop_frames, err);
    if (!code)
        code = own_text(m, p, p->keep_frames, &m->keep_frames, err);
    if (!code)
        code = pf_merge_append(m, &m->sample_type, p->nsample_type, &at, err);
    for (uint32_t i = 0; i < p->nsample_type && !code; i++)
        code =
            own_value_type(m, p, p->sample_type[i], PF_ROW(&m->sample_type, pf_value_type, i), err);
    m->period = p->period;
    m->begun = !code;
    return code;
}

static pf_str own(const pf_merge *m, uint32_t string)
{
    return *PF_ROW(&m->string, pf_str, string);
}

static bool same_type(const pf_merge *m, pf_value_type a, const pf_profile *p, pf_value_type b)
{
    return pf_str_eq(own(m, a.type), p->string[b.type]) &&
           pf_str_eq(own(m, a.unit), p->string[b.unit]);
}

/* "cpu/nanoseconds samples/count" for a message. */
static void show_types(const pf_str *string, const pf_value_type *types, uint32_t n, pf_buf *out)
{
    for (uint32_t i = 0; i < n && out->len < 200; i++)
        pf_buf_printf(out, "%s%.*s/%.*s", i ? " " : "", PF_FMT(string[types[i].type]),
                      PF_FMT(string[types[i].unit]));
    pf_buf_putc(out, 0);
}

static pf_code types_differ(const char *what, const pf_merge *m, const pf_value_type *ours,
                            uint32_t nours, const pf_profile *p, const pf_value_type *theirs,
                            uint32_t ntheirs, pf_error *err)
{
    pf_buf a = {.max = 4096}, b = {.max = 4096};
    show_types(m->string.rows, ours, nours, &a);
    show_types(p->string, theirs, ntheirs, &b);
    pf_code code = pf_fail(err, PF_INVALID, "incompatible %s types [%.200s] and [%.200s]", what,
                           a.failed ? "…" : a.data, b.failed ? "…" : b.data);
    pf_buf_free(&a);
    pf_buf_free(&b);
    return code;
}

static pf_code check_compatible(const pf_merge *m, const pf_profile *p, pf_error *err)
{
    const pf_value_type *types = m->sample_type.rows;
    if (!same_type(m, m->period_type, p, p->period_type))
        return types_differ("period", m, &m->period_type, 1, p, &p->period_type, 1, err);
    bool same = m->sample_type.n == p->nsample_type;
    for (uint32_t i = 0; i < p->nsample_type && same; i++)
        same = same_type(m, types[i], p, p->sample_type[i]);
    return same ? PF_OK
                : types_differ("sample", m, types, m->sample_type.n, p, p->sample_type,
                               p->nsample_type, err);
}

static pf_code add_comments(pf_merge *m, const pf_profile *p, pf_error *err)
{
    for (uint32_t i = 0; i < p->ncomment; i++) {
        pf_str s = p->string[p->comment[i]];
        pf_hash hash = pf_hash_bytes(&m->key, s.p, s.n);
        uint32_t *slot, at, string;
        pf_code code = pf_merge_slot(m, &m->comments, hash, &slot, err);
        if (!code && *slot != PF_MAP_EMPTY)
            continue;
        if (!code)
            code = pf_merge_string(m, hash, s, &string, err);
        if (!code)
            code = pf_merge_append(m, &m->comment, 1, &at, err);
        if (code)
            return code;
        *PF_ROW(&m->comment, uint32_t, at) = string;
        *slot = at;
    }
    return PF_OK;
}

void pf_merge_add_times(pf_merge *m, int64_t time_nanos, int64_t duration_nanos)
{
    if (time_nanos != 0 && (m->time_nanos == 0 || time_nanos < m->time_nanos))
        m->time_nanos = time_nanos;
    m->duration += duration_nanos;
}

static pf_code add_header(pf_merge *m, const pf_profile *p, pf_error *err)
{
    pf_code code = m->begun ? check_compatible(m, p, err) : begin(m, p, err);
    if (code)
        return code;
    pf_merge_add_times(m, p->time_nanos, p->duration_nanos);
    if (p->period > m->period)
        m->period = p->period;
    if (own(m, m->default_sample_type).n == 0)
        code = own_text(m, p, p->default_sample_type, &m->default_sample_type, err);
    if (!code && own(m, m->doc_url).n == 0)
        code = own_text(m, p, p->doc_url, &m->doc_url, err);
    return code ? code : add_comments(m, p, err);
}

/* ---- samples ---- */

/* One sum of table `value` has left int64, upwards or downwards. */
static pf_code carry(pf_merge *m, size_t i, int64_t turn, pf_error *err)
{
    if (i >= m->carry.n) {
        uint32_t from;
        pf_code code = pf_merge_append(m, &m->carry, m->value.n - m->carry.n, &from, err);
        if (code)
            return code;
        memset(PF_ROW(&m->carry, int64_t, from), 0, (m->carry.n - from) * sizeof(int64_t));
    }
    *PF_ROW(&m->carry, int64_t, i) += turn;
    return PF_OK;
}

static pf_code add_values(pf_merge *m, uint32_t sample, const int64_t *value, pf_error *err)
{
    uint32_t n = m->sample_type.n;
    size_t at = (size_t)sample * n;
    for (uint32_t i = 0; i < n; i++) {
        int64_t *sum = PF_ROW(&m->value, int64_t, at + i);
        if (__builtin_add_overflow(*sum, value[i], sum)) { /* the sum modulo 2^64 is stored */
            pf_code code = carry(m, at + i, value[i] < 0 ? -1 : 1, err);
            if (code)
                return code;
        }
    }
    return PF_OK;
}

static pf_code new_sample(pf_merge *m, uint32_t leaf, uint32_t label_set, const int64_t *value,
                          uint32_t *out, pf_error *err)
{
    uint32_t values, nvalue = m->sample_type.n;
    pf_code code = pf_merge_append(m, &m->value, nvalue, &values, err);
    if (!code)
        code = pf_merge_append(m, &m->leaf, 1, out, err);
    if (code)
        return code;
    memcpy(PF_ROW(&m->value, int64_t, values), value, nvalue * sizeof *value);
    *PF_ROW(&m->leaf, pf_tree_sample, *out) = (pf_tree_sample){leaf, label_set, 0};
    return PF_OK;
}

static pf_code add_sample(pf_merge *m, uint32_t leaf, uint32_t label_set, const int64_t *value,
                          pf_error *err)
{
    uint32_t *sample = PF_ROW(&m->unlabelled, uint32_t, leaf);
    pf_code code = PF_OK;
    if (label_set != PF_NO_INDEX)
        code = pf_merge_pair(m, &m->labelled, leaf, label_set, &sample, err);
    if (code)
        return code;
    return *sample == PF_NO_INDEX ? new_sample(m, leaf, label_set, value, sample, err)
                                  : add_values(m, *sample, value, err);
}

/* The leaf of a sample's stack. Samples often share the way from the root with the one before. Locations get
 * their numbers leaf first, as google/pprof gives them. */
static pf_code find_leaf(pf_merge *m, pf_merge_view *v, const pf_sample *s, uint32_t *leaf,
                         pf_error *err)
{
    const uint32_t *frame = v->p->sample_location;
    const uint32_t end = s->loc_off + s->loc_n;
    uint32_t d = 0;
    pf_code code = PF_OK;
    while (d < s->loc_n && d < v->depth && v->path[d].location == frame[end - 1 - d])
        d++;
    for (uint32_t i = s->loc_off; i < end - d && !code; i++)
        code = pf_merge_location(m, v, frame[i], err);
    *leaf = d ? v->path[d - 1].node : 0;
    for (; d < s->loc_n && !code; d++) {
        uint32_t l = frame[end - 1 - d];
        code = pf_merge_node(m, *leaf, v->location[l], leaf, err);
        v->path[d] = (pf_merge_step){l, *leaf};
    }
    v->depth = s->loc_n;
    return code;
}

static pf_code add_samples(pf_merge *m, pf_merge_view *v, pf_error *err)
{
    const pf_profile *p = v->p;
    pf_code code = PF_OK;
    for (uint32_t i = 0; i < p->nsample && !code; i++) {
        const pf_sample *s = &p->sample[i];
        const int64_t *value = p->value + (size_t)i * p->nsample_type;
        uint32_t leaf, label_set;
        if (pf_values_all_zero(value, p->nsample_type))
            continue;
        code = pf_merge_label_set(m, v, s->label_off, s->label_n, &label_set, err);
        if (!code)
            code = find_leaf(m, v, s, &leaf, err);
        if (!code)
            code = add_sample(m, leaf, label_set, value, err);
    }
    return code;
}

static pf_code add_tree(pf_merge *m, pf_merge_view *v, pf_error *err)
{
    const pf_tree *tree = v->tree;
    void *got;
    pf_code code = pf_merge_memory(m, &m->scratch, tree->nnode, sizeof(uint32_t), &got, err);
    if (code)
        return code;
    if (!m->leaf.n)
        pf_merge_reserve(m, v->p, tree);
    uint32_t *node = got; /* in the merge, by node of the tree */
    node[0] = 0;
    for (uint32_t i = 0; i < v->p->nlocation && !code; i++)
        code = pf_merge_location(m, v, i, err);
    for (uint32_t i = 1; i < tree->nnode && !code; i++) {
        const pf_tree_node *n = &tree->node[i];
        code = pf_merge_node(m, node[n->parent], v->location[n->location], &node[i], err);
    }
    uint32_t nvalue = m->sample_type.n;
    for (uint32_t i = 0; i < tree->nsample && nvalue && !code; i++) {
        const pf_tree_sample *s = &tree->sample[i];
        const int64_t *value = &tree->value[(size_t)i * nvalue];
        uint32_t label_set;
        if (pf_values_all_zero(value, nvalue))
            continue;
        code = pf_merge_label_set(m, v, s->label_off, s->label_n, &label_set, err);
        if (!code)
            code = add_sample(m, node[s->leaf], label_set, value, err);
    }
    return code;
}

enum { KEPT_SCRATCH = 1 << 20 };

pf_code pf_merge_add_header(pf_merge *m, const pf_profile *p, pf_error *err)
{
    pf_code code = add_header(m, p, err);
    if (code || m->mapping.n || !p->nmapping)
        return code;
    pf_merge_view v;
    uint32_t main_binary;
    code = pf_merge_view_make(m, p, NULL, &v, err);
    if (!code)
        code = pf_merge_mapping(m, &v, 0, &main_binary, err);
    pf_arena_reset(&m->scratch, KEPT_SCRATCH);
    return code;
}

pf_code pf_merge_add_tree(pf_merge *m, const pf_profile *p, const pf_tree *tree, pf_error *err)
{
    pf_merge_view v;
    pf_code code = pf_merge_view_make(m, p, tree, &v, err);
    if (!code)
        code = tree ? add_tree(m, &v, err) : add_samples(m, &v, err);
    pf_arena_reset(&m->scratch, KEPT_SCRATCH);
    return code;
}

pf_code pf_merge_add_samples(pf_merge *m, const pf_profile *p, pf_error *err)
{
    return pf_merge_add_tree(m, p, NULL, err);
}

pf_code pf_merge_add(pf_merge *m, const pf_profile *p, pf_error *err)
{
    pf_code code = pf_merge_add_header(m, p, err);
    return code ? code : pf_merge_add_samples(m, p, err);
}
