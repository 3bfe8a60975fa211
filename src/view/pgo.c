/* pgo.c: a profile without what the compiler does not read.
 *
 *   1. each location gets a class: that of the locations with the same lines
 *   2. where one stack has two locations of a class, the second gets a class of its own: in each stack
 *      those that were different stay different
 *   3. stacks of the same classes become one sample; sorted from the root on, since neighbours that begin alike
 *      gzip well
 *   4. the classes that are left become locations
 */
#include "view/pgo.h"

#include "base/map.h"

#include <stdlib.h>
#include <string.h>

enum { CHECK_EVERY = 256 };

typedef struct making {
    const pf_profile *in;
    const pf_stop *stop;
    pf_arena *arena;
    pf_profile *out;
    pf_hash_key key;
    pf_map strings, functions, classes, stacks;
    uint32_t type;      /* the sample type that the compiler takes */
    uint32_t *function; /* by function: its number in the result */
    uint32_t *class;    /* by location; numbers from 0 to nclass */
    uint32_t *member;   /* by class: a location of it */
    uint32_t *number;   /* by class: its location in the result, or PF_NO_INDEX */
    uint32_t nclass;
} making;

/* What `map` has for these bytes; if it has nothing, `next` from now on, and *is_new. */
static pf_code number_of(making *m, pf_map *map, const void *p, size_t n, uint32_t next,
                         uint32_t *number, bool *is_new, pf_error *err)
{
    uint32_t *at = pf_map_at(map, pf_hash_bytes(&m->key, n ? p : "", n));
    *is_new = false;
    *number = 0;
    if (!at)
        return pf_map_fail(map, err, "a profile");
    *is_new = *at == PF_MAP_EMPTY;
    if (*is_new)
        *at = next;
    *number = *at;
    return PF_OK;
}

static pf_code string_of(making *m, uint32_t string, uint32_t *number, pf_error *err)
{
    pf_str text = m->in->string[string];
    bool is_new;
    pf_code code = number_of(m, &m->strings, text.p, text.n, m->out->nstring, number, &is_new, err);
    if (!code && is_new)
        m->out->string[m->out->nstring++] = text;
    return code;
}

/* Name and first line are all of a function that is read. */
static pf_code take_functions(making *m, pf_error *err)
{
    pf_profile *out = m->out;
    pf_code code = PF_OK;
    for (uint32_t i = 0; !code && i < m->in->nfunction; i++) {
        const pf_function *f = &m->in->function[i];
        uint32_t name;
        bool is_new = false;
        code = string_of(m, f->name, &name, err);
        if (!code) {
            const int64_t key[2] = {f->start_line, name};
            code = number_of(m, &m->functions, key, sizeof key, out->nfunction, &m->function[i],
                             &is_new, err);
        }
        if (!code && is_new) {
            uint64_t id = (uint64_t)out->nfunction + 1;
            out->function[out->nfunction++] = (pf_function){
                .id = id, .start_line = f->start_line, .name = name, .system_name = name};
        }
    }
    return code;
}

/* Locations without an address are equal where one of their lines is: they must not get one. */
static pf_code classify(making *m, uint32_t location, pf_buf *key, pf_error *err)
{
    const pf_location *loc = &m->in->location[location];
    bool is_new;
    pf_buf_clear(key);
    pf_buf_putc(key, (char)(loc->address != 0));
    for (uint32_t i = 0; i < loc->line_n; i++) {
        const pf_line *line = &m->in->line[loc->line_off + i];
        const int64_t pair[2] = {line->line, m->function[line->function]};
        pf_buf_put(key, pair, sizeof pair);
    }
    if (key->failed)
        return pf_fail_nomem(err, "a profile");
    pf_code code = number_of(m, &m->classes, key->data, key->len, m->nclass, &m->class[location],
                             &is_new, err);
    if (!code && is_new)
        m->member[m->nclass++] = location;
    return code;
}

static pf_code take_classes(making *m, pf_error *err)
{
    pf_buf key = PF_BUF_INIT;
    pf_code code = PF_OK;
    for (uint32_t i = 0; !code && i < m->in->nlocation; i++)
        code = classify(m, i, &key, err);
    pf_buf_free(&key);
    return code;
}

static bool counts(const making *m, uint32_t sample)
{
    return m->in->value[(size_t)sample * m->in->nsample_type + m->type] != 0;
}

/* seen: by class, the last sample that has it, one more; as: by class, the location that it has it by. Both have
 * room for as many classes as there are locations, twice: no location leaves its class more than once. */
