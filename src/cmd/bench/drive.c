#include "cmd/bench/drive.h"

#include "base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CONNECTIONS_MAX = 1024 };
static const int64_t call_timeout = 600 * PF_NS_PER_SEC;

atomic_bool bench_interrupted;

/* What the threads of a job share. */
typedef struct crew {
    const bench_job *job;
    atomic_size_t next;
    atomic_bool failed;
    int64_t start; /* when calls may begin; set before `go` */
    int64_t end;   /* when the limit is reached, INT64_MAX: never; set before `go` */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned ready; /* by lock: threads that are connected */
    bool go;        /* by lock: they may begin */
    pf_error err;   /* by lock: the first failure */
} crew;

typedef struct worker {
    crew *crew;
    bench_caller caller;
    pthread_t thread;
    int64_t began, ended; /* clock at the first call and after the last */
} worker;

void bench_caller_wrong(bench_caller *c, const char *fmt, ...)
{
    if (c->wrong++)
        return;
    va_list ap;
    va_start(ap, fmt);
    pf_vfail(&c->first, PF_INTERNAL, fmt, ap);
    va_end(ap);
}

static void wait_for_go(crew *shared)
{
    pthread_mutex_lock(&shared->lock);
    shared->ready++;
    pthread_cond_broadcast(&shared->changed);
    while (!shared->go)
        pthread_cond_wait(&shared->changed, &shared->lock);
    pthread_mutex_unlock(&shared->lock);
}

static void note_end(const crew *shared)
{
    bench_timeline *line = shared->job->timeline;
    int64_t second = (pf_clock_mono() - shared->start) / PF_NS_PER_SEC;
    if (line && second < BENCH_TIMELINE)
        atomic_fetch_add(&line->ended[second], 1);
}

/* One call; `due` is when it should begin, 0: at once. */
static pf_code call(worker *w, size_t i, int64_t due, pf_error *err)
{
    bench_caller *c = &w->caller;
    const bench_job *job = w->crew->job;
    struct timespec until = {due / PF_NS_PER_SEC, due % PF_NS_PER_SEC};
    while (due && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR &&
           !atomic_load(&bench_interrupted))
        ;
    int64_t late = due ? pf_clock_mono() - due : 0;
    c->kind = 0;
    pf_code code = job->call(job->ctx, c, i, err);
    const pf_client_call *last = pf_client_last(c->client);
    bench_latency_add(&c->latency[c->kind], late + last->duration_ns);
    note_end(w->crew);
    c->sent += last->sent;
    c->received += last->received;
    pf_arena_reset(&c->arena, 1 << 20);
    return code;
}

static void *work(void *arg)
{
    worker *w = arg;
    bench_caller *c = &w->caller;
    const bench_job *job = w->crew->job;
    pf_error err = {0};
    pf_code code = pf_client_ping(c->client, &err);
    wait_for_go(w->crew);
    w->began = w->ended = pf_clock_mono();
    while (!code && !atomic_load(&bench_interrupted) && !atomic_load(&w->crew->failed)) {
        size_t i = atomic_fetch_add(&w->crew->next, 1);
        int64_t due = job->rate > 0 ? w->crew->start + (int64_t)((double)i / job->rate * 1e9) : 0;
        if (i >= job->count ||
            (i >= job->least && (due > w->ended ? due : w->ended) >= w->crew->end))
            break;
        code = call(w, i, due, &err);
        w->ended = pf_clock_mono();
    }
    if (code) {
        atomic_store(&w->crew->failed, true);
        pthread_mutex_lock(&w->crew->lock);
        if (!w->crew->err.code)
            w->crew->err = err;
        pthread_mutex_unlock(&w->crew->lock);
    }
    return NULL;
}

static void gather(const bench_job *job, worker *workers, unsigned n, bench_phase *phase)
{
    int64_t began = INT64_MAX, ended = INT64_MIN, answering = 0;
    for (unsigned i = 0; i < n; i++) {
        bench_caller *c = &workers[i].caller;
        began = workers[i].began < began ? workers[i].began : began;
        ended = workers[i].ended > ended ? workers[i].ended : ended;
        for (int k = 0; k < BENCH_KINDS; k++) {
            phase->calls += c->latency[k].n;
            answering += bench_latency_mean(&c->latency[k]) * (int64_t)c->latency[k].n;
            bench_latency_merge(&phase->latency[k], &c->latency[k]);
            bench_latency_free(&c->latency[k]);
        }
        if (!phase->wrong && c->wrong)
            phase->first_wrong = c->first;
        phase->wrong += c->wrong;
        phase->sent += c->sent;
        phase->received += c->received;
    }
    /* One connection is idle while its answer is checked, which is not the server's doing. */
    phase->wall_ns += n == 1 && !(job->rate > 0) ? answering : ended - began;
}

