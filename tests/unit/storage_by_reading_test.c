/* What stores say of profiles without being read for it: totals and decoded merges, from the embedded store's index
 * and by the generic way, which must agree. */
#include "storage/local/local.h"
#include "support/store_fixture.h"
#include "support/view_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

typedef struct place {
    char *dir;
    pf_store *store;
    pf_store_ops generic; /* the same store, without what it can do better */
    const pf_store_ops *own;
} place;

static int set_up(void **state)
{
    pf_error err = {0};
    place *p = calloc(1, sizeof *p);
    p->dir = fx_make_dir();
    pf_local_config cfg = pf_local_config_default();
    cfg.dir = p->dir;
    cfg.min_free = 0;
    if (pf_local_open(&cfg, &p->store, &err))
        fail_msg("%s", err.msg);
    p->own = p->store->ops;
    p->generic = *p->own;
    p->generic.totals = NULL;
    p->generic.find_totals = NULL;
    p->generic.merge_profile = NULL;
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    place *p = *state;
    p->store->ops = p->own;
    pf_store_close(p->store);
    fx_remove_dir(p->dir);
    free(p);
    return 0;
}

static void push_profile(place *p, const pf_profile *profile, const char *labels,
                         int64_t created_at, pf_type type)
{
    pf_arena a;
    pf_error err = {0};
    pf_buf body = PF_BUF_INIT;
    pf_arena_init(&a, NULL, 0);
    assert_int_equal(pf_profile_encode(profile, &body, &err), PF_OK);
    pf_profile decoded;
    assert_int_equal(pf_profile_decode(&decoded, &a, pf_buf_str(&body), &err), PF_OK);
    pf_write w = {.meta = {.service = PF_STR("s"),
                           .type = type,
                           .labels = fx_labels(&a, labels),
                           .created_at = created_at},
                  .body = pf_buf_str(&body),
                  .inflated = pf_buf_str(&body),
                  .profile = &decoded,
                  .arena = &a};
    if (pf_store_write_wait(p->store, &w, &err))
        fail_msg("%s", err.msg);
    pf_buf_free(&body);
    pf_arena_free(&a);
}

static void push(place *p, const char *stacks, const char *labels, int64_t created_at, pf_type type)
{
    pf_arena a;
    pf_arena_init(&a, NULL, 0);
    pf_profile *profile = vf_profile(&a, stacks);
    profile->duration_nanos = 7;
    push_profile(p, profile, labels, created_at, type);
    pf_arena_free(&a);
}

typedef struct seen {
    int64_t count, sum, tens, duration, labels;
    pf_buf series; /* the label of each series number, as it is met */
} seen;

static pf_code see(void *ctx, const pf_total *t, pf_error *err)
{
    seen *s = ctx;
    (void)err;
    s->count++;
    s->labels += (int64_t)t->labels.n;
    if (!t->types)
        return PF_OK;
    assert_int_equal(t->types->n, 2);
    assert_true(pf_str_eq(t->types->list[0].type, PF_STR("samples")));
    assert_true(pf_str_eq(t->types->list[1].unit, PF_STR("nanoseconds")));
    assert_true(t->has_sum[0]);
    s->sum += t->sum[0];
    s->tens += t->has_sum[1] ? t->sum[1] : 0;
    s->duration += t->duration;
    return PF_OK;
}

static seen walk(place *p, pf_type type, int64_t from, int64_t to, const char *labels)
{
    pf_arena a;
    pf_error err = {0};
    seen s = {0};
    pf_arena_init(&a, NULL, 0);
    pf_query q = {.service = PF_STR("s"), .type = type, .from = from, .to = to, .limit = 1};
    assert_int_equal(
        pf_matchers_parse("labels", pf_str_c(labels), &a, &q.labels, &q.matchers, &err), PF_OK);
    if (pf_store_totals(p->store, &q, NULL, see, &s, &err))
        fail_msg("%s", err.msg);
    pf_arena_free(&a);
    return s;
}

static void assert_walks(place *p)
{
    seen all = walk(p, PF_TYPE_CPU, 0, 100, "");
    assert_int_equal(all.count, 3);
    assert_int_equal(all.sum, 3 + 5 + 7);
    assert_int_equal(all.tens, 10 * all.sum);
    assert_int_equal(all.duration, 21);
    assert_int_equal(all.labels, 2);
    assert_int_equal(walk(p, PF_TYPE_CPU, 20, 30, "").sum, 5 + 7);
    assert_int_equal(walk(p, PF_TYPE_CPU, 20, 29, "").sum, 5);
    assert_int_equal(walk(p, PF_TYPE_CPU, 31, 90, "").count, 0);
    assert_int_equal(walk(p, PF_TYPE_CPU, 0, 100, "host=b").sum, 5);
    assert_int_equal(walk(p, PF_TYPE_CPU, 0, 100, "host!=b").sum, 3 + 7);
    assert_int_equal(walk(p, PF_TYPE_CPU, 0, 100, "host=~[ab]").sum, 3 + 5);
    assert_int_equal(walk(p, PF_TYPE_UNKNOWN, 0, 100, "").count, 5);
    seen large = walk(p, PF_TYPE_HEAP, 0, 100, "");
    assert_int_equal(large.count, 1);
    assert_int_equal(large.sum, INT64_MAX / 2);
    assert_int_equal(large.tens, 0);
}

