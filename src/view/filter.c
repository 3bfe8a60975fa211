/* filter.c: focus, ignore, hide, show, show_from.
 *
 * Locations are looked at first, once each: what is in them says whether a stack that holds them stays, and which
 * of their lines do. Then stacks are made anew from what is left of their locations.
 */
#include "view/filter.h"

#include "view/match.h"

#include <string.h>

enum { FOCUSED = 1, IGNORED = 2, HIDDEN = 4, SHOWN_FROM = 8 };

typedef struct filtering {
    const pf_profile *in;
    pf_profile *out;
    pf_text_match focus, ignore, hide, show, show_from;
    uint8_t *flags; /* by location */
    pf_line *line;
    uint32_t nline;
    pf_arena *arena;
    const pf_stop *stop;
    pf_error *err;
} filtering;

/* Any line or the binary: matchesName. */
static pf_code matches_any(filtering *w, pf_text_match *m, const pf_location *loc, bool *yes)
{
    pf_code code = PF_OK;
    *yes = false;
    for (uint32_t i = 0; !code && !*yes && i < loc->line_n; i++)
        code = pf_text_match_line(m, &w->out->line[loc->line_off + i], yes, w->err);
    return code || *yes ? code : pf_text_match_binary(m, loc, yes, w->err);
}

/* Keeps the lines whose match is `wanted`: unmatchedLines and matchedLines. The lines stand at the end of
 * w->line, so that they can be taken from there once more. */
static pf_code keep_lines(filtering *w, pf_text_match *m, bool wanted, pf_location *loc)
{
    bool yes;
    pf_code code = pf_text_match_binary(m, loc, &yes, w->err);
    if (code)
        return code;
    if (yes) { /* the binary answers for all lines */
        loc->line_n = wanted ? loc->line_n : 0;
        return PF_OK;
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < loc->line_n; i++) {
        pf_line line = w->line[loc->line_off + i];
        code = pf_text_match_line(m, &line, &yes, w->err);
        if (code)
            return code;
        if (yes == wanted)
            w->line[loc->line_off + kept++] = line;
    }
    loc->line_n = kept;
    return PF_OK;
}

static pf_code look_at(filtering *w, uint32_t i)
{
    pf_location *loc = &w->out->location[i];
    bool yes = false;
    pf_code code = PF_OK;
    if (w->ignore.re)
        code = matches_any(w, &w->ignore, loc, &yes);
    if (!code && yes)
        w->flags[i] |= IGNORED;
    else if (!code && w->focus.re)
        code = matches_any(w, &w->focus, loc, &yes);
    if (!code && !(w->flags[i] & IGNORED) && (yes || !w->focus.re))
        w->flags[i] |= FOCUSED;
    if (code || (!w->hide.re && !w->show.re))
        return code;
    uint32_t from = loc->line_off;
    bool hides = false;
    if (w->hide.re)
        code = matches_any(w, &w->hide, loc, &hides);
    loc->line_off = w->nline;
    if (loc->line_n)
        memcpy(&w->line[w->nline], &w->in->line[from], loc->line_n * sizeof *w->line);
    if (!code && hides) {
        code = keep_lines(w, &w->hide, false, loc);
        w->flags[i] |= loc->line_n ? 0 : HIDDEN;
    }
    if (!code && w->show.re) {
        code = keep_lines(w, &w->show, true, loc);
        w->flags[i] |= loc->line_n ? 0 : HIDDEN;
    }
    w->nline += loc->line_n;
    return code;
}

static pf_code look_at_show_from(filtering *w, uint32_t i)
{
    pf_location *loc = &w->out->location[i];
    bool yes;
    pf_code code = pf_text_match_binary(&w->show_from, loc, &yes, w->err);
    for (uint32_t k = loc->line_n; !code && !yes && k-- > 0;) {
        code = pf_text_match_line(&w->show_from, &w->out->line[loc->line_off + k], &yes, w->err);
        if (yes)
            loc->line_n = k + 1;
    }
    w->flags[i] |= yes ? SHOWN_FROM : 0;
    return code;
}

/* True when the stack stays; *s becomes what is left of it. Its locations are written behind those of the stacks
 * before it, which are no more than theirs were. */
