#include "storage/local/symbols/sum.h"

#include <stdlib.h>
#include <string.h>

pf_code pf_sum_init(pf_sum *s, uint32_t nsample_type, uint32_t nstack, size_t max, pf_error *err)
{
    *s = (pf_sum){.nsample_type = nsample_type, .nstack = nstack, .max = max};
    s->plain = calloc(nstack ? nstack : 1, sizeof *s->plain);
    return s->plain ? PF_OK : pf_fail_nomem(err, "a merge");
}

pf_code pf_sum_reach(pf_sum *s, uint32_t nstack, pf_error *err)
{
    if (nstack <= s->nstack)
        return PF_OK;
    uint32_t *bigger = realloc(s->plain, nstack * sizeof *bigger);
    if (!bigger)
        return pf_fail_nomem(err, "a merge");
    memset(bigger + s->nstack, 0, (nstack - s->nstack) * sizeof *bigger);
    s->plain = bigger;
    s->nstack = nstack;
    return PF_OK;
}

void pf_sum_free(pf_sum *s)
{
    free(s->plain);
    pf_remap_free(&s->labelled);
    pf_buf_free(&s->stack);
    pf_buf_free(&s->labels);
    pf_buf_free(&s->value);
    *s = (pf_sum){0};
}

size_t pf_sum_bytes(const pf_sum *s)
{
    return s->nstack * sizeof *s->plain + pf_remap_bytes(&s->labelled) + s->stack.cap +
           s->labels.cap + s->value.cap;
}

/* A new entry with no values yet; its number. */
static uint32_t new_entry(pf_sum *s, uint32_t stack, uint32_t labels)
{
    uint32_t n = pf_sum_count(s);
    pf_buf_put(&s->stack, &stack, sizeof stack);
    pf_buf_put(&s->labels, &labels, sizeof labels);
    size_t bytes = s->nsample_type * sizeof(int64_t);
    char *at = pf_buf_reserve(&s->value, bytes);
    if (at) {
        memset(at, 0, bytes);
        s->value.len += bytes;
    }
    return n;
}

/* Adds to an entry, or not at all when one of the sums would leave int64. */
static inline bool add(int64_t *to, const pf_symrow *row, uint32_t sample, uint32_t types)
{
    const int64_t *value = row->value + sample;
    for (uint32_t t = 0; t < types; t++, value += row->nsample) {
        if (!__builtin_add_overflow(to[t], *value, &to[t]))
            continue;
        for (;; t--, value -= row->nsample) { /* takes back what was added, modulo 2^64 */
            to[t] = (int64_t)((uint64_t)to[t] - (uint64_t)*value);
            if (t == 0)
                return false;
        }
    }
    return true;
}

static pf_code check_memory(const pf_sum *s, pf_error *err)
{
    if (s->stack.failed || s->labels.failed || s->value.failed)
        return pf_fail_nomem(err, "a merge");
    if (s->max && pf_sum_bytes(s) > s->max)
        return pf_fail(err, PF_QUERY_LIMIT, "the merge needs more than %zu bytes", s->max);
    return PF_OK;
}

static pf_code add_sample(pf_sum *s, const pf_symrow *row, uint32_t i, pf_error *err)
{
    uint64_t stack = row->stack[i], labels = row->labels ? row->labels[i] : 0;
    if (stack >= s->nstack || labels > UINT32_MAX)
        return pf_fail(err, PF_INTERNAL, "damaged data: stack %llu refers to nothing",
                       (unsigned long long)stack);
    uint32_t *labelled = labels ? pf_remap_at(&s->labelled, stack << 32 | labels) : NULL;
    if (labels && !labelled)
        return pf_fail_nomem(err, "a merge");
    uint32_t entry = labels ? *labelled : s->plain[stack] - 1;
    if (entry == UINT32_MAX ||
        !add((int64_t *)s->value.data + (size_t)entry * s->nsample_type, row, i, s->nsample_type)) {
        entry = new_entry(s, (uint32_t)stack, (uint32_t)labels);
        pf_code code = check_memory(s, err);
        if (code)
            return code;
        add((int64_t *)s->value.data + (size_t)entry * s->nsample_type, row, i, s->nsample_type);
        if (labels)
            *labelled = entry;
        else
            s->plain[stack] = entry + 1;
    }
    return PF_OK;
}

pf_code pf_sum_add(pf_sum *s, const pf_symrow *row, pf_error *err)
{
    if (row->nsample_type != s->nsample_type)
        return pf_fail(err, PF_INTERNAL, "damaged data: %u values a sample where %u are expected",
                       row->nsample_type, s->nsample_type);
    pf_code code = PF_OK;
    for (uint32_t i = 0; i < row->nsample && !code; i++)
        code = add_sample(s, row, i, err);
    return code;
}
