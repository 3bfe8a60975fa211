/* merge.c: many profiles into one, by numbers.
 *
 *     finder, page by page --> rows in order --> raw:     gunzip, decode --> pf_merge
 *                                            \-> columns: decode the row --> the sum of its service and
 *                                                         partition; its header --> pf_merge, once each
 *     at the end: each sum --> resolved once --> pf_merge, which joins what partitions number differently
 *
 * Adding up costs what the samples cost: no text is touched until the end. Headers go to the merge in the
 * order of the profiles, since what comes first counts there. A single profile is handed out as it is.
 *
 * One connection is held at a time (conns.h). Memory is what the sums, the merge, the resolved profile and
 * the encoded one hold; each is bounded by the operation's max_memory, and all but the resolved one count against
 * the memory in flight.
 */
#include "pprof/merge.h"
#include "base/clock.h"
#include "pprof/gzip.h"
#include "storage/local/finder.h"
#include "storage/local/profile_bytes.h"
#include "storage/local/symbols/resolve.h"
#include "storage/local/symbols/stack_sum.h"

#include <stdlib.h>
#include <string.h>

enum { PAGE = 1024, GZIP_LEVEL = 1, KEPT_SCRATCH = 1 << 20, CHECK_EVERY = 32 };
enum { INFLATED_MAX = 1 << 30 };

/* What shares symbol tables. */
typedef struct group {
    pf_partition *partition; /* a counted reference */
    pf_symview *view;
    uint32_t reached[PF_TABLES];
    pf_remap headers; /* header << 32 | maps: those that the merge has seen */
    pf_buf maps;      /* uint32_t: all maps numbers, in order of appearance */
    uint32_t header;  /* the first header's number */
    pf_stack_sum sum;
    bool begun; /* sum is initialised */
} group;

typedef struct merging {
    pf_local *l;
    const pf_op *op;
    pf_merge *merge;
    group **groups;
    size_t ngroups;
    pf_resolver resolver;
    pf_arena scratch; /* of one row */
    pf_conn *conn;    /* the connection at hand; NULL between pages */
    unsigned rows;
    int64_t first, last; /* created_at of the rows so far */
    pf_type type;        /* of the first row */
    size_t taken;        /* from op->budget, for the sums */
} merging;

static size_t max_memory(const merging *m)
{
    return m->op ? m->op->max_memory : 0;
}

static pf_code over_limit(const merging *m, pf_error *err)
{
    return pf_fail(err, PF_QUERY_LIMIT, "the merge needs more than %zu bytes", max_memory(m));
}

static pf_code over_budget(pf_error *err)
{
    return pf_fail(err, PF_UNAVAILABLE, "the memory for requests in flight is used up (a merge)");
}

static void free_group(pf_local *l, group *g)
{
    pf_symviews_give(&l->views, g->view);
    pf_remap_free(&g->headers);
    pf_buf_free(&g->maps);
    if (g->begun)
        pf_stack_sum_free(&g->sum);
    pf_partition_unref(g->partition);
    free(g);
}

static pf_code new_group(merging *m, int64_t service, group **out, pf_error *err)
{
    group **list = realloc(m->groups, (m->ngroups + 1) * sizeof(group *));
    if (list)
        m->groups = list;
    group *g = list ? calloc(1, sizeof *g) : NULL;
    if (!g)
        return pf_fail_nomem(err, "a merge");
    g->partition = m->conn->partition;
    pf_partition_ref(g->partition);
    pf_code code = pf_symviews_take(&m->l->views, g->partition, service, &g->view, err);
    if (code) {
        free_group(m->l, g);
        return code;
    }
    m->groups[m->ngroups++] = g;
    *out = g;
    return PF_OK;
}

/* The group of a row; the newest first: rows of one partition come together. */
static pf_code find_group(merging *m, int64_t service, group **out, pf_error *err)
{
    for (size_t i = m->ngroups; i-- > 0;) {
        group *g = m->groups[i];
        if (g->partition == m->conn->partition && g->view->service == service) {
            *out = g;
            return PF_OK;
        }
    }
    return new_group(m, service, out, err);
}

