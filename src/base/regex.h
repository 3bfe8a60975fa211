/* regex.h: regular expressions from outside, on PCRE2, that can't be made to burn the machine.
 *
 * Go's syntax (RE2) is all but a subset of Perl's, so patterns written for `go tool pprof` mean the same
 * here: unanchored, '$' only at the very end, texts that are not UTF-8 match as far as they are. What
 * backtracks too much is given up: each match has a limit of steps and memory, and all matches of one
 * pf_regex together have a limit of time.
 *
 *     pf_regex *re;
 *     if ((code = pf_regex_new(pattern, PF_REGEX_SEARCH, &re, &err))) ...
 *     code = pf_regex_match(re, text, &yes, &err);
 *     pf_regex_free(re);
 *
 * Owns its memory (malloc) unless it is made in an arena. Not thread-safe.
 */
#ifndef PF_BASE_REGEX_H
#define PF_BASE_REGEX_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

enum { PF_REGEX_PATTERN_MAX = 1024 }; /* bytes */

typedef enum pf_regex_kind {
    PF_REGEX_SEARCH, /* matches anywhere in the text */
    PF_REGEX_WHOLE,  /* must match the whole text */
} pf_regex_kind;

typedef struct pf_regex pf_regex;

/* PF_INVALID with a message that says what is wrong with the pattern, and where. */
pf_code pf_regex_new(pf_str pattern, pf_regex_kind kind, pf_regex **out, pf_error *err);

/* The same with its memory in `a`: nothing to free. For few matches: it is not compiled to machine code. */
pf_code pf_regex_new_in(pf_arena *a, pf_str pattern, pf_regex_kind kind, pf_regex **out,
                        pf_error *err);

/* PF_INVALID: "takes too long to match". */
pf_code pf_regex_match(pf_regex *re, pf_str text, bool *yes, pf_error *err);

void pf_regex_free(pf_regex *re); /* NULL is allowed */

#endif
