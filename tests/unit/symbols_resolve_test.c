#include "storage/local/symbols/resolve.h"
#include "support/profile_eq.h"
#include "support/symbols_path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Tables that say everything twice: strings 1-4 and 5-8 are the same, mapping, function, location,
 * node and stack 1 and 2 too. Header 1 has one sample type; maps 1 is mapping 1 at 0x1000, maps 2 is
 * mapping 2 at 0x2000 and mapping 3, another one, at 0x9000; label set 1 and 2 are the same. */
static pf_tables tables;
static pf_resolver resolver;

static void must(pf_code code)
{
    assert_int_equal(code, PF_OK);
}

static void add_varints(pf_table table, const uint64_t *v, size_t n)
{
    pf_buf b = PF_BUF_INIT;
    for (size_t i = 0; i < n; i++)
        pf_buf_put_varint(&b, v[i]);
    must(pf_tables_add_blob(&tables, table, pf_buf_str(&b), NULL));
    pf_buf_free(&b);
}
#define ADD(table, ...)                                                                            \
    add_varints(table, (uint64_t[]){__VA_ARGS__}, sizeof((uint64_t[]){__VA_ARGS__}) / 8)

static int setup(void **state)
{
    (void)state;
    static const char *const text[] = {"cpu", "work", "a.c", "/bin/a"};
    pf_tables_init(&tables, NULL);
    pf_resolver_init(&resolver, 0);
    for (uint32_t i = 0; i < 8; i++)
        must(pf_tables_add_blob(&tables, PF_TABLE_STRING, pf_str_c(text[i % 4]), NULL));
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t s = i * 4;
        must(pf_tables_add_mapping(
            &tables, &(pf_sym_mapping){.size = 0x1000, .file = s + 4, .flags = 5}, NULL));
        must(pf_tables_add_function(
            &tables, &(pf_sym_function){.name = s + 2, .system_name = s + 2, .filename = s + 3},
            NULL));
        must(pf_tables_add_location(
            &tables, &(pf_sym_location){.address = 0x10, .mapping = i + 1, .line_n = 1},
            &(pf_sym_line){.line = 33, .function = i + 1}, NULL));
        must(pf_tables_add_node(&tables, (pf_sym_node){0, i + 1}, NULL));
        must(pf_tables_add_stack(&tables, i + 1, NULL));
        ADD(PF_TABLE_LABELS, s + 2, s + 3, 0, 0);
    }
    must(pf_tables_add_mapping(&tables, &(pf_sym_mapping){.size = 0x500, .file = 8, .build_id = 1},
                               NULL));
    ADD(PF_TABLE_HEADER, 1, 1, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    ADD(PF_TABLE_MAPS, 1, 0x1000);
    ADD(PF_TABLE_MAPS, 2, 0x2000, 3, 0x9000);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    pf_tables_free(&tables);
    pf_resolver_free(&resolver);
    return 0;
}

static uint64_t stacks[8], labels[8];
static int64_t values[8];

static pf_row make_row(uint32_t n)
{
    for (uint32_t i = 0; i < 8; i++) {
        stacks[i] = i + 1;
        labels[i] = 0;
        values[i] = 10 * (i + 1);
    }
    return (pf_row){.header = 1,
                    .maps = 1,
                    .nsample = n,
                    .nsample_type = 1,
                    .stack = stacks,
                    .labels = labels,
                    .value = values};
}

static pf_code resolve(const pf_row *row, pf_profile *p, pf_error *err)
{
    return pf_resolve(&resolver, &tables, row, &row->maps, row->maps ? 1 : 0, p, err);
}

static bool has_text(const pf_profile *p, uint32_t i, const char *text)
{
    return pf_str_eq(p->string[i], pf_str_c(text));
}

