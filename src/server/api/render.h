/* render.h: one request for a view, from its parameters to its answer (get.c, diff.c).
 *
 *     pf_render_read --> (the store's profile) --> pf_render_make: prune, filter, src/view --> pf_render_reply
 *
 * The arena and the answer are each bounded by -query.max-memory. Belongs to one request.
 */
#ifndef PF_SERVER_API_RENDER_H
#define PF_SERVER_API_RENDER_H

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

typedef struct pf_render {
    pf_op op;
    pf_format format;
    pf_view_options options;
    pf_filter filter;
    pf_flame_options flame; /* max_nodes is a dot's, too */
    int64_t rows;           /* of a top; 0: all */
    pf_arena arena;
    pf_buf out;
} pf_render;

/* PF_INVALID names the parameter. pf_render_free is right after an error, too. */
pf_code pf_render_read(pf_call *call, pf_render *r, pf_error *err);
void pf_render_free(pf_render *r);

/* Makes the answer of `m`. */
pf_code pf_render_make(pf_render *r, const pf_merged *m, pf_error *err);

/* Sends what was made. `stem` names what is saved as a file. */
void pf_render_reply(pf_req *req, pf_render *r, const char *stem);

#endif
