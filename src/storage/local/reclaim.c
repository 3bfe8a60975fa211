#include "storage/local/reclaim.h"

#include "base/log.h"

#include <stdio.h>

enum { CACHE = 1 << 20 };

/* *left gets how many pages are still free. */
static pf_code cut(sqlite3 *db, int64_t *left, pf_error *err)
{
    char sql[64];
    snprintf(sql, sizeof sql, "PRAGMA incremental_vacuum(%d)", PF_RECLAIM_PAGES);
    pf_code code = pf_db_set_wal(db, err);
    if (!code)
        code = pf_db_exec(db, sql, err);
    if (!code)
        code = pf_db_number(db, "PRAGMA freelist_count", left, err);
    if (code)
        return code;
    pf_db_set_patience(db, 0); /* readers that are in the way: the next step does it */
    sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    return PF_OK;
}

static void step_in(pf_partition *p)
{
    sqlite3 *db = NULL;
    pf_error err;
    int64_t left = 0;
    pf_code code = pf_db_open(p->path, 0, CACHE, &db, &err);
    if (!code) {
        code = cut(db, &left, &err);
        sqlite3_close(db);
    }
    if (code)
        PF_LOG_WARN("can't give back the space of deleted profiles", PF_S("partition", p->name),
                    PF_S("error", err.msg));
    if (code || !left)
        atomic_store(&p->may_shrink, false);
}

void pf_reclaim_step(pf_committer *c)
{
    pf_partition **list = NULL;
    size_t n = 0;
    if (pf_partitions_all(c->set, &list, &n, NULL))
        return;
    for (size_t i = 0; i < n; i++) {
        if (!atomic_load(&list[i]->may_shrink) || !list[i]->writable ||
            atomic_load(&list[i]->damaged) || list[i] == c->writer.partition)
            continue;
        step_in(list[i]);
        break;
    }
    pf_partitions_release(list, n);
}
