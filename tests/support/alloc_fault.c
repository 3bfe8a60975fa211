#include "support/alloc_fault.h"

#include <sqlite3.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

static _Thread_local long left = -1; /* that pass; below 0: all do */
static _Thread_local bool failed;
static atomic_long left_in_all = -1;
static atomic_bool go_on, failed_in_all;

/* The linker's names for the functions that are wrapped and for those in their place. */
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

void alloc_fault_arm(long n)
{
    left = n;
    failed = false;
}

void alloc_fault_arm_all(long n, bool on)
{
    atomic_store(&failed_in_all, false);
    atomic_store(&go_on, on);
    atomic_store(&left_in_all, n);
}

bool alloc_fault_disarm(void)
{
    bool any = failed || atomic_load(&failed_in_all);
    atomic_store(&left_in_all, -1);
    atomic_store(&failed_in_all, false);
    left = -1;
    failed = false;
    return any;
}

long alloc_fault_walk(long first, bool (*work)(long n, bool on))
{
    long n = first;
    while (work(n, false))
        n++;
    for (long k = first; k < n; k++)
        if (!work(k, true))
            return -1;
    return n - first;
}

static bool fails_in_all(void)
{
    long n = atomic_load(&left_in_all);
    do {
        if (n < 0)
            return false;
    } while (
        !atomic_compare_exchange_weak(&left_in_all, &n, n == 0 && atomic_load(&go_on) ? 0 : n - 1));
    if (n == 0)
        atomic_store(&failed_in_all, true);
    return n == 0;
}

static bool fails(void)
{
    if (left < 0)
        return fails_in_all();
    if (left-- > 0)
        return false;
    failed = true;
    return true;
}

void *__wrap_malloc(size_t n)
{
    return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    return fails() ? NULL : __real_realloc(p, n);
}

static sqlite3_mem_methods below;

static void *sqlite_malloc(int n)
{
    return fails() ? NULL : below.xMalloc(n);
}

static void *sqlite_realloc(void *p, int n)
{
    return fails() ? NULL : below.xRealloc(p, n);
}

void alloc_fault_in_sqlite(void)
{
    if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &below) != SQLITE_OK)
        abort();
    sqlite3_mem_methods above = below;
    above.xMalloc = sqlite_malloc;
    above.xRealloc = sqlite_realloc;
    if (sqlite3_config(SQLITE_CONFIG_MALLOC, &above) != SQLITE_OK)
        abort();
}
