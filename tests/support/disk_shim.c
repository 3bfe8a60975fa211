/* disk_shim.c: preloaded into a server, it remembers what was not yet synced, and makes the disk
 * fail.
 *
 *     LD_PRELOAD=…/libdisk_shim.so PROFEFE_SHIM_DIR=/data PROFEFE_SHIM_JOURNAL=/tmp/j profefe …
 *
 * PROFEFE_SHIM_DIR      files and directories under it are watched (an absolute path without
 * symbolic links). Files that end in "-shm" are left alone: SQLite maps them, and they hold nothing
 * that lasts. PROFEFE_SHIM_JOURNAL  a directory outside of it, made by the caller, in which is kept
 * what a power cut would undo; disk_shim.py restores from it. Not set: nothing is kept.
 * PROFEFE_SHIM_FAULTS   a file that is read at every watched operation; while it is not there,
 * nothing fails. A line is <operation> <error> [<after> [<in name>]] operation: write, truncate,
 * sync, open (that creates), unlink, or short (a write that gets half-way, then fails: the rest of
 * it fails when tried again); error: ENOSPC, EIO, EROFS or a number; after: so many matching
 * operations go well first (default 0), counted from when the file was last written (replace it by
 * rename to start anew); in name: only for files whose path holds this text. "free <bytes>" has
 * statvfs say that so many bytes are free.
 *
 * The journal. <inode>.undo is a run of records, each written before the operation that it undoes,
 * so that a killed process leaves at most an operation that did not happen:
 *
 *      0       4      8          16         24        32
 *     +-------+------+----------+----------+---------+----------------------+
 *     | magic | kind | offset   | old size | length  | length bytes of data |   in the machine's
 * byte order
 *     +-------+------+----------+----------+---------+----------------------+
 *     kind 'W': offset..offset+length is about to be overwritten; the data is what stood there
 * (less at the end of the file). 'T': the file is about to be cut; the data is what goes. 'S': all
 * before is synced. 'F': a sync failed; the kernel may have dropped what was pending, until it is
 * written again. After an 'S' without an 'F' before it the file starts anew, so it stays short.
 * <inode>.path names the watched file. names is a log of lines: "C path" made, "U inode path"
 * removed (a link is kept in <inode>.kept), "S path" this directory was synced.
 *
 * One lock for all: operations on watched files come one after another, syncs too.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { FILES_MAX = 512, MAGIC = 0x4f444e55 /* UNDO */ };

typedef struct record {
    uint32_t magic, kind;
    uint64_t offset, old_size, length;
} record;

typedef struct watched {
    dev_t dev;
    ino_t ino;
    int undo;       /* descriptor of <inode>.undo */
    bool sync_lost; /* a sync failed: the records must all stay */
} watched;

typedef struct real_functions {
    int (*open)(const char *, int, ...);
    int (*openat)(int, const char *, int, ...);
    ssize_t (*write)(int, const void *, size_t);
    ssize_t (*pwrite)(int, const void *, size_t, off_t);
    int (*ftruncate)(int, off_t);
    int (*fsync)(int);
    int (*fdatasync)(int);
    int (*unlink)(const char *);
    int (*mkdir)(const char *, mode_t);
    int (*statvfs)(const char *, struct statvfs *);
} real_functions;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards all below */
static watched files[FILES_MAX];
static size_t nfiles;
static int names_fd = -1;
static struct timespec faults_since; /* mtime of the faults file that `seen` counts for */
static ino_t faults_ino;
static unsigned long seen[16]; /* matching operations so far, by line */

static const real_functions *real(void)
{
    static real_functions r;
    static pthread_mutex_t once = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&once);
    if (!r.statvfs) {
        *(void **)&r.open = dlsym(RTLD_NEXT, "open");
        *(void **)&r.openat = dlsym(RTLD_NEXT, "openat");
        *(void **)&r.write = dlsym(RTLD_NEXT, "write");
        *(void **)&r.pwrite = dlsym(RTLD_NEXT, "pwrite64");
        *(void **)&r.ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
        *(void **)&r.fsync = dlsym(RTLD_NEXT, "fsync");
        *(void **)&r.fdatasync = dlsym(RTLD_NEXT, "fdatasync");
        *(void **)&r.unlink = dlsym(RTLD_NEXT, "unlink");
        *(void **)&r.mkdir = dlsym(RTLD_NEXT, "mkdir");
        *(void **)&r.statvfs = dlsym(RTLD_NEXT, "statvfs64");
    }
    pthread_mutex_unlock(&once);
    return &r;
}

