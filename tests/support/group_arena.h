/* group_arena.h: one arena for all tests of a program, freed when they are over.
 *
 *     return cmocka_run_group_tests(tests, ga_set_up, ga_tear_down);
 */
#ifndef PF_TESTS_GROUP_ARENA_H
#define PF_TESTS_GROUP_ARENA_H

#include "base/arena.h"

extern pf_arena ga_arena;

int ga_set_up(void **state);
int ga_tear_down(void **state);

#endif
