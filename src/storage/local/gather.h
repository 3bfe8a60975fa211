/* gather.h: how many profiles a transaction is worth waiting for.
 *
 * A transaction costs the same fsync, locks and changes of thread whether it holds one profile or twenty. Where
 * many are pushed at once the first of them would have one to itself, with all others left to the next. So the
 * committer waits, for PF_GATHER_NS at most, until three quarters of the crowd are there:
 *
 *     crowd    profiles that were stored or waiting when the last transaction ended; goes down by one
 *              a transaction at most, and is forgotten after a pause
 *
 * Not all of it: some are always on their way, and those that are there shall not wait for the slowest. A push
 * on its own does not wait, except where it follows so closely on a crowd that more were to be expected. Belongs to
 * the committer; not thread-safe.
 */
#ifndef PF_STORAGE_LOCAL_GATHER_H
#define PF_STORAGE_LOCAL_GATHER_H

#include "base/clock.h"

#include <stddef.h>

#define PF_GATHER_NS (PF_NS_PER_MS)             /* longest wait of a profile for others */
#define PF_GATHER_FORGET_NS (20 * PF_NS_PER_MS) /* without a transaction */
enum { PF_GATHER_MAX = 32 };                    /* more would hardly be cheaper */

typedef struct pf_gather {
    size_t crowd;
    int64_t last; /* pf_clock_mono when the last transaction ended */
} pf_gather;

/* A transaction of `stored` profiles has ended at `now`, and `waiting` more have come. */
static inline void pf_gather_note(pf_gather *g, size_t stored, size_t waiting, int64_t now)
{
    size_t seen = stored + waiting;
    size_t faded = g->crowd ? g->crowd - 1 : 0;
    g->crowd = seen > faded ? seen : faded;
    g->last = now;
}

/* Profiles that should be there before the next one starts; 1: what is there will do. */
static inline size_t pf_gather_target(const pf_gather *g, int64_t now)
{
    size_t most = g->crowd * 3 / 4;
    if (!most || now - g->last >= PF_GATHER_FORGET_NS)
        return 1;
    return most < PF_GATHER_MAX ? most : PF_GATHER_MAX;
}

#endif
