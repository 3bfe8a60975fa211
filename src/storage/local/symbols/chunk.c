/* chunk.c: each field of an entry is a stream of its own, so that like stands beside like and zstd
 * finds it; within a stream most fields are the difference to the entry before, which for new
 * symbols is small. Differences start from 0 in every chunk: a chunk can be read with nothing but
 * the tables before it.
 */
#include "storage/local/symbols/chunk.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

enum { FORMAT_PLAIN = 0, FORMAT_ZSTD = 1, INFLATED_MAX = 1 << 30 };
enum { FRONT_MAX = PF_TABLES * 2 * 10 }; /* first numbers and counts, as varints */

enum stream {
    /* Two for each table of bytes: lengths, bytes. */
    S_BLOBS = 0,
    S_MAPPING = 2 * PF_BLOB_TABLES,
    S_FUNCTION_NAME,
    S_FUNCTION_SYSTEM_NAME,
    S_FUNCTION_FILENAME,
    S_FUNCTION_START_LINE,
    S_LOCATION_MAPPING,
    S_LOCATION_ADDRESS,
    S_LOCATION_LINES,
    S_LINE_FUNCTION,
    S_LINE_NUMBER,
    S_LINE_COLUMN,
    S_NODE_PARENT,
    S_NODE_LOCATION,
    S_STACK,
    STREAMS,
};

typedef struct writer {
    pf_buf s[STREAMS];
    uint64_t last[STREAMS];
} writer;

static void put(writer *w, int stream, uint64_t v)
{
    pf_buf_put_varint(&w->s[stream], v);
}

/* The difference to the last value of the stream, modulo 2^64. */
static void put_delta(writer *w, int stream, uint64_t v)
{
    put(w, stream, pf_zigzag((int64_t)(v - w->last[stream])));
    w->last[stream] = v;
}

static void put_blobs(writer *w, const pf_tables *t, pf_table table)
{
    for (uint32_t n = t->base[table]; n < t->next[table]; n++) {
        pf_str s = pf_tables_blob(t, table, n);
        put(w, S_BLOBS + 2 * (int)table, s.n);
        pf_buf_put_str(&w->s[S_BLOBS + 2 * table + 1], s);
    }
}

static void put_mappings(writer *w, const pf_tables *t)
{
    for (uint32_t n = t->base[PF_TABLE_MAPPING]; n < t->next[PF_TABLE_MAPPING]; n++) {
        const pf_sym_mapping *m = pf_tables_mapping(t, n);
        put(w, S_MAPPING, m->size);
        put(w, S_MAPPING, m->offset);
        put(w, S_MAPPING, m->file);
        put(w, S_MAPPING, m->build_id);
        put(w, S_MAPPING, m->flags);
        put(w, S_MAPPING, m->ordinal);
    }
}

static void put_functions(writer *w, const pf_tables *t)
{
    for (uint32_t n = t->base[PF_TABLE_FUNCTION]; n < t->next[PF_TABLE_FUNCTION]; n++) {
        const pf_sym_function *f = pf_tables_function(t, n);
        put_delta(w, S_FUNCTION_NAME, f->name);
        /* Mostly the same string as the name. */
        put(w, S_FUNCTION_SYSTEM_NAME, pf_zigzag((int64_t)f->system_name - (int64_t)f->name));
        put_delta(w, S_FUNCTION_FILENAME, f->filename);
        put(w, S_FUNCTION_START_LINE, pf_zigzag(f->start_line));
    }
}

static void put_locations(writer *w, const pf_tables *t)
{
    for (uint32_t n = t->base[PF_TABLE_LOCATION]; n < t->next[PF_TABLE_LOCATION]; n++) {
        const pf_sym_location *l = pf_tables_location(t, n);
        put_delta(w, S_LOCATION_MAPPING, l->mapping);
        put_delta(w, S_LOCATION_ADDRESS, l->address);
        put(w, S_LOCATION_LINES, (uint64_t)l->line_n << 1 | l->folded);
        for (uint32_t i = 0; i < l->line_n; i++) {
            const pf_sym_line *line = &t->line[l->line_off + i];
            put_delta(w, S_LINE_FUNCTION, line->function);
            put_delta(w, S_LINE_NUMBER, (uint64_t)line->line);
            put(w, S_LINE_COLUMN, pf_zigzag(line->column));
        }
    }
}