static void equal_content_is_one_entry(void **state)
{
    (void)state;
    pf_row row = make_row(2);
    pf_profile p;
    labels[0] = 1;
    labels[1] = 2;
    must(resolve(&row, &p, NULL));
    pf_test_check_references(&p);
    assert_int_equal(p.nsample, 2);
    assert_int_equal(p.nlocation, 1);
    assert_int_equal(p.nline, 1);
    assert_int_equal(p.nfunction, 1);
    assert_int_equal(p.nmapping, 1);
    assert_int_equal(p.nstring, 5); /* each once, and "" */
    assert_int_equal(p.sample_location[0], p.sample_location[1]);
    assert_int_equal(p.location[0].address, 0x1010);
    assert_int_equal(p.mapping[0].start, 0x1000);
    assert_int_equal(p.mapping[0].limit, 0x2000);
    assert_int_equal(p.mapping[0].flags, 5);
    assert_int_equal(p.line[0].line, 33);
    assert_true(has_text(&p, p.function[0].name, "work"));
    assert_true(has_text(&p, p.function[0].filename, "a.c"));
    assert_true(has_text(&p, p.mapping[0].file, "/bin/a"));
    for (int i = 0; i < 2; i++) {
        const pf_label *l = &p.label[p.sample[i].label_off];
        assert_int_equal(p.sample[i].label_n, 1);
        assert_true(has_text(&p, l->key, "work") && has_text(&p, l->str, "a.c"));
        assert_int_equal(p.value[i], 10 * (i + 1));
    }
}

static void mappings_stand_in_order_with_their_first_start(void **state)
{
    (void)state;
    pf_row row = make_row(2);
    pf_profile p;
    const uint32_t there[] = {2, 1}, back[] = {1, 2};
    must(pf_resolve(&resolver, &tables, &row, there, 2, &p, NULL));
    assert_int_equal(p.nmapping, 2);
    assert_int_equal(p.mapping[0].start, 0x2000);
    assert_int_equal(p.mapping[1].start, 0x9000);
    assert_int_equal(p.mapping[1].limit, 0x9500);
    assert_int_equal(p.location[0].address, 0x2010);
    must(pf_resolve(&resolver, &tables, &row, back, 2, &p, NULL));
    assert_int_equal(p.nmapping, 2);
    assert_int_equal(p.mapping[0].start, 0x1000);
    assert_int_equal(p.mapping[1].start, 0x9000);
    assert_int_equal(p.location[0].address, 0x1010);
}

static void equal_mappings_of_one_process_stay_two(void **state)
{
    (void)state;
    pf_row row = make_row(1);
    pf_profile p;
    must(pf_tables_add_mapping(
        &tables, &(pf_sym_mapping){.size = 0x1000, .file = 4, .flags = 5, .ordinal = 1}, NULL));
    ADD(PF_TABLE_MAPS, 1, 0x1000, 4, 0x7000);
    row.maps = 3;
    must(resolve(&row, &p, NULL));
    assert_int_equal(p.nmapping, 2);
    assert_int_equal(p.mapping[1].start, 0x7000);
}

static void a_row_without_samples_has_its_lone_entries(void **state)
{
    (void)state;
    pf_row row = make_row(0);
    pf_profile p;
    uint32_t location[] = {2}, function[] = {1};
    row.lone_location = location;
    row.lone_function = function;
    row.nlone_location = row.nlone_function = 1;
    must(resolve(&row, &p, NULL));
    assert_int_equal(p.nsample, 0);
    assert_int_equal(p.nlocation, 1);
    assert_int_equal(p.nfunction, 1);
    pf_test_check_references(&p);
}

static void assert_damaged(const pf_row *row, const char *what)
{
    pf_profile p;
    pf_error err = {0};
    assert_int_equal(resolve(row, &p, &err), PF_INTERNAL);
    if (!strstr(err.msg, "damaged data") || !strstr(err.msg, what))
        fail_msg("%s, not %s", err.msg, what);
}

static void numbers_of_nothing_are_damage(void **state)
{
    (void)state;
    uint32_t lone[] = {3};
    pf_row row = make_row(1);
    stacks[0] = 3;
    assert_damaged(&row, "stack 3 refers to nothing");
    stacks[0] = UINT64_C(0x100000001); /* not stack 1 */
    assert_damaged(&row, "stack 4294967297 refers to nothing");
    row = make_row(1);
    labels[0] = UINT64_C(1) << 40;
    assert_damaged(&row, "label set 1099511627776 refers to nothing");
    row = make_row(1);
    row.header = 2;
    assert_damaged(&row, "header 2 refers to nothing");
    row = make_row(1);
    row.header = 0;
    assert_damaged(&row, "");
    row = make_row(1);
    row.maps = 3;
    assert_damaged(&row, "maps 3 refers to nothing");
    row = make_row(1);
    row.lone_location = lone;
    row.nlone_location = 1;
    assert_damaged(&row, "location 3 refers to nothing");
    lone[0] = 0;
    assert_damaged(&row, "location 0 refers to nothing");
    row = make_row(1);
    row.lone_function = lone;
    row.nlone_function = 1;
    assert_damaged(&row, "function 0 refers to nothing");
    row = make_row(1);
    row.maps = 0; /* the location's mapping is not there */
    assert_damaged(&row, "mapping 1 is none of its profile's");
    row = make_row(1);
    row.nsample_type = 2;
    row.value = (int64_t[]){1, 2};
    assert_damaged(&row, "2 values a sample, its header 1");
}

