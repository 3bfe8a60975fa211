#include "cmd/bench/program.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SAMPLES = 261,
    FUNCTION_SPAN = 8192, /* bytes of address space a function has */
    FUNCTIONS_MAX = 4096,
    RING = 1 << 16, /* catches that are remembered, a class */
};
static const double discount = 1 - 0.365;

/* How samples fall to the classes, and how deep their stacks are below the spine on the average. */
static const struct {
    double share, below;
} classes[BENCH_CLASSES] = {
    [BENCH_REQUEST] = {0.80, 4.2},
    [BENCH_WORKER] = {0.05, 6},
    [BENCH_GC] = {0.07, 2.5},
    [BENCH_SCHED] = {0.08, 3},
};

double bench_law_new_stacks(uint32_t n)
{
    return 400 * pow(n, -0.365);
}

/* Room for one more; NULL when memory is out. */
static void *list_push(bench_program *p, bench_list *l, size_t size)
{
    if (l->n == l->cap) {
        uint32_t cap = l->cap ? l->cap * 2 : 256;
        void *v = cap > l->cap ? reallocarray(l->v, cap, size) : NULL;
        if (!v) {
            p->failed = true;
            return NULL;
        }
        l->v = v;
        l->cap = cap;
    }
    return (char *)l->v + size * l->n++;
}

static bool push_number(bench_program *p, bench_list *l, uint32_t number)
{
    uint32_t *slot = list_push(p, l, sizeof *slot);
    if (slot)
        *slot = number;
    return slot != NULL;
}

static uint32_t add_text(bench_program *p, const pf_buf *b)
{
    bench_text *t = list_push(p, &p->strings, sizeof *t);
    if (!t)
        return 0;
    *t = (bench_text){.text = pf_arena_str(&p->arena, pf_buf_str(b))};
    p->failed |= b->failed || !t->text.p;
    return p->strings.n - 1;
}

/* The number of a string that may be there already: for the few strings of the spines. */
static uint32_t intern(bench_program *p, const pf_buf *b)
{
    pf_str want = pf_buf_str(b);
    for (uint32_t i = 0; i < p->strings.n; i++)
        if (pf_str_eq(BENCH_LIST_AT(bench_text, p->strings, i).text, want))
            return i;
    return add_text(p, b);
}

static uint32_t package_file(bench_program *p, uint32_t package, uint32_t n)
{
    uint32_t *known = &p->package_file[package][n % BENCH_PACKAGE_FILES];
    if (!*known) {
        pf_buf b = PF_BUF_INIT;
        bench_file_name(&p->package[package], n % BENCH_PACKAGE_FILES, &b);
        *known = add_text(p, &b);
        pf_buf_free(&b);
    }
    return *known;
}

static uint32_t add_function(bench_program *p, uint32_t name, uint32_t file, uint32_t start_line,
                             uint32_t package)
{
    bench_function *f = list_push(p, &p->functions, sizeof *f);
    if (!f)
        return 0;
    *f = (bench_function){.name = name, .file = file, .start_line = start_line, .package = package};
    return p->functions.n - 1;
}

/* A function of a package that suits the class: the collector and the scheduler stay within Go's
 * runtime, requests go everywhere, most often into the program's own packages. */
static uint32_t new_function(bench_program *p, bench_class class)
{
    uint32_t package = 0;
    if (class == BENCH_REQUEST || class == BENCH_WORKER) {
        double u = bench_rng_unit(&p->rng);
        package = u < 0.25 ? 0 : (uint32_t)(bench_rng_unit(&p->rng) * u * BENCH_PACKAGES);
    }
    uint32_t serial = p->package_functions[package]++;
    pf_buf b = PF_BUF_INIT;
    bench_function_name(&p->rng, &p->package[package], serial, &b);
    uint32_t name = add_text(p, &b);
    pf_buf_free(&b);
    uint32_t file = package_file(p, package, bench_rng_below(&p->rng, 2 + serial / 5));
    return add_function(p, name, file, 20 + bench_rng_below(&p->rng, 1200), package);
}

/* The stack one catch of which stands somewhere in the ring; PF_MAP_EMPTY when there is none yet.
 */
static uint32_t draw(bench_program *p, bench_class class)
{
    const bench_list *ring = &p->draws[class];
    while (ring->n) {
        uint32_t s = BENCH_LIST_AT(uint32_t, *ring, bench_rng_below(&p->rng, ring->n));
        double hits = BENCH_LIST_AT(bench_stack, p->stacks, s).hits;
        if (bench_rng_unit(&p->rng) * hits >= discount)
            return s;
    }
    return PF_MAP_EMPTY;
}

