/* labels.h: the key-value pairs that a profile carries and that queries ask for.
 *
 * Written `key=value,key=value`: cut at ',', then at the first '=', both sides trimmed and then
 * unescaped as a URL query is ('+' is a space, %xx). A set is sorted by key, then value; an exact
 * repeat is dropped, a repeated key with another value is kept.
 */
#ifndef PF_PROFILE_LABELS_H
#define PF_PROFILE_LABELS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

enum {
    PF_LABELS_MAX = 32,
    PF_LABEL_KEY_MAX = 128,
    PF_LABEL_VALUE_MAX = 1024
}; /* pairs, bytes, bytes */

typedef struct pf_pair {
    pf_str key, value;
} pf_pair;

typedef struct pf_labels {
    const pf_pair *pairs; /* sorted, no repeats */
    size_t n;
} pf_labels;

/* Parses `text` (already unescaped once, as a query parameter is); pairs and their text live in
 * `a`. A pair with an empty key is dropped, an empty value is kept. PF_INVALID: `bad "labels" "…":
 * why` (a bad escape, over a limit, not UTF-8, a control character). */
pf_code pf_labels_parse(pf_str text, pf_arena *a, pf_labels *out, pf_error *err);

/* True when `have` holds every pair of `want`. */
bool pf_labels_match(pf_labels have, pf_labels want);

bool pf_labels_eq(pf_labels a, pf_labels b);

/* The canonical bytes of a set: per pair varint length and bytes of the key, then of the value.
 * Equal sets have equal bytes. pf_labels_decode reads them back, borrowing from `bytes`; false when
 * malformed. */
void pf_labels_encode(pf_labels l, pf_buf *out);
bool pf_labels_decode(pf_str bytes, pf_arena *a, pf_labels *out);

#endif
