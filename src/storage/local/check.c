/* check.c: see the header for what is verified.
 *
 * A problem is reported and the check goes on with the next row, so that one damaged page does not hide
 * the state of the rest; a partition whose problems pass PROBLEMS_MAX is given up.
 */
#include "storage/local/check.h"

#include "base/map.h"
#include "pprof/gzip.h"
#include "profile/labels.h"
#include "profile/type.h"
#include "storage/local/checksums.h"
#include "storage/local/dir.h"
#include "storage/local/partition.h"
#include "storage/local/profile_bytes.h"
#include "storage/local/schema.h"
#include "storage/local/symbols/chunk.h"
#include "storage/local/symbols/resolve.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PROBLEMS_MAX = 100, CACHE = 8 << 20, INFLATED_MAX = 1 << 30, KEPT = 4 << 20 };

typedef struct checking {
    const char *name; /* of the file */
    sqlite3 *db;
    FILE *out;
    uint64_t problems;
    pf_arena arena; /* of one row */
    pf_resolver resolver;

    /* The symbols of the service at hand. */
    pf_tables tables;
    int64_t service;

    uint64_t rows[PF_KINDS], bytes[PF_KINDS], chunks, chunk_bytes, services, series;
    int64_t first_created, last_created, version;
} checking;

static void problem(checking *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void problem(checking *c, const char *fmt, ...)
{
    if (++c->problems > PROBLEMS_MAX)
        return;
    va_list ap;
    va_start(ap, fmt);
    fprintf(c->out, "%s: ", c->name);
    vfprintf(c->out, fmt, ap);
    fputc('\n', c->out);
    va_end(ap);
}

/* Calls `row` for every row of a statement, until there are too many problems. */
static void each(checking *c, const char *sql, void (*row)(checking *, sqlite3_stmt *))
{
    sqlite3_stmt *st = NULL;
    pf_error err;
    if (pf_db_prepare(c->db, sql, &st, &err)) {
        problem(c, "%s", err.msg);
        return;
    }
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW && c->problems <= PROBLEMS_MAX)
        row(c, st);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        problem(c, "%s", sqlite3_errmsg(c->db));
    sqlite3_finalize(st);
}

static void integrity_row(checking *c, sqlite3_stmt *st)
{
    const char *said = (const char *)sqlite3_column_text(st, 0);
    if (said && strcmp(said, "ok") != 0)
        problem(c, "SQLite: %s", said);
}

static void service_row(checking *c, sqlite3_stmt *st)
{
    (void)st;
    c->services++;
}

static void series_row(checking *c, sqlite3_stmt *st)
{
    int64_t number = sqlite3_column_int64(st, 0);
    pf_str labels = pf_db_blob(st, 2), service = pf_db_blob(st, 4);
    pf_labels list;
    c->series++;
    if (pf_series_checksum(number, service, sqlite3_column_int64(st, 1), labels) !=
        sqlite3_column_int64(st, 3))
        problem(c, "series %lld: the checksum does not hold", (long long)number);
    else if (!pf_labels_decode(labels, &c->arena, &list))
        problem(c, "series %lld: its labels can't be read", (long long)number);
    pf_arena_reset(&c->arena, KEPT);
}

static void chunk_row(checking *c, sqlite3_stmt *st)
{
    pf_error err;
    int64_t number = sqlite3_column_int64(st, 0);
    pf_str chunk = pf_db_blob(st, 2);
    c->chunks++;
    c->chunk_bytes += chunk.n;
    if (pf_symbols_checksum(number, chunk) != sqlite3_column_int64(st, 1))
        problem(c, "symbols of service %lld, chunk %u: the checksum does not hold",
                (long long)(number >> 32), (unsigned)number);
    else if (pf_chunk_decode(&c->tables, chunk, &err))
        problem(c, "symbols of service %lld, chunk %u: %s", (long long)(number >> 32),
                (unsigned)number, err.msg);
}