/* A header that the merge has not seen: resolved without samples. */
static pf_code add_header(merging *m, group *g, const pf_row *row, pf_error *err)
{
    pf_row bare = {.header = row->header,
                   .maps = row->maps,
                   .time_nanos = row->time_nanos,
                   .duration_nanos = row->duration_nanos};
    pf_profile p;
    if (!g->header)
        g->header = row->header;
    pf_buf_put(&g->maps, &row->maps, sizeof row->maps);
    if (g->maps.failed)
        return pf_fail_nomem(err, "a merge");
    pthread_rwlock_rdlock(&g->view->lock);
    pf_code code = pf_resolve(&m->resolver, &g->view->tables, &bare, &bare.maps, 1, &p, err);
    if (!code)
        code = pf_merge_add_header(m->merge, &p, err);
    pthread_rwlock_unlock(&g->view->lock);
    return code;
}

static pf_code note_header(merging *m, group *g, const pf_row *row, pf_error *err)
{
    uint32_t *seen = pf_remap_at(&g->headers, (uint64_t)row->header << 32 | row->maps);
    if (!seen)
        return pf_fail_nomem(err, "a merge");
    if (*seen == PF_REMAP_NONE) {
        *seen = 1;
        return add_header(m, g, row, err);
    }
    pf_merge_add_times(m->merge, row->time_nanos, row->duration_nanos);
    return PF_OK;
}

/* Counts what the sums have come to against the memory in flight. */
static pf_code count_memory(merging *m, pf_error *err)
{
    size_t held = 0;
    for (size_t i = 0; i < m->ngroups; i++)
        held += m->groups[i]->begun ? pf_stack_sum_bytes(&m->groups[i]->sum) : 0;
    if (max_memory(m) && held > max_memory(m))
        return over_limit(m, err);
    if (!m->op || !m->op->budget || held <= m->taken)
        return PF_OK;
    if (!pf_ledger_take(m->op->budget, held - m->taken, NULL))
        return over_budget(err);
    m->taken = held;
    return PF_OK;
}

static bool is_reached(const uint32_t *needs, const uint32_t *reached)
{
    for (int i = 0; i < PF_TABLES; i++)
        if (needs[i] > reached[i])
            return false;
    return true;
}

static pf_code add_columns(merging *m, const pf_record *row, pf_error *err)
{
    group *g = NULL;
    pf_row numbers;
    uint32_t needs[PF_TABLES];
    pf_code code = find_group(m, row->service, &g, err);
    if (!code)
        code = pf_row_decode(&numbers, row->created_at, row->bytes, &m->scratch, err);
    if (code)
        return code;
    pf_row_needs(&numbers, needs);
    if (!is_reached(needs, g->reached))
        code = pf_symview_reach(g->view, m->conn, m->op, needs, g->reached, err);
    if (!code)
        code = note_header(m, g, &numbers, err);
    uint32_t stacks = g->reached[PF_TABLE_STACK] ? g->reached[PF_TABLE_STACK] : 1;
    if (!code && !g->begun) {
        code = pf_stack_sum_init(&g->sum, numbers.nsample_type, stacks, max_memory(m), err);
        g->begun = code == PF_OK;
    }
    if (!code)
        code = pf_stack_sum_reach(&g->sum, stacks, err);
    return code ? code : pf_stack_sum_add(&g->sum, &numbers, err);
}

static pf_code add_raw(merging *m, const pf_record *row, pf_error *err)
{
    pf_str bytes;
    pf_profile p;
    size_t max = max_memory(m) ? max_memory(m) : INFLATED_MAX;
    pf_code code = pf_gunzip(row->bytes, max, &m->scratch, &bytes, err);
    if (!code)
        code = pf_profile_decode(&p, &m->scratch, bytes, err);
    if (!code)
        return pf_merge_add(m->merge, &p, err);
    if (code == PF_TOO_LARGE)
        return pf_fail(err, PF_QUERY_LIMIT, "the merge needs more than %zu bytes", max);
    return code == PF_INVALID ? pf_fail(err, PF_INTERNAL, "a profile is damaged on disk") : code;
}

static pf_code add_row(merging *m, const pf_record *row, pf_error *err)
{
    if (row->type == PF_TYPE_TRACE)
        return pf_fail(err, PF_NOT_ALLOWED, "can't merge profiles of trace type");
    pf_code code = row->kind == PF_KIND_RAW ? add_raw(m, row, err) : add_columns(m, row, err);
    pf_arena_reset(&m->scratch, KEPT_SCRATCH);
    if (m->rows == 0) {
        m->first = m->last = row->created_at;
        m->type = (pf_type)row->type;
    }
    m->first = row->created_at < m->first ? row->created_at : m->first;
    m->last = row->created_at > m->last ? row->created_at : m->last;
    if (!code && ++m->rows % CHECK_EVERY == 0) {
        code = pf_op_check(m->op, err);
        if (!code)
            code = count_memory(m, err);
    }
    return code;
}

