/* writer.c: one transaction at a time into one partition.
 *
 * What a failing disk may do to us, and what is promised all the same:
 * - A write that fails (disk full, I/O error) before the commit record: SQLite rolls back, the next
 *   transaction overwrites what was left in the log. Nothing is seen of it.
 * - An fsync that fails at the commit: the log may already hold the whole transaction, commit
 * record included, though SQLite's index of the log does not show it. We answer that it failed, so
 * it must not come back: a start after a crash would read it from the log. Besides, after a failed
 * fsync the kernel may have dropped the pages and forgotten the error. So the writer is `suspect`
 * from then on, and before the next transaction it copies what was acknowledged from the log into
 * the file and cuts the log to nothing (a TRUNCATE checkpoint: it writes the pages anew, fsyncs
 * both files, and fails if that fails), then opens the file anew and looks that the rows
 * acknowledged last are there. Only then does it write again. The connection must not be closed
 * before the log is cut: the last connection to close, or the next to open, would take the
 * forgotten transaction for a real one.
 * - If the process dies while the disk still fails, a write that was answered with an error may be
 * found stored. It is whole, and it was never acknowledged.
 */
#include "storage/local/writer.h"

#include "base/log.h"
#include "storage/local/checksums.h"

#include <stdlib.h>
#include <string.h>

enum { LOG_PATIENCE = 4 }; /* times log_pages that a log grows to before readers have to wait */
enum { READERS_MS = 200 }; /* that a checkpoint waits for readers */
enum { ID_TRIES = 64 };
enum { CACHED_NUMBERS = 200000 }; /* a map's entries before it starts anew */
enum { LEARNED_MAX = 1024 }; /* numbers given out in a transaction that are kept for the maps */

enum {
    BEGIN,
    COMMIT,
    ROLLBACK,
    FIND_SERVICE,
    ADD_SERVICE,
    FIND_SERIES,
    COUNT_SERIES,
    ADD_SERIES,
    ADD_POSTING,
    FIND_TYPES,
    ADD_TYPES,
    ADD_PROFILE,
    SET_EXTENT,
    STATEMENTS
};

static const char *const sql[STATEMENTS] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    [FIND_SERVICE] = "SELECT number FROM service WHERE name = ?1",
    [ADD_SERVICE] = "INSERT INTO service(number, name) VALUES(?1, ?2)",
    [FIND_SERIES] = "SELECT number FROM series WHERE service = ?1 AND type = ?2 AND labels = ?3",
    [COUNT_SERIES] = "SELECT count(*) FROM series WHERE service = ?1",
    [ADD_SERIES] =
        "INSERT INTO series(number, service, type, labels, checksum) VALUES(?1, ?2, ?3, ?4, ?5)",
    [ADD_POSTING] = "INSERT OR IGNORE INTO posting(pair, series) VALUES(?1, ?2)",
    [FIND_TYPES] = "SELECT number FROM sample_types WHERE types = ?1",
    [ADD_TYPES] = "INSERT INTO sample_types(number, types) VALUES(?1, ?2)",
    [ADD_PROFILE] =
        "INSERT INTO profile(number, xid, service, type, created_at, series, totals, kind,"
        " checksum, row) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    [SET_EXTENT] = "UPDATE extent SET first_created = ?1, last_created = ?2, raw = ?3, columns = ?4"
                   " WHERE one = 1",
};

_Static_assert(sizeof((pf_writer *)0)->stmt / sizeof(sqlite3_stmt *) >= STATEMENTS, "room for all");

static int after_commit(void *ctx, sqlite3 *db, const char *name, int pages)
{
    (void)db;
    (void)name;
    pf_writer *w = ctx;
    if (pages < w->wal_pages) /* it begins anew */
        w->checkpoint_at = 0;
    w->logged += pages < w->wal_pages ? pages : pages - w->wal_pages;
    w->wal_pages = pages;
    return SQLITE_OK;
}

