/* Merging: small profiles with results computed by hand, then laws over real ones.
 *
 * The profiles are built in memory: a `made` holds tables large enough for what the tests need, and its
 * functions add rows to them.
 */
#include "pprof/gzip.h"
#include "pprof/merge.h"
#include "support/corpus.h"
#include "support/profile_eq.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 64 };

typedef struct made {
    pf_str string[ROWS];
    pf_value_type sample_type[ROWS];
    pf_sample sample[ROWS];
    int64_t value[ROWS];
    uint32_t sample_location[ROWS];
    pf_label label[ROWS];
    pf_mapping mapping[ROWS];
    pf_location location[ROWS];
    pf_line line[ROWS];
    pf_function function[ROWS];
    uint32_t comment[ROWS];
    pf_profile p;
} made;

static uint32_t text(made *m, const char *s)
{
    for (uint32_t i = 0; i < m->p.nstring; i++)
        if (pf_str_eq(m->string[i], pf_str_c(s)))
            return i;
    m->string[m->p.nstring] = pf_str_c(s);
    return m->p.nstring++;
}

/* A profile of one sample type, cpu/ns. */
static void make(made *m)
{
    *m = (made){0};
    m->p = (pf_profile){.string = m->string,
                        .sample_type = m->sample_type,
                        .sample = m->sample,
                        .value = m->value,
                        .sample_location = m->sample_location,
                        .label = m->label,
                        .mapping = m->mapping,
                        .location = m->location,
                        .line = m->line,
                        .function = m->function,
                        .comment = m->comment,
                        .nsample_type = 1};
    text(m, "");
    m->sample_type[0] = (pf_value_type){text(m, "cpu"), text(m, "ns")};
}

static uint32_t mapping(made *m, uint64_t start, uint64_t limit, const char *file,
                        const char *build)
{
    uint32_t i = m->p.nmapping++;
    m->mapping[i] = (pf_mapping){.id = i + 1,
                                 .start = start,
                                 .limit = limit,
                                 .file = text(m, file),
                                 .build_id = text(m, build)};
    return i;
}

static uint32_t function(made *m, const char *name, int64_t start_line)
{
    uint32_t i = m->p.nfunction++;
    m->function[i] = (pf_function){.id = i + 1, .name = text(m, name), .start_line = start_line};
    return i;
}

static uint32_t location(made *m, uint32_t map, uint64_t address)
{
    uint32_t i = m->p.nlocation++;
    m->location[i] = (pf_location){.id = i + 1,
                                   .address = address,
                                   .mapping = map,
                                   .mapping_id = map == PF_NO_INDEX ? 0 : map + 1,
                                   .line_off = m->p.nline};
    return i;
}

/* Of the newest location. */
static void line(made *m, uint32_t fn, int64_t number, int64_t column)
{
    m->line[m->p.nline++] = (pf_line){number, column, fn};
    m->location[m->p.nlocation - 1].line_n++;
}

static void sample(made *m, int64_t value, uint32_t n, const uint32_t *locations)
{
    m->value[m->p.nsample] = value;
    m->sample[m->p.nsample++] = (pf_sample){m->p.nsample_location, n, m->p.nlabel, 0};
    for (uint32_t i = 0; i < n; i++)
        m->sample_location[m->p.nsample_location++] = locations[i];
}

/* Of the newest sample; NULL is "not set". */
static void label(made *m, const char *key, const char *str, int64_t num, const char *unit)
{
    m->label[m->p.nlabel++] =
        (pf_label){num, text(m, key), str ? text(m, str) : 0, unit ? text(m, unit) : 0};
    m->sample[m->p.nsample - 1].label_n++;
}

/* A stack of one location at that address, no mapping. */
static void simple(made *m, uint64_t address, int64_t value)
{
    uint32_t l = location(m, PF_NO_INDEX, address);
    sample(m, value, 1, &l);
}

typedef struct merged {
    pf_merge *m;
    pf_profile p;
    pf_code code;
    pf_error err;
} merged;

static merged merge(const made *const *profiles, size_t n)
{
    merged r = {.m = pf_merge_new(NULL, 0)};
    assert_non_null(r.m);
    for (size_t i = 0; i < n && !r.code; i++)
        r.code = pf_merge_add(r.m, &profiles[i]->p, &r.err);
    if (!r.code)
        r.code = pf_merge_finish(r.m, &r.p, &r.err);
    if (!r.code)
        pf_test_check_references(&r.p);
    return r;
}

#define MERGE(...)                                                                                 \
    merge((const made *const[]){__VA_ARGS__},                                                      \
          sizeof((const made *[]){__VA_ARGS__}) / sizeof(made *))

static bool text_is(const pf_profile *p, uint32_t string, const char *expect)
{
    return pf_str_eq(p->string[string], pf_str_c(expect));
}

/* ---- samples ---- */

