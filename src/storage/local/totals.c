/* totals.c: what time lines and lists of labels need, from the index alone.
 *
 *     profile_time:  service, type, created_at, xid | series | totals
 *                                                     |        \-> varint number of the sample types
 *                                                     v            zig-zag duration | bit map | sums
 *                                          labels, looked up once
 *
 * No row of the table is touched: a profile costs a step in the index and its few varints, well under a
 * microsecond, whatever its size. Lists of sample types are looked up once a partition and number, and shared
 * between partitions where they are equal, so that their address says which list it is.
 */
#include "storage/local/finder.h"
#include "storage/local/store.h"

#include <stdlib.h>

enum { ROWS_A_LOOK = 1024, TYPES_MAX = 4096 };

typedef struct known_types {
    uint32_t partition;
    uint64_t number;
    const pf_sample_types *types;
} known_types;

typedef struct walk {
    pf_finder f;
    pf_total_fn fn;
    void *ctx;
    known_types *known; /* the one used last is looked at first */
    size_t nknown, known_cap, last;
    int64_t *sum;
    bool *has_sum;
    unsigned steps;
} walk;

static bool take_text(const uint8_t **p, const uint8_t *end, pf_str *out)
{
    uint64_t n;
    if (!pf_varint_get(p, end, &n) || n > (uint64_t)(end - *p))
        return false;
    *out = (pf_str){(const char *)*p, (size_t)n};
    *p += n;
    return true;
}

static pf_code decode_types(walk *w, pf_str bytes, pf_sample_types *out, pf_error *err)
{
    pf_str copy = pf_arena_str(&w->f.arena, bytes);
    pf_sample_type *list = pf_arena_array(&w->f.arena, copy.n / 2 + 1, sizeof *list);
    if (!copy.p || !list)
        return pf_arena_fail(&w->f.arena, err, "sample types");
    const uint8_t *p = (const uint8_t *)copy.p, *end = p + copy.n;
    size_t n = 0;
    for (; p < end; n++)
        if (n == TYPES_MAX || !take_text(&p, end, &list[n].type) ||
            !take_text(&p, end, &list[n].unit))
            return pf_fail(err, PF_INTERNAL, "partition %s is damaged: bad sample types",
                           w->f.conn->partition->name);
    *out = (pf_sample_types){list, n};
    return PF_OK;
}

static bool equal_types(const pf_sample_types *a, const pf_sample_types *b)
{
    for (size_t i = 0; i < a->n && i < b->n; i++)
        if (!pf_str_eq(a->list[i].type, b->list[i].type) ||
            !pf_str_eq(a->list[i].unit, b->list[i].unit))
            return false;
    return a->n == b->n;
}

/* The list as another partition has it, else a copy in the arena. */
static const pf_sample_types *share_types(walk *w, const pf_sample_types *types)
{
    for (size_t i = 0; i < w->nknown; i++)
        if (equal_types(w->known[i].types, types))
            return w->known[i].types;
    pf_sample_types *copy = pf_arena_alloc(&w->f.arena, sizeof *copy);
    if (copy)
        *copy = *types;
    return copy;
}

static pf_code read_types(walk *w, uint64_t number, const pf_sample_types **out, pf_error *err)
{
    pf_sample_types types = {0};
    sqlite3_stmt *st = pf_conn_stmt(w->f.conn, PF_STMT_TYPES, err);
    if (!st)
        return pf_db_fail(w->f.conn->db, err);
    sqlite3_bind_int64(st, 1, (int64_t)number);
    int rc = sqlite3_step(st);
    pf_code code = rc == SQLITE_ROW ? decode_types(w, pf_db_blob(st, 0), &types, err)
                   : rc == SQLITE_DONE
                       ? pf_fail(err, PF_INTERNAL, "partition %s is damaged: no sample types %llu",
                                 w->f.conn->partition->name, (unsigned long long)number)
                       : pf_db_fail(w->f.conn->db, err);
    sqlite3_reset(st);
    if (code)
        return code;
    *out = share_types(w, &types);
    return *out ? PF_OK : pf_arena_fail(&w->f.arena, err, "sample types");
}

