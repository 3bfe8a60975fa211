#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGN = 16, FIRST_BLOCK = 64 << 10, LARGEST_STEP = 4 << 20 };

struct pf_arena_block {
    pf_arena_block *next;
    size_t size; /* usable bytes behind this header */
    size_t used;
    size_t pad; /* keeps what follows aligned */
};

static char *block_bytes(pf_arena_block *b)
{
    return (char *)(b + 1);
}

void pf_arena_init(pf_arena *a, pf_ledger *budget, size_t limit)
{
    *a = (pf_arena){.budget = budget, .limit = limit};
}

/* Remembers why there is no memory, until the next time that there is none. */
static void *refuse(pf_arena *a, bool limit, bool budget)
{
    a->over_limit = limit;
    a->over_budget = budget;
    a->never = false;
    return NULL;
}

static bool has_room(const pf_arena *a, size_t more)
{
    return !a->limit || (more <= a->limit && a->held <= a->limit - more);
}

/* Whether the budget will never hold `more` bytes beside what the request has. */
static bool never_fits(const pf_arena *a, size_t more)
{
    size_t all;
    return __builtin_add_overflow(a->held + a->beside, more, &all) ||
           !pf_ledger_fits_alone(a->budget, all);
}

/* Takes `total` bytes, if limit and budget have them. */
static bool charge(pf_arena *a, size_t total)
{
    if (!has_room(a, total)) {
        refuse(a, true, false);
        return false;
    }
    if (!a->budget || pf_ledger_take(a->budget, total, NULL))
        return true;
    bool never = never_fits(a, total);
    refuse(a, never, !never);
    a->never = never;
    return false;
}

static pf_arena_block *block_new(pf_arena *a, size_t need)
{
    size_t size = a->head ? a->head->size * 2 : FIRST_BLOCK;
    if (size > LARGEST_STEP)
        size = LARGEST_STEP;
    if (size < need)
        size = need;
    if (!charge(a, size + sizeof(pf_arena_block))) {
        if (size == need || !charge(a, need + sizeof(pf_arena_block)))
            return NULL;
        size = need; /* the step was too wide: just what is needed */
    }
    size_t total = size + sizeof(pf_arena_block);
    pf_arena_block *b = malloc(total);
    if (!b) {
        if (a->budget)
            pf_ledger_give(a->budget, total);
        return refuse(a, false, false);
    }
    *b = (pf_arena_block){.next = a->head, .size = size};
    a->head = b;
    a->held += total;
    return b;
}

void *pf_arena_alloc(pf_arena *a, size_t n)
{
    if (n > SIZE_MAX / 4)
        return refuse(a, true, false);
    n = (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    pf_arena_block *b = a->head;
    if (!b || b->size - b->used < n) {
        b = block_new(a, n);
        if (!b)
            return NULL;
    }
    void *p = block_bytes(b) + b->used;
    b->used += n;
    return p;
}

void *pf_arena_zalloc(pf_arena *a, size_t n)
{
    void *p = pf_arena_alloc(a, n);
    return p && n ? memset(p, 0, n) : p;
}

void *pf_arena_array(pf_arena *a, size_t count, size_t size)
{
    size_t n;
    if (__builtin_mul_overflow(count, size, &n))
        n = SIZE_MAX;
    return pf_arena_alloc(a, n);
}

bool pf_arena_could_hold(pf_arena *a, size_t n)
{
    size_t room = a->head ? a->head->size - a->head->used : 0;
    size_t more = n > room ? n - room : 0;
    bool limit = !has_room(a, more), never = a->budget && never_fits(a, more);
    if (!limit && !never)
        return true;
    refuse(a, true, false);
    a->never = !limit;
    return false;
}

static void block_free(pf_arena *a, pf_arena_block *b)
{
    size_t total = b->size + sizeof *b;
    a->held -= total;
    if (a->budget)
        pf_ledger_give(a->budget, total);
    free(b);
}

void pf_arena_shrink(pf_arena *a, void *p, size_t n, size_t keep)
{
    pf_arena_block *b = a->head;
    n = (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    keep = (keep + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (!b || (char *)p + n != block_bytes(b) + b->used || keep > n)
        return;
    b->used -= n - keep;
    if (b->used == 0 && b->size > LARGEST_STEP) { /* made for what is gone */
        a->head = b->next;
        block_free(a, b);
    }
}

pf_str pf_arena_str(pf_arena *a, pf_str s)
{
    char *p = pf_arena_alloc(a, s.n + 1);
    if (!p)
        return (pf_str){NULL, 0};
    if (s.n)
        memcpy(p, s.p, s.n);
    p[s.n] = 0;
    return (pf_str){p, s.n};
}

pf_code pf_arena_fail(const pf_arena *a, pf_error *err, const char *what)
{
    if (a->never)
        return pf_fail(err, PF_TOO_LARGE,
                       "%s would take more memory than -memory.max-inflight allows", what);
    if (a->over_limit)
        return pf_fail(err, PF_TOO_LARGE, "%s needs more memory than one request may have", what);
    if (a->over_budget)
        return pf_fail(err, PF_UNAVAILABLE, "the memory for requests in flight is used up (%s)",
                       what);
    return pf_fail_nomem(err, what);
}

void pf_arena_reset(pf_arena *a, size_t keep)
{
    pf_arena_block *kept = NULL;
    for (pf_arena_block *b = a->head, *next; b; b = next) {
        next = b->next;
        if (!kept && keep && b->size <= keep) {
            kept = b;
            continue;
        }
        block_free(a, b);
    }
    if (kept)
        kept->next = NULL, kept->used = 0;
    a->head = kept;
}

void pf_arena_free(pf_arena *a)
{
    pf_arena_reset(a, 0);
}