/* The more often hit one of two: code that runs much is where new paths begin. */
static uint32_t draw_hot(bench_program *p, bench_class class)
{
    uint32_t a = draw(p, class), b = draw(p, class);
    if (a == PF_MAP_EMPTY)
        return a;
    return BENCH_LIST_AT(bench_stack, p->stacks, a).hits >=
                   BENCH_LIST_AT(bench_stack, p->stacks, b).hits
               ? a
               : b;
}

/* A location that the class's stacks run through, below the spine: the more often the likelier.
 * PF_MAP_EMPTY when there is none yet. */
static uint32_t known_location(bench_program *p, bench_class class)
{
    uint32_t s = draw_hot(p, class);
    if (s == PF_MAP_EMPTY)
        return PF_MAP_EMPTY;
    uint32_t node = BENCH_LIST_AT(bench_stack, p->stacks, s).node;
    const bench_node *n = &BENCH_LIST_AT(bench_node, p->nodes, node);
    uint32_t floor = BENCH_LIST_AT(bench_node, p->nodes, p->spine[class]).depth;
    uint32_t up = n->depth > floor ? bench_rng_below(&p->rng, n->depth - floor) : 0;
    while (up-- > 0)
        n = &BENCH_LIST_AT(bench_node, p->nodes, n->parent);
    return n->location;
}

/* A function for a call site: a new one, or one that the class's stacks run through. */
static uint32_t choose_function(bench_program *p, bench_class class, double new_share)
{
    uint32_t known = PF_MAP_EMPTY;
    if (p->functions.n >= FUNCTIONS_MAX || bench_rng_unit(&p->rng) >= new_share)
        known = known_location(p, class);
    if (known == PF_MAP_EMPTY)
        return new_function(p, class);
    const bench_location *loc = &BENCH_LIST_AT(bench_location, p->locations, known);
    return loc->function[bench_rng_below(&p->rng, loc->nlines)];
}

static uint32_t new_location(bench_program *p, bench_class class, double new_share)
{
    uint32_t owner = choose_function(p, class, new_share), tries = 8;
    while (BENCH_LIST_AT(bench_function, p->functions, owner).used > FUNCTION_SPAN - 64 && tries--)
        owner = choose_function(p, class, new_share);
    /* One location of eight stands in code that was inlined. */
    uint32_t inlined =
        bench_rng_below(&p->rng, 8) == 0 ? 1 + (bench_rng_below(&p->rng, 8) == 0) : 0;
    bench_location loc = {.nlines = inlined + 1};
    for (uint32_t i = 0; i < inlined; i++) {
        loc.function[i] = choose_function(p, class, new_share);
        const bench_function *f = &BENCH_LIST_AT(bench_function, p->functions, loc.function[i]);
        loc.line[i] = f->start_line + 1 + bench_rng_below(&p->rng, 12);
    }
    bench_function *f = &BENCH_LIST_AT(bench_function, p->functions, owner);
    f->used += 4 + bench_rng_below(&p->rng, 60);
    loc.address = p->text_start + (uint64_t)owner * FUNCTION_SPAN + f->used;
    loc.function[inlined] = owner;
    loc.line[inlined] = f->start_line + 1 + f->used / 24;
    bench_location *slot = list_push(p, &p->locations, sizeof *slot);
    if (!slot)
        return 0;
    *slot = loc;
    return p->locations.n - 1;
}

static pf_hash child_key(uint32_t parent, uint32_t location)
{
    bench_rng mix = {((uint64_t)parent << 32) | location};
    return (pf_hash){bench_rng_next(&mix), ((uint64_t)parent << 32) | location};
}

/* The node below `parent` at `location`; made when it is not there, *made then says so. */
static uint32_t child(bench_program *p, uint32_t parent, uint32_t location, bool *made)
{
    uint32_t *slot = pf_map_at(&p->children, child_key(parent, location));
    if (!slot) {
        p->failed = true;
        return 0;
    }
    *made = *slot == PF_MAP_EMPTY;
    if (!*made)
        return *slot;
    *slot = p->nodes.n;
    bench_node *n = list_push(p, &p->nodes, sizeof *n);
    if (!n)
        return 0;
    uint32_t above = parent == PF_MAP_EMPTY ? 0 : BENCH_LIST_AT(bench_node, p->nodes, parent).depth;
    *n = (bench_node){.parent = parent, .location = location, .depth = above + 1};
    return p->nodes.n - 1;
}

