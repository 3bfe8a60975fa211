#include "storage/local/symbols/row.h"

#include "storage/local/symbols/column.h"
#include "storage/local/symbols/sampled.h"

#include <string.h>

enum { FORMAT = 1 };

enum { ALL_ZERO, MULTIPLES, AS_BEFORE, ESTIMATES };

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

struct pf_row_scratch {
    ranked *order; /* two a sample */
    uint64_t *stack, *labels, *size;
    int64_t *value;      /* like pf_row's: what it has once sorted */
    uint64_t *column;    /* by sample */
    uint64_t *factor;    /* by sample type */
    int64_t *multiple;   /* like value */
    int64_t *count;      /* three a sample, for estimates */
    uint64_t *number;    /* by label set: at most one a sample */
    uint64_t *set_size;  /* by label set */
    uint32_t *place;     /* by sample */
    pf_sampled *sampled; /* by label set */
};

pf_row_scratch *pf_row_scratch_new(uint32_t nsample, uint32_t nsample_type, bool labels,
                                   pf_arena *a)
{
    size_t n = nsample, all = n * nsample_type, sets = labels ? n : 0;
    pf_row_scratch *s = pf_arena_alloc(a, sizeof *s);
    if (!s)
        return NULL;
    bool ok = true;
#define TAKE(what, many) ok = ok && (s->what = pf_arena_array(a, many, sizeof *s->what))
    TAKE(order, 2 * n);
    TAKE(stack, n);
    TAKE(labels, sets);
    TAKE(size, sets);
    TAKE(value, all);
    TAKE(column, n);
    TAKE(factor, nsample_type);
    TAKE(multiple, all);
    TAKE(count, 3 * sets);
    TAKE(number, sets);
    TAKE(set_size, sets);
    TAKE(place, sets);
    TAKE(sampled, sets);
#undef TAKE
    return ok ? s : NULL;
}

void pf_row_sort(pf_row *r, pf_row_scratch *s)
{
    uint32_t n = r->nsample;
    uint64_t *stack = s->stack, *labels = r->labels ? s->labels : NULL,
             *size = r->size ? s->size : NULL;
    int64_t *value = s->value;
    ranked *order = s->order;
    for (uint32_t i = 0; i < n; i++)
        order[i] = (ranked){r->stack[i] << 32 | (r->labels ? r->labels[i] : 0), i};
    order = radix_sort(order, order + n, n);
    for (uint32_t i = 0; i < n; i++) {
        stack[i] = r->stack[order[i].at];
        if (labels)
            labels[i] = r->labels[order[i].at];
        if (size)
            size[i] = r->size[order[i].at];
    }
    for (uint32_t t = 0; t < r->nsample_type; t++)
        for (uint32_t i = 0; i < n; i++)
            value[(size_t)t * n + i] = r->value[(size_t)t * n + order[i].at];
    r->stack = stack;
    r->labels = labels;
    r->size = size;
    r->value = value;
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
    uint64_t g = 0, last = 0;
    for (uint32_t i = 0; i < n && g != 1; i++) {
        uint64_t m = magnitude(v[i]);
        if (m == last || !m)
            continue;
        last = m;
        if (!g || m % g)
            g = gcd(m, g);
    }
    return g > INT64_MAX ? 1 : g; /* 2^63 is no int64: INT64_MIN alone */
}

/* The label sets of a row, each once. */
typedef struct sets {
    uint32_t n;
    uint64_t *number;    /* ascending */
    pf_sampled *sampled; /* NULL when there is no rate */
    uint32_t *place;     /* by sample */
} sets;

typedef struct encoding {
    const pf_row *r;
    pf_row_scratch *s;
    pf_buf *out;
    sets sets;
    uint64_t *factor;  /* by sample type; 0 where the column is not one of multiples */
    int64_t *multiple; /* like r->value */
    uint64_t *scratch;
} encoding;

static void put_numbers(encoding *e, const int64_t *v)
{
    bool negative = false;
    for (uint32_t i = 0; i < e->r->nsample; i++)
        negative |= v[i] < 0;
    for (uint32_t i = 0; i < e->r->nsample; i++)
        e->scratch[i] = negative ? pf_zigzag(v[i]) : (uint64_t)v[i];
    pf_buf_putc(e->out, negative);
    pf_column_put(e->out, e->scratch, e->r->nsample);
}

