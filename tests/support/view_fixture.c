#include "view_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 100000 };

static void *room(pf_arena *a, size_t size)
{
    void *p = pf_arena_zalloc(a, ROOM * size);
    assert_non_null(p);
    return p;
}

uint32_t vf_string(pf_profile *p, const char *text)
{
    pf_str s = pf_str_c(text);
    for (uint32_t i = 0; i < p->nstring; i++)
        if (pf_str_eq(p->string[i], s))
            return i;
    assert_true(p->nstring < ROOM);
    p->string[p->nstring] = s;
    return p->nstring++;
}

static uint32_t string_of(pf_profile *p, pf_arena *a, const char *prefix, pf_str name,
                          const char *suffix)
{
    pf_buf b = PF_BUF_INIT;
    pf_buf_printf(&b, "%s%.*s%s", prefix, PF_FMT(name), suffix);
    pf_buf_putc(&b, 0);
    pf_str copy = pf_arena_str(a, pf_buf_str(&b));
    pf_buf_free(&b);
    assert_non_null(copy.p);
    return vf_string(p, copy.p);
}

static uint32_t function_of(pf_profile *p, pf_arena *a, pf_str name)
{
    uint32_t number = string_of(p, a, "", name, "");
    for (uint32_t i = 0; i < p->nfunction; i++)
        if (p->function[i].name == number)
            return i;
    p->function[p->nfunction] = (pf_function){.id = p->nfunction + 1,
                                              .start_line = 10,
                                              .name = number,
                                              .system_name = number,
                                              .filename = string_of(p, a, "/src/", name, ".go")};
    return p->nfunction++;
}

/* The location of "outer|inner", told apart by its text. */
static uint32_t location_of(pf_profile *p, pf_arena *a, pf_str text, pf_str *known)
{
    for (uint32_t i = 0; i < p->nlocation; i++)
        if (pf_str_eq(known[i], text))
            return i;
    assert_true(p->nlocation < ROOM);
    pf_location *loc = &p->location[p->nlocation];
    *loc = (pf_location){.id = p->nlocation + 1,
                         .address = 0x1000 + 16 * (uint64_t)p->nlocation,
                         .mapping_id = 1,
                         .line_off = p->nline};
    known[p->nlocation] = text;
    pf_str names[16], rest = text;
    uint32_t n = 0;
    while (rest.n)
        pf_str_cut(rest, '|', &names[n++], &rest);
    loc->line_n = n;
    while (n-- > 0)
        p->line[p->nline++] = (pf_line){.line = 12, .function = function_of(p, a, names[n])};
    return p->nlocation++;
}

static void add_line(pf_profile *p, pf_arena *a, pf_str line, pf_str *known)
{
    size_t space = line.n;
    while (space > 0 && line.p[space - 1] != ' ')
        space--;
    int64_t value;
    assert_true(space > 0 && pf_str_to_i64((pf_str){line.p + space, line.n - space}, &value));
    pf_str stack = {line.p, space - 1}, frames[4096];
    uint32_t n = 0;
    while (stack.n)
        pf_str_cut(stack, ';', &frames[n++], &stack);
    pf_sample *s = &p->sample[p->nsample];
    *s = (pf_sample){.loc_off = p->nsample_location, .loc_n = n};
    while (n-- > 0)
        p->sample_location[p->nsample_location++] = location_of(p, a, frames[n], known);
    p->value[2 * (size_t)p->nsample] = value;
    p->value[2 * (size_t)p->nsample + 1] = value * 10;
    p->nsample++;
}

pf_profile *vf_profile(pf_arena *a, const char *text)
{
    pf_profile *p = pf_arena_zalloc(a, sizeof *p);
    assert_non_null(p);
    p->string = room(a, sizeof *p->string);
    p->sample_type = room(a, sizeof *p->sample_type);
    p->sample = room(a, sizeof *p->sample);
    p->value = room(a, 2 * sizeof *p->value);
    p->sample_location = room(a, sizeof *p->sample_location);
    p->label = room(a, sizeof *p->label);
    p->mapping = room(a, sizeof *p->mapping);
    p->location = room(a, sizeof *p->location);
    p->line = room(a, sizeof *p->line);
    p->function = room(a, sizeof *p->function);
    pf_str *known = room(a, sizeof *known);
    vf_string(p, "");
    p->sample_type[0] = (pf_value_type){vf_string(p, "samples"), vf_string(p, "count")};
    p->sample_type[1] = (pf_value_type){vf_string(p, "cpu"), vf_string(p, "nanoseconds")};
    p->nsample_type = 2;
    p->mapping[0] = (pf_mapping){
        .id = 1, .start = 0x1000, .limit = 0x2000000, .file = vf_string(p, "/bin/app")};
    p->nmapping = 1;
    for (pf_str rest = pf_str_c(text), line; rest.n;) {
        pf_str_cut(rest, '\n', &line, &rest);
        if (line.n)
            add_line(p, a, line, known);
    }
    return p;
}

pf_view vf_view(pf_arena *a, const pf_profile *p, pf_granularity g)
{
    pf_view v;
    pf_error err;
    pf_view_options o = {.sample_type = PF_STR("samples"), .granularity = g};
    assert_int_equal(pf_view_make(&v, p, &o, a, &err), PF_OK);
    return v;
}
