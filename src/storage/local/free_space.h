/* free_space.h: stops writing while the file system still has room, and resumes when it has room again.
 *
 * The file system is asked once a second (pf_free_space_look, the committer's thread); a write only
 * reads what was seen then, so that checking costs nothing. Thread-safe.
 */
#ifndef PF_STORAGE_LOCAL_FREE_SPACE_H
#define PF_STORAGE_LOCAL_FREE_SPACE_H

#include "base/error.h"

#include <stdatomic.h>
#include <stdint.h>

typedef struct pf_free_space {
    const char *dir;   /* borrowed */
    int64_t min_free;  /* bytes */
    atomic_llong free; /* seen last; INT64_MAX when the file system does not say */
} pf_free_space;

void pf_free_space_init(pf_free_space *s, const char *dir, int64_t min_free);
void pf_free_space_look(pf_free_space *s);

/* PF_UNAVAILABLE, naming both figures, while less than min_free is free. */
pf_code pf_free_space_check(const pf_free_space *s, pf_error *err);

#endif
