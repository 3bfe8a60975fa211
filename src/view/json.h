/* json.h: views as JSON, shapes in docs/query-api.md. Appends to `out`; look at out->failed at the end.
 *
 * Texts that are not UTF-8 are shown with U+FFFD. Values are whole numbers, also beyond 2^53.
 */
#ifndef PF_VIEW_JSON_H
#define PF_VIEW_JSON_H

#include "view/flame.h"
#include "view/top.h"

/* What the shapes say of the profile besides the view. */
typedef struct pf_view_facts {
    uint64_t profiles;  /* how many were merged */
    const char *time;   /* RFC 3339 of the earliest */
    bool shows_address; /* granularity is addresses */
} pf_view_facts;

/* PF_QUERY_LIMIT when the arena is at its limit. */
pf_code pf_json_flame(const pf_flame *f, const pf_view *v, const pf_view_facts *facts, pf_buf *out,
                      pf_error *err);
void pf_json_top(const pf_top *t, const pf_view *v, const pf_view_facts *facts, pf_buf *out);

/* {"type":…,"unit":…} */
void pf_json_sample_type(const pf_profile *p, uint32_t type, pf_buf *out);

#endif