/* Reads the symbols of a service, unless it is the one at hand: profiles are checked service by service. */
static void read_symbols(checking *c, int64_t service)
{
    if (c->service == service)
        return;
    c->service = service;
    pf_tables_clear(&c->tables, NULL);
    char *sql = sqlite3_mprintf("SELECT number, checksum, chunk FROM symbols"
                                " WHERE number BETWEEN %lld AND %lld ORDER BY number",
                                (long long)pf_symbols_number(service, 0),
                                (long long)pf_symbols_number(service, UINT32_MAX));
    if (sql)
        each(c, sql, chunk_row);
    sqlite3_free(sql);
}

/* The totals of a row say which sample types there are and what the samples come to. */
static void check_totals(checking *c, const char *id, const pf_record *row, pf_str known_types,
                         const pf_profile *p)
{
    pf_buf types = PF_BUF_INIT, sums = PF_BUF_INIT;
    uint64_t number;
    const uint8_t *at = (const uint8_t *)row->totals.p, *end = at + row->totals.n;
    pf_totals_put_types(p, &types);
    pf_totals_put_sums(p, &sums);
    if (!pf_varint_get(&at, end, &number))
        problem(c, "profile %s: its totals can't be read", id);
    else if (!pf_str_eq(pf_buf_str(&types), known_types))
        problem(c, "profile %s: its sample types are not those of its totals", id);
    else if (!pf_str_eq(pf_buf_str(&sums), (pf_str){(const char *)at, (size_t)(end - at)}))
        problem(c, "profile %s: its totals do not agree with its samples", id);
    pf_buf_free(&types);
    pf_buf_free(&sums);
}

static pf_code read_raw(checking *c, const pf_record *row, pf_profile *p, pf_error *err)
{
    pf_str bytes;
    pf_code code = pf_gunzip(row->bytes, INFLATED_MAX, &c->arena, &bytes, err);
    return code ? code : pf_profile_decode(p, &c->arena, bytes, err);
}

static pf_code read_columns(checking *c, const pf_record *row, pf_profile *p, pf_error *err)
{
    pf_row numbers;
    pf_code code = pf_row_decode(&numbers, row->created_at, row->bytes, &c->arena, err);
    return code ? code : pf_resolve(&c->resolver, &c->tables, &numbers, &numbers.maps, 1, p, err);
}

static void note_row(checking *c, const pf_record *row)
{
    bool first = c->rows[PF_KIND_RAW] + c->rows[PF_KIND_COLUMNS] == 0;
    if (first || row->created_at < c->first_created)
        c->first_created = row->created_at;
    if (first || row->created_at > c->last_created)
        c->last_created = row->created_at;
    c->rows[row->kind]++;
    c->bytes[row->kind] += row->bytes.n;
}

static void profile_row(checking *c, sqlite3_stmt *st)
{
    pf_record row;
    char id[PF_XID_CHARS + 1] = "";
    bool sound = pf_record_read(st, &row);
    pf_xid_format(row.xid, id);
    if (!sound) {
        problem(c, "profile %s: the checksum does not hold", id);
        return;
    }
    note_row(c, &row);
    if (sqlite3_column_type(st, 10) == SQLITE_NULL)
        problem(c, "profile %s: its series %lld is none of its service", id, (long long)row.series);
    if (row.type == PF_TYPE_TRACE)
        return;
    pf_profile p;
    pf_error err;
    if (row.kind == PF_KIND_COLUMNS)
        read_symbols(c, row.service);
    pf_code code =
        row.kind == PF_KIND_RAW ? read_raw(c, &row, &p, &err) : read_columns(c, &row, &p, &err);
    if (code)
        problem(c, "profile %s: %s", id, err.msg);
    else
        check_totals(c, id, &row, pf_db_blob(st, 11), &p);
    pf_arena_reset(&c->arena, KEPT);
}

