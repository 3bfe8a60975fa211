/* matchers.h: what a query asks of labels, beyond carrying a pair.
 *
 *     labels=zone=eu,host!=web-1,version=~1\.2.*,pod!~canary.*
 *
 * Cut at ','; in each piece the first of =, !=, =~, !~ is the operator, and it is looked for before
 * either side is unescaped: "%7E" is a '~' that belongs to a value, "%2C" a ',' that belongs to a
 * pattern; in patterns a '+' is a '+', not a space. Patterns match a whole value. A profile without
 * the label has the empty value, as in Prometheus; of a label that stands several times, one value
 * must match, or none where the operator is negative.
 */
#ifndef PF_PROFILE_MATCHERS_H
#define PF_PROFILE_MATCHERS_H

#include "base/regex.h"
#include "profile/labels.h"

typedef struct pf_matcher {
    enum {
        PF_MATCH_NOT_EQUAL,
        PF_MATCH_REGEX,
        PF_MATCH_NOT_REGEX,
        PF_MATCH_FIRST, /* never parsed: the first value of the label is `value`; p NULL: there is no such label */
    } op;
    pf_str key, value;
    pf_regex *re; /* of the two with a pattern; belongs to one thread at a time */
} pf_matcher;

typedef struct pf_matchers {
    const pf_matcher *list;
    size_t n;
} pf_matchers;

/* Parses `text` into the pairs that must be carried and the rest; both live in `a`. PF_INVALID as
 * pf_labels_parse, naming the parameter `name`. */
pf_code pf_matchers_parse(const char *name, pf_str text, pf_arena *a, pf_labels *equal,
                          pf_matchers *out, pf_error *err);

/* PF_INVALID: a pattern takes too long. */
pf_code pf_matchers_match(pf_matchers m, pf_labels have, bool *yes, pf_error *err);

#endif
