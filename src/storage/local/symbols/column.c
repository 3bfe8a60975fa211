#include "storage/local/symbols/column.h"

#include <pthread.h>
#include <string.h>

enum { ALL_EQUAL = 0xff };

static unsigned bit_length(uint64_t v)
{
    return v ? 64 - (unsigned)__builtin_clzll(v) : 0;
}

/* The order with the fewest bits, by how many values there are of each length. A value of b bits
 * takes about 2 * (b - k) + k of them when b > k, and k + 1 else. */
static unsigned choose_order(const uint64_t *v, size_t n, uint64_t base)
{
    size_t lengths[65] = {0};
    unsigned longest = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned b = bit_length(v[i] - base);
        lengths[b]++;
        longest = b > longest ? b : longest;
    }
    unsigned best = 0;
    size_t least = SIZE_MAX;
    /* At 64 bits (v >> 0) + 1 would not fit 64 bits any more. */
    for (unsigned k = longest == 64; k <= longest && k < 64; k++) {
        size_t bits = 0;
        for (unsigned b = 0; b <= longest; b++)
            bits += lengths[b] * (b > k ? 2 * (b - k) + k : k + 1);
        if (bits < least) {
            least = bits;
            best = k;
        }
    }
    return best;
}

typedef struct bit_writer {
    uint8_t *at;
    uint64_t acc; /* `have` bits, right-aligned */
    unsigned have;
} bit_writer;

/* n <= 32 */
static void put_bits(bit_writer *w, uint64_t bits, unsigned n)
{
    w->acc = w->acc << n | (bits & ((UINT64_C(1) << n) - 1));
    w->have += n;
    while (w->have >= 8) {
        w->have -= 8;
        *w->at++ = (uint8_t)(w->acc >> w->have);
    }
}

static void put_long(bit_writer *w, uint64_t bits, unsigned n)
{
    if (n > 32) {
        put_bits(w, bits >> 32, n - 32);
        n = 32;
    }
    put_bits(w, bits, n);
}

void pf_column_put(pf_buf *out, const uint64_t *v, size_t n)
{
    if (!n)
        return;
    uint64_t base = v[0], max = v[0];
    for (size_t i = 1; i < n; i++) {
        base = v[i] < base ? v[i] : base;
        max = v[i] > max ? v[i] : max;
    }
    if (base == max) {
        pf_buf_putc(out, (char)ALL_EQUAL);
        pf_buf_put_varint(out, base);
        return;
    }
    unsigned k = choose_order(v, n, base);
    pf_buf_putc(out, (char)k);
    pf_buf_put_varint(out, base);
    /* At most 63 zeros, 64 bits of x and 63 low bits: 24 bytes hold any value. */
    char *room = n > SIZE_MAX / 32 ? NULL : pf_buf_reserve(out, n * 24 + 8);
    if (!room) {
        out->failed = true;
        return;
    }
    bit_writer w = {.at = (uint8_t *)room};
    for (size_t i = 0; i < n; i++) {
        uint64_t d = v[i] - base, x = (d >> k) + 1;
        unsigned len = bit_length(x);
        put_long(&w, 0, len - 1);
        put_long(&w, x, len);
        put_long(&w, d, k);
    }
    if (w.have)
        put_bits(&w, 0, 8 - w.have);
    out->len += (size_t)((char *)w.at - room);
}

typedef struct bit_reader {
    const uint8_t *p, *end;
    uint64_t pos; /* bits from p */
} bit_reader;

/* The next 57 bits or more, left-aligned; zeros behind the end. */
static inline uint64_t peek(const bit_reader *r)
{
    const uint8_t *at = r->p + (r->pos >> 3);
    uint64_t v = 0;
    if (r->end - at >= 8) {
        memcpy(&v, at, 8);
        v = __builtin_bswap64(v);
    } else {
        for (int i = 0; i < 8 && at + i < r->end; i++)
            v |= (uint64_t)at[i] << (56 - 8 * i);
    }
    return v << (r->pos & 7);
}

/* n <= 64 */
static uint64_t get_bits(bit_reader *r, unsigned n)
{
    uint64_t v = 0;
    while (n) {
        unsigned take = n < 32 ? n : 32;
        v = v << take | peek(r) >> (64 - take);
        r->pos += take;
        n -= take;
    }
    return v;
}