/* The earlier column of the same multiples; `type` when there is none. */
static uint32_t same_multiples(const encoding *e, uint32_t type)
{
    size_t n = e->r->nsample;
    uint32_t i = 0;
    while (i < type && (!e->factor[i] || memcmp(e->multiple + i * n, e->multiple + type * n,
                                                n * sizeof *e->multiple) != 0))
        i++;
    return i;
}

static void put_multiples(encoding *e, uint32_t type)
{
    uint32_t n = e->r->nsample;
    const int64_t *v = e->r->value + (size_t)type * n;
    int64_t *m = e->multiple + (size_t)type * n;
    uint64_t factor = e->factor[type] = common_factor(v, n);
    if (!factor) {
        pf_buf_putc(e->out, ALL_ZERO);
        return;
    }
    for (uint32_t i = 0; i < n; i++)
        m[i] = factor == 1 ? v[i] : v[i] / (int64_t)factor;
    uint32_t earlier = same_multiples(e, type);
    pf_buf_putc(e->out, earlier < type ? AS_BEFORE : MULTIPLES);
    if (earlier < type)
        pf_buf_put_varint(e->out, earlier);
    pf_buf_put_varint(e->out, factor);
    if (earlier == type)
        put_numbers(e, m);
}

/* Columns `type` and the next as estimates, if that is what most of them are and not all are 0. */
static bool put_estimates(encoding *e, uint32_t type)
{
    uint32_t n = e->r->nsample, exact = 0, zero = 0;
    const int64_t *objects = e->r->value + (size_t)type * n, *bytes = objects + n;
    int64_t *count = e->s->count, *objects_lack = count + n, *bytes_lack = count + 2 * (size_t)n;
    for (uint32_t i = 0; i < n; i++) {
        pf_sampled s = e->sets.sampled[e->sets.place[i]];
        int64_t o, b;
        count[i] = pf_sampled_count(s, bytes[i]);
        pf_sampled_estimate(s, count[i], &o, &b);
        objects_lack[i] = (int64_t)((uint64_t)objects[i] - (uint64_t)o);
        bytes_lack[i] = (int64_t)((uint64_t)bytes[i] - (uint64_t)b);
        zero += !objects[i] && !bytes[i];
        exact += count[i] && !objects_lack[i] && !bytes_lack[i];
    }
    if (exact <= (n - zero) / 2)
        return false;
    pf_buf_putc(e->out, ESTIMATES);
    put_numbers(e, count);
    put_numbers(e, objects_lack);
    put_numbers(e, bytes_lack);
    e->factor[type] = e->factor[type + 1] = 0;
    return true;
}

static void put_values(encoding *e)
{
    for (uint32_t t = 0; t < e->r->nsample_type; t++) {
        if (e->sets.sampled && t + 1 < e->r->nsample_type && put_estimates(e, t))
            t++;
        else
            put_multiples(e, t);
    }
}

/* Fills e->sets; with `size`, the bytes of each set's allocations too. */
static void collect_sets(encoding *e, uint64_t *size)
{
    const pf_row *r = e->r;
    ranked *order = e->s->order;
    for (uint32_t i = 0; i < r->nsample; i++)
        order[i] = (ranked){r->labels[i], i};
    order = radix_sort(order, order + r->nsample, r->nsample);
    sets *s = &e->sets;
    for (uint32_t i = 0; i < r->nsample; i++) {
        if (!i || order[i].key != order[i - 1].key) {
            if (size)
                size[s->n] = r->size[order[i].at];
            s->number[s->n++] = order[i].key;
        }
        s->place[order[i].at] = s->n - 1;
    }
}