static void entries_of_nothing_are_damage(void **state)
{
    (void)state;
    pf_row row = make_row(1);
    must(pf_tables_add_node(&tables, (pf_sym_node){0, 0}, NULL)); /* no location */
    must(pf_tables_add_stack(&tables, 3, NULL));
    must(pf_tables_add_location(&tables, &(pf_sym_location){.line_n = 1},
                                &(pf_sym_line){.function = 0}, NULL));
    must(pf_tables_add_node(&tables, (pf_sym_node){0, 3}, NULL));
    must(pf_tables_add_stack(&tables, 4, NULL));
    stacks[0] = 3;
    assert_damaged(&row, "location 0 refers to nothing");
    stacks[0] = 4;
    assert_damaged(&row, "function 0 refers to nothing");
    ADD(PF_TABLE_HEADER, 1, 1, 99, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    ADD(PF_TABLE_HEADER, 1, 1);
    ADD(PF_TABLE_HEADER, UINT64_MAX, 1);
    ADD(PF_TABLE_MAPS, 1);
    ADD(PF_TABLE_MAPS, 9, 0);
    ADD(PF_TABLE_LABELS, 1, 1);
    row = make_row(1);
    row.header = 2;
    assert_damaged(&row, "string 99 refers to nothing");
    row.header = 3;
    assert_damaged(&row, "an entry is cut short");
    row.header = 4;
    assert_damaged(&row, "an entry is cut short");
    row = make_row(1);
    row.maps = 3;
    assert_damaged(&row, "an entry is cut short");
    row.maps = 4;
    assert_damaged(&row, "mapping 9 refers to nothing");
    row = make_row(1);
    labels[0] = 3;
    assert_damaged(&row, "an entry is cut short");
}

static void a_resolver_recovers(void **state)
{
    (void)state;
    pf_row bad = make_row(1), good = make_row(1);
    pf_profile p;
    bad.header = 9;
    for (int i = 0; i < 3; i++) {
        assert_damaged(&bad, "header");
        must(resolve(&good, &p, NULL));
        assert_int_equal(p.nlocation, 1);
        assert_int_equal(p.nstring, 5);
    }
}

/* The merge of some samples of one type, added up by number. */
static pf_code merge_sum(const pf_row *row, pf_merge *m, pf_profile *p, pf_error *err)
{
    pf_stack_sum sum;
    pf_tree tree;
    must(pf_stack_sum_init(&sum, 1, 100, 0, NULL));
    must(pf_stack_sum_add(&sum, row, NULL));
    pf_code code =
        pf_resolve_sum(&resolver, &tables, &sum, row->header, &row->maps, 1, p, &tree, err);
    if (!code)
        code = pf_merge_add_header(m, p, err);
    if (!code)
        code = pf_merge_add_tree(m, p, &tree, err);
    if (!code)
        code = pf_merge_finish(m, p, err);
    pf_stack_sum_free(&sum);
    return code;
}

static void a_sum_merges_what_has_two_numbers(void **state)
{
    (void)state;
    pf_row row = make_row(3);
    pf_profile p;
    pf_merge *m = pf_merge_new(NULL, 0);
    must(pf_tables_add_node(&tables, (pf_sym_node){2, 1}, NULL)); /* called from node 2 */
    must(pf_tables_add_stack(&tables, 3, NULL));
    row.maps = 2; /* has mapping 1 by its content */
    must(merge_sum(&row, m, &p, NULL));
    pf_test_check_references(&p);
    assert_int_equal(p.nsample, 2);
    assert_int_equal(p.value[0], 10 + 20);
    assert_int_equal(p.value[1], 30);
    assert_int_equal(p.nlocation, 1);
    assert_int_equal(p.nfunction, 1);
    assert_int_equal(p.location[0].address, 0x2010);
    assert_int_equal(p.sample[0].loc_n, 1);
    assert_int_equal(p.sample[1].loc_n, 2);
    pf_merge_free(m);
}

static void zero_sums_leave_nothing_behind(void **state)
{
    (void)state;
    pf_row row = make_row(3);
    pf_profile p;
    pf_merge *m = pf_merge_new(NULL, 0);
    must(pf_tables_add_location(&tables, &(pf_sym_location){.address = 9}, NULL, NULL));
    must(pf_tables_add_node(&tables, (pf_sym_node){1, 3}, NULL));
    must(pf_tables_add_stack(&tables, 3, NULL));
    values[2] = 0;
    labels[2] = 1;
    row.maps = 2;
    must(merge_sum(&row, m, &p, NULL));
    assert_int_equal(p.nsample, 1);
    assert_int_equal(p.nlocation, 1);
    assert_int_equal(p.nlabel, 0);
    pf_merge_free(m);
}

static void a_sum_of_nothing_is_damage(void **state)
{
    (void)state;
    pf_row row = make_row(1);
    pf_profile p;
    pf_error err;
    pf_merge *m = pf_merge_new(NULL, 0);
    stacks[0] = 50;
    assert_int_equal(merge_sum(&row, m, &p, &err), PF_INTERNAL);
    assert_non_null(strstr(err.msg, "stack 50 refers to nothing"));
    stacks[0] = 1;
    labels[0] = 50;
    assert_int_equal(merge_sum(&row, m, &p, &err), PF_INTERNAL);
    assert_non_null(strstr(err.msg, "label set 50 refers to nothing"));
    labels[0] = 0;
    must(merge_sum(&row, m, &p, NULL));
    pf_merge_free(m);
}

static void sample_types_are_counted(void **state)
{
    (void)state;
    uint32_t n = 0;
    must(pf_resolve_sample_types(&tables, 1, &n, NULL));
    assert_int_equal(n, 1);
    assert_int_equal(pf_resolve_sample_types(&tables, 2, &n, NULL), PF_INTERNAL);
}

/* 20,000 stacks that are each 20,000 deep would be 400 million frames. */
static void memory_has_a_ceiling(void **state)
{
    (void)state;
    enum { N = 20000, MAX = 4 << 20 };
    for (uint32_t i = 3; i < N; i++) {
        must(pf_tables_add_node(&tables, (pf_sym_node){i - 1, 1}, NULL));
        must(pf_tables_add_stack(&tables, i, NULL));
    }
    uint64_t *stack = malloc(N * sizeof *stack);
    int64_t *value = calloc(N, sizeof *value);
    for (uint32_t i = 0; i < N; i++)
        stack[i] = i;
    pf_row row = {
        .header = 1, .maps = 1, .nsample = N, .nsample_type = 1, .stack = stack, .value = value};
    pf_profile p;
    pf_error err;
    pf_resolver few;
    pf_resolver_init(&few, MAX);
    assert_int_equal(pf_resolve(&few, &tables, &row, &row.maps, 1, &p, &err), PF_QUERY_LIMIT);
    assert_true(few.sample_location.cap <= 2 * MAX);
    row.nsample = 10;
    must(pf_resolve(&few, &tables, &row, &row.maps, 1, &p, NULL));
    pf_resolver_free(&few);
    free(stack);
    free(value);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(equal_content_is_one_entry),
        CASE(mappings_stand_in_order_with_their_first_start),
        CASE(equal_mappings_of_one_process_stay_two),
        CASE(a_row_without_samples_has_its_lone_entries),
        CASE(numbers_of_nothing_are_damage),
        CASE(entries_of_nothing_are_damage),
        CASE(a_resolver_recovers),
        CASE(a_sum_merges_what_has_two_numbers),
        CASE(zero_sums_leave_nothing_behind),
        CASE(a_sum_of_nothing_is_damage),
        CASE(sample_types_are_counted),
        CASE(memory_has_a_ceiling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
