/* conns.h: the connections that readers use, for all partitions together.
 *
 * An operation takes one for a partition, uses it for some milliseconds and gives it back; idle ones are kept for
 * the next, since opening one costs as much as many a query. At the ceiling the one idle longest makes room for a new
 * one. A thread holds at most one at a time, so that waiting for one always ends.
 *
 * A query walks the partitions, and all readers may meet in each of them, so there is room for
 *
 *     partitions * readers, 16 at least, but no more than
 *         memory / (PF_CONN_FIXED + PF_CONN_PAGES_MIN)    of 16 MiB: 163
 *         files / 2                                       the database and its log
 *
 * What is open shares the memory: each has memory / n, less what it takes in any case (PF_CONN_FIXED), as page cache, n
 * being 16, 32, 64 ... or the ceiling. Of 16 MiB, 16 for one reader in 16 partitions have 956 KiB of pages each; 68 for 4 readers
 * in 17 have 172. So all together hold no more than `memory`, unless that does not do for 16. One that is in use gets its
 * new share when it is given back. Besides, SQLite has one file open a partition, whatever the connections: the log's index.
 * Thread-safe.
 */
#ifndef PF_STORAGE_LOCAL_CONNS_H
#define PF_STORAGE_LOCAL_CONNS_H

#include "base/metrics.h"
#include "storage/local/partition.h"
#include "storage/storage.h"

/* The statements that readers use; the SQL stands in conns.c. */
typedef enum pf_stmt {
    PF_STMT_BEGIN,
    PF_STMT_END,
    PF_STMT_SERVICE,      /* (name) -> number */
    PF_STMT_SERVICE_NAME, /* (number) -> name */
    PF_STMT_SERVICES,     /* () -> name, in byte order */
    PF_STMT_SERVICES_LEFT, /* the same, those that have profiles: for partitions where some were deleted */
    PF_STMT_POSTING,   /* (pair, after) -> series: the next one */
    PF_STMT_SERIES,    /* (number) -> service, type, labels, checksum */
    PF_STMT_TIME_UP,   /* (service, type, created_at, xid, to) -> created_at, xid, series: behind a
                          position */
    PF_STMT_TIME_DOWN, /* (service, type, created_at, xid, from): the same, newest first */
    PF_STMT_SERIES_UP, /* (series, created_at, xid, to) -> created_at, xid, series */
    PF_STMT_SERIES_DOWN, /* (series, created_at, xid, from) */
    PF_STMT_PROFILE,     /* (xid) -> all columns of profile, in the order of the schema */
    PF_STMT_ROW,         /* (number) -> the same */
    PF_STMT_SYMBOLS,     /* (after, to) -> number, checksum, chunk, in order */
    PF_STMT_TOTALS,      /* (service, type, from, to) -> created_at, series, totals */
    PF_STMT_TOTAL,       /* (service, type, created_at, xid) -> totals */
    PF_STMT_TYPES,       /* (number) -> list of sample types */
    PF_STMT_COUNT
} pf_stmt;

enum {
    PF_CONN_FIXED = 68 << 10,     /* bytes: schema, prepared statements, SQLite's own structs */
    PF_CONN_PAGES_MIN = 32 << 10, /* bytes of page cache below which it is none */
};

typedef struct pf_conn pf_conn;
struct pf_conn {
    sqlite3 *db;
    sqlite3_stmt *stmt[PF_STMT_COUNT]; /* prepared when first used */
    pf_partition *partition;           /* a counted reference */
    pf_conn *next;
    size_t cache;       /* bytes of its page cache */
    int64_t idle_since; /* pf_clock_mono() */
};

typedef struct pf_conns {
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t given;
    pf_conn *idle; /* the one given back last comes first */
    size_t open, max;
    size_t cache; /* bytes of page cache that an idle one has, and a new one gets */

    /* Fixed. */
    size_t memory, readers, files;
    pf_metric *opened; /* counts those opened */
} pf_conns;

/* `memory`: bytes for all; `readers`: threads that take connections; `files`: that may be open. Room for 16 to begin
 * with. */
void pf_conns_init(pf_conns *c, size_t memory, size_t readers, size_t files, pf_metric *opened);

/* Makes room for so many partitions. */
void pf_conns_fit(pf_conns *c, size_t partitions);
void pf_conns_free(pf_conns *c); /* all must have been given back */

/* Waits for one where all are in use; `op` ends the waiting. */
pf_code pf_conns_take(pf_conns *c, pf_partition *p, const pf_op *op, pf_conn **out, pf_error *err);

/* Resets its statements and keeps it. */
void pf_conns_give(pf_conns *c, pf_conn *conn);

/* Closes the idle ones of a partition (NULL: all) that have been idle since `before`
 * (pf_clock_mono()). */
void pf_conns_close_idle(pf_conns *c, const pf_partition *p, int64_t before);

/* The statement, reset; NULL with *err filled. */
sqlite3_stmt *pf_conn_stmt(pf_conn *conn, pf_stmt which, pf_error *err);

/* One read transaction around several statements: spares taking the file's lock for each. */
pf_code pf_conn_begin(pf_conn *conn, pf_error *err);

#endif
