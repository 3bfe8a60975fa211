#include "storage/local/external.h"

#include "base/clock.h"
#include "base/log.h"

#include <string.h>
#include <xxhash.h>

static const char find_sql[] =
    "SELECT profile.xid, profile.type, profile.created_at, series.labels, external.hash"
    " FROM service JOIN external ON external.service = service.number"
    " JOIN profile ON profile.number = external.number"
    " JOIN series ON series.number = profile.series"
    " WHERE service.name = ?1 AND external.id = ?2";

pf_code pf_external_open(pf_external *x, sqlite3 *db, pf_error *err)
{
    *x = (pf_external){.db = db};
    pf_code code = pf_db_prepare(db, find_sql, &x->find, err);
    /* One that is there already belongs to a profile that was deleted. */
    return code ? code
                : pf_db_prepare(db,
                                "INSERT OR REPLACE INTO external(service, id, number, hash)"
                                " VALUES(?1, ?2, ?3, ?4)",
                                &x->add, err);
}

void pf_external_close(pf_external *x)
{
    sqlite3_finalize(x->find);
    sqlite3_finalize(x->add);
    *x = (pf_external){0};
}

void pf_external_hash(const pf_write *w, uint8_t out[static PF_EXTERNAL_HASH])
{
    pf_str body = w->profile ? w->inflated : w->body;
    XXH128_canonical_t bytes;
    XXH128_canonicalFromHash(&bytes, XXH3_128bits(body.n ? body.p : "", body.n));
    _Static_assert(sizeof bytes.digest == PF_EXTERNAL_HASH, "all of it");
    memcpy(out, bytes.digest, PF_EXTERNAL_HASH);
}

/* The row that `st` stands on. */
static pf_code take_first(sqlite3_stmt *st, pf_job *job, pf_error *err)
{
    pf_write *w = job->write;
    pf_str xid = pf_db_blob(st, 0), hash = pf_db_blob(st, 4);
    pf_str labels = pf_arena_str(w->arena, pf_db_blob(st, 3));
    pf_labels first;
    if (hash.n != PF_EXTERNAL_HASH || xid.n != sizeof job->xid.b)
        return pf_fail(err, PF_INTERNAL, "an external id is damaged on disk");
    if (memcmp(hash.p, job->body_hash, PF_EXTERNAL_HASH) != 0)
        return pf_fail(err, PF_CONFLICT,
                       "this service has a profile with external_id \"%.*s\" already, and its body "
                       "is another one",
                       PF_FMT(w->external_id));
    if (!labels.p)
        return pf_arena_fail(w->arena, err, "labels");
    if (!pf_labels_decode(labels, w->arena, &first))
        return pf_fail(err, PF_INTERNAL, "the labels of an external id are damaged on disk");
    memcpy(job->xid.b, xid.p, sizeof job->xid.b);
    job->first = (pf_meta){.type = (pf_type)sqlite3_column_int64(st, 1),
                           .created_at = sqlite3_column_int64(st, 2),
                           .labels = first};
    job->repeated = true;
    return PF_OK;
}

static pf_code find_by(sqlite3 *db, sqlite3_stmt *st, pf_job *job, pf_error *err)
{
    pf_db_bind(st, 1, job->write->meta.service);
    pf_db_bind(st, 2, job->write->external_id);
    int rc = sqlite3_step(st);
    pf_code code = rc == SQLITE_ROW    ? take_first(st, job, err)
                   : rc == SQLITE_DONE ? PF_OK
                                       : pf_db_fail(db, err);
    sqlite3_reset(st);
    return code;
}

pf_code pf_external_find(pf_external *x, pf_job *job, pf_error *err)
{
    return find_by(x->db, x->find, job, err);
}

pf_code pf_external_add(pf_external *x, const pf_job *job, int64_t service, int64_t number,
                        pf_error *err)
{
    sqlite3_bind_int64(x->add, 1, service);
    pf_db_bind(x->add, 2, job->write->external_id);
    sqlite3_bind_int64(x->add, 3, number);
    sqlite3_bind_blob(x->add, 4, job->body_hash, PF_EXTERNAL_HASH, SQLITE_STATIC);
    pf_code code = sqlite3_step(x->add) == SQLITE_DONE ? PF_OK : pf_db_fail(x->db, err);
    sqlite3_reset(x->add);
    x->added = true;
    return code;
}

static pf_code find_in(pf_conns *conns, pf_partition *p, pf_job *job, pf_error *err)
{
    pf_conn *conn = NULL;
    const pf_op soon = {.deadline = pf_clock_mono() + PF_NS_PER_SEC}; /* all pushes wait */
    pf_code code = pf_conns_take(conns, p, &soon, &conn, err);
    if (code)
        return code;
    sqlite3_stmt *st = NULL;
    code = pf_db_prepare(conn->db, find_sql, &st, err);
    if (!code)
        code = find_by(conn->db, st, job, err);
    sqlite3_finalize(st);
    pf_conns_give(conns, conn);
    return code;
}

pf_code pf_external_find_elsewhere(pf_partitions *set, const pf_partition *written, pf_job *job,
                                   pf_error *err)
{
    pf_partition **list = NULL;
    size_t n = 0;
    job->repeated = false;
    pf_code code = pf_partitions_all(set, &list, &n, err);
    for (size_t i = n; i-- > 0 && !code && !job->repeated;) {
        if (list[i] == written || !atomic_load(&list[i]->has_external))
            continue;
        code = find_in(set->conns, list[i], job, err);
        if (code && code != PF_CONFLICT) {
            PF_LOG_WARN("can't look an external id up", PF_S("partition", list[i]->name),
                        PF_S("error", err->msg));
            code = PF_OK;
        }
    }
    pf_partitions_release(list, n);
    job->repeated_elsewhere = job->repeated;
    return code;
}
