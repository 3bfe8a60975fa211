#include "view/pgo.h"

#include "base/map.h"
#include "view/graph.h"

#include <stdlib.h>
#include <string.h>

typedef struct
    call { /* what the compiler tells edges apart by; texts are numbers of strings of the result */
    uint32_t caller, callee;
    int64_t start_line, line; /* of the caller, of the call */
} call;

typedef struct making {
    const pf_view *v;
    const pf_graph *graph;
    pf_arena *arena;
    pf_hash_key key;
    pf_map strings, functions, locations, calls;
    pf_profile *out;
    uint32_t cap; /* entries that each table may have */
} making;

static pf_code number_of(making *m, pf_map *map, const void *p, size_t n, uint32_t next,
                         uint32_t *number, bool *is_new, pf_error *err)
{
    uint32_t *at = pf_map_at(map, pf_hash_bytes(&m->key, n ? p : "", n));
    *is_new = false;
    *number = 0;
    if (!at)
        return pf_fail_nomem(err, "a profile");
    *is_new = *at == PF_MAP_EMPTY;
    if (*is_new)
        *at = next;
    *number = *at;
    return PF_OK;
}

static pf_code string_of(making *m, pf_str text, uint32_t *number, pf_error *err)
{
    bool is_new;
    pf_code code = number_of(m, &m->strings, text.p, text.n, m->out->nstring, number, &is_new, err);
    if (!code && is_new)
        m->out->string[m->out->nstring++] = text;
    return code;
}

static pf_code location_of(making *m, uint32_t name, int64_t start_line, int64_t line,
                           uint32_t *number, pf_error *err)
{
    pf_profile *p = m->out;
    const struct {
        int64_t start_line, line;
        uint64_t name;
    } key = {start_line, line, name};
    bool is_new;
    uint32_t function;
    pf_code code =
        number_of(m, &m->locations, &key, sizeof key, p->nlocation, number, &is_new, err);
    if (code || !is_new)
        return code;
    p->nlocation++;
    const int64_t function_key[2] = {start_line, name};
    code = number_of(m, &m->functions, function_key, sizeof function_key, p->nfunction, &function,
                     &is_new, err);
    if (code)
        return code;
    if (is_new)
        p->function[p->nfunction++] = (pf_function){.id = (uint64_t)function + 1,
                                                    .start_line = start_line,
                                                    .name = name,
                                                    .system_name = name};
    p->line[p->nline] = (pf_line){.line = line, .function = function};
    p->location[*number] = (pf_location){
        .id = (uint64_t)*number + 1, .mapping = PF_NO_INDEX, .line_off = p->nline++, .line_n = 1};
    return PF_OK;
}

/* The callee is a leaf here: its line says nothing, but the two frames must not be the same. */
static pf_code add_sample(making *m, const call *c, int64_t callee_start, uint32_t sample,
                          pf_error *err)
{
    pf_profile *p = m->out;
    int64_t line =
        c->caller == c->callee && c->line == callee_start ? callee_start + 1 : callee_start;
    uint32_t *stack = &p->sample_location[2 * (size_t)sample];
    pf_code code = location_of(m, c->callee, callee_start, line, &stack[0], err);
    if (!code)
        code = location_of(m, c->caller, c->start_line, c->line, &stack[1], err);
    p->sample[sample] = (pf_sample){.loc_off = 2 * sample, .loc_n = 2};
    p->nsample_location = 2 * (sample + 1);
    return code;
}

static pf_code add_edge(making *m, const pf_edge *e, pf_error *err)
{
    const pf_frame *from = &m->v->frames.frame[e->from], *to = &m->v->frames.frame[e->to];
    if (!from->has_function || !to->has_function)
        return PF_OK;
    call c = {.start_line = from->start_line, .line = from->line};
    uint32_t sample;
    bool is_new;
    pf_code code = string_of(m, from->name, &c.caller, err);
    if (!code)
        code = string_of(m, to->name, &c.callee, err);
    if (!code)
        code = number_of(m, &m->calls, &c, sizeof c, m->out->nsample, &sample, &is_new, err);
    if (code)
        return code;
    if (is_new) {
        m->out->nsample++;
        m->out->value[sample] = 0;
        code = add_sample(m, &c, to->start_line, sample, err);
    }
    m->out->value[sample] = pf_wrap_add(m->out->value[sample], e->weight);
    return code;
}

