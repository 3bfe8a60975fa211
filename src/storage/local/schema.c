#include "storage/local/schema.h"

enum { PF_FEATURE_INCOMPATIBLE, PF_FEATURE_READ_ONLY, PF_FEATURE_COMPATIBLE, PF_FEATURE_LISTS };

/* What stands in meta, and what a file that is made here has. */
static const struct {
    const char *name, *known;
} lists[PF_FEATURE_LISTS] = {
    [PF_FEATURE_INCOMPATIBLE] = {"incompatible", "sections"},
    [PF_FEATURE_READ_ONLY] = {"read_only", "external\nhour"},
    [PF_FEATURE_COMPATIBLE] = {"compatible", "sample_label"},
};

/* Why these tables and these keys:
 * - profile is appended to (its key is the order of arrival), the xid index nearly so: all writes
 * of a batch share the pages at their ends. The two other indexes touch one page a (service, type)
 * and one a series.
 * - profile_time answers "this service, this type, from, to" and profile_series "these labels"
 * without reading a row; both are in the order in which listings are given, so a page of a listing
 * is one seek.
 * - posting finds the series that carry a label without looking at those that do not.
 * - symbols holds a service's chunks side by side (symwriter.h), so that reading them back is one
 * run, and so that the short ones can be replaced by a long one where they stand. */
static const char tables[] =
    "CREATE TABLE service(number INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE) STRICT;"
    "CREATE TABLE series(number INTEGER PRIMARY KEY, service INTEGER NOT NULL, type INTEGER NOT "
    "NULL,"
    "  labels BLOB NOT NULL, checksum INTEGER NOT NULL, UNIQUE(service, type, labels)) STRICT;"
    "CREATE TABLE posting(pair INTEGER NOT NULL, series INTEGER NOT NULL,"
    "  PRIMARY KEY(pair, series)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE sample_types(number INTEGER PRIMARY KEY, types BLOB NOT NULL UNIQUE) STRICT;"
    "CREATE TABLE symbols(number INTEGER PRIMARY KEY, checksum INTEGER NOT NULL,"
    "  chunk BLOB NOT NULL) STRICT;"
    "CREATE TABLE profile(number INTEGER PRIMARY KEY, xid BLOB NOT NULL, service INTEGER NOT NULL,"
    "  type INTEGER NOT NULL, created_at INTEGER NOT NULL, series INTEGER NOT NULL,"
    "  totals BLOB NOT NULL, kind INTEGER NOT NULL, checksum INTEGER NOT NULL, row BLOB NOT NULL) "
    "STRICT;"
    "CREATE TABLE meta(name BLOB PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE external(service INTEGER NOT NULL, id BLOB NOT NULL, number INTEGER NOT NULL,"
    "  hash BLOB NOT NULL, PRIMARY KEY(service, id)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE hour(service INTEGER NOT NULL, type INTEGER NOT NULL, start INTEGER NOT NULL,"
    "  sample_type INTEGER NOT NULL, count INTEGER NOT NULL, first INTEGER NOT NULL,"
    "  last INTEGER NOT NULL, duration INTEGER NOT NULL, kind INTEGER NOT NULL, sum INTEGER,"
    "  min INTEGER, max INTEGER, increase INTEGER, PRIMARY KEY(service, type, start, sample_type))"
    "  STRICT, WITHOUT ROWID;"
    "CREATE TABLE generation(service INTEGER NOT NULL, type INTEGER NOT NULL, start INTEGER NOT "
    "NULL,"
    "  generation INTEGER NOT NULL, PRIMARY KEY(service, type, start)) STRICT, WITHOUT ROWID;"
    "CREATE UNIQUE INDEX profile_xid ON profile(xid);"
    "CREATE INDEX profile_time ON profile(service, type, created_at, xid, series, totals);"
    "CREATE INDEX profile_series ON profile(series, created_at, xid);"
    "CREATE TABLE extent(one INTEGER PRIMARY KEY CHECK(one = 1), first_created INTEGER NOT NULL,"
    "  last_created INTEGER NOT NULL, raw INTEGER NOT NULL, columns INTEGER NOT NULL) STRICT;"
    "INSERT INTO extent VALUES(1, 0, 0, 0, 0);"
    "CREATE TABLE type(number INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE) STRICT;"
    "CREATE TABLE sample_label(service INTEGER NOT NULL, type INTEGER NOT NULL, name BLOB NOT NULL,"
    "  value BLOB NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,"
    "  PRIMARY KEY(service, type, name, value)) STRICT, WITHOUT ROWID;";

static pf_code put_features(sqlite3 *db, const char *name, const char *list, pf_error *err)
{
    sqlite3_stmt *st = NULL;
    pf_code code = pf_db_prepare(db, "INSERT INTO meta(name, value) VALUES(?1, ?2)", &st, err);
    if (code)
        return code;
    pf_db_bind(st, 1, pf_str_c(name));
    pf_db_bind(st, 2, pf_str_c(list));
    code = sqlite3_step(st) == SQLITE_DONE ? PF_OK : pf_db_fail(db, err);
    sqlite3_finalize(st);
    return code;
}