static void put_labels(encoding *e)
{
    const pf_row *r = e->r;
    sets *s = &e->sets;
    if (!r->labels || !r->nsample) {
        pf_buf_put_varint(e->out, 0); /* no sets */
        pf_buf_put_varint(e->out, 0); /* no rate */
        return;
    }
    s->number = e->s->number;
    s->place = e->s->place;
    uint64_t *size = r->rate && r->size ? e->s->set_size : NULL;
    collect_sets(e, size);
    pf_buf_put_varint(e->out, s->n);
    for (uint32_t i = 0; i < s->n; i++)
        e->scratch[i] = s->number[i] - (i ? s->number[i - 1] : 0);
    pf_column_put(e->out, e->scratch, s->n);
    for (uint32_t i = 0; i < r->nsample; i++) {
        bool same_stack = i && r->stack[i] == r->stack[i - 1];
        e->scratch[i] = (uint64_t)s->place[i] - (same_stack ? s->place[i - 1] : 0);
    }
    pf_column_put(e->out, e->scratch, r->nsample);
    pf_buf_put_varint(e->out, size ? r->rate : 0);
    if (!size)
        return;
    pf_column_put(e->out, size, s->n);
    s->sampled = e->s->sampled;
    for (uint32_t i = 0; i < s->n; i++)
        s->sampled[i] = pf_sampled_of(r->rate, size[i]);
}

static void put_lone(pf_buf *out, const uint32_t *numbers, uint32_t n)
{
    pf_buf_put_varint(out, n);
    for (uint32_t i = 0; i < n; i++)
        pf_buf_put_varint(out, numbers[i]);
}

static void put_head(const pf_row *r, int64_t created_at, pf_buf *out)
{
    pf_buf_putc(out, FORMAT);
    pf_buf_put_varint(out, r->header);
    pf_buf_put_varint(out, r->maps);
    pf_buf_put_varint(out, pf_zigzag((int64_t)((uint64_t)r->time_nanos - (uint64_t)created_at)));
    pf_buf_put_varint(out, pf_zigzag(r->duration_nanos));
    pf_buf_put_varint(out, r->nsample_type);
    pf_buf_put_varint(out, r->nsample);
}

pf_code pf_row_encode(const pf_row *r, int64_t created_at, pf_row_scratch *s, pf_buf *out,
                      pf_error *err)
{
    encoding e = {.r = r,
                  .s = s,
                  .out = out,
                  .factor = s->factor,
                  .multiple = s->multiple,
                  .scratch = s->column};
    put_head(r, created_at, out);
    for (uint32_t i = 0; i < r->nsample; i++)
        e.scratch[i] = r->stack[i] - (i ? r->stack[i - 1] : 0);
    pf_column_put(out, e.scratch, r->nsample);
    put_labels(&e);
    put_values(&e);
    put_lone(out, r->lone_location, r->nlone_location);
    put_lone(out, r->lone_function, r->nlone_function);
    return out->failed ? pf_fail_nomem(err, "a row") : PF_OK;
}

/* What is left of a row, and what reading has met. */
typedef struct decoding {
    const uint8_t *p, *end;
    pf_arena *a;
    pf_row *r;
    pf_sampled *sampled; /* by label set; NULL when there is no rate */
    uint32_t *place;     /* of each sample among the label sets */
    uint64_t *factor;    /* by sample type; 0 where the column is not one of multiples */
    bool no_memory;      /* and not damage */
    uint64_t unknown;    /* tag of a section that must be known; 0: none */
} decoding;

static bool get(decoding *d, uint64_t *v)
{
    return pf_varint_get(&d->p, d->end, v);
}

static bool get32(decoding *d, uint32_t *v)
{
    uint64_t wide;
    if (!get(d, &wide) || wide > UINT32_MAX)
        return false;
    *v = (uint32_t)wide;
    return true;
}

static bool get_byte(decoding *d, uint8_t *v)
{
    if (d->p >= d->end)
        return false;
    *v = *d->p++;
    return true;
}

static bool get_column(decoding *d, uint64_t *v, uint32_t n)
{
    return pf_column_get(&d->p, d->end, v, n);
}

/* Memory for n elements, or d->no_memory. */
static void *get_room(decoding *d, size_t n, size_t size)
{
    void *p = pf_arena_array(d->a, n, size);
    d->no_memory |= !p;
    return p;
}