static void test_same_stacks_add_up_in_order_of_appearance(void **state)
{
    (void)state;
    made a, b;
    make(&a);
    simple(&a, 100, 1);
    simple(&a, 200, 2);
    make(&b);
    simple(&b, 300, 30);
    simple(&b, 200, 20);
    merged r = MERGE(&a, &b, &a);
    assert_int_equal(r.code, PF_OK);
    assert_int_equal(r.p.nsample, 3);
    assert_true(r.p.value[0] == 2 && r.p.value[1] == 24 && r.p.value[2] == 30);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(r.p.location[i].id, i + 1);
        assert_int_equal(r.p.location[i].address, 100 * (i + 1));
        assert_int_equal(r.p.sample_location[r.p.sample[i].loc_off], i);
    }
    pf_merge_free(r.m);
}

static void test_stacks_differ_by_order_and_length(void **state)
{
    (void)state;
    made a;
    make(&a);
    uint32_t x = location(&a, PF_NO_INDEX, 1), y = location(&a, PF_NO_INDEX, 2);
    sample(&a, 1, 2, (uint32_t[]){x, y});
    sample(&a, 2, 2, (uint32_t[]){y, x});
    sample(&a, 4, 1, (uint32_t[]){x});
    sample(&a, 8, 0, NULL);
    sample(&a, 16, 2, (uint32_t[]){x, y});
    sample(&a, 32, 0, NULL);
    merged r = MERGE(&a);
    assert_int_equal(r.p.nsample, 4);
    assert_true(r.p.value[0] == 17 && r.p.value[1] == 2 && r.p.value[2] == 4 && r.p.value[3] == 40);
    assert_int_equal(r.p.sample[3].loc_n, 0);
    pf_merge_free(r.m);
}

/* The same samples as a profile has them and as a tree. */
static void test_trees_merge_with_profiles(void **state)
{
    (void)state;
    made a, b;
    make(&a);
    uint32_t x = location(&a, PF_NO_INDEX, 1), y = location(&a, PF_NO_INDEX, 2);
    sample(&a, 1, 2, (uint32_t[]){x, y});
    sample(&a, 2, 1, (uint32_t[]){y});
    label(&a, "k", "v", 0, NULL);
    make(&b);
    y = location(&b, PF_NO_INDEX, 2), x = location(&b, PF_NO_INDEX, 1);
    simple(&b, 3, 0);
    label(&b, "k", "v", 0, NULL);
    b.p.nsample = 0;
    b.p.nlocation = 2;
    /* y; x called from y, twice; the stack (y, x) */
    const pf_tree_node node[] = {{0, 0}, {0, y}, {1, x}, {1, x}, {0, x}, {4, y}};
    const pf_tree_sample rows[] = {{2, 0, 0}, {3, 0, 0}, {1, 0, 1}, {1, 0, 1},
                                   {1, 0, 0}, {0, 0, 0}, {5, 0, 0}, {0, 0, 0}};
    const int64_t value[] = {10, 100, 20, 200, 5, 7, 9, 0};
    const pf_tree tree = {node, rows, value, 6, 8};
    for (int first = 0; first < 2; first++) {
        pf_profile p;
        pf_error err;
        pf_merge *m = pf_merge_new(NULL, 0);
        if (!first)
            assert_int_equal(pf_merge_add(m, &a.p, &err), PF_OK);
        assert_int_equal(pf_merge_add_header(m, &b.p, &err), PF_OK);
        assert_int_equal(pf_merge_add_tree(m, &b.p, &tree, &err), PF_OK);
        if (first)
            assert_int_equal(pf_merge_add(m, &a.p, &err), PF_OK);
        assert_int_equal(pf_merge_finish(m, &p, &err), PF_OK);
        pf_test_check_references(&p);
        assert_int_equal(p.nsample, 5);
        const int64_t want[] = {111, 222, 5, 7, 9}; /* xy, y labelled, y, none, yx */
        for (int i = 0; i < 5; i++)
            assert_int_equal(p.value[i], want[i]);
        assert_int_equal(p.sample[1].label_n, 1);
        assert_int_equal(p.sample[3].loc_n, 0);
        assert_int_equal(p.nlocation, 2);
        const uint32_t *frames = p.sample_location + p.sample[4].loc_off;
        assert_int_equal(p.location[frames[0]].address, 2);
        assert_int_equal(p.location[frames[1]].address, 1);
        pf_merge_free(m);
    }
}

static void check_encodings(pf_merge *flat, pf_merge *nested, const pf_profile *expect)
{
    pf_profile p, bare;
    pf_tree tree;
    pf_buf a = PF_BUF_INIT, b = PF_BUF_INIT;
    pf_error err;
    assert_int_equal(pf_merge_add(flat, expect, &err), PF_OK);
    assert_int_equal(pf_merge_add(nested, expect, &err), PF_OK);
    assert_int_equal(pf_merge_finish(flat, &p, &err), PF_OK);
    assert_int_equal(pf_merge_finish_tree(nested, &bare, &tree, &err), PF_OK);
    assert_int_equal(bare.nsample, 0);
    assert_int_equal(tree.nsample, p.nsample);
    assert_int_equal(pf_profile_encode(&p, &a, &err), PF_OK);
    assert_int_equal(pf_profile_encode_tree(&bare, &tree, &b, &err), PF_OK);
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.data, b.data, a.len);
    pf_buf_free(&a);
    pf_buf_free(&b);
}

