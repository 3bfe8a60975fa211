/* remove.c: deleting profiles.
 *
 *     ids, or the query's pages --> rows by partition, ROWS at a time --> the committer, one transaction each
 *                                                                             |
 *                                             gone at once, durable  <--------/
 *                                             their hours' sums are void: generation + 1
 *                                             pages are free: used again, or given back in quiet times (reclaim.c)
 *
 * What is to go is looked at first, as a whole: an id that is absent, or a row in a partition that is not written to
 * any more (format 1), and nothing goes. Symbols stay with their partition: other rows may need them.
 */
#include "base/clock.h"
#include "storage/local/finder.h"
#include "storage/local/profile_bytes.h"
#include "storage/local/store.h"

#include <stdlib.h>
#include <string.h>

enum { ROWS = 512 };            /* of a transaction: pushes wait meanwhile */
enum { ERASE_CACHE = 1 << 20 }; /* bytes of page cache */
#define NS_PER_HOUR (3600 * PF_NS_PER_SEC)

/* Rows of one partition. */
typedef struct run {
    pf_partition *partition;
    int64_t number[ROWS];
    pf_xid xid[ROWS]; /* a number may be another's by the time that it is deleted */
    size_t n;

    /* What became of them. */
    int64_t removed;
    pf_code code;
    pf_error err;
} run;

enum { FIND, ERASE, VOID, FORGET_HOUR, FORGET_EXTERNAL, NOTE, COUNT_ROWS, STATEMENTS };

static const char *const sql[STATEMENTS] = {
    [FIND] = "SELECT service, type, created_at, kind FROM profile WHERE number = ?1 AND xid = ?2",
    [ERASE] = "DELETE FROM profile WHERE number = ?1",
    [VOID] = "INSERT INTO generation(service, type, start, generation) VALUES(?1, ?2, ?3, 1)"
             " ON CONFLICT DO UPDATE SET generation = generation + 1",
    [FORGET_HOUR] = "DELETE FROM hour WHERE service = ?1 AND type = ?2 AND start = ?3",
    [FORGET_EXTERNAL] = "DELETE FROM external WHERE number BETWEEN ?1 AND ?2 AND NOT EXISTS"
                        " (SELECT 1 FROM profile WHERE profile.number = external.number)",
    [NOTE] = "INSERT OR REPLACE INTO meta(name, value) VALUES(CAST('removed' AS BLOB), x'31')",
    [COUNT_ROWS] = "UPDATE extent SET raw = raw - ?1, columns = columns - ?2 WHERE one = 1",
};

typedef struct eraser {
    sqlite3 *db;
    sqlite3_stmt *stmt[STATEMENTS];
    int64_t gone[PF_KINDS];
} eraser;

static pf_code prepare(eraser *e, sqlite3 *db, pf_error *err)
{
    *e = (eraser){.db = db};
    pf_code code = PF_OK;
    for (int i = 0; !code && i < STATEMENTS; i++)
        code = pf_db_prepare(db, sql[i], &e->stmt[i], err);
    return code;
}

