#include "server/http/workers.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pf_workers {
    unsigned queue_max;
    pthread_mutex_t lock; /* guards the rest but threads */
    pthread_cond_t wake;
    pf_job *head, **tail;
    size_t queued, counted;
    unsigned sleeping;
    bool stop;
    unsigned nthreads;
    pthread_t threads[];
};

static bool put(pf_workers *w, pf_job *job, bool counted)
{
    job->next = NULL;
    job->counted = counted;
    pthread_mutex_lock(&w->lock);
    bool room = !counted || w->counted < w->queue_max;
    if (room) {
        *w->tail = job;
        w->tail = &job->next;
        w->queued++;
        w->counted += counted;
    }
    bool signal = room && w->sleeping > 0;
    pthread_mutex_unlock(&w->lock);
    if (signal)
        pthread_cond_signal(&w->wake);
    return room;
}

bool pf_workers_try(pf_workers *w, pf_job *job)
{
    return put(w, job, true);
}

void pf_workers_push(pf_workers *w, pf_job *job)
{
    put(w, job, false);
}

size_t pf_workers_queued(pf_workers *w)
{
    pthread_mutex_lock(&w->lock);
    size_t n = w->queued;
    pthread_mutex_unlock(&w->lock);
    return n;
}

/* The next job; NULL when there is none and none will come. */
static pf_job *pop(pf_workers *w)
{
    pthread_mutex_lock(&w->lock);
    while (!w->head && !w->stop) {
        w->sleeping++;
        pthread_cond_wait(&w->wake, &w->lock);
        w->sleeping--;
    }
    pf_job *job = w->head;
    if (job) {
        w->head = job->next;
        if (!w->head)
            w->tail = &w->head;
        w->queued--;
        w->counted -= job->counted;
    }
    pthread_mutex_unlock(&w->lock);
    return job;
}

static void *work(void *arg)
{
    pf_workers *w = arg;
    for (pf_job *job; (job = pop(w));)
        job->fn(job);
    return NULL;
}

pf_code pf_workers_new(unsigned threads, unsigned queue_max, pf_workers **out, pf_error *err)
{
    pf_workers *w = calloc(1, sizeof *w + threads * sizeof w->threads[0]);
    if (!w)
        return pf_fail_nomem(err, "worker threads");
    w->queue_max = queue_max;
    w->tail = &w->head;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wake, NULL);
    for (; w->nthreads < threads; w->nthreads++) {
        int rc = pthread_create(&w->threads[w->nthreads], NULL, work, w);
        if (rc) {
            pf_code code =
                pf_fail(err, PF_INTERNAL, "can't start a worker thread: %s", strerror(rc));
            pf_workers_free(w);
            return code;
        }
        char name[16];
        snprintf(name, sizeof name, "worker-%u", w->nthreads % 1000);
        pthread_setname_np(w->threads[w->nthreads], name);
    }
    *out = w;
    return PF_OK;
}

void pf_workers_free(pf_workers *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_mutex_unlock(&w->lock);
    pthread_cond_broadcast(&w->wake);
    for (unsigned i = 0; i < w->nthreads; i++)
        pthread_join(w->threads[i], NULL);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    free(w);
}