/* Starts the threads, lets them begin together once all are connected, joins them. */
static pf_code run(crew *shared, worker *workers, unsigned n, pf_error *err)
{
    unsigned started = 0;
    while (started < n &&
           pthread_create(&workers[started].thread, NULL, work, &workers[started]) == 0)
        started++;
    pthread_mutex_lock(&shared->lock);
    while (shared->ready < started)
        pthread_cond_wait(&shared->changed, &shared->lock);
    if (started < n) {
        atomic_store(&shared->failed, true);
        pf_fail(&shared->err, PF_INTERNAL, "can't start %u threads", n);
    }
    shared->start = pf_clock_mono();
    shared->end = shared->job->limit ? shared->start + shared->job->limit : INT64_MAX;
    shared->go = true;
    pthread_cond_broadcast(&shared->changed);
    pthread_mutex_unlock(&shared->lock);
    for (unsigned i = 0; i < started; i++)
        pthread_join(workers[i].thread, NULL);
    if (shared->err.code)
        return pf_fail(err, shared->err.code, "%s", shared->err.msg);
    return atomic_load(&bench_interrupted) ? pf_fail(err, PF_CANCELLED, "interrupted") : PF_OK;
}

pf_code bench_drive(bench_target *t, const bench_job *job, bench_phase *phase, pf_error *err)
{
    unsigned n = job->connections < 1 ? 1 : job->connections;
    n = n > CONNECTIONS_MAX ? CONNECTIONS_MAX : n;
    worker *workers = calloc(n, sizeof *workers);
    crew shared = {
        .job = job, .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    pf_code code = PF_OK;
    if (!workers)
        return pf_fail_nomem(err, "connections");
    for (unsigned i = 0; !code && i < n; i++) {
        workers[i].crew = &shared;
        workers[i].caller.target = t;
        workers[i].caller.rng = bench_rng_stream(job->seed, i);
        pf_arena_init(&workers[i].caller.arena, NULL, 0);
        code = bench_target_client(t, call_timeout, &workers[i].caller.client, err);
    }
    if (!code) {
        if (t->peak_resets)
            bench_rss_peak_reset(t->pid);
        int64_t cpu = bench_cpu_ns(t->pid), written = bench_written(t->pid);
        code = run(&shared, workers, n, err);
        bench_settle(t->pid, job->settle);
        phase->written += bench_written(t->pid) - written;
        phase->cpu_ns += bench_cpu_ns(t->pid) - cpu;
        int64_t peak = bench_rss_peak(t->pid);
        phase->rss_peak = peak > phase->rss_peak ? peak : phase->rss_peak;
        gather(job, workers, n, phase);
    }
    for (unsigned i = 0; i < n; i++) {
        pf_client_free(workers[i].caller.client);
        pf_arena_free(&workers[i].caller.arena);
    }
    free(workers);
    return code;
}

bool bench_phase_add(bench_phase *into, const bench_phase *from)
{
    if (!into->wrong && from->wrong)
        into->first_wrong = from->first_wrong;
    into->calls += from->calls;
    into->wrong += from->wrong;
    into->wall_ns += from->wall_ns;
    into->cpu_ns += from->cpu_ns;
    into->written += from->written;
    into->sent += from->sent;
    into->received += from->received;
    if (from->rss_peak > into->rss_peak)
        into->rss_peak = from->rss_peak;
    bool ok = true;
    for (int k = 0; k < BENCH_KINDS; k++) {
        bench_latency_merge(&into->latency[k], &from->latency[k]);
        ok = ok && !into->latency[k].failed;
    }
    return ok;
}

void bench_phase_free(bench_phase *p)
{
    for (int k = 0; k < BENCH_KINDS; k++)
        bench_latency_free(&p->latency[k]);
}