static pf_code add_located(void *ctx, pf_conn *conn, const pf_record *row, pf_error *err)
{
    merging *m = ctx;
    m->conn = conn;
    pf_code code = add_row(m, row, err);
    m->conn = NULL;
    return code;
}

static pf_code add_ids(merging *m, const pf_str *ids, size_t n, pf_error *err)
{
    for (size_t i = 0; i < n; i++) {
        pf_code code = pf_local_locate(m->l, ids[i], m->op, add_located, m, err);
        if (code == PF_NOT_FOUND)
            return pf_fail(err, code, "nothing found for id \"%.*s\"", PF_FMT(ids[i]));
        if (code)
            return code;
    }
    return PF_OK;
}

/* One that was deleted since it was found is left out; its number may be another's by now. */
static pf_code add_entry(merging *m, const pf_entry *e, pf_error *err)
{
    pf_record row;
    sqlite3_stmt *st = pf_conn_stmt(m->conn, PF_STMT_ROW, err);
    if (!st)
        return pf_db_fail(m->conn->db, err);
    sqlite3_bind_int64(st, 1, e->number);
    int rc = sqlite3_step(st);
    pf_str xid = rc == SQLITE_ROW ? pf_db_blob(st, 1) : (pf_str){0};
    bool gone = rc == SQLITE_DONE ||
                (xid.n == sizeof e->xid.b && memcmp(xid.p, e->xid.b, sizeof e->xid.b) != 0);
    pf_code code = gone               ? PF_OK
                   : rc == SQLITE_ROW ? pf_record_take(m->l, st, &row, err)
                                      : pf_db_fail(m->conn->db, err);
    if (!code && !gone)
        code = add_row(m, &row, err);
    sqlite3_reset(st);
    return code;
}

typedef struct page {
    pf_entry entries[PAGE];
    size_t n;
} page;

/* The rows of one page, in order, each from its partition's connection. */
static pf_code add_page(merging *m, const pf_finder *f, const page *p, pf_error *err)
{
    pf_code code = PF_OK;
    for (size_t i = 0; i < p->n && !code; i++) {
        pf_partition *partition = f->list[p->entries[i].partition];
        if (m->conn && m->conn->partition != partition) {
            pf_conns_give(&m->l->conns, m->conn);
            m->conn = NULL;
        }
        if (!m->conn) {
            code = pf_conns_take(&m->l->conns, partition, m->op, &m->conn, err);
            if (!code)
                code = pf_conn_begin(m->conn, err);
        }
        if (!code)
            code = add_entry(m, &p->entries[i], err);
    }
    if (m->conn)
        pf_conns_give(&m->l->conns, m->conn);
    m->conn = NULL;
    return code;
}

/* *single, where it is asked for, is the id when the query finds one profile alone: nothing has been added
 * then. */
static pf_code add_pages(merging *m, pf_finder *f, page *p, char *single, pf_error *err)
{
    pf_find_pos pos = {0};
    for (bool first = true; !pos.finished; first = false) {
        pf_code code = pf_finder_entries(f, &pos, p->entries, PAGE, &p->n, err);
        if (!code && first && p->n == 0)
            code = pf_fail(err, PF_NOT_FOUND, "nothing found");
        if (!code && single && first && p->n == 1 && pos.finished) {
            pf_xid_format(p->entries[0].xid, single);
            return PF_OK;
        }
        if (!code)
            code = add_page(m, f, p, err);
        if (code)
            return code;
    }
    return m->rows ? PF_OK : pf_fail(err, PF_NOT_FOUND, "nothing found");
}

static pf_code add_query(merging *m, const pf_query *q, char *single, pf_error *err)
{
    if (q->type == PF_TYPE_UNKNOWN || q->type == PF_TYPE_TRACE)
        return pf_fail(err, PF_NOT_ALLOWED, "can't merge profiles of %s type",
                       pf_type_name(q->type));
    page *p = malloc(sizeof *p);
    if (!p)
        return pf_fail_nomem(err, "a merge");
    pf_finder f;
    pf_code code = pf_finder_init(&f, &m->l->set, &m->l->conns, q, m->op, err);
    if (!code)
        code = add_pages(m, &f, p, single, err);
    pf_finder_free(&f);
    free(p);
    return code;
}

