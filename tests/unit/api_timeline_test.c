/* Steps and groups of a time line. */
#include "server/api/timeline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define S INT64_C(1000000000)

static void steps_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t seconds;
    } good[] = {{"30", 30}, {"30s", 30}, {"5m", 300}, {"1h", 3600}, {"2d", 172800}};
    static const char *const bad[] = {"",    "0",     "-1",           "s", "1y", "1.5",
                                      "5m ", "1h30m", "9999999999999"};
    int64_t ns;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(pf_step_parse(pf_str_c(good[i].text), &ns));
        assert_int_equal(ns, good[i].seconds * S);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (pf_step_parse(pf_str_c(bad[i]), &ns))
            fail_msg("%s was read", bad[i]);
}

static void steps_cover_the_range(void **state)
{
    (void)state;
    static const struct {
        int64_t from, to, step, start, made;
        uint32_t points;
    } cases[] = {
        {100 * S, 199 * S, 10 * S, 100 * S, 10 * S, 10},
        {101 * S, 200 * S, 10 * S, 100 * S, 10 * S, 11},
        {-5 * S, 4 * S, 10 * S, -10 * S, 10 * S, 2},
        {0, 3600 * S, 0, 0, 30 * S, 121},
        {0, 60 * S, 0, 0, S, 61},
        {0, 0, 0, 0, S, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pf_arena a;
        pf_error err;
        pf_timeline t;
        pf_arena_init(&a, NULL, 0);
        assert_int_equal(
            pf_timeline_init(&t, cases[i].from, cases[i].to, cases[i].step, PF_STR(""), &a, &err),
            PF_OK);
        assert_int_equal(t.start, cases[i].start);
        assert_int_equal(t.step, cases[i].made);
        assert_int_equal(t.points, cases[i].points);
        pf_timeline_free(&t);
        pf_arena_free(&a);
    }
}

static void extremes_are_no_trap(void **state)
{
    (void)state;
    pf_arena a;
    pf_error err;
    pf_timeline t;
    pf_arena_init(&a, NULL, 0);
    assert_int_equal(pf_timeline_init(&t, INT64_MIN, INT64_MAX, 0, PF_STR(""), &a, &err), PF_OK);
    assert_true(t.points > 1 && t.points <= PF_TIMELINE_POINTS);
    pf_timeline_free(&t);
    assert_int_equal(pf_timeline_init(&t, INT64_MIN, INT64_MAX, S, PF_STR(""), &a, &err),
                     PF_INVALID);
    pf_timeline_free(&t);
    assert_int_equal(pf_timeline_init(&t, INT64_MIN, INT64_MAX, INT64_MAX, PF_STR(""), &a, &err),
                     PF_OK);
    pf_timeline_free(&t);
    pf_arena_free(&a);
}

static void groups_are_joined_behind_the_largest(void **state)
{
    (void)state;
    pf_arena a;
    pf_error err;
    pf_timeline t;
    pf_step row[2];
    char names[PF_TIMELINE_GROUPS + 5];
    pf_arena_init(&a, NULL, 0);
    assert_int_equal(pf_timeline_init(&t, 0, 19 * S, 10 * S, PF_STR("k"), &a, &err), PF_OK);
    t.is_cumulative = true;
    for (uint32_t i = 0; i < sizeof names; i++) {
        names[i] = (char)('0' + i);
        pf_pair pair = {PF_STR("k"), {&names[i], 1}};
        pf_total one = {.series = i, .duration = S, .labels = {&pair, i ? 1 : 0}};
        for (int n = 0; n < 2; n++) {
            one.created_at = n * 10 * S + 3;
            assert_int_equal(pf_timeline_add(&t, &one, i + 1, &err), PF_OK);
        }
        one.created_at = 20 * S; /* behind the end */
        assert_int_equal(pf_timeline_add(&t, &one, 1000, &err), PF_OK);
    }
    assert_int_equal(pf_timeline_finish(&t, &err), PF_OK);
    assert_int_equal(t.ngroup, PF_TIMELINE_GROUPS + 1);
    assert_int_equal(t.group[0].all.sum, 2 * sizeof names);
    assert_true(t.group[0].has_label);
    const pf_group *other = &t.group[PF_TIMELINE_GROUPS];
    assert_true(other->is_other);
    assert_int_equal(other->all.sum, 2 * (1 + 2 + 3 + 4 + 5));
    pf_timeline_row(&t, PF_TIMELINE_GROUPS, row);
    assert_int_equal(row[0].sum, 15);
    assert_int_equal(row[1].count, 5);
    assert_int_equal(row[1].duration, 5 * S);
    pf_timeline_free(&t);
    pf_arena_free(&a);
}

static void sums_stay_at_the_ends(void **state)
{
    (void)state;
    pf_arena a;
    pf_error err;
    pf_timeline t;
    pf_step row[1];
    pf_arena_init(&a, NULL, 0);
    assert_int_equal(pf_timeline_init(&t, 0, S - 1, S, PF_STR(""), &a, &err), PF_OK);
    pf_total one = {.duration = INT64_MAX};
    for (int i = 0; i < 3; i++)
        assert_int_equal(pf_timeline_add(&t, &one, INT64_MAX, &err), PF_OK);
    assert_int_equal(pf_timeline_finish(&t, &err), PF_OK);
    pf_timeline_row(&t, 0, row);
    assert_int_equal(row[0].sum, INT64_MAX);
    assert_int_equal(row[0].duration, INT64_MAX);
    assert_int_equal(row[0].count, 3);
    pf_timeline_free(&t);
    pf_arena_free(&a);
}

/* A profile a cell, from `ngroup` groups in `nstep` steps, the steps of a group `apart`, and group i `shift` * i
 * steps on; the slots that the two tables looked at, for each of the lookups. */
static double probes_a_lookup(uint32_t ngroup, uint32_t nstep, uint32_t apart, uint32_t shift)
{
    enum { STEPS = 8192 };
    pf_arena a;
    pf_error err;
    pf_timeline t;
    pf_arena_init(&a, NULL, 0);
    assert_int_equal(pf_timeline_init(&t, 0, STEPS * S - 1, S, PF_STR("k"), &a, &err), PF_OK);
    assert_int_equal(t.points, STEPS);
    for (uint32_t n = 0; n < nstep; n++) {
        for (uint32_t i = 0; i < ngroup; i++) {
            char name[16];
            pf_pair pair = {PF_STR("k"), {name, (size_t)snprintf(name, sizeof name, "%u", i)}};
            pf_total one = {.series = i, .labels = {&pair, 1}};
            one.created_at = (n * apart + (uint64_t)i * shift) % STEPS * S;
            assert_int_equal(pf_timeline_add(&t, &one, 1, &err), PF_OK);
        }
    }
    assert_int_equal(t.ngroup, ngroup);
    assert_int_equal(t.ncell, ngroup * nstep);
    double probes = (double)(t.groups_by_value.probes + t.cells_by_place.probes);
    pf_timeline_free(&t);
    pf_arena_free(&a);
    return probes / (double)(ngroup + ngroup * nstep);
}

/* A slot is found at once or a few on, wherever the groups and steps are; tables that grew moved each twice. */
static void cells_are_found_at_once(void **state)
{
    (void)state;
    static const struct {
        uint32_t ngroup, nstep, apart, shift;
    } cases[] = {
        {100000, 1, 1, 0},  /* all in one step */
        {100000, 1, 1, 1},  /* a step each */
        {4096, 16, 512, 0}, /* few steps, far apart */
        {4096, 16, 1, 4096}, {16, 4096, 2, 0}, {16, 8192, 1, 1}, {1, 8192, 1, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double n = probes_a_lookup(cases[i].ngroup, cases[i].nstep, cases[i].apart, cases[i].shift);
        if (n > 10)
            fail_msg("case %zu: %.0f slots looked at for each lookup", i, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_read),
        cmocka_unit_test(steps_cover_the_range),
        cmocka_unit_test(extremes_are_no_trap),
        cmocka_unit_test(groups_are_joined_behind_the_largest),
        cmocka_unit_test(sums_stay_at_the_ends),
        cmocka_unit_test(cells_are_found_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
