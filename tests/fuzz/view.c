/* Any profile, in any view: what is shown must add up, and nothing may break. A hash of the input chooses the view, so
 * that real profiles are inputs as they are. */
#include "base/hash.h"
#include "pprof/gzip.h"
#include "support/profile_eq.h"
#include "view/diff.h"
#include "view/dot.h"
#include "view/filter.h"
#include "view/folded.h"
#include "view/json.h"
#include "view/pgo.h"
#include "view/svg.h"

#include <stdlib.h>

enum { MAX_INFLATED = 1 << 20, MAX_MEMORY = 64 << 20, MAX_TEXT = 8 << 20 };

static const char *const patterns[] = {"", "main", "^r", "a|b", "go$", "(?i)GC", ".*", "[^a-z]"};

static void check(bool ok)
{
    if (!ok)
        abort();
}

static pf_regex *pattern(pf_arena *a, unsigned which)
{
    pf_regex *re = NULL;
    if (which % 8)
        pf_regex_new_in(a, pf_str_c(patterns[which % 8]), PF_REGEX_SEARCH, &re, NULL);
    return re;
}

static void check_tree(const pf_flame *f, pf_arena *a)
{
    uint64_t *sum = pf_arena_zalloc(a, f->n * sizeof *sum),
             *base = pf_arena_zalloc(a, f->n * sizeof *base);
    if (!sum || !base)
        return;
    for (uint32_t i = f->n; i-- > 0;) {
        const pf_flame_node *n = &f->node[i];
        check(i == 0 ? n->parent == 0 : n->parent < i);
        check((uint64_t)n->total == sum[i] + (uint64_t)n->self);
        check((uint64_t)n->base_total == base[i] + (uint64_t)n->base_self);
        if (i) {
            sum[n->parent] += (uint64_t)n->total;
            base[n->parent] += (uint64_t)n->base_total;
        }
    }
}

static void write_all(const pf_view *v, const pf_flame *f)
{
    pf_view_facts facts = {1, "2023-11-14T22:13:20Z", true};
    pf_error err;
    pf_buf b = {.max = MAX_TEXT};
    pf_top top;
    pf_json_flame(f, v, &facts, &b, &err);
    pf_buf_clear(&b);
    pf_folded_write(f, v, &b, &err);
    pf_buf_clear(&b);
    pf_svg_write(f, v, &b, &err);
    pf_buf_clear(&b);
    pf_dot_write(v, 20, &b, &err);
    pf_buf_clear(&b);
    if (pf_top_make(&top, v, 10, &err) == PF_OK)
        pf_json_top(&top, v, &facts, &b);
    pf_buf_free(&b);
}

/* Both ways of the same stacks come to the same, whole or around a function. */
static void look_both_ways(const pf_view *v, uint8_t choice, pf_arena *a)
{
    pf_error err;
    pf_flame way[2];
    pf_flame_options o = {.max_nodes = choice >> 3};
    if (choice & 1 && v->frames.n)
        o.function = v->frames.frame[choice % v->frames.n].name;
    pf_code code[2];
    for (int up = 0; up < 2; up++) {
        o.up = up;
        code[up] = pf_flame_make(&way[up], v, &o, &err);
        if (code[up])
            continue;
        check_tree(&way[up], a);
        write_all(v, &way[up]);
    }
    check(code[0] == code[1] || code[0] == PF_QUERY_LIMIT || code[1] == PF_QUERY_LIMIT);
    if (code[0] || code[1])
        return;
    check(way[0].node[0].total == way[1].node[0].total);
    check(way[0].node[0].base_total == way[1].node[0].base_total);
}

static void look_at(const pf_profile *p, const uint8_t *choice, pf_arena *a)
{
    static const pf_stop never;
    pf_error err;
    pf_profile pruned, filtered, edges;
    pf_filter filter = {pattern(a, choice[0]), pattern(a, choice[0] >> 3), pattern(a, choice[1]),
                        pattern(a, choice[1] >> 3), pattern(a, choice[2])};
    if (pf_filter_prune(p, &never, a, &pruned, &err) ||
        pf_filter_apply(&filter, &pruned, &never, a, &filtered, &err))
        return;
    pf_view v;
    pf_flame flame;
    pf_view_options o = {.granularity = (pf_granularity)(choice[3] & 3), .is_diff = choice[3] & 4};
    pf_flame_options cut = {.max_nodes = choice[3] >> 3};
    if (pf_view_make(&v, &filtered, &o, a, &err) == PF_OK &&
        pf_flame_make(&flame, &v, &cut, &err) == PF_OK) {
        write_all(&v, &flame);
        check_tree(&flame, a);
        look_both_ways(&v, choice[2], a);
    }
    if (pf_pgo_make(p, &never, a, &edges, &err) == PF_OK)
        pf_test_check_references(&edges);
}

static void compare(const pf_profile *p, const uint8_t *choice, pf_arena *a)
{
    pf_profile both;
    pf_error err;
    pf_diff_options o = {.normalize = choice[2] & 8};
    pf_merge *m = pf_merge_new(NULL, MAX_MEMORY);
    check(m != NULL);
    if (pf_diff_make(p, p, &o, m, a, &both, &err) == PF_OK) {
        pf_test_check_references(&both);
        look_at(&both, choice, a);
    }
    pf_merge_free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pf_arena a;
    pf_str bytes = {(const char *)data, size};
    uint64_t hash = pf_hash_fixed(bytes).lo;
    const uint8_t choice[4] = {(uint8_t)hash, (uint8_t)(hash >> 8), (uint8_t)(hash >> 16),
                               (uint8_t)(hash >> 24)};
    pf_profile p;
    pf_error err;
    pf_arena_init(&a, NULL, MAX_MEMORY);
    pf_code code = PF_OK;
    if (pf_is_gzip(bytes))
        code = pf_gunzip(bytes, MAX_INFLATED, &a, &bytes, &err);
    if (!code && pf_profile_decode(&p, &a, bytes, &err) == PF_OK) {
        look_at(&p, choice, &a);
        compare(&p, choice, &a);
    }
    pf_arena_free(&a);
    return 0;
}
