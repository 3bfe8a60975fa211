/* totals.c: what time lines and lists of labels need, from the index alone.
 *
 *     profile_time:  service, type, created_at, xid | series | totals
 *                                                     |        \-> sums.h
 *                                                     v
 *                                          labels, looked up once
 *
 * No row of the table is touched: a profile costs a step in the index and its few varints, well under a
 * microsecond, whatever its size.
 */
#include "storage/local/finder.h"
#include "storage/local/store.h"
#include "storage/local/totals_column.h"

enum { CHECK_EVERY = 1024 };

typedef struct walk {
    pf_finder f;
    pf_totals_column sums;
    pf_total_fn fn;
    void *ctx;
    unsigned steps;
} walk;

static pf_code give_row(walk *w, sqlite3_stmt *st, pf_total *t, pf_error *err)
{
    pf_code code = ++w->steps % CHECK_EVERY == 0 ? pf_op_check(w->f.op, err) : PF_OK;
    if (!code)
        code = pf_finder_know(&w->f, sqlite3_column_int64(st, 1), &t->series, err);
    if (code || !w->f.known[t->series].match)
        return code;
    t->created_at = sqlite3_column_int64(st, 0);
    t->labels = w->f.known[t->series].labels;
    code = pf_totals_column_read(&w->sums, &w->f, pf_db_blob(st, 2), t, err);
    return code ? code : w->fn(w->ctx, t, err);
}

static pf_code walk_type(walk *w, pf_type type, pf_error *err)
{
    const pf_query *q = w->f.q;
    sqlite3_stmt *st = pf_conn_stmt(w->f.conn, PF_STMT_TOTALS, err);
    if (!st)
        return pf_db_fail(w->f.conn->db, err);
    sqlite3_bind_int64(st, 1, w->f.service);
    sqlite3_bind_int64(st, 2, type);
    sqlite3_bind_int64(st, 3, q->from);
    sqlite3_bind_int64(st, 4, q->to);
    pf_code code = PF_OK;
    pf_total t = {.type = type};
    int rc = SQLITE_DONE;
    while (!code && (rc = sqlite3_step(st)) == SQLITE_ROW)
        code = give_row(w, st, &t, err);
    if (!code && rc != SQLITE_DONE)
        code = pf_db_fail(w->f.conn->db, err);
    sqlite3_reset(st);
    return code;
}

static pf_code walk_partition(walk *w, uint32_t i, pf_error *err)
{
    static const pf_type types[] = {PF_TYPE_CPU,   PF_TYPE_HEAP,      PF_TYPE_BLOCK,
                                    PF_TYPE_MUTEX, PF_TYPE_GOROUTINE, PF_TYPE_THREADCREATE,
                                    PF_TYPE_OTHER, PF_TYPE_TRACE};
    pf_code code = pf_finder_enter(&w->f, i, err);
    for (size_t k = 0; !code && w->f.service && k < sizeof types / sizeof *types; k++)
        if (w->f.q->type == PF_TYPE_UNKNOWN || w->f.q->type == types[k])
            code = walk_type(w, types[k], err);
    pf_finder_leave(&w->f);
    return code;
}

pf_code pf_local_totals(pf_store *s, const pf_query *q, const pf_op *op, pf_total_fn fn, void *ctx,
                        pf_error *err)
{
    pf_local *l = (pf_local *)s;
    walk w = {.fn = fn, .ctx = ctx};
    pf_code code = pf_finder_init(&w.f, &l->set, &l->conns, q, op, err);
    for (uint32_t i = 0; !code && i < w.f.npartitions; i++) {
        code = pf_op_check(op, err);
        if (!code)
            code = walk_partition(&w, i, err);
    }
    pf_finder_free(&w.f);
    pf_totals_column_free(&w.sums);
    return code;
}