static pf_code keep_apart(making *m, pf_error *err)
{
    size_t most = 2 * (size_t)m->in->nlocation + 1;
    uint32_t *seen = pf_arena_zalloc(m->arena, most * sizeof *seen);
    uint32_t *as = pf_arena_array(m->arena, most, sizeof *as);
    if (!seen || !as)
        return pf_view_nomem(m->arena, err);
    for (uint32_t i = 0; i < m->in->nsample; i++) {
        const pf_sample *s = &m->in->sample[i];
        for (uint32_t k = 0; counts(m, i) && k < s->loc_n; k++) {
            uint32_t location = m->in->sample_location[s->loc_off + k], class = m->class[location];
            if (seen[class] == i + 1 && as[class] != location) {
                class = m->class[location] = m->nclass;
                m->member[m->nclass++] = location;
            }
            seen[class] = i + 1;
            as[class] = location;
        }
        pf_code code = i % CHECK_EVERY ? PF_OK : pf_stop_check(m->stop, err);
        if (code)
            return code;
    }
    return PF_OK;
}

/* Samples whose sample_location are still classes. */
static pf_code take_stacks(making *m, pf_error *err)
{
    pf_profile *out = m->out;
    for (uint32_t i = 0; i < m->in->nsample; i++) {
        const pf_sample *s = &m->in->sample[i];
        uint32_t *stack = out->sample_location + out->nsample_location, number;
        bool is_new;
        pf_code code = i % CHECK_EVERY ? PF_OK : pf_stop_check(m->stop, err);
        if (!code && !counts(m, i))
            continue;
        for (uint32_t k = 0; k < s->loc_n; k++)
            stack[k] = m->class[m->in->sample_location[s->loc_off + k]];
        if (!code)
            code = number_of(m, &m->stacks, stack, s->loc_n * sizeof *stack, out->nsample, &number,
                             &is_new, err);
        if (code)
            return code;
        if (is_new) {
            out->value[out->nsample] = 0;
            out->sample[out->nsample++] =
                (pf_sample){.loc_off = out->nsample_location, .loc_n = s->loc_n};
            out->nsample_location += s->loc_n;
        }
        out->value[number] = pf_wrap_add(out->value[number],
                                         m->in->value[(size_t)i * m->in->nsample_type + m->type]);
    }
    return PF_OK;
}

typedef struct stack {
    const uint32_t *leaf;
    pf_sample sample;
    int64_t value;
} stack;

static int from_the_root(const void *pa, const void *pb)
{
    const stack *a = pa, *b = pb;
    uint32_t i = a->sample.loc_n, j = b->sample.loc_n;
    while (i && j) {
        uint32_t x = a->leaf[--i], y = b->leaf[--j];
        if (x != y)
            return x < y ? -1 : 1;
    }
    return (i > 0) - (j > 0);
}

/* Sorts, and leaves out what has come to nothing. */
static pf_code sort_stacks(making *m, pf_error *err)
{
    pf_profile *out = m->out;
    stack *list = pf_arena_array(m->arena, out->nsample, sizeof *list);
    uint32_t n = 0;
    if (!list)
        return pf_view_nomem(m->arena, err);
    for (uint32_t i = 0; i < out->nsample; i++)
        if (out->value[i])
            list[n++] = (stack){out->sample_location + out->sample[i].loc_off, out->sample[i],
                                out->value[i]};
    if (n > 1)
        qsort(list, n, sizeof *list, from_the_root);
    for (uint32_t i = 0; i < n; i++) {
        out->sample[i] = list[i].sample;
        out->value[i] = list[i].value;
    }
    out->nsample = n;
    return PF_OK;
}

/* Addresses only have to be different. */
static void add_location(making *m, uint32_t class)
{
    const pf_location *from = &m->in->location[m->member[class]];
    pf_profile *out = m->out;
    uint64_t id = (uint64_t)out->nlocation + 1;
    m->number[class] = out->nlocation;
    out->location[out->nlocation++] = (pf_location){.id = id,
                                                    .address = from->address ? id : 0,
                                                    .mapping = PF_NO_INDEX,
                                                    .line_off = out->nline,
                                                    .line_n = from->line_n};
    for (uint32_t i = 0; i < from->line_n; i++) {
        const pf_line *line = &m->in->line[from->line_off + i];
        out->line[out->nline++] =
            (pf_line){.line = line->line, .function = m->function[line->function]};
    }
}

static pf_code take_locations(making *m, pf_error *err)
{
    pf_profile *out = m->out;
    size_t lines = 0;
    for (uint32_t i = 0; i < m->nclass; i++)
        lines += m->in->location[m->member[i]].line_n;
    m->number = pf_arena_array(m->arena, m->nclass, sizeof *m->number);
    out->location = pf_arena_array(m->arena, m->nclass, sizeof *out->location);
    out->line = pf_arena_array(m->arena, lines, sizeof *out->line);
    uint32_t *frames = pf_arena_array(m->arena, out->nsample_location, sizeof *frames), n = 0;
    if (!m->number || !out->location || !out->line || !frames)
        return pf_view_nomem(m->arena, err);
    memset(m->number, 0xff, m->nclass * sizeof *m->number); /* PF_NO_INDEX */
    for (uint32_t i = 0; i < out->nsample; i++) {
        pf_sample *s = &out->sample[i];
        uint32_t first = n;
        for (uint32_t k = 0; k < s->loc_n; k++) {
            uint32_t class = out->sample_location[s->loc_off + k];
            if (m->number[class] == PF_NO_INDEX)
                add_location(m, class);
            frames[n++] = m->number[class];
        }
        s->loc_off = first;
    }
    out->sample_location = frames;
    out->nsample_location = n;
    return PF_OK;
}

