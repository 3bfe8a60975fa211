#include "view/granularity.h"

#include "base/map.h"
#include "view/view.h"

#include <stdio.h>
#include <string.h>

bool pf_granularity_parse(pf_str word, pf_granularity *out)
{
    static const char *const words[] = {"functions", "files", "lines", "addresses"};
    *out = PF_BY_FUNCTION;
    for (int i = 0; i < 4; i++) {
        if (pf_str_eq(word, pf_str_c(words[i]))) {
            *out = (pf_granularity)i;
            return true;
        }
    }
    return word.n == 0;
}

pf_str pf_base_name(pf_str path)
{
    for (size_t i = path.n; i-- > 0;)
        if (path.p[i] == '/')
            return (pf_str){path.p + i + 1, path.n - i - 1};
    return path;
}

static bool is_word(unsigned char c)
{
    return c == '_' || c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
           (c >= 'A' && c <= 'Z');
}

/* google/pprof's package.go: ^((.*\/)?[\w\d_]+)(\.|::)([^/]*)$ : up to the first dot or :: behind the last slash.
 */
pf_str pf_package_of(pf_str function)
{
    size_t i = function.n - pf_base_name(function).n, start = i;
    while (i < function.n && is_word((unsigned char)function.p[i]))
        i++;
    bool ends = i < function.n &&
                (function.p[i] == '.' ||
                 (function.p[i] == ':' && i + 1 < function.n && function.p[i + 1] == ':'));
    return ends && i > start ? (pf_str){function.p, i} : (pf_str){"", 0};
}

static bool is_clean(pf_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        bool starts = i == 0 || s.p[i - 1] == '/';
        if (s.p[i] == '/' && i > 0 && s.p[i - 1] == '/')
            return false;
        if (starts && s.p[i] == '.' &&
            (i + 1 == s.n || s.p[i + 1] == '/' ||
             (s.p[i + 1] == '.' && (i + 2 == s.n || s.p[i + 2] == '/'))))
            return false;
    }
    return s.n < 2 || s.p[s.n - 1] != '/';
}

/* Where the last element of out[0..n) begins, without its slash; `floor` is what must stay. */
static size_t drop_element(const char *out, size_t n, size_t floor)
{
    while (n > floor && out[n - 1] != '/')
        n--;
    return n > floor ? n - 1 : floor;
}

pf_str pf_path_clean(pf_str path, pf_arena *a)
{
    if (is_clean(path))
        return (pf_str){path.p ? path.p : "", path.n};
    char *out = pf_arena_alloc(a, path.n + 1);
    if (!out)
        return (pf_str){NULL, 0};
    bool rooted = path.p[0] == '/';
    size_t n = 0, floor = 0; /* floor: behind leading ".." that can't be undone */
    if (rooted)
        out[n++] = '/', floor = 1;
    for (pf_str rest = path; rest.n;) {
        pf_str element;
        pf_str_cut(rest, '/', &element, &rest);
        if (!element.n || pf_str_eq(element, PF_STR(".")))
            continue;
        bool up = pf_str_eq(element, PF_STR(".."));
        if (up && n > floor) {
            n = drop_element(out, n, floor);
            continue;
        }
        if (up && rooted)
            continue;
        if (n > (rooted ? 1u : 0u))
            out[n++] = '/';
        memcpy(out + n, element.p, element.n);
        n += element.n;
        if (up)
            floor = n;
    }
    if (!n)
        out[n++] = '.';
    return (pf_str){out, n};
}

/* google/pprof's NodeInfo.NameComponents, joined by spaces. */
void pf_frame_put_label(const pf_frame *f, pf_buf *out)
{
    size_t begin = out->len;
    if (f->address)
        pf_buf_printf(out, "%016llx", (unsigned long long)f->address);
    if (f->has_function) {
        pf_buf_puts(out, out->len > begin ? " " : "");
        pf_buf_put_str(out, f->name);
    }
    if (f->shows_place && (f->line || f->file.n)) {
        pf_buf_puts(out, out->len > begin ? " " : "");
        pf_buf_put_str(out, f->file);
        if (f->line)
            pf_buf_printf(out, ":%lld", (long long)f->line);
    } else if (!f->has_function) {
        pf_buf_puts(out, out->len > begin ? " " : "");
        pf_buf_put_str(out, f->name);
    }
}

