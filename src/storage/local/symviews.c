#include "storage/local/symviews.h"

#include "storage/local/checksums.h"
#include "storage/local/symbols/chunk.h"

#include <stdlib.h>
#include <string.h>

void pf_symviews_init(pf_symviews *v, size_t max)
{
    *v = (pf_symviews){.max = max};
    pthread_mutex_init(&v->lock, NULL);
}

static void unlink_view(pf_symviews *v, pf_symview *view)
{
    *(view->newer ? &view->newer->older : &v->newest) = view->older;
    *(view->older ? &view->older->newer : &v->oldest) = view->newer;
    view->newer = view->older = NULL;
}

static void put_newest(pf_symviews *v, pf_symview *view)
{
    view->older = v->newest;
    *(v->newest ? &v->newest->newer : &v->oldest) = view;
    v->newest = view;
}

static void free_view(pf_symview *view)
{
    pf_tables_free(&view->tables);
    pthread_rwlock_destroy(&view->lock);
    free(view);
}

void pf_symviews_free(pf_symviews *v)
{
    while (v->newest) {
        pf_symview *view = v->newest;
        unlink_view(v, view);
        free_view(view);
    }
    if (v->charged)
        pf_ledger_give(v->budget, v->charged);
    pthread_mutex_destroy(&v->lock);
}

static pf_symview **bucket_of(pf_symviews *v, uint64_t partition, int64_t service)
{
    uint64_t mixed = (partition << 32 ^ (uint64_t)service) * UINT64_C(0x9e3779b97f4a7c15);
    return &v->bucket[mixed >> 54];
}

/* Where the view hangs in its bucket, or where it would. */
static pf_symview **find(pf_symviews *v, uint64_t partition, int64_t service)
{
    pf_symview **at = bucket_of(v, partition, service);
    while (*at && ((*at)->partition != partition || (*at)->service != service))
        at = &(*at)->chain;
    return at;
}

static pf_symview *new_view(pf_symviews *v, uint64_t partition, int64_t service)
{
    pf_symview *view = calloc(1, sizeof *view);
    if (!view)
        return NULL;
    pthread_rwlock_init(&view->lock, NULL);
    pf_tables_init(&view->tables, NULL);
    view->views = v;
    view->partition = partition;
    view->service = service;
    return view;
}

pf_code pf_symviews_take(pf_symviews *v, const pf_partition *p, int64_t service, pf_symview **out,
                         pf_error *err)
{
    pthread_mutex_lock(&v->lock);
    pf_symview **at = find(v, p->serial, service), *view = *at;
    if (view)
        unlink_view(v, view);
    else
        view = *at = new_view(v, p->serial, service);
    if (view) {
        view->users++;
        put_newest(v, view);
    }
    pthread_mutex_unlock(&v->lock);
    *out = view;
    return view ? PF_OK : pf_fail_nomem(err, "symbols");
}

/* Takes out what is too much, oldest first; the caller frees the list that is returned, by `older`. */
static pf_symview *shrink(pf_symviews *v)
{
    pf_symview *gone = NULL;
    for (pf_symview *at = v->oldest; at && v->bytes > v->max;) {
        pf_symview *newer = at->newer;
        if (!at->users) {
            unlink_view(v, at);
            *find(v, at->partition, at->service) = at->chain;
            v->bytes -= at->counted;
            at->older = gone;
            gone = at;
        }
        at = newer;
    }
    return gone;
}

/* Charges what is held above the ceiling to the memory in flight, or gives back what is not held any more. */
static pf_code settle(pf_symviews *v, const pf_op *op, pf_error *err)
{
    size_t over = v->bytes > v->max ? v->bytes - v->max : 0;
    if (op && op->budget)
        v->budget = op->budget;
    if (over < v->charged) {
        pf_ledger_give(v->budget, v->charged - over);
        v->charged = over;
    }
    if (over == v->charged || !op || !op->budget)
        return PF_OK;
    if (over > v->budget->limit)
        return pf_fail(err, PF_QUERY_LIMIT,
                       "the symbols of this service need more memory than there is");
    if (!pf_ledger_take(v->budget, over - v->charged, NULL))
        return pf_fail(err, PF_UNAVAILABLE,
                       "the memory for requests in flight is used up (symbols)");
    v->charged = over;
    return PF_OK;
}

/* Brings the sum up to date with what the view holds now, and lets go of those that are too much. `users` leave
 * the view. */
