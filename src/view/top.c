#include "view/top.h"

#include <stdlib.h>

enum { CHECK_EVERY = 256 };

static void add_sample(pf_top_row *row, uint32_t *seen, const pf_view *v, uint32_t i)
{
    const pf_sample *s = &v->profile->sample[i];
    const pf_frames *f = &v->frames;
    bool base;
    int64_t value = pf_view_value(v, i, &base);
    if (!value || !s->loc_n)
        return;
    for (uint32_t k = 0; k < s->loc_n; k++) {
        uint32_t loc = v->profile->sample_location[s->loc_off + k];
        for (uint32_t j = f->off[loc]; j < f->off[loc + 1]; j++) {
            uint32_t frame = f->of[j];
            if (seen[frame] == i + 1)
                continue;
            seen[frame] = i + 1;
            int64_t *cum = base ? &row[frame].base_cum : &row[frame].cum;
            *cum = pf_wrap_add(*cum, value);
        }
    }
    uint32_t leaf = f->of[f->off[v->profile->sample_location[s->loc_off]]];
    int64_t *flat = base ? &row[leaf].base_flat : &row[leaf].flat;
    *flat = pf_wrap_add(*flat, value);
}

typedef struct ordered {
    pf_top_row row;
    const pf_frame *frame;
} ordered;

static uint64_t larger(int64_t a, int64_t b)
{
    return pf_magnitude(a) > pf_magnitude(b) ? pf_magnitude(a) : pf_magnitude(b);
}

static int compare(uint64_t a, uint64_t b)
{
    return (a < b) - (a > b);
}

static int by_flat(const void *pa, const void *pb)
{
    const ordered *a = pa, *b = pb;
    int c = compare(larger(a->row.flat, a->row.base_flat), larger(b->row.flat, b->row.base_flat));
    if (!c)
        c = compare(larger(a->row.cum, a->row.base_cum), larger(b->row.cum, b->row.base_cum));
    if (!c)
        c = pf_str_cmp(a->frame->name, b->frame->name);
    return c ? c : (a->row.frame > b->row.frame) - (a->row.frame < b->row.frame);
}

static pf_code sort_rows(pf_top *t, const pf_view *v, pf_top_row *row, pf_error *err)
{
    ordered *list = pf_arena_array(v->arena, v->frames.n, sizeof *list);
    if (!list)
        return pf_view_nomem(v->arena, err);
    for (uint32_t i = 0; i < v->frames.n; i++) {
        pf_top_row *r = &row[i];
        if (r->flat || r->cum || r->base_flat || r->base_cum)
            list[t->n++] = (ordered){*r, &v->frames.frame[i]};
    }
    qsort(list, t->n, sizeof *list, by_flat);
    for (uint32_t i = 0; i < t->n; i++)
        row[i] = list[i].row;
    t->row = row;
    return PF_OK;
}

pf_code pf_top_make(pf_top *t, const pf_view *v, uint32_t limit, pf_error *err)
{
    *t = (pf_top){0};
    pf_top_row *row = pf_arena_zalloc(v->arena, v->frames.n * sizeof *row);
    uint32_t *seen = pf_arena_zalloc(v->arena, v->frames.n * sizeof *seen);
    if (!row || !seen)
        return pf_view_nomem(v->arena, err);
    for (uint32_t i = 0; i < v->frames.n; i++)
        row[i].frame = i;
    for (uint32_t i = 0; i < v->profile->nsample; i++) {
        pf_code code = i % CHECK_EVERY ? PF_OK : pf_stop_check(&v->stop, err);
        if (code)
            return code;
        add_sample(row, seen, v, i);
    }
    pf_code code = sort_rows(t, v, row, err);
    for (uint32_t i = limit; !code && limit && i < t->n; i++) {
        t->left_out++;
        t->left_out_flat = pf_wrap_add(t->left_out_flat, t->row[i].flat);
        t->left_out_base_flat = pf_wrap_add(t->left_out_base_flat, t->row[i].base_flat);
    }
    t->n -= t->left_out;
    return code;
}
