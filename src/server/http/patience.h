/* patience.h: how much a client may ask for nothing: a bucket that fills by the second. */
#ifndef PF_SERVER_HTTP_PATIENCE_H
#define PF_SERVER_HTTP_PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    PF_PATIENCE = 1000,           /* what a full bucket holds */
    PF_PATIENCE_PER_SECOND = 100, /* what comes back of it */
};

typedef struct pf_patience {
    int64_t left, at; /* at: pf_clock_mono when it was looked at */
} pf_patience;

void pf_patience_init(pf_patience *p, int64_t now);

/* False: it is at an end. */
bool pf_patience_lose(pf_patience *p, int64_t cost, int64_t now);

#endif
