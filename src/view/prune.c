/* prune.c: what a profile's drop_frames and keep_frames leave out.
 *
 *     root: main  a  malloc  sbrk           drop_frames=malloc
 *           main  a                         from the root down, at the first that matches
 *
 * What matches before any other frame does not count, so that a stack never vanishes for its root alone.
 */
#include "view/filter.h"

#include <string.h>

enum { PRUNED = 1, PRUNED_BENEATH = 2 };

typedef struct pruning {
    const pf_profile *in;
    pf_profile *out;
    pf_regex *drop, *keep;
    uint8_t *known; /* by string: 0 not looked at, 1 stays, 2 goes */
    uint8_t *flags; /* by location */
    const pf_stop *stop;
} pruning;

static bool begins(pf_str s, size_t at, pf_str what)
{
    return s.n - at >= what.n && memcmp(s.p + at, what.p, what.n) == 0;
}

pf_str pf_simple_name(pf_str name)
{
    static const pf_str reserved[] = {{"(anonymous namespace)", 21}, {"operator()", 10}};
    if (name.n && name.p[0] == '.') /* PPC ELF v1 */
        name = (pf_str){name.p + 1, name.n - 1};
    for (size_t i = 0; i < name.n; i++) {
        if (begins(name, i, reserved[0]))
            i += reserved[0].n - 1;
        else if (begins(name, i, reserved[1]))
            i += reserved[1].n - 1;
        else if (name.p[i] == '(')
            return (pf_str){name.p, i};
    }
    return name;
}

static pf_code goes(pruning *w, uint32_t string, bool *yes, pf_error *err)
{
    pf_str name = pf_simple_name(w->in->string[string]);
    *yes = w->known[string] == 2;
    if (w->known[string] || !w->in->string[string].n)
        return PF_OK;
    bool kept = false;
    pf_code code = pf_regex_match(w->drop, name, yes, err);
    if (!code && *yes && w->keep)
        code = pf_regex_match(w->keep, name, &kept, err);
    *yes = *yes && !kept;
    w->known[string] = *yes ? 2 : 1;
    return code;
}

static pf_code look_at(pruning *w, uint32_t i, pf_error *err)
{
    pf_location *loc = &w->out->location[i];
    for (uint32_t k = loc->line_n; k-- > 0;) {
        bool yes;
        uint32_t function = w->in->line[loc->line_off + k].function;
        pf_code code = goes(w, w->in->function[function].name, &yes, err);
        if (code)
            return code;
        if (!yes)
            continue;
        w->flags[i] = k + 1 == loc->line_n ? PRUNED : PRUNED_BENEATH;
        if (w->flags[i] == PRUNED_BENEATH) {
            loc->line_off += k + 1;
            loc->line_n -= k + 1;
        }
        return PF_OK;
    }
    return PF_OK;
}

static void prune_stack(const pruning *w, pf_sample *s)
{
    bool found_user = false;
    for (uint32_t i = s->loc_n; i-- > 0;) {
        uint8_t flags = w->flags[w->in->sample_location[s->loc_off + i]];
        if (!flags) {
            found_user = true;
            continue;
        }
        if (!found_user)
            continue;
        uint32_t cut = flags == PRUNED ? i + 1 : i;
        s->loc_off += cut;
        s->loc_n -= cut;
        return;
    }
}

static pf_code prune(pruning *w, pf_arena *a, pf_error *err)
{
    const pf_profile *in = w->in;
    w->known = pf_arena_zalloc(a, in->nstring);
    w->flags = pf_arena_zalloc(a, in->nlocation);
    pf_location *location = pf_arena_array(a, in->nlocation, sizeof *location);
    pf_sample *sample = pf_arena_array(a, in->nsample, sizeof *sample);
    if (!w->known || !w->flags || !location || !sample)
        return pf_view_nomem(a, err);
    if (in->nlocation)
        memcpy(location, in->location, in->nlocation * sizeof *location);
    if (in->nsample)
        memcpy(sample, in->sample, in->nsample * sizeof *sample);
    w->out->location = location;
    w->out->sample = sample;
    for (uint32_t i = 0; i < in->nlocation; i++) {
        pf_code code = look_at(w, i, err);
        if (!code && i % 256 == 0)
            code = pf_stop_check(w->stop, err);
        if (code)
            return code;
    }
    for (uint32_t i = 0; i < in->nsample; i++)
        prune_stack(w, &sample[i]);
    return PF_OK;
}

pf_code pf_filter_prune(const pf_profile *in, const pf_stop *stop, pf_arena *a, pf_profile *out,
                        pf_error *err)
{
    *out = *in;
    if (!in->drop_frames || !in->string[in->drop_frames].n)
        return PF_OK;
    pruning w = {.in = in, .out = out, .stop = stop};
    pf_code code = pf_regex_new(in->string[in->drop_frames], PF_REGEX_WHOLE, &w.drop, err);
    if (!code && in->keep_frames && in->string[in->keep_frames].n)
        code = pf_regex_new(in->string[in->keep_frames], PF_REGEX_WHOLE, &w.keep, err);
    if (!code)
        code = prune(&w, a, err);
    if (code == PF_INVALID) { /* the profile's fault, not the asker's */
        *out = *in;
        code = PF_OK;
    }
    pf_regex_free(w.drop);
    pf_regex_free(w.keep);
    return code;
}
