#include "view/svg.h"

#include "base/hash.h"
#include "view/units.h"

enum { WIDTH = 1200, ROW = 17, TOP = 40, MARGIN = 10, CHECK_EVERY = 256 };
#define NARROWEST (1.0 / 3)
#define CHAR_WIDTH 6.7

typedef struct drawing {
    const pf_flame *f;
    const pf_view *v;
    pf_buf *out;
    double *x,
        *next; /* by node: its left edge, and where its next child begins; in shares of the root */
    uint32_t *depth;
    pf_str unit;
    int64_t total;
} drawing;

static double width_of(const drawing *d, uint32_t node)
{
    int64_t total = d->f->node[node].total;
    return total > 0 && d->total > 0 ? (double)total / (double)d->total : 0;
}

/* Warm, by package, so that what belongs together looks alike; a little apart by name. */
static void put_colour(const drawing *d, uint32_t node)
{
    uint32_t frame = d->f->node[node].frame;
    if (frame >= PF_FLAME_ROOT) {
        pf_buf_puts(d->out, frame == PF_FLAME_OTHER ? "#d5d5d5" : "#e8e3d8");
        return;
    }
    const pf_frame *f = &d->v->frames.frame[frame];
    unsigned hue = (unsigned)(pf_hash_fixed(f->package.n ? f->package : f->file).lo % 64);
    unsigned light = (unsigned)(pf_hash_fixed(f->name).lo % 12);
    pf_buf_printf(d->out, "hsl(%u,80%%,%u%%)", hue, 66 + light);
}

static void put_value(const drawing *d, int64_t value)
{
    pf_buf text = PF_BUF_INIT;
    pf_units_put(&text, value, d->unit);
    pf_units_put_xml(d->out, pf_buf_str(&text), 0);
    d->out->failed |= text.failed;
    pf_buf_free(&text);
}

static void put_frame(const drawing *d, uint32_t node)
{
    const pf_flame_node *n = &d->f->node[node];
    double scale = WIDTH - 2 * MARGIN, x = MARGIN + d->x[node] * scale;
    double w = width_of(d, node) * scale;
    unsigned y = TOP + d->depth[node] * ROW;
    pf_str name = pf_flame_name(d->f, d->v, node);
    pf_buf_puts(d->out, "<g><title>");
    pf_units_put_xml(d->out, name, 0);
    pf_buf_puts(d->out, " (");
    put_value(d, n->total);
    pf_buf_puts(d->out, d->total ? ", " : "");
    pf_units_put_percent(d->out, n->total, d->total);
    pf_buf_printf(d->out, ")</title><rect x=\"%.2f\" y=\"%u\" width=\"%.2f\" height=\"%d\" fill=\"",
                  x, y, w, ROW - 1);
    put_colour(d, node);
    pf_buf_puts(d->out, "\" rx=\"1\"/>");
    if (w > 4 * CHAR_WIDTH) {
        pf_buf_printf(d->out, "<text x=\"%.2f\" y=\"%u\">", x + 3, y + 12);
        pf_units_put_xml(d->out, name, (size_t)((w - 6) / CHAR_WIDTH));
        pf_buf_puts(d->out, "</text>");
    }
    pf_buf_puts(d->out, "</g>\n");
}

/* Places come from the parent, which stands before its children. */
static uint32_t lay_out(drawing *d)
{
    uint32_t deepest = 0;
    double least = NARROWEST / (WIDTH - 2 * MARGIN);
    d->x[0] = d->next[0] = 0;
    d->depth[0] = 0;
    for (uint32_t i = 1; i < d->f->n; i++) {
        uint32_t parent = d->f->node[i].parent;
        d->x[i] = d->next[i] = d->next[parent];
        d->next[parent] += width_of(d, i);
        d->depth[i] = d->depth[parent] + 1;
        if (width_of(d, i) >= least && d->depth[i] > deepest)
            deepest = d->depth[i];
    }
    return deepest;
}

static void put_head(const drawing *d, uint32_t deepest)
{
    const pf_profile *p = d->v->profile;
    unsigned height = TOP + (deepest + 1) * ROW + MARGIN;
    pf_buf_printf(d->out,
                  "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                  "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%u\""
                  " viewBox=\"0 0 %d %u\" font-family=\"monospace\" font-size=\"11\">\n"
                  "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n"
                  "<text x=\"%d\" y=\"24\" font-size=\"15\" font-family=\"sans-serif\">",
                  WIDTH, height, WIDTH, height, MARGIN);
    pf_units_put_xml(d->out, p->string[p->sample_type[d->v->sample_type].type], 0);
    pf_buf_puts(d->out, ": ");
    put_value(d, d->total);
    pf_buf_puts(d->out, "</text>\n");
}

static bool is_empty(const pf_flame *f)
{
    return f->n == 1 && !f->node[0].total;
}

pf_code pf_svg_write(const pf_flame *f, const pf_view *v, pf_buf *out, pf_error *err)
{
    const pf_profile *p = v->profile;
    drawing d = {.f = f,
                 .v = v,
                 .out = out,
                 .x = pf_arena_array(v->arena, f->n, sizeof(double)),
                 .next = pf_arena_array(v->arena, f->n, sizeof(double)),
                 .depth = pf_arena_array(v->arena, f->n, sizeof(uint32_t)),
                 .unit = p->string[p->sample_type[v->sample_type].unit],
                 .total = f->node[0].total};
    if (!d.x || !d.next || !d.depth)
        return pf_view_nomem(v->arena, err);
    put_head(&d, lay_out(&d));
    if (is_empty(f))
        pf_buf_printf(out, "<text x=\"%d\" y=\"%d\">No samples with a value</text>\n", MARGIN,
                      TOP + 12);
    for (uint32_t i = 0; i < f->n && !out->failed; i++) {
        pf_code code = i % CHECK_EVERY ? PF_OK : pf_stop_check(&v->stop, err);
        if (code)
            return code;
        if ((!i && !is_empty(f)) || width_of(&d, i) * (WIDTH - 2 * MARGIN) >= NARROWEST)
            put_frame(&d, i);
    }
    pf_buf_puts(out, "</svg>\n");
    return out->failed
               ? pf_fail(err, PF_QUERY_LIMIT, "the picture needs more than %zu bytes", out->max)
               : PF_OK;
}
