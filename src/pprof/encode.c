/* Encoding profile.proto as google/pprof lays it out: tables in the order of their field numbers, a
 * scalar only when it is not 0 (default_sample_type always), repeated numbers packed when there are
 * more than two. Where google/pprof would build a string table of its own, ours is written as it
 * is.
 *
 * A message stands behind its length, and lengths are varints, so each message is measured before
 * it is written: measuring is a few additions, moving bytes afterwards is not. Stacks are most of a
 * profile, and the same ids over and over: their varints are made once a location, and put together aside.
 */
#include "pprof/profile.h"

#include <stdlib.h>
#include <string.h>

/* The id of a location as it is written; copied whole, which is faster than by its length. */
typedef struct written_id {
    char bytes[15];
    uint8_t n;
} written_id;

typedef struct encoder {
    const pf_profile *p;
    pf_buf *out;
    const pf_tree *tree; /* the samples, where the profile has none itself */
    written_id *id;      /* by location */
    char *stack;         /* the ids of a sample, and room for one more */
    size_t stack_cap;
    bool no_memory;
    bool over_max; /* the first thing that did not fit was over out->max */
} encoder;

/* Room for exactly `n` more bytes, or NULL. */
static char *room(encoder *e, size_t n)
{
    const pf_buf *b = e->out;
    if (!b->failed && b->max && (b->len > b->max || n > b->max - b->len))
        e->over_max = true;
    return pf_buf_reserve(e->out, n);
}

static size_t varint_size(uint64_t v)
{
    unsigned bits = 64 - (unsigned)__builtin_clzll(v | 1);
    return (bits * 9 + 64) / 64; /* bits / 7, rounded up, for 1 to 64 bits */
}

static char *put_varint(char *at, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        *at++ = (char)(v | 0x80);
    *at++ = (char)v;
    return at;
}

/* All tags here are below 16, hence one byte. */
static size_t scalar_size(uint64_t v)
{
    return v ? 1 + varint_size(v) : 0;
}

static char *put_scalar(char *at, unsigned field, uint64_t v)
{
    if (!v)
        return at;
    *at++ = (char)(field << 3);
    return put_varint(at, v);
}

/* The size of a whole field of `n` bytes. */
static size_t field_size(size_t n)
{
    return 1 + varint_size(n) + n;
}

static char *put_length(char *at, unsigned field, size_t n)
{
    *at++ = (char)(field << 3 | 2);
    return put_varint(at, n);
}

/* Messages of scalars only, given as v[0..n) for fields 1 to n. */
static size_t scalars_size(const uint64_t *v, unsigned n)
{
    size_t size = 0;
    for (unsigned i = 0; i < n; i++)
        size += scalar_size(v[i]);
    return size;
}

static char *put_scalars(char *at, const uint64_t *v, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        at = put_scalar(at, i + 1, v[i]);
    return at;
}

static void put_scalar_message(encoder *e, unsigned field, const uint64_t *v, unsigned n)
{
    size_t size = scalars_size(v, n);
    char *at = room(e, field_size(size));
    if (!at)
        return;
    put_scalars(put_length(at, field, size), v, n);
    e->out->len += field_size(size);
}

static void put_value_type(encoder *e, unsigned field, pf_value_type t)
{
    put_scalar_message(e, field, (uint64_t[]){t.type, t.unit}, 2);
}

/* ---- samples ---- */

/* False when out of memory. */
static bool write_ids(encoder *e)
{
    const pf_profile *p = e->p;
    e->id = calloc((size_t)p->nlocation + 1, sizeof *e->id);
    e->no_memory = !e->id;
    for (uint32_t i = 0; e->id && i < p->nlocation; i++)
        e->id[i].n = (uint8_t)(put_varint(e->id[i].bytes, p->location[i].id) - e->id[i].bytes);
    return e->id;
}

/* The ids of a stack as they stand in e->stack. */
typedef struct written_stack {
    size_t bytes, first; /* of all, of the first */
    uint32_t n;
} written_stack;

static bool grow_stack(encoder *e)
{
    size_t cap = e->stack_cap ? e->stack_cap * 2 : 4096;
    char *bigger = realloc(e->stack, cap);
    e->no_memory |= !bigger;
    if (!bigger)
        return false;
    e->stack = bigger;
    e->stack_cap = cap;
    return true;
}

static inline bool write_id(encoder *e, written_stack *w, uint32_t location)
{
    const written_id *id = &e->id[location];
    if (e->stack_cap - w->bytes < sizeof *id && !grow_stack(e))
        return false;
    memcpy(e->stack + w->bytes, id, sizeof *id);
    w->bytes += id->n;
    if (!w->n++)
        w->first = id->n;
    return true;
}

