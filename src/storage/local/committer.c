#include "storage/local/committer.h"

#include "base/log.h"
#include "storage/local/recaller.h"
#include "storage/local/retention.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH_MAX = 256, BATCH_BYTES = 16 * 1024 * 1024 };
#define TICK_NS PF_NS_PER_SEC
#define QUIET_NS (5 * PF_NS_PER_SEC) /* without a write: time to put the log away */

typedef struct batch {
    pf_job *jobs[BATCH_MAX];
    size_t n;
} batch;

static void answer(pf_committer *c, pf_job *job, pf_code code, const pf_error *err)
{
    pf_write *w = job->write;
    w->repeated = code == PF_OK && job->repeated;
    if (w->repeated) {
        w->meta.type = job->first.type;
        w->meta.created_at = job->first.created_at;
        w->meta.labels = job->first.labels;
        pf_metric_add(c->metrics->repeated, 1);
    }
    if (code == PF_OK)
        pf_xid_format(job->xid, w->id);
    else if (code == PF_UNAVAILABLE && job->code)
        pf_metric_add(c->metrics->refused[PF_REFUSED_SERIES], 1);
    else
        pf_metric_add(
            c->metrics->refused[code == PF_UNAVAILABLE ? PF_REFUSED_DISK : PF_REFUSED_OTHER], 1);
    w->store_data = NULL;
    pf_job_free(job);
    w->done(w, code, err);
}

static void answer_all(pf_committer *c, batch *b, pf_code code, const pf_error *err)
{
    for (size_t i = 0; i < b->n; i++) {
        pf_job *job = b->jobs[i];
        if (job->code) {
            pf_error own = job->err;
            answer(c, job, own.code, &own);
        } else {
            answer(c, job, code, code ? err : NULL);
        }
    }
    b->n = 0;
}

static void close_writer(pf_committer *c)
{
    if (c->recaller)
        pf_recaller_leave(c->recaller);
    pf_writer_close(&c->writer);
}

static void service_started(void *ctx, int64_t service, const pf_hash *salt, size_t bytes)
{
    pf_committer *c = ctx;
    pf_metric_add(c->metrics->symbol_bytes[PF_READ_START], (double)bytes);
    if (c->recaller && salt)
        pf_recaller_want(c->recaller, c->writer.partition, service, salt);
}

static pf_code open_writer(pf_committer *c, pf_partition *p, pf_error *err)
{
    close_writer(c);
    const pf_series_limits limits = {c->set->days * c->limits.series,
                                     c->set->days * c->limits.series_per_service};
    pf_code code = pf_writer_open(&c->writer, p, limits, c->cache, c->known, c->key, err);
    if (code && c->writer.broken)
        pf_partitions_distrust(c->set, p, err->msg);
    c->writer.symbols.started = service_started;
    c->writer.symbols.started_ctx = c;
    c->writer.log_pages = pf_retention_log_pages(c->max_size, PF_WRITER_LOG_PAGES);
    return code;
}

/* The writer of the partition that `now` belongs to. A suspect one is recovered before it is left: what it refused stands
 * in its log, and whoever opened the file next would take it for stored. */
static pf_code choose_partition(pf_committer *c, int64_t now, pf_error *err)
{
    enum { TRIES = 3 }; /* more files than that are not broken by themselves */
    pf_partition *p = NULL;
    bool again;
    int tries = 0;
    pf_code code = c->writer.broken ? PF_OK : pf_writer_recover(&c->writer, err);
    if (c->writer.broken && c->writer.partition)
        pf_partitions_distrust(c->set, c->writer.partition, code ? err->msg : "see above");
    else if (code)
        return code;
    do {
        again = false;
        code = pf_partitions_for(c->set, now, &p, err);
        if (!code && c->writer.partition != p) {
            code = open_writer(c, p, err);
            again = code && c->writer.broken &&
                    ++tries < TRIES; /* the next file of the day takes its place */
        }
        if (p)
            pf_partition_unref(p);
        p = NULL;
    } while (again);
    return code;
}

