#include "storage/local/partitions.h"

#include "base/clock.h"
#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NS_PER_DAY (86400 * PF_NS_PER_SEC)
enum { TTL_PARTS = 8, DAYS_MAX = 30 };

int64_t pf_partitions_days(int64_t data_ttl)
{
    if (data_ttl <= 0)
        return DAYS_MAX;
    int64_t days = data_ttl / TTL_PARTS / NS_PER_DAY;
    return days < 1 ? 1 : days > DAYS_MAX ? DAYS_MAX : days;
}

static bool reserve(pf_partition ***list, size_t *cap, size_t n)
{
    if (n < *cap)
        return true;
    size_t more = *cap ? *cap * 2 : 16;
    pf_partition **bigger = realloc(*list, more * sizeof **list);
    if (!bigger)
        return false;
    *list = bigger;
    *cap = more;
    return true;
}

static int key_cmp(pf_partition_key a, pf_partition_key b)
{
    return a.day != b.day ? (a.day < b.day ? -1 : 1) : a.file - b.file;
}

static bool insert(pf_partitions *s, pf_partition *p)
{
    if (!reserve(&s->list, &s->cap, s->n))
        return false;
    size_t at = s->n++;
    for (; at > 0 && key_cmp(s->list[at - 1]->key, p->key) > 0; at--)
        s->list[at] = s->list[at - 1];
    s->list[at] = p;
    return true;
}

/* A killed drop may leave the log of a file that is gone; SQLite must not find it beside a new
 * file. */
static void remove_orphan(const char *dir, const char *file)
{
    enum { SUFFIX = 4 };
    char *db = NULL, *log = NULL;
    pf_partition_key key;
    size_t n = strlen(file);
    char name[PF_PARTITION_NAME + 4];
    if (n < SUFFIX || n - SUFFIX >= sizeof name ||
        (strcmp(file + n - SUFFIX, "-wal") != 0 && strcmp(file + n - SUFFIX, "-shm") != 0))
        return;
    memcpy(name, file, n - SUFFIX);
    name[n - SUFFIX] = 0;
    if (!pf_partition_parse(name, &key))
        return;
    if (asprintf(&db, "%s/%s", dir, name) < 0)
        return;
    if (asprintf(&log, "%s/%s", dir, file) < 0)
        log = NULL;
    if (log && access(db, F_OK) != 0 && errno == ENOENT)
        unlink(log);
    free(db);
    free(log);
}

static bool is_database(const char *file)
{
    size_t n = strlen(file);
    return n > 3 && strcmp(file + n - 3, ".db") == 0;
}

static pf_code put_aside(pf_partitions *s, pf_partition_key key, pf_error *err)
{
    pf_aside *more = realloc(s->aside, (s->naside + 1) * sizeof *more);
    if (!more)
        return pf_fail_nomem(err, "partitions");
    s->aside = more;
    s->aside[s->naside].key = key;
    pf_partition_name(key, s->aside[s->naside].name);
    PF_LOG_ERROR("put a damaged partition aside", PF_S("partition", s->aside[s->naside].name),
                 PF_S("error", err->msg));
    s->naside++;
    return PF_OK;
}

static pf_code open_all(pf_partitions *s, DIR *dir, pf_error *err)
{
    for (struct dirent *e; (e = readdir(dir));) {
        pf_partition_key key;
        pf_partition *p = NULL;
        bool damaged;
        if (!pf_partition_parse(e->d_name, &key)) {
            if (is_database(e->d_name))
                PF_LOG_WARN("left a file alone: its name is not a partition's",
                            PF_S("file", e->d_name));
            remove_orphan(s->dir, e->d_name);
            continue;
        }
        pf_code code = pf_partition_open(s->dir, key, false, &p, &damaged, err);
        if (code && damaged && !put_aside(s, key, err))
            continue;
        if (code)
            return code;
        if (!insert(s, p)) {
            pf_partition_unref(p);
            return pf_fail_nomem(err, "partitions");
        }
    }
    return PF_OK;
}

pf_code pf_partitions_open(pf_partitions *s, const char *path, int64_t days, pf_conns *conns,
                           pf_error *err)
{
    *s = (pf_partitions){.conns = conns, .days = days, .dir = strdup(path)};
    pthread_mutex_init(&s->lock, NULL);
    pf_code code = s->dir ? PF_OK : pf_fail_nomem(err, "partitions");
    DIR *dir = code ? NULL : opendir(path);
    if (!code && !dir)
        code = pf_fail(err, PF_INTERNAL, "can't read directory %s: %s", path, strerror(errno));
    if (!code)
        code = open_all(s, dir, err);
    if (dir)
        closedir(dir);
    pf_conns_fit(conns, s->n);
    if (code)
        pf_partitions_close(s);
    return code;
}

void pf_partitions_close(pf_partitions *s)
{
    pf_partitions_reap(s);
    for (size_t i = 0; i < s->n; i++)
        pf_partition_unref(s->list[i]);
    for (size_t i = 0; i < s->ndying; i++)
        pf_partition_unref(s->dying[i]);
    free(s->list);
    free(s->dying);
    free(s->aside);
    free(s->dir);
    pthread_mutex_destroy(&s->lock);
}

int64_t pf_partitions_day(const pf_partitions *s, int64_t wall)
{
    int64_t day = wall < 0 ? 0 : wall / NS_PER_DAY;
    return day - day % s->days;
}

/* The last file of the day among `n`, as *last when it is later than that. */
static void later_of_day(pf_partition *const *list, size_t n, int64_t day, int *last)
{
    for (size_t i = 0; i < n; i++)
        if (list[i]->key.day == day && list[i]->key.file > *last)
            *last = list[i]->key.file;
}

