#include "cmd/bench/measure.h"

#include "base/clock.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const int64_t settle_limit = 20 * PF_NS_PER_SEC;

static int64_t cpu_from_stat(pid_t pid)
{
    char path[64], line[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "re");
    if (!f)
        return -1;
    char *got = fgets(line, sizeof line, f);
    fclose(f);
    /* The second field is the program's name in parentheses and may hold anything. */
    const char *behind = got ? strrchr(line, ')') : NULL;
    unsigned long long user, system;
    if (!behind || sscanf(behind + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu",
                          &user, &system) != 2)
        return -1;
    return (int64_t)((user + system) * (unsigned long long)(PF_NS_PER_SEC / sysconf(_SC_CLK_TCK)));
}

int64_t bench_cpu_ns(pid_t pid)
{
    clockid_t clock;
    struct timespec t;
    if (pid <= 0)
        return 0;
    if (clock_getcpuclockid(pid, &clock) == 0 && clock_gettime(clock, &t) == 0)
        return t.tv_sec * PF_NS_PER_SEC + t.tv_nsec;
    return cpu_from_stat(pid);
}

/* The number in a line "name:   1234" of /proc/<pid>/<file>; 0 when there is none. */
static int64_t number_in(pid_t pid, const char *file, const char *name)
{
    char path[64], line[256];
    long long number = 0;
    if (pid <= 0)
        return 0;
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, name, strlen(name)) == 0)
            number = strtoll(line + strlen(name), NULL, 10);
    if (f)
        fclose(f);
    return number;
}

int64_t bench_rss(pid_t pid)
{
    return number_in(pid, "status", "VmRSS:") * 1024; /* it says kB */
}

int64_t bench_rss_peak(pid_t pid)
{
    return number_in(pid, "status", "VmHWM:") * 1024;
}

int64_t bench_written(pid_t pid)
{
    return number_in(pid, "io", "write_bytes:") - number_in(pid, "io", "cancelled_write_bytes:");
}

bool bench_rss_peak_reset(pid_t pid)
{
    char path[64];
    if (pid <= 0)
        return false;
    snprintf(path, sizeof path, "/proc/%d/clear_refs", (int)pid);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool done = write(fd, "5", 1) == 1;
    close(fd);
    return done;
}

/* What is done with each file: `name` in the directory `dir`. */
typedef void (*file_fn)(void *ctx, int dir, const char *name, const struct stat *st);

/* Goes through the files below the open directory `fd`, which it closes; `depth` bounds how far down it
 * goes: a data directory is no deep tree. */
static void walk(int fd, int depth, file_fn fn, void *ctx)
{
    DIR *d = fdopendir(fd);
    if (!d) {
        close(fd);
        return;
    }
    struct dirent *e;
    while ((e = readdir(d))) {
        struct stat st;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
            fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        if (S_ISREG(st.st_mode)) {
            fn(ctx, dirfd(d), e->d_name, &st);
        } else if (S_ISDIR(st.st_mode) && depth > 0) {
            int below = openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            if (below >= 0)
                walk(below, depth - 1, fn, ctx);
        }
    }
    closedir(d);
}

static void walk_below(const char *dir, file_fn fn, void *ctx)
{
    int fd = dir && *dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd >= 0)
        walk(fd, 16, fn, ctx);
}

static void add_file(void *ctx, int dir, const char *name, const struct stat *st)
{
    bench_disk *sum = ctx;
    (void)dir;
    (void)name;
    sum->allocated += (int64_t)st->st_blocks * 512;
    sum->length += st->st_size;
    sum->files++;
}

bench_disk bench_disk_usage(const char *dir)
{
    bench_disk sum = {0};
    walk_below(dir, add_file, &sum);
    return sum;
}

static void drop_file(void *ctx, int dir, const char *name, const struct stat *st)
{
    bool *all = ctx;
    (void)st;
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
    /* Pages that are not on disk yet can't be dropped. */
    if (fd < 0 || fdatasync(fd) != 0 || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) != 0)
        *all = false;
    if (fd >= 0)
        close(fd);
}

bool bench_drop_cache(const char *dir)
{
    bool all = true;
    walk_below(dir, drop_file, &all);
    return all;
}

bool bench_settle(pid_t pid, int64_t quiet)
{
    int64_t end = pf_clock_mono() + settle_limit, before = bench_cpu_ns(pid);
    int64_t written = bench_written(pid);
    while (pid > 0 && quiet > 0 && before >= 0 && pf_clock_mono() < end) {
        nanosleep(&(struct timespec){quiet / PF_NS_PER_SEC, quiet % PF_NS_PER_SEC}, NULL);
        int64_t now = bench_cpu_ns(pid), written_now = bench_written(pid);
        if (now - before < quiet / 20 && written_now == written)
            return true;
        before = now;
        written = written_now;
    }
    return pid <= 0 || quiet <= 0;
}
