#include "storage/local/symbols/content_hash.h"
#include "support/symbols_path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static pf_arena arena;
static pf_hash_key key;

static int setup(void **state)
{
    (void)state;
    pf_arena_init(&arena, NULL, 0);
    pf_hash_key_from(&key, "content", 7);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    pf_arena_free(&arena);
    return 0;
}

static pf_content content_of(const pf_profile *p)
{
    pf_content c;
    assert_int_equal(pf_content_of(p, &key, &arena, &c, NULL), PF_OK);
    return c;
}

/* Two functions on two locations, a label, everything in one mapping. */
static pf_profile make_profile(void)
{
    static const char *const texts[] = {"", "cpu", "ns", "main", "work", "a.c", "/bin/a", "thread"};
    pf_profile p = {.nstring = 8, .nsample_type = 1, .nsample = 2, .nsample_location = 3};
    p.string = pf_arena_array(&arena, 9, sizeof *p.string);
    for (int i = 0; i < 8; i++)
        p.string[i] = pf_str_c(texts[i]);
    p.string[8] = PF_STR("");
    p.sample_type = pf_arena_zalloc(&arena, sizeof *p.sample_type);
    p.sample_type[0] = (pf_value_type){1, 2};
    p.mapping = pf_arena_zalloc(&arena, 2 * sizeof *p.mapping);
    p.nmapping = 1;
    p.mapping[0] = (pf_mapping){.id = 1, .start = 0x400000, .limit = 0x500000, .file = 6};
    p.function = pf_arena_zalloc(&arena, 2 * sizeof *p.function);
    p.nfunction = 2;
    p.function[0] = (pf_function){.id = 1, .name = 3, .system_name = 3, .filename = 5};
    p.function[1] = (pf_function){.id = 2, .name = 4, .system_name = 4, .filename = 5};
    p.line = pf_arena_zalloc(&arena, 2 * sizeof *p.line);
    p.nline = 2;
    p.line[0] = (pf_line){.line = 10, .function = 0};
    p.line[1] = (pf_line){.line = 20, .function = 1};
    p.location = pf_arena_zalloc(&arena, 2 * sizeof *p.location);
    p.nlocation = 2;
    p.location[0] = (pf_location){
        .id = 1, .address = 0x400010, .mapping_id = 1, .mapping = 0, .line_off = 0, .line_n = 1};
    p.location[1] = (pf_location){
        .id = 2, .address = 0x400020, .mapping_id = 1, .mapping = 0, .line_off = 1, .line_n = 1};
    p.sample_location = pf_arena_array(&arena, 3, sizeof *p.sample_location);
    memcpy(p.sample_location, (uint32_t[]){1, 0, 0}, 3 * sizeof(uint32_t));
    p.label = pf_arena_zalloc(&arena, sizeof *p.label);
    p.nlabel = 1;
    p.label[0] = (pf_label){.key = 7, .str = 3};
    p.sample = pf_arena_zalloc(&arena, 2 * sizeof *p.sample);
    p.sample[0] = (pf_sample){0, 2, 0, 1};
    p.sample[1] = (pf_sample){2, 1, 0, 0};
    p.value = pf_arena_zalloc(&arena, 2 * sizeof *p.value);
    return p;
}

static void assert_misfit(pf_profile p, const char *why)
{
    pf_content c = content_of(&p);
    assert_non_null(c.misfit);
    assert_string_equal(c.misfit, why);
}

static void a_plain_profile_fits(void **state)
{
    (void)state;
    pf_profile p = make_profile();
    pf_content c = content_of(&p);
    assert_null(c.misfit);
    assert_int_equal(c.nlone_location, 0);
    assert_int_equal(c.nlone_function, 0);
    assert_true(pf_hash_eq(c.labels[1], (pf_hash){0, 0}));
    assert_false(pf_hash_eq(c.labels[0], (pf_hash){0, 0}));
    assert_false(pf_hash_eq(c.stack[0], c.stack[1]));
}

