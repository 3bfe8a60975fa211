/* A directory of files: what is taken, what is passed over, and another time put into a profile. */
#include "cmd/bench/corpus.h"

#include "cmd/bench/fleet.h"
#include "pprof/gzip.h"
#include "support/corpus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static void write_file(const char *dir, const char *name, pf_str bytes)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes.p, 1, bytes.n, f), bytes.n);
    assert_int_equal(fclose(f), 0);
}

static void test_directory(void **state)
{
    (void)state;
    char dir[] = "/tmp/bench-corpus.XXXXXX", below[64], command[128];
    bench_corpus made, read;
    pf_error err = {0};
    assert_non_null(mkdtemp(dir));
    assert_int_equal(bench_corpus_load(dir, PF_TYPE_CPU, &read, &err), PF_INVALID);
    assert_int_equal(bench_corpus_generate(1, 20, 3, &made, &err), PF_OK);
    write_file(dir, "3.pb.gz", made.files[2].bytes);
    write_file(dir, "1.pb.gz", made.files[0].bytes);
    write_file(dir, "2.pb", made.files[1].before); /* bare protobuf */
    write_file(dir, "notes.txt", PF_STR("no profile"));
    write_file(dir, "cut.pb.gz", (pf_str){made.files[0].bytes.p, made.files[0].bytes.n / 2});
    write_file(dir, "empty", PF_STR(""));
    write_file(dir, ".hidden", made.files[0].bytes);
    snprintf(below, sizeof below, "%s/below", dir);
    assert_int_equal(mkdir(below, 0755), 0);
    if (bench_corpus_load(dir, PF_TYPE_CPU, &read, &err))
        fail_msg("%s", err.msg);
    assert_int_equal(read.n, 3);
    assert_int_equal(read.passed_over, 2);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(read.files[i].total.first, made.files[i].total.first);
        assert_int_equal(read.files[i].total.last, made.files[i].total.last);
    }
    assert_int_equal(read.bytes,
                     made.files[0].bytes.n + made.files[1].before.n + made.files[2].bytes.n);
    bench_corpus_free(&read);
    assert_int_equal(bench_corpus_load(dir, PF_TYPE_HEAP, &read, &err), PF_INVALID);
    assert_int_equal(bench_corpus_load("/nonexistent/dir", PF_TYPE_CPU, &read, &err), PF_INVALID);
    bench_corpus_free(&made);
    snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

static void inflate(pf_str gz, pf_arena *a, pf_str *raw)
{
    pf_error err = {0};
    if (pf_gunzip(gz, 1 << 24, a, raw, &err))
        fail_msg("%s", err.msg);
}

/* With a time and without one before: all else stays, byte for byte where it stood. */
static void test_another_time(void **state)
{
    (void)state;
    char dir[] = "/tmp/bench-corpus.XXXXXX", command[128];
    bench_corpus made, read;
    pf_buf gz = PF_BUF_INIT;
    pf_arena a;
    pf_str first, second;
    pf_profile p;
    pf_error err = {0};
    pf_arena_init(&a, NULL, 0);
    assert_int_equal(bench_corpus_generate(2, 20, 1, &made, &err), PF_OK);
    assert_int_equal(bench_corpus_retime(&made.files[0], 1795345148309118745, &gz, &err), PF_OK);
    inflate(pf_buf_str(&gz), &a, &first);
    assert_int_equal(pf_profile_decode(&p, &a, first, &err), PF_OK);
    assert_int_equal(p.time_nanos, 1795345148309118745);

    assert_non_null(mkdtemp(dir));
    write_file(dir, "a", pf_buf_str(&gz));
    assert_int_equal(bench_corpus_load(dir, PF_TYPE_CPU, &read, &err), PF_OK);
    assert_int_equal(read.files[0].time, 1795345148309118745);
    pf_buf_clear(&gz);
    assert_int_equal(bench_corpus_retime(&read.files[0], 5, &gz, &err), PF_OK);
    inflate(pf_buf_str(&gz), &a, &second);
    assert_int_equal(pf_profile_decode(&p, &a, second, &err), PF_OK);
    assert_int_equal(p.time_nanos, 5);
    assert_int_equal(second.n, first.n - 8); /* one byte of varint instead of nine */

    bench_corpus_free(&made);
    bench_corpus_free(&read);
    pf_buf_free(&gz);
    pf_arena_free(&a);
    snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

/* The fixtures, and the other real profiles where they are. */
static void test_real_files(void **state)
{
    (void)state;
    static const struct {
        pf_type type;
        size_t n[2]; /* of the fixtures, of the others */
    } want[] = {{PF_TYPE_CPU, {28, 60}}, {PF_TYPE_HEAP, {12, 15}}, {PF_TYPE_GOROUTINE, {12, 15}}};
    for (int at = 0; at < 2; at++) {
        char dir[4096];
        if (!pf_test_corpus_root(at))
            continue;
        snprintf(dir, sizeof dir, "%s/collector-service", pf_test_corpus_root(at));
        for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
            bench_corpus c;
            pf_error err = {0};
            if (bench_corpus_load(dir, want[i].type, &c, &err))
                fail_msg("%s", err.msg);
            assert_int_equal(c.n, want[i].n[at]);
            bench_corpus_free(&c);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_directory),
        cmocka_unit_test(test_another_time),
        cmocka_unit_test(test_real_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