static void put_stacks(writer *w, const pf_tables *t)
{
    for (uint32_t n = t->base[PF_TABLE_NODE]; n < t->next[PF_TABLE_NODE]; n++) {
        pf_sym_node node = pf_tables_node(t, n);
        put(w, S_NODE_PARENT, n - node.parent); /* the parent is mostly the node before */
        put_delta(w, S_NODE_LOCATION, node.location);
    }
    for (uint32_t n = t->base[PF_TABLE_STACK]; n < t->next[PF_TABLE_STACK]; n++)
        put_delta(w, S_STACK, pf_tables_stack(t, n));
}

static pf_code compress(pf_buf *out, size_t from, int level, pf_error *err)
{
    size_t n = out->len - from, bound = ZSTD_compressBound(n);
    if (n > INFLATED_MAX) /* would not be read back */
        return PF_OK;
    char *tmp = malloc(bound);
    if (!tmp)
        return pf_fail_nomem(err, "symbols");
    size_t got = ZSTD_compress(tmp, bound, out->data + from, n, level);
    if (!ZSTD_isError(got) && got < n) {
        memcpy(out->data + from, tmp, got);
        out->len = from + got;
        out->data[from - 1] = FORMAT_ZSTD;
    }
    free(tmp);
    return PF_OK;
}

pf_code pf_chunk_encode(const pf_tables *t, int zstd_level, pf_buf *out, pf_error *err)
{
    writer w = {0};
    for (int i = 0; i < PF_BLOB_TABLES; i++)
        put_blobs(&w, t, (pf_table)i);
    put_mappings(&w, t);
    put_functions(&w, t);
    put_locations(&w, t);
    put_stacks(&w, t);

    pf_buf_putc(out, FORMAT_PLAIN);
    size_t from = out->len;
    for (int i = 0; i < PF_TABLES; i++) {
        pf_buf_put_varint(out, t->base[i]);
        pf_buf_put_varint(out, t->next[i] - t->base[i]);
    }
    bool failed = false;
    for (int i = 0; i < STREAMS; i++) {
        pf_buf_put_varint(out, w.s[i].len);
        pf_buf_put_str(out, pf_buf_str(&w.s[i]));
        failed |= w.s[i].failed;
        pf_buf_free(&w.s[i]);
    }
    if (failed || out->failed)
        return pf_fail_nomem(err, "symbols");
    return zstd_level ? compress(out, from, zstd_level, err) : PF_OK;
}

/* What is left of a stream. Loops work on a copy of their own, whose address goes nowhere: it stays in
 * registers, and reading a service's tables back is mostly these loops. */
typedef struct cursor {
    const uint8_t *p, *stop;
    const uint8_t *loads; /* where eight bytes can no longer be had at once */
    uint64_t last;
    bool bad; /* sticky: the stream ended early */
} cursor;

typedef struct reader {
    pf_tables *t;
    uint32_t first[PF_TABLES], end[PF_TABLES]; /* the numbers that the chunk holds */
    cursor s[STREAMS];
    bool bad; /* sticky: a number refers to nothing */
} reader;

#define INLINE static inline __attribute__((always_inline))

/* A varint. Which take one byte and which two or three can't be foretold, so up to four are read without a
 * branch: the bytes up to the first without a top bit, and from each its seven bits. */
INLINE uint64_t get(cursor *c)
{
    const uint64_t tops = UINT64_C(0x80808080);
    if (c->p < c->loads) {
        uint64_t w;
        memcpy(&w, c->p, sizeof w);
        w = le64toh(w);
        uint64_t ends = ~w & tops;
        if (ends) {
            w &= ends ^ (ends - 1);
            c->p += ((unsigned)__builtin_ctzll(ends) + 1) / 8;
            c->bad |= c->p > c->stop;
            return (w & 0x7f) | (w >> 1 & 0x3f80) | (w >> 2 & 0x1fc000) | (w >> 3 & 0xfe00000);
        }
    }
    const uint8_t *p = c->p;
    uint64_t v = 0;
    if (p > c->stop || !pf_varint_get(&p, c->stop, &v))
        c->bad = true;
    c->p = p;
    return v;
}

INLINE uint64_t get_delta(cursor *c)
{
    return c->last += (uint64_t)pf_unzigzag(get(c));
}

/* `v` as a number of a table that may be referred to: below `end`. */
INLINE uint32_t ref(bool *bad, uint64_t v, uint32_t end)
{
    *bad |= v >= end;
    return (uint32_t)v;
}

/* True when entry n of the table is new to r->t, false when it is there already. */
static bool is_new(const reader *r, pf_table table, uint32_t n)
{
    return n >= r->t->next[table];
}

/* Room for the entries of a table, each of which takes a byte of the stream at least: false, and r->bad, when
 * there can't be so many. */