static void die(const char *what)
{
    fprintf(stderr, "disk_shim: %s: %s\n", what, strerror(errno));
    abort();
}

static bool is_watched_path(const char *path)
{
    const char *dir = getenv("PROFEFE_SHIM_DIR");
    size_t n = dir ? strlen(dir) : 0, len = strlen(path);
    return n && strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == 0) &&
           !(len > 4 && strcmp(path + len - 4, "-shm") == 0);
}

/* The path of an open watched file; false for all others. */
static bool path_of(int fd, char out[PATH_MAX])
{
    char link[64];
    if (fd <= 2 || !getenv("PROFEFE_SHIM_DIR"))
        return false;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, out, PATH_MAX - 1);
    if (n <= 0 || out[0] != '/')
        return false;
    out[n] = 0;
    return is_watched_path(out);
}

static bool absolute(const char *path, char out[PATH_MAX])
{
    if (path[0] == '/')
        return (size_t)snprintf(out, PATH_MAX, "%s", path) < PATH_MAX;
    char cwd[PATH_MAX];
    return getcwd(cwd, sizeof cwd) && snprintf(out, PATH_MAX, "%s/%s", cwd, path) < PATH_MAX;
}

/* Faults. */

static int error_number(const char *name)
{
    if (strcmp(name, "ENOSPC") == 0)
        return ENOSPC;
    if (strcmp(name, "EIO") == 0)
        return EIO;
    if (strcmp(name, "EROFS") == 0)
        return EROFS;
    return atoi(name);
}

/* The text of the faults file; false when there is none. Starts counting anew when it has changed.
 */
static bool read_faults(char *text, size_t size)
{
    const char *path = getenv("PROFEFE_SHIM_FAULTS");
    struct stat st;
    int fd = path ? real()->open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return false;
    ssize_t n = read(fd, text, size - 1);
    if (fstat(fd, &st) == 0 &&
        (st.st_ino != faults_ino || st.st_mtim.tv_sec != faults_since.tv_sec ||
         st.st_mtim.tv_nsec != faults_since.tv_nsec)) {
        faults_ino = st.st_ino;
        faults_since = st.st_mtim;
        memset(seen, 0, sizeof seen);
    }
    close(fd);
    text[n > 0 ? n : 0] = 0;
    return n > 0;
}

/* The error that `operation` on `path` is to fail with; 0 for none. */
static int fault(const char *operation, const char *path)
{
    char text[1024], *save = NULL;
    if (!read_faults(text, sizeof text))
        return 0;
    size_t i = 0;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save), i++) {
        char op[16] = "", name[16] = "", in[128] = "";
        unsigned long after = 0;
        if (sscanf(line, "%15s %15s %lu %127s", op, name, &after, in) < 2 || i >= 16)
            continue;
        if (strcmp(op, operation) != 0 || (in[0] && !strstr(path, in)))
            continue;
        if (seen[i]++ >= after)
            return error_number(name);
    }
    return 0;
}

/* The journal. */

static bool journal_path(char out[PATH_MAX], unsigned long ino, const char *suffix)
{
    const char *dir = getenv("PROFEFE_SHIM_JOURNAL");
    return dir && *dir &&
           (suffix ? snprintf(out, PATH_MAX, "%s/%lu.%s", dir, ino, suffix)
                   : snprintf(out, PATH_MAX, "%s/names", dir)) < PATH_MAX;
}

static void write_all(int fd, const void *p, size_t n)
{
    for (const char *at = p; n;) {
        ssize_t put = real()->write(fd, at, n);
        if (put <= 0)
            die("writing the journal");
        at += put;
        n -= (size_t)put;
    }
}

static void log_name(const char *line)
{
    char path[PATH_MAX];
    if (names_fd < 0) {
        if (!journal_path(path, 0, NULL))
            return;
        names_fd = real()->open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (names_fd < 0)
            die("opening the journal");
    }
    write_all(names_fd, line, strlen(line));
}

static void log_name2(const char *format, const char *path)
{
    char line[PATH_MAX + 64];
    snprintf(line, sizeof line, format, path);
    log_name(line);
}