static pf_code add_header(making *m, const pf_profile *in, uint32_t type, pf_error *err)
{
    pf_profile *p = m->out;
    uint32_t comment;
    const pf_value_type *t = &in->sample_type[type];
    pf_code code = string_of(m, PF_STR(""), &p->doc_url, err);
    if (!code)
        code = string_of(m, in->string[t->type], &p->sample_type[0].type, err);
    if (!code)
        code = string_of(m, in->string[t->unit], &p->sample_type[0].unit, err);
    if (!code)
        code = string_of(m, in->string[in->period_type.type], &p->period_type.type, err);
    if (!code)
        code = string_of(m, in->string[in->period_type.unit], &p->period_type.unit, err);
    if (!code)
        code =
            string_of(m, PF_STR("call edges for go build -pgo; not for looking at"), &comment, err);
    if (code)
        return code;
    p->comment[0] = comment;
    p->nsample_type = p->ncomment = 1;
    p->has_period_type = in->has_period_type;
    p->period = in->period;
    p->time_nanos = in->time_nanos;
    p->duration_nanos = in->duration_nanos;
    return PF_OK;
}

static bool allocate(making *m, uint32_t edges)
{
    pf_profile *p = m->out;
    size_t n = edges;
    p->string = pf_arena_array(m->arena, 2 * n + 8, sizeof *p->string);
    p->sample_type = pf_arena_zalloc(m->arena, sizeof *p->sample_type);
    p->comment = pf_arena_zalloc(m->arena, sizeof *p->comment);
    p->sample = pf_arena_array(m->arena, n, sizeof *p->sample);
    p->value = pf_arena_array(m->arena, n, sizeof *p->value);
    p->sample_location = pf_arena_array(m->arena, 2 * n, sizeof *p->sample_location);
    p->location = pf_arena_array(m->arena, 2 * n, sizeof *p->location);
    p->line = pf_arena_array(m->arena, 2 * n, sizeof *p->line);
    p->function = pf_arena_array(m->arena, 2 * n, sizeof *p->function);
    return p->string && p->sample_type && p->comment && p->sample && p->value &&
           p->sample_location && p->location && p->line && p->function;
}

static pf_code make(making *m, const pf_profile *in, uint32_t type, pf_error *err)
{
    if (!allocate(m, m->graph->n))
        return pf_view_nomem(m->arena, err);
    pf_code code = add_header(m, in, type, err);
    for (uint32_t i = 0; !code && i < m->graph->n; i++)
        code = add_edge(m, &m->graph->edge[i], err);
    return code;
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
    return pf_fail(err, PF_INVALID, "bad \"format\" \"pgo\": not a CPU profile");
}

pf_code pf_pgo_make(const pf_profile *in, const pf_stop *stop, pf_arena *a, pf_profile *out,
                    pf_error *err)
{
    *out = (pf_profile){0};
    uint32_t type;
    pf_view v;
    pf_graph graph;
    pf_code code = find_type(in, &type, err);
    if (code)
        return code;
    pf_view_options o = {.sample_type = in->string[in->sample_type[type].type],
                         .granularity = PF_BY_ADDRESS,
                         .stop = *stop};
    code = pf_view_make(&v, in, &o, a, err);
    if (!code)
        code = pf_graph_make(&graph, &v, NULL, err);
    if (code)
        return code;
    making m = {.v = &v, .graph = &graph, .arena = a, .out = out};
    pf_map *maps[] = {&m.strings, &m.functions, &m.locations, &m.calls};
    pf_hash_key_random(&m.key);
    for (int i = 0; i < 4; i++)
        pf_map_init(maps[i], a->budget);
    code = make(&m, in, type, err);
    for (int i = 0; i < 4; i++)
        pf_map_free(maps[i]);
    return code;
}
