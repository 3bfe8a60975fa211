#include "storage/local/symbols/symrow.h"

#include "storage/local/symbols/column.h"

#include <string.h>

enum { FORMAT = 1 };

typedef struct ranked {
    uint64_t key; /* stack << 32 | labels */
    uint32_t at;
} ranked;

/* Stable, byte by byte from the lowest, over the bytes in which keys differ. */
static ranked *radix_sort(ranked *from, ranked *to, uint32_t n)
{
    uint64_t ones = 0, zeros = 0;
    for (uint32_t i = 0; i < n; i++) {
        ones |= from[i].key;
        zeros |= ~from[i].key;
    }
    uint64_t differ = ones & zeros;
    for (unsigned shift = 0; shift < 64; shift += 8) {
        if (!(differ >> shift & 0xff))
            continue;
        uint32_t start[257] = {0};
        for (uint32_t i = 0; i < n; i++)
            start[(from[i].key >> shift & 0xff) + 1]++;
        for (unsigned b = 0; b < 256; b++)
            start[b + 1] += start[b];
        for (uint32_t i = 0; i < n; i++)
            to[start[from[i].key >> shift & 0xff]++] = from[i];
        ranked *swap = from;
        from = to;
        to = swap;
    }
    return from;
}

pf_code pf_symrow_sort(pf_symrow *r, pf_arena *a, pf_error *err)
{
    uint32_t n = r->nsample;
    ranked *order = pf_arena_array(a, (size_t)n * 2, sizeof *order);
    uint64_t *stack = pf_arena_array(a, n, sizeof *stack);
    uint64_t *labels = r->labels ? pf_arena_array(a, n, sizeof *labels) : NULL;
    int64_t *value = pf_arena_array(a, (size_t)n * r->nsample_type, sizeof *value);
    if (!order || !stack || !value || (r->labels && !labels))
        return pf_arena_fail(a, err, "a row");
    for (uint32_t i = 0; i < n; i++)
        order[i] = (ranked){r->stack[i] << 32 | (r->labels ? r->labels[i] : 0), i};
    order = radix_sort(order, order + n, n);
    for (uint32_t i = 0; i < n; i++) {
        stack[i] = r->stack[order[i].at];
        if (labels)
            labels[i] = r->labels[order[i].at];
    }
    for (uint32_t t = 0; t < r->nsample_type; t++)
        for (uint32_t i = 0; i < n; i++)
            value[(size_t)t * n + i] = r->value[(size_t)t * n + order[i].at];
    r->stack = stack;
    r->labels = labels;
    r->value = value;
    return PF_OK;
}

static uint64_t magnitude(int64_t v)
{
    return v < 0 ? -(uint64_t)v : (uint64_t)v;
}

static uint64_t gcd(uint64_t a, uint64_t b)
{
    while (b) {
        uint64_t r = a % b;
        a = b;
        b = r;
    }
    return a;
}

/* What all values are multiples of: 10 ms in a CPU profile. 0 when all are 0. */
static uint64_t common_factor(const int64_t *v, uint32_t n)
{
    uint64_t g = 0;
    for (uint32_t i = 0; i < n && g != 1; i++) {
        uint64_t m = magnitude(v[i]);
        if (m && (!g || m % g))
            g = gcd(m, g);
    }
    return g > INT64_MAX ? 1 : g; /* 2^63 is no int64: INT64_MIN alone */
}

/* One value column:
 *
 *     | factor, varint | 0: all values are 0
 *     | factor, varint | column + 1, varint |            the same multiples as an earlier column
 *     | factor, varint | 0 | sign | column of multiples | sign 1: zig-zag
 */
static void put_values(pf_buf *out, const pf_symrow *r, uint32_t type, uint64_t *factors,
                       uint64_t *scratch)
{
    uint32_t n = r->nsample;
    const int64_t *v = r->value + (size_t)type * n;
    uint64_t factor = factors[type] = common_factor(v, n);
    pf_buf_put_varint(out, factor);
    if (!factor)
        return;
    for (uint32_t earlier = 0; earlier < type; earlier++) {
        const int64_t *w = r->value + (size_t)earlier * n;
        uint32_t i = 0;
        while (factors[earlier] && i < n &&
               v[i] / (int64_t)factor == w[i] / (int64_t)factors[earlier])
            i++;
        if (factors[earlier] && i == n) {
            pf_buf_put_varint(out, earlier + UINT64_C(1));
            return;
        }
    }
    bool negative = false;
    for (uint32_t i = 0; i < n; i++)
        negative |= v[i] < 0;
    for (uint32_t i = 0; i < n; i++) {
        int64_t m = v[i] / (int64_t)factor;
        scratch[i] = negative ? pf_zigzag(m) : (uint64_t)m;
    }
    pf_buf_putc(out, 0);
    pf_buf_putc(out, negative);
    pf_column_put(out, scratch, n);
}

static void put_lone(pf_buf *out, const uint32_t *numbers, uint32_t n)
{
    pf_buf_put_varint(out, n);
    for (uint32_t i = 0; i < n; i++)
        pf_buf_put_varint(out, numbers[i]);
}

