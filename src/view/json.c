#include "view/json.h"

#include "base/map.h"

#include <string.h>

void pf_json_sample_type(const pf_profile *p, uint32_t type, pf_buf *out)
{
    pf_buf_puts(out, "{\"type\":");
    pf_buf_put_json(out, p->string[p->sample_type[type].type]);
    pf_buf_puts(out, ",\"unit\":");
    pf_buf_put_json(out, p->string[p->sample_type[type].unit]);
    pf_buf_putc(out, '}');
}

static void put_key_int(pf_buf *out, const char *key, int64_t v)
{
    pf_buf_printf(out, ",\"%s\":", key);
    pf_buf_put_int(out, v);
}

static void put_facts(const pf_view *v, const pf_view_facts *facts, pf_buf *out)
{
    const pf_profile *p = v->profile;
    pf_buf_puts(out, "{\"sample_type\":");
    pf_json_sample_type(p, v->sample_type, out);
    pf_buf_puts(out, ",\"sample_types\":[");
    for (uint32_t i = 0; i < p->nsample_type; i++) {
        pf_buf_puts(out, i ? "," : "");
        pf_json_sample_type(p, i, out);
    }
    pf_buf_putc(out, ']');
    put_key_int(out, "total", v->total);
    if (v->is_diff)
        put_key_int(out, "base_total_sum", v->base_total);
    put_key_int(out, "period", p->period);
    put_key_int(out, "profiles", (int64_t)facts->profiles);
    pf_buf_puts(out, ",\"time\":");
    pf_buf_put_json(out, pf_str_c(facts->time));
    put_key_int(out, "duration_nanos", p->duration_nanos);
}

/* A string table that is being filled: texts in the order in which they are first used. */
typedef struct table {
    pf_map map;
    pf_str *text;
    uint32_t n;
} table;

typedef struct columns {
    const pf_view *v;
    const pf_flame *f;
    pf_hash_key key;
    table names, files, packages, binaries, build_ids; /* build_ids: one an entry of binaries */
    uint32_t *at[4];                                   /* by node: name, file, package, binary */
    pf_buf *out;
} columns;

static pf_hash hash_of(const columns *c, pf_str text)
{
    return pf_hash_bytes(&c->key, text.n ? text.p : "", text.n);
}

static uint32_t place_of(columns *c, table *t, pf_hash key, pf_str text)
{
    uint32_t *at = pf_map_at(&t->map, key);
    if (!at) {
        c->out->failed = true;
        c->out->over_budget |= t->map.over_budget;
        return 0;
    }
    if (*at == PF_MAP_EMPTY) {
        t->text[t->n] = text;
        *at = t->n++;
    }
    return *at;
}

static uint32_t number_of(columns *c, table *t, pf_str text)
{
    return place_of(c, t, hash_of(c, text), text);
}

/* One file of two builds is two binaries. */
static uint32_t number_of_binary(columns *c, pf_str binary, pf_str build_id)
{
    pf_hash both[2] = {hash_of(c, binary), hash_of(c, build_id)};
    uint32_t at = place_of(c, &c->binaries, pf_hash_bytes(&c->key, both, sizeof both), binary);
    c->build_ids.text[at] = build_id;
    return at;
}

static pf_code number_texts(columns *c, pf_error *err)
{
    table *tables[4] = {&c->names, &c->files, &c->packages, &c->binaries};
    pf_arena *a = c->v->arena;
    c->build_ids.text = pf_arena_array(a, (size_t)c->f->n + 1, sizeof(pf_str));
    for (int i = 0; i < 4; i++) {
        tables[i]->text = pf_arena_array(a, (size_t)c->f->n + 1, sizeof(pf_str));
        c->at[i] = pf_arena_array(a, c->f->n, sizeof(uint32_t));
        if (!tables[i]->text || !c->at[i] || !c->build_ids.text)
            return pf_view_nomem(a, err);
    }
    number_of(c, &c->files, PF_STR(""));
    number_of(c, &c->packages, PF_STR(""));
    number_of_binary(c, PF_STR(""), PF_STR(""));
    for (uint32_t i = 0; i < c->f->n; i++) {
        static const pf_frame none;
        uint32_t frame = c->f->node[i].frame;
        const pf_frame *f = frame < PF_FLAME_ROOT ? &c->v->frames.frame[frame] : &none;
        c->at[0][i] = number_of(c, &c->names, pf_flame_name(c->f, c->v, i));
        c->at[1][i] = number_of(c, &c->files, f->file);
        c->at[2][i] = number_of(c, &c->packages, f->package);
        c->at[3][i] = number_of_binary(c, f->binary, f->build_id);
    }
    c->build_ids.n = c->binaries.n;
    return PF_OK;
}

static void put_table(pf_buf *out, const char *key, const table *t)
{
    pf_buf_printf(out, ",\"%s\":[", key);
    for (uint32_t i = 0; i < t->n; i++) {
        if (i)
            pf_buf_putc(out, ',');
        pf_buf_put_json(out, t->text[i]);
    }
    pf_buf_putc(out, ']');
}

static const pf_frame *frame_of(const columns *c, uint32_t node)
{
    uint32_t frame = c->f->node[node].frame;
    return frame < PF_FLAME_ROOT ? &c->v->frames.frame[frame] : NULL;
}

