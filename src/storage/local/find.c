/* find.c: listings, page by page.
 *
 * A page is the next K entries behind a position in (created_at, id): keyset pagination, so what is
 * written meanwhile moves nothing. With a limit, the newest N are wanted, oldest of them first: if
 * they fit in a page, it is read backwards and turned round; else the way back is walked once to
 * find where they begin, and the pages start there.
 */
#include "storage/local/finder.h"
#include "storage/local/store.h"
#include "storage/local/totals_column.h"

#include <string.h>

enum { PAGE_MAX = 1024 };

static pf_find_from position(const pf_find_pos *pos)
{
    pf_find_from from = {.created_at = pos->created_at};
    from.has_xid = pf_xid_parse(pf_str_c(pos->id), &from.xid);
    return from;
}

/* Gives the entries in order, and leaves *pos behind the last one given. */
static void give_page(const pf_finder *f, pf_find_pos *pos, bool last, pf_entry_fn fn, void *ctx)
{
    const pf_page_heap *e = &f->entries;
    bool limited = f->q->limit > 0;
    size_t given = 0;
    for (bool more = true; more && given < e->n; given++) {
        const pf_entry *entry = &e->heap[e->down ? e->n - 1 - given : given];
        if (limited)
            pos->remaining--;
        pos->created_at = entry->created_at;
        pf_xid_format(entry->xid, pos->id);
        more = fn(ctx, f, entry);
    }
    pos->finished = (last && given == e->n) || (limited && pos->remaining <= 0);
}

/* Moves *pos to where the newest `limit` begin: just before the oldest of them. */
static pf_code seek_newest(pf_finder *f, pf_find_pos *pos, pf_error *err)
{
    pf_find_from from = {.created_at = f->q->to};
    int64_t left = f->q->limit;
    pos->created_at = f->q->from;
    while (left > 0) {
        size_t max = left < PAGE_MAX ? (size_t)left : PAGE_MAX;
        pf_code code = pf_finder_page(f, from, max, true, false, err);
        if (code)
            return code;
        const pf_page_heap *e = &f->entries;
        left -= (int64_t)e->n;
        if (e->n < max)
            return PF_OK;
        from = (pf_find_from){e->heap[e->n - 1].created_at, e->heap[e->n - 1].xid, true};
    }
    /* The position is exclusive: the id before the oldest one. That of an all-zero id is none. */
    pos->created_at = from.created_at;
    for (int i = PF_XID_BYTES - 1; i >= 0 && from.xid.b[i]-- == 0; i--)
        if (i == 0)
            return PF_OK;
    pf_xid_format(from.xid, pos->id);
    return PF_OK;
}

static pf_code start(pf_finder *f, pf_find_pos *pos, size_t max, bool labels, bool *whole,
                     pf_error *err)
{
    const pf_query *q = f->q;
    *pos = (pf_find_pos){
        .started = true, .created_at = q->from, .remaining = q->limit > 0 ? q->limit : 0};
    *whole = q->limit > 0 && (uint64_t)q->limit <= max;
    if (*whole) /* max <= PAGE_MAX */
        return pf_finder_page(f, (pf_find_from){.created_at = q->to}, (size_t)q->limit, true,
                              labels, err);
    return q->limit > 0 ? seek_newest(f, pos, err) : PF_OK;
}

/* The page goes into f->entries; *last says that nothing can come behind it. */
static pf_code fill_page(pf_finder *f, pf_find_pos *pos, size_t max, bool labels, bool *last,
                         pf_error *err)
{
    bool whole = false;
    if (max > PAGE_MAX)
        max = PAGE_MAX;
    pf_code code = pos->started ? PF_OK : start(f, pos, max, labels, &whole, err);
    if (!code && !whole) {
        if (f->q->limit > 0 && (uint64_t)pos->remaining < max)
            max = (size_t)pos->remaining;
        code = pf_finder_page(f, position(pos), max, false, labels, err);
    }
    *last = whole || f->entries.n < max;
    return code;
}

pf_code pf_finder_next(pf_finder *f, pf_find_pos *pos, size_t max, bool labels, pf_entry_fn fn,
                       void *ctx, pf_error *err)
{
    bool last;
    pf_code code = fill_page(f, pos, max, labels, &last, err);
    if (!code)
        give_page(f, pos, last, fn, ctx);
    return code;
}

typedef struct entry_list {
    pf_entry *out;
    size_t n;
} entry_list;

static bool keep_entry(void *ctx, const pf_finder *f, const pf_entry *e)
{
    (void)f;
    entry_list *l = ctx;
    l->out[l->n++] = *e;
    return true;
}

pf_code pf_finder_entries(pf_finder *f, pf_find_pos *pos, pf_entry *out, size_t max, size_t *n,
                          pf_error *err)
{
    entry_list l = {.out = out};
    pf_code code = pf_finder_next(f, pos, max, false, keep_entry, &l, err);
    *n = l.n;
    return code;
}

typedef struct listing {
    pf_meta_fn fn;
    void *ctx;
} listing;

static pf_meta meta_of(const pf_finder *f, const pf_entry *e, char id[PF_XID_CHARS + 1])
{
    const pf_known_series *series = pf_finder_series(f, e);
    pf_xid_format(e->xid, id);
    return (pf_meta){.id = {id, PF_XID_CHARS},
                     .service = f->q->service,
                     .labels = series->labels,
                     .type = series->type,
                     .created_at = e->created_at};
}

