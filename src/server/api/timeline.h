/* timeline.h: values over time, in steps and groups: what /api/0/series answers with.
 *
 *     start      +step     +2 step
 *       |          |          |
 *     [ sum, count, duration ][ ... ][ ... ]      one row a group: a value of the label that is grouped by
 *
 * Only steps in which a group has something are kept, so that memory goes with the profiles, not with groups
 * times steps. Belongs to one request.
 */
#ifndef PF_SERVER_API_TIMELINE_H
#define PF_SERVER_API_TIMELINE_H

#include "base/map.h"
#include "storage/storage.h"

enum { PF_TIMELINE_POINTS = 10000, PF_TIMELINE_GROUPS = 50 };

typedef struct pf_step {
    int64_t sum, count, duration; /* duration in ns; all stay at int64's ends */
} pf_step;

typedef struct pf_group {
    pf_str value;
    bool has_label, is_other;
    pf_step all;
    uint32_t last, last_cell; /* the step that was added to last */
} pf_group;

typedef struct pf_cell {
    uint32_t group, step;
    pf_step at;
} pf_cell;

typedef struct pf_timeline {
    int64_t start, step; /* ns */
    uint32_t points;
    pf_str group_by; /* empty: one group */
    bool is_cumulative;

    pf_arena *arena;
    pf_map groups_by_value, cells_by_place;
    pf_hash_key key; /* of both maps */
    pf_group *group;
    pf_cell *cell;
    uint32_t *of_series; /* by series: its group's index, and one more; 0: not known */
    uint32_t ngroup, ncell, group_cap, cell_cap, series_cap;
} pf_timeline;

/* Steps of `step` ns that cover [from, to], beginning at a multiple of it; step 0: one that makes about 120.
 * PF_INVALID: more than PF_TIMELINE_POINTS. */
pf_code pf_timeline_init(pf_timeline *t, int64_t from, int64_t to, int64_t step, pf_str group_by,
                         pf_arena *a, pf_error *err);
void pf_timeline_free(pf_timeline *t);

pf_code pf_timeline_add(pf_timeline *t, const pf_total *one, int64_t value, pf_error *err);

/* Sorts the groups, the largest first, and joins those behind PF_TIMELINE_GROUPS as the last one. */
pf_code pf_timeline_finish(pf_timeline *t, pf_error *err);

/* The steps of a group after the finish: t->points of them. */
void pf_timeline_row(const pf_timeline *t, uint32_t group, pf_step *out);

/* "30", "30s", "5m", "1h", "1d": ns; false on anything else, 0 and what int64 can't hold. */
bool pf_step_parse(pf_str text, int64_t *ns);

#endif
