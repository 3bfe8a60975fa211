#include "view/folded.h"

#include "view/json.h"

enum { CHECK_EVERY = 256 };

/* Whatever some reader may take for the end of a line goes. */
static void put_name(pf_buf *out, pf_str name)
{
    size_t n;
    for (size_t i = 0; i < name.n; i += n) {
        uint32_t c = pf_str_code_point(name, i, &n);
        if (c == ';')
            pf_buf_putc(out, ':');
        else if (c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029)
            pf_buf_putc(out, ' ');
        else if (c == 0xfffd)
            pf_buf_puts(out, "\xef\xbf\xbd");
        else
            pf_buf_put(out, name.p + i, n);
    }
}

/* The way up from the node, then written from its end. */
static void put_stack(const pf_flame *f, const pf_view *v, uint32_t node, uint32_t *way,
                      pf_buf *out)
{
    uint32_t depth = 0;
    for (uint32_t at = node; at; at = f->node[at].parent)
        way[depth++] = at;
    if (f->node[0].frame != PF_FLAME_ROOT)
        way[depth++] = 0;
    if (!depth)
        pf_buf_puts(out, "(no stack)");
    while (depth-- > 0 && !out->failed) {
        put_name(out, pf_flame_name(f, v, way[depth]));
        if (depth)
            pf_buf_putc(out, ';');
    }
}

pf_code pf_folded_write(const pf_flame *f, const pf_view *v, pf_buf *out, pf_error *err)
{
    uint32_t *way = pf_arena_array(v->arena, (size_t)f->n + 1, sizeof *way);
    if (!way)
        return pf_view_nomem(v->arena, err);
    for (uint32_t i = 0; i < f->n && !out->failed; i++) {
        pf_code code = i % CHECK_EVERY ? PF_OK : pf_stop_check(&v->stop, err);
        if (code)
            return code;
        if (!f->node[i].self)
            continue;
        put_stack(f, v, i, way, out);
        pf_buf_putc(out, ' ');
        pf_buf_put_int(out, f->node[i].self);
        pf_buf_putc(out, '\n');
    }
    return out->failed ? pf_fail(err, PF_QUERY_LIMIT, "the stacks need more than %zu bytes of text",
                                 out->max)
                       : PF_OK;
}
