#include "server/access/failures.h"

#include "base/clock.h"
#include "base/metrics.h"
#include "server/access/recent.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
    FIRST_MS = 100,
    MOST_MS = 2000,
    STEPS = 5, /* doublings from the one to the other */
    FORGET_SECONDS = 60,
};

typedef struct failing {
    int64_t last;   /* pf_clock_mono */
    unsigned count; /* up to one more than what makes a difference */
} failing;

struct pf_failures {
    pthread_mutex_t lock; /* guards recent and what is in it */
    pf_recent *recent;
    pf_metric *delayed;
};

pf_code pf_failures_new(pf_failures **out, pf_error *err)
{
    pf_metric_family *family =
        pf_metrics_family("profefe_auth_failures_delayed_total",
                          "Failed logins whose answer was delayed.", PF_COUNTER, NULL, 0);
    pf_failures *f = calloc(1, sizeof *f);
    *out = NULL;
    if (f) {
        pthread_mutex_init(&f->lock, NULL);
        f->recent = pf_recent_new(PF_FAILURES_MAX, sizeof(failing));
        f->delayed = family ? pf_metric_series(family, "") : NULL;
    }
    if (!f || !f->recent || !f->delayed) {
        pf_failures_free(f);
        return pf_fail_nomem(err, "failed logins");
    }
    *out = f;
    return PF_OK;
}

void pf_failures_free(pf_failures *f)
{
    if (!f)
        return;
    pf_recent_free(f->recent);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

/* The /64 of an IPv6 address; else the address. One kind of text never looks like another's. */
static pf_hash key_of(const pf_failures *f, pf_str address)
{
    char text[INET6_ADDRSTRLEN] = "";
    unsigned char six[16];
    if (address.n < sizeof text && address.n)
        memcpy(text, address.p, address.n);
    if (inet_pton(AF_INET6, text, six) != 1)
        return pf_recent_key(f->recent, 0, address);
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (memcmp(six, mapped, sizeof mapped) != 0)
        return pf_recent_key(f->recent, 6, (pf_str){(const char *)six, 8});
    inet_ntop(AF_INET, six + 12, text, sizeof text);
    return pf_recent_key(f->recent, 0, pf_str_c(text));
}

static int64_t delay_of(unsigned count)
{
    if (count <= PF_FAILURES_FREE)
        return 0;
    unsigned step = count - PF_FAILURES_FREE - 1;
    int64_t ms = step < STEPS ? (int64_t)FIRST_MS << step : MOST_MS;
    return ms * PF_NS_PER_MS;
}

int64_t pf_failures_note(pf_failures *f, pf_str address, int64_t now_mono)
{
    pf_hash key = key_of(f, address);
    pthread_mutex_lock(&f->lock);
    failing *one = pf_recent_find(f->recent, key);
    if (!one)
        one = pf_recent_add(f->recent, key, NULL, NULL); /* never NULL: any may go */
    if (now_mono - one->last >= FORGET_SECONDS * PF_NS_PER_SEC)
        one->count = 0;
    one->last = now_mono;
    if (one->count <= PF_FAILURES_FREE + STEPS)
        one->count++;
    int64_t delay = delay_of(one->count);
    pthread_mutex_unlock(&f->lock);
    if (delay)
        pf_metric_add(f->delayed, 1);
    return delay;
}