static void misfits_say_why(void **state)
{
    (void)state;
    pf_profile p = make_profile();
    p.has_unknown_fields = true;
    assert_misfit(p, "fields that profile.proto does not define");

    p = make_profile();
    p.location[1].mapping = PF_NO_INDEX;
    p.location[1].mapping_id = 99;
    assert_misfit(p, "a mapping id that exists nowhere");

    p = make_profile();
    p.function[1] = p.function[0];
    p.function[1].id = 2;
    assert_misfit(p, "two functions of equal content");

    p = make_profile();
    p.location[1].address = p.location[0].address;
    p.line[1] = p.line[0];
    assert_misfit(p, "two locations of equal content");

    p = make_profile();
    p.nstring = 9;
    p.label[0].str = 8;
    assert_misfit(p, "a label that refers to an empty string");
    p = make_profile();
    p.nstring = 9;
    p.label[0] = (pf_label){.key = 7, .num = 1, .unit = 8};
    assert_misfit(p, "a label that refers to an empty string");
}

static void what_nothing_refers_to_is_collected(void **state)
{
    (void)state;
    pf_profile p = make_profile();
    p.sample[0].loc_n = 0; /* only the last entry of sample_location, location 0, is left */
    p.nsample_location = 1;
    p.sample_location[0] = 0;
    p.sample[1] = (pf_sample){0, 1, 0, 0};
    p.location[1].line_n = 0;
    p.nline = 1;
    pf_content c = content_of(&p);
    assert_null(c.misfit);
    assert_int_equal(c.nlone_location, 1);
    assert_int_equal(c.lone_location[0], 1);
    assert_int_equal(c.nlone_function, 1);
    assert_int_equal(c.lone_function[0], 1);
    assert_true(pf_hash_eq(c.stack[0], (pf_hash){0, 0}));
}

static void numbering_and_addresses_leave_no_trace(void **state)
{
    (void)state;
    pf_profile p = make_profile(), q = make_profile();
    q.string[3] = PF_STR("work"); /* numbers of strings swapped */
    q.string[4] = PF_STR("main");
    q.function[0].name = q.function[0].system_name = 4;
    q.function[1].name = q.function[1].system_name = 3;
    q.function[0].id = 77;
    q.label[0].str = 4;
    q.mapping[0].id = 5;
    q.mapping[0].start += 0x123000;
    q.mapping[0].limit += 0x123000;
    for (int i = 0; i < 2; i++) {
        q.location[i].id += 40;
        q.location[i].mapping_id = 5;
        q.location[i].address += 0x123000;
    }
    pf_content a = content_of(&p), b = content_of(&q);
    for (int i = 0; i < 2; i++) {
        assert_true(pf_hash_eq(a.function[i], b.function[i]));
        assert_true(pf_hash_eq(a.location[i], b.location[i]));
        assert_true(pf_hash_eq(a.stack[i], b.stack[i]));
        assert_true(pf_hash_eq(a.labels[i], b.labels[i]));
    }
    assert_true(pf_hash_eq(a.mapping[0], b.mapping[0]));
    assert_true(pf_hash_eq(a.header, b.header));
    assert_false(pf_hash_eq(a.maps, b.maps)); /* the start stands there */
}

