/* pairs.h: a growing array of items that are found by two numbers. Internal to this room.
 *
 *     (parent 3, frame 17) --hash--> slot --> number 42 --> key[42], item 42
 *
 * A tree's nodes by (parent, frame), a graph's edges by (from, to). Items are numbered in the order in which they
 * come and begin as zeros. All of it lives in an arena: growing leaves the smaller arrays behind there, which
 * comes to as much again as the last ones.
 */
#ifndef PF_VIEW_PAIRS_H
#define PF_VIEW_PAIRS_H

#include "base/arena.h"

typedef struct pf_pairs {
    pf_arena *arena;
    const char *what; /* that there are too many of: "nodes" */
    size_t size;      /* of an item */
    void *item;       /* n of them; moves when one is added */
    uint64_t *key;    /* of each: first << 32 | second */
    uint32_t *slot;   /* an item's number, one more; 0 is empty */
    uint32_t n, cap;  /* cap is a power of two, slots are twice as many */
    uint64_t
        factor; /* of the hash: random, since who sends a profile has a say in the numbers; 0: not chosen yet */
    unsigned shift; /* leaves the bits that number the slots */
} pf_pairs;

/* The number of the item of (first, second), made where there is none. PF_QUERY_LIMIT. */
pf_code pf_pairs_at(pf_pairs *p, uint32_t first, uint32_t second, uint32_t *number, pf_error *err);

#endif
