#include "server/http/idle.h"

#include <stddef.h>

static void show_oldest(pf_idle_list *l)
{
    atomic_store_explicit(&l->oldest, l->first ? l->first->since : INT64_MAX, memory_order_relaxed);
}

void pf_idle_init(pf_idle_list *l)
{
    l->first = l->last = NULL;
    atomic_init(&l->n, 0);
    atomic_init(&l->oldest, INT64_MAX);
}

void pf_idle_join(pf_idle_list *l, pf_idle *i, int64_t now)
{
    if (i->listed)
        return;
    *i = (pf_idle){.prev = l->last, .since = now, .listed = true};
    *(l->last ? &l->last->next : &l->first) = i;
    l->last = i;
    atomic_fetch_add_explicit(&l->n, 1, memory_order_relaxed);
    show_oldest(l);
}

void pf_idle_leave(pf_idle_list *l, pf_idle *i)
{
    if (!i->listed)
        return;
    *(i->prev ? &i->prev->next : &l->first) = i->next;
    *(i->next ? &i->next->prev : &l->last) = i->prev;
    *i = (pf_idle){0};
    atomic_fetch_sub_explicit(&l->n, 1, memory_order_relaxed);
    show_oldest(l);
}