static bool make_room(reader *r, pf_table table, const cursor *c, pf_code *code, pf_error *err)
{
    uint32_t n = r->end[table] - r->first[table];
    r->bad |= n > (size_t)(c->stop - c->p);
    *code = r->bad ? PF_OK : pf_tables_reserve(r->t, table, r->end[table], err);
    return !r->bad && !*code;
}

/* The entries up to r->end are there. */
static void set_end(reader *r, pf_table table)
{
    if (!r->bad && r->end[table] > r->t->next[table])
        r->t->next[table] = r->end[table];
}

static pf_code get_blobs(reader *r, pf_table table, pf_error *err)
{
    cursor *lengths = &r->s[S_BLOBS + 2 * (int)table], *bytes = lengths + 1;
    pf_code code = PF_OK;
    for (uint32_t n = r->first[table]; n < r->end[table] && !code && !r->bad; n++) {
        uint64_t len = get(lengths);
        if (lengths->bad || len > (uint64_t)(bytes->stop - bytes->p)) {
            r->bad = true;
            break;
        }
        if (is_new(r, table, n))
            code = pf_tables_add_blob(r->t, table, (pf_str){(const char *)bytes->p, len}, err);
        bytes->p += len;
    }
    return code;
}

static pf_code get_mappings(reader *r, pf_error *err)
{
    pf_code code = PF_OK;
    uint32_t strings = r->end[PF_TABLE_STRING];
    cursor *c = &r->s[S_MAPPING];
    for (uint32_t n = r->first[PF_TABLE_MAPPING]; n < r->end[PF_TABLE_MAPPING] && !code && !r->bad;
         n++) {
        pf_sym_mapping m;
        m.size = get(c);
        m.offset = get(c);
        m.file = ref(&r->bad, get(c), strings);
        m.build_id = ref(&r->bad, get(c), strings);
        m.flags = (uint32_t)get(c);
        m.ordinal = (uint32_t)get(c);
        r->bad |= c->bad;
        if (!r->bad && is_new(r, PF_TABLE_MAPPING, n))
            code = pf_tables_add_mapping(r->t, &m, err);
    }
    return code;
}

static pf_code get_functions(reader *r, pf_error *err)
{
    const pf_table k = PF_TABLE_FUNCTION;
    cursor name = r->s[S_FUNCTION_NAME], system_name = r->s[S_FUNCTION_SYSTEM_NAME],
           filename = r->s[S_FUNCTION_FILENAME], start_line = r->s[S_FUNCTION_START_LINE];
    uint32_t base = r->t->base[k], have = r->t->next[k], strings = r->end[PF_TABLE_STRING];
    bool bad = false;
    pf_code code;
    if (!make_room(r, k, &name, &code, err))
        return code;
    for (uint32_t n = r->first[k]; n < r->end[k] && !bad; n++) {
        pf_sym_function f;
        f.name = ref(&bad, get_delta(&name), strings);
        f.system_name = ref(&bad, f.name + (uint64_t)pf_unzigzag(get(&system_name)), strings);
        f.filename = ref(&bad, get_delta(&filename), strings);
        f.start_line = pf_unzigzag(get(&start_line));
        if (n >= have)
            r->t->function[n - base] = f;
    }
    r->s[S_FUNCTION_NAME] = name;
    r->s[S_FUNCTION_SYSTEM_NAME] = system_name;
    r->s[S_FUNCTION_FILENAME] = filename;
    r->s[S_FUNCTION_START_LINE] = start_line;
    r->bad |= bad | name.bad | system_name.bad | filename.bad | start_line.bad;
    set_end(r, k);
    return PF_OK;
}

/* `n` lines behind those that are there, not yet counted. */
static pf_code get_lines(reader *r, uint64_t n, pf_error *err)
{
    cursor *function = &r->s[S_LINE_FUNCTION], *number = &r->s[S_LINE_NUMBER],
           *column = &r->s[S_LINE_COLUMN];
    if (n > (uint64_t)(function->stop - function->p)) {
        r->bad = true;
        return PF_OK;
    }
    pf_code code = pf_tables_reserve_lines(r->t, n, err);
    if (code)
        return code;
    for (uint64_t i = 0; i < n; i++) {
        pf_sym_line *line = &r->t->line[r->t->nline + i];
        line->function = ref(&r->bad, get_delta(function), r->end[PF_TABLE_FUNCTION]);
        line->line = (int64_t)get_delta(number);
        line->column = pf_unzigzag(get(column));
    }
    r->bad |= function->bad | number->bad | column->bad;
    return PF_OK;
}

