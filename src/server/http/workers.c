/* workers.c: the threads that may block, and the queue before them.
 *
 * Two kinds of work stand in one first-in-first-out list: requests to be handled, of which at most
 * queue_max wait (a place is reserved before the connection is suspended, so that a full queue is
 * an answer and never a wait), and pieces of streamed answers, which are not counted: their
 * requests were let in before, and there is at most one a connection.
 */
#include "server/http/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pf_workers {
    pf_http *http;
    atomic_uint reserved; /* requests that have a place in the queue */
    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t wake;
    pf_req *head, **tail;
    size_t queued;
    unsigned sleeping;
    bool stop;
    unsigned nthreads;
    pthread_t threads[];
};

bool pf_workers_reserve(pf_workers *w)
{
    unsigned n = atomic_load_explicit(&w->reserved, memory_order_relaxed);
    do {
        if (n >= w->http->cfg.queue_max)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&w->reserved, &n, n + 1, memory_order_relaxed,
                                                    memory_order_relaxed));
    return true;
}

void pf_workers_push(pf_workers *w, pf_req *req, pf_job_kind kind)
{
    req->job = kind;
    req->next = NULL;
    pthread_mutex_lock(&w->lock);
    *w->tail = req;
    w->tail = &req->next;
    w->queued++;
    bool signal = w->sleeping > 0;
    pthread_mutex_unlock(&w->lock);
    if (signal)
        pthread_cond_signal(&w->wake);
}

size_t pf_workers_queued(pf_workers *w)
{
    pthread_mutex_lock(&w->lock);
    size_t n = w->queued;
    pthread_mutex_unlock(&w->lock);
    return n;
}

/* The next job; NULL when there is none and none will come. */
static pf_req *pop(pf_workers *w)
{
    pthread_mutex_lock(&w->lock);
    while (!w->head && !w->stop) {
        w->sleeping++;
        pthread_cond_wait(&w->wake, &w->lock);
        w->sleeping--;
    }
    pf_req *req = w->head;
    if (req) {
        w->head = req->next;
        if (!w->head)
            w->tail = &w->head;
        w->queued--;
    }
    pthread_mutex_unlock(&w->lock);
    return req;
}

static void run(pf_workers *w, pf_req *req)
{
    pf_http *h = w->http;
    switch (req->job) {
    case PF_JOB_HANDLE:
        atomic_fetch_sub_explicit(&w->reserved, 1, memory_order_relaxed);
        if (atomic_load(&h->closed)) /* given up before anybody looked at it */
            pf_req_reply_status(req, 503, "the server is shutting down");
        else
            h->app.handle(h->app.ctx, req);
        break;
    case PF_JOB_PRODUCE:
        pf_stream_produce(req);
        break;
    case PF_JOB_DONE:
        pf_stream_end(req);
        pf_req_finish(req);
        break;
    }
}

static void *work(void *arg)
{
    pf_workers *w = arg;
    for (pf_req *req; (req = pop(w));)
        run(w, req);
    return NULL;
}

pf_code pf_workers_start(pf_http *h, pf_error *err)
{
    pf_workers *w = calloc(1, sizeof *w + h->cfg.workers * sizeof w->threads[0]);
    if (!w)
        return pf_fail_nomem(err, "worker threads");
    w->http = h;
    w->tail = &w->head;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wake, NULL);
    h->workers = w;
    for (; w->nthreads < h->cfg.workers; w->nthreads++) {
        int rc = pthread_create(&w->threads[w->nthreads], NULL, work, w);
        if (rc)
            return pf_fail(err, PF_INTERNAL, "can't start a worker thread: %s", strerror(rc));
        char name[16];
        snprintf(name, sizeof name, "worker-%u", w->nthreads % 1000);
        pthread_setname_np(w->threads[w->nthreads], name);
    }
    return PF_OK;
}

void pf_workers_stop(pf_http *h)
{
    pf_workers *w = h->workers;
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
    h->workers = NULL;
}
