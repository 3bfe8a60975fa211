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

/* A line "VmHWM:     1234 kB" of /proc/<pid>/status, in bytes. */
static int64_t status_bytes(pid_t pid, const char *name)
{
    char path[64], line[256];
    long long kb = 0;
    if (pid <= 0)
        return 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, name, strlen(name)) == 0)
            kb = strtoll(line + strlen(name), NULL, 10);
    if (f)
        fclose(f);
    return kb * 1024;
}

int64_t bench_rss(pid_t pid)
{
    return status_bytes(pid, "VmRSS:");
}

int64_t bench_rss_peak(pid_t pid)
{
    return status_bytes(pid, "VmHWM:");
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

/* Adds the files below the open directory `fd`, which it closes; `depth` bounds how far down it
 * goes: a data directory is no deep tree. */
static void add_dir(int fd, int depth, bench_disk *sum)
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
            sum->allocated += (int64_t)st.st_blocks * 512;
            sum->length += st.st_size;
            sum->files++;
        } else if (S_ISDIR(st.st_mode) && depth > 0) {
            int below = openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            if (below >= 0)
                add_dir(below, depth - 1, sum);
        }
    }
    closedir(d);
}

bench_disk bench_disk_usage(const char *dir)
{
    bench_disk sum = {0};
    int fd = dir && *dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd >= 0)
        add_dir(fd, 16, &sum);
    return sum;
}

bool bench_settle(pid_t pid, int64_t quiet)
{
    int64_t end = pf_clock_mono() + settle_limit, before = bench_cpu_ns(pid);
    while (pid > 0 && quiet > 0 && before >= 0 && pf_clock_mono() < end) {
        nanosleep(&(struct timespec){quiet / PF_NS_PER_SEC, quiet % PF_NS_PER_SEC}, NULL);
        int64_t now = bench_cpu_ns(pid);
        if (now - before < quiet / 20)
            return true;
        before = now;
    }
    return pid <= 0 || quiet <= 0;
}
