#include "server/http/timers.h"

#include <stdlib.h>

static void put(pf_timers *s, size_t place, pf_timer *t)
{
    s->heap[place - 1] = t;
    t->place = place;
}

static void rise(pf_timers *s, pf_timer *t)
{
    size_t place = t->place;
    for (; place > 1 && s->heap[place / 2 - 1]->at > t->at; place /= 2)
        put(s, place, s->heap[place / 2 - 1]);
    put(s, place, t);
}

static void sink(pf_timers *s, pf_timer *t)
{
    size_t place = t->place;
    for (size_t child; (child = place * 2) <= s->n; place = child) {
        if (child < s->n && s->heap[child]->at < s->heap[child - 1]->at)
            child++;
        if (s->heap[child - 1]->at >= t->at)
            break;
        put(s, place, s->heap[child - 1]);
    }
    put(s, place, t);
}

bool pf_timer_set(pf_timers *s, pf_timer *t, int64_t at)
{
    if (!t->place) {
        if (s->n == s->cap) {
            size_t cap = s->cap ? s->cap * 2 : 64;
            pf_timer **heap = realloc(s->heap, cap * sizeof *heap);
            if (!heap)
                return false;
            s->heap = heap;
            s->cap = cap;
        }
        t->at = at;
        s->n++;
        put(s, s->n, t);
        rise(s, t);
        return true;
    }
    int64_t before = t->at;
    t->at = at;
    if (at < before)
        rise(s, t);
    else
        sink(s, t);
    return true;
}

void pf_timer_cancel(pf_timers *s, pf_timer *t)
{
    if (!t->place)
        return;
    size_t place = t->place;
    pf_timer *last = s->heap[--s->n];
    t->place = 0;
    if (last == t)
        return;
    put(s, place, last);
    rise(s, last);
    sink(s, last);
}

int64_t pf_timers_next(const pf_timers *s)
{
    return s->n ? s->heap[0]->at : INT64_MAX;
}

void pf_timers_run(pf_timers *s, int64_t now)
{
    while (s->n && s->heap[0]->at <= now) {
        pf_timer *t = s->heap[0];
        pf_timer_cancel(s, t);
        t->fn(t);
    }
}

void pf_timers_free(pf_timers *s)
{
    free(s->heap);
    *s = (pf_timers){0};
}