static watched *file_of(int fd, const char *path)
{
    struct stat st;
    char name[PATH_MAX];
    if (!journal_path(name, 0, NULL) || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return NULL;
    for (size_t i = 0; i < nfiles; i++)
        if (files[i].dev == st.st_dev && files[i].ino == st.st_ino)
            return &files[i];
    if (nfiles == FILES_MAX)
        die("too many files");
    watched *w = &files[nfiles++];
    *w = (watched){.dev = st.st_dev, .ino = st.st_ino};
    journal_path(name, st.st_ino, "undo");
    w->undo = real()->open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    journal_path(name, st.st_ino, "path");
    int at = real()->open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (w->undo < 0 || at < 0)
        die("opening the journal");
    write_all(at, path, strlen(path));
    close(at);
    return w;
}

static void put_record(watched *w, uint32_t kind, const record *fields, const void *data, size_t n)
{
    record r = fields ? *fields : (record){0};
    r.magic = MAGIC;
    r.kind = kind;
    r.length = n;
    write_all(w->undo, &r, sizeof r);
    if (n)
        write_all(w->undo, data, n);
}

/* Keeps what stands in offset..offset+length, or from offset to the end for a cut. */
static void keep_old(int fd, const char *path, uint32_t kind, uint64_t offset, uint64_t length)
{
    struct stat st;
    watched *w = file_of(fd, path);
    if (!w || fstat(fd, &st) != 0)
        return;
    uint64_t size = (uint64_t)st.st_size;
    uint64_t n = offset >= size ? 0 : size - offset;
    if (kind == 'W' && n > length)
        n = length;
    char *data = malloc(n ? n : 1);
    ssize_t got = data ? pread(fd, data, n, (off_t)offset) : -1;
    if (data && got < 0 && errno == EBADF) { /* open for writing only */
        int in = real()->open(path, O_RDONLY | O_CLOEXEC);
        got = in < 0 ? -1 : pread(in, data, n, (off_t)offset);
        close(in);
    }
    if (got != (ssize_t)n)
        die("reading what is overwritten");
    put_record(w, kind, &(record){.offset = offset, .old_size = size}, data, n);
    free(data);
}

static void note_sync(int fd, const char *path, bool good)
{
    struct stat st;
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
        if (good)
            log_name2("S %s\n", path);
        return;
    }
    watched *w = file_of(fd, path);
    if (!w)
        return;
    w->sync_lost = w->sync_lost || !good;
    if (good && !w->sync_lost) {
        if (real()->ftruncate(w->undo, 0) != 0)
            die("cutting the journal");
    } else {
        put_record(w, good ? 'S' : 'F', NULL, NULL, 0);
    }
}

/* The functions that are replaced. */

static ssize_t fail_write(int fd, const void *p, size_t n, off_t at, int error, bool half)
{
    if (half && n > 1) {
        ssize_t put = at < 0 ? real()->write(fd, p, n / 2) : real()->pwrite(fd, p, n / 2, at);
        return put;
    }
    errno = error;
    return -1;
}

static ssize_t do_write(int fd, const void *p, size_t n, off_t at)
{
    char path[PATH_MAX];
    if (!path_of(fd, path))
        return at < 0 ? real()->write(fd, p, n) : real()->pwrite(fd, p, n, at);
    pthread_mutex_lock(&lock);
    off_t where = at < 0 ? lseek(fd, 0, SEEK_CUR) : at;
    int error = fault("write", path), halved = error ? 0 : fault("short", path);
    ssize_t put;
    if (error || (halved && n <= 1)) {
        put = fail_write(fd, p, n, at, error ? error : halved, false);
    } else {
        keep_old(fd, path, 'W', (uint64_t)where, n);
        put = halved   ? fail_write(fd, p, n, at, halved, true)
              : at < 0 ? real()->write(fd, p, n)
                       : real()->pwrite(fd, p, n, at);
    }
    int was = errno;
    pthread_mutex_unlock(&lock);
    errno = was;
    return put;
}

ssize_t write(int fd, const void *p, size_t n)
{
    return do_write(fd, p, n, -1);
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
    return do_write(fd, p, n, at);
}

ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at)
{
    return do_write(fd, p, n, (off_t)at);
}

