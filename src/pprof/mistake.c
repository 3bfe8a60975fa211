#include "pprof/mistake.h"

#include <string.h>

#define LEGACY(what) "the legacy " what " format is not supported, only profile.proto is"

static bool contains(pf_str s, const char *what)
{
    return memmem(s.p, s.n, what, strlen(what)) != NULL;
}

/* A word of a gperftools CPU profile: `size` bytes, of either byte order. */
static uint64_t word(const uint8_t *p, unsigned size, bool big_endian)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < size; i++)
        v = v << 8 | p[big_endian ? i : size - 1 - i];
    return v;
}

/* Five words: 0, 3 (words of header that follow), a version of 0 (or 1 from Java), the period in
 * microseconds, 0. */
static const char *legacy_cpu(pf_str s)
{
    static const struct {
        unsigned size;
        bool big_endian;
    } forms[] = {{4, false}, {4, true}, {8, false}, {8, true}};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        uint64_t w[5];
        if (s.n < 5 * forms[i].size)
            continue;
        for (unsigned k = 0; k < 5; k++)
            w[k] =
                word((const uint8_t *)s.p + k * forms[i].size, forms[i].size, forms[i].big_endian);
        if (w[0] != 0 || w[1] != 3 || w[2] > 1 || w[3] == 0 || w[4] != 0)
            continue;
        return w[2] ? LEGACY("Java CPU profile") : LEGACY("gperftools CPU profile");
    }
    return NULL;
}

/* Text: its first line that is neither blank nor a comment says what it is. */
static const char *legacy_text(pf_str s)
{
    s.n = s.n < 4096 ? s.n : 4096;
    pf_str line, rest = s;
    do {
        s = rest;
        pf_str_cut(s, '\n', &line, &rest);
        line = pf_str_trim(line);
    } while (rest.n && (line.n == 0 || line.p[0] == '#'));
    bool java = contains(s, "\nformat = java");
    if (pf_str_has_prefix(line, PF_STR("heap profile:")))
        return LEGACY("heap text") " (from a Go program, fetch it without ?debug=1)";
    if (pf_str_has_prefix(line, PF_STR("--- heapz ")))
        return java ? LEGACY("Java heap text") : LEGACY("heap text");
    if (pf_str_has_prefix(line, PF_STR("--- contentionz ")) ||
        pf_str_has_prefix(line, PF_STR("--- contention:")) ||
        pf_str_has_prefix(line, PF_STR("--- mutex:")))
        return java ? LEGACY("Java contention text")
                    : LEGACY("contention text") " (from a Go program, fetch it without ?debug=1)";
    if (pf_str_has_prefix(line, PF_STR("--- threadz ")) ||
        pf_str_has_prefix(line, PF_STR("--- Thread ")))
        return LEGACY("thread text");
    if (contains(line, " profile: total "))
        return LEGACY("Go count text") " (fetch it without ?debug=1)";
    if (pf_str_has_prefix(line, PF_STR("goroutine ")) && contains(line, "]:"))
        return LEGACY("goroutine dump") " (fetch it without ?debug=2)";
    return NULL;
}

bool pf_mistake_is_curl_d(pf_str s)
{
    enum { LONG_ENOUGH = 512 }; /* random bytes hold none of the three with a chance of 1 in 400 */
    return s.n >= LONG_ENOUGH && !memchr(s.p, '\n', s.n) && !memchr(s.p, '\r', s.n) &&
           !memchr(s.p, 0, s.n);
}

const char *pf_mistake_of(pf_str s, bool damaged)
{
    if (s.n >= 16 && pf_str_has_prefix(s, PF_STR("go 1.")) &&
        contains((pf_str){s.p, 16}, " trace\0"))
        return "this is a Go execution trace, not a pprof profile: push it with type=trace";
    const char *legacy = legacy_cpu(s);
    if (!legacy)
        legacy = legacy_text(s);
    if (legacy)
        return legacy;
    if (damaged && pf_mistake_is_curl_d(s))
        return "not a profile, and without a line break or a zero byte in it: " PF_MISTAKE_CURL_D;
    return NULL;
}
