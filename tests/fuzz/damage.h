/* damage.h: real bytes, damaged as the fuzzer pleases: deeper than bytes made of nothing get. */
#ifndef PF_TESTS_FUZZ_DAMAGE_H
#define PF_TESTS_FUZZ_DAMAGE_H

#include "base/buf.h"

#include <string.h>

/* Applies edits of four bytes: position (two bytes), what to do, value. */
static inline void pf_fuzz_damage(pf_buf *b, const uint8_t *edit, size_t n)
{
    for (; n >= 4 && b->len; edit += 4, n -= 4) {
        size_t at = (edit[0] | (size_t)edit[1] << 8) % b->len;
        switch (edit[2] % 4) {
        case 0:
            b->data[at] = (char)edit[3];
            break;
        case 1:
            b->len = at;
            break;
        case 2:
            memmove(b->data + at, b->data + at + 1, b->len - at - 1);
            b->len--;
            break;
        default:
            pf_buf_putc(b, 0);
            memmove(b->data + at + 1, b->data + at, b->len - at - 1);
            b->data[at] = (char)edit[3];
        }
    }
}

#endif
