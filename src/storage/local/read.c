/* read.c: one profile by its id, and the names of the services.
 *
 * An id carries the second of its arrival, so the partitions that span that second are asked first.
 * The others follow: after a clock that jumped, or with partitions of another length, it may be in
 * any.
 */
#include "storage/local/profile_bytes.h"
#include "storage/local/store.h"

#include <stdlib.h>
#include <string.h>

enum { ID_SHOWN = 100 };

typedef struct locating {
    pf_local *l;
    pf_xid xid;
    const pf_op *op;
    pf_located_fn fn;
    void *ctx;
} locating;

/* PF_NOT_FOUND when the row that `st` stands on is of a service that the operation does not see. Its checksum is looked
 * at later: damage would tell that there is something. */
static pf_code check_sees(const locating *w, pf_conn *conn, sqlite3_stmt *st, pf_error *err)
{
    if (!w->op || !w->op->scope)
        return PF_OK;
    sqlite3_stmt *name = pf_conn_stmt(conn, PF_STMT_SERVICE_NAME, err);
    if (!name)
        return pf_db_fail(conn->db, err);
    sqlite3_bind_int64(name, 1, sqlite3_column_int64(st, 2));
    int rc = sqlite3_step(name);
    pf_code code = rc == SQLITE_ROW && pf_op_sees(w->op, pf_db_blob(name, 0)) ? PF_OK
                   : rc == SQLITE_ROW || rc == SQLITE_DONE
                       ? pf_fail(err, PF_NOT_FOUND, "nothing found")
                       : pf_db_fail(conn->db, err);
    sqlite3_reset(name);
    return code;
}

static pf_code look_in(const locating *w, pf_partition *p, pf_error *err)
{
    pf_conn *conn = NULL;
    pf_code code = pf_conns_take(&w->l->conns, p, w->op, &conn, err);
    if (code)
        return code;
    pf_record row;
    sqlite3_stmt *st = pf_conn_stmt(conn, PF_STMT_PROFILE, err);
    int rc = SQLITE_ERROR;
    if (st) {
        sqlite3_bind_blob(st, 1, w->xid.b, sizeof w->xid.b, SQLITE_STATIC);
        rc = sqlite3_step(st);
    }
    if (rc == SQLITE_DONE)
        code = pf_fail(err, PF_NOT_FOUND, "nothing found");
    else
        code = rc == SQLITE_ROW ? check_sees(w, conn, st, err) : pf_db_fail(conn->db, err);
    if (!code)
        code = pf_record_take(w->l, st, &row, err);
    if (!code)
        code = w->fn(w->ctx, conn, &row, err);
    pf_conns_give(&w->l->conns, conn);
    return code;
}

static bool spans(pf_partition *p, int64_t seconds)
{
    pf_extent e = pf_partition_extent(p);
    return pf_extent_rows(&e) && seconds >= e.first_arrival && seconds <= e.last_arrival;
}

pf_code pf_local_locate(pf_local *l, pf_str id, const pf_op *op, pf_located_fn fn, void *ctx,
                        pf_error *err)
{
    locating w = {.l = l, .op = op, .fn = fn, .ctx = ctx};
    if (!pf_xid_parse(id, &w.xid))
        return pf_fail(err, PF_INVALID, "bad profile id \"%.*s\"",
                       PF_FMT(((pf_str){id.p, id.n < ID_SHOWN ? id.n : ID_SHOWN})));
    pf_partition **list = NULL;
    size_t n = 0;
    pf_code code = pf_partitions_all(&l->set, &list, &n, err);
    if (code)
        return code;
    int64_t seconds = pf_xid_seconds(w.xid);
    code = pf_fail(err, PF_NOT_FOUND, "nothing found");
    for (int likely = 1; likely >= 0 && code == PF_NOT_FOUND; likely--)
        for (size_t i = n; i-- > 0 && code == PF_NOT_FOUND;) {
            if (spans(list[i], seconds) != (likely == 1))
                continue;
            code = pf_op_check(op, err);
            if (!code)
                code = look_in(&w, list[i], err);
        }
    pf_partitions_release(list, n);
    return code;
}

typedef struct reading {
    pf_local *l;
    const pf_op *op;
    pf_blob *out;
} reading;

static pf_code read_row(void *ctx, pf_conn *conn, const pf_record *row, pf_error *err)
{
    reading *r = ctx;
    return pf_profile_bytes(r->l, conn, row, r->op, r->out, err);
}

pf_code pf_local_read(pf_store *s, pf_str id, const pf_op *op, pf_blob *out, pf_error *err)
{
    *out = (pf_blob){.bytes = PF_BUF_INIT};
    reading r = {(pf_local *)s, op, out};
    pf_code code = pf_local_locate((pf_local *)s, id, op, read_row, &r, err);
    if (code)
        pf_buf_free(&out->bytes);
    return code;
}

typedef struct names {
    pf_arena arena;
    pf_str *list;
    size_t n, cap;
} names;

static pf_code add_name(names *all, pf_str name, pf_error *err)
{
    if (all->n == all->cap) {
        size_t cap = all->cap ? all->cap * 2 : 256;
        pf_str *bigger = realloc(all->list, cap * sizeof *bigger);
        if (!bigger)
            return pf_fail_nomem(err, "services");
        all->list = bigger;
        all->cap = cap;
    }
    pf_str copy = pf_arena_str(&all->arena, name);
    if (!copy.p)
        return pf_arena_fail(&all->arena, err, "services");
    all->list[all->n++] = copy;
    return PF_OK;
}

static pf_code names_of(pf_local *l, pf_partition *p, const pf_op *op, names *all, pf_error *err)
{
    pf_conn *conn = NULL;
    pf_code code = pf_conns_take(&l->conns, p, op, &conn, err);
    if (code)
        return code;
    bool some_left = atomic_load(&p->has_removed);
    sqlite3_stmt *st =
        pf_conn_stmt(conn, some_left ? PF_STMT_SERVICES_LEFT : PF_STMT_SERVICES, err);
    int rc = st ? SQLITE_ROW : SQLITE_ERROR;
    while (!code && rc == SQLITE_ROW) {
        rc = sqlite3_step(st);
        if (rc == SQLITE_ROW)
            code = add_name(all, pf_db_blob(st, 0), err);
        else if (rc != SQLITE_DONE)
            code = pf_db_fail(conn->db, err);
    }
    if (!st)
        code = pf_db_fail(conn->db, err);
    pf_conns_give(&l->conns, conn);
    return code ? code : pf_op_check(op, err);
}

static int by_bytes(const void *a, const void *b)
{
    return pf_str_cmp(*(const pf_str *)a, *(const pf_str *)b);
}

pf_code pf_local_services(pf_store *s, const pf_op *op, bool (*fn)(void *ctx, pf_str service),
                          void *ctx, pf_error *err)
{
    pf_local *l = (pf_local *)s;
    pf_partition **list = NULL;
    size_t n = 0;
    names all = {0};
    pf_arena_init(&all.arena, op ? op->budget : NULL, op ? op->max_memory : 0);
    pf_code code = pf_partitions_all(&l->set, &list, &n, err);
    for (size_t i = 0; !code && i < n; i++)
        code = names_of(l, list[i], op, &all, err);
    pf_partitions_release(list, n);
    if (!code && all.n)
        qsort(all.list, all.n, sizeof *all.list, by_bytes);
    for (size_t i = 0; !code && i < all.n; i++)
        if ((i == 0 || !pf_str_eq(all.list[i], all.list[i - 1])) && !fn(ctx, all.list[i]))
            break;
    free(all.list);
    pf_arena_free(&all.arena);
    return code;
}