static uint32_t geometric(bench_rng *r, double mean)
{
    uint32_t n = 0;
    while (n < 40 && bench_rng_unit(r) * (1 + mean) < mean)
        n++;
    return n;
}

/* Where a new stack of `more` nodes branches off: up from the leaf of one that is there. The deeper
 * that one is below the spine, compared with the class's average, the farther up. */
static uint32_t branch_point(bench_program *p, bench_class class, uint32_t more)
{
    uint32_t s = draw_hot(p, class), spine = p->spine[class];
    uint32_t node = s == PF_MAP_EMPTY ? spine : BENCH_LIST_AT(bench_stack, p->stacks, s).node;
    const bench_node *n = &BENCH_LIST_AT(bench_node, p->nodes, node);
    uint32_t floor = BENCH_LIST_AT(bench_node, p->nodes, spine).depth;
    double below = n->depth - floor;
    uint32_t up = geometric(&p->rng, more * below / classes[class].below);
    while (up-- > 0 && n->depth > floor) {
        node = n->parent;
        n = &BENCH_LIST_AT(bench_node, p->nodes, node);
    }
    return node;
}

/* A location that the branch goes on with: a new one, or one that the class knows. */
static uint32_t next_location(bench_program *p, bench_class class, double n, uint32_t parent)
{
    double functions = 0.54 * pow(n, -0.6);
    if (bench_rng_unit(&p->rng) < 0.66 * pow(n, -0.19))
        return new_location(p, class, functions);
    uint32_t l = known_location(p, class);
    if (l == PF_MAP_EMPTY || l == BENCH_LIST_AT(bench_node, p->nodes, parent).location)
        return new_location(p, class, functions);
    return l;
}

static uint32_t new_stack(bench_program *p, bench_class class)
{
    double n = p->profiles;
    double mean = fmax(1.0, 2.6 * pow(n, -0.15));
    bench_node *leaf;
    uint32_t node;
    do {
        uint32_t more = 1 + geometric(&p->rng, mean - 1);
        node = branch_point(p, class, more);
        for (uint32_t made = 0; made < more && !p->failed;) {
            bool is_new = false;
            node = child(p, node, next_location(p, class, n, node), &is_new);
            made += is_new || bench_rng_below(&p->rng, 4) == 0;
        }
        leaf = &BENCH_LIST_AT(bench_node, p->nodes, node);
    } while (!p->failed && (leaf->is_stack || leaf->depth > BENCH_DEPTH_MAX));
    bench_stack *s = list_push(p, &p->stacks, sizeof *s);
    if (!s || p->failed)
        return PF_MAP_EMPTY;
    leaf->is_stack = true;
    *s = (bench_stack){.node = node, .class = class};
    return p->stacks.n - 1;
}

/* One hit of a stack in the profile that is being made. */
static void hit(bench_program *p, uint32_t number)
{
    bench_stack *s = &BENCH_LIST_AT(bench_stack, p->stacks, number);
    bench_list *ring = &p->draws[s->class];
    uint64_t at = p->drawn[s->class]++;
    if (ring->n < RING)
        push_number(p, ring, number);
    else
        BENCH_LIST_AT(uint32_t, *ring, at % RING) = number;
    s->hits++;
    if (s->seen_in != p->profiles) {
        s->seen_in = p->profiles;
        s->pick = p->npicks;
        /* Where the program waits (its first stacks) it is hit a score of times a profile. */
        uint32_t more = number < 2 ? 8 + bench_rng_below(&p->rng, 15) : 0;
        p->picks[p->npicks++] = (bench_pick){number, more};
    }
    p->picks[s->pick].count++;
}

static bench_class choose_class(bench_program *p)
{
    double u = bench_rng_unit(&p->rng);
    for (int c = 0; c < BENCH_CLASSES - 1; c++)
        if ((u -= classes[c].share) < 0)
            return (bench_class)c;
    return BENCH_CLASSES - 1;
}

/* The samples come in no order: a profile's are in that of a hash table. */
static void shuffle(bench_program *p)
{
    for (uint32_t i = p->npicks; i > 1; i--) {
        uint32_t j = bench_rng_below(&p->rng, i);
        bench_pick swap = p->picks[i - 1];
        p->picks[i - 1] = p->picks[j];
        p->picks[j] = swap;
    }
}