static pf_code recount(pf_symview *view, size_t bytes, unsigned users, const pf_op *op,
                       pf_error *err)
{
    pf_symviews *v = view->views;
    pthread_mutex_lock(&v->lock);
    v->bytes += bytes - view->counted;
    view->counted = bytes;
    view->users -= users;
    pf_symview *gone = shrink(v);
    if (view->abandoned && !view->users) {
        v->bytes -= view->counted;
        view->older = gone;
        gone = view;
    }
    pf_code code = settle(v, op, err);
    pthread_mutex_unlock(&v->lock);
    while (gone) {
        pf_symview *next = gone->older;
        free_view(gone);
        gone = next;
    }
    return code;
}

static void abandon(pf_symview *view)
{
    pf_symviews *v = view->views;
    pthread_mutex_lock(&v->lock);
    if (!view->abandoned) {
        unlink_view(v, view);
        *find(v, view->partition, view->service) = view->chain;
        view->abandoned = true;
    }
    pthread_mutex_unlock(&v->lock);
}

static size_t bytes_of(const pf_symview *view)
{
    return sizeof *view + pf_tables_bytes(&view->tables);
}

void pf_symviews_give(pf_symviews *v, pf_symview *view)
{
    (void)v;
    if (!view)
        return;
    pthread_rwlock_rdlock(&view->lock);
    size_t bytes = bytes_of(view);
    pthread_rwlock_unlock(&view->lock);
    recount(view, bytes, 1, NULL, NULL);
}

static bool reaches(const pf_tables *t, const uint32_t next[PF_TABLES])
{
    for (int i = 0; i < PF_TABLES; i++)
        if (t->next[i] < next[i])
            return false;
    return true;
}

/* Reads chunks until the tables reach `next`; with `all`, those behind it, too. */
static pf_code read_on(pf_symview *view, pf_conn *conn, const pf_op *op,
                       const uint32_t next[PF_TABLES], bool all, pf_error *err)
{
    sqlite3_stmt *st = pf_conn_stmt(conn, PF_STMT_SYMBOLS, err);
    if (!st)
        return pf_db_fail(conn->db, err);
    sqlite3_bind_int64(st, 1, pf_symbols_number(view->service, view->sequence));
    sqlite3_bind_int64(st, 2, pf_symbols_number(view->service, UINT32_MAX));
    pf_code code = PF_OK;
    int rc = SQLITE_DONE;
    while (!code && (all || !reaches(&view->tables, next)) &&
           (rc = sqlite3_step(st)) == SQLITE_ROW) {
        int64_t number = sqlite3_column_int64(st, 0);
        pf_str chunk = pf_db_blob(st, 2);
        if (pf_symbols_checksum(number, chunk) != sqlite3_column_int64(st, 1))
            code = pf_fail(err, PF_INTERNAL, "symbols of partition %s are damaged on disk",
                           conn->partition->name);
        if (!code)
            code = pf_chunk_decode(&view->tables, chunk, err);
        if (!code)
            view->sequence = (uint32_t)number;
        if (!code)
            code = recount(view, bytes_of(view), 0, op, err);
    }
    if (!code && rc != SQLITE_DONE && rc != SQLITE_ROW)
        code = pf_db_fail(conn->db, err);
    sqlite3_reset(st);
    if (code) /* half a chunk may stand in it; all that was there before is whole */
        abandon(view);
    return code;
}

pf_code pf_symview_reach(pf_symview *view, pf_conn *conn, const pf_op *op,
                         const uint32_t next[PF_TABLES], uint32_t reached[PF_TABLES], pf_error *err)
{
    pf_code code = PF_OK;
    pthread_rwlock_rdlock(&view->lock);
    bool there = reaches(&view->tables, next);
    if (there && reached)
        memcpy(reached, view->tables.next, sizeof view->tables.next);
    pthread_rwlock_unlock(&view->lock);
    if (there)
        return PF_OK;
    pthread_rwlock_wrlock(&view->lock);
    if (!reaches(&view->tables, next))
        code = read_on(view, conn, op, next, reached != NULL, err);
    if (!code && !reaches(&view->tables, next))
        code = pf_fail(err, PF_INTERNAL, "partition %s is damaged: symbols are missing",
                       conn->partition->name);
    if (!code && reached)
        memcpy(reached, view->tables.next, sizeof view->tables.next);
    pthread_rwlock_unlock(&view->lock);
    return code;
}