static void extent_row(checking *c, sqlite3_stmt *st)
{
    uint64_t all = c->rows[PF_KIND_RAW] + c->rows[PF_KIND_COLUMNS];
    if (c->problems) /* rows that could not be read were not counted */
        return;
    if ((uint64_t)sqlite3_column_int64(st, 2) != c->rows[PF_KIND_RAW] ||
        (uint64_t)sqlite3_column_int64(st, 3) != c->rows[PF_KIND_COLUMNS])
        problem(c, "its extent counts %lld raw rows and %lld of columns, there are %llu and %llu",
                (long long)sqlite3_column_int64(st, 2), (long long)sqlite3_column_int64(st, 3),
                (unsigned long long)c->rows[PF_KIND_RAW],
                (unsigned long long)c->rows[PF_KIND_COLUMNS]);
    if (all && (sqlite3_column_int64(st, 0) != c->first_created ||
                sqlite3_column_int64(st, 1) != c->last_created))
        problem(c, "its extent in time is not that of its profiles");
}

static void external_row(checking *c, sqlite3_stmt *st)
{
    problem(c, "an external id of service %lld leads to profile %lld, which is not there",
            (long long)sqlite3_column_int64(st, 0), (long long)sqlite3_column_int64(st, 1));
}

/* What version 2 added. */
static void check_version_2(checking *c)
{
    each(c,
         "SELECT e.service, e.number FROM external e LEFT JOIN profile p"
         " ON p.number = e.number AND p.service = e.service WHERE p.number IS NULL",
         external_row);
}

static void check_tables(checking *c)
{
    each(c, "PRAGMA integrity_check(100)", integrity_row);
    each(c, "SELECT number FROM service", service_row);
    each(c,
         "SELECT s.number, s.type, s.labels, s.checksum, v.name FROM series s"
         " LEFT JOIN service v ON v.number = s.service",
         series_row);
    /* By service, so that each one's symbols are read once; the totals' first varint names the types. */
    each(c,
         "SELECT p.number, p.xid, p.service, p.type, p.created_at, p.series, p.totals, p.kind,"
         " p.checksum, p.row, s.number, t.types FROM profile p"
         " LEFT JOIN series s ON s.number = p.series AND s.service = p.service AND s.type = p.type"
         " LEFT JOIN sample_types t ON t.number = totals_types(p.totals)"
         " ORDER BY p.service, p.type, p.created_at",
         profile_row);
    each(c, "SELECT first_created, last_created, raw, columns FROM extent", extent_row);
    if (c->version >= 2)
        check_version_2(c);
}

/* SQL's totals_types(totals): the number of the list of sample types. */
static void totals_types(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    const uint8_t *p = sqlite3_value_blob(argv[0]);
    uint64_t number;
    if (p && pf_varint_get(&p, p + sqlite3_value_bytes(argv[0]), &number))
        sqlite3_result_int64(ctx, (int64_t)number);
}

static bool check_format(checking *c)
{
    pf_error err;
    int64_t application = 0, version = 0;
    if (pf_db_number(c->db, "PRAGMA application_id", &application, &err) ||
        pf_db_number(c->db, "PRAGMA user_version", &version, &err))
        problem(c, "%s", err.msg);
    else if (application != PF_SCHEMA_APPLICATION_ID || version < 1 || version > PF_SCHEMA_VERSION)
        problem(c, "application id %lld and version %lld are not those of a partition",
                (long long)application, (long long)version);
    c->version = version;
    return !c->problems;
}

static void report(const checking *c, const char *path)
{
    struct stat st;
    long long disk = stat(path, &st) == 0 ? (long long)st.st_blocks * 512 : 0;
    uint64_t raw = c->rows[PF_KIND_RAW], columns = c->rows[PF_KIND_COLUMNS];
    fprintf(c->out,
            "%s: %llu profiles: %llu as columns in %llu bytes, %llu raw in %llu bytes; symbols: "
            "%llu chunks"
            " in %llu bytes; %llu services, %llu series; %lld bytes on disk: ",
            c->name, (unsigned long long)(raw + columns), (unsigned long long)columns,
            (unsigned long long)c->bytes[PF_KIND_COLUMNS], (unsigned long long)raw,
            (unsigned long long)c->bytes[PF_KIND_RAW], (unsigned long long)c->chunks,
            (unsigned long long)c->chunk_bytes, (unsigned long long)c->services,
            (unsigned long long)c->series, disk);
    if (c->problems)
        fprintf(c->out, "%llu problems\n", (unsigned long long)c->problems);
    else
        fputs("ok\n", c->out);
}

