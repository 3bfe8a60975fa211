/* gather.h: which profiles a transaction waits for.
 *
 * A transaction costs the same fsync, locks, changes of thread and pages of its own (ends of tables, the file's first
 * page) whether it holds one profile or twenty. There are two reasons to wait:
 *
 * A crowd. Where many are pushed at once the first of them would have a transaction to itself, with all others left to
 * the next. So the committer waits, for PF_GATHER_NS at most, until three quarters of the crowd are there. Not all of
 * it: some are always on their way, and those that are there shall not wait for the slowest.
 *
 *     crowd    profiles that were stored or waiting when the last transaction ended; goes down by one
 *              a transaction at most, and is forgotten after a pause
 *
 * A pace. Agents push when they like, not when they are answered: at 100 a second each would have a transaction to
 * itself. So the committer waits until none has come for two gaps, for PF_GATHER_PACE_NS at most.
 *
 *     gap      between pushes, a moving average. Short ones share transactions anyhow; for long ones there is no use
 *              in waiting, and after a pause a push is on its own
 *     echo     a push that comes so soon after an answer that the answer may have called it forth: a client that pushes
 *              as soon as it is answered sends nothing while it waits, so waiting for it would only make it slow. As
 *              many as were answered may be echoes
 *     credit   whether waiting has paid of late, that is, has brought a push that was no echo. Without credit a wait
 *              is tried once in PF_GATHER_TRY transactions; where there are but echoes, once in PF_GATHER_ECHOES times
 *              as many
 *
 * Times are pf_clock_mono. No clock in here: tests play whole loads through it. The committer's, under its lock; not
 * thread-safe. Zeroed first.
 */
#ifndef PF_STORAGE_LOCAL_GATHER_H
#define PF_STORAGE_LOCAL_GATHER_H

#include "base/clock.h"

#include <stdbool.h>
#include <stddef.h>

#define PF_GATHER_NS (PF_NS_PER_MS)               /* longest wait for a crowd */
#define PF_GATHER_FORGET_NS (20 * PF_NS_PER_MS)   /* without a transaction */
#define PF_GATHER_PACE_NS (50 * PF_NS_PER_MS)     /* longest wait for the next ones of a pace */
#define PF_GATHER_SHORT_NS (PF_NS_PER_MS)         /* gaps that are waited for: from this */
#define PF_GATHER_LONG_NS (PF_GATHER_PACE_NS / 2) /* to this */
#define PF_GATHER_PAUSE_NS                                                                         \
    (8 * PF_GATHER_LONG_NS) /* longer gaps count as this; one is long on the average */
#define PF_GATHER_ECHO_NS (5 * PF_NS_PER_MS) /* from an answer to the push that it calls forth */
enum { PF_GATHER_MAX = 32 };                 /* more would hardly be cheaper */
enum { PF_GATHER_CREDIT = 8, PF_GATHER_TRY = 64, PF_GATHER_ECHOES = 8 };

typedef struct pf_gather {
    size_t crowd;
    int64_t last;    /* when the last transaction ended */
    int64_t arrived; /* when the last push came; 0: none yet */
    int64_t gap;
    size_t echoes;    /* that may still come */
    size_t strangers; /* pushes that were no echo, since the last transaction ended */
    size_t heard;     /* of those, when the wait began */
    int credit;
    int untried; /* transactions since the last wait; one behind a stranger counts as PF_GATHER_ECHOES */
} pf_gather;

/* A push has come. */
static inline void pf_gather_arrive(pf_gather *g, int64_t now)
{
    int64_t gap = g->arrived ? now - g->arrived : PF_GATHER_PAUSE_NS;
    gap = gap < PF_GATHER_PAUSE_NS ? gap : PF_GATHER_PAUSE_NS;
    g->gap = g->arrived ? g->gap + (gap - g->gap) / 4 : gap;
    g->arrived = now;
    if (g->echoes && now - g->last < PF_GATHER_ECHO_NS)
        g->echoes--;
    else
        g->strangers++;
}

/* A transaction of `stored` profiles has ended at `now`, and `waiting` more have come. */
static inline void pf_gather_note(pf_gather *g, size_t stored, size_t waiting, int64_t now)
{
    size_t seen = stored + waiting;
    size_t faded = g->crowd ? g->crowd - 1 : 0;
    g->crowd = seen > faded ? seen : faded;
    g->last = now;
    g->echoes = stored;
    g->strangers = 0;
}

/* Profiles that should be there before the next one starts; 1: what is there will do. */
static inline size_t pf_gather_target(const pf_gather *g, int64_t now)
{
    size_t most = g->crowd * 3 / 4;
    if (!most || now - g->last >= PF_GATHER_FORGET_NS)
        return 1;
    return most < PF_GATHER_MAX ? most : PF_GATHER_MAX;
}

/* Some are there: whether to wait for the next ones of a pace. pf_gather_end must follow a true. */
static inline bool pf_gather_begin(pf_gather *g)
{
    if (g->gap < PF_GATHER_SHORT_NS || g->gap > PF_GATHER_LONG_NS)
        return false;
    g->untried += g->strangers ? PF_GATHER_ECHOES : 1;
    if (!g->credit && g->untried < PF_GATHER_TRY * PF_GATHER_ECHOES)
        return false;
    g->untried = 0;
    g->heard = g->strangers;
    return true;
}

/* Until when to wait if no other comes; `began` is when the wait did. */
static inline int64_t pf_gather_until(const pf_gather *g, int64_t began)
{
    int64_t quiet = g->arrived + 2 * g->gap, most = began + PF_GATHER_PACE_NS;
    return quiet < most ? quiet : most;
}

/* The wait is over. */
static inline void pf_gather_end(pf_gather *g)
{
    bool paid = g->strangers > g->heard;
    if (paid)
        g->credit = g->credit ? PF_GATHER_CREDIT : PF_GATHER_CREDIT / 2;
    else
        g->credit -= g->credit > 0;
}

#endif