static int do_truncate(int fd, off_t size)
{
    char path[PATH_MAX];
    if (!path_of(fd, path))
        return real()->ftruncate(fd, size);
    pthread_mutex_lock(&lock);
    int rc = -1, error = fault("truncate", path);
    if (!error) {
        keep_old(fd, path, 'T', (uint64_t)size, 0);
        rc = real()->ftruncate(fd, size);
        error = errno;
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return rc;
}

int ftruncate(int fd, off_t size)
{
    return do_truncate(fd, size);
}

int ftruncate64(int fd, off64_t size)
{
    return do_truncate(fd, (off_t)size);
}

static int do_sync(int fd, int (*sync)(int))
{
    char path[PATH_MAX];
    if (!path_of(fd, path))
        return sync(fd);
    pthread_mutex_lock(&lock);
    int rc = -1, error = fault("sync", path);
    if (!error) {
        rc = sync(fd);
        error = errno;
    }
    note_sync(fd, path, rc == 0);
    pthread_mutex_unlock(&lock);
    errno = error;
    return rc;
}

int fsync(int fd)
{
    return do_sync(fd, real()->fsync);
}

int fdatasync(int fd)
{
    return do_sync(fd, real()->fdatasync);
}

static int do_open(int dir, const char *path, int flags, mode_t mode)
{
    char full[PATH_MAX];
    struct stat st;
    bool creates = (flags & O_CREAT) && dir == AT_FDCWD && absolute(path, full) &&
                   is_watched_path(full) && stat(full, &st) != 0;
    if (!creates)
        return real()->openat(dir, path, flags, mode);
    pthread_mutex_lock(&lock);
    int fd = -1, error = fault("open", full);
    if (!error) {
        log_name2("C %s\n", full);
        fd = real()->openat(dir, path, flags, mode);
        error = errno;
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return fd;
}

#define MODE_ARGUMENT(flags, mode)                                                                 \
    mode_t mode = 0;                                                                               \
    if ((flags) & (O_CREAT | __O_TMPFILE)) {                                                       \
        va_list ap;                                                                                \
        va_start(ap, flags);                                                                       \
        mode = va_arg(ap, mode_t);                                                                 \
        va_end(ap);                                                                                \
    }

int open(const char *path, int flags, ...)
{
    MODE_ARGUMENT(flags, mode)
    return do_open(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    MODE_ARGUMENT(flags, mode)
    return do_open(AT_FDCWD, path, flags, mode);
}

int openat(int dir, const char *path, int flags, ...)
{
    MODE_ARGUMENT(flags, mode)
    return do_open(dir, path, flags, mode);
}

int openat64(int dir, const char *path, int flags, ...)
{
    MODE_ARGUMENT(flags, mode)
    return do_open(dir, path, flags, mode);
}

int mkdir(const char *path, mode_t mode)
{
    char full[PATH_MAX];
    int rc = real()->mkdir(path, mode), error = errno;
    /* Whether the watched directory itself lasts can't be seen from inside of it. */
    if (rc == 0 && absolute(path, full) && is_watched_path(full) &&
        strcmp(full, getenv("PROFEFE_SHIM_DIR")) != 0) {
        pthread_mutex_lock(&lock);
        log_name2("C %s\n", full);
        pthread_mutex_unlock(&lock);
    }
    errno = error;
    return rc;
}

static void keep_link(const char *path)
{
    struct stat st;
    char kept[PATH_MAX], line[PATH_MAX + 64];
    if (stat(path, &st) != 0 || !journal_path(kept, st.st_ino, "kept"))
        return;
    if (link(path, kept) != 0 && errno != EEXIST)
        die("keeping a removed file (the journal must be on the same file system)");
    snprintf(line, sizeof line, "U %lu %s\n", (unsigned long)st.st_ino, path);
    log_name(line);
}

int unlink(const char *path)
{
    char full[PATH_MAX];
    if (!absolute(path, full) || !is_watched_path(full))
        return real()->unlink(path);
    pthread_mutex_lock(&lock);
    int rc = -1, error = fault("unlink", full);
    if (!error) {
        keep_link(full);
        rc = real()->unlink(path);
        error = errno;
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return rc;
}

static void limit_free(struct statvfs *fs)
{
    char text[1024];
    unsigned long long bytes;
    pthread_mutex_lock(&lock);
    const char *at = read_faults(text, sizeof text) ? strstr(text, "free ") : NULL;
    if (at && sscanf(at, "free %llu", &bytes) == 1)
        fs->f_bavail = fs->f_frsize ? bytes / fs->f_frsize : 0;
    pthread_mutex_unlock(&lock);
}

int statvfs(const char *path, struct statvfs *fs)
{
    int rc = real()->statvfs(path, fs);
    if (rc == 0)
        limit_free(fs);
    return rc;
}

int statvfs64(const char *path, struct statvfs64 *fs)
{
    return statvfs(path, (struct statvfs *)fs);
}
