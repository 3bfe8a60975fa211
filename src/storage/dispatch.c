/* dispatch.c: what all stores share. The dispatchers do nothing but call the store; the merge for
 * stores that have none of their own reads profile after profile:
 *
 *     ids, or find() page by page --> read() --> gunzip --> decode --> pf_merge_add
 *
 * One profile is in memory at a time besides the merge itself. A selection of exactly one profile
 * is handed on as it is stored, undecoded.
 */
#include "storage/storage.h"

#include "base/clock.h"
#include "pprof/gzip.h"
#include "pprof/merge.h"
#include "storage/by_reading.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { MERGE_PAGE = 256 };                        /* ids that are found in one go */
enum { MERGE_INFLATED_MAX = 1024 * 1024 * 1024 }; /* of one profile, where the op sets no ceiling */
enum { MERGE_GZIP_LEVEL = 1 };

pf_code pf_op_check(const pf_op *op, pf_error *err)
{
    if (!op)
        return PF_OK;
    if (op->cancel && atomic_load_explicit(op->cancel, memory_order_relaxed))
        return pf_fail(err, PF_CANCELLED, "the request was cancelled");
    if (op->revoked && atomic_load_explicit(op->revoked, memory_order_relaxed))
        return pf_fail(err, PF_UNAUTHENTICATED, "the token was revoked or has expired");
    if (op->deadline && pf_clock_mono() >= op->deadline)
        return pf_fail(err, PF_TIMEOUT, "the query took longer than it may (-query.timeout)");
    return PF_OK;
}

bool pf_op_sees(const pf_op *op, pf_str service)
{
    return !op || pf_scope_has(op->scope, service);
}

static bool sees_selection(const pf_op *op, const pf_selection *sel)
{
    return !sel->query || pf_op_sees(op, sel->query->service);
}

void pf_store_write(pf_store *s, pf_write *w)
{
    s->ops->write(s, w);
}

pf_code pf_store_find(pf_store *s, const pf_query *q, pf_find_pos *pos, size_t max, const pf_op *op,
                      pf_meta_fn fn, void *ctx, pf_error *err)
{
    if (!pf_op_sees(op, q->service)) {
        pos->finished = true;
        return PF_OK;
    }
    return s->ops->find(s, q, pos, max, op, fn, ctx, err);
}

pf_code pf_store_read(pf_store *s, pf_str id, const pf_op *op, pf_blob *out, pf_error *err)
{
    return s->ops->read(s, id, op, out, err);
}

typedef struct seen_services {
    const pf_op *op;
    bool (*fn)(void *ctx, pf_str service);
    void *ctx;
} seen_services;

static bool give_if_seen(void *ctx, pf_str service)
{
    seen_services *seen = ctx;
    return !pf_op_sees(seen->op, service) || seen->fn(seen->ctx, service);
}

pf_code pf_store_services(pf_store *s, const pf_op *op, bool (*fn)(void *ctx, pf_str service),
                          void *ctx, pf_error *err)
{
    seen_services seen = {op, fn, ctx};
    return s->ops->services(s, op, give_if_seen, &seen, err);
}

pf_code pf_store_ready(pf_store *s, pf_error *err)
{
    return s->ops->ready(s, err);
}

void pf_store_problems(pf_store *s, pf_buf *out)
{
    if (s->ops->problems)
        s->ops->problems(s, out);
}

const pf_store_traits *pf_store_traits_of(const pf_store *s)
{
    return s->ops->traits;
}

pf_code pf_store_remove(pf_store *s, const pf_removal *r, const pf_op *op, int64_t *removed,
                        pf_error *err)
{
    *removed = 0;
    if (!s->ops->remove)
        return pf_fail(err, PF_NOT_ALLOWED, "the %s store can't delete profiles",
                       s->ops->traits->name);
    return sees_selection(op, &r->what) ? s->ops->remove(s, r, op, removed, err) : PF_OK;
}

void pf_store_close(pf_store *s)
{
    if (s)
        s->ops->close(s);
}

/* writing and waiting for it */

typedef struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool finished;
    pf_code code;
    pf_error *err;
} waiter;

static void wake(pf_write *w, pf_code code, const pf_error *err)
{
    waiter *wait = w->ctx;
    pthread_mutex_lock(&wait->lock);
    wait->finished = true;
    wait->code = code;
    if (code && err && wait->err)
        *wait->err = *err;
    pthread_cond_signal(&wait->cond);
    pthread_mutex_unlock(&wait->lock);
}

pf_code pf_store_write_wait(pf_store *s, pf_write *w, pf_error *err)
{
    waiter wait = {.err = err};
    pthread_mutex_init(&wait.lock, NULL);
    pthread_cond_init(&wait.cond, NULL);
    void *ctx = w->ctx;
    w->ctx = &wait;
    w->done = wake;
    pf_store_write(s, w);
    pthread_mutex_lock(&wait.lock);
    while (!wait.finished)
        pthread_cond_wait(&wait.cond, &wait.lock);
    pthread_mutex_unlock(&wait.lock);
    w->ctx = ctx;
    pthread_cond_destroy(&wait.cond);
    pthread_mutex_destroy(&wait.lock);
    return wait.code;
}