/* Writes all jobs that have not failed. `*row_failed` is set when one of them did, by itself and
 * not for the disk: the transaction is rolled back then, and the others are to be tried again. */
static pf_code try_batch(pf_committer *c, batch *b, int64_t seconds, bool *row_failed,
                         pf_error *err)
{
    pf_writer *w = &c->writer;
    *row_failed = false;
    pf_code code = pf_writer_begin(w, err);
    size_t taken = 0;
    for (size_t i = 0; !code && i < b->n; i++) {
        pf_job *job = b->jobs[i];
        bool clean = false;
        if (job->code || job->repeated_elsewhere)
            continue;
        code = pf_writer_add(w, job, seconds, &clean, err);
        if (code && (clean || !pf_writer_disk_failed(w))) {
            job->code = code;
            job->err = *err;
            *row_failed = !clean;
        }
        if (clean)
            code = PF_OK;
        taken += code == PF_OK && !job->code && !job->repeated;
    }
    if (!code && taken)
        code = pf_writer_commit(w, err);
    if (code && !*row_failed)
        w->suspect = w->suspect || pf_writer_disk_failed(w);
    if (code)
        pf_writer_rollback(w);
    else if (!taken)
        pf_writer_cancel(w);
    return code;
}

/* Whether the push was stored in a partition that is not written any more. */
static void ask_elsewhere(pf_committer *c, pf_job *job)
{
    pf_error err;
    if (!job->write->external_id.n || job->repeated_elsewhere || job->code)
        return;
    pf_code code = pf_external_find_elsewhere(c->set, c->writer.partition, job, &err);
    if (code == PF_CONFLICT) {
        job->code = code;
        job->err = err;
    } else if (code) {
        PF_LOG_WARN("can't look an external id up", PF_S("error", err.msg));
    }
}

/* Into the partition of today; *broken is set when that turns out to be damaged. */
static pf_code write_into(pf_committer *c, batch *b, bool *broken, pf_error *err)
{
    int64_t now = pf_clock_wall(c->clock);
    pf_code code = choose_partition(c, now, err);
    bool row_failed = !code;
    for (size_t i = 0; !code && i < b->n; i++)
        ask_elsewhere(c, b->jobs[i]);
    while (row_failed)
        code = try_batch(c, b, now / PF_NS_PER_SEC, &row_failed, err);
    *broken = code && c->writer.broken;
    if (*broken && c->writer.partition)
        pf_partitions_distrust(c->set, c->writer.partition, err->msg);
    return code;
}

static pf_code write_batch(pf_committer *c, batch *b, pf_error *err)
{
    bool broken = false;
    pf_code code = write_into(c, b, &broken, err);
    return broken ? write_into(c, b, &broken, err) : code;
}

static void note_result(pf_committer *c, pf_code code, const pf_error *err)
{
    pthread_mutex_lock(&c->lock);
    bool news = (code == PF_OK) != (c->failing.code == PF_OK);
    if (code)
        c->failing = *err;
    c->failing.code = code;
    pthread_mutex_unlock(&c->lock);
    if (news && code)
        PF_LOG_ERROR("profiles can't be stored", PF_S("error", err->msg));
    else if (news)
        PF_LOG_INFO("profiles are stored again");
}

/* Before the answers, which bring the next pushes. */
static void note_crowd(pf_committer *c, size_t stored)
{
    pthread_mutex_lock(&c->lock);
    pf_gather_note(&c->gather, stored, c->queued, pf_clock_mono());
    pthread_mutex_unlock(&c->lock);
}

static void handle(pf_committer *c, batch *b)
{
    pf_error err = {0};
    int64_t start = pf_clock_mono();
    pf_metric_observe(c->metrics->commit_profiles, (double)b->n);
    pf_code code = write_batch(c, b, &err);
    /* Readers are told "try again", whatever it was that the disk or the partition had. */
    if (code && code != PF_UNAVAILABLE)
        code = err.code = PF_UNAVAILABLE;
    pf_metric_observe(c->metrics->commit_seconds,
                      (double)(pf_clock_mono() - start) / (double)PF_NS_PER_SEC);
    pf_metric_add(c->metrics->log_pages, c->writer.logged);
    c->writer.logged = 0;
    note_result(c, code, &err);
    note_crowd(c, b->n);
    answer_all(c, b, code, &err);
    pf_writer_checkpoint(&c->writer);
    pf_retention_note_growth(c);
}

