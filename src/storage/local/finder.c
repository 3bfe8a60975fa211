/* finder.c: see the header for the plan; here is how the plan for labels is chosen.
 *
 * posting gives the series that carry one label. The lists of all asked labels are walked side by side, a step
 * of each in turn, until the shortest ends: its series are the candidates, and no longer list was walked
 * further than that. A label that many series carry makes that long, but then following the index in time
 * order, and looking at each series once, is likely to fill the page soon. Which it is can't be known before,
 * so both are tried in turn, each time with four times the steps of the time before: lists, time, lists ...
 * What is spent is within a constant factor of the better way, whichever that is.
 */
#include "storage/local/finder.h"

#include "storage/local/checksums.h"

#include <stdlib.h>
#include <string.h>

enum { CHECK_EVERY = 256 }; /* rows between looks at the op */
/* The first turn: steps in the lists; what following the time index may cost for each of them, where a row costs
 * 1 and a series that was not known SERIES_COST; how much longer the next turn is. */
enum { FIRST_STEPS = 128, COST_A_STEP = 16, SERIES_COST = 8, NEXT_TURN = 4 };

static const pf_type types[] = {PF_TYPE_CPU,   PF_TYPE_HEAP,      PF_TYPE_BLOCK,
                                PF_TYPE_MUTEX, PF_TYPE_GOROUTINE, PF_TYPE_THREADCREATE,
                                PF_TYPE_OTHER, PF_TYPE_TRACE};

typedef struct series_list {
    int64_t *numbers;
    size_t n, cap;
} series_list;

static bool overlaps(pf_partition *p, const pf_query *q)
{
    pf_extent e = pf_partition_extent(p);
    return pf_extent_rows(&e) && e.first_created <= q->to && e.last_created >= q->from;
}

pf_code pf_finder_init(pf_finder *f, pf_partitions *set, pf_conns *conns, const pf_query *q,
                       const pf_op *op, pf_error *err)
{
    *f = (pf_finder){.conns = conns, .q = q, .op = op};
    pf_arena_init(&f->arena, op ? op->budget : NULL, op ? op->max_memory : 0);
    pf_map_init(&f->numbers, NULL);
    pf_hash_key_random(&f->key);
    pf_code code = pf_partitions_all(set, &f->list, &f->npartitions, err);
    size_t kept = 0;
    for (size_t i = 0; !code && i < f->npartitions; i++) {
        if (overlaps(f->list[i], q))
            f->list[kept++] = f->list[i];
        else
            pf_partition_unref(f->list[i]);
    }
    f->npartitions = code ? 0 : kept;
    return code;
}

void pf_finder_free(pf_finder *f)
{
    pf_partitions_release(f->list, f->npartitions);
    pf_page_heap_free(&f->entries);
    pf_arena_free(&f->arena);
    pf_map_free(&f->numbers);
    free(f->known);
    *f = (pf_finder){0};
}

/* Each partition numbers its series from 1 on. */
static pf_hash series_key(const pf_finder *f, uint32_t partition, int64_t series)
{
    const int64_t both[] = {series, partition};
    return pf_hash_bytes(&f->key, both, sizeof both);
}

const pf_known_series *pf_finder_series(const pf_finder *f, const pf_entry *e)
{
    uint32_t at = pf_map_get(&f->numbers, series_key(f, e->partition, e->series));
    return at == PF_MAP_EMPTY ? NULL : &f->known[at];
}

static pf_code read_series(pf_finder *f, int64_t number, pf_known_series *out, pf_error *err)
{
    sqlite3_stmt *st = pf_conn_stmt(f->conn, PF_STMT_SERIES, err);
    if (!st)
        return pf_db_fail(f->conn->db, err);
    sqlite3_bind_int64(st, 1, number);
    int rc = sqlite3_step(st);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return pf_db_fail(f->conn->db, err);
    pf_str labels = pf_db_blob(st, 2);
    int64_t type = sqlite3_column_int64(st, 1);
    bool sound =
        rc == SQLITE_ROW && sqlite3_column_int64(st, 0) == f->service &&
        pf_series_checksum(number, f->q->service, type, labels) == sqlite3_column_int64(st, 3);
    pf_str copy = pf_arena_str(&f->arena, labels);
    if (sound && !copy.p)
        return pf_arena_fail(&f->arena, err, "labels");
    if (!sound || !pf_labels_decode(copy, &f->arena, &out->labels))
        return pf_fail(err, PF_INTERNAL, "series %lld of partition %s is damaged on disk",
                       (long long)number, f->conn->partition->name);
    out->type = (pf_type)type;
    out->match = (f->q->type == PF_TYPE_UNKNOWN || f->q->type == out->type) &&
                 pf_labels_match(out->labels, f->q->labels);
    sqlite3_reset(st);
    return out->match && f->q->matchers.n
               ? pf_matchers_match(f->q->matchers, out->labels, &out->match, err)
               : PF_OK;
}