/* One column: EACH is the number of node i. */
#define PUT_COLUMN(c, key, EACH)                                                                   \
    do {                                                                                           \
        pf_buf_puts((c)->out, "\"" key "\":[");                                                    \
        for (uint32_t i = 0; i < (c)->f->n; i++) {                                                 \
            const pf_flame_node *node = &(c)->f->node[i];                                          \
            (void)node;                                                                            \
            if (i)                                                                                 \
                pf_buf_putc((c)->out, ',');                                                        \
            pf_buf_put_int((c)->out, (int64_t)(EACH));                                             \
        }                                                                                          \
        pf_buf_putc((c)->out, ']');                                                                \
    } while (0)

static void put_addresses(const columns *c)
{
    pf_buf_puts(c->out, ",\"address\":[");
    for (uint32_t i = 0; i < c->f->n; i++) {
        const pf_frame *f = frame_of(c, i);
        pf_buf_printf(c->out, "%s\"0x%llx\"", i ? "," : "",
                      f ? (unsigned long long)f->address : 0ull);
    }
    pf_buf_putc(c->out, ']');
}

static void put_nodes(const columns *c, bool shows_address)
{
    pf_buf_puts(c->out, ",\"nodes\":{");
    PUT_COLUMN(c, "parent", node->parent);
    pf_buf_putc(c->out, ',');
    PUT_COLUMN(c, "name", c->at[0][i]);
    pf_buf_putc(c->out, ',');
    PUT_COLUMN(c, "file", c->at[1][i]);
    pf_buf_putc(c->out, ',');
    PUT_COLUMN(c, "line", frame_of(c, i) ? frame_of(c, i)->line : 0);
    if (shows_address)
        put_addresses(c);
    pf_buf_putc(c->out, ',');
    PUT_COLUMN(c, "binary", c->at[3][i]);
    pf_buf_putc(c->out, ',');
    PUT_COLUMN(c, "package", c->at[2][i]);
    pf_buf_putc(c->out, ',');
    PUT_COLUMN(c, "self", node->self);
    pf_buf_putc(c->out, ',');
    PUT_COLUMN(c, "total", node->total);
    if (c->v->is_diff) {
        pf_buf_putc(c->out, ',');
        PUT_COLUMN(c, "base_self", node->base_self);
        pf_buf_putc(c->out, ',');
        PUT_COLUMN(c, "base_total", node->base_total);
    }
    pf_buf_putc(c->out, ',');
    PUT_COLUMN(c, "inlined", node->inlined);
    pf_buf_putc(c->out, ',');
    PUT_COLUMN(c, "folded", node->folded);
    pf_buf_putc(c->out, '}');
}

pf_code pf_json_flame(const pf_flame *f, const pf_view *v, const pf_view_facts *facts, pf_buf *out,
                      pf_error *err)
{
    columns c = {.v = v, .f = f, .out = out};
    table *tables[4] = {&c.names, &c.files, &c.packages, &c.binaries};
    pf_hash_key_random(&c.key);
    for (int i = 0; i < 4; i++)
        pf_map_init(&tables[i]->map, v->arena->budget);
    pf_code code = number_texts(&c, err);
    if (!code) {
        put_facts(v, facts, out);
        put_table(out, "names", &c.names);
        put_table(out, "files", &c.files);
        put_table(out, "packages", &c.packages);
        put_table(out, "binaries", &c.binaries);
        put_table(out, "build_ids", &c.build_ids);
        put_nodes(&c, facts->shows_address);
        pf_buf_printf(out, ",\"truncated\":{\"nodes\":%u,\"value\":%lld}}", f->left_out,
                      (long long)f->left_out_value);
    }
    for (int i = 0; i < 4; i++)
        pf_map_free(&tables[i]->map);
    return code;
}

static void put_row(const pf_top_row *r, const pf_view *v, bool shows_address, pf_buf *out)
{
    const pf_frame *f = &v->frames.frame[r->frame];
    pf_buf_puts(out, "{\"name\":");
    pf_buf_put_json(out, f->name);
    pf_buf_puts(out, ",\"file\":");
    pf_buf_put_json(out, f->file);
    put_key_int(out, "line", f->line);
    if (shows_address)
        pf_buf_printf(out, ",\"address\":\"0x%llx\"", (unsigned long long)f->address);
    put_key_int(out, "flat", r->flat);
    put_key_int(out, "cum", r->cum);
    if (v->is_diff) {
        put_key_int(out, "base_flat", r->base_flat);
        put_key_int(out, "base_cum", r->base_cum);
    }
    pf_buf_putc(out, '}');
}

void pf_json_top(const pf_top *t, const pf_view *v, const pf_view_facts *facts, pf_buf *out)
{
    put_facts(v, facts, out);
    pf_buf_puts(out, ",\"rows\":[");
    for (uint32_t i = 0; i < t->n; i++) {
        if (i)
            pf_buf_putc(out, ',');
        put_row(&t->row[i], v, facts->shows_address, out);
    }
    pf_buf_printf(out, "],\"missing\":{\"rows\":%u", t->left_out);
    put_key_int(out, "flat", t->left_out_flat);
    if (v->is_diff)
        put_key_int(out, "base_flat", t->left_out_base_flat);
    pf_buf_puts(out, "}}");
}