static bool get_numbers(decoding *d, int64_t *v)
{
    uint8_t negative;
    if (!get_byte(d, &negative) || !get_column(d, (uint64_t *)v, d->r->nsample))
        return false;
    for (uint32_t i = 0; negative && i < d->r->nsample; i++)
        v[i] = pf_unzigzag((uint64_t)v[i]);
    return true;
}

static bool get_multiples(decoding *d, uint32_t type)
{
    int64_t *v = d->r->value + (size_t)type * d->r->nsample;
    uint64_t factor;
    if (!get(d, &factor) || !factor || factor > INT64_MAX || !get_numbers(d, v))
        return false;
    d->factor[type] = factor;
    for (uint32_t i = 0; factor != 1 && i < d->r->nsample; i++)
        v[i] = (int64_t)((uint64_t)v[i] * factor);
    return true;
}

static bool get_as_before(decoding *d, uint32_t type)
{
    uint64_t earlier, factor;
    if (!get(d, &earlier) || earlier >= type || !d->factor[earlier] || !get(d, &factor) ||
        !factor || factor > INT64_MAX)
        return false;
    d->factor[type] = factor;
    int64_t was = (int64_t)d->factor[earlier];
    int64_t *v = d->r->value + (size_t)type * d->r->nsample;
    const int64_t *w = d->r->value + (size_t)earlier * d->r->nsample;
    for (uint32_t i = 0; was == 1 && i < d->r->nsample; i++)
        v[i] = (int64_t)((uint64_t)w[i] * factor);
    for (uint32_t i = 0; was != 1 && i < d->r->nsample; i++)
        v[i] = (int64_t)((uint64_t)(w[i] / was) * factor);
    return true;
}

static bool get_estimates(decoding *d, uint32_t type)
{
    uint32_t n = d->r->nsample;
    int64_t *objects = d->r->value + (size_t)type * n, *bytes = objects + n;
    if (!d->sampled || type + 1 >= d->r->nsample_type)
        return false;
    int64_t *count = get_room(d, n, sizeof *count);
    if (!count || !get_numbers(d, count) || !get_numbers(d, objects) || !get_numbers(d, bytes))
        return false;
    for (uint32_t i = 0; i < n; i++) {
        int64_t o, b;
        pf_sampled_estimate(d->sampled[d->place[i]], count[i], &o, &b);
        objects[i] = (int64_t)((uint64_t)objects[i] + (uint64_t)o);
        bytes[i] = (int64_t)((uint64_t)bytes[i] + (uint64_t)b);
    }
    d->factor[type] = d->factor[type + 1] = 0;
    return true;
}

static bool get_value_column(decoding *d, uint32_t type)
{
    uint8_t manner;
    if (!get_byte(d, &manner))
        return false;
    switch (manner) {
    case ALL_ZERO:
        d->factor[type] = 0;
        memset(d->r->value + (size_t)type * d->r->nsample, 0, d->r->nsample * sizeof *d->r->value);
        return true;
    case MULTIPLES:
        return get_multiples(d, type);
    case AS_BEFORE:
        return get_as_before(d, type);
    default:
        return false;
    }
}

static bool get_values(decoding *d)
{
    for (uint32_t t = 0; t < d->r->nsample_type; t++) {
        bool two = d->p < d->end && *d->p == ESTIMATES;
        d->p += two;
        if (!(two ? get_estimates(d, t++) : get_value_column(d, t)))
            return false;
    }
    return true;
}

/* The sizes of the label sets' allocations, if the row has a rate. */
static bool get_rate(decoding *d, uint32_t nsets)
{
    uint64_t rate;
    if (!get(d, &rate))
        return false;
    if (!rate)
        return true;
    uint64_t *size = get_room(d, nsets, sizeof *size);
    d->sampled = get_room(d, nsets, sizeof *d->sampled);
    if (!nsets || !size || !d->sampled || !get_column(d, size, nsets))
        return false;
    for (uint32_t i = 0; i < nsets; i++)
        d->sampled[i] = pf_sampled_of(rate, size[i]);
    return true;
}

