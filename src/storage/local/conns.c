#include "storage/local/conns.h"

#include "base/clock.h"

#include <stdlib.h>
#include <time.h>

enum { WAIT_NS = 50000000 }; /* between looks at whether the operation still wants one */
enum { MAX_LEAST = 16, FILES_EACH = 2 };

#define TIME_COLUMNS "SELECT created_at, xid, series, number FROM profile INDEXED BY "

static const char *const sql[PF_STMT_COUNT] = {
    [PF_STMT_BEGIN] = "BEGIN",
    [PF_STMT_END] = "COMMIT",
    [PF_STMT_SERVICE] = "SELECT number FROM service WHERE name = ?1",
    [PF_STMT_SERVICE_NAME] = "SELECT name FROM service WHERE number = ?1",
    [PF_STMT_SERVICES] = "SELECT name FROM service ORDER BY name",
    [PF_STMT_SERVICES_LEFT] =
        "SELECT name FROM service WHERE EXISTS (SELECT 1 FROM profile INDEXED BY profile_time"
        " WHERE profile.service = service.number) ORDER BY name",
    [PF_STMT_POSTING] =
        "SELECT series FROM posting WHERE pair = ?1 AND series > ?2 ORDER BY series LIMIT 1",
    [PF_STMT_SERIES] = "SELECT service, type, labels, checksum FROM series WHERE number = ?1",
    [PF_STMT_TIME_UP] = TIME_COLUMNS "profile_time WHERE service = ?1 AND type = ?2 AND "
                                     "(created_at, xid) > (?3, ?4) AND created_at <= ?5"
                                     " ORDER BY created_at, xid",
    [PF_STMT_TIME_DOWN] = TIME_COLUMNS "profile_time WHERE service = ?1 AND type = ?2 AND "
                                       "(created_at, xid) < (?3, ?4) AND created_at >= ?5"
                                       " ORDER BY created_at DESC, xid DESC",
    [PF_STMT_SERIES_UP] = TIME_COLUMNS
    "profile_series WHERE series = ?1 AND (created_at, xid) > (?2, ?3) AND created_at <= ?4"
    " ORDER BY created_at, xid",
    [PF_STMT_SERIES_DOWN] = TIME_COLUMNS
    "profile_series WHERE series = ?1 AND (created_at, xid) < (?2, ?3) AND created_at >= ?4"
    " ORDER BY created_at DESC, xid DESC",
    [PF_STMT_PROFILE] =
        "SELECT number, xid, service, type, created_at, series, totals, kind, checksum, row"
        " FROM profile WHERE xid = ?1",
    [PF_STMT_ROW] =
        "SELECT number, xid, service, type, created_at, series, totals, kind, checksum, row"
        " FROM profile WHERE number = ?1",
    [PF_STMT_SYMBOLS] = "SELECT number, checksum, chunk FROM symbols"
                        " WHERE number > ?1 AND number <= ?2 ORDER BY number",
    [PF_STMT_TOTALS] = "SELECT created_at, series, totals FROM profile INDEXED BY profile_time"
                       " WHERE service = ?1 AND type = ?2 AND created_at BETWEEN ?3 AND ?4",
    [PF_STMT_TOTAL] = "SELECT totals FROM profile INDEXED BY profile_time"
                      " WHERE service = ?1 AND type = ?2 AND created_at = ?3 AND xid = ?4",
    [PF_STMT_TYPES] = "SELECT types FROM sample_types WHERE number = ?1",
};

void pf_conns_init(pf_conns *c, size_t memory, size_t readers, size_t files, pf_metric *opened)
{
    *c = (pf_conns){.memory = memory, .readers = readers, .files = files, .opened = opened};
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->given, &attr);
    pthread_condattr_destroy(&attr);
    pf_conns_fit(c, 0);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void set_cache(pf_conn *conn, size_t cache)
{
    if (conn->cache != cache)
        pf_db_set_cache(conn->db, cache);
    conn->cache = cache;
}

/* What is open shares the memory, in steps, so that not every new one changes all. */
static void share_out(pf_conns *c)
{
    size_t among = MAX_LEAST;
    while (among < c->open)
        among *= 2;
    if (among > c->max && c->max >= c->open)
        among = c->max;
    size_t share = c->memory / among;
    size_t cache =
        share < PF_CONN_FIXED + PF_CONN_PAGES_MIN ? PF_CONN_PAGES_MIN : share - PF_CONN_FIXED;
    if (cache == c->cache)
        return;
    c->cache = cache;
    for (pf_conn *conn = c->idle; conn; conn = conn->next)
        set_cache(conn, cache);
}

void pf_conns_fit(pf_conns *c, size_t partitions)
{
    size_t max = c->memory / (PF_CONN_FIXED + PF_CONN_PAGES_MIN);
    max = least(least(max, c->files / FILES_EACH), partitions * c->readers);
    pthread_mutex_lock(&c->lock);
    c->max = max < MAX_LEAST ? MAX_LEAST : max;
    share_out(c);
    pthread_cond_broadcast(&c->given);
    pthread_mutex_unlock(&c->lock);
}

static void close_conn(pf_conn *conn)
{
    for (int i = 0; i < PF_STMT_COUNT; i++)
        sqlite3_finalize(conn->stmt[i]);
    sqlite3_close(conn->db);
    pf_partition_unref(conn->partition);
    free(conn);
}