/* Looks it up the first time. */
pf_code pf_finder_know(pf_finder *f, int64_t number, uint32_t *at, pf_error *err)
{
    pf_hash key = series_key(f, f->partition, number);
    *at = pf_map_get(&f->numbers, key);
    if (*at != PF_MAP_EMPTY)
        return PF_OK;
    if (f->nknown == f->known_cap) {
        size_t cap = f->known_cap ? f->known_cap * 2 : 64;
        pf_known_series *bigger = realloc(f->known, cap * sizeof *bigger);
        if (!bigger)
            return pf_fail_nomem(err, "listing");
        f->known = bigger;
        f->known_cap = cap;
    }
    pf_code code = read_series(f, number, &f->known[f->nknown], err);
    uint32_t *slot = code ? NULL : pf_map_at(&f->numbers, key);
    if (code || !slot)
        return code ? code : pf_fail_nomem(err, "listing");
    *at = *slot = (uint32_t)f->nknown++;
    return PF_OK;
}

static pf_code know_series(pf_finder *f, int64_t number, const pf_known_series **out, pf_error *err)
{
    uint32_t at;
    pf_code code = pf_finder_know(f, number, &at, err);
    if (!code)
        *out = &f->known[at];
    return code;
}

/* Binds the position and the far end from parameter `at` on, for runs in the page's direction. */
static void bind_range(const pf_finder *f, sqlite3_stmt *st, int at)
{
    static const uint8_t above_all[PF_XID_BYTES + 1] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                                        0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    bool down = f->entries.down;
    sqlite3_bind_int64(st, at, f->from.created_at);
    if (f->from.has_xid)
        sqlite3_bind_blob(st, at + 1, f->from.xid.b, sizeof f->from.xid.b, SQLITE_STATIC);
    else
        sqlite3_bind_blob(st, at + 1, above_all, down ? (int)sizeof above_all : 0, SQLITE_STATIC);
    sqlite3_bind_int64(st, at + 2, down ? f->q->from : f->q->to);
}

static pf_code row_entry(const pf_finder *f, sqlite3_stmt *st, pf_entry *e, pf_error *err)
{
    pf_str id = pf_db_blob(st, 1);
    *e = (pf_entry){.created_at = sqlite3_column_int64(st, 0),
                    .series = sqlite3_column_int64(st, 2),
                    .number = sqlite3_column_int64(st, 3),
                    .partition = f->partition};
    if (id.n != sizeof e->xid.b)
        return pf_fail(err, PF_INTERNAL, "partition %s is damaged: bad id",
                       f->conn->partition->name);
    memcpy(e->xid.b, id.p, sizeof e->xid.b);
    return PF_OK;
}

/* Follows one run. With `match`, entries of series that do not match are left out. No more than *cost is
 * spent; it is what is left, which may be a little below 0. */
static pf_code follow(pf_finder *f, sqlite3_stmt *st, bool match, int64_t *cost, pf_error *err)
{
    pf_code code = PF_OK;
    bool more = true;
    while (!code && more && !(cost && *cost <= 0)) {
        int rc = sqlite3_step(st);
        if (rc != SQLITE_ROW)
            return rc == SQLITE_DONE ? PF_OK : pf_db_fail(f->conn->db, err);
        pf_entry e;
        const pf_known_series *series = NULL;
        code = row_entry(f, st, &e, err);
        size_t known = f->nknown;
        if (!code && match)
            code = know_series(f, e.series, &series, err);
        if (!code && (!match || series->match))
            code = pf_page_heap_add(&f->entries, &e, &more, err);
        if (cost)
            *cost -= f->nknown > known ? SERIES_COST + 1 : 1;
        if (!code && ++f->steps % CHECK_EVERY == 0)
            code = pf_op_check(f->op, err);
    }
    sqlite3_reset(st);
    return code;
}