/* What makes a frame, as numbers: equal texts have equal ones. */
typedef struct frame_key {
    uint32_t name, file, binary, pad;
    int64_t line;
    uint64_t address;
} frame_key;

typedef struct maker {
    const pf_profile *p;
    pf_granularity g;
    pf_arena *arena;
    pf_hash_key hash_key;
    pf_map texts, frames;
    uint32_t ntexts;
    pf_str *clean;      /* by string: as a path; p NULL: not looked at */
    uint32_t *same;     /* by string: a number of its content; PF_NO_INDEX: not looked at */
    uint32_t *same_dir; /* likewise, of the cleaned path */
    pf_frames *out;
    uint32_t cap;
} maker;

static pf_code unify(maker *m, pf_str text, uint32_t string, uint32_t *same, pf_error *err)
{
    if (same[string] != PF_NO_INDEX)
        return PF_OK;
    uint32_t *at = pf_map_at(&m->texts, pf_hash_bytes(&m->hash_key, text.p, text.n));
    if (!at)
        return pf_map_fail(&m->texts, err, "a view");
    if (*at == PF_MAP_EMPTY)
        *at = m->ntexts++;
    same[string] = *at;
    return PF_OK;
}

static pf_code clean_path(maker *m, uint32_t string, pf_error *err)
{
    if (m->clean[string].p)
        return PF_OK;
    pf_str path = m->p->string[string];
    static const char *const prefixes[] = {"/proc/self/cwd/./", "/proc/self/cwd/"};
    for (int i = 0; i < 2; i++) {
        pf_str prefix = pf_str_c(prefixes[i]);
        if (pf_str_has_prefix(path, prefix)) {
            path = (pf_str){path.p + prefix.n, path.n - prefix.n};
            break;
        }
    }
    m->clean[string] = pf_path_clean(path, m->arena);
    return m->clean[string].p ? unify(m, m->clean[string], string, m->same_dir, err)
                              : pf_view_nomem(m->arena, err);
}

static pf_str named(maker *m, pf_str name, pf_str file, pf_str binary)
{
    if (name.n)
        return name;
    if (file.n)
        return file;
    if (!binary.n)
        return PF_STR("<unknown>");
    pf_str base = pf_base_name(binary);
    char *text = pf_arena_alloc(m->arena, base.n + 3);
    if (!text)
        return (pf_str){NULL, 0};
    int n = snprintf(text, base.n + 3, "[%.*s]", PF_FMT(base));
    return (pf_str){text, (size_t)n};
}

static pf_code add_frame(maker *m, const frame_key *key, const pf_frame *frame, uint32_t *number,
                         pf_error *err)
{
    uint32_t *at = pf_map_at(&m->frames, pf_hash_bytes(&m->hash_key, key, sizeof *key));
    if (!at)
        return pf_map_fail(&m->frames, err, "a view");
    pf_frames *f = m->out;
    if (*at != PF_MAP_EMPTY) {
        *number = *at;
        if (!pf_str_eq(f->frame[*at].build_id, frame->build_id))
            f->frame[*at].build_id = (pf_str){"", 0};
        return PF_OK;
    }
    if (f->n == m->cap) {
        uint32_t cap = m->cap ? m->cap * 2 : 256;
        pf_frame *bigger = pf_arena_array(m->arena, cap, sizeof *bigger);
        if (!bigger)
            return pf_view_nomem(m->arena, err);
        if (f->n)
            memcpy(bigger, f->frame, f->n * sizeof *bigger);
        f->frame = bigger;
        m->cap = cap;
    }
    f->frame[f->n] = *frame;
    f->frame[f->n].name = named(m, frame->name, frame->file, frame->binary);
    if (!f->frame[f->n].name.p)
        return pf_view_nomem(m->arena, err);
    *number = *at = f->n++;
    return PF_OK;
}