static written_stack write_stack(encoder *e, const pf_sample *s)
{
    const uint32_t *location = e->p->sample_location;
    written_stack w = {0};
    for (uint32_t i = 0; i < s->loc_n && write_id(e, &w, location[s->loc_off + i]); i++)
        continue;
    return w;
}

static written_stack write_leaf(encoder *e, uint32_t leaf)
{
    const pf_tree_node *node = e->tree->node;
    written_stack w = {0};
    while (leaf && write_id(e, &w, node[leaf].location))
        leaf = node[leaf].parent;
    return w;
}

/* Packed, or each behind a tag: two at most. */
static char *put_stack(const encoder *e, char *at, const written_stack *w)
{
    if (w->n > 2) {
        at = put_length(at, 1, w->bytes);
        memcpy(at, e->stack, w->bytes);
        return at + w->bytes;
    }
    for (size_t from = 0, to = w->first; from < w->bytes; from = to, to = w->bytes) {
        *at++ = 1 << 3;
        memcpy(at, e->stack + from, to - from);
        at += to - from;
    }
    return at;
}

/* A repeated number takes a tag and a length when packed, a tag for each when not. */
static size_t repeated_size(size_t payload, uint32_t n)
{
    return n > 2 ? field_size(payload) : payload + n;
}

static size_t label_fields(const pf_label *l, uint64_t v[4])
{
    v[0] = l->key, v[1] = l->str, v[2] = (uint64_t)l->num, v[3] = l->unit;
    return scalars_size(v, 4);
}

/* A sample, its stack in e->stack. */
typedef struct coming {
    written_stack stack;
    const int64_t *value;
    const pf_label *label;
    uint32_t label_n;
} coming;

static size_t measure_sample(const pf_profile *p, const coming *c, size_t *values)
{
    *values = 0;
    for (uint32_t i = 0; i < p->nsample_type; i++)
        *values += varint_size((uint64_t)c->value[i]);
    size_t size =
        repeated_size(c->stack.bytes, c->stack.n) + repeated_size(*values, p->nsample_type);
    for (uint32_t i = 0; i < c->label_n; i++) {
        uint64_t v[4];
        size_t label = label_fields(&c->label[i], v);
        size += field_size(label);
    }
    return size;
}

static void put_sample(encoder *e, const coming *c)
{
    const pf_profile *p = e->p;
    size_t values, size = measure_sample(p, c, &values);
    char *at = e->no_memory ? NULL : room(e, field_size(size));
    if (!at)
        return;
    at = put_stack(e, put_length(at, 2, size), &c->stack);
    bool packed = p->nsample_type > 2;
    if (packed)
        at = put_length(at, 2, values);
    for (uint32_t i = 0; i < p->nsample_type; i++) {
        if (!packed)
            *at++ = 2 << 3;
        at = put_varint(at, (uint64_t)c->value[i]);
    }
    for (uint32_t i = 0; i < c->label_n; i++) {
        uint64_t v[4];
        size_t label = label_fields(&c->label[i], v);
        at = put_scalars(put_length(at, 3, label), v, 4);
    }
    e->out->len += field_size(size);
}

static const pf_label *labels_at(const pf_profile *p, uint32_t off, uint32_t n)
{
    return n ? &p->label[off] : NULL;
}

static void put_samples(encoder *e)
{
    const pf_profile *p = e->p;
    for (uint32_t i = 0; i < p->nsample && !e->out->failed; i++) {
        const pf_sample *s = &p->sample[i];
        put_sample(e, &(coming){write_stack(e, s), p->value + (size_t)i * p->nsample_type,
                                labels_at(p, s->label_off, s->label_n), s->label_n});
    }
    const pf_tree *tree = e->tree;
    for (uint32_t i = 0; tree && i < tree->nsample && !e->out->failed; i++) {
        const pf_tree_sample *s = &tree->sample[i];
        put_sample(e, &(coming){write_leaf(e, s->leaf), tree->value + (size_t)i * p->nsample_type,
                                labels_at(p, s->label_off, s->label_n), s->label_n});
    }
}

/* ---- symbols ---- */

static void put_mapping(encoder *e, const pf_mapping *m)
{
    put_scalar_message(
        e, 3,
        (uint64_t[]){m->id, m->start, m->limit, m->offset, m->file, m->build_id,
                     !!(m->flags & PF_HAS_FUNCTIONS), !!(m->flags & PF_HAS_FILENAMES),
                     !!(m->flags & PF_HAS_LINE_NUMBERS), !!(m->flags & PF_HAS_INLINE_FRAMES)},
        10);
}

static size_t line_fields(const pf_profile *p, const pf_line *l, uint64_t v[3])
{
    v[0] = p->function[l->function].id, v[1] = (uint64_t)l->line, v[2] = (uint64_t)l->column;
    return scalars_size(v, 3);
}