/* Stacks of no, one, two, three and many frames, with labels and without. */
static void test_a_result_encodes_alike_as_a_tree(void **state)
{
    (void)state;
    made a;
    make(&a);
    uint32_t l[ROWS / 2];
    for (uint32_t i = 0; i < 20; i++)
        l[i] = location(&a, PF_NO_INDEX, i);
    a.location[3].id = UINT64_MAX;
    const uint32_t depth[] = {0, 1, 2, 3, 20};
    for (uint32_t i = 0; i < 5; i++) {
        sample(&a, i + 1, depth[i], l + (i == 4 ? 0 : i));
        sample(&a, i ? -(int64_t)i : 9, depth[i], l);
        label(&a, "k", i % 2 ? "v" : NULL, 7, NULL);
    }
    sample(&a, 3, 1, l + 5); /* goes: adds up to 0 */
    sample(&a, -3, 1, l + 5);
    pf_merge *flat = pf_merge_new(NULL, 0), *nested = pf_merge_new(NULL, 0);
    check_encodings(flat, nested, &a.p);
    pf_merge_free(flat);
    pf_merge_free(nested);
}

static void test_zero_samples_go_with_what_they_refer_to(void **state)
{
    (void)state;
    made a, b;
    make(&a);
    mapping(&a, 0, 1, "main", "");
    uint32_t lib = mapping(&a, 0x1000, 0x2000, "lib", "");
    uint32_t gone = function(&a, "gone", 0);
    uint32_t l = location(&a, lib, 0x1001);
    line(&a, gone, 1, 0);
    sample(&a, 5, 1, &l);
    label(&a, "gone key", "gone value", 0, NULL);
    simple(&a, 7, 1);
    simple(&a, 8, 0); /* zero from the start */
    make(&b);
    lib = mapping(&b, 0x1000, 0x2000, "lib", "");
    l = location(&b, lib, 0x1001);
    line(&b, function(&b, "gone", 0), 1, 0);
    sample(&b, -5, 1, &l);
    label(&b, "gone key", "gone value", 0, NULL);
    merged r = MERGE(&a, &b);
    assert_int_equal(r.code, PF_OK);
    assert_int_equal(r.p.nsample, 1);
    assert_int_equal(r.p.nlocation, 1);
    assert_int_equal(r.p.location[0].address, 7);
    assert_int_equal(r.p.location[0].id, 1);
    assert_int_equal(r.p.nfunction, 0);
    assert_int_equal(r.p.nline, 0);
    assert_int_equal(r.p.nlabel, 0);
    assert_int_equal(r.p.nmapping, 1); /* the first mapping stays, though nothing refers to it */
    assert_true(text_is(&r.p, r.p.mapping[0].file, "main"));
    assert_int_equal(r.p.nstring, 4); /* "", cpu, ns, main */
    pf_merge_free(r.m);
}

static void test_first_mapping_of_the_first_profile_that_has_one(void **state)
{
    (void)state;
    made a, b, c;
    make(&a);
    simple(&a, 1, 1);
    make(&b);
    mapping(&b, 0, 1, "main", "");
    uint32_t l = location(&b, mapping(&b, 0x1000, 0x2000, "lib", ""), 0x1001);
    sample(&b, 1, 1, &l);
    make(&c);
    mapping(&c, 0, 1, "other", "");
    merged r = MERGE(&a, &b, &c);
    assert_int_equal(r.p.nmapping, 2);
    assert_true(text_is(&r.p, r.p.mapping[0].file, "main"));
    assert_true(text_is(&r.p, r.p.mapping[1].file, "lib"));
    assert_true(r.p.mapping[0].id == 1 && r.p.mapping[1].id == 2);
    assert_true(r.p.location[1].mapping == 1 && r.p.location[1].mapping_id == 2);
    pf_merge_free(r.m);
}

/* ---- symbols ---- */

/* The number of locations that one location in each of two mappings becomes. */
static uint32_t locations_of(const made *a, const made *b)
{
    merged r = MERGE(a, b);
    assert_int_equal(r.code, PF_OK);
    uint32_t n = r.p.nlocation;
    assert_int_equal(r.p.nsample, n);
    pf_merge_free(r.m);
    return n;
}

static void in_mapping(made *m, uint64_t start, uint64_t limit, uint64_t offset, const char *file,
                       const char *build, uint64_t address)
{
    make(m);
    uint32_t i = mapping(m, start, limit, file, build);
    m->mapping[i].offset = offset;
    uint32_t l = location(m, i, address);
    sample(m, 1, 1, &l);
}

