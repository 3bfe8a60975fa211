#include "storage/local/recaller.h"

#include "base/log.h"
#include "storage/local/checksums.h"
#include "storage/local/symbols/chunk.h"
#include "storage/local/symbols/recall.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { RUN = 4096 };              /* keys that the committer puts between two batches */
enum { CACHE_BYTES = 256 << 10 }; /* of the connection: a chunk is read once */
enum { RECALL_BYTES = 16 << 20 }; /* for the hashes of a service */
enum { NICE = 19 };               /* the lowest priority */

/* Keys on their way to the committer. */
typedef struct run {
    pf_recaller *r;
    uint64_t round;
    pf_numbering space; /* its salt alone */
    int64_t service;
    bool over; /* no more of this service */
    size_t n;
    struct {
        pf_hash key;
        uint32_t number;
    } entry[RUN];
} run;

/* What the thread works with. */
typedef struct worker {
    pf_recaller *r;
    uint64_t round;
    pf_partition *partition;
    sqlite3 *db;
    sqlite3_stmt *read;
    int64_t worked; /* its CPU time up to the last pause, ns */
    run run;
} worker;

/* With the lock. */
static bool wanted(const pf_recaller *r, uint64_t round)
{
    return !r->stopping && !r->full && r->round == round;
}

static bool still_wanted(pf_recaller *r, uint64_t round)
{
    pthread_mutex_lock(&r->lock);
    bool still = wanted(r, round);
    pthread_mutex_unlock(&r->lock);
    return still;
}

/* In the committer, between two batches. */
static void put_run(pf_committer *c, void *ctx)
{
    run *u = ctx;
    pf_recaller *r = u->r;
    size_t done = 0;
    u->over = !still_wanted(r, u->round) ||
              !pf_symwriter_is_salt(&c->writer.symbols, u->service, &u->space.salt);
    bool room = true;
    while (!u->over && room && done < u->n) {
        room = pf_symbol_cache_offer(c->known, u->entry[done].key, u->entry[done].number);
        done += room;
    }
    pf_metric_add(r->metrics->recalled, (double)done);
    if (!room) {
        pthread_mutex_lock(&r->lock);
        r->full = true;
        pthread_mutex_unlock(&r->lock);
    }
    u->n = 0;
}

static bool flush(run *u)
{
    if (u->n)
        pf_committer_run(u->r->committer, put_run, u);
    return !u->over && still_wanted(u->r, u->round);
}

static bool recalled(void *ctx, pf_table table, pf_hash content, uint32_t number)
{
    run *u = ctx;
    u->entry[u->n].key = pf_numbering_key(&u->space, table, content);
    u->entry[u->n++].number = number;
    return u->n < RUN || flush(u);
}

static int64_t cpu_time(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return ts.tv_sec * PF_NS_PER_SEC + ts.tv_nsec;
}

/* As long as the work before it took. */
static void pause_after_work(worker *w)
{
    int64_t now = cpu_time(), until = pf_clock_mono() + now - w->worked;
    struct timespec ts = {until / PF_NS_PER_SEC, until % PF_NS_PER_SEC};
    pf_recaller *r = w->r;
    w->worked = now;
    pthread_mutex_lock(&r->lock);
    while (wanted(r, w->round) && pf_clock_mono() < until)
        pthread_cond_timedwait(&r->changed, &r->lock, &ts);
    pthread_mutex_unlock(&r->lock);
}

/* The first chunk behind *number, which moves on; *there is false when there is none. No read transaction stays open, for
 * the sake of the log: a tail that the committer makes one chunk meanwhile is read again as such. */
static pf_code read_chunk(worker *w, int64_t *number, pf_tables *t, bool *there, pf_error *err)
{
    pf_code code = PF_OK;
    sqlite3_bind_int64(w->read, 1, *number + 1);
    sqlite3_bind_int64(w->read, 2, pf_symbols_number(w->run.service, UINT32_MAX));
    int rc = sqlite3_step(w->read);
    *there = rc == SQLITE_ROW;
    if (*there) {
        pf_str chunk = pf_db_blob(w->read, 2);
        *number = sqlite3_column_int64(w->read, 0);
        if (pf_symbols_checksum(*number, chunk) != sqlite3_column_int64(w->read, 1))
            code = pf_fail(err, PF_INTERNAL, "damaged symbols: the checksum does not match");
        else
            code = pf_chunk_decode(t, chunk, err);
        pf_metric_add(w->r->metrics->symbol_bytes[PF_READ_RECALL], (double)chunk.n);
    } else if (rc != SQLITE_DONE) {
        code = pf_db_fail(w->db, err);
    }
    sqlite3_reset(w->read);
    return code;
}

static void recall_service(worker *w, const pf_recall_wanted *of)
{
    pf_recall through;
    pf_error err;
    pf_code code = PF_OK;
    int64_t number = pf_symbols_number(of->service, 0);
    bool more = true;
    w->run.service = of->service;
    w->run.space.salt = of->salt;
    w->run.round = w->round;
    w->run.over = false;
    w->run.n = 0;
    pf_recall_init(&through, w->r->key, RECALL_BYTES);
    while (!code && more && still_wanted(w->r, w->round)) {
        pf_tables t;
        pf_tables_init_floating(&t);
        code = read_chunk(w, &number, &t, &more, &err);
        if (!code && more)
            code = pf_recall_add(&through, &t, recalled, &w->run, &err);
        pf_tables_free(&t);
        more = more && !w->run.over;
        if (more)
            pause_after_work(w);
    }
    flush(&w->run);
    pf_recall_free(&through);
    if (code)
        PF_LOG_WARN("can't recall all symbols of a service: some will be stored again",
                    PF_S("partition", w->partition->name), PF_I("service", of->service),
                    PF_S("error", err.msg));
}

