#include "cmd/bench/emit.h"

#include <string.h>

/* Field numbers of profile.proto. */
enum {
    PROFILE_SAMPLE_TYPE = 1,
    PROFILE_SAMPLE = 2,
    PROFILE_MAPPING = 3,
    PROFILE_LOCATION = 4,
    PROFILE_FUNCTION = 5,
    PROFILE_STRING = 6,
    PROFILE_TIME = 9,
    PROFILE_DURATION = 10,
    PROFILE_PERIOD_TYPE = 11,
    PROFILE_PERIOD = 12,
};

/* A message small enough to be built on the stack: all of them but the profile itself. Made by setting
 * n to 0: clearing the bytes, too, would cost more than all the rest. */
typedef struct message {
    uint8_t bytes[1024];
    size_t n;
} message;

static void put_varint(message *m, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        m->bytes[m->n++] = (uint8_t)(v | 0x80);
    m->bytes[m->n++] = (uint8_t)v;
}

/* Zero is proto3's default and is left out, as Go does. */
static void put_field(message *m, uint32_t field, uint64_t v)
{
    if (!v)
        return;
    put_varint(m, field << 3);
    put_varint(m, v);
}

static void put_bytes(message *m, uint32_t field, const message *inner)
{
    put_varint(m, field << 3 | 2);
    put_varint(m, inner->n);
    memcpy(m->bytes + m->n, inner->bytes, inner->n);
    m->n += inner->n;
}

static void flush(pf_buf *out, uint32_t field, const message *m)
{
    pf_buf_put_varint(out, field << 3 | 2);
    pf_buf_put_varint(out, m->n);
    pf_buf_put(out, m->bytes, m->n);
}

/* The profile's string table while it is being gathered. */
typedef struct table {
    bench_program *p;
    uint32_t *order; /* numbers of the program's strings, in the order of their ids */
    uint32_t n, locations, functions;
    pf_str fixed[16]; /* ids below nfixed: texts that are no strings of the program's */
    uint32_t nfixed;
} table;

static uint32_t string_id(table *t, uint32_t number)
{
    bench_text *text = &BENCH_LIST_AT(bench_text, t->p->strings, number);
    if (!number)
        return 0;
    if (text->seen_in != t->p->profiles) {
        text->seen_in = t->p->profiles;
        text->id = t->nfixed + t->n;
        t->order[t->n++] = number;
    }
    return text->id;
}

static void put_value_type(pf_buf *out, uint32_t field, uint32_t type, uint32_t unit)
{
    message m;
    m.n = 0;
    put_field(&m, 1, type);
    put_field(&m, 2, unit);
    flush(out, field, &m);
}

static void put_number(pf_buf *out, uint32_t field, uint64_t v)
{
    pf_buf_put_varint(out, field << 3);
    pf_buf_put_varint(out, v);
}

/* Writes the function when this profile has not had it yet; returns its id. New ones go behind the
 * location that is being built, in *later. */
static uint32_t function_id(table *t, uint32_t number, pf_buf *later)
{
    bench_function *f = &BENCH_LIST_AT(bench_function, t->p->functions, number);
    if (f->seen_in == t->p->profiles)
        return f->id;
    f->seen_in = t->p->profiles;
    f->id = ++t->functions;
    message m;
    m.n = 0;
    put_field(&m, 1, f->id);
    uint32_t name = string_id(t, f->name);
    put_field(&m, 2, name);
    put_field(&m, 3, name);
    put_field(&m, 4, string_id(t, f->file));
    put_field(&m, 5, f->start_line);
    flush(later, PROFILE_FUNCTION, &m);
    return f->id;
}

static uint32_t location_id(table *t, uint32_t number, pf_buf *later, pf_buf *out)
{
    bench_location *loc = &BENCH_LIST_AT(bench_location, t->p->locations, number);
    if (loc->seen_in == t->p->profiles)
        return loc->id;
    loc->seen_in = t->p->profiles;
    loc->id = ++t->locations;
    message m;
    m.n = 0;
    put_field(&m, 1, loc->id);
    put_field(&m, 3, loc->address);
    pf_buf_clear(later);
    for (uint32_t i = 0; i < loc->nlines; i++) {
        message line;
        line.n = 0;
        put_field(&line, 1, function_id(t, loc->function[i], later));
        put_field(&line, 2, loc->line[i]);
        put_bytes(&m, 4, &line);
    }
    put_field(&m, 2, 1);
    flush(out, PROFILE_LOCATION, &m);
    pf_buf_put_str(out, pf_buf_str(later));
    out->failed |= later->failed;
    return loc->id;
}

