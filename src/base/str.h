/* str.h: a string slice, the type of every text and byte string that is not a C literal.
 *
 * A pf_str borrows: it owns nothing, is not NUL-terminated, may hold any byte, and is valid for as
 * long as what it points into. {NULL, 0} and {"", 0} are both the empty string. Pass it by value.
 */
#ifndef PF_BASE_STR_H
#define PF_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct pf_str {
    const char *p;
    size_t n; /* bytes */
} pf_str;

/* A slice of a string literal. */
#define PF_STR(lit) ((pf_str){"" lit, sizeof(lit) - 1})

/* For printf's "%.*s": PF_FMT(s) gives both arguments. */
#define PF_FMT(s) (int)((s).n > 0x7fffffff ? 0x7fffffff : (s).n), ((s).p ? (s).p : "")

pf_str pf_str_c(const char *cstr); /* NULL gives the empty string */
bool pf_str_eq(pf_str a, pf_str b);
bool pf_str_eq_nocase(pf_str a, pf_str b); /* ASCII letters fold, other bytes must be equal */
int pf_str_cmp(pf_str a, pf_str b);        /* by bytes, then by length: <0, 0, >0 */
bool pf_str_has_prefix(pf_str s, pf_str prefix);
pf_str pf_str_trim(pf_str s); /* without ASCII white space at both ends */

/* Cuts at the first `sep`: *head is what stands before it, *tail what follows. Returns false, with
 * the whole string in *head and an empty *tail, when there is no `sep`. */
bool pf_str_cut(pf_str s, char sep, pf_str *head, pf_str *tail);

/* A decimal int64 with an optional sign, nothing else around it. False on anything else, overflow
 * too. */
bool pf_str_to_i64(pf_str s, int64_t *out);

/* True when the bytes are well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms, at most
 * U+10FFFF). */
bool pf_str_is_utf8(pf_str s);

/* The code point at s.p[at], its bytes in *n; U+FFFD, of one byte, where none is well-formed. */
uint32_t pf_str_code_point(pf_str s, size_t at, size_t *n);

/* True when a byte below 0x20, or 0x7f, or a C1 control character (U+0080-U+009F) stands in it. */
bool pf_str_has_control(pf_str s);

#endif
