#include "pprof/wire.h"

pf_wire_number pf_wire_varint_any(const uint8_t *p, const uint8_t *end)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 70 && p < end; shift += 7) {
        uint8_t c = *p++;
        v |= (uint64_t)(c & 0x7f) << shift; /* at most 63: the tenth byte keeps its lowest bit */
        if (c < 0x80)
            return (pf_wire_number){p, v};
    }
    return (pf_wire_number){NULL, 0};
}
