#include "storage/local/partition.h"

#include "base/log.h"
#include "base/xid.h"
#include "storage/local/dir.h"
#include "storage/local/schema.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { OPEN_CACHE = 256 * 1024, SECONDS_PER_DAY = 86400, LAST_DAY = 2932896 /* 9999-12-31 */ };

static const char *const suffixes[] = {"", "-wal", "-shm"};

void pf_partition_name(pf_partition_key key, char out[static PF_PARTITION_NAME + 1])
{
    int64_t day = key.day < 0 ? 0 : key.day > LAST_DAY ? LAST_DAY : key.day;
    time_t t = (time_t)(day * SECONDS_PER_DAY);
    struct tm tm;
    gmtime_r(&t, &tm);
    size_t n = strftime(out, PF_PARTITION_NAME + 1, "%Y-%m-%d", &tm);
    if (key.file > 1)
        snprintf(out + n, PF_PARTITION_NAME + 1 - n, ".%d", key.file);
}

bool pf_partition_parse(const char *file, pf_partition_key *key)
{
    enum { DATE = 10 };
    struct tm tm = {0};
    char name[PF_PARTITION_NAME + 1], *rest;
    const char *end = strptime(file, "%Y-%m-%d", &tm);
    if (!end || end != file + DATE)
        return false;
    time_t t = timegm(&tm);
    if (t < 0)
        return false;
    long number = 1;
    if (*end == '.' && end[1] >= '0' && end[1] <= '9') {
        number = strtol(end + 1, &rest, 10);
        if (number < 2 || number > PF_PARTITION_FILES)
            return false;
        end = rest;
    }
    *key = (pf_partition_key){t / SECONDS_PER_DAY, (int)number};
    pf_partition_name(*key, name); /* strptime takes " 1" and 02-31, strtol "+2" and "02" */
    size_t n = strlen(name);
    return strcmp(end, ".db") == 0 && (size_t)(end - file) == n && memcmp(name, file, n) == 0;
}

/* A copy made by VACUUM INTO says in its header that it has no log. One that lies beside it is then another file's, left
 * behind by a killed server; SQLite would write it into the copy. */
static pf_code check_log(const char *path, const unsigned char *head, pf_error *err)
{
    enum { READ_VERSION = 19, ROLLBACK = 1 }; /* www.sqlite.org/fileformat.html 1.3 */
    struct stat st;
    char *log = NULL;
    if (head[READ_VERSION] != ROLLBACK)
        return PF_OK;
    if (asprintf(&log, "%s-wal", path) < 0)
        return pf_fail_nomem(err, "partition");
    bool foreign = stat(log, &st) == 0 && st.st_size > 0;
    free(log);
    return foreign ? pf_fail(err, PF_INTERNAL,
                             "%s-wal is not this file's log, as where a backup was restored over "
                             "what a killed "
                             "server left: remove %s-wal and %s-shm",
                             path, path, path)
                   : PF_OK;
}

/* Before SQLite opens it: afterwards, closing a descriptor of ours would drop SQLite's locks. */
static pf_code check_header(const char *path, bool *exists, bool *damaged, pf_error *err)
{
    unsigned char head[20] = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    *exists = fd >= 0 || errno != ENOENT;
    if (fd < 0)
        return *exists ? pf_fail(err, PF_INTERNAL, "can't open %s: %s", path, strerror(errno))
                       : PF_OK;
    ssize_t n = pread(fd, head, sizeof head, 0);
    int why = errno;
    close(fd);
    if (n < 0)
        return pf_fail(err, PF_INTERNAL, "can't read %s: %s", path, strerror(why));
    *damaged = n > 0 && (n < (ssize_t)sizeof head || memcmp(head, "SQLite format 3", 16) != 0);
    if (*damaged)
        return pf_fail(err, PF_INTERNAL, "%s is damaged: not an SQLite file", path);
    return n ? check_log(path, head, err) : PF_OK;
}

/* Everything that the log holds is in the file now, so the file must be as long as its header says.
 */
static pf_code check_length(sqlite3 *db, const char *path, pf_error *err)
{
    int64_t pages = 0;
    struct stat st;
    pf_code code = pf_db_number(db, "PRAGMA page_count", &pages, err);
    if (code)
        return code;
    if (stat(path, &st) != 0)
        return pf_fail(err, PF_INTERNAL, "can't read %s: %s", path, strerror(errno));
    if (st.st_size / 4096 < pages)
        return pf_fail(err, PF_INTERNAL, "%s is damaged: cut off after %lld of %lld pages", path,
                       (long long)(st.st_size / 4096), (long long)pages);
    return PF_OK;
}

