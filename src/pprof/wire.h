/* wire.h: reading protobuf's wire format. Internal to this room.
 *
 * A message is a run of fields, each a tag (number << 3 | type, a varint) and a value: a varint
 * (type 0), eight bytes (1), a length and that many bytes (2) or four bytes (5). Nothing here
 * allocates; what is read borrows from the bytes. It accepts and refuses what google/pprof's
 * profile/proto.go does: varints of up to ten bytes, bits above 64 dropped; groups (types 3 and 4)
 * refused; any field number taken, 0 too.
 */
#ifndef PF_PPROF_WIRE_H
#define PF_PPROF_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct pf_wire { /* what is left to read */
    const uint8_t *p, *end;
} pf_wire;

enum { PF_WIRE_VARINT = 0, PF_WIRE_FIXED64 = 1, PF_WIRE_BYTES = 2, PF_WIRE_FIXED32 = 5 };

typedef enum pf_wire_code {
    PF_WIRE_OK = 0,
    PF_WIRE_BAD_VARINT,
    PF_WIRE_NOT_ENOUGH,
    PF_WIRE_TOO_MUCH,
    PF_WIRE_UNKNOWN_TYPE,
} pf_wire_code;

typedef struct pf_field {
    uint64_t number;
    unsigned type;
    uint64_t num; /* PF_WIRE_VARINT: the value */
    pf_wire body; /* PF_WIRE_BYTES: the bytes */
} pf_field;

#define PF_WIRE_INLINE static inline __attribute__((always_inline))

/* What a varint is and where it ends; NULL when it does not. Two registers: a reader whose address
 * is never taken stays in registers, too. */
typedef struct pf_wire_number {
    const uint8_t *end;
    uint64_t v;
} pf_wire_number;

/* A varint of any length. */
pf_wire_number pf_wire_varint_any(const uint8_t *p, const uint8_t *end);

/* Reads a varint; false when it is cut off or longer than ten bytes. One and two bytes, which
 * nearly all have, are read in place. */
PF_WIRE_INLINE bool pf_wire_varint(pf_wire *w, uint64_t *out)
{
    if (w->p < w->end && w->p[0] < 0x80) {
        *out = *w->p++;
        return true;
    }
    if (w->end - w->p >= 2 && w->p[1] < 0x80) {
        *out = (w->p[0] & 0x7f) | (uint64_t)w->p[1] << 7;
        w->p += 2;
        return true;
    }
    pf_wire_number n = pf_wire_varint_any(w->p, w->end);
    if (!n.end)
        return false;
    w->p = n.end;
    *out = n.v;
    return true;
}

/* Reads the scalar `number` (below 16) when it stands next; false when its varint is bad. */
PF_WIRE_INLINE bool pf_wire_take(pf_wire *w, unsigned number, uint64_t *out)
{
    if (w->p == w->end || *w->p != number << 3)
        return true;
    w->p++;
    return pf_wire_varint(w, out);
}

PF_WIRE_INLINE pf_wire_code pf_wire_skip_fixed(pf_wire *w, size_t n)
{
    if ((size_t)(w->end - w->p) < n)
        return PF_WIRE_NOT_ENOUGH;
    w->p += n;
    return PF_WIRE_OK;
}

/* Reads `number` (below 16) when it stands next as a field of bytes; false, and nothing read, when it does not
 * or is not well-formed: pf_wire_next will tell. */
PF_WIRE_INLINE bool pf_wire_take_bytes(pf_wire *w, unsigned number, pf_wire *body)
{
    uint64_t n;
    if (w->p == w->end || *w->p != (number << 3 | PF_WIRE_BYTES))
        return false;
    pf_wire at = {w->p + 1, w->end};
    if (!pf_wire_varint(&at, &n) || n > (size_t)(at.end - at.p))
        return false;
    *body = (pf_wire){at.p, at.p + n};
    w->p = at.p + n;
    return true;
}

/* Reads the next field, tag and value; w->p < w->end. Number and type are set as soon as the
 * tag is read, so that an error can name them. */
PF_WIRE_INLINE pf_wire_code pf_wire_next(pf_wire *w, pf_field *f)
{
    uint64_t v;
    *f = (pf_field){0};
    if (!pf_wire_varint(w, &v))
        return PF_WIRE_BAD_VARINT;
    f->number = v >> 3;
    f->type = (unsigned)v & 7;
    switch (f->type) {
    case PF_WIRE_VARINT:
        return pf_wire_varint(w, &f->num) ? PF_WIRE_OK : PF_WIRE_BAD_VARINT;
    case PF_WIRE_BYTES:
        if (!pf_wire_varint(w, &v))
            return PF_WIRE_BAD_VARINT;
        if (v > (size_t)(w->end - w->p))
            return PF_WIRE_TOO_MUCH;
        f->body = (pf_wire){w->p, w->p + v};
        w->p += v;
        return PF_WIRE_OK;
    case PF_WIRE_FIXED64:
        return pf_wire_skip_fixed(w, 8);
    case PF_WIRE_FIXED32:
        return pf_wire_skip_fixed(w, 4);
    default:
        return PF_WIRE_UNKNOWN_TYPE;
    }
}

/* The first n (below 8) of eight bytes as they stood in memory; the others as no end of a varint. */
PF_WIRE_INLINE uint64_t pf_wire_pad(uint64_t eight, unsigned n)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return eight | UINT64_MAX << 8 * n;
#else
    return eight | UINT64_MAX >> 8 * n;
#endif
}

/* How many varints end in eight bytes. */
PF_WIRE_INLINE size_t pf_wire_count_ends(uint64_t eight)
{
    const uint64_t tops = UINT64_C(0x8080808080808080), ones = UINT64_C(0x0101010101010101);
    return (((~eight & tops) >> 7) * ones) >> 56; /* adds up the eight bytes */
}

/* How many varints end in the bytes: an upper bound of how many can be read from them, and exactly
 * that many when all are well-formed. Bytes up to `limit`, behind w.end, may be looked at. */
PF_WIRE_INLINE size_t pf_wire_count_varints(pf_wire w, const uint8_t *limit)
{
    uint64_t eight;
    size_t n = 0;
    for (; w.end - w.p >= 8; w.p += 8) {
        memcpy(&eight, w.p, 8);
        n += pf_wire_count_ends(eight);
    }
    if (limit - w.p >= 8) { /* a loop of a few rounds, now one and now six, is slow */
        memcpy(&eight, w.p, 8);
        return n + pf_wire_count_ends(pf_wire_pad(eight, (unsigned)(w.end - w.p)));
    }
    for (; w.p < w.end; w.p++)
        n += *w.p < 0x80;
    return n;
}

#endif
