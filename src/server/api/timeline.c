#include "server/api/timeline.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

enum { POINTS_WANTED = 120 };

bool pf_step_parse(pf_str text, int64_t *ns)
{
    static const struct {
        char letter;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    int64_t unit = 1, n;
    for (size_t i = 0; text.n && i < sizeof units / sizeof *units; i++) {
        if (text.p[text.n - 1] == units[i].letter) {
            unit = units[i].seconds;
            text.n--;
            break;
        }
    }
    return pf_str_to_i64(text, &n) && n > 0 && !__builtin_mul_overflow(n, unit, &n) &&
           !__builtin_mul_overflow(n, PF_NS_PER_SEC, ns);
}

static int64_t default_step(uint64_t span)
{
    static const int64_t seconds[] = {1,   2,   5,    10,   15,   30,    60,    120,  300,
                                      600, 900, 1800, 3600, 7200, 21600, 43200, 86400};
    enum { N = sizeof seconds / sizeof *seconds };
    for (size_t i = 0; i < N; i++)
        if ((uint64_t)(seconds[i] * PF_NS_PER_SEC) >= span / POINTS_WANTED)
            return seconds[i] * PF_NS_PER_SEC;
    int64_t days = (int64_t)(span / POINTS_WANTED / (uint64_t)(86400 * PF_NS_PER_SEC)) + 1;
    return days * 86400 * PF_NS_PER_SEC;
}

pf_code pf_timeline_init(pf_timeline *t, int64_t from, int64_t to, int64_t step, pf_str group_by,
                         pf_arena *a, pf_error *err)
{
    uint64_t span = (uint64_t)to - (uint64_t)from;
    *t = (pf_timeline){.group_by = group_by, .arena = a};
    t->step = step ? step : default_step(span);
    int64_t part = from % t->step;
    t->start = from - part;
    if (part < 0 && __builtin_sub_overflow(t->start, t->step, &t->start))
        t->start = INT64_MIN;
    uint64_t points = ((uint64_t)to - (uint64_t)t->start) / (uint64_t)t->step + 1;
    if (points > PF_TIMELINE_POINTS)
        return pf_fail(err, PF_INVALID,
                       "bad request: \"step\" makes %llu points of this range: at most %d",
                       (unsigned long long)points, PF_TIMELINE_POINTS);
    t->points = (uint32_t)points;
    pf_hash_key_random(&t->key);
    pf_map_init(&t->groups_by_value, a->budget);
    pf_map_init(&t->cells_by_place, a->budget);
    return PF_OK;
}

void pf_timeline_free(pf_timeline *t)
{
    pf_map_free(&t->groups_by_value);
    pf_map_free(&t->cells_by_place);
}

static pf_code no_memory(const pf_timeline *t, pf_error *err)
{
    if (t->arena->never)
        return pf_fail(err, PF_QUERY_LIMIT,
                       "the series needs more memory than -memory.max-inflight allows");
    if (t->arena->over_limit)
        return pf_fail(err, PF_QUERY_LIMIT, "the series needs more than %zu bytes",
                       t->arena->limit);
    return pf_arena_fail(t->arena, err, "a series");
}

/* Room for entry `at` of a list of `size`d entries, new ones zeroed. */
static pf_code reach(pf_timeline *t, void **list, uint32_t *cap, uint32_t at, size_t size,
                     pf_error *err)
{
    if (at < *cap)
        return PF_OK;
    if (at >= UINT32_MAX / 4)
        return pf_fail(err, PF_QUERY_LIMIT, "the series has too many groups");
    uint32_t more = *cap ? *cap : 64;
    while (more <= at)
        more *= 2;
    void *bigger = pf_arena_zalloc(t->arena, more * size);
    if (!bigger)
        return no_memory(t, err);
    if (*cap)
        memcpy(bigger, *list, *cap * size);
    *list = bigger;
    *cap = more;
    return PF_OK;
}

static pf_code group_of_value(pf_timeline *t, const pf_pair *pair, uint32_t *out, pf_error *err)
{
    /* A group of its own for those without the label: no value hashes as the pair of lengths does. */
    pf_hash hash = pair ? pf_hash_bytes(&t->key, pair->value.n ? pair->value.p : "", pair->value.n)
                        : (pf_hash){0, 0};
    uint32_t *at = pf_map_at(&t->groups_by_value, hash);
    if (!at)
        return pf_map_fail(&t->groups_by_value, err, "a series");
    if (*at != PF_MAP_EMPTY) {
        *out = *at;
        return PF_OK;
    }
    pf_code code = reach(t, (void **)&t->group, &t->group_cap, t->ngroup, sizeof *t->group, err);
    if (code)
        return code;
    pf_group *g = &t->group[t->ngroup];
    *g = (pf_group){.has_label = pair != NULL, .last = UINT32_MAX};
    if (pair)
        g->value = pf_arena_str(t->arena, pair->value);
    if (pair && !g->value.p)
        return no_memory(t, err);
    *out = *at = t->ngroup++;
    return PF_OK;
}

static pf_code group_of(pf_timeline *t, const pf_total *one, uint32_t *out, pf_error *err)
{
    pf_code code =
        reach(t, (void **)&t->of_series, &t->series_cap, one->series, sizeof *t->of_series, err);
    if (code)
        return code;
    uint32_t *known = &t->of_series[one->series];
    if (!*known) {
        const pf_pair *pair = NULL;
        for (size_t i = 0; t->group_by.n && !pair && i < one->labels.n; i++)
            if (pf_str_eq(one->labels.pairs[i].key, t->group_by))
                pair = &one->labels.pairs[i];
        code = group_of_value(t, pair, known, err);
        *known += !code;
    }
    *out = *known - 1;
    return code;
}

static pf_code cell_of(pf_timeline *t, uint32_t group, uint32_t step, pf_cell **out, pf_error *err)
{
    pf_group *g = &t->group[group];
    if (g->last != step) {
        const uint32_t place[] = {group, step};
        uint32_t *at = pf_map_at(&t->cells_by_place, pf_hash_bytes(&t->key, place, sizeof place));
        if (!at)
            return pf_map_fail(&t->cells_by_place, err, "a series");
        if (*at == PF_MAP_EMPTY) {
            pf_code code =
                reach(t, (void **)&t->cell, &t->cell_cap, t->ncell, sizeof *t->cell, err);
            if (code)
                return code;
            t->cell[t->ncell] = (pf_cell){.group = group, .step = step};
            *at = t->ncell++;
        }
        g->last = step;
        g->last_cell = *at;
    }
    *out = &t->cell[g->last_cell];
    return PF_OK;
}

static int64_t add(int64_t a, int64_t b)
{
    int64_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        return a < 0 ? INT64_MIN : INT64_MAX;
    return sum;
}

static void add_step(pf_step *to, const pf_step *one)
{
    to->sum = add(to->sum, one->sum);
    to->count = add(to->count, one->count);
    to->duration = add(to->duration, one->duration);
}

pf_code pf_timeline_add(pf_timeline *t, const pf_total *one, int64_t value, pf_error *err)
{
    uint64_t step = ((uint64_t)one->created_at - (uint64_t)t->start) / (uint64_t)t->step;
    uint32_t group;
    pf_cell *cell = NULL;
    if (one->created_at < t->start || step >= t->points)
        return PF_OK;
    pf_code code = group_of(t, one, &group, err);
    if (!code)
        code = cell_of(t, group, (uint32_t)step, &cell, err);
    if (code)
        return code;
    pf_step add_one = {value, 1, one->duration > 0 ? one->duration : 0};
    add_step(&cell->at, &add_one);
    add_step(&t->group[group].all, &add_one);
    return PF_OK;
}

typedef struct ranked {
    double size;
    uint32_t group;
    pf_str value;
} ranked;

static int by_size(const void *pa, const void *pb)
{
    const ranked *a = pa, *b = pb;
    if (a->size != b->size)
        return a->size > b->size ? -1 : 1;
    return pf_str_cmp(a->value, b->value);
}

pf_code pf_timeline_finish(pf_timeline *t, pf_error *err)
{
    ranked *order = pf_arena_array(t->arena, t->ngroup, sizeof *order);
    uint32_t *place = pf_arena_array(t->arena, t->ngroup, sizeof *place);
    pf_group *sorted = pf_arena_zalloc(t->arena, ((size_t)t->ngroup + 1) * sizeof *sorted);
    if (!order || !place || !sorted)
        return no_memory(t, err);
    for (uint32_t i = 0; i < t->ngroup; i++) {
        const pf_group *g = &t->group[i];
        double size = (double)g->all.sum;
        size = size < 0 ? -size : size;
        order[i] = (ranked){t->is_cumulative ? size : size / (double)g->all.count, i, g->value};
    }
    qsort(order, t->ngroup, sizeof *order, by_size);
    uint32_t kept = t->ngroup <= PF_TIMELINE_GROUPS ? t->ngroup : PF_TIMELINE_GROUPS;
    for (uint32_t i = 0; i < t->ngroup; i++) {
        place[order[i].group] = i < kept ? i : kept;
        if (i < kept)
            sorted[i] = t->group[order[i].group];
        else
            add_step(&sorted[kept].all, &t->group[order[i].group].all);
    }
    if (kept < t->ngroup) {
        sorted[kept].is_other = true;
        sorted[kept++].value = PF_STR("(other)");
    }
    for (uint32_t i = 0; i < t->ncell; i++)
        t->cell[i].group = place[t->cell[i].group];
    t->group = sorted;
    t->ngroup = kept;
    return PF_OK;
}

void pf_timeline_row(const pf_timeline *t, uint32_t group, pf_step *out)
{
    memset(out, 0, t->points * sizeof *out);
    for (uint32_t i = 0; i < t->ncell; i++)
        if (t->cell[i].group == group)
            add_step(&out[t->cell[i].step], &t->cell[i].at);
}