/* Whatever else is different makes for another hash. */
static void every_field_counts(void **state)
{
    (void)state;
    pf_profile p = make_profile();
    pf_content a = content_of(&p), b;
#define DIFFERS(change, hash)                                                                      \
    do {                                                                                           \
        pf_profile q = make_profile();                                                             \
        change;                                                                                    \
        b = content_of(&q);                                                                        \
        assert_null(b.misfit);                                                                     \
        assert_false(pf_hash_eq(a.hash, b.hash));                                                  \
    } while (0)
    DIFFERS(q.function[0].name = 5, function[0]);
    DIFFERS(q.function[0].system_name = 5, function[0]);
    DIFFERS(q.function[0].filename = 3, function[0]);
    DIFFERS(q.function[0].start_line = 1, function[0]);
    DIFFERS(q.mapping[0].limit++, mapping[0]);
    DIFFERS(q.mapping[0].offset++, mapping[0]);
    DIFFERS(q.mapping[0].file = 0, mapping[0]);
    DIFFERS(q.mapping[0].build_id = 1, mapping[0]);
    DIFFERS(q.mapping[0].flags = 1, mapping[0]);
    DIFFERS(q.mapping[0].flags = 1, maps);
    DIFFERS(q.location[0].address++, location[0]);
    DIFFERS(q.location[0].folded = true, location[0]);
    DIFFERS(q.location[0].line_n = 0, location[0]);
    DIFFERS(q.line[0].line++, location[0]);
    DIFFERS(q.line[0].column++, location[0]);
    DIFFERS(q.line[0].function = 1, location[0]);
    DIFFERS((q.location[0].mapping = PF_NO_INDEX, q.location[0].mapping_id = 0), location[0]);
    DIFFERS(q.line[0].line++, stack[0]);
    DIFFERS(q.sample[0].loc_n = 1, stack[0]);
    DIFFERS(q.label[0].key = 0, labels[0]);
    DIFFERS(q.label[0].str = 4, labels[0]);
    DIFFERS(q.label[0].num = 4, labels[0]);
    DIFFERS(q.label[0].unit = 4, labels[0]);
    DIFFERS(q.sample_type[0].type = 3, header);
    DIFFERS(q.sample_type[0].unit = 3, header);
    DIFFERS(q.period = 1, header);
    DIFFERS(q.has_period_type = true, header);
    DIFFERS(q.period_type.type = 1, header);
    DIFFERS(q.period_type.unit = 1, header);
    DIFFERS(q.drop_frames = 1, header);
    DIFFERS(q.keep_frames = 1, header);
    DIFFERS(q.default_sample_type = 1, header);
    DIFFERS(q.doc_url = 1, header);
    DIFFERS((q.ncomment = 1, q.comment = (uint32_t[]){0}), header);
#undef DIFFERS
}

static void another_key_another_hash(void **state)
{
    (void)state;
    pf_profile p = make_profile();
    pf_content a = content_of(&p), b;
    pf_hash_key other;
    pf_hash_key_random(&other);
    assert_int_equal(pf_content_of(&p, &other, &arena, &b, NULL), PF_OK);
    assert_false(pf_hash_eq(a.string[1], b.string[1]));
    assert_false(pf_hash_eq(a.stack[0], b.stack[0]));
}

static void equal_mappings_are_told_apart(void **state)
{
    (void)state;
    enum { N = 20000 };
    pf_profile p = make_profile();
    pf_mapping one = p.mapping[0], two = one;
    two.file = 1;
    p.nmapping = N;
    p.mapping = pf_arena_array(&arena, N, sizeof *p.mapping);
    for (uint32_t i = 0; i < N; i++) {
        p.mapping[i] = i % 2 ? two : one;
        p.mapping[i].id = i + 1;
    }
    pf_content c = content_of(&p);
    assert_null(c.misfit);
    for (uint32_t i = 0; i < N; i++)
        assert_int_equal(c.ordinal[i], i / 2);
    assert_false(pf_hash_eq(c.mapping[0], c.mapping[2]));
    assert_false(pf_hash_eq(c.mapping[N - 1], c.mapping[N - 3]));
}

static void an_arena_at_its_limit_is_an_error(void **state)
{
    (void)state;
    pf_profile p = make_profile();
    size_t limit = 1;
    for (pf_code code = PF_TOO_LARGE; code; limit += 16) {
        pf_arena few;
        pf_content c;
        pf_arena_init(&few, NULL, limit);
        code = pf_content_of(&p, &key, &few, &c, NULL);
        assert_true(code == PF_OK || code == PF_TOO_LARGE);
        pf_arena_free(&few);
    }
    assert_true(limit > 500 && limit < 100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_profile_fits),
        cmocka_unit_test(misfits_say_why),
        cmocka_unit_test(what_nothing_refers_to_is_collected),
        cmocka_unit_test(numbering_and_addresses_leave_no_trace),
        cmocka_unit_test(every_field_counts),
        cmocka_unit_test(another_key_another_hash),
        cmocka_unit_test(equal_mappings_are_told_apart),
        cmocka_unit_test(an_arena_at_its_limit_is_an_error),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
