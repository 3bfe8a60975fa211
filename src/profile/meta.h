/* meta.h: what is known of a stored profile, and what is asked of a store.
 *
 * All texts are borrowed; the function that hands a meta out says for how long.
 */
#ifndef PF_PROFILE_META_H
#define PF_PROFILE_META_H

#include "profile/matchers.h"
#include "profile/type.h"

enum { PF_SERVICE_MAX = 255, PF_ID_MAX = 1024 }; /* bytes */

typedef struct pf_meta {
    pf_str id; /* opaque outside the store that gave it */
    pf_str service;
    pf_labels labels;
    pf_type type;
    int64_t created_at; /* ns, see time.h */
} pf_meta;

/* Which profiles: those of `service`, of `type` (any when PF_TYPE_UNKNOWN), created in [from, to],
 * carrying every pair of `labels` and passing all `matchers`. In order of created_at, then id. */
typedef struct pf_query {
    pf_str service;
    pf_labels labels;
    pf_matchers matchers;
    pf_type type;
    int64_t from, to; /* ns, both inclusive */
    int64_t limit;    /* the newest N of those; 0 or less: all */
} pf_query;

/* 1 to PF_SERVICE_MAX bytes of UTF-8 without control characters; PF_INVALID says what is wrong. */
pf_code pf_service_check(pf_str service, pf_error *err);

#endif