static pf_code create(sqlite3 *db, pf_error *err)
{
    pf_code code = pf_db_exec(db, "BEGIN IMMEDIATE", err);
    if (code)
        return code;
    code = pf_db_exec(db, tables, err);
    for (int i = 0; !code && i < PF_FEATURE_LISTS; i++)
        code = put_features(db, lists[i].name, lists[i].known, err);
    if (!code)
        code =
            pf_db_exec(db, "PRAGMA application_id=1885761585; PRAGMA user_version=2; COMMIT", err);
    if (code && !sqlite3_get_autocommit(db))
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return code;
}
_Static_assert(PF_SCHEMA_APPLICATION_ID == 1885761585 && PF_SCHEMA_VERSION == 2,
               "the pragmas above name them");

/* The version, or 0 for a file without anything in it, which is still to be made. */
static pf_code check_version(sqlite3 *db, const char *path, int *out, pf_error *err)
{
    int64_t application = 0, version = 0, tables_there = 0;
    pf_code code = pf_db_number(db, "PRAGMA application_id", &application, err);
    if (!code)
        code = pf_db_number(db, "PRAGMA user_version", &version, err);
    if (!code && !application && !version)
        code = pf_db_number(db, "SELECT count(*) FROM sqlite_schema", &tables_there, err);
    if (code)
        return code;
    *out = (int)version;
    if (!application && !version && !tables_there)
        return PF_OK;
    if (application != PF_SCHEMA_APPLICATION_ID || version < 1)
        return pf_fail(err, PF_INVALID, "%s is not a partition of this store", path);
    if (version > PF_SCHEMA_VERSION)
        return pf_fail(err, PF_INVALID,
                       "%s is of format %lld, newer than format %d that this server knows", path,
                       (long long)version, PF_SCHEMA_VERSION);
    return PF_OK;
}

static bool has_word(pf_str list, pf_str word)
{
    for (pf_str one; list.n;) {
        pf_str_cut(list, '\n', &one, &list);
        if (pf_str_eq(one, word))
            return true;
    }
    return false;
}

/* The first of `have` that is not among `known`; empty: none. */
static pf_str unknown_feature(pf_str have, const char *known)
{
    for (pf_str one; have.n;) {
        pf_str_cut(have, '\n', &one, &have);
        if (one.n && !has_word(pf_str_c(known), one))
            return one;
    }
    return (pf_str){0};
}

static pf_code check_list(sqlite3_stmt *st, int list, const char *path, pf_schema *out,
                          pf_error *err)
{
    enum { SHOWN = 64 };
    pf_str name = unknown_feature(pf_db_blob(st, 0), lists[list].known);
    if (!name.n)
        return PF_OK;
    int n = name.n < SHOWN ? (int)name.n : SHOWN;
    if (list == PF_FEATURE_INCOMPATIBLE)
        return pf_fail(err, PF_INVALID,
                       "%s has the feature \"%.*s\", which this server does not know", path, n,
                       name.p);
    if (list == PF_FEATURE_READ_ONLY)
        out->writable = false;
    return PF_OK;
}

static pf_code check_features(sqlite3 *db, const char *path, pf_schema *out, pf_error *err)
{
    sqlite3_stmt *st = NULL;
    pf_code code = pf_db_prepare(db, "SELECT value FROM meta WHERE name = ?1", &st, err);
    for (int i = 0; !code && i < PF_FEATURE_LISTS; i++) {
        pf_db_bind(st, 1, pf_str_c(lists[i].name));
        int rc = sqlite3_step(st);
        if (rc == SQLITE_ROW)
            code = check_list(st, i, path, out, err);
        else if (rc != SQLITE_DONE)
            code = pf_db_fail(db, err);
        sqlite3_reset(st);
    }
    sqlite3_finalize(st);
    return code;
}

pf_code pf_schema_ensure(sqlite3 *db, const char *path, pf_schema *out, pf_error *err)
{
    int version = 0;
    *out = (pf_schema){0};
    pf_code code = check_version(db, path, &version, err);
    if (!code && !version) /* fixed by the switch */
        code = pf_db_exec(db, "PRAGMA page_size=4096; PRAGMA auto_vacuum=INCREMENTAL", err);
    *out = (pf_schema){.version = version ? version : PF_SCHEMA_VERSION, .writable = version != 1};
    if (!code && version > 1)
        code = check_features(db, path, out, err);
    /* The mode stands in the file: what is only read keeps the one it has. */
    if (!code && out->writable)
        code = pf_db_set_wal(db, err);
    return !code && !version ? create(db, err) : code;
}