bool bench_program_next(bench_program *p)
{
    p->profiles++;
    p->npicks = 0;
    uint32_t tenth = p->samples / 10 + 1;
    uint32_t want = p->samples - tenth + bench_rng_below(&p->rng, 2 * tenth + 1);
    double law = bench_law_new_stacks(p->profiles) * p->samples / SAMPLES;
    law *= 0.8 + 0.4 * bench_rng_unit(&p->rng);
    uint32_t fresh = law < want ? (uint32_t)(law + 0.5) : want;
    p->fresh = fresh;
    for (uint32_t i = 0; i < fresh && !p->failed; i++) {
        uint32_t s = new_stack(p, choose_class(p));
        if (s != PF_MAP_EMPTY)
            hit(p, s);
    }
    /* The bound only matters to programs that have few stacks yet. */
    for (uint32_t hits = 2 * want; p->npicks < want && hits && !p->failed; hits--) {
        uint32_t s = draw(p, choose_class(p));
        if (s != PF_MAP_EMPTY)
            hit(p, s);
    }
    shuffle(p);
    return !p->failed;
}

static uint32_t spine_location(bench_program *p, const bench_frame *frame)
{
    pf_buf b = PF_BUF_INIT;
    pf_buf_puts(&b, frame->function);
    uint32_t name = intern(p, &b);
    pf_buf_clear(&b);
    pf_buf_printf(&b, "/usr/local/go/src/%s", frame->file);
    uint32_t f = add_function(p, name, intern(p, &b), frame->start_line, BENCH_PACKAGES);
    pf_buf_free(&b);
    bench_location *loc = list_push(p, &p->locations, sizeof *loc);
    if (!loc || p->failed)
        return 0;
    *loc = (bench_location){.nlines = 1, .function = {f}, .line = {frame->line}};
    loc->address = p->text_start + (uint64_t)f * FUNCTION_SPAN + 256;
    BENCH_LIST_AT(bench_function, p->functions, f).used = 256;
    return p->locations.n - 1;
}

/* The frames that all stacks of a class begin with. A frame that stands there twice is one call
 * site. */
static void add_spine(bench_program *p, bench_class class)
{
    uint32_t n, node = PF_MAP_EMPTY, location[BENCH_SPINE_MAX];
    const bench_frame *frames = bench_spine(class, &n);
    for (uint32_t i = 0; i < n && !p->failed; i++) {
        uint32_t j = 0;
        while (j < i && strcmp(frames[j].function, frames[i].function) != 0)
            j++;
        location[i] = j < i ? location[j] : spine_location(p, &frames[i]);
        bool made = false;
        node = child(p, node, location[i], &made);
    }
    p->spine[class] = node;
}

static void name_packages(bench_program *p, const char *service)
{
    for (uint32_t i = 0; i < BENCH_PACKAGES; i++) {
        uint32_t j;
        do { /* no two of one path: functions would be equal in all they say */
            bench_package_name(&p->rng, service, i, &p->package[i]);
            for (j = 0; j < i && strcmp(p->package[j].path, p->package[i].path) != 0;)
                j++;
        } while (j < i);
    }
}

bench_program *bench_program_new(uint64_t seed, uint32_t number, const char *service,
                                 uint32_t samples)
{
    bench_program *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->rng = bench_rng_stream(seed, number + 1);
    p->samples = samples ? samples : SAMPLES;
    if (p->samples > BENCH_SAMPLES_MAX / 2)
        p->samples = BENCH_SAMPLES_MAX / 2;
    p->picks = calloc(2 * (size_t)p->samples, sizeof *p->picks);
    p->failed = !p->picks;
    p->text_start = 0x401000;
    p->text_limit = p->text_start + (uint64_t)(FUNCTIONS_MAX + 64) * FUNCTION_SPAN;
    pf_arena_init(&p->arena, NULL, 0);
    pf_arena_init(&p->scratch, NULL, 0);
    pf_map_init(&p->children, NULL);
    for (size_t i = 0; i < sizeof p->build_id - 1; i++)
        p->build_id[i] = "0123456789abcdef"[bench_rng_below(&p->rng, 16)];
    pf_buf empty = PF_BUF_INIT;
    add_text(p, &empty); /* number 0 is "" */
    name_packages(p, service);
    for (int c = 0; c < BENCH_CLASSES; c++)
        add_spine(p, (bench_class)c);
    if (!p->failed)
        return p;
    bench_program_free(p);
    return NULL;
}

void bench_program_free(bench_program *p)
{
    if (!p)
        return;
    free(p->picks);
    free(p->strings.v);
    free(p->functions.v);
    free(p->locations.v);
    free(p->nodes.v);
    free(p->stacks.v);
    for (int c = 0; c < BENCH_CLASSES; c++)
        free(p->draws[c].v);
    pf_map_free(&p->children);
    pf_arena_free(&p->arena);
    pf_arena_free(&p->scratch);
    free(p);
}
