#include "base/xid.h"

#include "base/hash.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

static const char digits[] = "0123456789abcdefghijklmnopqrstuv";

static struct {
    uint8_t machine[3];
    uint8_t pid[2];
    atomic_uint counter;
} self;

static void self_init(void)
{
    struct utsname u;
    memset(&u, 0, sizeof u);
    uname(&u);
    pf_hash h = pf_hash_fixed(pf_str_c(u.nodename));
    memcpy(self.machine, &h.lo, sizeof self.machine);
    unsigned pid = (unsigned)getpid();
    self.pid[0] = (uint8_t)(pid >> 8);
    self.pid[1] = (uint8_t)pid;
    unsigned start = 0;
    pf_random(&start, sizeof start);
    atomic_init(&self.counter, start);
}

static void put_counter(pf_xid *id, unsigned c)
{
    id->b[9] = (uint8_t)(c >> 16);
    id->b[10] = (uint8_t)(c >> 8);
    id->b[11] = (uint8_t)c;
}

pf_xid pf_xid_new(int64_t seconds)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, self_init);
    pf_xid id;
    uint32_t s = (uint32_t)seconds;
    for (int i = 0; i < 4; i++)
        id.b[i] = (uint8_t)(s >> (24 - 8 * i));
    memcpy(id.b + 4, self.machine, 3);
    memcpy(id.b + 7, self.pid, 2);
    put_counter(&id, atomic_fetch_add(&self.counter, 1));
    return id;
}

pf_xid pf_xid_next(pf_xid id)
{
    unsigned c = (unsigned)id.b[9] << 16 | (unsigned)id.b[10] << 8 | id.b[11];
    put_counter(&id, c + 1);
    return id;
}

int64_t pf_xid_seconds(pf_xid id)
{
    return (int64_t)((uint32_t)id.b[0] << 24 | (uint32_t)id.b[1] << 16 | (uint32_t)id.b[2] << 8 |
                     id.b[3]);
}

void pf_xid_format(pf_xid id, char out[static PF_XID_CHARS + 1])
{
    unsigned bits = 0, have = 0, n = 0;
    for (int i = 0; i < PF_XID_BYTES; i++) {
        bits = bits << 8 | id.b[i];
        for (have += 8; have >= 5; have -= 5)
            out[n++] = digits[bits >> (have - 5) & 31];
    }
    out[n++] = digits[bits << (5 - have) & 31]; /* 96 bits: one is left for the last character */
    out[n] = 0;
}

bool pf_xid_parse(pf_str s, pf_xid *out)
{
    if (s.n != PF_XID_CHARS)
        return false;
    unsigned bits = 0, have = 0, n = 0;
    for (size_t i = 0; i < s.n; i++) {
        const char *at = s.p[i] ? strchr(digits, s.p[i]) : NULL;
        if (!at)
            return false;
        bits = bits << 5 | (unsigned)(at - digits);
        have += 5;
        if (have >= 8) {
            have -= 8;
            out->b[n++] = (uint8_t)(bits >> have);
        }
    }
    return (bits & ((1u << have) - 1)) == 0;
}