static pf_code read_arrival(sqlite3 *db, const char *sql, int64_t *out, pf_error *err)
{
    sqlite3_stmt *st = NULL;
    pf_code code = pf_db_prepare(db, sql, &st, err);
    if (code)
        return code;
    int rc = sqlite3_step(st);
    pf_str bytes = rc == SQLITE_ROW ? pf_db_blob(st, 0) : (pf_str){0};
    pf_xid id;
    if (rc == SQLITE_ROW && bytes.n == sizeof id.b) {
        memcpy(id.b, bytes.p, sizeof id.b);
        *out = pf_xid_seconds(id);
    } else if (rc != SQLITE_DONE) {
        code = rc == SQLITE_ROW ? pf_fail(err, PF_INTERNAL, "partition %s is damaged: bad id",
                                          sqlite3_db_filename(db, "main"))
                                : pf_db_fail(db, err);
    }
    sqlite3_finalize(st);
    return code;
}

static pf_code read_extent(sqlite3 *db, pf_extent *e, pf_error *err)
{
    sqlite3_stmt *st = NULL;
    pf_code code = pf_db_prepare(
        db, "SELECT first_created, last_created, raw, columns FROM extent WHERE one = 1", &st, err);
    if (!code && sqlite3_step(st) != SQLITE_ROW)
        code = pf_db_fail(db, err);
    if (!code) {
        e->first_created = sqlite3_column_int64(st, 0);
        e->last_created = sqlite3_column_int64(st, 1);
        e->rows[PF_KIND_RAW] = sqlite3_column_int64(st, 2);
        e->rows[PF_KIND_COLUMNS] = sqlite3_column_int64(st, 3);
    }
    sqlite3_finalize(st);
    if (!code)
        code = read_arrival(db, "SELECT xid FROM profile ORDER BY xid LIMIT 1", &e->first_arrival,
                            err);
    if (!code)
        code = read_arrival(db, "SELECT xid FROM profile ORDER BY xid DESC LIMIT 1",
                            &e->last_arrival, err);
    return code;
}

/* What spares questions later. */
static pf_code read_marks(sqlite3 *db, pf_partition *p, pf_error *err)
{
    int64_t external = 0, removed = 0;
    pf_code code = pf_db_number(db, "SELECT EXISTS (SELECT 1 FROM external)", &external, err);
    if (!code)
        code = pf_db_number(
            db, "SELECT EXISTS (SELECT 1 FROM meta WHERE name = CAST('removed' AS BLOB))", &removed,
            err);
    atomic_store(&p->has_external, external != 0);
    atomic_store(&p->has_removed, removed != 0);
    atomic_store(&p->may_shrink, removed != 0);
    return code;
}

/* What pf_db_fail and the checks here say of a file that is not what was written: pages that are none, tables that are
 * not there. What can't be opened for its rights is another thing. */
static bool is_damage(pf_code code, const pf_error *err)
{
    return code == PF_INTERNAL && (strstr(err->msg, "is damaged") || strstr(err->msg, "(code 1)"));
}

static pf_code read_all(sqlite3 *db, pf_partition *p, pf_error *err)
{
    pf_code code = read_extent(db, &p->extent, err);
    if (code || p->format < 2)
        return code;
    code = read_marks(db, p, err);
    if (!is_damage(code, err))
        return code;
    /* What its profiles need is there: they are read, and no more come. */
    PF_LOG_ERROR("a partition is damaged: no more is written to it", PF_S("partition", p->name),
                 PF_S("error", err->msg));
    atomic_store(&p->damaged, true);
    atomic_store(&p->has_removed, true);
    return PF_OK;
}

/* Copies the log into the file. Where that can't be, what is stored can be read all the same: a full disk. */
static bool empty_log(sqlite3 *db, const pf_partition *p)
{
    int rc = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    if (rc == SQLITE_OK)
        return true;
    pf_error why;
    pf_db_fail(db, &why);
    PF_LOG_WARN("can't checkpoint a partition", PF_S("partition", p->name), PF_S("error", why.msg));
    return false;
}

