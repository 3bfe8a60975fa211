/* local.c: opening, closing, and the way of a write; the other operations have a file each.
 *
 *     write (caller's thread):        space? -> job (content hashes, encodings) -> queue
 *     committer (one thread):         batch -> partition of today -> transaction -> done()
 *                                     once a second: upkeep
 * recaller (one thread):          after a restart, symbols that the partition has -> the committer
 *     find, read, merge, services
 *     (callers' threads):             a snapshot of the set -> a pooled connection per partition
 *
 * -local.cache-size is shared out once: a quarter for the committer's connection, a quarter over those of
 * the readers, half for the symbol tables that readers have in memory (symviews.h).
 */
#include "storage/local/store.h"

#include "base/log.h"

#include <stdlib.h>
#include <sys/resource.h>

enum { FILES_PART = 3 }; /* of those that the process may open: for readers a third */

pf_local_config pf_local_config_default(void)
{
    return (pf_local_config){
        .data_ttl = 15 * 86400 * PF_NS_PER_SEC,
        .min_free = INT64_C(256) * 1024 * 1024,
        .max_series = 1000000,
        .max_series_per_service = 10000,
        .cache_size = (size_t)64 * 1024 * 1024,
        .readers = 4,
        .symbols_memory = (size_t)64 * 1024 * 1024,
        .queue_max = 4096,
    };
}

static void write_profile(pf_store *s, pf_write *w)
{
    pf_local *l = (pf_local *)s;
    pf_error err;
    pf_job *job = NULL;
    pf_code code = pf_free_space_check(&l->space, &err);
    if (code)
        pf_metric_add(l->metrics.refused[PF_REFUSED_SPACE], 1);
    if (!code)
        code = pf_job_new(w, &l->key, &job, &err);
    if (!code) {
        w->store_data = job;
        code = pf_committer_put(&l->committer, w, &err);
    }
    if (code) {
        w->store_data = NULL;
        pf_job_free(job);
        w->done(w, code, &err);
    }
}

static pf_code ready(pf_store *s, pf_error *err)
{
    pf_local *l = (pf_local *)s;
    pf_code code = pf_free_space_check(&l->space, err);
    return code ? code : pf_committer_ready(&l->committer, err);
}

static void problems(pf_store *s, pf_buf *out)
{
    pf_buf names = PF_BUF_INIT;
    if (pf_partitions_damaged(&((pf_local *)s)->set, &names)) {
        pf_buf_puts(out, "damaged partitions, kept and not written to: ");
        pf_buf_put_str(out, pf_buf_str(&names));
        pf_buf_putc(out, '\n');
    }
    pf_buf_free(&names);
}

static void stop_threads(pf_local *l)
{
    pf_recaller_stop(&l->recaller);
    pf_committer_stop(&l->committer);
    pf_recaller_free(&l->recaller);
}

static void free_caches(pf_local *l)
{
    pf_symviews_free(&l->views);
    pf_symbol_cache_free(l->known);
}

static void close_store(pf_store *s)
{
    pf_local *l = (pf_local *)s;
    stop_threads(l);
    pf_conns_close_idle(&l->conns, NULL, INT64_MAX);
    pf_partitions_close(&l->set);
    pf_conns_free(&l->conns);
    pf_dir_close(&l->dir);
    free_caches(l);
    free(l);
}

static const pf_store_traits traits = {
    .name = "local",
    .created_at_tick = 1,
    .id_max = PF_XID_CHARS,
    .exact = true,
    .traces = true,
    .deletes = true,
    .external_ids = true,
};

static const pf_store_ops ops = {
    .traits = &traits,
    .write = write_profile,
    .find = pf_local_find,
    .read = pf_local_read,
    .merge = pf_local_merge,
    .merge_profile = pf_local_merge_profile,
    .totals = pf_local_totals,
    .find_totals = pf_local_find_totals,
    .remove = pf_local_remove,
    .stats = pf_local_stats,
    .services = pf_local_services,
    .ready = ready,
    .problems = problems,
    .close = close_store,
};

/* That the process may have. */
static size_t open_files(void)
{
    struct rlimit limit = {.rlim_cur = 1024};
    getrlimit(RLIMIT_NOFILE, &limit);
    return (size_t)limit.rlim_cur;
}

static pf_code start(pf_local *l, pf_error *err)
{
    size_t quarter = l->cfg.cache_size / 4;
    l->known = pf_symbol_cache_new(l->cfg.symbols_memory);
    if (!l->known)
        return pf_fail_nomem(err, "store");
    pf_local_metrics_init(&l->metrics);
    pf_conns_init(&l->conns, quarter, l->cfg.readers, open_files() / FILES_PART, l->metrics.opened);
    pf_code code = pf_partitions_open(&l->set, l->dir.partitions,
                                      pf_partitions_days(l->cfg.data_ttl), &l->conns, err);
    if (code) {
        pf_conns_free(&l->conns);
        return code;
    }
    pf_free_space_init(&l->space, l->dir.path, l->cfg.min_free);
    l->committer = (pf_committer){.set = &l->set,
                                  .metrics = &l->metrics,
                                  .clock = l->cfg.clock,
                                  .queue_max = l->cfg.queue_max,
                                  .limits = {l->cfg.max_series, l->cfg.max_series_per_service},
                                  .max_size = l->cfg.max_size,
                                  .cache = quarter,
                                  .known = l->known,
                                  .key = &l->key,
                                  .recaller = &l->recaller,
                                  .tick = pf_local_upkeep,
                                  .tick_ctx = l};
    l->recaller = (pf_recaller){.committer = &l->committer, .key = &l->key, .metrics = &l->metrics};
    code = pf_recaller_start(&l->recaller, err);
    if (!code)
        code = pf_committer_start(&l->committer, err);
    if (code) {
        stop_threads(l);
        pf_partitions_close(&l->set);
        pf_conns_free(&l->conns);
    }
    return code;
}

pf_code pf_local_open(const pf_local_config *cfg, pf_store **out, pf_error *err)
{
    pf_local *l = calloc(1, sizeof *l);
    if (!l)
        return pf_fail_nomem(err, "store");
    pf_db_setup();
    pf_hash_key_random(&l->key);
    pf_symviews_init(&l->views, cfg->cache_size / 2);
    l->base.ops = &ops;
    l->cfg = *cfg;
    pf_code code = pf_dir_open(&l->dir, cfg->dir, err);
    if (code) {
        free_caches(l);
        free(l);
        return code;
    }
    l->cfg.dir = l->dir.path;
    code = start(l, err);
    if (code) {
        pf_dir_close(&l->dir);
        free_caches(l);
        free(l);
        return code;
    }
    PF_LOG_INFO("opened the store", PF_S("dir", l->dir.path),
                PF_I("partitions", pf_partitions_count(&l->set)));
    *out = &l->base;
    return PF_OK;
}
