/* merge_state.h: what a merge holds while profiles are added. Internal to merge*.c.
 *
 *     profile -> view: hashes of its strings and functions, numbers of its locations
 *
 *     a pair of numbers -> number
 *     nodes      [the caller's node, location]: a stack is its leaf, 0 the empty one
 *     samples    [leaf, label set]  -> row of values; a node knows that of no labels
 *
 *     128-bit content hash -> number
 *     locations  [address in mapping, the mapping's hash, folded, lines with the functions' hashes]
 *     label sets [keys, values, units]
 *     functions  [names' hashes, start line]        mappings  [size, offset, build id or file]
 *     strings    [text]
 *
 * A location that is known costs one look-up, whatever hangs on it: hashes are made of the hashes
 * of what is referred to, so functions and strings are looked up only for locations that are new. Frames are
 * written out at the end, for the samples that are left.
 */
#ifndef PF_PPROF_MERGE_STATE_H
#define PF_PPROF_MERGE_STATE_H

#include "base/hash.h"
#include "base/map.h"
#include "base/remap.h"
#include "pprof/merge.h"

/* A growing table. Rows are plain structs; `rows` moves when it grows. */
typedef struct pf_rows {
    void *rows;
    uint32_t n;
    uint32_t size; /* of a row, bytes */
    size_t cap;    /* rows */
} pf_rows;

/* Typed access: PF_ROW(&m->location, pf_location, i) is a pf_location *. */
#define PF_ROW(table, type, i) (&((type *)(table)->rows)[i])

typedef struct pf_label_set {
    uint32_t off, n; /* in label[] */
    uint32_t ntext;  /* the first so many have texts, the others numbers */
} pf_label_set;

/* (parent, location) -> node: the numbers of nodes in open addressing, at most half full, 0 for none. What they
 * are compared by stands in the nodes themselves. */
typedef struct pf_merge_nodes {
    uint32_t *slots;
    size_t cap; /* 0 or a power of two */
    unsigned shift;
    uint64_t factor; /* random: who sends profiles has a say in the pairs */
} pf_merge_nodes;

enum { PF_MERGE_TABLES = 16 };

struct pf_merge {
    pf_ledger *budget;
    size_t limit; /* bytes of everything below; 0: none */
    pf_hash_key key;
    bool begun;

    pf_arena texts;   /* the strings' bytes */
    pf_arena scratch; /* for one call */
    union {
        struct {
            pf_rows string;  /* pf_str; 0 is "" */
            pf_rows mapping; /* pf_mapping, pf_function, ...: as in pf_profile */
            pf_rows function;
            pf_rows line;
            pf_rows location;
            pf_rows label;
            pf_rows label_set;
            pf_rows node;       /* pf_tree_node; 0 is the root */
            pf_rows unlabelled; /* by node: the sample without labels, PF_NO_INDEX for none */
            pf_rows leaf;       /* pf_tree_sample; label_off is its label set until the end */
            pf_rows sample, sample_location; /* made at the end, where they are wanted */
            pf_rows value;                   /* int64_t, modulo 2^64 */
            pf_rows carry;   /* int64_t: how often the sum beside it left int64; may be shorter */
            pf_rows comment; /* string numbers */
            pf_rows sample_type;
        };
        pf_rows table[PF_MERGE_TABLES];
    };
    size_t table_bytes;
    union {
        struct {
            pf_map strings, mappings, functions, locations, label_sets, comments;
        };
        pf_map map[6];
    };
    pf_merge_nodes nodes;
    pf_remap labelled; /* node << 32 | label set: samples */

    __int128 duration;
    int64_t time_nanos, period;
    pf_value_type period_type;
    uint32_t drop_frames, keep_frames, default_sample_type, doc_url;
};

/* A frame of the sample before, from the root on. */
typedef struct pf_merge_step {
    uint32_t location; /* of the profile */
    uint32_t node;     /* of the merge */
} pf_merge_step;

/* What became of the labels from some place of label[] on. */
typedef struct pf_merge_labels {
    uint32_t n; /* 0: not known yet */
    uint32_t set;
} pf_merge_labels;

