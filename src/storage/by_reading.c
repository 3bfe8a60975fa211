/* by_reading.c: find() page by page --> read() --> gunzip --> decode --> the sums of its values.
 *
 * One profile is in memory at a time. Every profile counts as a series of its own, and every list of sample
 * types as another one: whoever walks joins them by content.
 */
#include "storage/by_reading.h"

#include "pprof/gzip.h"

#include <stdlib.h>
#include <string.h>

enum { PAGE = 256, INFLATED_MAX = 1 << 30 };

typedef struct page {
    pf_arena arena;
    pf_meta metas[PAGE];
    size_t n;
    bool failed;
} page;

typedef struct walk {
    pf_store *store;
    const pf_op *op;
    pf_total_fn fn;
    void *ctx;
    pf_arena kept, scratch; /* labels and types until the end; one profile */
    uint32_t series;
} walk;

static bool copy_labels(pf_arena *a, pf_labels in, pf_labels *out)
{
    pf_pair *pairs = pf_arena_array(a, in.n, sizeof *pairs);
    for (size_t i = 0; pairs && i < in.n; i++) {
        pairs[i] = (pf_pair){pf_arena_str(a, in.pairs[i].key), pf_arena_str(a, in.pairs[i].value)};
        if (!pairs[i].key.p || !pairs[i].value.p)
            return false;
    }
    *out = (pf_labels){pairs, in.n};
    return pairs != NULL;
}

static bool keep_meta(void *ctx, const pf_meta *meta)
{
    page *p = ctx;
    pf_meta *m = &p->metas[p->n];
    *m = *meta;
    m->id = pf_arena_str(&p->arena, meta->id);
    m->service = pf_arena_str(&p->arena, meta->service);
    p->failed = !m->id.p || !m->service.p || !copy_labels(&p->arena, meta->labels, &m->labels);
    p->n += !p->failed;
    return !p->failed && p->n < PAGE;
}

static pf_code add_up(walk *w, const pf_profile *p, pf_total *t, pf_error *err)
{
    pf_sample_types *types = pf_arena_alloc(&w->kept, sizeof *types);
    pf_sample_type *list = pf_arena_array(&w->kept, p->nsample_type, sizeof *list);
    int64_t *sum = pf_arena_array(&w->scratch, p->nsample_type, sizeof *sum);
    bool *has_sum = pf_arena_array(&w->scratch, p->nsample_type, sizeof *has_sum);
    if (!types || !list || !sum || !has_sum)
        return pf_arena_fail(&w->kept, err, "sums");
    for (uint32_t i = 0; i < p->nsample_type; i++) {
        __int128 wide = 0;
        for (size_t k = 0; k < p->nsample; k++)
            wide += p->value[k * p->nsample_type + i];
        sum[i] = (int64_t)wide;
        has_sum[i] = wide >= INT64_MIN && wide <= INT64_MAX;
        list[i].type = pf_arena_str(&w->kept, p->string[p->sample_type[i].type]);
        list[i].unit = pf_arena_str(&w->kept, p->string[p->sample_type[i].unit]);
        if (!list[i].type.p || !list[i].unit.p)
            return pf_arena_fail(&w->kept, err, "sums");
    }
    *types = (pf_sample_types){list, p->nsample_type};
    t->types = types;
    t->sum = sum;
    t->has_sum = has_sum;
    t->duration = p->duration_nanos;
    return PF_OK;
}

static pf_code read_one(walk *w, const pf_meta *meta, pf_total *t, pf_error *err)
{
    pf_blob blob = {.bytes = PF_BUF_INIT};
    pf_str bytes;
    pf_profile profile;
    size_t max = w->op && w->op->max_memory ? w->op->max_memory : INFLATED_MAX;
    pf_code code = pf_store_read(w->store, meta->id, w->op, &blob, err);
    if (!code && blob.type != PF_TYPE_TRACE) {
        code = pf_gunzip(pf_buf_str(&blob.bytes), max, &w->scratch, &bytes, err);
        if (!code)
            code = pf_profile_decode(&profile, &w->scratch, bytes, err);
        if (!code)
            code = add_up(w, &profile, t, err);
    }
    pf_buf_free(&blob.bytes);
    return code;
}

