#include "storage/local/symbols/stack_sum.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

pf_code pf_stack_sum_init(pf_stack_sum *s, uint32_t nsample_type, uint32_t nstack, size_t max,
                          pf_error *err)
{
    *s = (pf_stack_sum){.nsample_type = nsample_type, .nstack = nstack, .max = max};
    pf_random(&s->labelled.seed, sizeof s->labelled.seed);
    s->plain = calloc(nstack ? nstack : 1, sizeof *s->plain);
    return s->plain ? PF_OK : pf_fail_nomem(err, "a merge");
}

pf_code pf_stack_sum_reach(pf_stack_sum *s, uint32_t nstack, pf_error *err)
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

void pf_stack_sum_free(pf_stack_sum *s)
{
    free(s->plain);
    pf_remap_free(&s->labelled);
    pf_buf_free(&s->stack);
    pf_buf_free(&s->labels);
    pf_buf_free(&s->value);
    *s = (pf_stack_sum){0};
}

size_t pf_stack_sum_bytes(const pf_stack_sum *s)
{
    return s->nstack * sizeof *s->plain + pf_remap_bytes(&s->labelled) + s->stack.cap +
           s->labels.cap + s->value.cap;
}

/* Adds to an entry, or not at all when one of the sums would leave int64. */
static inline bool add(int64_t *to, const pf_row *row, uint32_t sample, uint32_t types)
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

static pf_code check_memory(const pf_stack_sum *s, pf_error *err)
{
    if (s->stack.failed || s->labels.failed || s->value.failed)
        return pf_fail_nomem(err, "a merge");
    if (s->max && pf_stack_sum_bytes(s) > s->max)
        return pf_fail(err, PF_QUERY_LIMIT, "the merge needs more than %zu bytes", s->max);
    return PF_OK;
}

/* An entry with the values of a sample; *number is which. */
static pf_code new_entry(pf_stack_sum *s, uint32_t stack, uint32_t labels, const pf_row *row,
                         uint32_t sample, uint32_t *number, pf_error *err)
{
    uint32_t entry = pf_stack_sum_count(s);
    pf_buf_put(&s->stack, &stack, sizeof stack);
    pf_buf_put(&s->labels, &labels, sizeof labels);
    for (uint32_t t = 0; t < s->nsample_type; t++)
        pf_buf_put(&s->value, &row->value[(size_t)t * row->nsample + sample], sizeof(int64_t));
    pf_code code = check_memory(s, err);
    if (!code)
        *number = entry;
    return code;
}

static pf_code refers_to_nothing(uint64_t stack, pf_error *err)
{
    return pf_fail(err, PF_INTERNAL, "damaged data: stack %llu refers to nothing",
                   (unsigned long long)stack);
}

static inline int64_t *values_of(const pf_stack_sum *s, uint32_t entry, uint32_t types)
{
    return (int64_t *)s->value.data + (size_t)entry * types;
}

static pf_code add_labelled(pf_stack_sum *s, const pf_row *row, uint32_t i, pf_error *err)
{
    uint64_t stack = row->stack[i], labels = row->labels[i];
    if (stack >= s->nstack || labels > UINT32_MAX)
        return refers_to_nothing(stack, err);
    uint32_t *entry = pf_remap_at(&s->labelled, stack << 32 | labels);
    if (!entry)
        return pf_fail_nomem(err, "a merge");
    if (*entry != PF_REMAP_NONE &&
        add(values_of(s, *entry, s->nsample_type), row, i, s->nsample_type))
        return PF_OK;
    return new_entry(s, (uint32_t)stack, (uint32_t)labels, row, i, entry, err);
}

/* `types` is s->nsample_type: as a constant where it is known, which spares a loop for each sample. */
static inline __attribute__((always_inline)) pf_code
add_plain(pf_stack_sum *s, const pf_row *row, uint32_t i, uint32_t types, pf_error *err)
{
    uint64_t stack = row->stack[i];
    if (stack >= s->nstack)
        return refers_to_nothing(stack, err);
    uint32_t entry = s->plain[stack];
    if (entry && add(values_of(s, entry - 1, types), row, i, types))
        return PF_OK;
    pf_code code = new_entry(s, (uint32_t)stack, 0, row, i, &entry, err);
    if (!code)
        s->plain[stack] = entry + 1;
    return code;
}

pf_code pf_stack_sum_add(pf_stack_sum *s, const pf_row *row, pf_error *err)
{
    if (row->nsample_type != s->nsample_type)
        return pf_fail(err, PF_INTERNAL, "damaged data: %u values a sample where %u are expected",
                       row->nsample_type, s->nsample_type);
    pf_code code = PF_OK;
    if (!row->labels && s->nsample_type == 2) /* a CPU profile */
        for (uint32_t i = 0; i < row->nsample && !code; i++)
            code = add_plain(s, row, i, 2, err);
    else
        for (uint32_t i = 0; i < row->nsample && !code; i++)
            code = row->labels && row->labels[i] ? add_labelled(s, row, i, err)
                                                 : add_plain(s, row, i, s->nsample_type, err);
    return code;
}
