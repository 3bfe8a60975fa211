/* rate.h: how many profiles were stored a second, over the last minute (stats.c).
 *
 * pf_rate_note belongs to one thread, pf_rate_get may be called by any.
 */
#ifndef PF_STORAGE_LOCAL_RATE_H
#define PF_STORAGE_LOCAL_RATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { PF_RATE_SECONDS = 60 };

typedef struct pf_rate {
    atomic_llong added[PF_RATE_SECONDS];
    int64_t rows; /* at the last note; the noting thread's */
    unsigned at;
    bool begun;
} pf_rate;

void pf_rate_note(pf_rate *r, int64_t rows); /* once a second: rows that there are now */
double pf_rate_get(pf_rate *r);              /* a second */

#endif
