/* read.c: one profile by its id, and the names of the services.
 *
 * An id carries the second of its arrival, so the partitions that span that second are asked first.
 * The others follow: after a clock that jumped, or with partitions of another length, it may be in
 * any.
 */
#include "storage/local/row.h"
#include "storage/local/store.h"

#include <stdlib.h>
#include <string.h>

static pf_code damaged(pf_local *l, pf_str id, pf_error *err)
{
    pf_metric_add(l->metrics.damaged, 1);
    return pf_fail(err, PF_INTERNAL, "profile %.*s is damaged on disk", PF_FMT(id));
}

/* Copies the row that the statement stands on, if its checksum holds. */
static pf_code take_row(pf_local *l, sqlite3_stmt *st, pf_str id, pf_xid xid, const pf_op *op,
                        pf_blob *out, pf_error *err)
{
    pf_row row = {.number = sqlite3_column_int64(st, 0),
                  .service = sqlite3_column_int64(st, 1),
                  .type = sqlite3_column_int64(st, 2),
                  .created_at = sqlite3_column_int64(st, 3),
                  .series = sqlite3_column_int64(st, 4),
                  .totals = pf_db_blob(st, 5),
                  .kind = sqlite3_column_int64(st, 6),
                  .xid = xid,
                  .bytes = pf_db_blob(st, 8)};
    if (pf_row_checksum(&row) != sqlite3_column_int64(st, 7) || row.kind != PF_KIND_RAW)
        return damaged(l, id, err);
    if (op && op->max_memory && row.bytes.n > op->max_memory)
        return pf_fail(err, PF_QUERY_LIMIT,
                       "profile %.*s of %zu bytes is more than a query may hold", PF_FMT(id),
                       row.bytes.n);
    out->type = (pf_type)row.type;
    pf_buf_put_str(&out->bytes, row.bytes);
    return out->bytes.failed ? pf_fail_nomem(err, "profile") : PF_OK;
}

static pf_code read_from(pf_local *l, pf_partition *p, pf_str id, pf_xid xid, const pf_op *op,
                         pf_blob *out, pf_error *err)
{
    pf_conn *conn = NULL;
    pf_code code = pf_conns_take(&l->conns, p, op, &conn, err);
    if (code)
        return code;
    sqlite3_stmt *st = pf_conn_stmt(conn, PF_STMT_PROFILE, err);
    int rc = SQLITE_ERROR;
    if (st) {
        sqlite3_bind_blob(st, 1, xid.b, sizeof xid.b, SQLITE_STATIC);
        rc = sqlite3_step(st);
    }
    if (rc == SQLITE_ROW)
        code = take_row(l, st, id, xid, op, out, err);
    else if (rc == SQLITE_DONE)
        code = pf_fail(err, PF_NOT_FOUND, "nothing found");
    else
        code = pf_db_fail(conn->db, err);
    pf_conns_give(&l->conns, conn);
    return code;
}

static bool spans(pf_partition *p, int64_t seconds)
{
    pf_extent e = pf_partition_extent(p);
    return pf_extent_rows(&e) && seconds >= e.first_arrival && seconds <= e.last_arrival;
}

pf_code pf_local_read(pf_store *s, pf_str id, const pf_op *op, pf_blob *out, pf_error *err)
{
    pf_local *l = (pf_local *)s;
    pf_xid xid;
    *out = (pf_blob){.bytes = PF_BUF_INIT};
    if (!pf_xid_parse(id, &xid))
        return pf_fail(err, PF_INVALID, "bad id \"%.*s\"", PF_FMT(id));
    pf_partition **list = NULL;
    size_t n = 0;
    pf_code code = pf_partitions_all(&l->set, &list, &n, err);
    if (code)
        return code;
    int64_t seconds = pf_xid_seconds(xid);
    code = pf_fail(err, PF_NOT_FOUND, "nothing found");
    for (int likely = 1; likely >= 0 && code == PF_NOT_FOUND; likely--)
        for (size_t i = n; i-- > 0 && code == PF_NOT_FOUND;) {
            if (spans(list[i], seconds) != (likely == 1))
                continue;
            code = pf_op_check(op, err);
            if (!code)
                code = read_from(l, list[i], id, xid, op, out, err);
        }
    pf_partitions_release(list, n);
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
    sqlite3_stmt *st = pf_conn_stmt(conn, PF_STMT_SERVICES, err);
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
