/* match.h: a pattern held against the texts of one profile, each looked at once. Internal to this room. */
#ifndef PF_VIEW_MATCH_H
#define PF_VIEW_MATCH_H

#include "base/regex.h"
#include "view/view.h"

typedef struct pf_text_match {
    pf_regex *re; /* NULL: nothing matches */
    const char *name;
    const pf_profile *p;
    const pf_stop *stop;
    uint8_t *known; /* by string */
    unsigned looked;
} pf_text_match;

/* `name` is the option that errors name. */
pf_code pf_text_match_init(pf_text_match *m, pf_regex *re, const char *name, const pf_profile *p,
                           const pf_stop *stop, pf_arena *a, pf_error *err);

pf_code pf_text_match_string(pf_text_match *m, uint32_t string, bool *yes, pf_error *err);

/* By the function's name or file. */
pf_code pf_text_match_line(pf_text_match *m, const pf_line *line, bool *yes, pf_error *err);

/* By the file of the mapping; false where there is none. */
pf_code pf_text_match_binary(pf_text_match *m, const pf_location *loc, bool *yes, pf_error *err);

#endif
