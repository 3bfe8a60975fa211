#include "server/http/holders.h"

#include <stdlib.h>
#include <string.h>

struct pf_holder {
    pf_holder *next;
    pf_address address;
    unsigned n;
};

void pf_holders_init(pf_holders *s)
{
    *s = (pf_holders){0};
    pthread_mutex_init(&s->lock, NULL);
    pf_hash_key_random(&s->key);
}

void pf_holders_free(pf_holders *s)
{
    pthread_mutex_destroy(&s->lock);
}

static pf_address site_of(const pf_address *a)
{
    static const uint8_t v4[12] = {[10] = 0xff, [11] = 0xff};
    pf_address site = *a;
    if (memcmp(a->byte, v4, sizeof v4) != 0)
        memset(site.byte + 8, 0, 8);
    return site;
}

static pf_holder **slot_of(pf_holders *s, const pf_address *site)
{
    return &s->slots[pf_hash_bytes(&s->key, site, sizeof *site).lo % PF_HOLDERS_SLOTS];
}

pf_holder *pf_holders_take(pf_holders *s, const pf_address *a, unsigned max)
{
    pf_address site = site_of(a);
    pf_holder **slot = slot_of(s, &site);
    pthread_mutex_lock(&s->lock);
    pf_holder *h = *slot;
    while (h && memcmp(&h->address, &site, sizeof site) != 0)
        h = h->next;
    if (!h && max && (h = malloc(sizeof *h))) {
        *h = (pf_holder){.next = *slot, .address = site};
        *slot = h;
    }
    if (h && h->n < max)
        h->n++;
    else
        h = NULL;
    pthread_mutex_unlock(&s->lock);
    return h;
}

void pf_holders_give(pf_holders *s, pf_holder *h)
{
    if (!h)
        return;
    pthread_mutex_lock(&s->lock);
    if (--h->n == 0) {
        pf_holder **at = slot_of(s, &h->address);
        while (*at != h)
            at = &(*at)->next;
        *at = h->next;
        free(h);
    }
    pthread_mutex_unlock(&s->lock);
}
