#include "storage/local/schema.h"

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
    "CREATE UNIQUE INDEX profile_xid ON profile(xid);"
    "CREATE INDEX profile_time ON profile(service, type, created_at, xid, series, totals);"
    "CREATE INDEX profile_series ON profile(series, created_at, xid);"
    "CREATE TABLE extent(one INTEGER PRIMARY KEY CHECK(one = 1), first_created INTEGER NOT NULL,"
    "  last_created INTEGER NOT NULL, raw INTEGER NOT NULL, columns INTEGER NOT NULL) STRICT;"
    "INSERT INTO extent VALUES(1, 0, 0, 0, 0);";

static pf_code create(sqlite3 *db, pf_error *err)
{
    pf_code code = pf_db_exec(db, "BEGIN IMMEDIATE", err);
    if (code)
        return code;
    code = pf_db_exec(db, tables, err);
    if (!code)
        code =
            pf_db_exec(db, "PRAGMA application_id=1885761585; PRAGMA user_version=1; COMMIT", err);
    if (code && !sqlite3_get_autocommit(db))
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return code;
}
_Static_assert(PF_SCHEMA_APPLICATION_ID == 1885761585 && PF_SCHEMA_VERSION == 1,
               "the pragmas above name them");

static pf_code check(sqlite3 *db, const char *path, bool *fresh, pf_error *err)
{
    int64_t application = 0, version = 0, tables_there = 0;
    *fresh = false;
    pf_code code = pf_db_number(db, "PRAGMA application_id", &application, err);
    if (!code)
        code = pf_db_number(db, "PRAGMA user_version", &version, err);
    if (!code && !application && !version)
        code = pf_db_number(db, "SELECT count(*) FROM sqlite_schema", &tables_there, err);
    if (code)
        return code;
    if (!application && !version && !tables_there) {
        *fresh = true;
        return PF_OK;
    }
    if (application != PF_SCHEMA_APPLICATION_ID)
        return pf_fail(err, PF_INVALID, "%s is not a partition of this store", path);
    if (version > PF_SCHEMA_VERSION)
        return pf_fail(err, PF_INVALID,
                       "%s is of format %lld, newer than format %d that this server knows", path,
                       (long long)version, PF_SCHEMA_VERSION);
    return PF_OK;
}

pf_code pf_schema_ensure(sqlite3 *db, const char *path, pf_error *err)
{
    bool fresh = false;
    pf_code code = check(db, path, &fresh, err);
    if (!code && fresh) /* fixed by the switch */
        code = pf_db_exec(db, "PRAGMA page_size=4096; PRAGMA auto_vacuum=NONE", err);
    if (!code)
        code = pf_db_set_wal(db, err);
    return !code && fresh ? create(db, err) : code;
}