/* "10=3/30 " a profile: created_at, its sums ('-' where there is none), '?' for a trace. */
typedef struct listed {
    pf_buf text;
    size_t given, most; /* a page ends after so many */
} listed;

static bool list(void *ctx, const pf_meta *meta, const pf_total *t)
{
    listed *l = ctx;
    assert_int_equal(t->created_at, meta->created_at);
    assert_int_equal(t->type, meta->type);
    assert_int_equal(t->labels.n, meta->labels.n);
    assert_true(pf_str_eq(meta->service, PF_STR("s")));
    pf_buf_printf(&l->text, "%lld=", (long long)meta->created_at);
    for (size_t i = 0; t->types && i < t->types->n; i++) {
        pf_buf_puts(&l->text, i ? "/" : "");
        if (t->has_sum[i])
            pf_buf_printf(&l->text, "%lld", (long long)t->sum[i]);
        else
            pf_buf_putc(&l->text, '-');
    }
    pf_buf_puts(&l->text, t->types ? " " : "? ");
    assert_int_equal(t->duration, t->types && meta->type == PF_TYPE_CPU ? 7 : 0);
    return ++l->given < l->most;
}

/* In pages of at most `max`, each ended by the receiver after `most`. */
static void assert_list(place *p, pf_type type, const char *labels, int64_t limit, size_t max,
                        size_t most, const char *expected)
{
    pf_arena a;
    pf_error err = {0};
    listed l = {.text = PF_BUF_INIT, .most = most};
    pf_find_pos pos = {0};
    pf_arena_init(&a, NULL, 0);
    pf_query q = {.service = PF_STR("s"), .type = type, .to = 100, .limit = limit};
    assert_int_equal(
        pf_matchers_parse("labels", pf_str_c(labels), &a, &q.labels, &q.matchers, &err), PF_OK);
    for (int pages = 0; !pos.finished; pages++, l.given = 0) {
        assert_true(pages < 100);
        if (pf_store_find_totals(p->store, &q, &pos, max, NULL, list, &l, &err))
            fail_msg("%s", err.msg);
    }
    pf_buf_putc(&l.text, 0);
    assert_string_equal(l.text.data, expected);
    pf_buf_free(&l.text);
    pf_arena_free(&a);
}

static void assert_lists(place *p)
{
    static const char all[] = "10=3/30 20=5/50 30=7/70 40=4611686018427387903/- 50=? ";
    static const size_t sizes[] = {1, 2, 3, 5, 1000};
    for (size_t i = 0; i < 5; i++) {
        for (size_t k = 0; k < 5; k++) {
            assert_list(p, PF_TYPE_UNKNOWN, "", 0, sizes[i], sizes[k], all);
            assert_list(p, PF_TYPE_UNKNOWN, "", 3, sizes[i], sizes[k],
                        all + strlen("10=3/30 20=5/50 "));
            assert_list(p, PF_TYPE_CPU, "host=~[ab]", 0, sizes[i], sizes[k], "10=3/30 20=5/50 ");
        }
    }
    assert_list(p, PF_TYPE_CPU, "host=b", 0, 10, 10, "20=5/50 ");
    assert_list(p, PF_TYPE_CPU, "host=b", 5, 10, 10, "20=5/50 ");
    assert_list(p, PF_TYPE_CPU, "host=z", 0, 10, 10, "");
}

static void totals_agree(void **state)
{
    place *p = *state;
    push(p, "a;b 3\n", "host=a", 10, PF_TYPE_CPU);
    push(p, "a;b 4\nc 1\n", "host=b", 20, PF_TYPE_CPU);
    push(p, "a;c 7\n", "", 30, PF_TYPE_CPU);
    /* Ten times the value wraps, twice over: the sum of cpu leaves int64. */
    pf_error err;
    pf_arena a;
    pf_arena_init(&a, NULL, 0);
    pf_profile *large = vf_profile(&a, "a 1\nb 0\n");
    large->value[0] = INT64_MAX / 2;
    large->value[1] = large->value[3] = INT64_MAX;
    push_profile(p, large, "", 40, PF_TYPE_HEAP);
    pf_arena_free(&a);
    assert_int_equal(fx_write(p->store, "s", PF_TYPE_TRACE, "", 50, "trace", NULL, &err), PF_OK);
    assert_walks(p);
    assert_lists(p);
    p->store->ops = &p->generic;
    assert_walks(p);
    assert_lists(p);
}

typedef struct merged {
    size_t calls, count;
    int64_t first, last, sum;
    pf_type type;
} merged;

static pf_code take(void *ctx, const pf_merged *m, pf_error *err)
{
    (void)err;
    merged *out = ctx;
    *out = (merged){out->calls + 1, m->count, m->first, m->last, 0, m->type};
    for (uint32_t i = 0; i < m->profile->nsample; i++)
        out->sum += m->profile->value[i * m->profile->nsample_type];
    return PF_OK;
}

