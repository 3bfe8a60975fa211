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
    pf_code code = pf_merge_string(m, pf_hash_bytes(&m->key, NULL, 0), (pf_str){0}, &empty, err);
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

static bool all_zero(const int64_t *value, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (value[i])
            return false;
    return true;
}

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

/* A sample on its way: `row` of the profile, with what tells it from others. */
typedef struct coming {
    pf_hash hash;
    uint32_t row, label_set;
} coming;

static pf_code new_sample(pf_merge *m, const pf_merge_view *v, const coming *c,
                          const int64_t *value, uint32_t *out, pf_error *err)
{
    const pf_sample *s = &v->p->sample[c->row];
    pf_sample row = {.loc_n = s->loc_n, .label_off = c->label_set};
    uint32_t values, nvalue = m->sample_type.n;
    pf_code code = pf_merge_append(m, &m->sample_location, s->loc_n, &row.loc_off, err);
    if (!code)
        code = pf_merge_append(m, &m->value, nvalue, &values, err);
    if (!code)
        code = pf_merge_append(m, &m->sample, 1, out, err);
    if (code)
        return code;
    uint32_t *location = PF_ROW(&m->sample_location, uint32_t, row.loc_off);
    for (uint32_t i = 0; i < s->loc_n; i++)
        location[i] = v->location[v->p->sample_location[s->loc_off + i]];
    memcpy(PF_ROW(&m->value, int64_t, values), value, nvalue * sizeof *value);
    *PF_ROW(&m->sample, pf_sample, *out) = row;
    return PF_OK;
}

/* Finds out where the sample belongs, which gives its locations numbers. */
static pf_code prepare_sample(pf_merge *m, pf_merge_view *v, coming *c, pf_error *err)
{
    const pf_sample *s = &v->p->sample[c->row];
    c->label_set = PF_NO_INDEX;
    pf_code code = s->label_n ? pf_merge_label_set(m, v, s, &c->label_set, err) : PF_OK;
    if (code)
        return code;
    uint32_t *key = (uint32_t *)v->bytes;
    key[0] = c->label_set;
    for (uint32_t i = 0; i < s->loc_n; i++) {
        uint32_t l = v->p->sample_location[s->loc_off + i];
        if (v->location[l] == PF_NO_INDEX) {
            code = pf_merge_location(m, v, l, &v->location[l], err);
            if (code)
                return code;
        }
        key[1 + i] = v->location[l];
    }
    c->hash = pf_hash_bytes(&m->key, key, (1 + (size_t)s->loc_n) * sizeof *key);
    return PF_OK;
}

static pf_code add_sample(pf_merge *m, const pf_merge_view *v, const coming *c, pf_error *err)
{
    const int64_t *value = v->p->value + (size_t)c->row * m->sample_type.n;
    uint32_t *slot;
    pf_code code = pf_merge_slot(m, &m->samples, c->hash, &slot, err);
    if (code)
        return code;
    if (*slot != PF_MAP_EMPTY)
        return add_values(m, *slot, value, err);
    return new_sample(m, v, c, value, slot, err);
}

/* All samples' hashes first, so that their look-ups can be asked for ahead. */
static pf_code add_samples(pf_merge *m, pf_merge_view *v, pf_error *err)
{
    const pf_profile *p = v->p;
    void *got;
    pf_code code = pf_merge_memory(m, &m->scratch, p->nsample, sizeof(coming), &got, err);
    coming *c = got;
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->nsample && !code; i++) {
        if (all_zero(p->value + (size_t)i * p->nsample_type, p->nsample_type))
            continue;
        c[n].row = i;
        code = prepare_sample(m, v, &c[n++], err);
    }
    for (uint32_t i = 0; i < n && !code; i++) {
        if (i + PF_MERGE_AHEAD < n)
            pf_merge_prefetch(&m->samples, c[i + PF_MERGE_AHEAD].hash);
        code = add_sample(m, v, &c[i], err);
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
    code = pf_merge_view_make(m, p, &v, err);
    if (!code)
        code = pf_merge_mapping(m, &v, 0, &main_binary, err);
    pf_arena_reset(&m->scratch, KEPT_SCRATCH);
    return code;
}

pf_code pf_merge_add_samples(pf_merge *m, const pf_profile *p, pf_error *err)
{
    pf_merge_view v;
    pf_code code = pf_merge_view_make(m, p, &v, err);
    if (!code)
        code = add_samples(m, &v, err);
    pf_arena_reset(&m->scratch, KEPT_SCRATCH);
    return code;
}

pf_code pf_merge_add(pf_merge *m, const pf_profile *p, pf_error *err)
{
    pf_code code = pf_merge_add_header(m, p, err);
    return code ? code : pf_merge_add_samples(m, p, err);
}
