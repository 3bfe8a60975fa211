#include "support/profile_eq.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- text ---- */

/* A string as it stands in a dump: printable, its bytes beyond doubt. */
static void put_text(FILE *f, const pf_profile *p, uint32_t i)
{
    pf_str s = p->string[i];
    fputc('"', f);
    for (size_t k = 0; k < s.n; k++) {
        unsigned char c = (unsigned char)s.p[k];
        if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\')
            fputc(c, f);
        else
            fprintf(f, "\\x%02x", c);
    }
    fputc('"', f);
}

static void put_named(FILE *f, const pf_profile *p, const char *name, uint32_t i)
{
    fprintf(f, " %s=", name);
    put_text(f, p, i);
}

/* An exact dump shows numbers of strings, too. */
static void put_ref(FILE *f, const pf_profile *p, bool exact, const char *name, uint32_t i)
{
    put_named(f, p, name, i);
    if (exact)
        fprintf(f, "#%" PRIu32, i);
}

/* Many lines that are sorted before they are written. */
typedef struct lines {
    char **line;
    size_t n;
} lines;

static void *must(void *p)
{
    if (!p)
        abort();
    return p;
}

static void lines_add(lines *l, char *line)
{
    l->line = must(realloc(l->line, (l->n + 1) * sizeof *l->line));
    l->line[l->n++] = line;
}