static pf_code read_numbers(pf_writer *w, pf_error *err)
{
    w->extent = pf_partition_extent(w->partition);
    pf_code code = pf_db_number(w->db, "SELECT max(number) FROM service", &w->nservices, err);
    if (!code)
        code = pf_db_number(w->db, "SELECT max(number) FROM series", &w->nseries, err);
    if (!code)
        code = pf_db_number(w->db, "SELECT max(number) FROM sample_types", &w->ntypes, err);
    if (!code)
        code = pf_db_number(w->db, "SELECT max(number) FROM profile", &w->nprofiles, err);
    return code;
}

static pf_code connect(pf_writer *w, pf_error *err)
{
    pf_code code = pf_db_open(w->partition->path, PF_DB_WRITER, w->cache, &w->db, err);
    if (code) {
        w->db = NULL;
        return code;
    }
    code = pf_db_set_wal(w->db, err);
    sqlite3_wal_hook(w->db, after_commit, w);
    for (int i = 0; !code && i < STATEMENTS; i++)
        code = pf_db_prepare(w->db, sql[i], &w->stmt[i], err);
    if (!code)
        code = pf_external_open(&w->external, w->db, err);
    if (!code)
        code = pf_symwriter_connect(&w->symbols, w->db, err);
    return code ? code : read_numbers(w, err);
}

static void disconnect(pf_writer *w)
{
    pf_symwriter_disconnect(&w->symbols);
    pf_external_close(&w->external);
    for (int i = 0; i < STATEMENTS; i++) {
        sqlite3_finalize(w->stmt[i]);
        w->stmt[i] = NULL;
    }
    sqlite3_close(w->db);
    w->db = NULL;
}

/* What the connection said last is about the file's pages. */
static bool is_broken(const pf_writer *w)
{
    int rc = w->db ? sqlite3_errcode(w->db) & 0xff : SQLITE_OK;
    return rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB;
}

pf_code pf_writer_open(pf_writer *w, pf_partition *p, pf_series_limits limits, size_t cache,
                       pf_symbol_cache *known, const pf_hash_key *key, pf_error *err)
{
    *w = (pf_writer){.partition = p,
                     .cache = cache,
                     .limits = limits,
                     .known = known,
                     .key = key,
                     .log_pages = PF_WRITER_LOG_PAGES};
    pf_partition_ref(p);
    pf_map_init(&w->services, NULL);
    pf_map_init(&w->series, NULL);
    pf_map_init(&w->types, NULL);
    pf_map_init(&w->counts, NULL);
    pf_symwriter_init(&w->symbols, known, key);
    w->learned = malloc(LEARNED_MAX * sizeof *w->learned);
    pf_code code = w->learned ? connect(w, err) : pf_fail_nomem(err, "a partition's writer");
    bool no_table = code && w->db && sqlite3_errcode(w->db) == SQLITE_ERROR;
    bool broken = code && (no_table || is_broken(w));
    if (code)
        pf_writer_close(w);
    w->broken = broken;
    return code;
}