static void take(pf_committer *c, batch *b)
{
    size_t bytes = 0;
    b->n = 0;
    while (c->head && b->n < BATCH_MAX && bytes < BATCH_BYTES) {
        pf_write *w = c->head;
        c->head = w->next;
        if (!c->head)
            c->tail = NULL;
        c->queued--;
        b->jobs[b->n++] = w->store_data;
        bytes += pf_job_bytes(w->store_data);
    }
    pf_metric_set(c->metrics->queue, (double)c->queued);
}

/* Until `wanted` profiles have queued, somebody else wants something, or it is `until`. */
static void wait_for(pf_committer *c, size_t wanted, int64_t until)
{
    struct timespec ts = {until / PF_NS_PER_SEC, until % PF_NS_PER_SEC};
    c->call_at = wanted;
    while (c->queued < wanted && !c->closing && !c->tick_asked && !c->calls &&
           pf_clock_mono() < until)
        pthread_cond_timedwait(&c->wanted, &c->lock, &ts);
    c->call_at = SIZE_MAX;
}

/* For those who push at their own pace; not when somebody wants something. */
static void wait_for_pace(pf_committer *c)
{
    if (c->queued >= PF_GATHER_MAX || !pf_gather_begin(&c->gather))
        return;
    int64_t began = pf_clock_mono();
    size_t had;
    do {
        had = c->queued;
        wait_for(c, had + 1, pf_gather_until(&c->gather, began));
    } while (c->queued > had && c->queued < PF_GATHER_MAX);
    pf_gather_end(&c->gather);
}

static void wait_for_work(pf_committer *c)
{
    wait_for(c, 1, c->last_tick + TICK_NS);
    if (c->queued) {
        int64_t now = pf_clock_mono();
        wait_for(c, pf_gather_target(&c->gather, now), now + PF_GATHER_NS);
        wait_for_pace(c);
    }
}

/* While nothing can be stored, asks the disk with a transaction that adds no profile: a store that
 * says it is not ready may get no writes from which it could learn that it is. */
static void probe(pf_committer *c)
{
    pf_error err = {0};
    if (!pf_committer_ready(c, NULL))
        return;
    pf_code code = choose_partition(c, pf_clock_wall(c->clock), &err);
    if (!code)
        code = pf_writer_begin(&c->writer, &err);
    if (!code)
        code = pf_writer_commit(&c->writer, &err);
    if (code && c->writer.db) {
        c->writer.suspect = true;
        pf_writer_rollback(&c->writer);
    }
    note_result(c, code, &err);
}

/* The first of those who wait for a call; they wait until it is done. */
static pf_committer_call *next_call(pf_committer *c)
{
    pthread_mutex_lock(&c->lock);
    pf_committer_call *call = c->calls;
    if (call)
        c->calls = call->next;
    pthread_mutex_unlock(&c->lock);
    return call;
}

static void make_calls(pf_committer *c)
{
    for (pf_committer_call *call; (call = next_call(c));) {
        call->fn(c, call->ctx);
        pthread_mutex_lock(&c->lock);
        call->done = true;
        pthread_cond_broadcast(&c->ticked);
        pthread_mutex_unlock(&c->lock);
    }
}

static void tick(pf_committer *c)
{
    probe(c);
    c->tick(c->tick_ctx);
    c->last_tick = pf_clock_mono();
    if (c->last_tick >= c->last_batch + QUIET_NS)
        pf_writer_settle(&c->writer);
}