static void test_mapping_identity(void **state)
{
    (void)state;
    made a, b;
    in_mapping(&a, 0x10000, 0x12001, 0, "f", "b", 0x10010);
    in_mapping(&b, 0x50000, 0x53000, 0, "g", "b", 0x50010); /* moved, size equal in pages */
    assert_int_equal(locations_of(&a, &b), 1);
    in_mapping(&b, 0x50000, 0x53001, 0, "f", "b", 0x50010); /* a page more */
    assert_int_equal(locations_of(&a, &b), 2);
    in_mapping(&b, 0x50000, 0x53000, 1, "f", "b", 0x50010); /* another offset */
    assert_int_equal(locations_of(&a, &b), 2);
    in_mapping(&b, 0x50000, 0x53000, 0, "f", "c", 0x50010); /* another build id */
    assert_int_equal(locations_of(&a, &b), 2);
    in_mapping(&b, 0x50000, 0x53000, 0, "b", "",
               0x50010); /* no build id: the file, whatever it is */
    assert_int_equal(locations_of(&a, &b), 1);
    in_mapping(&b, 0x50000, 0x53000, 0, "f", "b", 0x50011); /* another address in it */
    assert_int_equal(locations_of(&a, &b), 2);
    in_mapping(&a, 0x10000, 0x13000, 0, "", "", 0x10010); /* fakes are all the same */
    in_mapping(&b, 0x50000, 0x53000, 0, "", "", 0x50010);
    assert_int_equal(locations_of(&a, &b), 1);
}

static void test_moved_mapping_keeps_the_first_addresses(void **state)
{
    (void)state;
    made a, b;
    in_mapping(&a, 0x10000, 0x13000, 0, "f", "b", 0x10010);
    a.mapping[0].flags = PF_HAS_FUNCTIONS;
    in_mapping(&b, 0x50000, 0x52fff, 0, "g", "b", 0x50020);
    merged r = MERGE(&a, &b);
    assert_int_equal(r.p.nmapping, 1);
    assert_true(r.p.mapping[0].start == 0x10000 && r.p.mapping[0].limit == 0x13000);
    assert_int_equal(r.p.mapping[0].flags, PF_HAS_FUNCTIONS);
    assert_true(text_is(&r.p, r.p.mapping[0].file, "f"));
    assert_int_equal(r.p.location[0].address, 0x10010);
    assert_int_equal(r.p.location[1].address, 0x10020);
    pf_merge_free(r.m);
}

static void test_location_identity(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t start, line, column, inner_column;
        bool folded, inlined;
        uint32_t same; /* locations after merging with the first */
    } cases[] = {
        {"f", 1, 10, 3, 7, false, true, 1}, {"g", 1, 10, 3, 7, false, true, 2},
        {"f", 2, 10, 3, 7, false, true, 2}, {"f", 1, 11, 3, 7, false, true, 2},
        {"f", 1, 10, 4, 7, false, true, 2}, {"f", 1, 10, 3, 8, false, true, 2},
        {"f", 1, 10, 3, 7, true, true, 2},  {"f", 1, 10, 3, 7, false, false, 2},
    };
    made m[2];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t k = 0; k < 2; k++) {
            size_t c = k ? i : 0;
            make(&m[k]);
            uint32_t l = location(&m[k], PF_NO_INDEX, 5);
            m[k].location[l].folded = cases[c].folded;
            if (cases[c].inlined)
                line(&m[k], function(&m[k], "inner", 0), 1, cases[c].inner_column);
            line(&m[k], function(&m[k], cases[c].name, cases[c].start), cases[c].line,
                 cases[c].column);
            sample(&m[k], 1, 1, &l);
            if (k && locations_of(&m[0], &m[1]) != cases[i].same)
                fail_msg("case %zu", i);
        }
}

static void test_equal_functions_become_one(void **state)
{
    (void)state;
    made a;
    make(&a);
    uint32_t f = function(&a, "f", 1), again = function(&a, "f", 1), other = function(&a, "f", 2);
    uint32_t l[3];
    l[0] = location(&a, PF_NO_INDEX, 1), line(&a, f, 1, 0);
    l[1] = location(&a, PF_NO_INDEX, 2), line(&a, again, 1, 0);
    l[2] = location(&a, PF_NO_INDEX, 3), line(&a, other, 1, 0);
    sample(&a, 1, 3, l);
    merged r = MERGE(&a);
    assert_int_equal(r.p.nfunction, 2);
    assert_true(r.p.line[0].function == 0 && r.p.line[1].function == 0 &&
                r.p.line[2].function == 1);
    pf_merge_free(r.m);
}

static void test_mapping_that_is_not_there(void **state)
{
    (void)state;
    made a, b;
    make(&a);
    simple(&a, 5, 1);
    a.location[0].mapping_id = 99;
    make(&b);
    simple(&b, 5, 1);
    merged r = MERGE(&a, &b);
    assert_int_equal(r.p.nlocation, 1); /* as without a mapping */
    assert_int_equal(r.p.location[0].mapping_id, 0);
    pf_merge_free(r.m);
}

/* ---- labels ---- */

typedef struct test_label {
    const char *key, *str;
    int64_t num;
    const char *unit;
} test_label;

