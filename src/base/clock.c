#include "base/clock.h"

#include <stddef.h>
#include <time.h>

static int64_t now(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * PF_NS_PER_SEC + ts.tv_nsec;
}

int64_t pf_clock_wall(const pf_clock *c)
{
    return c && c->wall ? c->wall(c->ctx) : now(CLOCK_REALTIME);
}

int64_t pf_clock_boot(const pf_clock *c)
{
    return c && c->boot ? c->boot(c->ctx) : now(CLOCK_BOOTTIME);
}

int64_t pf_clock_mono(void)
{
    return now(CLOCK_MONOTONIC);
}
