/* rootpath.h: where a re-rooted tree begins. Internal to this room.
 *
 * Each element of the path is a frame's name, or what `go tool pprof -top` prints for it ("main.f
 * /src/main.go:12"), URL-escaped; elements are joined by ';'. Where several frames have the name (lines of one
 * function, say), all of them are meant.
 */
#ifndef PF_VIEW_ROOTPATH_H
#define PF_VIEW_ROOTPATH_H

#include "view/view.h"

typedef struct pf_root_path {
    uint32_t n;   /* elements */
    uint8_t *has; /* by element, then frame: a bit each */
    size_t row;   /* bytes of an element */
    bool found;   /* the caller's: a stack began so */
} pf_root_path;

/* In the view's arena. Each element is compared with every frame, so it looks at the view's stop on the way. */
pf_code pf_root_path_make(pf_root_path *r, pf_str text, const pf_view *v, pf_error *err);

/* A path of one element that is not escaped. */
pf_code pf_root_path_make_one(pf_root_path *r, pf_str name, const pf_view *v, pf_error *err);

static inline bool pf_root_path_has(const pf_root_path *r, uint32_t element, uint32_t frame)
{
    return r->has[element * r->row + frame / 8] >> frame % 8 & 1;
}

#endif
