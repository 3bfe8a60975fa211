#include "view/dot.h"

#include "view/graph.h"
#include "view/top.h"
#include "view/units.h"

#include <math.h>
#include <stdlib.h>

typedef struct drawing {
    const pf_view *v;
    pf_buf *out;
    pf_str unit;
    uint32_t *number; /* by frame: its node's, from 1 */
} drawing;

/* Inside double quotes. */
static void put_text(pf_buf *out, pf_str text)
{
    pf_buf json = PF_BUF_INIT; /* valid UTF-8 and no control characters, as JSON has it */
    pf_buf_put_json(&json, text);
    out->failed |= json.failed;
    for (size_t i = 1; i + 1 < json.len; i++) {
        bool escape = json.data[i] == '\\';
        if (escape && json.data[i + 1] != '"' && json.data[i + 1] != '\\')
            pf_buf_puts(out, "\\\\"); /* Graphviz has escapes of its own: shown as written */
        else
            pf_buf_putc(out, json.data[i]);
        if (escape)
            pf_buf_putc(out, json.data[++i]);
    }
    pf_buf_free(&json);
}

static double share(int64_t part, int64_t whole)
{
    return whole ? fabs((double)part / (double)whole) : 0;
}

/* From grey to red. */
static void put_colour(pf_buf *out, double share_of, bool fill)
{
    double s = share_of > 1 ? 1 : pow(share_of, 0.4);
    int red = fill ? 238 : (int)(178 * s + 100 * (1 - s));
    int rest = fill ? (int)(238 - 50 * s) : (int)(100 * (1 - s));
    pf_buf_printf(out, "\"#%02x%02x%02x\"", (unsigned)red, (unsigned)rest, (unsigned)rest);
}

static void put_amount(const drawing *d, int64_t value)
{
    pf_buf text = PF_BUF_INIT;
    pf_units_put(&text, value, d->unit);
    put_text(d->out, pf_buf_str(&text));
    d->out->failed |= text.failed;
    pf_buf_free(&text);
}

static void put_value(const drawing *d, int64_t value)
{
    put_amount(d, value);
    if (!d->v->total)
        return;
    pf_buf_puts(d->out, " (");
    pf_units_put_percent(d->out, value, d->v->total);
    pf_buf_putc(d->out, ')');
}

static void put_node(const drawing *d, const pf_top_row *r)
{
    const pf_frame *f = &d->v->frames.frame[r->frame];
    pf_buf label = PF_BUF_INIT;
    pf_frame_put_label(f, &label);
    d->out->failed |= label.failed;
    pf_buf_printf(d->out, "N%u [label=\"", d->number[r->frame]);
    put_text(d->out, pf_buf_str(&label));
    pf_buf_puts(d->out, "\\n");
    put_value(d, r->flat);
    if (r->cum != r->flat) {
        pf_buf_puts(d->out, "\\nof ");
        put_value(d, r->cum);
    }
    pf_buf_printf(d->out, "\" id=\"node%u\" fontsize=%d shape=box tooltip=\"", d->number[r->frame],
                  8 + (int)ceil(16 * sqrt(share(r->flat, d->v->total))));
    put_text(d->out, pf_buf_str(&label));
    pf_buf_puts(d->out, "\" color=");
    put_colour(d->out, share(r->cum, d->v->total), false);
    pf_buf_puts(d->out, " fillcolor=");
    put_colour(d->out, share(r->cum, d->v->total), true);
    pf_buf_puts(d->out, "]\n");
    pf_buf_free(&label);
}

static void put_edge(const drawing *d, const pf_edge *e)
{
    double s = share(e->weight, d->v->total);
    pf_buf_printf(d->out, "N%u -> N%u [label=\" ", d->number[e->from], d->number[e->to]);
    put_amount(d, e->weight);
    pf_buf_printf(d->out, "%s\" weight=%d penwidth=%.2f color=", e->inlined ? "\\n (inline)" : "",
                  1 + (int)(100 * (s > 1 ? 1 : s)), 1 + 5 * (s > 1 ? 1 : s));
    put_colour(d->out, s, false);
    pf_buf_puts(d->out, e->residual ? " style=\"dotted\" minlen=2]\n" : "]\n");
}

static int by_cum(const void *pa, const void *pb)
{
    const pf_top_row *a = pa, *b = pb;
    uint64_t x = pf_magnitude(a->cum), y = pf_magnitude(b->cum);
    if (x != y)
        return x > y ? -1 : 1;
    x = pf_magnitude(a->flat), y = pf_magnitude(b->flat);
    if (x != y)
        return x > y ? -1 : 1;
    return (a->frame > b->frame) - (a->frame < b->frame);
}

static int by_weight(const void *pa, const void *pb)
{
    const pf_edge *a = pa, *b = pb;
    uint64_t x = pf_magnitude(a->weight), y = pf_magnitude(b->weight);
    if (x != y)
        return x > y ? -1 : 1;
    if (a->from != b->from)
        return a->from > b->from ? 1 : -1;
    return (a->to > b->to) - (a->to < b->to);
}

static void put_graph(const drawing *d, const pf_top *top, const pf_graph *g)
{
    const pf_profile *p = d->v->profile;
    pf_buf_puts(d->out, "digraph \"");
    put_text(d->out, p->nmapping ? pf_base_name(p->string[p->mapping[0].file]) : PF_STR(""));
    pf_buf_puts(d->out, "\" {\nnode [style=filled fillcolor=\"#f8f8f8\"]\n"
                        "subgraph cluster_L { \"legend\" [shape=box fontsize=16 label=\"Type: ");
    put_text(d->out, p->string[p->sample_type[d->v->sample_type].type]);
    pf_buf_printf(d->out, "\\lShowing %u nodes, %u left out\\lTotal: ", top->n, top->left_out);
    put_amount(d, d->v->total);
    if (!top->n && !d->v->total)
        pf_buf_puts(d->out, "\\lNo samples with a value");
    pf_buf_puts(d->out, "\\l\"] }\n");
    for (uint32_t i = 0; i < top->n; i++)
        put_node(d, &top->row[i]);
    for (uint32_t i = 0; i < g->n; i++)
        put_edge(d, &g->edge[i]);
    pf_buf_puts(d->out, "}\n");
}

pf_code pf_dot_write(const pf_view *v, uint32_t max_nodes, pf_buf *out, pf_error *err)
{
    const pf_profile *p = v->profile;
    pf_top top;
    pf_graph graph;
    pf_code code = pf_top_make(&top, v, 0, err);
    if (code)
        return code;
    bool *keep = pf_arena_zalloc(v->arena, v->frames.n * sizeof *keep);
    uint32_t *number = pf_arena_zalloc(v->arena, v->frames.n * sizeof *number);
    if (!keep || !number)
        return pf_view_nomem(v->arena, err);
    if (top.n)
        qsort(top.row, top.n, sizeof *top.row, by_cum);
    if (max_nodes && top.n > max_nodes) {
        top.left_out = top.n - max_nodes;
        top.n = max_nodes;
    }
    for (uint32_t i = 0; i < top.n; i++) {
        keep[top.row[i].frame] = true;
        number[top.row[i].frame] = i + 1;
    }
    code = pf_graph_make(&graph, v, keep, err);
    if (code)
        return code;
    if (graph.n)
        qsort(graph.edge, graph.n, sizeof *graph.edge, by_weight);
    drawing d = {v, out, p->string[p->sample_type[v->sample_type].unit], number};
    put_graph(&d, &top, &graph);
    return out->failed
               ? pf_fail(err, PF_QUERY_LIMIT, "the graph needs more than %zu bytes", out->max)
               : PF_OK;
}