/* A profile that is being added, and what is known of its rows. In the scratch arena. */
typedef struct pf_merge_view {
    const pf_profile *p;
    const pf_tree *tree;  /* its samples, where the profile has none itself; else NULL */
    pf_hash *string_hash; /* their content, as a merge tells it apart */
    pf_hash *mapping_hash, *function_hash, *location_hash;
    uint32_t *mapping;           /* numbers in the merge, or PF_NO_INDEX while not looked up */
    uint32_t *location;          /* likewise */
    pf_merge_step *path;         /* enough for the deepest stack */
    uint32_t depth;              /* steps in it */
    pf_merge_labels *label_runs; /* by label_off */
    char *bytes;                 /* to put together what is hashed: enough for any row */
    struct pf_label_key *labels;
} pf_merge_view;

/* Memory from one of the merge's arenas, within its limit. */
pf_code pf_merge_memory(pf_merge *m, pf_arena *a, size_t count, size_t size, void **out,
                        pf_error *err);

/* `more` rows at the end of the table, which are counted and not filled: *at is the first. */
pf_code pf_merge_append(pf_merge *m, pf_rows *t, size_t more, uint32_t *at, pf_error *err);

/* Room for what a tree brings to a merge that is still empty, where the limits have it: what grows by steps is
 * copied, and touches twice the memory. */
void pf_merge_reserve(pf_merge *m, const pf_profile *p, const pf_tree *tree);

/* Where tables are larger than the caches, a look-up waits for memory: asked for this many rows ahead,
 * it is there in time. */
enum { PF_MERGE_AHEAD = 8 };
static inline void pf_merge_prefetch(const pf_map *map, pf_hash key)
{
    if (map->cap)
        __builtin_prefetch(&map->slots[key.lo & (map->cap - 1)]);
}

/* pf_map_at and pf_remap_at within the limits. */
pf_code pf_merge_slot(pf_merge *m, pf_map *map, pf_hash key, uint32_t **slot, pf_error *err);
pf_code pf_merge_pair(pf_merge *m, pf_remap *map, uint32_t a, uint32_t b, uint32_t **slot,
                      pf_error *err);

/* The node of a location that was called from `parent`; both are the merge's numbers. */
pf_code pf_merge_node(pf_merge *m, uint32_t parent, uint32_t location, uint32_t *out,
                      pf_error *err);
pf_code pf_merge_nodes_begin(pf_merge *m, pf_error *err); /* the root */
void pf_merge_nodes_reserve(pf_merge *m, size_t n);
static inline size_t pf_merge_nodes_bytes(const pf_merge_nodes *n)
{
    return n->cap * sizeof *n->slots;
}
void pf_merge_nodes_free(pf_merge *m);

/* May the merge hold `more` bytes? And the errors when it may not, or there are none. */
bool pf_merge_fits(const pf_merge *m, size_t more);
pf_code pf_merge_over_limit(const pf_merge *m, pf_error *err);
pf_code pf_merge_over_budget(pf_error *err);

/* Numbers of the profile's rows in the merge, which gets them where it has them not; that of a location goes
 * into v->location. */
pf_code pf_merge_view_make(pf_merge *m, const pf_profile *p, const pf_tree *tree, pf_merge_view *v,
                           pf_error *err);
pf_code pf_merge_string(pf_merge *m, pf_hash hash, pf_str s, uint32_t *out, pf_error *err);
pf_code pf_merge_mapping(pf_merge *m, pf_merge_view *v, uint32_t i, uint32_t *out, pf_error *err);
pf_code pf_merge_add_location(pf_merge *m, pf_merge_view *v, uint32_t i, pf_error *err);
pf_code pf_merge_label_set(pf_merge *m, pf_merge_view *v, uint32_t label_off, uint32_t label_n,
                           uint32_t *out, pf_error *err);

static inline pf_code pf_merge_location(pf_merge *m, pf_merge_view *v, uint32_t i, pf_error *err)
{
    return v->location[i] == PF_NO_INDEX ? pf_merge_add_location(m, v, i, err) : PF_OK;
}

#endif