void pf_conns_free(pf_conns *c)
{
    pf_conns_close_idle(c, NULL, INT64_MAX);
    pthread_cond_destroy(&c->given);
    pthread_mutex_destroy(&c->lock);
}

/* Unlinks the newest idle one of `p`; with `p` NULL the one that is idle longest. */
static pf_conn *unlink_idle(pf_conns *c, const pf_partition *p)
{
    pf_conn **found = NULL;
    for (pf_conn **at = &c->idle; *at; at = &(*at)->next) {
        if (p && (*at)->partition != p)
            continue;
        found = at;
        if (p)
            break;
    }
    if (!found)
        return NULL;
    pf_conn *conn = *found;
    *found = conn->next;
    return conn;
}

static pf_code open_conn(pf_conns *c, pf_partition *p, size_t cache, pf_conn **out, pf_error *err)
{
    pf_conn *conn = calloc(1, sizeof *conn);
    if (!conn)
        return pf_fail_nomem(err, "connection");
    pf_code code = pf_db_open(p->path, PF_DB_READ_ONLY, cache, &conn->db, err);
    if (!code && p->writable) /* so that it never is in the writer's way */
        code = pf_db_set_wal(conn->db, err);
    if (code) {
        sqlite3_close(conn->db);
        free(conn);
        return code;
    }
    pf_metric_add(c->opened, 1);
    pf_partition_ref(p);
    conn->partition = p;
    conn->cache = cache;
    *out = conn;
    return PF_OK;
}

static pf_code wait_for_one(pf_conns *c, const pf_op *op, pf_error *err)
{
    int64_t until = pf_clock_mono() + WAIT_NS;
    struct timespec ts = {until / PF_NS_PER_SEC, until % PF_NS_PER_SEC};
    pthread_cond_timedwait(&c->given, &c->lock, &ts);
    return pf_op_check(op, err);
}

/* There is one less. */
static void leave(pf_conns *c)
{
    pthread_mutex_lock(&c->lock);
    c->open--;
    share_out(c);
    pthread_cond_signal(&c->given);
    pthread_mutex_unlock(&c->lock);
}

pf_code pf_conns_take(pf_conns *c, pf_partition *p, const pf_op *op, pf_conn **out, pf_error *err)
{
    pf_code code = PF_OK;
    pf_conn *conn = NULL, *old = NULL;
    pthread_mutex_lock(&c->lock);
    while (!code && !(conn = unlink_idle(c, p))) {
        if (c->open < c->max) {
            c->open++;
            share_out(c);
            break;
        }
        if ((old = unlink_idle(c, NULL)))
            break;
        code = wait_for_one(c, op, err);
    }
    size_t cache = c->cache;
    pthread_mutex_unlock(&c->lock);
    if (old)
        close_conn(old);
    if (code || conn) {
        *out = conn;
        return code;
    }
    code = open_conn(c, p, cache, out, err);
    if (code)
        leave(c);
    return code;
}

void pf_conns_give(pf_conns *c, pf_conn *conn)
{
    for (int i = 0; i < PF_STMT_COUNT; i++)
        if (conn->stmt[i])
            sqlite3_reset(conn->stmt[i]);
    if (!sqlite3_get_autocommit(conn->db)) {
        sqlite3_stmt *end = pf_conn_stmt(conn, PF_STMT_END, NULL);
        if (end) {
            sqlite3_step(end);
            sqlite3_reset(end);
        }
    }
    if (!sqlite3_get_autocommit(conn->db)) { /* out of memory: nobody else could begin on it */
        close_conn(conn);
        leave(c);
        return;
    }
    pthread_mutex_lock(&c->lock);
    conn->idle_since = pf_clock_mono();
    set_cache(conn, c->cache);
    conn->next = c->idle;
    c->idle = conn;
    pthread_cond_signal(&c->given);
    pthread_mutex_unlock(&c->lock);
}

void pf_conns_close_idle(pf_conns *c, const pf_partition *p, int64_t before)
{
    pf_conn *gone = NULL;
    pthread_mutex_lock(&c->lock);
    for (pf_conn **at = &c->idle; *at;) {
        pf_conn *conn = *at;
        if ((p && conn->partition != p) || conn->idle_since > before) {
            at = &conn->next;
            continue;
        }
        *at = conn->next;
        conn->next = gone;
        gone = conn;
        c->open--;
    }
    share_out(c);
    pthread_cond_broadcast(&c->given);
    pthread_mutex_unlock(&c->lock);
    while (gone) {
        pf_conn *conn = gone;
        gone = conn->next;
        close_conn(conn);
    }
}

sqlite3_stmt *pf_conn_stmt(pf_conn *conn, pf_stmt which, pf_error *err)
{
    sqlite3_stmt **st = &conn->stmt[which];
    if (*st)
        sqlite3_reset(*st);
    else if (pf_db_prepare(conn->db, sql[which], st, err))
        return NULL;
    return *st;
}

pf_code pf_conn_begin(pf_conn *conn, pf_error *err)
{
    sqlite3_stmt *st = pf_conn_stmt(conn, PF_STMT_BEGIN, err);
    if (!st)
        return err ? err->code : PF_INTERNAL;
    int rc = sqlite3_step(st);
    sqlite3_reset(st);
    return rc == SQLITE_DONE ? PF_OK : pf_db_fail(conn->db, err);
}