pf_code pf_symrow_encode(const pf_symrow *r, int64_t created_at, pf_arena *a, pf_buf *out,
                         pf_error *err)
{
    uint64_t *scratch = pf_arena_array(a, r->nsample, sizeof *scratch);
    uint64_t *factors = pf_arena_array(a, r->nsample_type, sizeof *factors);
    if (!scratch || !factors)
        return pf_arena_fail(a, err, "a row");
    pf_buf_putc(out, FORMAT);
    pf_buf_put_varint(out, r->header);
    pf_buf_put_varint(out, r->maps);
    pf_buf_put_varint(out, pf_zigzag((int64_t)((uint64_t)r->time_nanos - (uint64_t)created_at)));
    pf_buf_put_varint(out, pf_zigzag(r->duration_nanos));
    pf_buf_put_varint(out, r->nsample_type);
    pf_buf_put_varint(out, r->nsample);
    for (uint32_t i = 0; i < r->nsample; i++)
        scratch[i] = r->stack[i] - (i ? r->stack[i - 1] : 0);
    pf_column_put(out, scratch, r->nsample);
    pf_buf_putc(out, r->labels != NULL);
    if (r->labels)
        pf_column_put(out, r->labels, r->nsample);
    for (uint32_t t = 0; t < r->nsample_type; t++)
        put_values(out, r, t, factors, scratch);
    put_lone(out, r->lone_location, r->nlone_location);
    put_lone(out, r->lone_function, r->nlone_function);
    return out->failed ? pf_fail_nomem(err, "a row") : PF_OK;
}

typedef struct cursor {
    const uint8_t *p, *end;
    pf_arena *a;
} cursor;

static bool get(cursor *c, uint64_t *v)
{
    return pf_varint_get(&c->p, c->end, v);
}

static bool get32(cursor *c, uint32_t *v)
{
    uint64_t wide;
    if (!get(c, &wide) || wide > UINT32_MAX)
        return false;
    *v = (uint32_t)wide;
    return true;
}

static bool get_values(cursor *c, pf_symrow *r, uint32_t type, uint64_t *factors)
{
    uint32_t n = r->nsample;
    int64_t *v = r->value + (size_t)type * n;
    uint64_t factor, same;
    if (!get(c, &factor))
        return false;
    factors[type] = factor;
    if (!factor) {
        memset(v, 0, n * sizeof *v);
        return true;
    }
    if (!get(c, &same) || same > type)
        return false;
    if (same) {
        uint64_t other = factors[same - 1];
        const int64_t *w = r->value + (size_t)(same - 1) * n;
        if (!other)
            return false;
        for (uint32_t i = 0; i < n; i++)
            v[i] = (int64_t)((uint64_t)(w[i] / (int64_t)other) * factor);
        return true;
    }
    if (c->p >= c->end)
        return false;
    bool negative = *c->p++;
    if (!pf_column_get(&c->p, c->end, (uint64_t *)v, n))
        return false;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t m = (uint64_t)v[i];
        v[i] = (int64_t)((negative ? (uint64_t)pf_unzigzag(m) : m) * factor);
    }
    return true;
}

static bool get_lone(cursor *c, uint32_t **numbers, uint32_t *n)
{
    if (!get32(c, n) || *n > (uint64_t)(c->end - c->p))
        return false;
    *numbers = pf_arena_array(c->a, *n, sizeof **numbers);
    for (uint32_t i = 0; *numbers && i < *n; i++)
        if (!get32(c, *numbers + i))
            return false;
    return true;
}

static bool get_head(cursor *c, pf_symrow *r, int64_t created_at)
{
    uint64_t time, duration;
    if (c->p >= c->end || *c->p++ != FORMAT || !get32(c, &r->header) || !get32(c, &r->maps) ||
        !get(c, &time) || !get(c, &duration) || !get32(c, &r->nsample_type) ||
        !get32(c, &r->nsample))
        return false;
    r->time_nanos = (int64_t)((uint64_t)created_at + (uint64_t)pf_unzigzag(time));
    r->duration_nanos = pf_unzigzag(duration);
    return true;
}

static bool get_columns(cursor *c, pf_symrow *r, uint64_t *factors)
{
    if (!pf_column_get(&c->p, c->end, r->stack, r->nsample))
        return false;
    for (uint32_t i = 1; i < r->nsample; i++)
        r->stack[i] += r->stack[i - 1];
    if (c->p >= c->end)
        return false;
    if (!*c->p++)
        r->labels = NULL;
    else if (!pf_column_get(&c->p, c->end, r->labels, r->nsample))
        return false;
    for (uint32_t t = 0; t < r->nsample_type; t++)
        if (!get_values(c, r, t, factors))
            return false;
    return get_lone(c, &r->lone_location, &r->nlone_location) &&
           get_lone(c, &r->lone_function, &r->nlone_function) && c->p == c->end;
}

pf_code pf_symrow_decode(pf_symrow *r, int64_t created_at, pf_str bytes, pf_arena *a, pf_error *err)
{
    cursor c = {(const uint8_t *)bytes.p, (const uint8_t *)bytes.p + bytes.n, a};
    memset(r, 0, sizeof *r);
    if (!get_head(&c, r, created_at))
        return pf_fail(err, PF_INTERNAL, "damaged row: its head can't be read");
    r->stack = pf_arena_array(a, r->nsample, sizeof *r->stack);
    r->labels = pf_arena_array(a, r->nsample, sizeof *r->labels);
    uint64_t *factors = pf_arena_array(a, r->nsample_type, sizeof *factors);
    size_t values;
    if (__builtin_mul_overflow((size_t)r->nsample, r->nsample_type, &values))
        values = SIZE_MAX;
    r->value = pf_arena_array(a, values, sizeof *r->value);
    if (!r->stack || !r->labels || !factors || !r->value)
        return pf_arena_fail(a, err, "a row");
    if (!get_columns(&c, r, factors))
        return pf_fail(err, PF_INTERNAL, "damaged row: its columns can't be read");
    if (!r->lone_location || !r->lone_function)
        return pf_arena_fail(a, err, "a row");
    return PF_OK;
}
