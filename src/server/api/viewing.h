/* viewing.h: one request for a view, from its parameters to its answer (view.c, diff.c).
 *
 *     pf_viewing_read --> (the store's profile) --> pf_viewing_show: prune, filter, src/view --> pf_viewing_reply
 *
 * The arena and the answer are each bounded by -query.max-memory. Belongs to one request.
 */
#ifndef PF_SERVER_API_VIEWING_H
#define PF_SERVER_API_VIEWING_H

#include "server/api/internal.h"
#include "view/filter.h"
#include "view/flame.h"
#include "view/json.h"

typedef enum pf_format {
    PF_FORMAT_PPROF,
    PF_FORMAT_FLAMEGRAPH,
    PF_FORMAT_TOP,
    PF_FORMAT_FOLDED,
    PF_FORMAT_SVG,
    PF_FORMAT_DOT,
    PF_FORMAT_PGO,
    PF_FORMATS
} pf_format;

typedef struct pf_viewing {
    pf_op op;
    pf_format format;
    pf_view_options options;
    pf_filter filter;
    pf_flame_options flame; /* max_nodes is a dot's, too */
    int64_t rows;           /* of a top; 0: all */
    pf_arena arena;
    pf_buf out;
} pf_viewing;

/* PF_INVALID names the parameter. pf_viewing_free is right after an error, too. */
pf_code pf_viewing_read(pf_api *api, pf_req *req, pf_viewing *w, pf_error *err);
void pf_viewing_free(pf_viewing *w);

/* Makes the answer of `m`. */
pf_code pf_viewing_show(pf_viewing *w, const pf_merged *m, pf_error *err);

/* Sends what was made, or the error. `stem` names what is saved as a file. */
void pf_viewing_reply(pf_req *req, pf_viewing *w, pf_code code, const char *stem,
                      const pf_error *err);

#endif
