/* Decoding: every rule by hand-written bytes, then real profiles whole, cut and damaged. */
#include "pprof/gzip.h"
#include "pprof/profile.h"
#include "support/corpus.h"
#include "support/profile_eq.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Pieces of a profile; since protobuf adds up what is written one after the other, they combine. */
#define STRINGS                                                                                    \
    "\x32\x00\x32\x03"                                                                             \
    "cpu"                                                                                          \
    "\x32\x02"                                                                                     \
    "ns"                                            /* "", "cpu", "ns" */
#define TYPE "\x0a\x04\x08\x01\x10\x02"             /* sample type cpu/ns */
#define MAPPING "\x1a\x02\x08\x01"                  /* mapping 1 */
#define FUNCTION "\x2a\x02\x08\x01"                 /* function 1 */
#define LOCATION "\x22\x06\x08\x01\x22\x02\x08\x01" /* location 1: a line of function 1 */
#define SAMPLE "\x12\x04\x08\x01\x10\x05"           /* location 1, value 5 */
#define SYMBOLS STRINGS TYPE FUNCTION LOCATION

typedef struct wire_case {
    const char *what;
    pf_str bytes;
    const char *message; /* a part of it; NULL: it decodes */
} wire_case;

static pf_code decode(pf_str bytes, pf_arena *a, pf_profile *p, pf_error *err)
{
    pf_arena_init(a, NULL, 0);
    *err = (pf_error){0};
    return pf_profile_decode(p, a, bytes, err);
}

static void check_cases(const wire_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        pf_arena a;
        pf_profile p;
        pf_error err;
        pf_code code = decode(cases[i].bytes, &a, &p, &err);
        if (!cases[i].message) {
            if (code)
                fail_msg("%s: refused: %s", cases[i].what, err.msg);
            pf_test_check_references(&p);
        } else if (code != PF_INVALID || !strstr(err.msg, cases[i].message)) {
            fail_msg("%s: code %d, \"%s\" instead of \"%s\"", cases[i].what, code, err.msg,
                     cases[i].message);
        }
        pf_arena_free(&a);
    }
}

#define CHECK(cases) check_cases(cases, sizeof(cases) / sizeof *(cases))

