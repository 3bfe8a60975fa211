/* find.c: listings, page by page.
 *
 * A page is the next K entries behind a position in (created_at, id): keyset pagination, so what is
 * written meanwhile moves nothing. With a limit, the newest N are wanted, oldest of them first: if
 * they fit in a page, it is read backwards and turned round; else the way back is walked once to
 * find where they begin, and the pages start there.
 */
#include "storage/local/finder.h"
#include "storage/local/store.h"

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
    const pf_entries *e = &f->entries;
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
        const pf_entries *e = &f->entries;
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

pf_code pf_finder_next(pf_finder *f, pf_find_pos *pos, size_t max, bool labels, pf_entry_fn fn,
                       void *ctx, pf_error *err)
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
    if (!code)
        give_page(f, pos, whole || f->entries.n < max, fn, ctx);
    return code;
}

typedef struct listing {
    pf_meta_fn fn;
    void *ctx;
} listing;

static bool give_meta(void *ctx, const pf_finder *f, const pf_entry *e)
{
    const listing *l = ctx;
    const pf_known_series *series = pf_finder_series(f, e);
    char id[PF_XID_CHARS + 1];
    pf_xid_format(e->xid, id);
    pf_meta meta = {.id = {id, PF_XID_CHARS},
                    .service = f->q->service,
                    .labels = series->labels,
                    .type = series->type,
                    .created_at = e->created_at};
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