static void put_sample(table *t, const bench_pick *pick, pf_buf *later, pf_buf *out)
{
    message packed, m;
    packed.n = m.n = 0;
    uint32_t ids[BENCH_DEPTH_MAX + 1], n = 0;
    uint32_t node = BENCH_LIST_AT(bench_stack, t->p->stacks, pick->stack).node;
    while (node != PF_MAP_EMPTY && n < BENCH_DEPTH_MAX) {
        const bench_node *frame = &BENCH_LIST_AT(bench_node, t->p->nodes, node);
        ids[n++] = location_id(t, frame->location, later, out);
        node = frame->parent;
    }
    put_field(&m, 2, pick->count);
    put_field(&m, 2, (uint64_t)pick->count * BENCH_PERIOD_NS);
    /* As Go: two numbers or fewer are not worth packing. */
    for (uint32_t i = 0; i < n; i++) {
        if (n > 2)
            put_varint(&packed, ids[i]);
        else
            put_field(&m, 1, ids[i]);
    }
    if (n > 2)
        put_bytes(&m, 1, &packed);
    flush(out, PROFILE_SAMPLE, &m);
}

static void put_mappings(table *t, pf_buf *out)
{
    static const struct {
        uint64_t start, size, offset;
        uint32_t file, build_id; /* of table.fixed */
    } list[] = {
        {0x400000, 0, 0, 5, 6},
        {0x7f70f8a00000, 0x155000, 0x26000, 7, 0},
        {0x7f70f8c02000, 0x26000, 0x1000, 8, 0},
        {0x7ffd3b9f6000, 0x2000, 0, 9, 0},
        {0xffffffffff600000, 0x1000, 0, 10, 0},
    };
    for (uint32_t i = 0; i < sizeof list / sizeof *list; i++) {
        message m;
        m.n = 0;
        put_field(&m, 1, i + 1);
        put_field(&m, 2, list[i].start);
        put_field(&m, 3, i ? list[i].start + list[i].size : t->p->text_limit);
        put_field(&m, 4, list[i].offset);
        put_field(&m, 5, list[i].file);
        put_field(&m, 6, list[i].build_id);
        put_field(&m, 7, i == 0); /* has_functions: all of its locations were symbolized */
        flush(out, PROFILE_MAPPING, &m);
    }
}

static void put_strings(table *t, pf_buf *out)
{
    for (uint32_t i = 0; i < t->nfixed + t->n; i++) {
        pf_str s = i < t->nfixed
                       ? t->fixed[i]
                       : BENCH_LIST_AT(bench_text, t->p->strings, t->order[i - t->nfixed]).text;
        pf_buf_put_varint(out, PROFILE_STRING << 3 | 2);
        pf_buf_put_varint(out, s.n);
        pf_buf_put_str(out, s);
    }
}

uint64_t bench_emit(bench_program *p, int64_t time, int64_t duration, pf_buf *out)
{
    table t = {.p = p,
               .fixed = {PF_STR(""), PF_STR("samples"), PF_STR("count"), PF_STR("cpu"),
                         PF_STR("nanoseconds"), PF_STR("/usr/local/bin/service"),
                         pf_str_c(p->build_id), PF_STR("/usr/lib/x86_64-linux-gnu/libc.so.6"),
                         PF_STR("/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"), PF_STR("[vdso]"),
                         PF_STR("[vsyscall]")},
               .nfixed = 11};
    t.order = pf_arena_array(&p->scratch, p->strings.n, sizeof *t.order);
    pf_buf later = PF_BUF_INIT;
    uint64_t sum = 0;
    if (!t.order) {
        out->failed = true;
        return 0;
    }
    if (time)
        put_number(out, PROFILE_TIME, (uint64_t)time);
    put_value_type(out, PROFILE_SAMPLE_TYPE, 1, 2);
    put_value_type(out, PROFILE_SAMPLE_TYPE, 3, 4);
    put_number(out, PROFILE_DURATION, (uint64_t)duration);
    put_value_type(out, PROFILE_PERIOD_TYPE, 3, 4);
    put_number(out, PROFILE_PERIOD, BENCH_PERIOD_NS);
    for (uint32_t i = 0; i < p->npicks; i++) {
        put_sample(&t, &p->picks[i], &later, out);
        sum += p->picks[i].count;
    }
    put_mappings(&t, out);
    put_strings(&t, out);
    pf_buf_free(&later);
    pf_arena_reset(&p->scratch, 1 << 20);
    return sum;
}