static void test_wire_format(void **state)
{
    (void)state;
    const wire_case cases[] = {
        {"nothing", PF_STR(""), "empty input file"},
        {"only an empty string", PF_STR("\x32\x00"), NULL},
        {"no string table", PF_STR(TYPE), "malformed profile format"},
        {"a tag that is cut off", PF_STR(STRINGS "\x80"), "bad varint"},
        {"a value that is cut off", PF_STR(STRINGS "\x60\xff"), "bad varint"},
        {"a value of ten bytes", PF_STR(STRINGS "\x60\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
         NULL},
        {"ten bytes whose bits run over",
         PF_STR(STRINGS "\x60\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), NULL},
        {"a value of eleven bytes",
         PF_STR(STRINGS "\x60\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "bad varint"},
        {"a length beyond the end",
         PF_STR(STRINGS "\x32\x05"
                        "cpu"),
         "too much data"},
        {"a length near 2^64", PF_STR(STRINGS "\x32\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
         "too much data"},
        {"a group", PF_STR(STRINGS "\x83\x01\x84\x01"), "unknown wire type: 3"},
        {"wire type 7", PF_STR(STRINGS "\x87\x01"), "unknown wire type: 7"},
        {"eight bytes that are seven",
         PF_STR(STRINGS "\x81\x01"
                        "1234567"),
         "not enough data"},
        {"four bytes that are three",
         PF_STR(STRINGS "\x85\x01"
                        "123"),
         "not enough data"},
        {"a sample that is a number", PF_STR(SYMBOLS "\x10\x01"), "type mismatch"},
        {"a time of four bytes",
         PF_STR(STRINGS "\x4d"
                        "1234"),
         "type mismatch"},
        {"a comment of eight bytes",
         PF_STR(STRINGS "\x69"
                        "12345678"),
         "type mismatch"},
        {"a location of four bytes in a sample",
         PF_STR(SYMBOLS "\x12\x07\x0d"
                        "1234"
                        "\x10\x05"),
         "type mismatch"},
        {"a value of eight bytes in a sample",
         PF_STR(SYMBOLS "\x12\x09\x11"
                        "12345678"),
         "type mismatch"},
        {"a label that is a number", PF_STR(SYMBOLS "\x12\x06\x08\x01\x10\x05\x18\x01"),
         "type mismatch"},
        {"a line that is a number", PF_STR(SYMBOLS "\x22\x04\x08\x02\x20\x01"), "type mismatch"},
        {"a function name of bytes", PF_STR(SYMBOLS "\x2a\x04\x08\x02\x12\x00"), "type mismatch"},
        {"a number of a line of bytes", PF_STR(SYMBOLS "\x22\x06\x08\x02\x22\x02\x0a\x00"),
         "type mismatch"},
        {"packed locations that are cut off", PF_STR(SYMBOLS "\x12\x05\x0a\x01\x80\x10\x05"),
         "bad varint"},
        {"packed values that are cut off", PF_STR(SYMBOLS "\x12\x05\x08\x01\x12\x01\x80"),
         "mismatch: sample has 0 values"},
        {"values that end in a cut off one", PF_STR(SYMBOLS "\x12\x06\x08\x01\x12\x02\x05\x80"),
         "bad varint"},
        {"packed comments that are cut off", PF_STR(STRINGS "\x6a\x02\x01\x80"), "bad varint"},
    };
    CHECK(cases);
}

static void test_unknown_fields(void **state)
{
    (void)state;
    static const struct {
        pf_str bytes;
        bool unknown;
    } cases[] = {
        {PF_STR(SYMBOLS SAMPLE), false},
        {PF_STR(SYMBOLS SAMPLE "\x80\x01\x07"), true}, /* 16, a number */
        {PF_STR(SYMBOLS SAMPLE "\x00\x07"), true},     /* 0 */
        {PF_STR(SYMBOLS SAMPLE "\x81\x01"
                               "12345678"),
         true}, /* 16, eight bytes */
        {PF_STR(SYMBOLS SAMPLE "\x85\x01"
                               "1234"),
         true},                                                             /* 16, four bytes */
        {PF_STR(SYMBOLS SAMPLE "\xf8\xff\xff\xff\xff\x01\x07"), true},      /* above 2^29 */
        {PF_STR(SYMBOLS "\x12\x06\x08\x01\x10\x05\x20\x01"), true},         /* 4 of a sample */
        {PF_STR(SYMBOLS "\x12\x08\x08\x01\x10\x05\x1a\x02\x28\x01"), true}, /* 5 of a label */
        {PF_STR(STRINGS TYPE "\x0a\x02\x18\x01"), true},                    /* 3 of a sample type */
        {PF_STR(SYMBOLS "\x22\x04\x08\x02\x30\x01"), true},                 /* 6 of a location */
        {PF_STR(SYMBOLS "\x22\x08\x08\x02\x22\x04\x08\x01\x20\x01"), true}, /* 4 of a line */
        {PF_STR(SYMBOLS "\x2a\x04\x08\x02\x30\x01"), true},                 /* 6 of a function */
        {PF_STR(SYMBOLS "\x1a\x04\x08\x02\x58\x01"), true},                 /* 11 of a mapping */
        {PF_STR(SYMBOLS "\x5a\x02\x18\x01"), true}, /* 3 of the period type */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pf_arena a;
        pf_profile p;
        pf_error err;
        if (decode(cases[i].bytes, &a, &p, &err))
            fail_msg("case %zu: %s", i, err.msg);
        assert_int_equal(p.has_unknown_fields, cases[i].unknown);
        pf_arena_free(&a);
    }
}

static void test_validity(void **state)
{
    (void)state;
    const wire_case cases[] = {
        {"a valid profile", PF_STR(SYMBOLS SAMPLE), NULL},
        {"tables in any order", PF_STR(SAMPLE LOCATION FUNCTION TYPE STRINGS), NULL},
        {"tables mixed",
         PF_STR(SAMPLE "\x32\x00" LOCATION TYPE SAMPLE FUNCTION "\x32\x00\x32\x01x"), NULL},
        {"no samples and no types", PF_STR(STRINGS), NULL},
        {"no samples", PF_STR(SYMBOLS), NULL},
        {"an empty stack", PF_STR(SYMBOLS "\x12\x02\x10\x05"), NULL},
        {"string 0 is not empty", PF_STR("\x32\x01x"), "string_table[0] must be ''"},
        {"samples without types", PF_STR("\x32\x00\x12\x00"), "missing sample type information"},
        {"too few values", PF_STR(SYMBOLS "\x12\x02\x08\x01"),
         "mismatch: sample has 0 values vs. 1 types"},
        {"too many values", PF_STR(SYMBOLS SAMPLE "\x12\x06\x08\x01\x10\x05\x10\x06"),
         "mismatch: sample has 2 values vs. 1 types"},
        {"too few and too many", PF_STR(SYMBOLS "\x12\x02\x08\x01\x12\x06\x08\x01\x10\x05\x10\x06"),
         "mismatch: sample has 0 values vs. 1 types"},
        {"a location that is not there", PF_STR(SYMBOLS "\x12\x04\x08\x02\x10\x05"),
         "sample has nil location"},
        {"location 0", PF_STR(SYMBOLS "\x12\x04\x08\x00\x10\x05"), "sample has nil location"},
        {"a packed location that is not there", PF_STR(SYMBOLS "\x12\x06\x0a\x02\x01\x02\x10\x05"),
         "sample has nil location"},
        {"a function that is not there", PF_STR(SYMBOLS "\x22\x06\x08\x07\x22\x02\x08\x02"),
         "location id: 7 has a line with nil function"},
        {"a line without a function", PF_STR(SYMBOLS "\x22\x06\x08\x07\x22\x02\x10\x02"),
         "location id: 7 has a line with nil function"},
        {"the same mapping twice", PF_STR(SYMBOLS MAPPING MAPPING),
         "multiple mappings with same id: 1"},
        {"the same function twice", PF_STR(SYMBOLS FUNCTION), "multiple functions with same id: 1"},
        {"the same location twice", PF_STR(SYMBOLS LOCATION), "multiple locations with same id: 1"},
        {"the same far id twice",
         PF_STR(SYMBOLS "\x22\x06\x08\xff\xff\xff\xff\x0f\x22\x06\x08\xff\xff\xff\xff\x0f"),
         "multiple locations with same id: 4294967295"},
        {"mapping 0", PF_STR(SYMBOLS "\x1a\x02\x10\x01"), "found mapping with reserved ID=0"},
        {"function 0", PF_STR(SYMBOLS "\x2a\x00"), "found function with reserved ID=0"},
        {"location 0 in the table", PF_STR(SYMBOLS "\x22\x00"),
         "found location with reserved ID=0"},
        {"a mapping that is not there", PF_STR(SYMBOLS "\x22\x04\x08\x02\x10\x63"), NULL},
        {"two profiles", PF_STR(STRINGS TYPE "\x48\x05" STRINGS TYPE "\x48\x06"),
         "concatenated profiles detected"},
        {"a time of the wrong type after one",
         PF_STR(STRINGS "\x48\x05\x4d"
                        "1234"),
         "concatenated profiles detected"},
        {"a time of 0, then another", PF_STR(STRINGS "\x48\x00\x48\x05"), NULL},
        {"a time, then one of 0", PF_STR(STRINGS "\x48\x05\x48\x00"),
         "concatenated profiles detected"},
    };
    CHECK(cases);
}

static void test_string_numbers(void **state)
{
    (void)state;
    const wire_case cases[] = {
        {"a sample type", PF_STR(STRINGS "\x0a\x02\x08\x03"), "malformed profile format"},
        {"a sample unit", PF_STR(STRINGS "\x0a\x02\x10\x03"), "malformed profile format"},
        {"a sample type below 0",
         PF_STR(STRINGS "\x0a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
         "refers to string -1 of a table of 3"},
        {"a mapping's file", PF_STR(STRINGS "\x1a\x04\x08\x01\x28\x03"),
         "malformed profile format"},
        {"a build id", PF_STR(STRINGS "\x1a\x04\x08\x01\x30\x03"), "malformed profile format"},
        {"a name", PF_STR(STRINGS "\x2a\x04\x08\x01\x10\x03"), "malformed profile format"},
        {"a system name", PF_STR(STRINGS "\x2a\x04\x08\x01\x18\x03"), "malformed profile format"},
        {"a file", PF_STR(STRINGS "\x2a\x04\x08\x01\x20\x03"), "malformed profile format"},
        {"a label's key", PF_STR(SYMBOLS "\x12\x08\x08\x01\x10\x05\x1a\x02\x08\x03"),
         "malformed profile format"},
        {"a label's text", PF_STR(SYMBOLS "\x12\x08\x08\x01\x10\x05\x1a\x02\x10\x03"),
         "malformed profile format"},
        {"a label's unit", PF_STR(SYMBOLS "\x12\x08\x08\x01\x10\x05\x1a\x02\x20\x03"),
         "malformed profile format"},
        {"the unit of a text, which nobody reads",
         PF_STR(SYMBOLS "\x12\x0a\x08\x01\x10\x05\x1a\x04\x10\x01\x20\x03"), NULL},
        {"drop frames", PF_STR(STRINGS "\x38\x03"), "malformed profile format"},
        {"keep frames", PF_STR(STRINGS "\x40\x03"), "malformed profile format"},
        {"period type", PF_STR(STRINGS "\x5a\x02\x08\x03"), "malformed profile format"},
        {"period unit", PF_STR(STRINGS "\x5a\x02\x10\x03"), "malformed profile format"},
        {"a period type that another one replaces",
         PF_STR(STRINGS "\x5a\x02\x08\x03\x5a\x02\x08\x01"), NULL},
        {"a comment", PF_STR(STRINGS "\x68\x03"), "malformed profile format"},
        {"a packed comment", PF_STR(STRINGS "\x6a\x02\x01\x03"), "malformed profile format"},
        {"default sample type", PF_STR(STRINGS "\x70\x03"), "malformed profile format"},
        {"doc url", PF_STR(STRINGS "\x78\x03"), "malformed profile format"},
    };
    CHECK(cases);
}

static pf_profile must_decode(pf_str bytes, pf_arena *a)
{
    pf_profile p;
    pf_error err;
    if (decode(bytes, a, &p, &err))
        fail_msg("refused: %s", err.msg);
    pf_test_check_references(&p);
    return p;
}

static void test_all_fields(void **state)
{
    (void)state;
    pf_arena a;
    pf_profile p = must_decode(
        PF_STR(STRINGS
               "\x0a\x04\x08\x01\x10\x02\x0a\x00"
               /* sample: locations 9, 4, 9 packed; values 1 and -2; three labels */
               "\x12\x26\x0a\x03\x09\x04\x09\x10\x01\x10\xfe\xff\xff\xff\xff\xff\xff\xff\xff"
               "\x01\x1a\x04\x08\x01\x10\x02\x1a\x06\x08\x01\x18\x07\x20\x02\x1a\x04\x08\x02"
               "\x18\x00"
               "\x1a\x16\x08\x03\x10\x80\x20\x18\x80\x40\x20\x05\x28\x01\x30\x02\x38\x01\x40"
               "\x00\x48\x02\x50\x01"
               /* location 9: mapping 3, address 300, two lines, folded; location 4 */
               "\x22\x15\x08\x09\x10\x03\x18\xac\x02\x22\x06\x08\x05\x10\x0a\x18\x03\x22\x02"
               "\x08\x05\x28\x01"
               "\x22\x04\x08\x04\x10\x63"
               "\x2a\x0a\x08\x05\x10\x01\x18\x02\x20\x01\x28\x0c"
               "\x38\x01\x40\x02\x48\x0b\x50\x0c\x5a\x04\x08\x01\x10\x02\x60\x0d\x68\x01\x6a"
               "\x02\x02\x00\x70\x01\x78\x02"),
        &a);
    assert_int_equal(p.nsample_type, 2);
    assert_int_equal(p.sample_type[0].type, 1);
    assert_int_equal(p.sample_type[0].unit, 2);
    assert_int_equal(p.sample_type[1].unit, 0);
    assert_int_equal(p.nsample, 1);
    assert_int_equal(p.sample[0].loc_n, 3);
    assert_int_equal(p.sample_location[0], 0);
    assert_int_equal(p.sample_location[1], 1);
    assert_int_equal(p.sample_location[2], 0);
    assert_true(p.value[0] == 1 && p.value[1] == -2);
    assert_int_equal(p.sample[0].label_n, 3);
    assert_int_equal(p.label[0].str, 2);
    assert_true(p.label[1].num == 7 && p.label[1].unit == 2 && p.label[1].str == 0);
    assert_true(p.label[2].key == 2 && p.label[2].num == 0); /* kept, though it says nothing */
    const pf_mapping *m = &p.mapping[0];
    assert_true(m->id == 3 && m->start == 4096 && m->limit == 8192 && m->offset == 5);
    assert_true(m->file == 1 && m->build_id == 2);
    assert_int_equal(m->flags, PF_HAS_FUNCTIONS | PF_HAS_LINE_NUMBERS | PF_HAS_INLINE_FRAMES);
    const pf_location *l = p.location;
    assert_true(l[0].id == 9 && l[0].address == 300 && l[0].mapping == 0 && l[0].folded);
    assert_int_equal(l[0].line_n, 2);
    assert_true(p.line[0].line == 10 && p.line[0].column == 3 && p.line[0].function == 0);
    assert_true(p.line[1].line == 0 && p.line[1].column == 0);
    assert_true(l[1].mapping == PF_NO_INDEX && l[1].mapping_id == 99 && !l[1].folded);
    assert_true(p.function[0].id == 5 && p.function[0].start_line == 12);
    assert_true(p.drop_frames == 1 && p.keep_frames == 2 && p.time_nanos == 11);
    assert_true(p.duration_nanos == 12 && p.period == 13 && p.has_period_type);
    assert_true(p.ncomment == 3 && p.comment[0] == 1 && p.comment[1] == 2 && p.comment[2] == 0);
    assert_true(p.default_sample_type == 1 && p.doc_url == 2);
    pf_arena_free(&a);
}

static void test_last_value_wins_and_packed_or_not(void **state)
{
    (void)state;
    pf_arena a;
    pf_profile p = must_decode(PF_STR(SYMBOLS "\x60\x01\x60\x02\x12\x0b\x08\x01\x12\x01\x07\x0a\x02"
                                              "\x01\x01\x0a\x00\x5a\x02\x08\x01\x5a\x02\x10\x02"),
                               &a);
    assert_int_equal(p.period, 2);
    assert_int_equal(p.sample[0].loc_n, 3);
    assert_int_equal(p.value[0], 7);
    assert_int_equal(p.period_type.type, 0); /* the second message replaces the first */
    assert_int_equal(p.period_type.unit, 2);
    pf_arena_free(&a);
    p = must_decode(PF_STR(STRINGS), &a);
    assert_false(p.has_period_type);
    pf_arena_free(&a);
    p = must_decode(PF_STR(STRINGS "\x5a\x00"), &a);
    assert_true(p.has_period_type);
    pf_arena_free(&a);
}

/* Many more lines than locations, after few: the guess of how many there are is wrong. */
static void test_many_lines(void **state)
{
    (void)state;
    enum { LINES = 1000 };
    pf_buf b = PF_BUF_INIT;
    pf_str symbols = PF_STR(SYMBOLS);
    pf_buf_put_str(&b, symbols);
    pf_buf_puts(&b, "\x22");
    pf_buf_put_varint(&b, 2 + 6 * LINES);
    pf_buf_puts(&b, "\x08\x02");
    for (int i = 0; i < LINES; i++) {
        char line[] = "\x22\x04\x08\x01\x10\x00";
        line[5] = (char)(i % 100);
        pf_buf_put(&b, line, 6);
    }
    pf_buf_puts(&b, "\x22\x06\x08\x03\x22\x02\x08\x01");
    pf_arena a;
    pf_profile p = must_decode(pf_buf_str(&b), &a);
    assert_int_equal(p.nline, LINES + 2);
    assert_int_equal(p.location[1].line_n, LINES);
    for (uint32_t i = 0; i < LINES; i++)
        assert_int_equal(p.line[1 + i].line, i % 100);
    assert_int_equal(p.location[2].line_off, LINES + 1);
    pf_arena_free(&a);
    pf_buf_free(&b);
}

/* Around the id, and with a tag that is written in two bytes where one would do. */
static void test_lines_anywhere_in_a_location(void **state)
{
    (void)state;
    pf_arena a;
    pf_profile p = must_decode(
        PF_STR(SYMBOLS "\x22\x0f\x22\x02\x08\x01\x08\x02\xa2\x00\x04\x08\x01\x10\x07\x18\x09"), &a);
    assert_int_equal(p.nlocation, 2);
    assert_int_equal(p.location[1].id, 2);
    assert_int_equal(p.location[1].address, 9);
    assert_int_equal(p.location[1].line_n, 2);
    assert_int_equal(p.line[1].line, 0);
    assert_int_equal(p.line[2].line, 7);
    assert_int_equal(p.line[2].function, 0);
    pf_arena_free(&a);
}

/* Ids in order, out of order late, small with gaps, anywhere in 64 bits: the same profile. */
static void test_ids_of_every_kind(void **state)
{
    (void)state;
    enum { ROWS = 500 };
    for (int kind = 0; kind < 4; kind++) {
        pf_buf b = PF_BUF_INIT;
        pf_str start = PF_STR(STRINGS TYPE);
        uint64_t id[ROWS];
        for (uint64_t i = 0; i < ROWS; i++) {
            const uint64_t ids[] = {i + 1, i == ROWS - 1 ? ROWS + 7 : i + 1, 3 * i + 2,
                                    (i + 1) * UINT64_C(0x9e3779b97f4a7c15)};
            id[i] = ids[kind];
        }
        pf_buf_put_str(&b, start);
        for (int i = 0; i < ROWS; i++) {
            pf_buf m = PF_BUF_INIT, l = PF_BUF_INIT, sub = PF_BUF_INIT;
            pf_buf_putc(&m, 0x08);
            pf_buf_put_varint(&m, id[i]);
            pf_buf_putc(&l, 0x08);
            pf_buf_put_varint(&l, id[(i + 3) % ROWS]); /* a function that comes later */
            pf_buf_putc(&sub, 0x22);
            pf_buf_put_varint(&sub, l.len);
            pf_buf_put_str(&sub, pf_buf_str(&l));
            pf_buf_putc(&sub, 0x10);
            pf_buf_put_varint(&sub, id[(i + 5) % ROWS]);
            for (const char *tag = "\x22\x2a\x1a"; *tag; tag++) {
                pf_buf_putc(&b, *tag);
                pf_buf_put_varint(&b, m.len + (*tag == 0x22 ? sub.len : 0));
                pf_buf_put_str(&b, pf_buf_str(&m));
                if (*tag == 0x22)
                    pf_buf_put_str(&b, pf_buf_str(&sub));
            }
            pf_buf_clear(&sub);
            pf_buf_putc(&sub, 0x08);
            pf_buf_put_varint(&sub, id[(i + 7) % ROWS]);
            pf_buf_puts(&sub, "\x10\x05");
            pf_buf_putc(&b, 0x12);
            pf_buf_put_varint(&b, sub.len);
            pf_buf_put_str(&b, pf_buf_str(&sub));
            pf_buf_free(&m);
            pf_buf_free(&l);
            pf_buf_free(&sub);
        }
        pf_arena a;
        pf_profile p = must_decode(pf_buf_str(&b), &a);
        assert_true(p.nsample == ROWS && p.nlocation == ROWS && p.nfunction == ROWS);
        for (uint32_t i = 0; i < ROWS; i++) {
            assert_true(p.location[i].id == id[i] && p.mapping[i].id == id[i]);
            assert_int_equal(p.line[p.location[i].line_off].function, (i + 3) % ROWS);
            assert_int_equal(p.location[i].mapping, (i + 5) % ROWS);
            assert_int_equal(p.sample_location[p.sample[i].loc_off], (i + 7) % ROWS);
        }
        pf_arena_free(&a);
        pf_buf_free(&b);
    }
}

/* ---- hostile sizes ---- */

static void test_samples_without_end_allocate_nothing(void **state)
{
    (void)state;
    enum { MANY = 1 << 20 };
    pf_buf b = PF_BUF_INIT;
    for (int i = 0; i < MANY; i++)
        pf_buf_put(&b, "\x12\x00", 2);
    pf_arena a;
    pf_profile p;
    pf_error err;
    pf_buf_put(&b, "\x32\x00", 2);
    assert_int_equal(decode(pf_buf_str(&b), &a, &p, &err), PF_INVALID);
    assert_non_null(strstr(err.msg, "missing sample type information"));
    assert_int_equal(a.held, 0);
    pf_buf_put(&b, TYPE, sizeof TYPE - 1);
    assert_int_equal(decode(pf_buf_str(&b), &a, &p, &err), PF_INVALID);
    assert_non_null(strstr(err.msg, "mismatch: sample has 0 values vs. 1 types"));
    assert_int_equal(a.held, 0);
    pf_buf_free(&b);
}

static void test_every_arena_limit(void **state)
{
    (void)state;
    const pf_str bytes = PF_STR(SYMBOLS SAMPLE MAPPING "\x22\x06\x08\xff\xff\xff\xff\x0f\x68\x01");
    for (size_t limit = 1; limit < 6000; limit += 7) {
        pf_arena a;
        pf_profile p;
        pf_error err;
        pf_arena_init(&a, NULL, limit);
        pf_code code = pf_profile_decode(&p, &a, bytes, &err);
        assert_true(code == PF_OK || code == PF_TOO_LARGE);
        assert_true(a.held <= limit);
        pf_arena_free(&a);
    }
    for (size_t limit = 200000; limit > 1000; limit -= 1999) {
        pf_ledger budget;
        pf_arena a;
        pf_profile p;
        pf_error err;
        pf_ledger_init(&budget, "-memory.max-inflight", limit, PF_UNAVAILABLE, NULL);
        assert_true(pf_ledger_take(&budget, 1000, NULL)); /* somebody else's */
        pf_arena_init(&a, &budget, 0);
        pf_code code = pf_profile_decode(&p, &a, bytes, &err);
        assert_true(code == PF_OK || code == PF_TOO_LARGE || code == PF_UNAVAILABLE);
        pf_arena_free(&a);
        assert_int_equal(pf_ledger_held(&budget), 1000);
    }
}

/* ---- other people's formats ---- */

static void check_message(pf_str bytes, const char *part)
{
    wire_case c = {part, bytes, part};
    check_cases(&c, 1);
}

static void test_known_mistakes(void **state)
{
    (void)state;
    check_message(PF_STR("go 1.19 trace\0\0\0\x01\x02"), "push it with type=trace");
    check_message(PF_STR("heap profile: 1: 2 [3: 4] @ heap/1048576\n1: 2 [3: 4] @ 0x1\n"),
                  "legacy heap text format is not supported");
    check_message(PF_STR("\n# a comment\nheap profile: 1: 2 [3: 4] @ heapz_v2/1\n"),
                  "legacy heap text format is not supported");
    check_message(PF_STR("goroutine profile: total 3\n1 @ 0x1\n"),
                  "legacy Go count text format is not supported");
    check_message(PF_STR("goroutine 1 [running]:\nmain.main()\n"),
                  "legacy goroutine dump format is not supported");
    check_message(PF_STR("--- contentionz 1 ---\ncycles/second = 1\n"),
                  "legacy contention text format is not supported");
    check_message(PF_STR("--- contention:\ncycles/second=1\n"),
                  "legacy contention text format is not supported");
    check_message(PF_STR("--- contentionz 1 ---\nformat = java\n"),
                  "legacy Java contention text format is not supported");
    check_message(PF_STR("--- threadz 1 ---\n\n"), "legacy thread text format is not supported");
    check_message(PF_STR("--- heapz 1 ---\nformat = java\n"),
                  "legacy Java heap text format is not supported");
    check_message(
        PF_STR("\0\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10\x27\0\0\0\0\0\0\0\0\0"
               "\0\0\0\0\0"),
        "legacy gperftools CPU profile format is not supported");
    check_message(PF_STR("\0\0\0\0\0\0\0\3\0\0\0\0\0\0\x27\x10\0\0\0\0"),
                  "legacy gperftools CPU profile format is not supported");
    check_message(PF_STR("\0\0\0\0\3\0\0\0\1\0\0\0\x10\x27\0\0\0\0\0\0"),
                  "legacy Java CPU profile format is not supported");
}

static void test_curl_d_on_bare_protobuf(void **state)
{
    (void)state;
    char bytes[2048];
    memset(bytes, 0xff, sizeof bytes);
    check_message((pf_str){bytes, sizeof bytes}, "--data-binary");
    bytes[1000] = '\n';
    check_message((pf_str){bytes, sizeof bytes}, "bad varint");
}

static void test_legacy_corpus(void **state)
{
    (void)state;
    pf_corpus c;
    pf_test_corpus(&c, "legacy", "");
    for (size_t i = 0; i < c.n; i++)
        if (!strstr(c.file[i].name, ".string") && !pf_is_gzip(c.file[i].bytes))
            check_message(c.file[i].bytes, "format is not supported");
    pf_test_corpus_free(&c);
}

/* ---- real profiles ---- */

static pf_str inflate(const pf_corpus_file *f, pf_arena *a)
{
    pf_str raw = f->bytes;
    pf_error err;
    if (pf_is_gzip(f->bytes) && pf_gunzip(f->bytes, 64 << 20, a, &raw, &err))
        fail_msg("%s: %s", f->name, err.msg);
    return raw;
}

static void round_trip(const pf_corpus_file *f)
{
    pf_arena gz, a, b;
    pf_arena_init(&gz, NULL, 0);
    pf_str raw = inflate(f, &gz);
    pf_profile p = must_decode(raw, &a), again;
    assert_false(p.has_unknown_fields);
    pf_buf out = PF_BUF_INIT;
    pf_error err;
    assert_int_equal(pf_profile_encode(&p, &out, &err), PF_OK);
    again = must_decode(pf_buf_str(&out), &b);
    if (!pf_test_same_exactly(&p, &again))
        fail_msg("%s does not come back", f->name);
    pf_buf_free(&out);
    pf_arena_free(&gz);
    pf_arena_free(&a);
    pf_arena_free(&b);
}

static void test_corpus_comes_back(void **state)
{
    (void)state;
    static const char *const folders[][2] = {{"collector-service", ".pb.gz"},
                                             {"go-compiler", ".pb.gz"},
                                             {"languages", ""},
                                             {"profefe", ".prof"}};
    for (size_t k = 0; k < sizeof folders / sizeof *folders; k++) {
        pf_corpus c;
        pf_test_corpus(&c, folders[k][0], folders[k][1]);
        for (size_t i = 0; i < c.n; i++)
            round_trip(&c.file[i]);
        pf_test_corpus_free(&c);
    }
}

/* What is not a profile is PF_INVALID and says why. */
static void try_damaged(pf_str bytes)
{
    pf_arena a;
    pf_profile p;
    pf_error err;
    pf_code code = decode(bytes, &a, &p, &err);
    if (code == PF_OK)
        pf_test_check_references(&p);
    else if (code != PF_INVALID || !err.msg[0])
        fail_msg("code %d, \"%s\"", code, err.msg);
    pf_arena_free(&a);
}

/* One real profile, inflated. */
static void real_profile(pf_arena *gz, pf_str *raw)
{
    pf_corpus c;
    pf_test_corpus(&c, "collector-service", "goroutine.004");
    assert_true(pf_is_gzip(c.file[0].bytes)); /* so that nothing points into the corpus */
    pf_arena_init(gz, NULL, 0);
    *raw = inflate(&c.file[0], gz);
    pf_test_corpus_free(&c);
}

static void test_corpus_cut_anywhere(void **state)
{
    (void)state;
    pf_arena gz;
    pf_str raw;
    real_profile(&gz, &raw);
    for (size_t n = 0; n < raw.n; n++) {
        char *exact = malloc(n ? n : 1); /* so that reading on is seen */
        assert_non_null(exact);
        memcpy(exact, raw.p, n);
        try_damaged((pf_str){exact, n});
        free(exact);
    }
    pf_arena_free(&gz);
}

static void test_corpus_with_flipped_bits(void **state)
{
    (void)state;
    pf_arena gz;
    pf_str raw;
    real_profile(&gz, &raw);
    char *copy = malloc(raw.n);
    assert_non_null(copy);
    for (size_t i = 0; i < raw.n; i++) {
        memcpy(copy, raw.p, raw.n);
        copy[i] = (char)(copy[i] ^ 1 << i % 8);
        try_damaged((pf_str){copy, raw.n});
    }
    free(copy);
    pf_arena_free(&gz);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wire_format),
        cmocka_unit_test(test_unknown_fields),
        cmocka_unit_test(test_validity),
        cmocka_unit_test(test_string_numbers),
        cmocka_unit_test(test_all_fields),
        cmocka_unit_test(test_last_value_wins_and_packed_or_not),
        cmocka_unit_test(test_many_lines),
        cmocka_unit_test(test_lines_anywhere_in_a_location),
        cmocka_unit_test(test_ids_of_every_kind),
        cmocka_unit_test(test_samples_without_end_allocate_nothing),
        cmocka_unit_test(test_every_arena_limit),
        cmocka_unit_test(test_known_mistakes),
        cmocka_unit_test(test_curl_d_on_bare_protobuf),
        cmocka_unit_test(test_legacy_corpus),
        cmocka_unit_test(test_corpus_comes_back),
        cmocka_unit_test(test_corpus_cut_anywhere),
        cmocka_unit_test(test_corpus_with_flipped_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
