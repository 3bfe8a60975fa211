#include "storage/local/profile_bytes.h"

#include "pprof/gzip.h"
#include "storage/local/symbols/resolve.h"

#include <string.h>

enum { GZIP_LEVEL = 1 };

static pf_code damaged(pf_local *l, pf_xid xid, pf_error *err)
{
    char id[PF_XID_CHARS + 1];
    pf_xid_format(xid, id);
    pf_metric_add(l->metrics.damaged, 1);
    return pf_fail(err, PF_INTERNAL, "profile %s is damaged on disk", id);
}

bool pf_record_read(sqlite3_stmt *st, pf_record *row)
{
    pf_str xid = pf_db_blob(st, 1);
    *row = (pf_record){.number = sqlite3_column_int64(st, 0),
                       .service = sqlite3_column_int64(st, 2),
                       .type = sqlite3_column_int64(st, 3),
                       .created_at = sqlite3_column_int64(st, 4),
                       .series = sqlite3_column_int64(st, 5),
                       .totals = pf_db_blob(st, 6),
                       .kind = sqlite3_column_int64(st, 7),
                       .bytes = pf_db_blob(st, 9)};
    if (xid.n == sizeof row->xid.b)
        memcpy(row->xid.b, xid.p, sizeof row->xid.b);
    return pf_record_checksum(row) == sqlite3_column_int64(st, 8) && row->kind >= 0 &&
           row->kind < PF_KINDS;
}

pf_code pf_record_take(pf_local *l, sqlite3_stmt *st, pf_record *row, pf_error *err)
{
    return pf_record_read(st, row) ? PF_OK : damaged(l, row->xid, err);
}

void pf_row_needs(const pf_row *row, uint32_t next[PF_TABLES])
{
    uint64_t stack = 0, labels = 0, location = 0, function = 0;
    if (row->nsample)
        stack = row->stack[row->nsample - 1]; /* sorted */
    for (uint32_t i = 0; row->labels && i < row->nsample; i++)
        labels = row->labels[i] > labels ? row->labels[i] : labels;
    for (uint32_t i = 0; i < row->nlone_location; i++)
        location = row->lone_location[i] > location ? row->lone_location[i] : location;
    for (uint32_t i = 0; i < row->nlone_function; i++)
        function = row->lone_function[i] > function ? row->lone_function[i] : function;
    const uint64_t most[PF_TABLES] = {
        [PF_TABLE_LABELS] = labels,     [PF_TABLE_HEADER] = row->header,
        [PF_TABLE_MAPS] = row->maps,    [PF_TABLE_FUNCTION] = function,
        [PF_TABLE_LOCATION] = location, [PF_TABLE_STACK] = stack,
    };
    for (int i = 0; i < PF_TABLES; i++) /* a number over 32 bits refers to nothing: never reached */
        next[i] = most[i] >= UINT32_MAX ? UINT32_MAX : most[i] ? (uint32_t)most[i] + 1 : 0;
}

/* The tables are locked while the profile points into them, that is, until it is encoded. */
static pf_code encode_columns(pf_symview *view, const pf_row *row, pf_buf *bare, pf_error *err)
{
    pf_resolver r;
    pf_profile profile;
    pf_resolver_init(&r, 0);
    pthread_rwlock_rdlock(&view->lock);
    pf_code code = pf_resolve(&r, &view->tables, row, &row->maps, 1, &profile, err);
    if (!code)
        code = pf_profile_encode(&profile, bare, err);
    pthread_rwlock_unlock(&view->lock);
    pf_resolver_free(&r);
    return code;
}

static pf_code make_anew(pf_local *l, pf_conn *conn, const pf_record *row, const pf_op *op,
                         pf_arena *a, pf_blob *out, pf_error *err)
{
    pf_row numbers;
    pf_symview *view = NULL;
    uint32_t needs[PF_TABLES];
    pf_buf bare = PF_BUF_INIT;
    pf_code code = pf_row_decode(&numbers, row->created_at, row->bytes, a, err);
    if (!code)
        code = pf_symviews_take(&l->views, conn->partition, row->service, &view, err);
    if (!code) {
        pf_row_needs(&numbers, needs);
        code = pf_symview_reach(view, conn, op, needs, NULL, err);
    }
    if (!code)
        code = encode_columns(view, &numbers, &bare, err);
    pf_symviews_give(&l->views, view);
    if (!code)
        code = pf_gzip(pf_buf_str(&bare), GZIP_LEVEL, &out->bytes, err);
    pf_buf_free(&bare);
    return code;
}

static pf_code copy_raw(const pf_record *row, const pf_op *op, pf_blob *out, pf_error *err)
{
    if (op && op->max_memory && row->bytes.n > op->max_memory)
        return pf_fail(err, PF_QUERY_LIMIT, "a profile of %zu bytes is more than a query may hold",
                       row->bytes.n);
    pf_buf_put_str(&out->bytes, row->bytes);
    return out->bytes.failed ? pf_fail_nomem(err, "profile") : PF_OK;
}

pf_code pf_profile_bytes(pf_local *l, pf_conn *conn, const pf_record *row, const pf_op *op,
                         pf_blob *out, pf_error *err)
{
    *out = (pf_blob){.bytes = PF_BUF_INIT, .type = (pf_type)row->type};
    if (row->kind == PF_KIND_RAW)
        return copy_raw(row, op, out, err);
    pf_arena a;
    pf_arena_init(&a, op ? op->budget : NULL, 0);
    pf_code code = make_anew(l, conn, row, op, &a, out, err);
    pf_arena_free(&a);
    return code;
}
