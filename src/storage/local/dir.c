#include "storage/local/dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DIR_MODE = 0750, FILE_MODE = 0640 };

pf_code pf_dir_sync(const char *path, pf_error *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return pf_fail(err, PF_INTERNAL, "can't open %s: %s", path, strerror(errno));
    int rc = fsync(fd);
    int why = errno;
    close(fd);
    /* Some file systems have no fsync of directories and say EINVAL: then there is nothing to do.
     */
    if (rc != 0 && why != EINVAL)
        return pf_fail(err, PF_INTERNAL, "can't sync %s: %s", path, strerror(why));
    return PF_OK;
}

static bool ends_with(const char *name, const char *tail)
{
    size_t n = strlen(name), t = strlen(tail);
    return n > t && strcmp(name + n - t, tail) == 0;
}

static bool is_badgers(const char *name)
{
    return strcmp(name, "MANIFEST") == 0 || strcmp(name, "KEYREGISTRY") == 0 ||
           ends_with(name, ".vlog") || ends_with(name, ".sst");
}

/* PF_NOT_FOUND: the directory is not there. */
static pf_code look_at(const char *path, pf_error *err)
{
    DIR *dir = opendir(path);
    if (!dir && errno == ENOENT)
        return PF_NOT_FOUND;
    if (!dir && errno == ENOTDIR)
        return pf_fail(err, PF_INVALID, "%s is not a directory", path);
    if (!dir)
        return pf_fail(err, PF_INTERNAL, "can't read directory %s: %s", path, strerror(errno));
    pf_code code = PF_OK;
    for (struct dirent *e; !code && (e = readdir(dir));)
        if (is_badgers(e->d_name))
            code = pf_fail(
                err, PF_INVALID,
                "%s holds files of the Badger store (%s), which this server can't read: give "
                "-local.dir another directory",
                path, e->d_name);
    closedir(dir);
    return code;
}

/* mkdir with its parents; each new entry is made durable in the directory that holds it. */
static pf_code make_dirs(const char *path, pf_error *err)
{
    char *copy = strdup(path);
    if (!copy)
        return pf_fail_nomem(err, "path");
    pf_code code = PF_OK;
    size_t n = strlen(copy);
    for (size_t i = 1; !code && i <= n; i++) {
        if (copy[i] != '/' && copy[i] != 0)
            continue;
        copy[i] = 0;
        if (mkdir(copy, DIR_MODE) == 0) {
            char *slash = strrchr(copy, '/');
            if (slash == copy)
                code = pf_dir_sync("/", err);
            else if (slash)
                *slash = 0, code = pf_dir_sync(copy, err), *slash = '/';
            else
                code = pf_dir_sync(".", err);
        } else if (errno != EEXIST) {
            code = pf_fail(err, errno == ENOTDIR ? PF_INVALID : PF_INTERNAL,
                           "can't make directory %s: %s", copy, strerror(errno));
        }
        copy[i] = path[i];
    }
    free(copy);
    return code;
}

static pf_code locked_by(int fd, const char *path, pf_error *err)
{
    char text[24] = {0};
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    long pid = n > 0 ? strtol(text, NULL, 10) : 0;
    if (pid > 0)
        return pf_fail(err, PF_UNAVAILABLE, "%s is locked by another process (pid %ld)", path, pid);
    return pf_fail(err, PF_UNAVAILABLE, "%s is locked by another process", path);
}

static pf_code take_lock(pf_dir *d, pf_error *err)
{
    char *path = NULL;
    if (asprintf(&path, "%s/LOCK", d->path) < 0)
        return pf_fail_nomem(err, "path");
    pf_code code = PF_OK;
    d->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
    if (d->lock_fd < 0) {
        code = pf_fail(err, PF_INTERNAL, "can't write in %s: %s", d->path, strerror(errno));
    } else if (flock(d->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        code = errno == EWOULDBLOCK
                   ? locked_by(d->lock_fd, d->path, err)
                   : pf_fail(err, PF_INTERNAL, "can't lock %s: %s", path, strerror(errno));
    } else {
        /* The pid is there for the next one's message only: not worth failing for. */
        if (ftruncate(d->lock_fd, 0) == 0)
            dprintf(d->lock_fd, "%ld\n", (long)getpid());
    }
    free(path);
    return code;
}

pf_code pf_dir_open(pf_dir *d, const char *path, pf_error *err)
{
    *d = (pf_dir){.lock_fd = -1};
    if (!path || !*path)
        return pf_fail(err, PF_INVALID, "the store's directory has an empty name");
    pf_code code = look_at(path, err);
    if (code == PF_NOT_FOUND)
        code = make_dirs(path, err);
    if (code)
        return code;
    d->path = strdup(path);
    if (!d->path || asprintf(&d->partitions, "%s/partitions", path) < 0) {
        d->partitions = NULL;
        code = pf_fail_nomem(err, "path");
    }
    if (!code)
        code = take_lock(d, err);
    if (!code)
        code = make_dirs(d->partitions, err);
    if (code)
        pf_dir_close(d);
    return code;
}

bool pf_dir_is_locked(const char *path)
{
    char *lock = NULL;
    if (asprintf(&lock, "%s/LOCK", path) < 0)
        return true;
    int fd = open(lock, O_RDONLY | O_CLOEXEC);
    free(lock);
    bool locked = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0;
    if (fd >= 0)
        close(fd);
    return locked;
}

void pf_dir_close(pf_dir *d)
{
    if (d->lock_fd >= 0)
        close(d->lock_fd);
    free(d->path);
    free(d->partitions);
    *d = (pf_dir){.lock_fd = -1};
}
