#include "storage/local/symbols/number_index.h"

#include <stdlib.h>
#include <string.h>

bool pf_number_index_begin(pf_number_index *p, uint32_t base, uint32_t next)
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
        memset(p->place, 0, pf_number_index_bytes(p));
        p->round = 0;
    }
    p->round++; /* never 0, which is what fresh memory holds */
    return p->cap >= need;
}

void pf_number_index_free(pf_number_index *p)
{
    free(p->place);
    *p = (pf_number_index){0};
}