static pf_code grow(walk *w, size_t ntypes, pf_error *err)
{
    if (w->nknown == w->known_cap) {
        size_t cap = w->known_cap ? w->known_cap * 2 : 16;
        known_types *bigger = realloc(w->known, cap * sizeof *bigger);
        if (!bigger)
            return pf_fail_nomem(err, "sample types");
        w->known = bigger;
        w->known_cap = cap;
    }
    int64_t *sum = realloc(w->sum, (ntypes + 1) * sizeof *sum);
    if (sum)
        w->sum = sum;
    bool *has_sum = realloc(w->has_sum, (ntypes + 1) * sizeof *has_sum);
    if (has_sum)
        w->has_sum = has_sum;
    return sum && has_sum ? PF_OK : pf_fail_nomem(err, "sample types");
}

static pf_code know_types(walk *w, uint64_t number, const pf_sample_types **out, pf_error *err)
{
    for (size_t i = 0; i < w->nknown; i++) {
        size_t at = (w->last + i) % w->nknown;
        if (w->known[at].number == number && w->known[at].partition == w->f.partition) {
            w->last = at;
            *out = w->known[at].types;
            return PF_OK;
        }
    }
    pf_code code = read_types(w, number, out, err);
    size_t most = 0;
    for (size_t i = 0; i < w->nknown; i++)
        most = w->known[i].types->n > most ? w->known[i].types->n : most;
    if (!code)
        code = grow(w, (*out)->n > most ? (*out)->n : most, err);
    if (!code)
        w->known[w->nknown++] = (known_types){w->f.partition, number, *out};
    return code;
}

static pf_code damaged(const walk *w, pf_error *err)
{
    return pf_fail(err, PF_INTERNAL, "partition %s is damaged: bad totals",
                   w->f.conn->partition->name);
}

static pf_code decode_totals(walk *w, pf_str bytes, pf_total *out, pf_error *err)
{
    const uint8_t *p = (const uint8_t *)bytes.p, *end = p + bytes.n;
    uint64_t number, v;
    out->types = NULL;
    out->duration = 0;
    if (!bytes.n)
        return PF_OK;
    if (!pf_varint_get(&p, end, &number) || !pf_varint_get(&p, end, &v))
        return damaged(w, err);
    out->duration = pf_unzigzag(v);
    pf_code code = know_types(w, number, &out->types, err);
    if (code)
        return code;
    size_t n = out->types->n, nmap = (n + 7) / 8;
    const uint8_t *map = p;
    if (nmap > (size_t)(end - p))
        return damaged(w, err);
    p += nmap;
    for (size_t i = 0; i < n; i++) {
        w->has_sum[i] = map[i / 8] >> i % 8 & 1;
        w->sum[i] = 0;
        if (!w->has_sum[i])
            continue;
        if (!pf_varint_get(&p, end, &v))
            return damaged(w, err);
        w->sum[i] = pf_unzigzag(v);
    }
    out->sum = w->sum;
    out->has_sum = w->has_sum;
    return PF_OK;
}

static pf_code give_row(walk *w, sqlite3_stmt *st, pf_total *t, pf_error *err)
{
    pf_code code = ++w->steps % ROWS_A_LOOK == 0 ? pf_op_check(w->f.op, err) : PF_OK;
    if (!code)
        code = pf_finder_know(&w->f, sqlite3_column_int64(st, 1), &t->series, err);
    if (code || !w->f.known[t->series].match)
        return code;
    t->created_at = sqlite3_column_int64(st, 0);
    t->labels = w->f.known[t->series].labels;
    code = decode_totals(w, pf_db_blob(st, 2), t, err);
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
    free(w.known);
    free(w.sum);
    free(w.has_sum);
    return code;
}
