/* xid.h: 12-byte, roughly time-ordered identifiers, as github.com/rs/xid defines them.
 *
 *      0         4       7     9        12
 *     +---------+-------+-----+---------+
 *     | seconds |machine| pid | counter |     big-endian, seconds since the Unix epoch
 *     +---------+-------+-----+---------+
 *
 * Written as 20 characters of lower-case base32hex (RFC 4648, no padding); the last character
 * carries four spare bits that must be zero. Thread-safe.
 */
#ifndef PF_BASE_XID_H
#define PF_BASE_XID_H

#include "base/str.h"

enum { PF_XID_BYTES = 12, PF_XID_CHARS = 20 };

typedef struct pf_xid {
    uint8_t b[PF_XID_BYTES];
} pf_xid;

/* A new one for `seconds` (cut to 32 bits): this machine, this process, the next counter. The
 * counter starts at a random number when the process starts. */
pf_xid pf_xid_new(int64_t seconds);

/* The same with the next counter: for an id that is taken. */
pf_xid pf_xid_next(pf_xid id);

int64_t pf_xid_seconds(pf_xid id);

/* Writes 20 characters and a NUL. */
void pf_xid_format(pf_xid id, char out[static PF_XID_CHARS + 1]);

/* False on any other length or character (upper case too), or spare bits that are not zero. */
bool pf_xid_parse(pf_str s, pf_xid *out);

#endif