/* One line of a location, or, with `line` NULL, a location without lines. */
static pf_code make_frame(maker *m, const pf_location *loc, const pf_line *line, uint32_t *number,
                          pf_error *err)
{
    const pf_profile *p = m->p;
    const pf_mapping *mapping = loc->mapping == PF_NO_INDEX ? NULL : &p->mapping[loc->mapping];
    uint32_t binary = mapping ? mapping->file : 0, build_id = mapping ? mapping->build_id : 0;
    const pf_function *fn = line ? &p->function[line->function] : NULL;
    uint32_t name = fn && m->g != PF_BY_FILE ? fn->name : 0, file = fn ? fn->filename : 0;
    pf_code code = unify(m, p->string[binary], binary, m->same, err);
    if (!code)
        code = unify(m, p->string[name], name, m->same, err);
    if (!code)
        code = clean_path(m, file, err);
    if (code)
        return code;
    bool by_line = m->g == PF_BY_LINE || m->g == PF_BY_ADDRESS;
    pf_frame frame = {.name = p->string[name],
                      .file = m->clean[file],
                      .binary = p->string[binary],
                      .build_id = p->string[build_id],
                      .package = fn ? pf_package_of(p->string[fn->name]) : (pf_str){"", 0},
                      .address = m->g == PF_BY_ADDRESS ? loc->address : 0,
                      .start_line = fn ? fn->start_line : 0,
                      .has_function = p->string[name].n > 0,
                      .shows_place = m->g != PF_BY_FUNCTION};
    if (line && m->g != PF_BY_FILE)
        frame.line = by_line ? line->line : fn->start_line;
    frame_key key = {.name = m->same[name], .address = frame.address};
    if (m->g != PF_BY_FUNCTION)
        key.file = m->same_dir[file];
    if (by_line)
        key.line = frame.line;
    if (!frame.name.n)
        key.binary = m->same[binary];
    if (m->g == PF_BY_FUNCTION && !frame.name.n)
        frame.file = (pf_str){"", 0}; /* nameless functions of a binary are one frame */
    return add_frame(m, &key, &frame, number, err);
}

static pf_code make_all(maker *m, pf_error *err)
{
    const pf_profile *p = m->p;
    pf_frames *f = m->out;
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->nlocation; i++) {
        const pf_location *loc = &p->location[i];
        f->off[i] = n;
        for (uint32_t k = 0; k < (loc->line_n ? loc->line_n : 1); k++) {
            const pf_line *line = loc->line_n ? &p->line[loc->line_off + k] : NULL;
            pf_code code = make_frame(m, loc, line, &f->of[n++], err);
            if (code)
                return code;
        }
    }
    f->off[p->nlocation] = n;
    return PF_OK;
}

pf_code pf_frames_make(pf_frames *f, const pf_profile *p, pf_granularity g, pf_arena *a,
                       pf_error *err)
{
    *f = (pf_frames){0};
    maker m = {.p = p, .g = g, .arena = a, .out = f};
    size_t entries = 0;
    for (uint32_t i = 0; i < p->nlocation; i++)
        entries += p->location[i].line_n ? p->location[i].line_n : 1;
    f->of = pf_arena_array(a, entries, sizeof *f->of);
    f->off = pf_arena_array(a, (size_t)p->nlocation + 1, sizeof *f->off);
    m.clean = pf_arena_zalloc(a, p->nstring * sizeof *m.clean);
    m.same = pf_arena_array(a, p->nstring, sizeof *m.same);
    m.same_dir = pf_arena_array(a, p->nstring, sizeof *m.same_dir);
    if (!f->of || !f->off || !m.clean || !m.same || !m.same_dir)
        return pf_view_nomem(a, err);
    memset(m.same, 0xff, p->nstring * sizeof *m.same);
    memset(m.same_dir, 0xff, p->nstring * sizeof *m.same_dir);
    pf_hash_key_random(&m.hash_key);
    pf_map_init(&m.texts, a->budget);
    pf_map_init(&m.frames, a->budget);
    pf_code code =
        entries > UINT32_MAX ? pf_fail(err, PF_QUERY_LIMIT, "too many frames") : make_all(&m, err);
    pf_map_free(&m.texts);
    pf_map_free(&m.frames);
    return code;
}
