/* heap.h: how glibc's allocator is set up, and when it gives memory back.
 *
 * By default glibc gives each thread an arena of its own (up to eight a core), each of which fragments and keeps what it
 * had at its busiest: the process held several times what the ceilings of flags add up to. With one arena for all
 * threads it holds half, at no cost that can be measured here: large blocks are mapped one by one, and requests take
 * theirs from arenas of their own (arena.h). What one large query leaves free in the middle of the heap stays with the
 * process all the same, until somebody gives it back.
 *
 *     main thread     pf_heap_setup() first of all; pf_heap_give_back() about once a second
 *     a worker        pf_heap_used() behind a query
 */
#ifndef PF_BASE_HEAP_H
#define PF_BASE_HEAP_H

#include <stdbool.h>

/* Before any other thread exists. */
void pf_heap_setup(void);

/* A query has ended, which may have left much free. Any thread; costs one store. */
void pf_heap_used(void);

/* Gives what is free back to the machine, if a query has ended since the last call and PF_HEAP_FREE_MAX bytes or
 * more are free. Holds the allocator's lock meanwhile, some milliseconds. Returns whether it did;
 * profefe_heap_trims_total counts that. One thread. */
bool pf_heap_give_back(void);

enum { PF_HEAP_FREE_MAX = 16 << 20 };

#endif