/* merging by reading */

typedef struct merging {
    pf_store *store;
    const pf_op *op;
    pf_merge *merge;
    pf_arena arena; /* the profile that is being added */
    pf_blob first;  /* kept undecoded until a second one comes */
    size_t count;
    int64_t oldest, newest; /* created_at of what a query found */
} merging;

static pf_code add_blob(merging *m, const pf_blob *blob, pf_error *err)
{
    size_t max = m->op && m->op->max_memory ? m->op->max_memory : MERGE_INFLATED_MAX;
    pf_str bytes;
    pf_profile profile;
    pf_code code = pf_gunzip(pf_buf_str(&blob->bytes), max, &m->arena, &bytes, err);
    if (!code)
        code = pf_profile_decode(&profile, &m->arena, bytes, err);
    if (!code)
        code = pf_merge_add(m->merge, &profile, err);
    else if (code == PF_TOO_LARGE)
        code = pf_fail(err, PF_QUERY_LIMIT, "the merge needs more memory than a query may have");
    pf_arena_reset(&m->arena, 1 << 20);
    return code;
}

static pf_code add_first(merging *m, pf_error *err)
{
    m->merge = pf_merge_new(m->op ? m->op->budget : NULL, m->op ? m->op->max_memory : 0);
    if (!m->merge)
        return pf_fail_nomem(err, "merge");
    pf_code code = add_blob(m, &m->first, err);
    pf_buf_free(&m->first.bytes);
    return code;
}

static pf_code add_id(merging *m, pf_str id, pf_error *err)
{
    pf_code code = pf_op_check(m->op, err);
    pf_blob blob = {.bytes = PF_BUF_INIT};
    if (!code)
        code = pf_store_read(m->store, id, m->op, &blob, err);
    if (code)
        return code;
    if (m->count++ == 0) {
        m->first = blob;
        return PF_OK;
    }
    if (m->first.type == PF_TYPE_TRACE || blob.type == PF_TYPE_TRACE)
        code = pf_fail(err, PF_NOT_ALLOWED, "can't merge profiles of type trace");
    if (!code && m->count == 2)
        code = add_first(m, err);
    if (!code)
        code = add_blob(m, &blob, err);
    pf_buf_free(&blob.bytes);
    return code;
}

static pf_code add_ids(merging *m, const pf_selection *sel, pf_error *err)
{
    for (size_t i = 0; i < sel->nids; i++) {
        pf_code code = add_id(m, sel->ids[i], err);
        if (code == PF_NOT_FOUND)
            return pf_fail(err, code, "nothing found for id \"%.*s\"", PF_FMT(sel->ids[i]));
        if (code)
            return code;
    }
    return PF_OK;
}

typedef struct id_page {
    pf_arena arena;
    pf_str ids[MERGE_PAGE];
    size_t n;
    int64_t oldest, newest; /* created_at of all pages */
    bool failed, begun;
} id_page;

static bool keep_id(void *ctx, const pf_meta *meta)
{
    id_page *page = ctx;
    pf_str id = pf_arena_str(&page->arena, meta->id);
    page->failed = !id.p;
    if (!page->begun || meta->created_at < page->oldest)
        page->oldest = meta->created_at;
    if (!page->begun || meta->created_at > page->newest)
        page->newest = meta->created_at;
    page->begun = true;
    if (!page->failed)
        page->ids[page->n++] = id;
    return !page->failed && page->n < MERGE_PAGE;
}

/* A profile that expires between being found and being read is left out: it is no longer there. */
static pf_code add_found(merging *m, const pf_query *q, id_page *page, pf_error *err)
{
    pf_find_pos pos = {0};
    while (!pos.finished) {
        page->n = 0;
        pf_arena_reset(&page->arena, 1 << 16);
        pf_code code = pf_store_find(m->store, q, &pos, MERGE_PAGE, m->op, keep_id, page, err);
        if (!code && page->failed)
            code = pf_fail_nomem(err, "ids");
        for (size_t i = 0; !code && i < page->n; i++) {
            code = add_id(m, page->ids[i], err);
            if (code == PF_NOT_FOUND)
                code = PF_OK;
        }
        if (code)
            return code;
    }
    return PF_OK;
}

static pf_code add_query(merging *m, const pf_query *q, pf_error *err)
{
    if (q->type == PF_TYPE_UNKNOWN || q->type == PF_TYPE_TRACE)
        return pf_fail(err, PF_NOT_ALLOWED, "can't merge profiles of %s",
                       q->type == PF_TYPE_TRACE ? "type trace" : "unknown type");
    id_page *page = calloc(1, sizeof *page);
    if (!page)
        return pf_fail_nomem(err, "ids");
    pf_arena_init(&page->arena, NULL, 0);
    pf_code code = add_found(m, q, page, err);
    m->oldest = page->oldest;
    m->newest = page->newest;
    pf_arena_free(&page->arena);
    free(page);
    return code;
}

