#include "base/budget.h"

void pf_budget_init(pf_budget *b, size_t limit)
{
    atomic_init(&b->used, 0);
    b->limit = limit;
}

bool pf_budget_take(pf_budget *b, size_t n)
{
    size_t used = atomic_load_explicit(&b->used, memory_order_relaxed);
    do {
        if (n > b->limit || used > b->limit - n)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&b->used, &used, used + n, memory_order_relaxed,
                                                    memory_order_relaxed));
    return true;
}

void pf_budget_give(pf_budget *b, size_t n)
{
    atomic_fetch_sub_explicit(&b->used, n, memory_order_relaxed);
}

bool pf_budget_fits_alone(const pf_budget *b, size_t n)
{
    return n <= b->limit - b->limit / 16;
}

size_t pf_budget_used(pf_budget *b)
{
    return atomic_load_explicit(&b->used, memory_order_relaxed);
}
