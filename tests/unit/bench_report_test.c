/* The table and the JSON: rows of several rounds put together, and the ratio's direction. */
#include "cmd/bench/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

/* `calls` calls of `ms` each, one after another, at half that CPU time, each writing a KB a
 * millisecond. */
static void add(bench_report *r, const char *name, unsigned target, unsigned round, int calls,
                int ms)
{
    bench_row row = {.target = target, .round = round};
    snprintf(row.name, sizeof row.name, "%s", name);
    row.phase.calls = (size_t)calls;
    row.phase.wall_ns = (int64_t)calls * ms * 1000000;
    row.phase.cpu_ns = row.phase.wall_ns / 2;
    row.phase.written = (int64_t)calls * ms * 1000;
    row.phase.rss_peak = 1000000 * (int64_t)round;
    for (int i = 0; i < calls; i++)
        bench_latency_add(&row.phase.latency[0], ms * INT64_C(1000000));
    assert_int_equal(bench_report_add_take(r, &row, NULL), PF_OK);
}

static json_t *json_of(const bench_report *r)
{
    pf_buf out = PF_BUF_INIT;
    json_error_t why;
    bench_report_json(r, PF_STR("\"seed\":1"), &out);
    assert_false(out.failed);
    json_t *root = json_loadb(out.data, out.len, 0, &why);
    if (!root)
        fail_msg("%s at byte %d", why.text, why.position);
    pf_buf_free(&out);
    return root;
}

static double number(json_t *object, const char *name)
{
    json_t *v = json_object_get(object, name);
    assert_true(json_is_number(v));
    return json_number_value(v);
}

static void test_rounds_are_put_together(void **state)
{
    (void)state;
    bench_report r = {.targets = 1};
    add(&r, "get", 0, 1, 10, 2);
    add(&r, "find", 0, 1, 10, 1);
    add(&r, "get", 0, 2, 30, 6);
    json_t *root = json_of(&r), *summary = json_object_get(root, "summary");
    assert_int_equal(json_array_size(json_object_get(root, "rows")), 3);
    assert_int_equal(json_array_size(summary), 2);
    json_t *get = json_array_get(summary, 0);
    assert_string_equal(json_string_value(json_object_get(get, "scenario")), "get");
    assert_int_equal(number(get, "rounds"), 2);
    assert_int_equal(number(get, "calls"), 40);
    assert_int_equal(number(get, "calls_per_second"), 200); /* 40 in 0.02 + 0.18 s */
    assert_int_equal(number(get, "p50_ns"), 6000000);
    assert_int_equal(number(get, "cpu_ns_per_call"), 2500000);
    assert_int_equal(number(get, "written_bytes_per_call"), 5000);
    assert_int_equal(number(get, "rss_peak_bytes"), 2000000);
    assert_int_equal(number(json_object_get(root, "setting"), "seed"), 1);
    json_decref(root);
    bench_report_free(&r);
}

/* A is 3 times as fast as B: the ratio's line says 3 in all columns that it has. */
static void test_ratio_says_how_much_better_a_is(void **state)
{
    (void)state;
    bench_report r = {.targets = 2};
    pf_buf out = PF_BUF_INIT;
    add(&r, "get", 0, 1, 10, 2);
    add(&r, "get", 1, 1, 10, 6);
    bench_report_table(&r, &out);
    pf_buf_putc(&out, '\0');
    const char *line = strstr(out.data, "B/A");
    double v[7]; /* calls a second, p50, p99, longest, CPU, written, memory */
    assert_non_null(line);
    assert_int_equal(sscanf(line + 3, "%lf %lf %lf %lf %lf %lf %lf", &v[0], &v[1], &v[2], &v[3],
                            &v[4], &v[5], &v[6]),
                     7);
    for (int i = 0; i < 6; i++)
        assert_true(v[i] > 2.99 && v[i] < 3.01);
    assert_true(v[6] > 0.99 && v[6] < 1.01);
    pf_buf_free(&out);
    bench_report_free(&r);
}

static void test_a_scenario_of_one_server_has_no_ratio(void **state)
{
    (void)state;
    bench_report r = {.targets = 2};
    pf_buf out = PF_BUF_INIT;
    add(&r, "start after stop", 1, 1, 1, 2);
    bench_report_table(&r, &out);
    pf_buf_putc(&out, '\0');
    assert_null(strstr(out.data, "B/A"));
    char name[48], server[8];
    assert_int_equal(sscanf(strchr(out.data, '\n'), " start after %7s %7s", name, server), 2);
    assert_string_equal(server, "B");
    pf_buf_free(&out);
    bench_report_free(&r);
}

static void test_disk_line(void **state)
{
    (void)state;
    bench_report r = {.targets = 1};
    pf_buf out = PF_BUF_INIT;
    bench_row row = {.name = "disk", .disk_bytes = 20000, .pushed_bytes = 180000, .profiles = 10};
    assert_int_equal(bench_report_add_take(&r, &row, NULL), PF_OK);
    bench_report_table(&r, &out);
    pf_buf_putc(&out, '\0');
    assert_non_null(strstr(out.data, "2000 bytes on disk a profile, 18000 as pushed: 1/9.0"));
    pf_buf_free(&out);
    bench_report_free(&r);
}