/* By time, all types that are asked for. `match` and `cost` as in follow. */
static pf_code by_time(pf_finder *f, bool match, int64_t *cost, pf_error *err)
{
    pf_stmt which = f->entries.down ? PF_STMT_TIME_DOWN : PF_STMT_TIME_UP;
    pf_code code = PF_OK;
    for (size_t i = 0; !code && i < sizeof types / sizeof *types; i++) {
        if (f->q->type != PF_TYPE_UNKNOWN && f->q->type != types[i])
            continue;
        sqlite3_stmt *st = pf_conn_stmt(f->conn, which, err);
        if (!st)
            return pf_db_fail(f->conn->db, err);
        sqlite3_bind_int64(st, 1, f->service);
        sqlite3_bind_int64(st, 2, types[i]);
        bind_range(f, st, 3);
        code = follow(f, st, match, cost, err);
    }
    return code;
}

static pf_code append(series_list *list, int64_t number, pf_error *err)
{
    if (list->n == list->cap) {
        size_t cap = list->cap ? list->cap * 2 : 32;
        int64_t *bigger = realloc(list->numbers, cap * sizeof *bigger);
        if (!bigger)
            return pf_fail_nomem(err, "series");
        list->numbers = bigger;
        list->cap = cap;
    }
    list->numbers[list->n++] = number;
    return PF_OK;
}

/* One step in the list of one label; *more is false at its end. */
static pf_code next_posting(pf_finder *f, pf_pair pair, series_list *list, bool *more,
                            pf_error *err)
{
    sqlite3_stmt *st = pf_conn_stmt(f->conn, PF_STMT_POSTING, err);
    if (!st)
        return pf_db_fail(f->conn->db, err);
    sqlite3_bind_int64(st, 1, pf_posting_pair(f->service, pair.key, pair.value));
    sqlite3_bind_int64(st, 2, list->n ? list->numbers[list->n - 1] : 0);
    int rc = sqlite3_step(st);
    *more = rc == SQLITE_ROW;
    pf_code code = PF_OK;
    if (*more)
        code = append(list, sqlite3_column_int64(st, 0), err);
    else if (rc != SQLITE_DONE)
        code = pf_db_fail(f->conn->db, err);
    sqlite3_reset(st);
    return code;
}

/* Walks the lists of all labels on, to `most` steps each, until the shortest ends: its index in
 * *shortest, else the number of labels. */
static pf_code walk_postings(pf_finder *f, series_list *lists, size_t most, size_t *shortest,
                             pf_error *err)
{
    const pf_labels *want = &f->q->labels;
    *shortest = want->n;
    while (lists[0].n < most) {
        for (size_t i = 0; i < want->n; i++) {
            bool more = true;
            pf_code code = next_posting(f, want->pairs[i], &lists[i], &more, err);
            if (!code && ++f->steps % CHECK_EVERY == 0)
                code = pf_op_check(f->op, err);
            if (code)
                return code;
            if (!more) {
                *shortest = i;
                return PF_OK;
            }
        }
    }
    return PF_OK;
}

static pf_code by_series(pf_finder *f, const series_list *candidates, pf_error *err)
{
    pf_stmt which = f->entries.down ? PF_STMT_SERIES_DOWN : PF_STMT_SERIES_UP;
    pf_code code = PF_OK;
    for (size_t i = 0; !code && i < candidates->n; i++) {
        const pf_known_series *series = NULL;
        code = know_series(f, candidates->numbers[i], &series, err);
        if (code || !series->match)
            continue;
        sqlite3_stmt *st = pf_conn_stmt(f->conn, which, err);
        if (!st)
            return pf_db_fail(f->conn->db, err);
        sqlite3_bind_int64(st, 1, candidates->numbers[i]);
        bind_range(f, st, 2);
        code = follow(f, st, false, NULL, err);
    }
    return code;
}

/* The entries of this partition are taken out again: it is searched in another way. */
static void forget_entries(pf_finder *f, const pf_entry *saved, size_t n)
{
    if (n)
        memcpy(f->entries.heap, saved, n * sizeof *saved);
    f->entries.n = n;
}