static void put_location(encoder *e, const pf_location *l)
{
    const pf_profile *p = e->p;
    uint64_t mapping = l->mapping == PF_NO_INDEX ? l->mapping_id : p->mapping[l->mapping].id;
    const uint64_t head[3] = {l->id, mapping, l->address};
    size_t size = scalars_size(head, 3) + scalar_size(l->folded);
    uint64_t v[3];
    for (uint32_t i = 0; i < l->line_n; i++) {
        size_t line = line_fields(p, &p->line[l->line_off + i], v);
        size += field_size(line);
    }
    char *at = room(e, field_size(size));
    if (!at)
        return;
    at = put_scalars(put_length(at, 4, size), head, 3);
    for (uint32_t i = 0; i < l->line_n; i++) {
        size_t line = line_fields(p, &p->line[l->line_off + i], v);
        at = put_scalars(put_length(at, 4, line), v, 3);
    }
    put_scalar(at, 5, l->folded);
    e->out->len += field_size(size);
}

static void put_function(encoder *e, const pf_function *f)
{
    put_scalar_message(
        e, 5, (uint64_t[]){f->id, f->name, f->system_name, f->filename, (uint64_t)f->start_line},
        5);
}

static void put_string(encoder *e, pf_str s)
{
    char *at = room(e, field_size(s.n));
    if (!at)
        return;
    at = put_length(at, 6, s.n);
    if (s.n)
        memcpy(at, s.p, s.n);
    e->out->len += field_size(s.n);
}

/* ---- the header ---- */

static void put_header_scalar(encoder *e, unsigned field, uint64_t v, bool even_zero)
{
    if (!v && !even_zero)
        return;
    char *at = room(e, 1 + varint_size(v));
    if (!at)
        return;
    *at++ = (char)(field << 3);
    put_varint(at, v);
    e->out->len += 1 + varint_size(v);
}

static void put_comments(encoder *e)
{
    const pf_profile *p = e->p;
    bool packed = p->ncomment > 2;
    size_t size = packed ? 0 : p->ncomment;
    for (uint32_t i = 0; i < p->ncomment; i++)
        size += varint_size(p->comment[i]);
    size_t all = packed ? field_size(size) : size;
    char *at = room(e, all);
    if (!at)
        return;
    if (packed)
        at = put_length(at, 13, size);
    for (uint32_t i = 0; i < p->ncomment; i++) {
        if (!packed)
            *at++ = 13 << 3;
        at = put_varint(at, p->comment[i]);
    }
    e->out->len += all;
}

static void put_header(encoder *e)
{
    const pf_profile *p = e->p;
    put_header_scalar(e, 7, p->drop_frames, false);
    put_header_scalar(e, 8, p->keep_frames, false);
    put_header_scalar(e, 9, (uint64_t)p->time_nanos, false);
    put_header_scalar(e, 10, (uint64_t)p->duration_nanos, false);
    if (p->has_period_type)
        put_value_type(e, 11, p->period_type);
    put_header_scalar(e, 12, (uint64_t)p->period, false);
    put_comments(e);
    put_header_scalar(e, 14, p->default_sample_type, true);
    put_header_scalar(e, 15, p->doc_url, false);
}

static void put_profile(encoder *e)
{
    const pf_profile *p = e->p;
    const pf_buf *out = e->out;
    for (uint32_t i = 0; i < p->nsample_type; i++)
        put_value_type(e, 1, p->sample_type[i]);
    put_samples(e);
    for (uint32_t i = 0; i < p->nmapping && !out->failed; i++)
        put_mapping(e, &p->mapping[i]);
    for (uint32_t i = 0; i < p->nlocation && !out->failed; i++)
        put_location(e, &p->location[i]);
    for (uint32_t i = 0; i < p->nfunction && !out->failed; i++)
        put_function(e, &p->function[i]);
    for (uint32_t i = 0; i < p->nstring && !out->failed; i++)
        put_string(e, p->string[i]);
    put_header(e);
}

pf_code pf_profile_encode_tree(const pf_profile *p, const pf_tree *tree, pf_buf *out, pf_error *err)
{
    encoder e = {.p = p, .tree = tree, .out = out};
    if (write_ids(&e))
        put_profile(&e);
    free(e.id);
    free(e.stack);
    if (e.over_max)
        return pf_fail(err, PF_TOO_LARGE, "the encoded profile is over the limit of %zu bytes",
                       out->max);
    return e.no_memory || out->failed ? pf_fail_nomem(err, "the encoded profile") : PF_OK;
}

pf_code pf_profile_encode(const pf_profile *p, pf_buf *out, pf_error *err)
{
    return pf_profile_encode_tree(p, NULL, out, err);
}