/* What a connection costs is what its call takes on a new one less what it takes on a kept one. */
static void test_connection_lines(void **state)
{
    (void)state;
    bench_report r = {.targets = 1};
    pf_buf out = PF_BUF_INIT;
    for (int round = 1; round <= 2; round++) {
        bench_row fresh = {.name = "new",
                           .phase = {.calls = 10, .cpu_ns = 1000000 * round},
                           .kept_cpu_ns = 500000},
                  idle = {.name = "idle",
                          .phase.calls = 100,
                          .held = 100,
                          .held_bytes = 100000 + 100000 * round};
        assert_int_equal(bench_report_add_take(&r, &fresh, NULL), PF_OK);
        assert_int_equal(bench_report_add_take(&r, &idle, NULL), PF_OK);
    }
    bench_report_table(&r, &out);
    pf_buf_putc(&out, '\0');
    assert_non_null(strstr(out.data, "0.100 ms CPU a connection, beside its call"));
    assert_non_null(strstr(out.data, "100 connections: 0.2 MB more, 2.5 KB each"));
    json_t *root = json_of(&r), *summary = json_object_get(root, "summary");
    assert_int_equal(number(json_array_get(summary, 0), "cpu_ns_per_connection"), 100000);
    assert_int_equal(number(json_array_get(summary, 1), "bytes_per_connection"), 2500);
    json_decref(root);
    pf_buf_free(&out);
    bench_report_free(&r);
}

/* What a scenario says itself stands below its row, once a round; the seconds of a phase are in the JSON. */
static void test_notes_and_seconds(void **state)
{
    (void)state;
    bench_report r = {.targets = 1};
    pf_buf out = PF_BUF_INIT;
    for (unsigned round = 1; round <= 2; round++) {
        bench_row row = {.name = "pushes",
                         .round = round,
                         .phase.calls = 3,
                         .before = 100,
                         .seconds = 2,
                         .ended = {1, 2}};
        snprintf(row.note, sizeof row.note, "note %u", round);
        assert_int_equal(bench_report_add_take(&r, &row, NULL), PF_OK);
    }
    bench_report_table(&r, &out);
    pf_buf_putc(&out, '\0');
    const char *first = strstr(out.data, "A   note 1\n");
    assert_non_null(first);
    assert_non_null(strstr(first, "A   note 2\n"));
    json_t *root = json_of(&r), *row = json_array_get(json_object_get(root, "rows"), 1),
           *ended = json_object_get(row, "ended_in_second");
    assert_string_equal(json_string_value(json_object_get(row, "note")), "note 2");
    assert_int_equal(number(row, "per_second_before"), 100);
    assert_int_equal(json_array_size(ended), 2);
    assert_int_equal(json_integer_value(json_array_get(ended, 1)), 2);
    json_decref(root);
    pf_buf_free(&out);
    bench_report_free(&r);
}

/* Two phases that are looked at as one. */
static void test_phases_are_added(void **state)
{
    (void)state;
    bench_phase a = {.calls = 2, .wall_ns = 3, .cpu_ns = 4, .written = 5, .rss_peak = 6},
                b = {.calls = 10, .wall_ns = 20, .cpu_ns = 30, .written = 40, .rss_peak = 5};
    b.wrong = 1;
    pf_fail(&b.first_wrong, PF_INTERNAL, "late");
    bench_latency_add(&a.latency[0], 7);
    bench_latency_add(&b.latency[0], 9);
    bench_latency_add(&b.latency[2], 1);
    assert_true(bench_phase_add(&a, &b));
    assert_int_equal(a.calls, 12);
    assert_int_equal(a.wall_ns, 23);
    assert_int_equal(a.cpu_ns, 34);
    assert_int_equal(a.written, 45);
    assert_int_equal(a.rss_peak, 6);
    assert_int_equal(a.wrong, 1);
    assert_string_equal(a.first_wrong.msg, "late");
    assert_int_equal(a.latency[0].n, 2);
    assert_int_equal(a.latency[2].n, 1);
    bench_phase_free(&a);
    bench_phase_free(&b);
}

static void test_wrong_answers_are_counted_by_server(void **state)
{
    (void)state;
    bench_report r = {.targets = 2};
    pf_error why = {0};
    bench_row row = {.target = 1, .name = "find", .phase = {.calls = 9, .wrong = 4}};
    pf_fail(&row.phase.first_wrong, PF_INTERNAL, "3 instead of 5");
    assert_int_equal(bench_report_add_take(&r, &row, NULL), PF_OK);
    add(&r, "get", 1, 1, 5, 1);
    assert_int_equal(bench_report_wrong(&r, 0, &why), 0);
    assert_int_equal(bench_report_wrong(&r, 1, &why), 4);
    assert_string_equal(why.msg, "find: 3 instead of 5");
    bench_report_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rounds_are_put_together),
        cmocka_unit_test(test_ratio_says_how_much_better_a_is),
        cmocka_unit_test(test_a_scenario_of_one_server_has_no_ratio),
        cmocka_unit_test(test_disk_line),
        cmocka_unit_test(test_connection_lines),
        cmocka_unit_test(test_notes_and_seconds),
        cmocka_unit_test(test_phases_are_added),
        cmocka_unit_test(test_wrong_answers_are_counted_by_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