/* The header is any of them: the samples' types are the same. */
static pf_code add_sum(merging *m, group *g, pf_error *err)
{
    pf_profile p;
    pf_tree tree;
    pthread_rwlock_rdlock(&g->view->lock);
    pf_code code = pf_resolve_sum(&m->resolver, &g->view->tables, &g->sum, g->header,
                                  (const uint32_t *)g->maps.data, g->maps.len / sizeof(uint32_t),
                                  &p, &tree, err);
    if (!code)
        code = pf_merge_add_tree(m->merge, &p, &tree, err);
    pthread_rwlock_unlock(&g->view->lock);
    return code;
}

static pf_code add_sums(merging *m, pf_error *err)
{
    pf_code code = count_memory(m, err);
    for (size_t i = 0; i < m->ngroups && !code; i++) {
        code = pf_op_check(m->op, err);
        if (!code && m->groups[i]->begun)
            code = add_sum(m, m->groups[i], err);
    }
    return code;
}

static pf_code finish_blob(merging *m, pf_type type, pf_blob *out, pf_error *err)
{
    pf_profile result;
    pf_tree tree;
    pf_buf bare = {.max = max_memory(m), /* stacks of a small tree may be long */
                   .budget = m->op ? m->op->budget : NULL};
    pf_code code = add_sums(m, err);
    if (!code)
        code = pf_merge_finish_tree(m->merge, &result, &tree, err);
    if (!code)
        code = pf_profile_encode_tree(&result, &tree, &bare, err);
    if (bare.over_budget)
        code = over_budget(err);
    else if (code == PF_TOO_LARGE)
        code = over_limit(m, err);
    if (!code)
        code = pf_gzip(pf_buf_str(&bare), GZIP_LEVEL, &out->bytes, err);
    pf_buf_free(&bare);
    out->type = type;
    return code;
}

static pf_code begin(merging *m, pf_local *l, const pf_op *op, pf_error *err)
{
    *m = (merging){.l = l, .op = op};
    pf_arena_init(&m->scratch, op ? op->budget : NULL, op ? op->max_memory : 0);
    pf_resolver_init(&m->resolver, max_memory(m));
    m->merge = pf_merge_new(op ? op->budget : NULL, max_memory(m));
    return m->merge ? PF_OK : pf_fail_nomem(err, "a merge");
}

static void end(merging *m)
{
    for (size_t i = 0; i < m->ngroups; i++)
        free_group(m->l, m->groups[i]);
    free(m->groups);
    pf_resolver_free(&m->resolver);
    pf_arena_free(&m->scratch);
    pf_merge_free(m->merge);
    if (m->taken)
        pf_ledger_give(m->op->budget, m->taken);
}

pf_code pf_local_merge(pf_store *s, const pf_selection *sel, const pf_op *op, pf_blob *out,
                       pf_error *err)
{
    *out = (pf_blob){.bytes = PF_BUF_INIT};
    if (!sel->query && sel->nids == 1)
        return pf_local_read(s, sel->ids[0], op, out, err);
    merging m;
    char single[PF_XID_CHARS + 1] = "";
    pf_code code = begin(&m, (pf_local *)s, op, err);
    if (!code)
        code = sel->query ? add_query(&m, sel->query, single, err)
                          : add_ids(&m, sel->ids, sel->nids, err);
    if (!code && !*single)
        code = finish_blob(&m, sel->query ? sel->query->type : PF_TYPE_OTHER, out, err);
    end(&m);
    if (!code && *single)
        code = pf_local_read(s, pf_str_c(single), op, out, err);
    if (code)
        pf_buf_free(&out->bytes);
    return code;
}

pf_code pf_local_merge_profile(pf_store *s, const pf_selection *sel, const pf_op *op,
                               pf_merged_fn fn, void *ctx, pf_error *err)
{
    merging m;
    pf_profile result;
    pf_code code = begin(&m, (pf_local *)s, op, err);
    if (!code)
        code = sel->query ? add_query(&m, sel->query, NULL, err)
                          : add_ids(&m, sel->ids, sel->nids, err);
    if (!code)
        code = add_sums(&m, err);
    if (!code)
        code = pf_merge_finish(m.merge, &result, err);
    if (!code) {
        pf_merged merged = {&result, m.type, m.rows, m.first, m.last};
        code = fn(ctx, &merged, err);
    }
    end(&m);
    return code;
}
