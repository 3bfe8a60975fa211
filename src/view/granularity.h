/* granularity.h: from locations to frames, the entries that a view shows.
 *
 *     location 7 --lines, innermost first--> frame 3 (inlined), frame 12
 *                                            of[off[7]] = 3, of[off[7] + 1] = 12
 *
 * Two lines are one frame when what the granularity keeps of them agrees (google/pprof's Aggregate and
 * NodeInfo): functions: the name; files: the file; lines: name, file, line; addresses: those and the address.
 * Where there is no name, the binary counts too. A location without lines is one frame, of its binary (and
 * address). A name that stands in several files is one frame at granularity functions: what is given as its file,
 * start line and binary is that of the first. Only the build id is never that of some: a profile may be merged
 * from several builds, and it is there to find the one that a frame is of.
 */
#ifndef PF_VIEW_GRANULARITY_H
#define PF_VIEW_GRANULARITY_H

#include "pprof/profile.h"

typedef enum pf_granularity {
    PF_BY_FUNCTION,
    PF_BY_FILE,
    PF_BY_LINE,
    PF_BY_ADDRESS,
} pf_granularity;

/* functions, files, lines, addresses; empty is functions. */
bool pf_granularity_parse(pf_str word, pf_granularity *out);

typedef struct pf_frame {
    pf_str name;   /* never empty: the function, else the file, else "[binary]", else "<unknown>" */
    pf_str file;   /* cleaned as Go's path.Clean does; empty where there is none */
    pf_str binary; /* file of the mapping, or empty */
    pf_str build_id; /* of the mapping; empty where there is none, or not the same one everywhere */
    pf_str package;  /* what stands before the function's own name: "net/http", "std", or empty */
    int64_t line;    /* by line, address: the line's; by function: where it starts; 0: unknown */
    int64_t start_line; /* of the function; 0: unknown */
    uint64_t address;   /* by address only */
    bool has_function,
        shows_place; /* the name is a function's; file and line are part of the frame's name */
} pf_frame;

typedef struct pf_frames {
    pf_frame *frame;
    uint32_t n;
    uint32_t *of;  /* the frames of all locations, innermost first */
    uint32_t *off; /* by location, and one more: where its frames begin in `of` */
} pf_frames;

/* In `a`. PF_QUERY_LIMIT at the arena's limit. */
pf_code pf_frames_make(pf_frames *f, const pf_profile *p, pf_granularity g, pf_arena *a,
                       pf_error *err);

/* Appends what `go tool pprof -top` prints for the frame: "main.f", "main.f /src/main.go:12",
 * "0000000000401000 main.f /src/main.go:12". */
void pf_frame_put_label(const pf_frame *f, pf_buf *out);

/* "github.com/a/b" of "github.com/a/b.(*T).M", "ns::cls" of "ns::cls::f"; empty where there is none. */
pf_str pf_package_of(pf_str function);

/* The text behind the last '/'. */
pf_str pf_base_name(pf_str path);

/* Go's path.Clean: no "//", "/./", "x/..", in `a` where something has to go; {NULL, 0} when out of memory.
 * Empty stays empty. */
pf_str pf_path_clean(pf_str path, pf_arena *a);

#endif