static pf_code finish(merging *m, pf_blob *out, pf_error *err)
{
    if (m->count == 0)
        return pf_fail(err, PF_NOT_FOUND, "nothing found");
    if (m->count == 1) {
        *out = m->first;
        m->first.bytes = PF_BUF_INIT;
        return PF_OK;
    }
    pf_profile result;
    pf_buf bare = PF_BUF_INIT;
    *out = (pf_blob){.bytes = PF_BUF_INIT, .type = m->first.type};
    pf_code code = pf_merge_finish(m->merge, &result, err);
    if (!code)
        code = pf_profile_encode(&result, &bare, err);
    if (!code)
        code = pf_gzip(pf_buf_str(&bare), MERGE_GZIP_LEVEL, &out->bytes, err);
    pf_buf_free(&bare);
    if (code)
        pf_buf_free(&out->bytes);
    return code;
}

static pf_code collect(merging *m, pf_store *s, const pf_selection *sel, const pf_op *op,
                       pf_error *err)
{
    *m = (merging){.store = s, .op = op};
    pf_arena_init(&m->arena, op ? op->budget : NULL, op ? op->max_memory : 0);
    return sel->query ? add_query(m, sel->query, err) : add_ids(m, sel, err);
}

static void free_merging(merging *m)
{
    if (m->merge)
        pf_merge_free(m->merge);
    pf_buf_free(&m->first.bytes);
    pf_arena_free(&m->arena);
}

static pf_code merge_by_reading(pf_store *s, const pf_selection *sel, const pf_op *op, pf_blob *out,
                                pf_error *err)
{
    merging m;
    pf_code code = collect(&m, s, sel, op, err);
    if (!code)
        code = finish(&m, out, err);
    free_merging(&m);
    return code;
}

static pf_code merge_profile_by_reading(pf_store *s, const pf_selection *sel, const pf_op *op,
                                        pf_merged_fn fn, void *ctx, pf_error *err)
{
    merging m;
    pf_profile result;
    pf_code code = collect(&m, s, sel, op, err);
    if (!code && m.count == 0)
        code = pf_fail(err, PF_NOT_FOUND, "nothing found");
    if (!code && m.count == 1)
        code = m.first.type == PF_TYPE_TRACE
                   ? pf_fail(err, PF_NOT_ALLOWED, "can't merge profiles of type trace")
                   : add_first(&m, err);
    pf_type type = m.first.type;
    if (!code)
        code = pf_merge_finish(m.merge, &result, err);
    if (!code) {
        bool has_times = sel->query != NULL;
        pf_merged merged = {&result, type, m.count, has_times ? m.oldest : result.time_nanos,
                            has_times ? m.newest : result.time_nanos};
        code = fn(ctx, &merged, err);
    }
    free_merging(&m);
    return code;
}

pf_code pf_store_merge(pf_store *s, const pf_selection *sel, const pf_op *op, pf_blob *out,
                       pf_error *err)
{
    if (!sees_selection(op, sel))
        return pf_fail(err, PF_NOT_FOUND, "nothing found");
    if (s->ops->merge)
        return s->ops->merge(s, sel, op, out, err);
    return merge_by_reading(s, sel, op, out, err);
}

pf_code pf_store_merge_profile(pf_store *s, const pf_selection *sel, const pf_op *op,
                               pf_merged_fn fn, void *ctx, pf_error *err)
{
    if (!sees_selection(op, sel))
        return pf_fail(err, PF_NOT_FOUND, "nothing found");
    if (s->ops->merge_profile)
        return s->ops->merge_profile(s, sel, op, fn, ctx, err);
    return merge_profile_by_reading(s, sel, op, fn, ctx, err);
}

pf_code pf_store_stats_get(pf_store *s, pf_store_stats *out, pf_error *err)
{
    *out = (pf_store_stats){0};
    if (!s->ops->stats)
        return pf_fail(err, PF_NOT_FOUND, "this store keeps no statistics");
    return s->ops->stats(s, out, err);
}

pf_code pf_store_totals(pf_store *s, const pf_query *q, const pf_op *op, pf_total_fn fn, void *ctx,
                        pf_error *err)
{
    if (!pf_op_sees(op, q->service))
        return PF_OK;
    if (s->ops->totals)
        return s->ops->totals(s, q, op, fn, ctx, err);
    return pf_totals_by_reading(s, q, op, fn, ctx, err);
}

pf_code pf_store_find_totals(pf_store *s, const pf_query *q, pf_find_pos *pos, size_t max,
                             const pf_op *op, pf_meta_total_fn fn, void *ctx, pf_error *err)
{
    if (!pf_op_sees(op, q->service)) {
        pos->finished = true;
        return PF_OK;
    }
    if (s->ops->find_totals)
        return s->ops->find_totals(s, q, pos, max, op, fn, ctx, err);
    return pf_find_totals_by_reading(s, q, pos, max, op, fn, ctx, err);
}