static bool get_labels(decoding *d)
{
    pf_row *r = d->r;
    uint32_t nsets;
    if (!get32(d, &nsets) || nsets > r->nsample)
        return false;
    if (!nsets)
        return get_rate(d, 0);
    uint64_t *number = get_room(d, nsets, sizeof *number);
    d->place = get_room(d, r->nsample, sizeof *d->place);
    r->labels = get_room(d, r->nsample, sizeof *r->labels);
    if (!number || !d->place || !r->labels || !get_column(d, number, nsets) ||
        !get_column(d, r->labels, r->nsample))
        return false;
    for (uint32_t i = 1; i < nsets; i++)
        number[i] += number[i - 1];
    for (uint32_t i = 0; i < r->nsample; i++) {
        bool same_stack = i && r->stack[i] == r->stack[i - 1];
        uint64_t place = r->labels[i] + (same_stack ? d->place[i - 1] : 0);
        if (place >= nsets)
            return false;
        d->place[i] = (uint32_t)place;
        r->labels[i] = number[place];
    }
    return get_rate(d, nsets);
}

static bool get_lone(decoding *d, uint32_t **numbers, uint32_t *n)
{
    if (!get32(d, n) || *n > (uint64_t)(d->end - d->p))
        return false;
    *numbers = get_room(d, *n, sizeof **numbers);
    for (uint32_t i = 0; *numbers && i < *n; i++)
        if (!get32(d, *numbers + i))
            return false;
    return *numbers;
}

static bool get_head(decoding *d, int64_t created_at)
{
    pf_row *r = d->r;
    uint64_t time, duration;
    uint8_t format;
    if (!get_byte(d, &format) || format != FORMAT || !get32(d, &r->header) || !get32(d, &r->maps) ||
        !get(d, &time) || !get(d, &duration) || !get32(d, &r->nsample_type) ||
        !get32(d, &r->nsample) ||
        r->nsample_type > (uint64_t)(d->end - d->p)) /* every column takes a byte */
        return false;
    r->time_nanos = (int64_t)((uint64_t)created_at + (uint64_t)pf_unzigzag(time));
    r->duration_nanos = pf_unzigzag(duration);
    return true;
}

static bool get_stacks(decoding *d)
{
    pf_row *r = d->r;
    r->stack = get_room(d, r->nsample, sizeof *r->stack);
    if (!r->stack || !get_column(d, r->stack, r->nsample))
        return false;
    for (uint32_t i = 1; i < r->nsample; i++)
        r->stack[i] += r->stack[i - 1];
    return true;
}

/* What stands behind the columns: an even tag may be passed over, an odd one changes what they mean. */
static bool get_sections(decoding *d)
{
    while (d->p < d->end) {
        uint64_t tag, n;
        if (!get(d, &tag) || !tag || !get(d, &n) || n > (size_t)(d->end - d->p))
            return false;
        if (tag % 2) {
            d->unknown = tag;
            return false;
        }
        d->p += n;
    }
    return true;
}

static bool get_row(decoding *d, int64_t created_at)
{
    pf_row *r = d->r;
    if (!get_head(d, created_at) || !get_stacks(d) || !get_labels(d))
        return false;
    size_t values;
    if (__builtin_mul_overflow((size_t)r->nsample, r->nsample_type, &values))
        values = SIZE_MAX;
    r->value = get_room(d, values, sizeof *r->value);
    d->factor = get_room(d, r->nsample_type, sizeof *d->factor);
    return r->value && d->factor && get_values(d) &&
           get_lone(d, &r->lone_location, &r->nlone_location) &&
           get_lone(d, &r->lone_function, &r->nlone_function) && get_sections(d);
}

pf_code pf_row_decode(pf_row *r, int64_t created_at, pf_str bytes, pf_arena *a, pf_error *err)
{
    decoding d = {.p = (const uint8_t *)bytes.p, .a = a, .r = r};
    d.end = d.p + bytes.n;
    memset(r, 0, sizeof *r);
    if (get_row(&d, created_at))
        return PF_OK;
    if (d.unknown)
        return pf_fail(err, PF_INTERNAL,
                       "the row has a section %llu, which this server does not know",
                       (unsigned long long)d.unknown);
    return d.no_memory ? pf_arena_fail(a, err, "a row")
                       : pf_fail(err, PF_INTERNAL, "damaged row: its columns can't be read");
}