static void finalize(eraser *e)
{
    for (int i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(e->stmt[i]);
}

static pf_code step(eraser *e, int which, pf_error *err)
{
    pf_code code = sqlite3_step(e->stmt[which]) == SQLITE_DONE ? PF_OK : pf_db_fail(e->db, err);
    sqlite3_reset(e->stmt[which]);
    return code;
}

static int64_t hour_of(int64_t created_at)
{
    int64_t hour = created_at / NS_PER_HOUR;
    return created_at % NS_PER_HOUR < 0 ? hour - 1 : hour;
}

static pf_code erase_row(eraser *e, int64_t number, const pf_xid *xid, pf_error *err)
{
    sqlite3_stmt *st = e->stmt[FIND];
    sqlite3_bind_int64(st, 1, number);
    sqlite3_bind_blob(st, 2, xid->b, sizeof xid->b, SQLITE_STATIC);
    int rc = sqlite3_step(st);
    pf_code code = rc == SQLITE_ROW || rc == SQLITE_DONE ? PF_OK : pf_db_fail(e->db, err);
    int64_t service = sqlite3_column_int64(st, 0), type = sqlite3_column_int64(st, 1);
    int64_t hour = hour_of(sqlite3_column_int64(st, 2)), kind = sqlite3_column_int64(st, 3);
    sqlite3_reset(st);
    if (code || rc == SQLITE_DONE) /* somebody else has deleted it meanwhile */
        return code;
    for (int i = VOID; i <= FORGET_HOUR; i++) {
        sqlite3_bind_int64(e->stmt[i], 1, service);
        sqlite3_bind_int64(e->stmt[i], 2, type);
        sqlite3_bind_int64(e->stmt[i], 3, hour);
    }
    sqlite3_bind_int64(e->stmt[ERASE], 1, number);
    for (int i = ERASE; !code && i <= FORGET_HOUR; i++)
        code = step(e, i, err);
    e->gone[kind == PF_KIND_RAW ? PF_KIND_RAW : PF_KIND_COLUMNS] += code == PF_OK;
    return code;
}

static pf_code erase_run(eraser *e, const run *r, pf_error *err)
{
    pf_code code = PF_OK;
    int64_t least = INT64_MAX, most = 0;
    for (size_t i = 0; !code && i < r->n; i++) {
        least = r->number[i] < least ? r->number[i] : least;
        most = r->number[i] > most ? r->number[i] : most;
        code = erase_row(e, r->number[i], &r->xid[i], err);
    }
    sqlite3_bind_int64(e->stmt[FORGET_EXTERNAL], 1, least);
    sqlite3_bind_int64(e->stmt[FORGET_EXTERNAL], 2, most);
    sqlite3_bind_int64(e->stmt[COUNT_ROWS], 1, e->gone[PF_KIND_RAW]);
    sqlite3_bind_int64(e->stmt[COUNT_ROWS], 2, e->gone[PF_KIND_COLUMNS]);
    int from = atomic_load(&r->partition->has_external) ? FORGET_EXTERNAL : FORGET_EXTERNAL + 1;
    for (int i = from; !code && i <= COUNT_ROWS; i++)
        code = step(e, i, err);
    return code;
}

static void leave_out(pf_extent *extent, const eraser *e)
{
    for (int k = 0; k < PF_KINDS; k++)
        extent->rows[k] -= e->gone[k];
}

/* In the partition that is written, as a transaction of its writer. */
static pf_code erase_written(pf_writer *w, run *r, eraser *e, pf_error *err)
{
    pf_code code = prepare(e, w->db, err);
    if (!code)
        code = pf_writer_begin(w, err);
    if (code)
        return code;
    pf_extent before = w->extent;
    code = erase_run(e, r, err);
    leave_out(&w->extent, e);
    if (!code)
        code = pf_writer_commit(w, err);
    if (code) {
        w->suspect = w->suspect || pf_writer_disk_failed(w);
        w->extent = before;
        pf_writer_rollback(w);
    }
    return code;
}

static pf_code erase_other(pf_partition *p, run *r, eraser *e, pf_error *err)
{
    sqlite3 *db = NULL;
    pf_code code = pf_db_open(p->path, PF_DB_WRITER, ERASE_CACHE, &db, err);
    if (code)
        return code;
    code = pf_db_set_wal(db, err);
    if (!code)
        code = prepare(e, db, err);
    if (!code)
        code = pf_db_exec(db, "BEGIN IMMEDIATE", err);
    if (!code)
        code = erase_run(e, r, err);
    if (!code)
        code = pf_db_exec(db, "COMMIT", err);
    finalize(e);
    memset(e->stmt, 0, sizeof e->stmt);
    if (!code) {
        pf_extent extent = pf_partition_extent(p);
        leave_out(&extent, e);
        pf_partition_set_extent(p, &extent);
    }
    if (!code) /* else the next one does it */
        sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    sqlite3_close(db);
    return code;
}

static pf_code check_writable(const pf_partition *p, pf_error *err)
{
    if (atomic_load(&p->damaged))
        return pf_fail(
            err, PF_CONFLICT,
            "partition %s is damaged and not written to any more: what is in it can't be "
            "deleted before it expires",
            p->name);
    if (p->writable)
        return PF_OK;
    return pf_fail(
        err, PF_CONFLICT,
        "partition %s is of an older format, which this server only reads: what is in it "
        "can't be deleted before it expires",
        p->name);
}

/* The committer's. */
static void remove_run(pf_committer *c, void *ctx)
{
    run *r = ctx;
    eraser e = {0};
    bool written = c->writer.partition == r->partition && c->writer.db;
    r->code = check_writable(r->partition, &r->err);
    if (r->code)
        return;
    if (written)
        r->code = pf_writer_recover(&c->writer, &r->err);
    if (!r->code)
        r->code = written ? erase_written(&c->writer, r, &e, &r->err)
                          : erase_other(r->partition, r, &e, &r->err);
    finalize(&e);
    if (r->code)
        return;
    atomic_store(&r->partition->has_removed, true);
    atomic_store(&r->partition->may_shrink, true);
    r->removed = e.gone[PF_KIND_RAW] + e.gone[PF_KIND_COLUMNS];
}

typedef struct removal {
    pf_local *l;
    const pf_op *op;
    bool dry_run; /* or the look before it */
    run *run;
    int64_t removed;
} removal;

static pf_code flush(removal *m, pf_error *err)
{
    run *r = m->run;
    if (!r->n)
        return PF_OK;
    pf_committer_run(&m->l->committer, remove_run, r);
    m->removed += r->removed;
    pf_code code = r->code;
    if (code)
        *err = r->err;
    *r = (run){.code = PF_OK};
    return code;
}

/* One row more; it goes with its run. */
static pf_code add(removal *m, pf_partition *p, int64_t number, const pf_xid *xid, pf_error *err)
{
    if (m->dry_run) {
        m->removed++;
        return check_writable(p, err);
    }
    pf_code code = PF_OK;
    if (m->run->partition != p || m->run->n == ROWS)
        code = flush(m, err);
    m->run->partition = p;
    if (code)
        return code;
    m->run->number[m->run->n] = number;
    m->run->xid[m->run->n++] = *xid;
    return PF_OK;
}

typedef struct page {
    pf_entry entries[ROWS];
    size_t n;
} page;

static pf_code remove_found(removal *m, const pf_query *asked, page *p, pf_error *err)
{
    pf_finder f;
    pf_query q = *asked;
    pf_find_pos pos = {0};
    q.limit = 0;
    pf_code code = pf_finder_init(&f, &m->l->set, &m->l->conns, &q, m->op, err);
    while (!code && !pos.finished) {
        code = pf_finder_entries(&f, &pos, p->entries, ROWS, &p->n, err);
        for (size_t i = 0; !code && i < p->n; i++)
            code = add(m, f.list[p->entries[i].partition], p->entries[i].number, &p->entries[i].xid,
                       err);
        if (!code)
            code = flush(m, err); /* while the finder holds the partitions */
        if (!code)
            code = pf_op_check(m->op, err);
    }
    pf_finder_free(&f);
    return code;
}

typedef struct located {
    pf_partition *partition; /* a counted reference */
    int64_t number;
    pf_xid xid;
} located;

static pf_code note_located(void *ctx, pf_conn *conn, const pf_record *row, pf_error *err)
{
    (void)err;
    located *at = ctx;
    *at = (located){conn->partition, row->number, row->xid};
    pf_partition_ref(at->partition);
    return PF_OK;
}

static pf_code remove_id(removal *m, pf_str id, pf_error *err)
{
    located at = {0};
    pf_code code = pf_local_locate(m->l, id, m->op, note_located, &at, err);
    if (code == PF_NOT_FOUND)
        return pf_fail(err, code, "nothing found for id \"%.*s\"", PF_FMT(id));
    if (!code) {
        code = add(m, at.partition, at.number, &at.xid, err);
        int64_t before = m->removed;
        if (!code)
            code = flush(m, err);
        if (!code && !m->dry_run && m->removed == before) /* somebody else was first */
            code = pf_fail(err, PF_NOT_FOUND, "nothing found for id \"%.*s\"", PF_FMT(id));
    }
    if (at.partition)
        pf_partition_unref(at.partition);
    return code;
}

static bool is_repeated(const pf_selection *s, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (pf_str_eq(s->ids[k], s->ids[i]))
            return true;
    return false;
}

static pf_code remove_all(removal *m, const pf_selection *what, page *p, pf_error *err)
{
    if (what->query)
        return remove_found(m, what->query, p, err);
    pf_code code = PF_OK;
    for (size_t i = 0; !code && i < what->nids; i++)
        if (!is_repeated(what, i))
            code = remove_id(m, what->ids[i], err);
    return code;
}

pf_code pf_local_remove(pf_store *s, const pf_removal *r, const pf_op *op, int64_t *removed,
                        pf_error *err)
{
    removal m = {.l = (pf_local *)s, .op = op, .dry_run = true};
    page *p = malloc(sizeof *p);
    m.run = calloc(1, sizeof *m.run);
    pf_code code = p && m.run ? PF_OK : pf_fail_nomem(err, "deleting");
    if (!code)
        code = remove_all(&m, &r->what, p, err);
    *removed = code ? 0 : m.removed;
    if (!code && !r->dry_run) {
        m.dry_run = false;
        m.removed = 0;
        code = remove_all(&m, &r->what, p, err);
        *removed = m.removed;
        pf_metric_add(m.l->metrics.removed, (double)m.removed);
    }
    free(m.run);
    free(p);
    return code;
}
