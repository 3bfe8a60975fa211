#include "support/group_arena.h"

pf_arena ga_arena;

int ga_set_up(void **state)
{
    (void)state;
    pf_arena_init(&ga_arena, NULL, 0);
    return 0;
}

int ga_tear_down(void **state)
{
    (void)state;
    pf_arena_free(&ga_arena);
    return 0;
}