/* How many samples one stack with these two lists of labels becomes. */
static uint32_t samples_of(const test_label *x, const test_label *y)
{
    made a;
    make(&a);
    uint32_t l = location(&a, PF_NO_INDEX, 1);
    for (int k = 0; k < 2; k++) {
        sample(&a, 1, 1, &l);
        for (const test_label *t = k ? y : x; t->key; t++)
            label(&a, t->key, t->str, t->num, t->unit);
    }
    merged r = MERGE(&a);
    assert_int_equal(r.code, PF_OK);
    uint32_t n = r.p.nsample;
    pf_merge_free(r.m);
    return n;
}

#define LABELS(...) ((const test_label[]){__VA_ARGS__, {0}})

static void test_label_identity(void **state)
{
    (void)state;
    const test_label none[] = {{0}};
    const test_label *kv = LABELS({"k", "v", 0, 0});
    assert_int_equal(samples_of(none, none), 1);
    assert_int_equal(samples_of(none, kv), 2);
    assert_int_equal(samples_of(kv, kv), 1);
    assert_int_equal(samples_of(kv, LABELS({"k", "w", 0, 0})), 2);
    assert_int_equal(samples_of(kv, LABELS({"l", "v", 0, 0})), 2);
    assert_int_equal(samples_of(kv, LABELS({"k", "v", 7, "ms"})), 1); /* a text hides a number */
    assert_int_equal(samples_of(kv, LABELS({"k", "v", 0, 0}, {"k", "v", 0, 0})), 2);
    assert_int_equal(samples_of(none, LABELS({"k", 0, 0, 0})), 1); /* says nothing */
    assert_int_equal(samples_of(none, LABELS({"k", 0, 0, "ms"})), 2);
    /* the order of keys does not matter, that of one key's values does */
    assert_int_equal(samples_of(LABELS({"a", "1", 0, 0}, {"b", "2", 0, 0}),
                                LABELS({"b", "2", 0, 0}, {"a", "1", 0, 0})),
                     1);
    assert_int_equal(samples_of(LABELS({"a", "1", 0, 0}, {"a", "2", 0, 0}),
                                LABELS({"a", "2", 0, 0}, {"a", "1", 0, 0})),
                     2);
    assert_int_equal(samples_of(LABELS({"a", 0, 1, 0}, {"a", "2", 0, 0}),
                                LABELS({"a", "2", 0, 0}, {"a", 0, 1, 0})),
                     1);
    /* numbers and units */
    const test_label *n7 = LABELS({"n", 0, 7, 0});
    assert_int_equal(samples_of(n7, n7), 1);
    assert_int_equal(samples_of(n7, LABELS({"n", 0, 8, 0})), 2);
    assert_int_equal(samples_of(n7, LABELS({"n", 0, 7, "ms"})), 2);
    assert_int_equal(samples_of(LABELS({"n", 0, 7, "ms"}), LABELS({"n", 0, 7, "s"})), 2);
    assert_int_equal(samples_of(LABELS({"n", 0, 7, "ms"}, {"n", 0, 8, 0}),
                                LABELS({"n", 0, 7, 0}, {"n", 0, 8, "ms"})),
                     2);
}

static void test_labels_come_out_sorted(void **state)
{
    (void)state;
    made a;
    make(&a);
    uint32_t l = location(&a, PF_NO_INDEX, 1);
    sample(&a, 1, 1, &l);
    label(&a, "z", 0, 3, "ms");
    label(&a, "b", "second", 0, NULL);
    label(&a, "a", 0, 1, NULL);
    label(&a, "nothing", 0, 0, NULL);
    label(&a, "c", "x", 9, "ms");
    label(&a, "b", "again", 0, NULL);
    label(&a, "a", "first", 0, NULL);
    static const test_label expect[] = {{"a", "first", 0, ""}, {"b", "second", 0, ""},
                                        {"b", "again", 0, ""}, {"c", "x", 0, ""},
                                        {"a", "", 1, ""},      {"z", "", 3, "ms"}};
    merged r = MERGE(&a);
    assert_int_equal(r.p.sample[0].label_n, 6);
    for (uint32_t i = 0; i < 6; i++) {
        const pf_label *got = &r.p.label[r.p.sample[0].label_off + i];
        assert_true(text_is(&r.p, got->key, expect[i].key));
        assert_true(text_is(&r.p, got->str, expect[i].str));
        assert_true(text_is(&r.p, got->unit, expect[i].unit));
        assert_true(got->num == expect[i].num);
    }
    pf_merge_free(r.m);
}

static void test_label_sets_survive_those_that_go(void **state)
{
    (void)state;
    made a;
    make(&a);
    uint32_t l = location(&a, PF_NO_INDEX, 1);
    static const char *const keys[] = {"a", "b", "c"};
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 3; i++) {
            if (round && i == 2)
                continue;
            sample(&a, round ? -(i + 1) : i + 1, 1, &l); /* a and b go */
            label(&a, keys[i], "v", 0, NULL);
        }
    simple(&a, 2, 7);
    label(&a, "b", "v", 0, NULL); /* but the labels of b are used again */
    merged r = MERGE(&a);
    assert_int_equal(r.p.nsample, 2);
    assert_true(text_is(&r.p, r.p.label[r.p.sample[0].label_off].key, "c"));
    assert_true(text_is(&r.p, r.p.label[r.p.sample[1].label_off].key, "b"));
    assert_int_equal(r.p.nlabel, 2);
    pf_merge_free(r.m);
}