static bool give_meta(void *ctx, const pf_finder *f, const pf_entry *e)
{
    const listing *l = ctx;
    char id[PF_XID_CHARS + 1];
    pf_meta meta = meta_of(f, e, id);
    return l->fn(l->ctx, &meta);
}

pf_code pf_local_find(pf_store *s, const pf_query *q, pf_find_pos *pos, size_t max, const pf_op *op,
                      pf_meta_fn fn, void *ctx, pf_error *err)
{
    pf_local *l = (pf_local *)s;
    if (pos->finished || max == 0)
        return PF_OK;
    pf_finder f;
    listing to = {fn, ctx};
    pf_code code = pf_finder_init(&f, &l->set, &l->conns, q, op, err);
    if (!code)
        code = pf_finder_next(&f, pos, max, true, give_meta, &to, err);
    pf_finder_free(&f);
    return code;
}

/* Totals are looked up for what is on the page only, in the index that carries them, partition by partition. */
typedef struct total_listing {
    pf_meta_total_fn fn;
    void *ctx;
    pf_total *total; /* by entry */
    bool *gone;      /* by entry: deleted since it was found */
    pf_totals_column sums;
} total_listing;

static pf_code read_total(total_listing *l, pf_finder *f, size_t i, pf_error *err)
{
    const pf_entry *e = &f->entries.heap[i];
    const pf_known_series *series = pf_finder_series(f, e);
    pf_total *t = &l->total[i];
    *t = (pf_total){.type = series->type,
                    .created_at = e->created_at,
                    .series = (uint32_t)(series - f->known),
                    .labels = series->labels};
    sqlite3_stmt *st = pf_conn_stmt(f->conn, PF_STMT_TOTAL, err);
    if (!st)
        return pf_db_fail(f->conn->db, err);
    sqlite3_bind_int64(st, 1, f->service);
    sqlite3_bind_int64(st, 2, series->type);
    sqlite3_bind_int64(st, 3, e->created_at);
    sqlite3_bind_blob(st, 4, e->xid.b, sizeof e->xid.b, SQLITE_STATIC);
    int rc = sqlite3_step(st);
    l->gone[i] = rc == SQLITE_DONE;
    pf_code code = rc == SQLITE_ROW ? pf_totals_column_read(&l->sums, f, pf_db_blob(st, 0), t, err)
                   : rc == SQLITE_DONE ? PF_OK
                                       : pf_db_fail(f->conn->db, err);
    sqlite3_reset(st);
    if (code || !t->types)
        return code;
    int64_t *sum = pf_arena_array(&f->arena, t->types->n, sizeof *sum);
    bool *has_sum = pf_arena_array(&f->arena, t->types->n, sizeof *has_sum);
    if (!sum || !has_sum)
        return pf_arena_fail(&f->arena, err, "totals");
    memcpy(sum, t->sum, t->types->n * sizeof *sum);
    memcpy(has_sum, t->has_sum, t->types->n * sizeof *has_sum);
    t->sum = sum;
    t->has_sum = has_sum;
    return PF_OK;
}

static pf_code read_totals(total_listing *l, pf_finder *f, pf_error *err)
{
    const pf_page_heap *e = &f->entries;
    pf_code code = PF_OK;
    l->total = pf_arena_array(&f->arena, e->n, sizeof *l->total);
    l->gone = pf_arena_zalloc(&f->arena, e->n);
    if (!l->total || !l->gone)
        return pf_arena_fail(&f->arena, err, "totals");
    for (uint32_t part = 0; !code && part < f->npartitions; part++) {
        size_t first = 0;
        while (first < e->n && e->heap[first].partition != part)
            first++;
        if (first == e->n)
            continue;
        code = pf_finder_enter(f, part, err);
        for (size_t i = first; !code && i < e->n; i++)
            if (e->heap[i].partition == part)
                code = read_total(l, f, i, err);
        pf_finder_leave(f);
        if (!code)
            code = pf_op_check(f->op, err);
    }
    return code;
}

static bool give_total(void *ctx, const pf_finder *f, const pf_entry *e)
{
    const total_listing *l = ctx;
    size_t i = (size_t)(e - f->entries.heap);
    char id[PF_XID_CHARS + 1];
    pf_meta meta = meta_of(f, e, id);
    return l->gone[i] || l->fn(l->ctx, &meta, &l->total[i]);
}

pf_code pf_local_find_totals(pf_store *s, const pf_query *q, pf_find_pos *pos, size_t max,
                             const pf_op *op, pf_meta_total_fn fn, void *ctx, pf_error *err)
{
    pf_local *l = (pf_local *)s;
    if (pos->finished || max == 0)
        return PF_OK;
    pf_finder f;
    total_listing to = {.fn = fn, .ctx = ctx};
    bool last;
    pf_code code = pf_finder_init(&f, &l->set, &l->conns, q, op, err);
    if (!code)
        code = fill_page(&f, pos, max, true, &last, err);
    if (!code)
        code = read_totals(&to, &f, err);
    if (!code)
        give_page(&f, pos, last, give_total, &to);
    pf_finder_free(&f);
    pf_totals_column_free(&to.sums);
    return code;
}