static pf_code add_header(making *m, pf_error *err)
{
    const pf_profile *in = m->in;
    pf_profile *p = m->out;
    const pf_value_type *t = &in->sample_type[m->type];
    uint32_t empty; /* is 0, as the first one */
    pf_code code = string_of(m, 0, &empty, err);
    if (code)
        return code;
    p->string[p->nstring++] =
        PF_STR("for go build -pgo: without files, binaries, addresses, labels");
    p->comment[p->ncomment++] = 1;
    p->nsample_type = 1;
    p->has_period_type = in->has_period_type;
    p->period = in->period;
    p->time_nanos = in->time_nanos;
    p->duration_nanos = in->duration_nanos;
    code = string_of(m, t->type, &p->sample_type[0].type, err);
    if (!code)
        code = string_of(m, t->unit, &p->sample_type[0].unit, err);
    if (!code)
        code = string_of(m, in->period_type.type, &p->period_type.type, err);
    return code ? code : string_of(m, in->period_type.unit, &p->period_type.unit, err);
}

static bool allocate(making *m)
{
    const pf_profile *in = m->in;
    pf_profile *p = m->out;
    pf_arena *a = m->arena;
    size_t frames = 0; /* samples may share their ranges */
    for (uint32_t i = 0; i < in->nsample; i++)
        frames += in->sample[i].loc_n;
    p->string = pf_arena_array(a, (size_t)in->nfunction + 6, sizeof *p->string);
    p->sample_type = pf_arena_zalloc(a, sizeof *p->sample_type);
    p->comment = pf_arena_zalloc(a, sizeof *p->comment);
    p->function = pf_arena_array(a, in->nfunction, sizeof *p->function);
    p->sample = pf_arena_array(a, in->nsample, sizeof *p->sample);
    p->value = pf_arena_array(a, in->nsample, sizeof *p->value);
    p->sample_location =
        frames <= UINT32_MAX ? pf_arena_array(a, frames, sizeof *p->sample_location) : NULL;
    m->function = pf_arena_array(a, in->nfunction, sizeof *m->function);
    m->class = pf_arena_array(a, in->nlocation, sizeof *m->class);
    m->member = pf_arena_array(a, 2 * (size_t)in->nlocation, sizeof *m->member);
    return p->string && p->sample_type && p->comment && p->function && p->sample && p->value &&
           p->sample_location && m->function && m->class && m->member;
}

static pf_code make(making *m, pf_error *err)
{
    if (!allocate(m))
        return pf_view_nomem(m->arena, err);
    pf_code code;
    if ((code = add_header(m, err)) || (code = take_functions(m, err)) ||
        (code = take_classes(m, err)) || (code = keep_apart(m, err)) ||
        (code = take_stacks(m, err)) || (code = sort_stacks(m, err)))
        return code;
    return take_locations(m, err);
}

static bool is_type(const pf_profile *p, uint32_t i, pf_str type, pf_str unit)
{
    return pf_str_eq(p->string[p->sample_type[i].type], type) &&
           pf_str_eq(p->string[p->sample_type[i].unit], unit);
}

/* The compiler takes the first of the two that it meets; one is the other, scaled. */
static pf_code find_type(const pf_profile *p, uint32_t *out, pf_error *err)
{
    for (*out = 0; *out < p->nsample_type; ++*out)
        if (is_type(p, *out, PF_STR("samples"), PF_STR("count")) ||
            is_type(p, *out, PF_STR("cpu"), PF_STR("nanoseconds")))
            return PF_OK;
    return pf_fail_param(err, PF_INVALID, "format", "bad \"format\" \"pgo\": not a CPU profile");
}

pf_code pf_pgo_make(const pf_profile *in, const pf_stop *stop, pf_arena *a, pf_profile *out,
                    pf_error *err)
{
    *out = (pf_profile){0};
    making m = {.in = in, .stop = stop, .arena = a, .out = out};
    pf_code code = find_type(in, &m.type, err);
    if (code)
        return code;
    pf_map *maps[] = {&m.strings, &m.functions, &m.classes, &m.stacks};
    pf_hash_key_random(&m.key);
    for (int i = 0; i < 4; i++)
        pf_map_init(maps[i], a->budget);
    code = make(&m, err);
    for (int i = 0; i < 4; i++)
        pf_map_free(maps[i]);
    return code;
}