/* Follows the time index as far as `cost` goes; *done is false, and nothing added, when that was not enough. */
static pf_code try_by_time(pf_finder *f, int64_t cost, bool *done, pf_error *err)
{
    size_t n = f->entries.n;
    pf_entry *saved = malloc((n ? n : 1) * sizeof *saved);
    if (!saved)
        return pf_fail_nomem(err, "listing");
    if (n)
        memcpy(saved, f->entries.heap, n * sizeof *saved);
    pf_code code = by_time(f, true, &cost, err);
    *done = cost > 0;
    if (!code && !*done)
        forget_entries(f, saved, n);
    free(saved);
    return code;
}

static pf_code in_turns(pf_finder *f, series_list *lists, pf_error *err)
{
    bool done = false;
    pf_code code = PF_OK;
    for (size_t steps = FIRST_STEPS; !code && !done; steps *= NEXT_TURN) {
        size_t shortest = 0;
        code = walk_postings(f, lists, steps, &shortest, err);
        if (!code && shortest < f->q->labels.n)
            return by_series(f, &lists[shortest], err);
        if (!code)
            code = try_by_time(f, (int64_t)steps * COST_A_STEP, &done, err);
    }
    return code;
}

static pf_code by_labels(pf_finder *f, pf_error *err)
{
    size_t n = f->q->labels.n;
    series_list *lists = calloc(n, sizeof *lists);
    if (!lists)
        return pf_fail_nomem(err, "series");
    pf_code code = in_turns(f, lists, err);
    for (size_t i = 0; i < n; i++)
        free(lists[i].numbers);
    free(lists);
    return code;
}

/* 0 when the partition does not know the service. */
static pf_code find_service(pf_finder *f, pf_error *err)
{
    sqlite3_stmt *st = pf_conn_stmt(f->conn, PF_STMT_SERVICE, err);
    if (!st)
        return pf_db_fail(f->conn->db, err);
    pf_db_bind(st, 1, f->q->service);
    int rc = sqlite3_step(st);
    f->service = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
    pf_code code = rc == SQLITE_ROW || rc == SQLITE_DONE ? PF_OK : pf_db_fail(f->conn->db, err);
    sqlite3_reset(st);
    return code;
}

static pf_code learn_labels(pf_finder *f, pf_error *err)
{
    pf_code code = PF_OK;
    const pf_known_series *series;
    for (size_t i = 0; !code && i < f->entries.n; i++)
        if (f->entries.heap[i].partition == f->partition)
            code = know_series(f, f->entries.heap[i].series, &series, err);
    return code;
}

pf_code pf_finder_enter(pf_finder *f, uint32_t i, pf_error *err)
{
    f->partition = i;
    f->service = 0;
    pf_code code = pf_conns_take(f->conns, f->list[i], f->op, &f->conn, err);
    if (code)
        return code;
    code = pf_conn_begin(f->conn, err);
    return code ? code : find_service(f, err);
}

void pf_finder_leave(pf_finder *f)
{
    if (f->conn)
        pf_conns_give(f->conns, f->conn);
    f->conn = NULL;
}

static pf_code search(pf_finder *f, bool labels, pf_error *err)
{
    pf_code code = pf_finder_enter(f, f->partition, err);
    if (!code && f->service)
        code = f->q->labels.n ? by_labels(f, err) : by_time(f, f->q->matchers.n > 0, NULL, err);
    if (!code && f->service && labels)
        code = learn_labels(f, err);
    pf_finder_leave(f);
    return code;
}

static bool can_add(const pf_finder *f, pf_partition *p)
{
    pf_extent e = pf_partition_extent(p);
    if (f->entries.down)
        return e.first_created <= f->from.created_at &&
               !pf_page_heap_beyond(&f->entries, e.last_created);
    return e.last_created >= f->from.created_at &&
           !pf_page_heap_beyond(&f->entries, e.first_created);
}

pf_code pf_finder_page(pf_finder *f, pf_find_from from, size_t max, bool down, bool labels,
                       pf_error *err)
{
    pf_page_heap_free(&f->entries);
    pf_page_heap_init(&f->entries, max, down);
    f->from = from;
    pf_code code = pf_op_check(f->op, err);
    for (size_t i = 0; !code && i < f->npartitions; i++) {
        /* Newest first for a page that looks for the newest: the others are then skipped. */
        f->partition = (uint32_t)(down ? f->npartitions - 1 - i : i);
        if (can_add(f, f->list[f->partition]))
            code = search(f, labels, err);
    }
    if (!code)
        pf_page_heap_sort(&f->entries);
    return code;
}