static pf_code give_one(walk *w, const pf_meta *meta, pf_error *err)
{
    pf_total t = {.type = meta->type, .created_at = meta->created_at, .series = w->series++};
    pf_code code = pf_op_check(w->op, err);
    if (!code)
        code = read_one(w, meta, &t, err);
    if (code == PF_NOT_FOUND) /* it expired meanwhile */
        return PF_OK;
    if (!code && !copy_labels(&w->kept, meta->labels, &t.labels))
        code = pf_arena_fail(&w->kept, err, "labels");
    if (!code)
        code = w->fn(w->ctx, &t, err);
    pf_arena_reset(&w->scratch, 1 << 20);
    return code;
}

static pf_code next_page(walk *w, const pf_query *q, pf_find_pos *pos, size_t max, page *p,
                         pf_error *err)
{
    p->n = 0;
    pf_arena_reset(&p->arena, 1 << 16);
    pf_code code = pf_store_find(w->store, q, pos, max, w->op, keep_meta, p, err);
    return !code && p->failed ? pf_fail_nomem(err, "a walk") : code;
}

static pf_code give_all(walk *w, const pf_query *q, page *p, pf_error *err)
{
    pf_find_pos pos = {0};
    while (!pos.finished) {
        pf_code code = next_page(w, q, &pos, PAGE, p, err);
        for (size_t i = 0; !code && i < p->n; i++)
            code = give_one(w, &p->metas[i], err);
        if (code)
            return code;
    }
    return PF_OK;
}

static pf_code open_walk(walk *w, page **p, pf_error *err)
{
    const pf_op *op = w->op;
    *p = calloc(1, sizeof **p);
    if (!*p)
        return pf_fail_nomem(err, "a walk");
    pf_arena_init(&(*p)->arena, NULL, 0);
    pf_arena_init(&w->kept, op ? op->budget : NULL, op ? op->max_memory : 0);
    pf_arena_init(&w->scratch, op ? op->budget : NULL, op ? op->max_memory : 0);
    return PF_OK;
}

static void close_walk(walk *w, page *p)
{
    pf_arena_free(&w->scratch);
    pf_arena_free(&w->kept);
    pf_arena_free(&p->arena);
    free(p);
}

pf_code pf_totals_by_reading(pf_store *s, const pf_query *q, const pf_op *op, pf_total_fn fn,
                             void *ctx, pf_error *err)
{
    pf_query all = *q;
    all.limit = 0;
    walk w = {.store = s, .op = op, .fn = fn, .ctx = ctx};
    page *p;
    pf_code code = open_walk(&w, &p, err);
    if (code)
        return code;
    code = give_all(&w, &all, p, err);
    close_walk(&w, p);
    return code;
}

/* With its sums, one of a page; pf_total_fn's side of pf_find_totals_by_reading. */
typedef struct listing {
    pf_meta_total_fn fn;
    void *ctx;
    const pf_meta *meta;
    bool more;
} listing;

static pf_code give_meta(void *ctx, const pf_total *t, pf_error *err)
{
    listing *l = ctx;
    (void)err;
    l->more = l->fn(l->ctx, l->meta, t);
    return PF_OK;
}

/* Back to behind the last one given: the page was fetched further than it was taken. */
static void move_back(pf_find_pos *pos, const pf_query *q, const pf_meta *last, size_t left)
{
    pos->finished = false;
    pos->created_at = last->created_at;
    memcpy(pos->id, last->id.p, last->id.n);
    pos->id[last->id.n] = 0;
    if (q->limit > 0)
        pos->remaining += (int64_t)left;
}

pf_code pf_find_totals_by_reading(pf_store *s, const pf_query *q, pf_find_pos *pos, size_t max,
                                  const pf_op *op, pf_meta_total_fn fn, void *ctx, pf_error *err)
{
    listing l = {.fn = fn, .ctx = ctx, .more = true};
    walk w = {.store = s, .op = op, .fn = give_meta, .ctx = &l};
    page *p;
    pf_code code = open_walk(&w, &p, err);
    if (code)
        return code;
    code = next_page(&w, q, pos, max < PAGE ? max : PAGE, p, err);
    for (size_t i = 0; !code && l.more && i < p->n; i++) {
        l.meta = &p->metas[i];
        code = give_one(&w, l.meta, err);
        if (!l.more && i + 1 < p->n)
            move_back(pos, q, l.meta, p->n - 1 - i);
    }
    close_walk(&w, p);
    return code;
}
