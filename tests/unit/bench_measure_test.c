/* What the kernel says of a process and a directory, held against what is known of this one. */
#include "cmd/bench/measure.h"

#include "base/clock.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void test_cpu_of_this_process(void **state)
{
    (void)state;
    int64_t before = bench_cpu_ns(getpid()), used;
    assert_true(before > 0);
    volatile unsigned work = 0;
    do {
        for (unsigned i = 0; i < 1000000; i++)
            work += i;
        used = bench_cpu_ns(getpid()) - before;
    } while (used < 20 * PF_NS_PER_MS); /* ends, since this is what uses it */
    assert_true(bench_rss(getpid()) > 0);
    assert_true(bench_rss_peak(getpid()) >= bench_rss(getpid()) / 2);
}

static void test_unknown_process(void **state)
{
    (void)state;
    assert_int_equal(bench_cpu_ns(0), 0);
    assert_int_equal(bench_rss(0), 0);
    assert_false(bench_rss_peak_reset(0));
    assert_true(bench_settle(0, PF_NS_PER_SEC));
}

static void test_a_process_that_is_gone(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(bench_cpu_ns(pid), -1);
    assert_false(bench_settle(pid, PF_NS_PER_MS));
    assert_int_equal(bench_rss_peak(pid), 0);
}

static void test_settled_process(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    assert_true(bench_settle(pid, PF_NS_PER_MS));
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void write_file(const char *dir, const char *name, size_t n)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    for (size_t i = 0; i < n; i++)
        fputc('x', f);
    fclose(f);
}

static void test_disk(void **state)
{
    (void)state;
    char dir[] = "/tmp/bench-measure.XXXXXX", below[64], command[128];
    assert_non_null(mkdtemp(dir));
    assert_int_equal(bench_disk_usage(dir).files, 0);
    snprintf(below, sizeof below, "%s/below", dir);
    assert_int_equal(mkdir(below, 0755), 0);
    write_file(dir, "a", 5000);
    write_file(below, "b", 100);
    bench_disk d = bench_disk_usage(dir);
    assert_int_equal(d.files, 2);
    assert_int_equal(d.length, 5100);
    assert_int_equal(bench_disk_usage("").files, 0);
    assert_int_equal(bench_disk_usage(NULL).files, 0);
    assert_int_equal(bench_disk_usage("/nonexistent/directory").files, 0);
    snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

/* A file of this process's own on a disk, and its name; false in a directory that is memory, where nothing is written
 * and nothing can be dropped. */
static bool make_on_disk(char dir[static 64])
{
    struct statfs fs;
    snprintf(dir, 64, "bench-measure.XXXXXX");
    assert_non_null(mkdtemp(dir));
    return statfs(dir, &fs) == 0 && fs.f_type != TMPFS_MAGIC && fs.f_type != RAMFS_MAGIC;
}

static void remove_dir(const char *dir)
{
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

enum { MEGABYTE = 1 << 20 };

static void test_written_bytes(void **state)
{
    (void)state;
    char dir[64];
    assert_int_equal(bench_written(0), 0);
    bool on_disk = make_on_disk(dir);
    int64_t before = bench_written(getpid());
    write_file(dir, "a", MEGABYTE);
    int64_t written = bench_written(getpid()) - before;
    remove_dir(dir);
    if (!on_disk || access("/proc/self/io", R_OK) != 0)
        skip();
    assert_in_range(written, MEGABYTE, 2 * MEGABYTE);
}

/* Bytes of the file that are in the kernel's memory. */
static size_t cached(const char *dir, const char *name)
{
    static unsigned char pages[MEGABYTE / 4096];
    char path[128];
    size_t n = 0;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    void *p = mmap(NULL, MEGABYTE, PROT_READ, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(p, MAP_FAILED);
    assert_int_equal(mincore(p, MEGABYTE, pages), 0);
    munmap(p, MEGABYTE);
    close(fd);
    for (size_t i = 0; i < sizeof pages; i++)
        n += (pages[i] & 1) * (size_t)4096;
    return n;
}

static void test_cache_is_dropped(void **state)
{
    (void)state;
    char dir[64], below[96];
    bool on_disk = make_on_disk(dir);
    snprintf(below, sizeof below, "%s/below", dir);
    assert_int_equal(mkdir(below, 0755), 0);
    write_file(below, "a", MEGABYTE); /* not on disk yet */
    size_t before = cached(below, "a");
    bool all = bench_drop_cache(dir);
    size_t after = cached(below, "a");
    remove_dir(dir);
    assert_int_equal(before, MEGABYTE);
    assert_true(all);
    if (!on_disk || sysconf(_SC_PAGESIZE) != 4096)
        skip();
    assert_int_equal(after, 0);
    assert_true(bench_drop_cache("")); /* nothing to do */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cpu_of_this_process),
        cmocka_unit_test(test_unknown_process),
        cmocka_unit_test(test_a_process_that_is_gone),
        cmocka_unit_test(test_settled_process),
        cmocka_unit_test(test_disk),
        cmocka_unit_test(test_written_bytes),
        cmocka_unit_test(test_cache_is_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
