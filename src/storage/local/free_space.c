#include "storage/local/free_space.h"

#include "base/log.h"

#include <sys/statvfs.h>

enum { MIB = 1024 * 1024 };

void pf_free_space_init(pf_free_space *s, const char *dir, int64_t min_free)
{
    s->dir = dir;
    s->min_free = min_free;
    atomic_init(&s->free, INT64_MAX);
    pf_free_space_look(s);
}

void pf_free_space_look(pf_free_space *s)
{
    struct statvfs fs;
    long long free = INT64_MAX;
    if (statvfs(s->dir, &fs) != 0 ||
        __builtin_mul_overflow((long long)fs.f_bavail, (long long)fs.f_frsize, &free))
        free = INT64_MAX;
    long long was = atomic_exchange(&s->free, free);
    if ((was < s->min_free) == (free < s->min_free))
        return;
    if (free < s->min_free)
        PF_LOG_WARN("too little space is free: writes are refused", PF_I("free_bytes", free),
                    PF_I("min_free_bytes", s->min_free));
    else
        PF_LOG_INFO("enough space is free: writes are taken again", PF_I("free_bytes", free));
}

pf_code pf_free_space_check(const pf_free_space *s, pf_error *err)
{
    long long free = atomic_load_explicit(&s->free, memory_order_relaxed);
    if (free >= s->min_free)
        return PF_OK;
    return pf_fail(
        err, PF_UNAVAILABLE,
        "the disk has %lld MiB free, less than the %lld MiB that -local.min-free keeps free",
        free / MIB, (long long)s->min_free / MIB);
}