/* Puts the path into a URI, with what has a meaning there escaped. */
static char *uri_of(const char *path, const char *query)
{
    pf_buf b = PF_BUF_INIT;
    pf_buf_puts(&b, "file:");
    for (const char *p = path; *p; p++)
        if (*p == '%' || *p == '?' || *p == '#')
            pf_buf_printf(&b, "%%%02x", (unsigned)*p);
        else
            pf_buf_putc(&b, *p);
    pf_buf_puts(&b, query);
    pf_buf_putc(&b, 0);
    if (!b.failed)
        return b.data; /* malloced */
    pf_buf_free(&b);
    return NULL;
}

static bool has_log(const char *path)
{
    char *log = NULL;
    struct stat st;
    if (asprintf(&log, "%s-wal", path) < 0)
        return true;
    bool has = stat(log, &st) == 0 && st.st_size > 0;
    free(log);
    return has;
}

/* A file that nobody has open: not a byte of it or beside it may change. Without a log SQLite is told that it is
 * immutable. With one (a killed server's), exclusive locking has SQLite keep the log's index in memory, and the log
 * is neither copied into the file at the end nor removed. */
static pf_code open_untouched(const char *path, sqlite3 **db, pf_error *err)
{
    bool log = has_log(path);
    char *uri = uri_of(path, log ? "" : "?immutable=1");
    if (!uri)
        return pf_fail_nomem(err, "a check");
    int flags = SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                (log ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY);
    int rc = sqlite3_open_v2(uri, db, flags, NULL);
    free(uri);
    pf_code code = rc == SQLITE_OK ? PF_OK
                   : *db           ? pf_db_fail(*db, err)
                                   : pf_fail_nomem(err, "a check");
    if (!code)
        sqlite3_db_config(*db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    if (!code)
        code = pf_db_exec(*db, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA query_only=1", err);
    return code;
}

static uint64_t check_partition(const char *path, const char *name, bool in_use, FILE *out)
{
    checking c = {.name = name, .out = out, .service = -1};
    pf_error err;
    pf_arena_init(&c.arena, NULL, 0);
    pf_resolver_init(&c.resolver, 0);
    pf_tables_init(&c.tables, NULL);
    if (in_use ? pf_db_open(path, PF_DB_READ_ONLY, CACHE, &c.db, &err)
               : open_untouched(path, &c.db, &err)) {
        problem(&c, "%s", err.msg);
    } else {
        sqlite3_create_function(c.db, "totals_types", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL,
                                totals_types, NULL, NULL);
        if (pf_db_exec(c.db, "BEGIN", &err))
            problem(&c, "%s", err.msg);
        else if (check_format(&c))
            check_tables(&c);
        pf_db_exec(c.db, "ROLLBACK", NULL);
    }
    report(&c, path);
    sqlite3_close(c.db);
    pf_tables_free(&c.tables);
    pf_resolver_free(&c.resolver);
    pf_arena_free(&c.arena);
    return c.problems;
}

static int is_partition(const struct dirent *e)
{
    pf_partition_key key;
    return pf_partition_parse(e->d_name, &key);
}

pf_code pf_local_check(const char *dir, FILE *out, uint64_t *problems, pf_error *err)
{
    char *partitions = NULL;
    struct dirent **list = NULL;
    *problems = 0;
    pf_db_setup();
    if (asprintf(&partitions, "%s/partitions", dir) < 0)
        return pf_fail_nomem(err, "a check");
    bool in_use = pf_dir_is_locked(dir);
    int n = scandir(partitions, &list, is_partition, alphasort);
    pf_code code =
        n < 0 ? pf_fail(err, PF_INVALID, "can't read %s: %s", partitions, strerror(errno)) : PF_OK;
    for (int i = 0; i < n; i++) {
        char *path = NULL;
        if (asprintf(&path, "%s/%s", partitions, list[i]->d_name) < 0)
            code = pf_fail_nomem(err, "a check");
        else
            *problems += check_partition(path, list[i]->d_name, in_use, out);
        free(path);
        free(list[i]);
    }
    free(list);
    free(partitions);
    return code;
}
