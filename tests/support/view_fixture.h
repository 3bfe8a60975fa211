/* view_fixture.h: profiles from a few words, for tests of src/view. All of it ends the test when memory runs out.
 */
#ifndef PF_TESTS_VIEW_FIXTURE_H
#define PF_TESTS_VIEW_FIXTURE_H

#include "view/view.h"

/* A profile of the stacks in `text`, a line each: "main;work;outer|inner 3", outermost first, frames of one
 * location (inner is inlined into outer) joined by '|'; " 3" alone has no stack. Sample types samples/count, with
 * the value, and cpu/nanoseconds, with ten times it. Every frame's function is of that name, in "/src/<name>.go",
 * begins at line 10 and stands at line 12; locations are at 0x1000, 0x1010, ... of "/bin/app". */
pf_profile *vf_profile(pf_arena *a, const char *text);

/* A view of it by its samples. */
pf_view vf_view(pf_arena *a, const pf_profile *p, pf_granularity g);

/* The string's number in the profile, which gets it where it has it not: room for some is left. */
uint32_t vf_string(pf_profile *p, const char *text);

#endif