static int line_cmp(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void lines_sort(lines *l)
{
    if (l->n)
        qsort(l->line, l->n, sizeof *l->line, line_cmp);
}

/* Where the line stands among the sorted ones: equal content, equal rank. */
static size_t lines_rank(const lines *l, const char *line)
{
    size_t from = 0, to = l->n;
    while (from < to) {
        size_t mid = from + (to - from) / 2;
        if (strcmp(l->line[mid], line) < 0)
            from = mid + 1;
        else
            to = mid;
    }
    return from;
}

static void lines_write_free(lines *l, FILE *f)
{
    for (size_t i = 0; i < l->n; i++) {
        fputs(l->line[i], f);
        free(l->line[i]);
    }
    free(l->line);
}

/* ---- rows ---- */

static void put_type(FILE *f, const pf_profile *p, bool exact, pf_value_type t)
{
    put_ref(f, p, exact, "type", t.type);
    put_ref(f, p, exact, "unit", t.unit);
    fputc('\n', f);
}

static void put_header(FILE *f, const pf_profile *p, bool exact)
{
    fprintf(f, "time %" PRId64 " duration %" PRId64 " period %" PRId64 "\n", p->time_nanos,
            p->duration_nanos, p->period);
    fprintf(f, "period type %s", p->has_period_type ? "there" : "absent");
    put_type(f, p, exact, p->period_type);
    fputs("header", f);
    put_ref(f, p, exact, "drop_frames", p->drop_frames);
    put_ref(f, p, exact, "keep_frames", p->keep_frames);
    put_ref(f, p, exact, "default_sample_type", p->default_sample_type);
    put_ref(f, p, exact, "doc_url", p->doc_url);
    fprintf(f, "\nunknown fields %d\n", p->has_unknown_fields);
    for (uint32_t i = 0; i < p->ncomment; i++) {
        put_ref(f, p, exact, "comment", p->comment[i]);
        fputc('\n', f);
    }
    for (uint32_t i = 0; i < p->nsample_type; i++) {
        fputs("sample type", f);
        put_type(f, p, exact, p->sample_type[i]);
    }
}

static void put_mapping(FILE *f, const pf_profile *p, bool exact, uint32_t i)
{
    const pf_mapping *m = &p->mapping[i];
    fprintf(f, "mapping %" PRIu32, i);
    if (exact)
        fprintf(f, " id=%" PRIu64, m->id);
    fprintf(f, " %" PRIx64 "-%" PRIx64 "+%" PRIx64 " flags=%" PRIu32, m->start, m->limit, m->offset,
            m->flags);
    put_ref(f, p, exact, "file", m->file);
    put_ref(f, p, exact, "build_id", m->build_id);
    fputc('\n', f);
}

static void put_function(FILE *f, const pf_profile *p, bool exact, uint32_t i)
{
    const pf_function *fn = &p->function[i];
    fputs("function", f);
    if (exact)
        fprintf(f, " id=%" PRIu64, fn->id);
    put_ref(f, p, exact, "name", fn->name);
    put_ref(f, p, exact, "system_name", fn->system_name);
    put_ref(f, p, exact, "file", fn->filename);
    fprintf(f, " start=%" PRId64 "\n", fn->start_line);
}

static void put_location(FILE *f, const pf_profile *p, bool exact, uint32_t i)
{
    const pf_location *l = &p->location[i];
    fputs("location", f);
    if (exact)
        fprintf(f, " id=%" PRIu64, l->id);
    if (exact || l->mapping == PF_NO_INDEX) /* an id that exists nowhere is content */
        fprintf(f, " mapping_id=%" PRIu64, l->mapping_id);
    if (l->mapping != PF_NO_INDEX)
        fprintf(f, " mapping=%" PRIu32, l->mapping);
    fprintf(f, " address=%" PRIx64 " folded=%d", l->address, l->folded);
    for (uint32_t k = 0; k < l->line_n; k++) {
        const pf_line *line = &p->line[l->line_off + k];
        fprintf(f, " [%" PRId64 ":%" PRId64 " ", line->line, line->column);
        if (exact)
            fprintf(f, "function=%" PRIu32 "]", line->function);
        else
            put_function(f, p, false, line->function);
    }
    fputc('\n', f);
}

static char *location_line(const pf_profile *p, uint32_t i)
{
    char *line = NULL;
    size_t n;
    FILE *f = must(open_memstream(&line, &n));
    put_location(f, p, false, i);
    fclose(f);
    for (char *at = line; (at = strchr(at, '\n')) && at[1];)
        *at = ']'; /* the functions inside of it */
    return line;
}

static void put_sample(FILE *f, const pf_profile *p, bool exact, uint32_t i, const size_t *rank)
{
    const pf_sample *s = &p->sample[i];
    fputs("sample", f);
    for (uint32_t k = 0; k < p->nsample_type; k++)
        fprintf(f, " %" PRId64, p->value[(size_t)i * p->nsample_type + k]);
    fputs(" @", f);
    for (uint32_t k = 0; k < s->loc_n; k++) {
        uint32_t l = p->sample_location[s->loc_off + k];
        fprintf(f, " %zu", rank ? rank[l] : l);
    }
    for (uint32_t k = 0; k < s->label_n; k++) {
        const pf_label *l = &p->label[s->label_off + k];
        put_ref(f, p, exact, "| key", l->key);
        put_ref(f, p, exact, "str", l->str);
        fprintf(f, "%s num=%" PRId64, l->str ? "" : " none", l->num);
        put_ref(f, p, exact, "unit", l->unit);
    }
    fputc('\n', f);
}

/* ---- dumps ---- */

char *pf_test_dump_exactly(const pf_profile *p)
{
    char *text = NULL;
    size_t n;
    FILE *f = must(open_memstream(&text, &n));
    put_header(f, p, true);
    for (uint32_t i = 0; i < p->nstring; i++) {
        fprintf(f, "string %" PRIu32, i);
        put_named(f, p, "text", i);
        fputc('\n', f);
    }
    for (uint32_t i = 0; i < p->nmapping; i++)
        put_mapping(f, p, true, i);
    for (uint32_t i = 0; i < p->nfunction; i++)
        put_function(f, p, true, i);
    for (uint32_t i = 0; i < p->nlocation; i++)
        put_location(f, p, true, i);
    for (uint32_t i = 0; i < p->nsample; i++)
        put_sample(f, p, true, i, NULL);
    fclose(f);
    return text;
}

static char *function_line(const pf_profile *p, uint32_t i)
{
    char *line = NULL;
    size_t n;
    FILE *f = must(open_memstream(&line, &n));
    put_function(f, p, false, i);
    fclose(f);
    return line;
}

static char *sample_line(const pf_profile *p, uint32_t i, const size_t *rank)
{
    char *line = NULL;
    size_t n;
    FILE *f = must(open_memstream(&line, &n));
    put_sample(f, p, false, i, rank);
    fclose(f);
    return line;
}

char *pf_test_dump_canonically(const pf_profile *p)
{
    char *text = NULL;
    size_t n;
    lines functions = {0}, locations = {0}, samples = {0};
    FILE *f = must(open_memstream(&text, &n));
    put_header(f, p, false);
    for (uint32_t i = 0; i < p->nmapping; i++)
        put_mapping(f, p, false, i);
    for (uint32_t i = 0; i < p->nfunction; i++)
        lines_add(&functions, function_line(p, i));
    for (uint32_t i = 0; i < p->nlocation; i++)
        lines_add(&locations, location_line(p, i));
    lines_sort(&functions);
    size_t *rank = must(calloc((size_t)p->nlocation + 1, sizeof *rank));
    char **by_place = must(calloc((size_t)p->nlocation + 1, sizeof *by_place));
    for (uint32_t i = 0; i < p->nlocation; i++)
        by_place[i] = locations.line[i];
    lines_sort(&locations);
    for (uint32_t i = 0; i < p->nlocation; i++)
        rank[i] = lines_rank(&locations, by_place[i]);
    for (uint32_t i = 0; i < p->nsample; i++)
        lines_add(&samples, sample_line(p, i, rank));
    lines_sort(&samples);
    lines_write_free(&functions, f);
    lines_write_free(&locations, f);
    lines_write_free(&samples, f);
    free(rank);
    free(by_place);
    fclose(f);
    return text;
}

/* ---- comparing ---- */

static bool same_text(char *a, char *b)
{
    const char *x = a, *y = b;
    size_t line = 1;
    bool same = strcmp(a, b) == 0;
    if (!same) {
        size_t nx = strcspn(x, "\n"), ny = strcspn(y, "\n");
        while (nx == ny && !memcmp(x, y, nx) && x[nx] && y[ny]) {
            x += nx + 1, y += ny + 1, line++;
            nx = strcspn(x, "\n"), ny = strcspn(y, "\n");
        }
        fprintf(stderr, "profiles differ, line %zu of their dumps:\n- %.*s\n+ %.*s\n", line,
                (int)(nx < 2000 ? nx : 2000), x, (int)(ny < 2000 ? ny : 2000), y);
    }
    free(a);
    free(b);
    return same;
}

bool pf_test_same_exactly(const pf_profile *a, const pf_profile *b)
{
    return same_text(pf_test_dump_exactly(a), pf_test_dump_exactly(b));
}

bool pf_test_same_canonically(const pf_profile *a, const pf_profile *b)
{
    return same_text(pf_test_dump_canonically(a), pf_test_dump_canonically(b));
}

/* ---- references ---- */

static void must_be(bool ok, const char *what, uint32_t row)
{
    if (ok)
        return;
    fprintf(stderr, "a profile with a broken %s, row %" PRIu32 "\n", what, row);
    abort();
}

static int id_cmp(const void *a, const void *b)
{
    uint64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return x < y ? -1 : x > y;
}

static void check_ids(const void *rows, uint32_t n, size_t stride, const char *what)
{
    uint64_t *id = must(calloc((size_t)n + 1, sizeof *id));
    for (uint32_t i = 0; i < n; i++)
        memcpy(&id[i], (const char *)rows + i * stride, sizeof *id);
    qsort(id, n, sizeof *id, id_cmp);
    for (uint32_t i = 0; i < n; i++)
        must_be(id[i] != 0 && (i == 0 || id[i - 1] != id[i]), what, i);
    free(id);
}

static void check_samples(const pf_profile *p)
{
    for (uint32_t i = 0; i < p->nsample; i++) {
        const pf_sample *s = &p->sample[i];
        must_be((uint64_t)s->loc_off + s->loc_n <= p->nsample_location, "stack", i);
        must_be(s->label_n == 0 || (uint64_t)s->label_off + s->label_n <= p->nlabel, "label list",
                i);
    }
    for (uint32_t i = 0; i < p->nsample_location; i++)
        must_be(p->sample_location[i] < p->nlocation, "sample location", i);
    for (uint32_t i = 0; i < p->nlabel; i++) {
        const pf_label *l = &p->label[i];
        must_be(l->key < p->nstring && l->str < p->nstring && l->unit < p->nstring, "label", i);
    }
}

static void check_symbols(const pf_profile *p)
{
    for (uint32_t i = 0; i < p->nmapping; i++)
        must_be(p->mapping[i].file < p->nstring && p->mapping[i].build_id < p->nstring, "mapping",
                i);
    for (uint32_t i = 0; i < p->nfunction; i++) {
        const pf_function *f = &p->function[i];
        must_be(f->name < p->nstring && f->system_name < p->nstring && f->filename < p->nstring,
                "function", i);
    }
    for (uint32_t i = 0; i < p->nline; i++)
        must_be(p->line[i].function < p->nfunction, "line", i);
    for (uint32_t i = 0; i < p->nlocation; i++) {
        const pf_location *l = &p->location[i];
        must_be((uint64_t)l->line_off + l->line_n <= p->nline, "location's lines", i);
        must_be(l->mapping == PF_NO_INDEX ||
                    (l->mapping < p->nmapping && p->mapping[l->mapping].id == l->mapping_id),
                "location's mapping", i);
    }
    check_ids(p->mapping, p->nmapping, sizeof *p->mapping, "mapping id");
    check_ids(p->function, p->nfunction, sizeof *p->function, "function id");
    check_ids(p->location, p->nlocation, sizeof *p->location, "location id");
}

void pf_test_check_references(const pf_profile *p)
{
    must_be(p->nstring > 0 && p->string[0].n == 0, "string table", 0);
    for (uint32_t i = 0; i < p->nsample_type; i++)
        must_be(p->sample_type[i].type < p->nstring && p->sample_type[i].unit < p->nstring,
                "sample type", i);
    for (uint32_t i = 0; i < p->ncomment; i++)
        must_be(p->comment[i] < p->nstring, "comment", i);
    must_be(p->period_type.type < p->nstring && p->period_type.unit < p->nstring &&
                p->drop_frames < p->nstring && p->keep_frames < p->nstring &&
                p->default_sample_type < p->nstring && p->doc_url < p->nstring,
            "header", 0);
    check_samples(p);
    check_symbols(p);
}
