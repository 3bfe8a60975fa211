/* profile.h: a pprof profile in memory, the message Profile of profile.proto field by field.
 * Source: github.com/google/pprof, proto/profile.proto and profile/{encode,profile}.go.
 *
 * Tables are flat arrays and references between them are indexes, not ids and not pointers:
 *
 *     sample[i] ---loc_off, loc_n------> sample_location[] --> location[]
 *         |\----label_off, label_n--> label[]
 *          \----i * nsample_type-----> value[]
 *
 *     location[i] ---line_off, line_n--> line[] --> function[]
 *          \----------------------------> mapping[]
 *
 * Every text is an index in string[].
 *
 * Nothing is lost: ids are kept beside the indexes, order is kept everywhere, unreferenced entries
 * and unused strings stay, and a profile encodes to the same fields that it was decoded from.
 *
 * Ownership: all arrays live in the arena that pf_profile_decode or the builder was given, and the
 * text of string[] points into the decoded bytes: both must outlive the profile. Nothing to free.
 * Thread-safety: read-only once made.
 */
#ifndef PF_PPROF_PROFILE_H
#define PF_PPROF_PROFILE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

#define PF_NO_INDEX UINT32_MAX /* a reference to nothing */

typedef struct pf_value_type {
    uint32_t type, unit; /* strings: "cpu", "nanoseconds" */
} pf_value_type;

typedef struct pf_sample {
    uint32_t loc_off, loc_n;     /* in sample_location[]; leaf first; an empty stack is legal */
    uint32_t label_off, label_n; /* in label[], as they stood; samples may share a range */
} pf_sample;

typedef struct pf_label {
    int64_t num;
    uint32_t key, str, unit; /* strings; str 0 and unit 0 mean "not set" */
} pf_label;

enum { /* pf_mapping.flags */
       PF_HAS_FUNCTIONS = 1,
       PF_HAS_FILENAMES = 2,
       PF_HAS_LINE_NUMBERS = 4,
       PF_HAS_INLINE_FRAMES = 8,
};

typedef struct pf_mapping {
    uint64_t id; /* not 0, unique */
    uint64_t start, limit, offset;
    uint32_t file, build_id; /* strings */
    uint32_t flags;
} pf_mapping;

typedef struct pf_location {
    uint64_t id;         /* not 0, unique */
    uint64_t address;    /* absolute */
    uint64_t mapping_id; /* as it stood: not 0 with mapping == PF_NO_INDEX is an id that exists
                            nowhere */
    uint32_t mapping;    /* index, or PF_NO_INDEX */
    uint32_t line_off, line_n; /* in line[]: innermost inlined frame first, the caller last */
    bool folded;
} pf_location;

typedef struct pf_line {
    int64_t line, column;
    uint32_t function; /* index; always valid after validation */
} pf_line;

typedef struct pf_function {
    uint64_t id; /* not 0, unique */
    int64_t start_line;
    uint32_t name, system_name, filename; /* strings */
} pf_function;

typedef struct pf_profile {
    pf_str *string; /* string[0] is "" */
    pf_value_type *sample_type;
    pf_sample *sample;
    int64_t *value; /* nsample * nsample_type, sample by sample */
    uint32_t *sample_location;
    pf_label *label;
    pf_mapping *mapping;
    pf_location *location;
    pf_line *line;
    pf_function *function;
    uint32_t *comment; /* strings */
    uint32_t nstring, nsample_type, nsample, nsample_location, nlabel, nmapping, nlocation, nline,
        nfunction, ncomment;

    int64_t time_nanos, duration_nanos, period;
    pf_value_type period_type;
    bool has_period_type; /* the message was there, if empty */
    uint32_t drop_frames, keep_frames, default_sample_type, doc_url; /* strings, 0 for none */

    /* Something was left out: a field that profile.proto does not define, or a unit beside a label's
     * text that is no string of the table. Encoding does not bring it back. */
    bool has_unknown_fields;
} pf_profile;

/* Samples beside a profile that has none itself, whose stacks share what they have in common.
 *
 *     sample[i] --leaf--> node[] --parent--> node[] ... --> node[0], the root: an empty stack
 *                              \--location--> location[] of the profile
 *
 * A parent stands before its children; node[0] is there and not looked at. */
typedef struct pf_tree_node {
    uint32_t parent, location;
} pf_tree_node;

typedef struct pf_tree_sample {
    uint32_t leaf;               /* node */
    uint32_t label_off, label_n; /* as in pf_sample */
} pf_tree_sample;

typedef struct pf_tree {
    const pf_tree_node *node;
    const pf_tree_sample *sample;
    const int64_t *value; /* sample by sample, as in pf_profile */
    uint32_t nnode, nsample;
} pf_tree;

/* A sample whose n values are all 0 says nothing: a merge leaves it out. */
static inline bool pf_values_all_zero(const int64_t *value, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (value[i])
            return false;
    return true;
}

/* Decodes `bytes` (bare protobuf, see gzip.h for the rest) into `a` and checks it by the rules of
 * google/pprof's CheckValid. One counting pass sizes the arrays before anything is allocated, one
 * pass fills them.
 * Errors: PF_INVALID with a message that says what is wrong, in the words of google/pprof where it
 * has some ("concatenated profiles detected"); PF_TOO_LARGE or PF_UNAVAILABLE when the arena is at
 * its limit. A profile without samples is valid here; whether it is welcome is for the caller to
 * say. */
pf_code pf_profile_decode(pf_profile *p, pf_arena *a, pf_str bytes, pf_error *err);

/* Appends the bare protobuf, laid out as google/pprof writes it. PF_TOO_LARGE when out->max is
 * reached, PF_INTERNAL out of memory. */
pf_code pf_profile_encode(const pf_profile *p, pf_buf *out, pf_error *err);

/* The same with the samples of `tree`. */
pf_code pf_profile_encode_tree(const pf_profile *p, const pf_tree *tree, pf_buf *out,
                               pf_error *err);

#endif