/* ---- sums ---- */

static void one_value(made *m, int64_t value)
{
    make(m);
    simple(m, 1, value);
}

static void test_sums_are_exact(void **state)
{
    (void)state;
    made big, small, one, minus;
    one_value(&big, INT64_MAX);
    one_value(&small, INT64_MIN);
    one_value(&one, 1);
    one_value(&minus, -1);
    merged r = MERGE(&big, &one);
    assert_int_equal(r.code, PF_INVALID);
    assert_non_null(strstr(r.err.msg, "cpu/ns"));
    pf_merge_free(r.m);
    r = MERGE(&small, &minus);
    assert_int_equal(r.code, PF_INVALID);
    pf_merge_free(r.m);
    r = MERGE(&big, &one, &minus); /* out of int64 and back */
    assert_int_equal(r.code, PF_OK);
    assert_true(r.p.value[0] == INT64_MAX);
    pf_merge_free(r.m);
    r = MERGE(&big, &big, &big, &small, &small, &small, &one, &one);
    assert_int_equal(r.code, PF_OK);
    assert_true(r.p.value[0] == -1);
    pf_merge_free(r.m);
    r = MERGE(&big, &big, &one, &one); /* 2^64, which looks like 0 */
    assert_int_equal(r.code, PF_INVALID);
    pf_merge_free(r.m);
    r = MERGE(&big, &small, &one);
    assert_int_equal(r.code, PF_OK);
    assert_int_equal(r.p.nsample, 0);
    pf_merge_free(r.m);
}

static void test_carries_of_samples_that_come_later(void **state)
{
    (void)state;
    made a, b;
    one_value(&a, INT64_MAX);
    make(&b);
    for (uint64_t i = 1; i < 40; i++)
        simple(&b, i, i == 1 ? 1 : INT64_MIN);
    merged r = MERGE(&a, &b, &b);
    assert_int_equal(r.code, PF_INVALID);
    pf_merge_free(r.m);
    made back;
    make(&back);
    for (uint64_t i = 1; i < 40; i++)
        simple(&back, i, i == 1 ? -3 : INT64_MAX);
    r = MERGE(&a, &b, &b, &back, &back);
    assert_int_equal(r.code, PF_OK);
    assert_true(r.p.value[0] == INT64_MAX - 4 && r.p.value[1] == -2 && r.p.value[38] == -2);
    pf_merge_free(r.m);
}

/* ---- headers ---- */

static void test_headers(void **state)
{
    (void)state;
    made a, b, c;
    make(&a);
    make(&b);
    make(&c);
    a.p.duration_nanos = 10, b.p.duration_nanos = 20, c.p.duration_nanos = -5;
    a.p.time_nanos = 300, b.p.time_nanos = 100, c.p.time_nanos = 0;
    a.p.period = 7, b.p.period = 9, c.p.period = 8;
    a.p.period_type = (pf_value_type){text(&a, "cpu"), text(&a, "ns")};
    b.p.period_type = (pf_value_type){text(&b, "cpu"), text(&b, "ns")};
    c.p.period_type = (pf_value_type){text(&c, "cpu"), text(&c, "ns")};
    a.p.drop_frames = text(&a, "drop a");
    b.p.drop_frames = text(&b, "drop b");
    b.p.keep_frames = text(&b, "keep b");
    b.p.doc_url = text(&b, "doc b");
    c.p.doc_url = text(&c, "doc c");
    c.p.default_sample_type = text(&c, "default c");
    static const char *const comments[3][3] = {{"x", "y", "x"}, {"y", "z", ""}, {"z", "", "w"}};
    made *all[] = {&a, &b, &c};
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++)
            all[i]->comment[all[i]->p.ncomment++] = text(all[i], comments[i][k]);
    merged r = MERGE(&a, &b, &c);
    assert_int_equal(r.code, PF_OK);
    assert_true(r.p.duration_nanos == 25 && r.p.time_nanos == 100 && r.p.period == 9);
    assert_true(text_is(&r.p, r.p.drop_frames, "drop a"));
    assert_true(text_is(&r.p, r.p.keep_frames, ""));
    assert_true(text_is(&r.p, r.p.doc_url, "doc b"));
    assert_true(text_is(&r.p, r.p.default_sample_type, "default c"));
    assert_true(r.p.has_period_type && text_is(&r.p, r.p.period_type.type, "cpu"));
    static const char *const united[] = {"x", "y", "z", "", "w"};
    assert_int_equal(r.p.ncomment, 5);
    for (int i = 0; i < 5; i++)
        assert_true(text_is(&r.p, r.p.comment[i], united[i]));
    pf_merge_free(r.m);
}