/* A value whose code is longer than peek's 57 bits. False when there are 64 zeros or more. */
static bool get_long(bit_reader *r, unsigned k, uint64_t *out)
{
    unsigned zeros = 0;
    for (;;) {
        uint64_t window = peek(r);
        unsigned run = window ? (unsigned)__builtin_clzll(window) : 56;
        if (run > 56)
            run = 56; /* what peek always holds */
        zeros += run;
        r->pos += run;
        if (zeros > 63)
            return false;
        if (run < 56)
            break;
    }
    r->pos++;
    uint64_t x = UINT64_C(1) << zeros | get_bits(r, zeros);
    *out = (x - 1) << k | get_bits(r, k);
    return true;
}

/* One value at the reader's place, whatever its length and wherever the bytes end. */
static bool get_any(bit_reader *r, unsigned k, uint64_t *out)
{
    return get_long(r, k, out) && r->pos <= (uint64_t)(r->end - r->p) * 8;
}

/* 64 bits from bit `pos` on, of which those beyond the first 57 may be missing: zeros then. */
static inline uint64_t load(const uint8_t *p, uint64_t pos)
{
    uint64_t window;
    memcpy(&window, p + (pos >> 3), sizeof window);
    return __builtin_bswap64(window) << (pos & 7);
}

/* The codes that a byte begins with, of the orders in which several fit: most columns of counts. */
enum { SHORT_ORDERS = 2, SHORT_MAX = 8 };

typedef struct short_codes {
    uint8_t n, bits; /* how many are whole, and what they take together */
    uint8_t value[SHORT_MAX];
} short_codes;

static short_codes shorts[SHORT_ORDERS][256];
static pthread_once_t shorts_once = PTHREAD_ONCE_INIT;

static void make_shorts(void)
{
    for (unsigned k = 0; k < SHORT_ORDERS; k++)
        for (unsigned byte = 0; byte < 256; byte++) {
            short_codes *s = &shorts[k][byte];
            for (unsigned rest = byte; rest; rest = byte << s->bits & 0xff) {
                unsigned zeros = (unsigned)__builtin_clz(rest) - 24, len = 2 * zeros + 1 + k;
                if (s->bits + len > 8)
                    break;
                s->value[s->n++] = (uint8_t)((rest >> (8 - len)) - (1U << k));
                s->bits = (uint8_t)(s->bits + len);
            }
        }
}

/* Reads n values of order k. The loops are what a merge spends its time in: as long as eight bytes can be had at
 * once they are loaded into a window, from whose top values are shifted out: the short ones several at a time,
 * the others by one count of zeros and two shifts each. Behind the zeros of a code stand the bits of its
 * value + 2^k. */
static bool get_codes(bit_reader *r, unsigned k, uint64_t base, uint64_t *v, size_t n)
{
    enum { LOADED = 57 };
    const uint64_t bytes = (uint64_t)(r->end - r->p);
    const uint64_t beyond = bytes >= 8 ? (bytes - 7) * 8 : 0; /* no loads from this bit on */
    const uint64_t less = base - (UINT64_C(1) << k);
    const short_codes *table = k < SHORT_ORDERS ? shorts[k] : NULL;
    for (size_t i = 0; i < n;) {
        unsigned left = LOADED;
        uint64_t window = r->pos < beyond ? load(r->p, r->pos) : 0;
        while (i < n) {
            const short_codes *s = table ? &table[window >> 56] : NULL;
            if (s && s->n && left >= 8 && n - i >= SHORT_MAX) {
                for (unsigned j = 0; j < SHORT_MAX; j++)
                    v[i + j] = s->value[j] + base;
                i += s->n;
                window <<= s->bits;
                left -= s->bits;
                continue;
            }
            unsigned zeros = (unsigned)__builtin_clzll(window | 1);
            unsigned len = 2 * zeros + 1 + k;
            if (len > left)
                break;
            window <<= zeros;
            v[i++] = (window >> (63 - zeros - k)) + less;
            window <<= zeros + 1 + k;
            left -= len;
        }
        r->pos += LOADED - left;
        if (left < LOADED)
            continue;
        if (!get_any(r, k, &v[i]))
            return false;
        v[i++] += base;
    }
    return r->pos <= bytes * 8;
}

bool pf_column_get(const uint8_t **p, const uint8_t *end, uint64_t *v, size_t n)
{
    if (!n)
        return true;
    if (*p >= end)
        return false;
    unsigned k = *(*p)++;
    uint64_t base;
    if ((k > 63 && k != ALL_EQUAL) || !pf_varint_get(p, end, &base))
        return false;
    if (k == ALL_EQUAL) {
        for (size_t i = 0; i < n; i++)
            v[i] = base;
        return true;
    }
    pthread_once(&shorts_once, make_shorts);
    bit_reader r = {.p = *p, .end = end};
    if (!get_codes(&r, k, base, v, n))
        return false;
    *p += (r.pos + 7) / 8;
    return true;
}