static bool filter_stack(const filtering *w, pf_sample *s, uint32_t *locations, uint32_t at)
{
    bool focused = false;
    const uint32_t *from = &w->in->sample_location[s->loc_off];
    uint32_t n = s->loc_n, kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        focused |= (w->flags[from[i]] & FOCUSED) != 0;
        if (w->flags[from[i]] & IGNORED)
            return false;
    }
    bool by_name = w->focus.re || w->ignore.re || w->hide.re || w->show.re;
    if (by_name && !focused)
        return false;
    for (uint32_t i = 0; i < n; i++)
        if (!(w->flags[from[i]] & HIDDEN))
            locations[at + kept++] = from[i];
    if (n && !kept)
        return false;
    if (w->show_from.re) {
        while (kept && !(w->flags[locations[at + kept - 1]] & SHOWN_FROM))
            kept--;
        if (!kept)
            return false;
    }
    s->loc_off = at;
    s->loc_n = kept;
    return true;
}

static pf_code filter_stacks(filtering *w)
{
    const pf_profile *in = w->in;
    pf_profile *out = w->out;
    size_t types = in->nsample_type, locations = 0;
    for (uint32_t i = 0; i < in->nsample; i++)
        locations += in->sample[i].loc_n;
    if (locations > UINT32_MAX)
        return pf_fail(w->err, PF_QUERY_LIMIT, "the view has too many frames");
    out->sample = pf_arena_array(w->arena, in->nsample, sizeof *out->sample);
    out->value = pf_arena_array(w->arena, in->nsample * types, sizeof *out->value);
    out->sample_location = pf_arena_array(w->arena, locations, sizeof *out->sample_location);
    if (!out->sample || !out->value || !out->sample_location)
        return pf_view_nomem(w->arena, w->err);
    out->nsample = out->nsample_location = 0;
    for (uint32_t i = 0; i < in->nsample; i++) {
        pf_sample s = in->sample[i];
        if (!filter_stack(w, &s, out->sample_location, out->nsample_location))
            continue;
        memcpy(&out->value[out->nsample * types], &in->value[i * types],
               types * sizeof *out->value);
        out->sample[out->nsample++] = s;
        out->nsample_location += s.loc_n;
    }
    return PF_OK;
}

static pf_code prepare(filtering *w, const pf_filter *f)
{
    struct {
        pf_text_match *m;
        pf_regex *re;
        const char *name;
    } all[] = {{&w->focus, f->focus, "focus"},
               {&w->ignore, f->ignore, "ignore"},
               {&w->hide, f->hide, "hide"},
               {&w->show, f->show, "show"},
               {&w->show_from, f->show_from, "show_from"}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        pf_code code =
            pf_text_match_init(all[i].m, all[i].re, all[i].name, w->in, w->stop, w->arena, w->err);
        if (code)
            return code;
    }
    size_t lines = 0;
    for (uint32_t i = 0; i < w->in->nlocation; i++)
        lines += w->in->location[i].line_n;
    w->flags = pf_arena_zalloc(w->arena, w->in->nlocation);
    w->line = pf_arena_array(w->arena, lines, sizeof *w->line);
    w->out->location = pf_arena_array(w->arena, w->in->nlocation, sizeof *w->out->location);
    if (!w->flags || !w->line || !w->out->location)
        return pf_view_nomem(w->arena, w->err);
    if (w->in->nlocation)
        memcpy(w->out->location, w->in->location, w->in->nlocation * sizeof *w->in->location);
    return PF_OK;
}

pf_code pf_filter_apply(const pf_filter *f, const pf_profile *in, const pf_stop *stop, pf_arena *a,
                        pf_profile *out, pf_error *err)
{
    *out = *in;
    if (!f->focus && !f->ignore && !f->hide && !f->show && !f->show_from)
        return PF_OK;
    filtering w = {.in = in, .out = out, .arena = a, .stop = stop, .err = err};
    pf_code code = prepare(&w, f);
    for (uint32_t i = 0; !code && i < in->nlocation; i++)
        code = look_at(&w, i);
    if (!code && (f->hide || f->show)) {
        out->line = w.line;
        out->nline = w.nline;
    }
    for (uint32_t i = 0; !code && f->show_from && i < in->nlocation; i++)
        code = look_at_show_from(&w, i);
    return code ? code : filter_stacks(&w);
}