static pf_code get_locations(reader *r, pf_error *err)
{
    const pf_table k = PF_TABLE_LOCATION;
    cursor mapping = r->s[S_LOCATION_MAPPING], address = r->s[S_LOCATION_ADDRESS],
           lines = r->s[S_LOCATION_LINES];
    uint32_t base = r->t->base[k], have = r->t->next[k];
    pf_code code;
    if (!make_room(r, k, &mapping, &code, err))
        return code;
    for (uint32_t n = r->first[k]; n < r->end[k] && !code && !r->bad; n++) {
        pf_sym_location l = {.line_off = r->t->nline};
        l.mapping = ref(&r->bad, get_delta(&mapping), r->end[PF_TABLE_MAPPING]);
        l.address = get_delta(&address);
        uint64_t count = get(&lines);
        l.folded = count & 1;
        l.line_n = (uint32_t)(count >> 1);
        code = get_lines(r, count >> 1, err);
        r->bad |= mapping.bad | address.bad | lines.bad;
        if (code || r->bad || n < have)
            continue;
        r->t->location[n - base] = l;
        r->t->nline += l.line_n;
    }
    r->s[S_LOCATION_MAPPING] = mapping;
    r->s[S_LOCATION_ADDRESS] = address;
    r->s[S_LOCATION_LINES] = lines;
    if (!code)
        set_end(r, k);
    return code;
}

static pf_code get_nodes(reader *r, pf_error *err)
{
    const pf_table k = PF_TABLE_NODE;
    cursor parent = r->s[S_NODE_PARENT], location = r->s[S_NODE_LOCATION];
    uint32_t base = r->t->base[k], have = r->t->next[k], locations = r->end[PF_TABLE_LOCATION];
    bool bad = false;
    pf_code code;
    if (!make_room(r, k, &parent, &code, err))
        return code;
    pf_sym_node *node = r->t->node;
    for (uint32_t n = r->first[k]; n < r->end[k] && !bad; n++) {
        uint64_t back = get(&parent);
        pf_sym_node to = {.parent = (uint32_t)(n - back),
                          .location = ref(&bad, get_delta(&location), locations)};
        bad |=
            !back || back > n; /* the parent stands before its child, so no walk up can go round */
        if (n >= have)
            node[n - base] = to;
    }
    r->s[S_NODE_PARENT] = parent;
    r->s[S_NODE_LOCATION] = location;
    r->bad |= bad | parent.bad | location.bad;
    set_end(r, k);
    return PF_OK;
}

static pf_code get_stacks(reader *r, pf_error *err)
{
    const pf_table k = PF_TABLE_STACK;
    cursor leaf = r->s[S_STACK];
    uint32_t base = r->t->base[k], have = r->t->next[k], nodes = r->end[PF_TABLE_NODE];
    bool bad = false;
    pf_code code;
    if (!make_room(r, k, &leaf, &code, err))
        return code;
    uint32_t *stack = r->t->stack;
    for (uint32_t n = r->first[k]; n < r->end[k] && !bad; n++) {
        uint32_t to = ref(&bad, get_delta(&leaf), nodes);
        if (n >= have)
            stack[n - base] = to;
    }
    r->s[S_STACK] = leaf;
    r->bad |= bad | leaf.bad;
    set_end(r, k);
    return PF_OK;
}

/* First numbers, counts and the borders of the streams. */
static bool open_chunk(reader *r, pf_str body)
{
    const uint8_t *p = (const uint8_t *)body.p, *end = p + body.n;
    for (int i = 0; i < PF_TABLES; i++) {
        uint64_t first, count;
        /* Every entry takes a byte at least: a count beyond the bytes is a lie. */
        if (!pf_varint_get(&p, end, &first) || !pf_varint_get(&p, end, &count) || !first ||
            first > UINT32_MAX || count > body.n || first + count > UINT32_MAX)
            return false;
        if (r->t->floating)
            r->t->base[i] = r->t->next[i] = (uint32_t)first;
        if (first > r->t->next[i] || first < r->t->base[i])
            return false;
        r->first[i] = (uint32_t)first;
        r->end[i] = (uint32_t)(first + count);
    }
    r->t->floating = false;
    for (int i = 0; i < STREAMS; i++) {
        uint64_t n;
        if (!pf_varint_get(&p, end, &n) || n > (uint64_t)(end - p))
            return false;
        r->s[i] = (cursor){.p = p, .stop = p + n, .loads = body.n < 8 ? p : end - 7};
        p += n;
    }
    return p == end;
}