static void test_durations_leave_int64(void **state)
{
    (void)state;
    made a, b;
    make(&a);
    make(&b);
    a.p.duration_nanos = INT64_MAX, b.p.duration_nanos = -2;
    merged r = MERGE(&a, &a);
    assert_int_equal(r.code, PF_INVALID);
    assert_non_null(strstr(r.err.msg, "duration"));
    pf_merge_free(r.m);
    r = MERGE(&a, &a, &b, &b, &b);
    assert_int_equal(r.code, PF_INVALID);
    pf_merge_free(r.m);
    a.p.duration_nanos = 4;
    r = MERGE(&b, &a);
    assert_int_equal(r.code, PF_OK);
    assert_int_equal(r.p.duration_nanos, 2);
    pf_merge_free(r.m);
}

static void test_types_that_differ(void **state)
{
    (void)state;
    made a, b;
    make(&a);
    make(&b);
    b.sample_type[0].unit = text(&b, "ms");
    merged r = MERGE(&a, &b);
    assert_int_equal(r.code, PF_INVALID);
    assert_string_equal(r.err.msg, "incompatible sample types [cpu/ns] and [cpu/ms]");
    pf_merge_free(r.m);
    make(&b);
    b.sample_type[1] = (pf_value_type){text(&b, "alloc"), text(&b, "bytes")};
    b.p.nsample_type = 2;
    r = MERGE(&a, &b);
    assert_int_equal(r.code, PF_INVALID);
    assert_string_equal(r.err.msg, "incompatible sample types [cpu/ns] and [cpu/ns alloc/bytes]");
    pf_merge_free(r.m);
    make(&b);
    b.p.period_type.type = text(&b, "wall");
    r = MERGE(&a, &b);
    assert_int_equal(r.code, PF_INVALID);
    assert_string_equal(r.err.msg, "incompatible period types [/] and [wall/]");
    pf_merge_free(r.m);
}

static void test_nothing_to_merge(void **state)
{
    (void)state;
    merged r = merge(NULL, 0);
    assert_int_equal(r.code, PF_INVALID);
    assert_string_equal(r.err.msg, "no profiles to merge");
    pf_merge_free(r.m);
    made a;
    make(&a);
    r = MERGE(&a);
    assert_int_equal(r.code, PF_OK);
    assert_int_equal(r.p.nsample, 0);
    pf_merge_free(r.m);
    pf_merge_free(NULL);
}

/* The result must not refer to what was added. */
static void test_added_profiles_may_go(void **state)
{
    (void)state;
    pf_merge *m = pf_merge_new(NULL, 0);
    char name[] = "a name";
    made *a = malloc(sizeof *a);
    assert_non_null(a);
    make(a);
    uint32_t l = location(a, mapping(a, 0, 4096, name, ""), 1);
    line(a, function(a, name, 0), 1, 0);
    sample(a, 1, 1, &l);
    label(a, name, name, 0, NULL);
    assert_int_equal(pf_merge_add(m, &a->p, NULL), PF_OK);
    memset(a, 0xff, sizeof *a);
    free(a);
    memset(name, 'x', sizeof name);
    pf_profile p;
    assert_int_equal(pf_merge_finish(m, &p, NULL), PF_OK);
    pf_test_check_references(&p);
    assert_true(text_is(&p, p.function[0].name, "a name"));
    assert_true(text_is(&p, p.label[0].str, "a name"));
    pf_merge_free(m);
}

/* ---- limits ---- */

static void busy(made *a)
{
    make(a);
    uint32_t l = location(a, mapping(a, 0, 4096, "file", "id"), 1);
    line(a, function(a, "name", 0), 1, 0);
    sample(a, INT64_MAX, 1, &l);
    label(a, "key", "value", 0, NULL);
    label(a, "another key", "value", 0, NULL);
    a->comment[a->p.ncomment++] = text(a, "comment");
}

static void test_every_limit(void **state)
{
    (void)state;
    made a, b;
    busy(&a);
    busy(&b);
    b.value[0] = 1;
    for (size_t limit = 1; limit < 120000; limit += limit < 40000 ? 61 : 997) {
        pf_merge *m = pf_merge_new(NULL, limit);
        pf_error err;
        pf_profile p;
        pf_code code = pf_merge_add(m, &a.p, &err);
        if (!code)
            code = pf_merge_add(m, &b.p, &err); /* carries */
        if (!code)
            code = pf_merge_finish(m, &p, &err);
        assert_true(code == PF_QUERY_LIMIT || code == PF_INVALID /* the sum */);
        pf_merge_free(m);
    }
    for (size_t limit = 2000; limit < 600000; limit += limit < 40000 ? 61 : 9973) {
        pf_ledger budget;
        pf_ledger_init(&budget, "-memory.max-inflight", limit, PF_UNAVAILABLE, NULL);
        assert_true(pf_ledger_take(&budget, 1000, NULL));
        pf_merge *m = pf_merge_new(&budget, 0);
        pf_error err;
        pf_profile p;
        pf_code code = pf_merge_add(m, &a.p, &err);
        if (!code)
            code = pf_merge_finish(m, &p, &err);
        assert_true(code == PF_OK || code == PF_UNAVAILABLE || code == PF_QUERY_LIMIT);
        pf_merge_free(m);
        assert_int_equal(pf_ledger_held(&budget), 1000);
    }
}

