#include "storage/local/symbols/places.h"

#include <stdlib.h>
#include <string.h>

bool pf_places_begin(pf_places *p, uint32_t base, uint32_t next)
{
    size_t need = next - base;
    p->base = base;
    if (need > p->cap) {
        size_t cap = need + need / 4 + 16; /* tables grow */
        free(p->place);
        p->place = calloc(cap, sizeof *p->place);
        p->cap = p->place ? cap : 0;
        p->round = 0;
    }
    if (p->round == UINT32_MAX) {
        memset(p->place, 0, pf_places_bytes(p));
        p->round = 0;
    }
    p->round++; /* never 0, which is what fresh memory holds */
    return p->cap >= need;
}

void pf_places_free(pf_places *p)
{
    free(p->place);
    *p = (pf_places){0};
}
