#include "server/access/rules_file.h"

#include "base/log.h"
#include "server/access/rules_yaml.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Reading */

static pf_file_stamp stamp_of(const struct stat *st)
{
    return (pf_file_stamp){true, st->st_dev, st->st_ino, st->st_size, st->st_mtim, st->st_ctim};
}

static pf_file_stamp stamp_now(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? stamp_of(&st) : (pf_file_stamp){0};
}

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool same_stamp(const pf_file_stamp *a, const pf_file_stamp *b)
{
    return a->there == b->there && a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
           same_time(a->mtime, b->mtime) && same_time(a->ctime, b->ctime);
}

static pf_code fail(pf_error *err, const char *path, const char *why)
{
    return pf_fail_param(err, PF_INVALID, "auth.file", "%s: %s", path, why);
}

/* What may be over at the next look is no verdict on the file: PF_INTERNAL is tried again. */
static pf_code fail_errno(pf_error *err, const char *path, int why)
{
    bool passes = why == EMFILE || why == ENFILE || why == ENOMEM || why == EIO || why == EINTR;
    return pf_fail_param(err, passes ? PF_INTERNAL : PF_INVALID, "auth.file", "%s: %s", path,
                         strerror(why));
}

/* Up to `max` bytes; below 0: errno says why. */
static ssize_t read_all(int fd, char *p, size_t max)
{
    size_t n = 0;
    while (n < max) {
        ssize_t got = read(fd, p + n, max - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -1 : (ssize_t)n;
        n += (size_t)got;
    }
    return (ssize_t)n;
}

/* PF_UNAVAILABLE: it changed meanwhile. */
static pf_code read_open(int fd, const char *path, pf_buf *text, pf_file_stamp *stamp, mode_t *mode,
                         pf_error *err)
{
    struct stat before, after;
    if (fstat(fd, &before) != 0)
        return fail_errno(err, path, errno);
    *stamp = stamp_of(&before);
    *mode = before.st_mode;
    if (!S_ISREG(before.st_mode))
        return fail(err, path, S_ISDIR(before.st_mode) ? strerror(EISDIR) : "it is no file");
    if (before.st_size > PF_RULES_MAX)
        return fail(err, path, "the file is larger than 16 MiB");
    size_t room = (size_t)before.st_size + 1; /* one more, to see a file that grows */
    char *p = pf_buf_reserve(text, room);
    if (!p)
        return pf_fail_nomem(err, "the auth file");
    ssize_t n = read_all(fd, p, room);
    if (n < 0 || fstat(fd, &after) != 0)
        return fail_errno(err, path, errno);
    text->len = (size_t)n;
    pf_file_stamp then = stamp_of(&after);
    if (n != before.st_size || !same_stamp(stamp, &then))
        return pf_fail_param(err, PF_UNAVAILABLE, "auth.file", "%s: it changed while it was read",
                             path);
    return PF_OK;
}

/* A file and nothing else: a pipe would keep who reads it waiting. */
static pf_code read_text(const char *path, pf_buf *text, pf_file_stamp *stamp, mode_t *mode,
                         pf_error *err)
{
    *stamp = (pf_file_stamp){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        int why = errno;
        *stamp = stamp_now(path); /* one that is there, and mayn't be read */
        return fail_errno(err, path, why);
    }
    pf_code code = read_open(fd, path, text, stamp, mode, err);
    close(fd);
    return code;
}

static pf_code read_rules(const char *path, const pf_rules *in_force, pf_rules **out,
                          pf_file_stamp *stamp, pf_error *err)
{
    pf_buf text = PF_BUF_INIT;
    mode_t mode = 0;
    pf_code code = read_text(path, &text, stamp, &mode, err);
    if (!code)
        code = pf_rules_parse(pf_buf_str(&text), path, in_force, out, err);
    if (!code && (mode & S_IROTH))
        PF_LOG_WARN("everybody on this machine can read the auth file, and so sign sessions: take "
                    "that right away (chmod o-r)",
                    PF_S("file", path));
    if (text.data)
        OPENSSL_cleanse(text.data, text.cap);
    pf_buf_free(&text);
    return code;
}

/* ---- Rules in force */

static void make_metrics(pf_rules_file *f)
{
    pf_metric_family *reloads =
        pf_metrics_family("profefe_auth_file_reloads_total",
                          "How often the auth file was read again.", PF_COUNTER, NULL, 0);
    pf_metric_family *tokens =
        pf_metrics_family("profefe_auth_tokens", "Tokens in force.", PF_GAUGE, NULL, 0);
    f->reloads_ok = reloads ? pf_metric_series(reloads, "result=\"ok\"") : NULL;
    f->reloads_bad = reloads ? pf_metric_series(reloads, "result=\"bad\"") : NULL;
    f->tokens = tokens ? pf_metric_series(tokens, "") : NULL;
}

pf_code pf_rules_file_open(pf_rules_file *f, const char *path, const pf_clock *clock, pf_error *err)
{
    *f = (pf_rules_file){.path = strdup(path), .clock = clock};
    pf_code code = f->path ? read_rules(path, NULL, &f->current, &f->judged, err)
                           : pf_fail_nomem(err, "the auth file");
    if (code) {
        free(f->path);
        return code;
    }
    f->seen = f->judged;
    pthread_mutex_init(&f->lock, NULL);
    pf_rules_expire(f->current, pf_clock_wall(clock), true);
    make_metrics(f);
    pf_metric_set(f->tokens, (double)f->current->n);
    return PF_OK;
}

void pf_rules_file_close(pf_rules_file *f)
{
    pf_rules_release(f->current);
    for (pf_rules *next; f->older; f->older = next) {
        next = f->older->older;
        pf_rules_release(f->older);
    }
    pthread_mutex_destroy(&f->lock);
    free(f->path);
}

pf_rules *pf_rules_file_take(pf_rules_file *f)
{
    pthread_mutex_lock(&f->lock);
    pf_rules *rules = f->current;
    pf_rules_retain(rules);
    pthread_mutex_unlock(&f->lock);
    return rules;
}

bool pf_rules_file_problem(pf_rules_file *f, char *out, size_t n)
{
    pthread_mutex_lock(&f->lock);
    snprintf(out, n, "%s", f->problem);
    pthread_mutex_unlock(&f->lock);
    return n && out[0];
}

/* True when it is another one than before. */
static bool set_problem(pf_rules_file *f, const char *problem)
{
    pthread_mutex_lock(&f->lock);
    bool other = strcmp(f->problem, problem) != 0;
    if (other)
        snprintf(f->problem, sizeof f->problem, "%s", problem);
    pthread_mutex_unlock(&f->lock);
    return other;
}

/* Only then are the old ones marked: who takes rules in between takes the new ones. */
static void put_in_force(pf_rules_file *f, pf_rules *fresh)
{
    pf_rules_expire(fresh, pf_clock_wall(f->clock), true);
    pf_metric_set(f->tokens, (double)fresh->n);
    pthread_mutex_lock(&f->lock);
    f->current->older = f->older;
    f->older = f->current;
    f->current = fresh;
    pthread_mutex_unlock(&f->lock);
    for (pf_rules *old = f->older; old; old = old->older)
        pf_rules_replace(old, fresh);
}

static void read_again(pf_rules_file *f, bool force)
{
    pf_error err = {0};
    pf_rules *fresh = NULL;
    pf_file_stamp stamp;
    pf_code code = read_rules(f->path, f->current, &fresh, &stamp, &err);
    if (code == PF_UNAVAILABLE)
        return; /* its writer isn't through: the next looks see to it */
    /* For want of memory or descriptors, which may be there at the next look, nothing is judged. */
    f->judged = code == PF_INTERNAL ? (pf_file_stamp){0} : stamp;
    pf_metric_add(code ? f->reloads_bad : f->reloads_ok, 1);
    if (code) {
        if (set_problem(f, err.msg) || force)
            PF_LOG_ERROR("can't use the auth file: the old rules are kept", PF_S("error", err.msg));
        return;
    }
    put_in_force(f, fresh);
    set_problem(f, "");
    PF_LOG_INFO("read the auth file again", PF_S("file", f->path), PF_I("tokens", fresh->n));
}

/* Frees those that nobody else holds: nobody can take them any more. */
static void drop_older(pf_rules_file *f)
{
    for (pf_rules **at = &f->older; *at;) {
        pf_rules *old = *at;
        if (atomic_load_explicit(&old->refs, memory_order_acquire) == 1) {
            *at = old->older;
            pf_rules_release(old);
        } else {
            at = &old->older;
        }
    }
}

void pf_rules_file_look(pf_rules_file *f, bool force)
{
    pf_file_stamp is = stamp_now(f->path);
    bool changed = !same_stamp(&is, &f->judged), settled = same_stamp(&is, &f->seen);
    f->seen = is;
    if (force || (changed && settled))
        read_again(f, force);
    int64_t now = pf_clock_wall(f->clock);
    pf_rules_expire(f->current, now, true);
    for (pf_rules *old = f->older; old; old = old->older)
        pf_rules_expire(old, now, false);
    drop_older(f);
}