static void assert_merges(place *p)
{
    pf_error err;
    merged m = {0};
    pf_query q = {.service = PF_STR("s"), .type = PF_TYPE_CPU, .from = 0, .to = 100};
    pf_selection sel = {.query = &q};
    assert_int_equal(pf_store_merge_profile(p->store, &sel, NULL, take, &m, &err), PF_OK);
    assert_int_equal(m.calls, 1);
    assert_int_equal(m.count, 2);
    assert_int_equal(m.first, 10);
    assert_int_equal(m.last, 20);
    assert_int_equal(m.sum, 8);
    assert_int_equal(m.type, PF_TYPE_CPU);
    q.limit = 1; /* a single one is decoded, too */
    assert_int_equal(pf_store_merge_profile(p->store, &sel, NULL, take, &m, &err), PF_OK);
    assert_int_equal(m.sum, 5);
    assert_int_equal(m.first, 20);
    q.from = q.to = 55;
    assert_int_equal(pf_store_merge_profile(p->store, &sel, NULL, take, &m, &err), PF_NOT_FOUND);
    q.type = PF_TYPE_TRACE;
    assert_int_equal(pf_store_merge_profile(p->store, &sel, NULL, take, &m, &err), PF_NOT_ALLOWED);
    assert_int_equal(m.calls, 2);
}

static void decoded_merges_agree(void **state)
{
    place *p = *state;
    push(p, "a;b 3\n", "", 10, PF_TYPE_CPU);
    push(p, "a;b 4\nc 1\n", "host=b", 20, PF_TYPE_CPU);
    assert_merges(p);
    p->store->ops = &p->generic;
    assert_merges(p);
    pf_store_stats stats;
    pf_error err;
    assert_int_equal(pf_store_stats_get(p->store, &stats, &err), PF_OK);
    assert_int_equal(stats.profiles, 2);
    assert_int_equal(stats.oldest, 10);
    assert_int_equal(stats.newest, 20);
    assert_int_equal(stats.partitions, 1);
    assert_true(stats.bytes > 0 && stats.retention > 0);
}

/* A function that calls itself, seen at every depth up to `depth`: as a tree of stacks it is small. */
static void push_recursion(place *p, uint32_t depth, int64_t created_at)
{
    pf_arena a;
    pf_arena_init(&a, NULL, 0);
    pf_profile *r = vf_profile(&a, "f 1\n");
    r->nsample = r->nsample_location = depth;
    r->sample = pf_arena_array(&a, depth, sizeof *r->sample);
    r->sample_location = pf_arena_zalloc(&a, depth * sizeof *r->sample_location);
    r->value = pf_arena_array(&a, 2 * (size_t)depth, sizeof *r->value);
    assert_true(r->sample && r->sample_location && r->value);
    for (uint32_t i = 0; i < depth; i++) {
        r->sample[i] = (pf_sample){.loc_n = i + 1};
        r->value[2 * i] = r->value[2 * i + 1] = 1;
    }
    push_profile(p, r, "", created_at, PF_TYPE_CPU);
    pf_arena_free(&a);
}

/* What is written out frame by frame counts as what a query holds, however small its tree was. */
static void a_merge_is_no_larger_than_a_query_may_be(void **state)
{
    enum { DEPTH = 1500, FRAMES = DEPTH * (DEPTH + 1) / 2 };
    place *p = *state;
    pf_error err;
    pf_blob blob;
    merged m = {0};
    pf_query q = {.service = PF_STR("s"), .type = PF_TYPE_CPU, .to = 100};
    pf_selection sel = {.query = &q};
    pf_op op = {.max_memory = FRAMES};
    push_recursion(p, DEPTH, 10);
    push_recursion(p, DEPTH, 20);
    assert_int_equal(pf_store_merge_profile(p->store, &sel, &op, take, &m, &err), PF_QUERY_LIMIT);
    assert_int_equal(pf_store_merge(p->store, &sel, &op, &blob, &err), PF_QUERY_LIMIT);
    pf_ledger budget;
    pf_ledger_init(&budget, "-memory.max-inflight", FRAMES, PF_UNAVAILABLE, NULL);
    op = (pf_op){.budget = &budget};
    assert_int_equal(pf_store_merge(p->store, &sel, &op, &blob, &err), PF_UNAVAILABLE);
    assert_int_equal(pf_ledger_held(&budget), 0);
    op = (pf_op){.max_memory = 8 * FRAMES};
    assert_int_equal(pf_store_merge_profile(p->store, &sel, &op, take, &m, &err), PF_OK);
    assert_int_equal(m.sum, 2 * DEPTH);
    assert_int_equal(pf_store_merge(p->store, &sel, &op, &blob, &err), PF_OK);
    pf_buf_free(&blob.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(totals_agree, set_up, tear_down),
        cmocka_unit_test_setup_teardown(decoded_merges_agree, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_merge_is_no_larger_than_a_query_may_be, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