static pf_code decode_body(pf_tables *t, pf_str body, pf_error *err)
{
    reader r = {.t = t};
    if (!open_chunk(&r, body))
        return pf_fail(err, PF_INTERNAL, "damaged symbols: not a chunk, or one is missing");
    pf_code code = PF_OK;
    for (int i = 0; i < PF_BLOB_TABLES && !code; i++)
        code = get_blobs(&r, (pf_table)i, err);
    if (code || (code = get_mappings(&r, err)) || (code = get_functions(&r, err)) ||
        (code = get_locations(&r, err)) || (code = get_nodes(&r, err)) ||
        (code = get_stacks(&r, err)))
        return code;
    for (int i = 0; i < STREAMS; i++)
        r.bad |= r.s[i].p != r.s[i].stop;
    if (r.bad)
        return pf_fail(err, PF_INTERNAL, "damaged symbols: an entry can't be read");
    return PF_OK;
}

static pf_code inflate(pf_str body, pf_buf *out, pf_error *err)
{
    unsigned long long n = ZSTD_getFrameContentSize(body.p, body.n);
    if (n == ZSTD_CONTENTSIZE_ERROR || n == ZSTD_CONTENTSIZE_UNKNOWN || n > INFLATED_MAX)
        return pf_fail(err, PF_INTERNAL, "damaged symbols: not a zstd frame");
    char *room = pf_buf_reserve(out, n ? n : 1);
    if (!room)
        return pf_fail_nomem(err, "symbols");
    size_t got = ZSTD_decompress(room, n, body.p, body.n);
    if (ZSTD_isError(got) || got != n)
        return pf_fail(err, PF_INTERNAL, "damaged symbols: %s",
                       ZSTD_isError(got) ? ZSTD_getErrorName(got) : "a short frame");
    out->len = n;
    return PF_OK;
}

bool pf_chunk_is_compressed(pf_str chunk)
{
    return chunk.n && chunk.p[0] == FORMAT_ZSTD;
}

pf_code pf_chunk_decode(pf_tables *t, pf_str chunk, pf_error *err)
{
    if (!chunk.n)
        return pf_fail(err, PF_INTERNAL, "damaged symbols: an empty chunk");
    pf_str body = {chunk.p + 1, chunk.n - 1};
    if (chunk.p[0] == FORMAT_PLAIN)
        return decode_body(t, body, err);
    if (chunk.p[0] != FORMAT_ZSTD)
        return pf_fail(err, PF_INTERNAL, "damaged symbols: format %d", chunk.p[0]);
    pf_buf plain = PF_BUF_INIT;
    pf_code code = inflate(body, &plain, err);
    if (!code)
        code = decode_body(t, pf_buf_str(&plain), err);
    pf_buf_free(&plain);
    return code;
}

/* As much as there is of the first FRONT_MAX bytes. */
static pf_code inflate_front(pf_str body, char front[static FRONT_MAX], size_t *n, pf_error *err)
{
    ZSTD_DCtx *z = ZSTD_createDCtx();
    if (!z)
        return pf_fail_nomem(err, "symbols");
    ZSTD_outBuffer out = {front, FRONT_MAX, 0};
    ZSTD_inBuffer in = {body.p, body.n, 0};
    size_t left = 1;
    while (left && !ZSTD_isError(left) && out.pos < out.size && in.pos < in.size)
        left = ZSTD_decompressStream(z, &out, &in);
    ZSTD_freeDCtx(z);
    *n = out.pos;
    return ZSTD_isError(left)
               ? pf_fail(err, PF_INTERNAL, "damaged symbols: %s", ZSTD_getErrorName(left))
               : PF_OK;
}

pf_code pf_chunk_next(pf_str chunk, uint32_t next[static PF_TABLES], pf_error *err)
{
    char front[FRONT_MAX];
    pf_str body = {chunk.p + 1, chunk.n ? chunk.n - 1 : 0};
    if (!chunk.n || (chunk.p[0] != FORMAT_PLAIN && chunk.p[0] != FORMAT_ZSTD))
        return pf_fail(err, PF_INTERNAL, "damaged symbols: not a chunk");
    if (pf_chunk_is_compressed(chunk)) {
        size_t n = 0;
        pf_code code = inflate_front(body, front, &n, err);
        if (code)
            return code;
        body = (pf_str){front, n};
    }
    const uint8_t *p = (const uint8_t *)body.p, *end = p + body.n;
    for (int i = 0; i < PF_TABLES; i++) {
        uint64_t first, count;
        if (!pf_varint_get(&p, end, &first) || !pf_varint_get(&p, end, &count) || !first ||
            first > UINT32_MAX || count > UINT32_MAX - first)
            return pf_fail(err, PF_INTERNAL, "damaged symbols: not a chunk");
        next[i] = (uint32_t)(first + count);
    }
    return PF_OK;
}
