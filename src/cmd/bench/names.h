/* names.h: names of packages, functions and files as a Go program has them.
 *
 * Half of a program's packages are Go's own (their names and paths as they really are), the others
 * are made of words, so that names have the lengths and the likeness to one another that decide how
 * well they compress. Deterministic: what comes out depends on the arguments alone.
 */
#ifndef PF_CMD_BENCH_NAMES_H
#define PF_CMD_BENCH_NAMES_H

#include "base/buf.h"
#include "base/hash.h"
#include "cmd/bench/rng.h"

typedef struct bench_package {
    char path[80]; /* import path: "github.com/acme/shop/internal/cart" */
    char dir[96];  /* directory of its sources */
    bool std;      /* one of Go's own */
} bench_package;

enum { BENCH_STD_PACKAGES = 24 };

/* The `n`-th package of a program: n below BENCH_STD_PACKAGES gives one of Go's own (0 is the
 * runtime), anything else one that is made up. */
void bench_package_name(bench_rng *r, const char *service, uint32_t n, bench_package *out);

/* Appends a function's full name ("pkg.(*Type).Method"). `serial` makes it unique. */
void bench_function_name(bench_rng *r, const bench_package *p, uint32_t serial, pf_buf *out);

/* Appends the path of the `n`-th source file of a package. */
void bench_file_name(const bench_package *p, uint32_t n, pf_buf *out);

/* What the spine of a Go server's stacks is called, root first. *n is how many there are. */
typedef struct bench_frame {
    const char *function, *file; /* file below Go's src/ */
    uint32_t start_line, line;
} bench_frame;

typedef enum bench_class {
    BENCH_REQUEST, /* an HTTP request: 3 of 4 samples, deep */
    BENCH_WORKER,  /* a goroutine of the program's own */
    BENCH_GC,      /* the garbage collector */
    BENCH_SCHED,   /* the scheduler, timers, the network poller: shallow */
    BENCH_CLASSES,
} bench_class;

enum { BENCH_SPINE_MAX = 16 }; /* frames of the longest */
const bench_frame *bench_spine(bench_class c, uint32_t *n);

#endif
