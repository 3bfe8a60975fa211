#include "server/http/patience.h"

#include "base/clock.h"

#include <string.h>

/* RFC 9113 4.1 and 6. */
enum {
    PREFACE = 24,
    HEADER = 9,
    DATA = 0,
    HEADERS = 1,
    SETTINGS = 4,
    CONTINUATION = 9,
    FLAG_ACK = 1,
    FLAG_END_STREAM = 1,
    FLAG_PADDED = 8,
};

void pf_patience_init(pf_patience *p, unsigned most_continuations, int64_t now)
{
    *p = (pf_patience){
        .left = PF_PATIENCE, .at = now, .most_continuations = most_continuations, .skip = PREFACE};
}

bool pf_patience_lose(pf_patience *p, int64_t cost)
{
    p->left -= cost;
    return p->left >= 0;
}

void pf_patience_gain(pf_patience *p, int64_t gain)
{
    p->left = p->left + gain > PF_PATIENCE ? PF_PATIENCE : p->left + gain;
}

void pf_patience_gain_bytes(pf_patience *p, size_t n)
{
    p->bytes += n;
    pf_patience_gain(p, (int64_t)(p->bytes / PF_PATIENCE_BYTES));
    p->bytes %= PF_PATIENCE_BYTES;
}

static void gain_by_time(pf_patience *p, int64_t now)
{
    int64_t step = PF_NS_PER_SEC / PF_PATIENCE_PER_SECOND, steps = (now - p->at) / step;
    if (steps > 0) {
        p->at += steps * step;
        pf_patience_gain(p, steps);
    }
}

static size_t length_of(const pf_patience *p)
{
    return (size_t)p->header[0] << 16 | (size_t)p->header[1] << 8 | p->header[2];
}

/* Padded data tells behind its header how much of it is padding. */
static size_t wanted(const pf_patience *p)
{
    bool padded = p->have >= HEADER && p->header[3] == DATA && p->header[4] & FLAG_PADDED;
    return padded && length_of(p) > 0 ? HEADER + 1 : HEADER;
}

static bool is_empty_data(const pf_patience *p)
{
    size_t padding = wanted(p) > HEADER ? 1 + (size_t)p->header[HEADER] : 0;
    return length_of(p) <= padding && !(p->header[4] & FLAG_END_STREAM);
}

static bool judge_frame(pf_patience *p)
{
    uint8_t type = p->header[3];
    p->continuations = type == CONTINUATION ? p->continuations + 1 : 0;
    if (p->continuations > p->most_continuations)
        return false;
    switch (type) {
    case DATA:
        return !is_empty_data(p) || pf_patience_lose(p, 1);
    case HEADERS: /* what becomes of the request counts */
        return true;
    case SETTINGS:
        return pf_patience_lose(p, p->header[4] & FLAG_ACK ? 1 : PF_PATIENCE_RESET);
    default:
        return pf_patience_lose(p, 1);
    }
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

bool pf_patience_watch(pf_patience *p, const uint8_t *data, size_t n, int64_t now)
{
    gain_by_time(p, now);
    for (size_t at = 0; at < n;) {
        size_t step = least(n - at, p->skip ? p->skip : wanted(p) - p->have);
        if (p->skip) {
            p->skip -= step;
        } else {
            memcpy(p->header + p->have, data + at, step);
            p->have += step;
        }
        at += step;
        if (p->skip || p->have < wanted(p))
            continue;
        if (!judge_frame(p))
            return false;
        p->skip = HEADER + length_of(p) - p->have;
        p->have = 0;
    }
    return true;
}