static pf_code look_into(sqlite3 *db, pf_partition *p, bool exists, bool *damaged, pf_error *err)
{
    pf_schema schema;
    pf_code code = pf_schema_ensure(db, p->path, &schema, err);
    *damaged = exists && is_damage(code, err);
    p->format = schema.version;
    p->writable = schema.writable;
    if (!code && !exists)
        code = pf_dir_sync(p->dir, err);
    if (code)
        return code;
    if (empty_log(db, p))
        code = check_length(db, p->path, err);
    if (!code)
        code = read_all(db, p, err);
    *damaged = exists && is_damage(code, err);
    return code;
}

static pf_code open_db(pf_partition *p, bool exists, bool *damaged, pf_error *err)
{
    sqlite3 *db = NULL;
    pf_code code = pf_db_open(p->path, PF_DB_CREATE, OPEN_CACHE, &db, err);
    if (code) { /* of a file that is cut off, as pf_db_fail says it */
        *damaged = exists && is_damage(code, err);
        return code;
    }
    if (sqlite3_db_readonly(db, "main") == 1)
        code = pf_fail(err, PF_INTERNAL, "can't write %s: it is read-only", p->path);
    if (!code)
        code = look_into(db, p, exists, damaged, err);
    sqlite3_close(db);
    return code;
}

static void free_partition(pf_partition *p)
{
    pthread_mutex_destroy(&p->lock);
    free(p->path);
    free(p->dir);
    free(p);
}

pf_code pf_partition_open(const char *dir, pf_partition_key key, bool create, pf_partition **out,
                          bool *damaged, pf_error *err)
{
    static atomic_uint_fast64_t serials;
    pf_partition *p = calloc(1, sizeof *p);
    if (!p)
        return pf_fail_nomem(err, "partition");
    pthread_mutex_init(&p->lock, NULL);
    atomic_init(&p->refs, 1);
    p->key = key;
    *damaged = false;
    p->serial = 1 + atomic_fetch_add(&serials, 1); /* 0 is none */
    pf_partition_name(key, p->name);
    p->dir = strdup(dir);
    pf_code code = PF_OK;
    if (asprintf(&p->path, "%s/%s.db", dir, p->name) < 0)
        p->path = NULL;
    if (!p->dir || !p->path)
        code = pf_fail_nomem(err, "partition");
    bool exists = true;
    if (!code)
        code = check_header(p->path, &exists, damaged, err);
    if (!code && !exists && !create)
        code = pf_fail(err, PF_INTERNAL, "%s is not there any more", p->path);
    if (!code)
        code = open_db(p, exists, damaged, err);
    if (code)
        free_partition(p);
    else
        *out = p;
    return code;
}

void pf_partition_ref(pf_partition *p)
{
    atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
}

/* The file first: a log without its file is rubbish that the next start removes, a file without its
 * log would be taken for damaged. */
void pf_partition_unlink(const pf_partition *p)
{
    char *path = NULL;
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        if (asprintf(&path, "%s%s", p->path, suffixes[i]) < 0)
            return;
        if (unlink(path) != 0 && errno != ENOENT)
            PF_LOG_ERROR("can't remove a file of a dropped partition", PF_S("file", path),
                         PF_S("error", strerror(errno)));
        free(path);
    }
    pf_dir_sync(p->dir, NULL);
}

void pf_partition_unref(pf_partition *p)
{
    if (atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) == 1)
        free_partition(p);
}

pf_extent pf_partition_extent(pf_partition *p)
{
    pthread_mutex_lock(&p->lock);
    pf_extent e = p->extent;
    pthread_mutex_unlock(&p->lock);
    return e;
}

void pf_partition_set_extent(pf_partition *p, const pf_extent *e)
{
    pthread_mutex_lock(&p->lock);
    p->extent = *e;
    pthread_mutex_unlock(&p->lock);
}

int64_t pf_extent_rows(const pf_extent *e)
{
    return e->rows[PF_KIND_RAW] + e->rows[PF_KIND_COLUMNS];
}

int64_t pf_partition_bytes(const pf_partition *p)
{
    int64_t sum = 0;
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        char *path = NULL;
        struct stat st;
        if (asprintf(&path, "%s%s", p->path, suffixes[i]) < 0)
            return sum;
        if (stat(path, &st) == 0)
            sum += (int64_t)st.st_blocks * 512;
        free(path);
    }
    return sum;
}