/* The partition of the day that takes what comes, with a reference; NULL: none, and *last is the last file that its name
 * is taken by. */
static pf_partition *open_of_day(pf_partitions *s, int64_t day, int *last)
{
    pf_partition *found = NULL;
    *last = 0;
    pthread_mutex_lock(&s->lock);
    later_of_day(s->list, s->n, day, last);
    for (size_t i = s->n; i-- > 0;)
        if (s->list[i]->key.day == day && s->list[i]->key.file == *last)
            found = s->list[i];
    later_of_day(s->dying, s->ndying, day, last);
    for (size_t i = 0; i < s->naside; i++)
        if (s->aside[i].key.day == day && s->aside[i].key.file > *last)
            *last = s->aside[i].key.file;
    if (found && (found->key.file < *last || !found->writable || atomic_load(&found->damaged) ||
                  atomic_load(&found->full)))
        found = NULL;
    if (found)
        pf_partition_ref(found);
    pthread_mutex_unlock(&s->lock);
    return found;
}

static pf_code make(pf_partitions *s, pf_partition_key key, pf_partition **out, pf_error *err)
{
    bool damaged;
    pf_partition *p = NULL;
    pf_code code = pf_partition_open(s->dir, key, true, &p, &damaged, err);
    if (code)
        return code;
    pthread_mutex_lock(&s->lock);
    bool kept = insert(s, p);
    if (kept)
        pf_partition_ref(p);
    pthread_mutex_unlock(&s->lock);
    if (!kept) {
        pf_partition_unref(p);
        return pf_fail_nomem(err, "partitions");
    }
    pf_conns_fit(s->conns, s->n);
    PF_LOG_INFO("made a partition", PF_S("partition", p->name));
    *out = p;
    return PF_OK;
}

pf_code pf_partitions_for(pf_partitions *s, int64_t wall, pf_partition **out, pf_error *err)
{
    int last;
    int64_t day = pf_partitions_day(s, wall);
    pf_partitions_reap(s);
    *out = open_of_day(s, day, &last);
    if (*out)
        return PF_OK;
    if (last >= PF_PARTITION_FILES)
        return pf_fail(err, PF_UNAVAILABLE, "today has %d partitions already", last);
    return make(s, (pf_partition_key){day, last + 1}, out, err);
}

void pf_partitions_distrust(pf_partitions *s, pf_partition *p, const char *why)
{
    (void)s;
    if (!atomic_exchange(&p->damaged, true))
        PF_LOG_ERROR("a partition is damaged: no more is written to it", PF_S("partition", p->name),
                     PF_S("error", why));
}

static void put_name(pf_buf *names, size_t n, const char *name)
{
    pf_buf_put_str(names, pf_str_c(n ? ", " : ""));
    pf_buf_put_str(names, pf_str_c(name));
}

size_t pf_partitions_damaged(pf_partitions *s, pf_buf *names)
{
    size_t n = 0;
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->naside; i++, n++)
        put_name(names, n, s->aside[i].name);
    for (size_t i = 0; i < s->n; i++)
        if (atomic_load(&s->list[i]->damaged))
            put_name(names, n++, s->list[i]->name);
    pthread_mutex_unlock(&s->lock);
    return n;
}

pf_code pf_partitions_all(pf_partitions *s, pf_partition ***list, size_t *n, pf_error *err)
{
    pthread_mutex_lock(&s->lock);
    *n = s->n;
    *list = malloc((s->n ? s->n : 1) * sizeof **list);
    for (size_t i = 0; *list && i < s->n; i++) {
        (*list)[i] = s->list[i];
        pf_partition_ref(s->list[i]);
    }
    pthread_mutex_unlock(&s->lock);
    return *list ? PF_OK : pf_fail_nomem(err, "partitions");
}

void pf_partitions_release(pf_partition **list, size_t n)
{
    for (size_t i = 0; list && i < n; i++)
        pf_partition_unref(list[i]);
    free(list);
}

void pf_partitions_drop(pf_partitions *s, pf_partition *p)
{
    pthread_mutex_lock(&s->lock);
    size_t at = 0;
    while (at < s->n && s->list[at] != p)
        at++;
    bool found = at < s->n && reserve(&s->dying, &s->dying_cap, s->ndying);
    if (found) {
        memmove(s->list + at, s->list + at + 1, (s->n - at - 1) * sizeof *s->list);
        s->n--;
        s->dying[s->ndying++] = p;
    }
    pthread_mutex_unlock(&s->lock);
    pf_partitions_reap(s);
    pf_conns_fit(s->conns, s->n);
}

/* Nobody can get at a dying partition any more, so a last reference stays the last one. */
static pf_partition *unused(pf_partitions *s)
{
    pf_partition *p = NULL;
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; !p && i < s->ndying; i++)
        if (atomic_load_explicit(&s->dying[i]->refs, memory_order_acquire) == 1) {
            p = s->dying[i];
            s->dying[i] = s->dying[--s->ndying];
        }
    pthread_mutex_unlock(&s->lock);
    return p;
}

void pf_partitions_reap(pf_partitions *s)
{
    for (size_t i = 0; i < s->ndying; i++) /* which the caller alone changes */
        pf_conns_close_idle(s->conns, s->dying[i], INT64_MAX);
    for (pf_partition *p; (p = unused(s));) {
        pf_partition_unlink(p);
        pf_partition_unref(p);
    }
}

size_t pf_partitions_count(pf_partitions *s)
{
    pthread_mutex_lock(&s->lock);
    size_t n = s->n;
    pthread_mutex_unlock(&s->lock);
    return n;
}