static int truncate_log(pf_writer *w)
{
    int rc = sqlite3_wal_checkpoint_v2(w->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    if (rc == SQLITE_OK)
        w->wal_pages = w->checkpoint_at = 0;
    return rc;
}

void pf_writer_close(pf_writer *w)
{
    if (!w->partition)
        return;
    if (w->db) {
        if (truncate_log(w) != SQLITE_OK)
            PF_LOG_WARN("can't move the log into its partition",
                        PF_S("partition", w->partition->name),
                        PF_S("error", sqlite3_errmsg(w->db)));
        disconnect(w);
    }
    pf_map_free(&w->services);
    pf_map_free(&w->series);
    pf_map_free(&w->types);
    pf_map_free(&w->counts);
    pf_symwriter_free(&w->symbols);
    free(w->learned);
    pf_partition_unref(w->partition);
    *w = (pf_writer){0};
}

/* Runs a statement that gives no rows, and leaves it reset, so that nothing of it stays locked. */
static pf_code run(pf_writer *w, int which, pf_error *err)
{
    sqlite3_stmt *st = w->stmt[which];
    pf_code code = PF_OK;
    if (sqlite3_step(st) != SQLITE_DONE)
        code = pf_db_fail(w->db, err);
    sqlite3_reset(st);
    return code;
}

/* The number that a FIND statement gives; 0 when there is none. */
static pf_code lookup(pf_writer *w, int which, int64_t *number, pf_error *err)
{
    sqlite3_stmt *st = w->stmt[which];
    pf_code code = PF_OK;
    int rc = sqlite3_step(st);
    *number = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        code = pf_db_fail(w->db, err);
    sqlite3_reset(st);
    return code;
}

static void keep_number(pf_map *map, pf_hash key, uint32_t number)
{
    if (map->len >= CACHED_NUMBERS)
        pf_map_clear(map);
    uint32_t *slot = pf_map_at(map, key);
    if (slot) /* out of memory: it is looked up again next time */
        *slot = number;
}

/* A map learns a number that was there before the transaction (not above `had`) at once, another when it is committed; until
 * then, and when there are too many, it is looked up each time. */
static void learn(pf_writer *w, pf_map *map, pf_hash key, int64_t number, int64_t had)
{
    if (number <= had)
        keep_number(map, key, (uint32_t)number);
    else if (w->nlearned < LEARNED_MAX)
        w->learned[w->nlearned++] = (pf_learned){map, key, (uint32_t)number};
}

pf_code pf_writer_begin(pf_writer *w, pf_error *err)
{
    w->nlearned = 0;
    w->had_services = w->nservices;
    w->had_series = w->nseries;
    w->had_types = w->ntypes;
    pf_symwriter_begin(&w->symbols);
    return run(w, BEGIN, err);
}

static pf_code service_number(pf_writer *w, const pf_job *job, int64_t *number, pf_error *err)
{
    uint32_t known = pf_map_get(&w->services, job->service_hash);
    *number = known;
    if (known != PF_MAP_EMPTY)
        return PF_OK;
    pf_db_bind(w->stmt[FIND_SERVICE], 1, job->write->meta.service);
    pf_code code = lookup(w, FIND_SERVICE, number, err);
    if (!code && !*number) {
        *number = ++w->nservices;
        sqlite3_bind_int64(w->stmt[ADD_SERVICE], 1, *number);
        pf_db_bind(w->stmt[ADD_SERVICE], 2, job->write->meta.service);
        code = run(w, ADD_SERVICE, err);
    }
    if (!code)
        learn(w, &w->services, job->service_hash, *number, w->had_services);
    return code;
}

static pf_code add_series(pf_writer *w, const pf_job *job, int64_t service, int64_t number,
                          pf_error *err)
{
    const pf_meta *meta = &job->write->meta;
    sqlite3_stmt *st = w->stmt[ADD_SERIES];
    sqlite3_bind_int64(st, 1, number);
    sqlite3_bind_int64(st, 2, service);
    sqlite3_bind_int64(st, 3, meta->type);
    pf_db_bind(st, 4, job->labels);
    sqlite3_bind_int64(st, 5, pf_series_checksum(number, meta->service, meta->type, job->labels));
    pf_code code = run(w, ADD_SERIES, err);
    for (size_t i = 0; !code && i < meta->labels.n; i++) {
        pf_pair pair = meta->labels.pairs[i];
        sqlite3_bind_int64(w->stmt[ADD_POSTING], 1, pf_posting_pair(service, pair.key, pair.value));
        sqlite3_bind_int64(w->stmt[ADD_POSTING], 2, number);
        code = run(w, ADD_POSTING, err);
    }
    return code;
}

/* One more: a count that is not kept is taken anew when it is asked for. */
static void note_series(pf_writer *w, const pf_job *job)
{
    uint32_t count = pf_map_get(&w->counts, job->service_hash);
    if (count != PF_MAP_EMPTY)
        keep_number(&w->counts, job->service_hash, count + 1);
}

static pf_code series_number(pf_writer *w, const pf_job *job, int64_t service, int64_t *number,
                             pf_error *err)
{
    uint32_t known = pf_map_get(&w->series, job->series_hash);
    *number = known;
    if (known != PF_MAP_EMPTY)
        return PF_OK;
    sqlite3_bind_int64(w->stmt[FIND_SERIES], 1, service);
    sqlite3_bind_int64(w->stmt[FIND_SERIES], 2, job->write->meta.type);
    pf_db_bind(w->stmt[FIND_SERIES], 3, job->labels);
    pf_code code = lookup(w, FIND_SERIES, number, err);
    if (!code && !*number) {
        *number = ++w->nseries;
        code = add_series(w, job, service, *number, err);
        note_series(w, job);
    }
    if (!code)
        learn(w, &w->series, job->series_hash, *number, w->had_series);
    return code;
}

/* How many series the service has in this partition: counted by the index once, then kept. */
static pf_code count_series(pf_writer *w, const pf_job *job, int64_t service, uint32_t *count,
                            pf_error *err)
{
    int64_t n = 0;
    *count = pf_map_get(&w->counts, job->service_hash);
    if (*count != PF_MAP_EMPTY || !service) {
        *count = *count == PF_MAP_EMPTY ? 0 : *count;
        return PF_OK;
    }
    sqlite3_bind_int64(w->stmt[COUNT_SERIES], 1, service);
    pf_code code = lookup(w, COUNT_SERIES, &n, err);
    *count = (uint32_t)n;
    if (!code)
        keep_number(&w->counts, job->service_hash, (uint32_t)n);
    return code;
}

/* Looked at before anything is written, so that the profiles beside this one need not be written
 * again. */
static pf_code check_series_limit(pf_writer *w, const pf_job *job, pf_error *err)
{
    if (pf_map_get(&w->series, job->series_hash) != PF_MAP_EMPTY)
        return PF_OK;
    int64_t service = 0, series = 0;
    uint32_t count = 0;
    pf_db_bind(w->stmt[FIND_SERVICE], 1, job->write->meta.service);
    pf_code code = lookup(w, FIND_SERVICE, &service, err);
    if (!code && service) {
        sqlite3_bind_int64(w->stmt[FIND_SERIES], 1, service);
        sqlite3_bind_int64(w->stmt[FIND_SERIES], 2, job->write->meta.type);
        pf_db_bind(w->stmt[FIND_SERIES], 3, job->labels);
        code = lookup(w, FIND_SERIES, &series, err);
    }
    if (!code && !series)
        code = count_series(w, job, service, &count, err);
    if (code || series)
        return code;
    if (count >= w->limits.series_per_service)
        return pf_fail(
            err, PF_UNAVAILABLE,
            "too many series: service \"%.*s\" has %u combinations of type and labels, as "
            "many as -local.max-series-per-service allows",
            PF_FMT(job->write->meta.service), count);
    if (w->nseries < w->limits.series)
        return PF_OK;
    return pf_fail(
        err, PF_UNAVAILABLE,
        "too many series: %lld combinations of service, type and labels are there, as many as "
        "-local.max-series allows",
        (long long)w->nseries);
}

static pf_code types_number(pf_writer *w, const pf_job *job, int64_t *number, pf_error *err)
{
    uint32_t known = pf_map_get(&w->types, job->types_hash);
    *number = known;
    if (known != PF_MAP_EMPTY)
        return PF_OK;
    pf_db_bind(w->stmt[FIND_TYPES], 1, job->types);
    pf_code code = lookup(w, FIND_TYPES, number, err);
    if (!code && !*number) {
        *number = ++w->ntypes;
        sqlite3_bind_int64(w->stmt[ADD_TYPES], 1, *number);
        pf_db_bind(w->stmt[ADD_TYPES], 2, job->types);
        code = run(w, ADD_TYPES, err);
    }
    if (!code)
        learn(w, &w->types, job->types_hash, *number, w->had_types);
    return code;
}

static void bind_row(sqlite3_stmt *st, const pf_record *row)
{
    sqlite3_bind_int64(st, 1, row->number);
    sqlite3_bind_blob(st, 2, row->xid.b, sizeof row->xid.b, SQLITE_STATIC);
    sqlite3_bind_int64(st, 3, row->service);
    sqlite3_bind_int64(st, 4, row->type);
    sqlite3_bind_int64(st, 5, row->created_at);
    sqlite3_bind_int64(st, 6, row->series);
    pf_db_bind(st, 7, row->totals);
    sqlite3_bind_int64(st, 8, row->kind);
    sqlite3_bind_int64(st, 9, pf_record_checksum(row));
    pf_db_bind(st, 10, row->bytes);
}

/* An id that is taken (a restart within a second can give the same counter again) gives way to the
 * next. */
static pf_code add_row(pf_writer *w, pf_record *row, pf_error *err)
{
    sqlite3_stmt *st = w->stmt[ADD_PROFILE];
    for (int tries = 0;; tries++) {
        bind_row(st, row);
        int rc = sqlite3_step(st);
        pf_code code = rc == SQLITE_DONE ? PF_OK : pf_db_fail(w->db, err);
        sqlite3_reset(st);
        if (rc != SQLITE_CONSTRAINT_UNIQUE || tries == ID_TRIES)
            return code;
        row->xid = pf_xid_next(row->xid);
    }
}

static void widen(pf_extent *e, const pf_record *row, int64_t seconds)
{
    bool first = pf_extent_rows(e) == 0;
    if (first || row->created_at < e->first_created)
        e->first_created = row->created_at;
    if (first || row->created_at > e->last_created)
        e->last_created = row->created_at;
    if (first || seconds < e->first_arrival)
        e->first_arrival = seconds;
    if (first || seconds > e->last_arrival)
        e->last_arrival = seconds;
    e->rows[row->kind]++;
}

pf_code pf_writer_add(pf_writer *w, pf_job *job, int64_t seconds, bool *clean, pf_error *err)
{
    pf_record row = {.type = job->write->meta.type,
                     .created_at = job->write->meta.created_at,
                     .kind = job->kind,
                     .xid = pf_xid_new(seconds),
                     .bytes = job->row};
    pf_code code = PF_OK;
    job->repeated = false;
    if (job->write->external_id.n)
        code = pf_external_find(&w->external, job, err);
    if (!code && !job->repeated)
        code = check_series_limit(w, job, err);
    *clean = code && !pf_writer_disk_failed(w);
    if (job->repeated)
        return code;
    pf_buf totals = PF_BUF_INIT;
    if (!code)
        code = service_number(w, job, &row.service, err);
    if (!code && job->content)
        code = pf_symwriter_start(&w->symbols, row.service, err);
    if (!code)
        code = series_number(w, job, row.service, &row.series, err);
    if (!code && job->types.n) {
        int64_t types = 0;
        code = types_number(w, job, &types, err);
        pf_buf_put_varint(&totals, (uint64_t)types);
        pf_buf_put_str(&totals, job->sums);
        if (!code && totals.failed)
            code = pf_fail_nomem(err, "totals");
    }
    if (!code && job->content)
        code = pf_symwriter_add(&w->symbols, row.service, row.created_at, job->write->profile,
                                job->content, &job->room, &row.bytes, err);
    w->broken = w->broken || pf_symwriter_is_damaged(&w->symbols, row.service);
    if (!code) {
        row.number = ++w->nprofiles;
        row.totals = pf_buf_str(&totals);
        code = add_row(w, &row, err);
        job->xid = row.xid;
        if (!code && job->write->external_id.n)
            code = pf_external_add(&w->external, job, row.service, row.number, err);
        widen(&w->extent, &row, seconds);
    }
    pf_buf_free(&totals);
    return code;
}

pf_code pf_writer_commit(pf_writer *w, pf_error *err)
{
    sqlite3_stmt *st = w->stmt[SET_EXTENT];
    sqlite3_bind_int64(st, 1, w->extent.first_created);
    sqlite3_bind_int64(st, 2, w->extent.last_created);
    sqlite3_bind_int64(st, 3, w->extent.rows[PF_KIND_RAW]);
    sqlite3_bind_int64(st, 4, w->extent.rows[PF_KIND_COLUMNS]);
    pf_code code = run(w, SET_EXTENT, err);
    if (!code)
        code = run(w, COMMIT, err);
    if (code)
        return code;
    pf_symwriter_keep(&w->symbols);
    for (size_t i = 0; i < w->nlearned; i++)
        keep_number(w->learned[i].map, w->learned[i].key, w->learned[i].number);
    w->nlearned = 0;
    if (w->external.added)
        atomic_store(&w->partition->has_external, true);
    pf_partition_set_extent(w->partition, &w->extent);
    return PF_OK;
}

bool pf_writer_disk_failed(pf_writer *w)
{
    w->broken = w->broken || is_broken(w);
    if (w->broken)
        return true;
    switch (sqlite3_errcode(w->db) & 0xff) {
    case SQLITE_IOERR:
    case SQLITE_FULL:
    case SQLITE_BUSY:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return true;
    default:
        return false;
    }
}

void pf_writer_rollback(pf_writer *w)
{
    if (!sqlite3_get_autocommit(w->db))
        run(w, ROLLBACK, NULL);
    w->nlearned = 0;
    pf_map_clear(&w->counts);
    pf_symwriter_undo(&w->symbols);
    pf_error err;
    if (read_numbers(w, &err)) {
        w->broken = w->broken || is_broken(w);
        PF_LOG_ERROR("can't read a partition", PF_S("partition", w->partition->name),
                     PF_S("error", err.msg));
        w->suspect = true;
    }
}

void pf_writer_cancel(pf_writer *w)
{
    if (run(w, ROLLBACK, NULL))
        pf_writer_rollback(w);
    else
        pf_symwriter_undo(&w->symbols); /* nothing but its begin */
}

void pf_writer_checkpoint(pf_writer *w)
{
    if (!w->db || w->suspect || w->wal_pages < w->log_pages || w->wal_pages < w->checkpoint_at)
        return;
    /* PASSIVE does not wait for readers. The log begins anew after it if none of them is in it just then; if that
     * does not come about for long, TRUNCATE has them wait for their turn. */
    int rc = sqlite3_wal_checkpoint_v2(w->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    if (rc == SQLITE_OK && w->wal_pages >= w->log_pages * LOG_PATIENCE) {
        pf_db_set_patience(w->db, READERS_MS);
        rc = truncate_log(w);
        pf_db_set_patience(w->db, PF_DB_PATIENCE);
    }
    w->checkpoint_at = w->wal_pages + w->log_pages / 2;
    if (rc != SQLITE_OK && rc != SQLITE_BUSY)
        PF_LOG_WARN("can't checkpoint a partition", PF_S("partition", w->partition->name),
                    PF_S("error", sqlite3_errmsg(w->db)));
}

void pf_writer_settle(pf_writer *w)
{
    if (!w->db || w->suspect || !w->wal_pages)
        return;
    pf_db_set_patience(w->db, 0);
    int rc = truncate_log(w);
    pf_db_set_patience(w->db, PF_DB_PATIENCE);
    if (rc != SQLITE_OK && rc != SQLITE_BUSY)
        PF_LOG_WARN("can't checkpoint a partition", PF_S("partition", w->partition->name),
                    PF_S("error", sqlite3_errmsg(w->db)));
}

pf_code pf_writer_recover(pf_writer *w, pf_error *err)
{
    if (!w->suspect)
        return PF_OK;
    pf_extent shown = pf_partition_extent(w->partition);
    int64_t wanted = pf_extent_rows(&shown);
    if (w->db) {
        if (truncate_log(w) != SQLITE_OK)
            return pf_db_fail(w->db, err);
        disconnect(w);
    }
    pf_code code = connect(w, err);
    w->broken = code && is_broken(w);
    int64_t there = 0; /* written in one transaction with the rows */
    if (!code)
        code = pf_db_number(w->db, "SELECT raw + columns FROM extent WHERE one = 1", &there, err);
    if (!code && there != wanted) {
        w->broken = true;
        code =
            pf_fail(err, PF_UNAVAILABLE, "partition %s holds %lld profiles where %lld were stored",
                    w->partition->name, (long long)there, (long long)wanted);
    }
    if (!code) {
        w->suspect = false;
        PF_LOG_INFO("the disk takes writes again", PF_S("partition", w->partition->name));
    }
    return code;
}