/* ---- real profiles ---- */

typedef struct loaded {
    pf_corpus c;
    pf_profile *p;
    pf_arena a;
} loaded;

static void load(loaded *l, const char *folder, const char *part)
{
    pf_error err;
    pf_test_corpus(&l->c, folder, part);
    pf_arena_init(&l->a, NULL, 0);
    l->p = pf_arena_array(&l->a, l->c.n, sizeof *l->p);
    for (size_t i = 0; i < l->c.n; i++) {
        pf_str raw = l->c.file[i].bytes;
        if ((pf_is_gzip(raw) && pf_gunzip(raw, 64 << 20, &l->a, &raw, &err)) ||
            pf_profile_decode(&l->p[i], &l->a, raw, &err))
            fail_msg("%s: %s", l->c.file[i].name, err.msg);
    }
}

static void unload(loaded *l)
{
    pf_arena_free(&l->a);
    pf_test_corpus_free(&l->c);
}

static __int128 total(const pf_profile *p, uint32_t type)
{
    __int128 sum = 0;
    for (uint32_t i = 0; i < p->nsample; i++)
        sum += p->value[(size_t)i * p->nsample_type + type];
    return sum;
}

static void add_all(pf_merge *m, const loaded *l, size_t from, size_t to)
{
    pf_error err;
    for (size_t i = from; i < to; i++)
        if (pf_merge_add(m, &l->p[i], &err))
            fail_msg("%s: %s", l->c.file[i].name, err.msg);
}

static void check_laws(const char *folder, const char *part)
{
    loaded l;
    load(&l, folder, part);
    pf_merge *all = pf_merge_new(NULL, 0), *left = pf_merge_new(NULL, 0),
             *right = pf_merge_new(NULL, 0), *both = pf_merge_new(NULL, 0);
    pf_profile merged_all, merged_left, merged_right, merged_both;
    add_all(all, &l, 0, l.c.n);
    add_all(left, &l, 0, l.c.n / 2);
    add_all(right, &l, l.c.n / 2, l.c.n);
    assert_int_equal(pf_merge_finish(all, &merged_all, NULL), PF_OK);
    assert_int_equal(pf_merge_finish(left, &merged_left, NULL), PF_OK);
    assert_int_equal(pf_merge_finish(right, &merged_right, NULL), PF_OK);
    pf_test_check_references(&merged_all);
    for (uint32_t t = 0; t < merged_all.nsample_type; t++) {
        __int128 sum = 0;
        for (size_t i = 0; i < l.c.n; i++)
            sum += total(&l.p[i], t);
        assert_true(sum == total(&merged_all, t));
    }
    /* Merging what is merged gives the same. */
    assert_int_equal(pf_merge_add(both, &merged_left, NULL), PF_OK);
    assert_int_equal(pf_merge_add(both, &merged_right, NULL), PF_OK);
    assert_int_equal(pf_merge_finish(both, &merged_both, NULL), PF_OK);
    assert_true(pf_test_same_canonically(&merged_all, &merged_both));
    pf_merge_free(all);
    pf_merge_free(left);
    pf_merge_free(right);
    pf_merge_free(both);
    unload(&l);
}

static void test_corpus_laws(void **state)
{
    (void)state;
    check_laws("collector-service", "cpu.");
    check_laws("collector-service", "heap.");
    check_laws("collector-service", "goroutine.");
    check_laws("go-compiler", "cpu.");
    check_laws("go-compiler", "mem.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_stacks_add_up_in_order_of_appearance),
        cmocka_unit_test(test_stacks_differ_by_order_and_length),
        cmocka_unit_test(test_trees_merge_with_profiles),
        cmocka_unit_test(test_a_result_encodes_alike_as_a_tree),
        cmocka_unit_test(test_zero_samples_go_with_what_they_refer_to),
        cmocka_unit_test(test_first_mapping_of_the_first_profile_that_has_one),
        cmocka_unit_test(test_mapping_identity),
        cmocka_unit_test(test_moved_mapping_keeps_the_first_addresses),
        cmocka_unit_test(test_location_identity),
        cmocka_unit_test(test_equal_functions_become_one),
        cmocka_unit_test(test_mapping_that_is_not_there),
        cmocka_unit_test(test_label_identity),
        cmocka_unit_test(test_labels_come_out_sorted),
        cmocka_unit_test(test_label_sets_survive_those_that_go),
        cmocka_unit_test(test_sums_are_exact),
        cmocka_unit_test(test_carries_of_samples_that_come_later),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_durations_leave_int64),
        cmocka_unit_test(test_types_that_differ),
        cmocka_unit_test(test_nothing_to_merge),
        cmocka_unit_test(test_added_profiles_may_go),
        cmocka_unit_test(test_every_limit),
        cmocka_unit_test(test_corpus_laws),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