static void *run(void *ctx)
{
    pf_committer *c = ctx;
    batch *b = malloc(sizeof *b);
    if (!b)
        abort(); /* before anything was promised */
    pthread_mutex_lock(&c->lock);
    for (;;) {
        wait_for_work(c);
        take(c, b);
        bool asked = c->tick_asked, last = c->closing && b->n == 0 && !c->calls;
        c->tick_asked = false;
        pthread_mutex_unlock(&c->lock);
        if (last)
            break;
        if (b->n) {
            handle(c, b);
            c->last_batch = pf_clock_mono();
        }
        make_calls(c);
        if (asked || pf_clock_mono() >= c->last_tick + TICK_NS)
            tick(c);
        pthread_mutex_lock(&c->lock);
        if (asked) {
            c->ticks++;
            pthread_cond_broadcast(&c->ticked);
        }
    }
    close_writer(c);
    free(b);
    return NULL;
}

pf_code pf_committer_start(pf_committer *c, pf_error *err)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->wanted, &attr);
    pthread_cond_init(&c->ticked, NULL);
    pthread_condattr_destroy(&attr);
    /* Signals are the main thread's. */
    sigset_t all, was;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &was);
    int rc = pthread_create(&c->thread, NULL, run, c);
    if (rc == 0)
        pthread_setname_np(c->thread, "committer");
    pthread_sigmask(SIG_SETMASK, &was, NULL);
    if (rc != 0)
        return pf_fail(err, PF_INTERNAL, "can't start a thread: %s", strerror(rc));
    c->started = true;
    return PF_OK;
}

pf_code pf_committer_put(pf_committer *c, pf_write *w, pf_error *err)
{
    w->next = NULL;
    pthread_mutex_lock(&c->lock);
    bool full = c->queued >= c->queue_max || c->closing, call = false;
    if (!full) {
        if (c->tail)
            c->tail->next = w;
        else
            c->head = w;
        c->tail = w;
        pf_gather_arrive(&c->gather, pf_clock_mono());
        call = ++c->queued >= c->call_at;
    }
    pthread_mutex_unlock(&c->lock);
    if (call)
        pthread_cond_signal(&c->wanted);
    if (!full)
        return PF_OK;
    pf_metric_add(c->metrics->refused[PF_REFUSED_QUEUE], 1);
    return pf_fail(err, PF_UNAVAILABLE, "too many profiles are waiting to be stored");
}

void pf_committer_tick(pf_committer *c)
{
    pthread_mutex_lock(&c->lock);
    uint64_t want = c->ticks + (c->tick_asked ? 2 : 1);
    while (c->ticks < want) {
        c->tick_asked = true;
        pthread_cond_signal(&c->wanted);
        pthread_cond_wait(&c->ticked, &c->lock);
    }
    pthread_mutex_unlock(&c->lock);
}

void pf_committer_run(pf_committer *c, void (*fn)(pf_committer *c, void *ctx), void *ctx)
{
    pf_committer_call call = {.fn = fn, .ctx = ctx}, **at = &c->calls;
    pthread_mutex_lock(&c->lock);
    while (*at)
        at = &(*at)->next;
    *at = &call;
    pthread_cond_signal(&c->wanted);
    while (!call.done)
        pthread_cond_wait(&c->ticked, &c->lock);
    pthread_mutex_unlock(&c->lock);
}

pf_code pf_committer_ready(pf_committer *c, pf_error *err)
{
    pthread_mutex_lock(&c->lock);
    pf_code code = c->failing.code;
    if (code && err)
        *err = c->failing;
    pthread_mutex_unlock(&c->lock);
    return code;
}

void pf_committer_stop(pf_committer *c)
{
    if (!c->started)
        return;
    pthread_mutex_lock(&c->lock);
    c->closing = true;
    pthread_cond_signal(&c->wanted);
    pthread_mutex_unlock(&c->lock);
    pthread_join(c->thread, NULL);
    c->started = false;
    pthread_cond_destroy(&c->ticked);
    pthread_cond_destroy(&c->wanted);
    pthread_mutex_destroy(&c->lock);
}

void pf_committer_leave(pf_committer *c, const pf_partition *p)
{
    if (c->writer.partition == p)
        close_writer(c);
}
