/* workers.h: threads that may block, and the queue before them.
 *
 * Two kinds of work stand in one first-in-first-out list: work that is counted, of which at most queue_max waits (a
 * full queue is an answer and never a wait), and work that is always taken, since what it belongs to was let in
 * before (the next piece of a streamed answer, of which there is at most one a request).
 * Thread-safe.
 */
#ifndef PF_SERVER_HTTP_WORKERS_H
#define PF_SERVER_HTTP_WORKERS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct pf_workers pf_workers;

/* A member of what it belongs to; not queued twice at a time. */
typedef struct pf_job pf_job;
struct pf_job {
    void (*fn)(pf_job *job); /* on a worker */
    pf_job *next;
    bool counted;
};

pf_code pf_workers_new(unsigned threads, unsigned queue_max, pf_workers **out, pf_error *err);

/* Runs what is queued, then ends the threads. NULL is allowed. */
void pf_workers_free(pf_workers *w);

/* False: the queue is full. */
bool pf_workers_try(pf_workers *w, pf_job *job);
void pf_workers_push(pf_workers *w, pf_job *job);

size_t pf_workers_queued(pf_workers *w); /* of both kinds */

#endif