static void close_partition(worker *w)
{
    sqlite3_finalize(w->read);
    sqlite3_close(w->db);
    w->read = NULL;
    w->db = NULL;
    if (w->partition)
        pf_partition_unref(w->partition);
    w->partition = NULL;
}

static pf_code open_partition(worker *w, pf_error *err)
{
    if (w->db)
        return PF_OK;
    pf_code code = pf_db_open(w->partition->path, PF_DB_READ_ONLY, CACHE_BYTES, &w->db, err);
    if (code)
        w->db = NULL;
    else
        code = pf_db_prepare(w->db,
                             "SELECT number, checksum, chunk FROM symbols"
                             " WHERE number BETWEEN ?1 AND ?2 ORDER BY number LIMIT 1",
                             &w->read, err);
    return code;
}

/* With the lock, which is let go of meanwhile. */
static void serve_next(worker *w)
{
    pf_recaller *r = w->r;
    pf_error err;
    pf_recall_wanted next = r->queue[r->head++];
    pf_partition *p = r->partition;
    pf_partition_ref(p);
    uint64_t round = r->round;
    r->busy = true;
    pthread_mutex_unlock(&r->lock);
    if (w->partition != p) {
        close_partition(w);
        w->partition = p;
    } else {
        pf_partition_unref(p);
    }
    w->round = round;
    if (open_partition(w, &err)) {
        PF_LOG_WARN("can't recall symbols", PF_S("error", err.msg));
        close_partition(w);
    } else {
        recall_service(w, &next);
        pause_after_work(w);
    }
    pthread_mutex_lock(&r->lock);
    r->busy = false;
}

static void *serve(void *ctx)
{
    worker *w = ctx;
    pf_recaller *r = w->r;
    setpriority(PRIO_PROCESS, (id_t)gettid(), NICE); /* of this thread alone; failing is no harm */
    pthread_mutex_lock(&r->lock);
    while (!r->stopping) {
        if (r->head < r->n && !r->full) {
            serve_next(w);
            continue;
        }
        if (w->partition) {
            r->busy = true;
            pthread_mutex_unlock(&r->lock);
            close_partition(w);
            pthread_mutex_lock(&r->lock);
            r->busy = false;
            continue; /* something may have come meanwhile */
        }
        pthread_cond_broadcast(&r->changed);
        pthread_cond_wait(&r->changed, &r->lock);
    }
    pthread_mutex_unlock(&r->lock);
    close_partition(w);
    free(w);
    return NULL;
}

static void init_lock(pf_recaller *r)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->changed, &attr);
    pthread_condattr_destroy(&attr);
}

pf_code pf_recaller_start(pf_recaller *r, pf_error *err)
{
    worker *w = calloc(1, sizeof *w);
    if (!w)
        return pf_fail_nomem(err, "store");
    w->r = w->run.r = r;
    init_lock(r);
    sigset_t all, was;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &was);
    int rc = pthread_create(&r->thread, NULL, serve, w);
    if (rc == 0)
        pthread_setname_np(r->thread, "recaller");
    pthread_sigmask(SIG_SETMASK, &was, NULL);
    r->started = rc == 0;
    if (r->started)
        return PF_OK;
    free(w);
    pthread_cond_destroy(&r->changed);
    pthread_mutex_destroy(&r->lock);
    return pf_fail(err, PF_INTERNAL, "can't start a thread: %s", strerror(rc));
}

void pf_recaller_want(pf_recaller *r, pf_partition *p, int64_t service, const pf_hash *salt)
{
    pthread_mutex_lock(&r->lock);
    if (r->n == r->cap && r->head) {
        memmove(r->queue, r->queue + r->head, (r->n - r->head) * sizeof *r->queue);
        r->n -= r->head;
        r->head = 0;
    }
    if (r->n == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 64;
        pf_recall_wanted *bigger = realloc(r->queue, cap * sizeof *bigger);
        if (bigger) {
            r->queue = bigger;
            r->cap = cap;
        }
    }
    if (r->n < r->cap && !r->full && !r->stopping) {
        if (!r->partition)
            pf_partition_ref(r->partition = p);
        r->queue[r->n++] = (pf_recall_wanted){service, *salt};
        pthread_cond_broadcast(&r->changed);
    }
    pthread_mutex_unlock(&r->lock);
}

void pf_recaller_leave(pf_recaller *r)
{
    pthread_mutex_lock(&r->lock);
    pf_partition *p = r->partition;
    r->partition = NULL;
    r->head = r->n = 0;
    r->round++;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
    if (p)
        pf_partition_unref(p);
}

void pf_recaller_wait(pf_recaller *r)
{
    pthread_mutex_lock(&r->lock);
    while (r->busy || (r->head < r->n && !r->full))
        pthread_cond_wait(&r->changed, &r->lock);
    pthread_mutex_unlock(&r->lock);
}

void pf_recaller_stop(pf_recaller *r)
{
    if (!r->started)
        return;
    pthread_mutex_lock(&r->lock);
    r->stopping = true;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
    pthread_join(r->thread, NULL);
}

void pf_recaller_free(pf_recaller *r)
{
    if (!r->started)
        return;
    pf_recaller_leave(r);
    free(r->queue);
    pthread_cond_destroy(&r->changed);
    pthread_mutex_destroy(&r->lock);
    r->started = false;
}
