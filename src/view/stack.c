#include "view/stack.h"

static pf_code make_room(pf_stack *s, const pf_view *v, size_t n, pf_error *err)
{
    if (n <= s->cap)
        return PF_OK;
    size_t cap = s->cap ? s->cap : 64;
    while (cap < n)
        cap *= 2;
    s->at = pf_arena_array(v->arena, cap, sizeof *s->at);
    s->cap = s->at ? cap : 0;
    return s->at ? PF_OK : pf_view_nomem(v->arena, err);
}

pf_code pf_stack_read(pf_stack *s, const pf_view *v, uint32_t sample, pf_error *err)
{
    const pf_sample *of = &v->profile->sample[sample];
    const uint32_t *loc = &v->profile->sample_location[of->loc_off];
    const pf_frames *f = &v->frames;
    size_t n = 0;
    for (uint32_t k = 0; k < of->loc_n; k++)
        n += f->off[loc[k] + 1] - f->off[loc[k]];
    pf_code code = make_room(s, v, n, err);
    if (code)
        return code;
    s->n = 0;
    for (uint32_t k = of->loc_n; k-- > 0;) {
        uint32_t first = f->off[loc[k]], end = f->off[loc[k] + 1];
        for (uint32_t j = end; j-- > first;)
            s->at[s->n++] = (pf_stack_frame){f->of[j], j + 1 < end};
    }
    return PF_OK;
}
