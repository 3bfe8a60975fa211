#include "base/ledger.h"

#include <stdint.h>

void pf_ledger_init(pf_ledger *l, const char *flag, size_t limit, pf_code over, pf_ledger *parent)
{
    atomic_init(&l->held, 0);
    l->limit = limit;
    l->parent = parent;
    l->flag = flag;
    l->over = over;
}

static bool take_here(pf_ledger *l, size_t n)
{
    size_t held = atomic_load_explicit(&l->held, memory_order_relaxed);
    do {
        if (n > l->limit || held > l->limit - n)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&l->held, &held, held + n, memory_order_relaxed,
                                                    memory_order_relaxed));
    return true;
}

static void give_below(pf_ledger *l, const pf_ledger *end, size_t n)
{
    for (; l != end; l = l->parent)
        atomic_fetch_sub_explicit(&l->held, n, memory_order_relaxed);
}

/* Whether `by` will never have room for `n` more bytes of what `below` counts, its child on the way or NULL. */
static bool never_fits(const pf_ledger *by, const pf_ledger *below, size_t n)
{
    if (by->over != PF_UNAVAILABLE)
        return true;
    return !pf_ledger_fits_alone(by, below ? pf_ledger_held(below) : n); /* `below` has n already */
}

bool pf_ledger_take(pf_ledger *l, size_t n, pf_ledger_refusal *why)
{
    const pf_ledger *below = NULL;
    for (pf_ledger *at = l; at; below = at, at = at->parent) {
        if (take_here(at, n))
            continue;
        if (why)
            *why = (pf_ledger_refusal){.by = at, .never = never_fits(at, below, n)};
        give_below(l, at, n);
        return false;
    }
    return true;
}

void pf_ledger_give(pf_ledger *l, size_t n)
{
    give_below(l, NULL, n);
}

size_t pf_ledger_held(const pf_ledger *l)
{
    return atomic_load_explicit(&l->held, memory_order_relaxed);
}

bool pf_ledger_fits_alone(const pf_ledger *l, size_t n)
{
    return n <= l->limit - l->limit / 16;
}

pf_code pf_ledger_fail(const pf_ledger_refusal *why, pf_error *err, const char *what)
{
    const pf_ledger *by = why->by;
    if (by->over != PF_UNAVAILABLE)
        return pf_fail(err, by->over, "%s needs more memory than %s allows (%zu bytes)", what,
                       by->flag, by->limit);
    if (why->never)
        return pf_fail(err, PF_TOO_LARGE, "%s would take more memory than %s allows", what,
                       by->flag);
    return pf_fail(err, PF_UNAVAILABLE, "the memory that %s allows is used up (%s)", by->flag,
                   what);
}
