/* pool.c: requests that wait for their next use, so that a request costs neither an allocation nor
 * the page faults of a fresh arena block. The arena block that a pooled request keeps stays charged
 * to the budget, so there are few of them (see pf_http_start).
 */
#include "server/http/internal.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

void pf_pool_init(pf_pool *p, unsigned max)
{
    *p = (pf_pool){.max = max};
    pthread_mutex_init(&p->lock, NULL);
}

static pf_req *take(pf_pool *p)
{
    pthread_mutex_lock(&p->lock);
    pf_req *req = p->free;
    if (req) {
        p->free = req->next;
        p->n--;
    }
    pthread_mutex_unlock(&p->lock);
    return req;
}

pf_req *pf_pool_get(pf_http *h)
{
    pf_req *req = take(&h->pool);
    if (req) {
        pf_arena arena = req->arena;
        memset(req, 0, offsetof(pf_req, text));
        req->arena = arena;
    } else {
        req = malloc(sizeof *req);
        if (!req)
            return NULL;
        memset(req, 0, offsetof(pf_req, text));
        pf_arena_init(&req->arena, h->cfg.budget, 0);
    }
    req->http = h;
    atomic_init(&req->handoff, PF_HANDOFF_OPEN);
    atomic_flag_clear(&req->claimed);
    atomic_init(&req->cancelled, false);
    return req;
}

void pf_pool_put(pf_http *h, pf_req *req)
{
    pf_body_free(req);
    pf_reply_free(req);
    pf_arena_reset(&req->arena, PF_ARENA_KEEP);
    pf_pool *p = &h->pool;
    pthread_mutex_lock(&p->lock);
    bool keep = p->n < p->max;
    if (keep) {
        req->next = p->free;
        p->free = req;
        p->n++;
    }
    pthread_mutex_unlock(&p->lock);
    if (!keep) {
        pf_arena_free(&req->arena);
        free(req);
    }
}

void pf_pool_free(pf_pool *p)
{
    for (pf_req *req; (req = take(p));) {
        pf_arena_free(&req->arena);
        free(req);
    }
    pthread_mutex_destroy(&p->lock);
}
