/* The second pass of decoding: reads each table's stretch into the arrays that the first has sized.
 * decode.c tells how the two work together. */
#include "pprof/decoder.h"

#include <inttypes.h>

static __attribute__((cold, noinline)) pf_code bad_string(pf_decoder *d, uint64_t index,
                                                          const char *where)
{
    return pf_fail(d->err, PF_INVALID,
                   "malformed profile format: a %s refers to string %" PRId64
                   " of a table of %" PRIu32,
                   where, (int64_t)index, d->p->nstring);
}

static inline bool in_table(const pf_decoder *d, uint64_t string)
{
    return string < d->p->nstring;
}

static inline pf_code check_strings(pf_decoder *d, uint64_t a, uint64_t b, const char *where)
{
    if (in_table(d, a) && in_table(d, b))
        return PF_OK;
    return bad_string(d, in_table(d, a) ? b : a, where);
}

static pf_code fill_string(pf_decoder *d, pf_wire body)
{
    d->p->string[d->at[F_STRING]++] = (pf_str){(const char *)body.p, (size_t)(body.end - body.p)};
    return PF_OK;
}

static pf_code fill_sample_type(pf_decoder *d, pf_wire body)
{
    uint64_t v[3];
    pf_code code = pf_decoder_scalars(d, body, v, 2, "sample type");
    if (!code)
        code = check_strings(d, v[1], v[2], "sample type");
    if (code)
        return code;
    d->p->sample_type[d->at[F_SAMPLE_TYPE]++] = (pf_value_type){(uint32_t)v[1], (uint32_t)v[2]};
    return PF_OK;
}

static pf_code fill_comment(pf_decoder *d, uint64_t string)
{
    if (!in_table(d, string))
        return bad_string(d, string, "comment");
    d->p->comment[d->at[F_COMMENT]++] = (uint32_t)string;
    return PF_OK;
}

/* The one top-level field that is a number and repeated. */
static pf_code fill_comments(pf_decoder *d)
{
    for (pf_wire w = d->stretch[F_COMMENT]; w.p < w.end;) {
        pf_field f;
        pf_wire_code bad = pf_wire_next(&w, &f);
        if (bad)
            return bad_wire(d, bad, f, "profile");
        if (f.number != F_COMMENT)
            continue;
        pf_code code = f.type == PF_WIRE_VARINT ? fill_comment(d, f.num) : PF_OK;
        while (!code && f.body.p < f.body.end) {
            uint64_t v;
            if (!pf_wire_varint(&f.body, &v))
                return bad_wire(d, PF_WIRE_BAD_VARINT, f, "comment");
            code = fill_comment(d, v);
        }
        if (code)
            return code;
    }
    return PF_OK;
}

static pf_code fill_mapping(pf_decoder *d, pf_wire body)
{
    uint64_t v[11];
    pf_code code = pf_decoder_scalars(d, body, v, 10, "mapping");
    if (!code)
        code = check_strings(d, v[5], v[6], "mapping");
    if (code)
        return code;
    d->p->mapping[d->at[F_MAPPING]++] = (pf_mapping){
        .id = v[1],
        .start = v[2],
        .limit = v[3],
        .offset = v[4],
        .file = (uint32_t)v[5],
        .build_id = (uint32_t)v[6],
        .flags = (v[7] ? PF_HAS_FUNCTIONS : 0) | (v[8] ? PF_HAS_FILENAMES : 0) |
                 (v[9] ? PF_HAS_LINE_NUMBERS : 0) | (v[10] ? PF_HAS_INLINE_FRAMES : 0),
    };
    return PF_OK;
}

static pf_code fill_function(pf_decoder *d, pf_wire body)
{
    uint64_t v[6];
    pf_code code = pf_decoder_scalars(d, body, v, 5, "function");
    if (code)
        return code;
    uint64_t last = v[2] > v[3] ? v[2] : v[3];
    last = last > v[4] ? last : v[4];
    if (!in_table(d, last))
        return bad_string(d, last, "function");
    d->p->function[d->at[F_FUNCTION]++] = (pf_function){
        v[1], (int64_t)v[5], (uint32_t)v[2], (uint32_t)v[3], (uint32_t)v[4],
    };
    return PF_OK;
}

/* The guess was too low: counts the lines of all locations and makes room for them. */
static __attribute__((cold, noinline)) pf_code more_lines(pf_decoder *d)
{
    uint64_t n = 0;
    for (pf_wire w = d->stretch[F_LOCATION]; w.p < w.end;) {
        pf_field f, inner;
        pf_wire_code bad = pf_wire_next(&w, &f);
        while (!bad && f.number == F_LOCATION && f.body.p < f.body.end) {
            bad = pf_wire_next(&f.body, &inner);
            n += !bad && inner.number == 4;
        }
        if (bad)
            return bad_wire(d, bad, f, "location");
    }
    if (n >= UINT32_MAX)
        return pf_fail(d->err, PF_TOO_LARGE, "a profile of more than 4 billion lines");
    pf_line *line = pf_arena_array(d->a, n, sizeof *line);
    if (!line)
        return pf_arena_fail(d->a, d->err, "the decoded profile");
    memcpy(line, d->p->line, d->at_line * sizeof *line);
    d->p->line = line;
    d->line_cap = n;
    return PF_OK;
}

PF_WIRE_INLINE pf_code fill_line(pf_decoder *d, pf_wire w)
{
    uint64_t v[4];
    pf_code code = d->at_line < d->line_cap ? PF_OK : more_lines(d);
    if (!code)
        code = pf_decoder_scalars(d, w, v, 3, "line");
    if (code)
        return code;
    d->p->line[d->at_line++] =
        (pf_line){(int64_t)v[2], (int64_t)v[3], pf_idindex_find(&d->functions, v[1])};
    return PF_OK;
}

static pf_code check_lines(pf_decoder *d, const pf_location *l)
{
    for (uint32_t i = l->line_off; i < d->at_line; i++)
        if (d->p->line[i].function == PF_NO_INDEX)
            return pf_fail(d->err, PF_INVALID,
                           "location id: %" PRIu64 " has a line with nil function", l->id);
    return PF_OK;
}

static pf_code fill_location(pf_decoder *d, pf_wire w)
{
    uint64_t id = 0, mapping = 0, address = 0, folded = 0;
    uint32_t line_off = d->at_line;
    while (w.p < w.end) {
        pf_field f;
        pf_wire line;
        const uint8_t *at = w.p;
        bool good = pf_wire_take(&w, 1, &id) && pf_wire_take(&w, 2, &mapping) &&
                    pf_wire_take(&w, 3, &address);
        if (!good)
            return bad_wire(d, PF_WIRE_BAD_VARINT, ((pf_field){0}), "location");
        while (pf_wire_take_bytes(&w, 4, &line)) {
            pf_code code = fill_line(d, line);
            if (code)
                return code;
        }
        if (w.p != at)
            continue;
        pf_wire_code bad = pf_wire_next(&w, &f);
        if (bad)
            return bad_wire(d, bad, f, "location");
        if (f.number - 1 >= 5) {
            d->p->has_unknown_fields = true;
            continue;
        }
        if (f.type != (f.number == 4 ? PF_WIRE_BYTES : PF_WIRE_VARINT))
            return bad_type(d, f, "location");
        pf_code code = f.number == 4 ? fill_line(d, f.body) : PF_OK; /* its tag is two bytes */
        if (code)
            return code;
        id = f.number == 1 ? f.num : id;
        mapping = f.number == 2 ? f.num : mapping;
        address = f.number == 3 ? f.num : address;
        folded = f.number == 5 ? f.num : folded;
    }
    pf_location *l = &d->p->location[d->at[F_LOCATION]++];
    *l = (pf_location){id,         address,
                       mapping,    pf_idindex_find(&d->mappings, mapping),
                       line_off,   d->at_line - line_off,
                       folded != 0};
    return check_lines(d, l);
}

static __attribute__((cold, noinline)) pf_code no_location(pf_decoder *d, uint64_t id)
{
    return pf_fail(d->err, PF_INVALID, "sample has nil location: there is none with id %" PRIu64,
                   id);
}

/* The innermost loop of decoding: most varints of a profile are the ids in its stacks. */
static pf_code fill_sample_locations(pf_decoder *d, pf_wire w)
{
    const pf_idindex *locations = &d->locations;
    uint32_t *from = d->p->sample_location + d->at_sample_location, *out = from;
    while (w.p < w.end) {
        uint64_t id;
        if (!pf_wire_varint(&w, &id))
            return bad_wire(d, PF_WIRE_BAD_VARINT, ((pf_field){0}), "sample's locations");
        uint32_t place = pf_idindex_find(locations, id);
        if (place == PF_NO_INDEX)
            return no_location(d, id);
        *out++ = place;
    }
    d->at_sample_location += (uint32_t)(out - from);
    return PF_OK;
}

static pf_code fill_sample_location(pf_decoder *d, uint64_t id)
{
    uint32_t place = pf_idindex_find(&d->locations, id);
    d->p->sample_location[d->at_sample_location++] = place;
    return place == PF_NO_INDEX ? no_location(d, id) : PF_OK;
}

static pf_code fill_sample_values(pf_decoder *d, pf_wire w)
{
    while (w.p < w.end) {
        uint64_t v;
        if (!pf_wire_varint(&w, &v))
            return bad_wire(d, PF_WIRE_BAD_VARINT, ((pf_field){0}), "sample's values");
        d->p->value[d->at_value++] = (int64_t)v;
    }
    return PF_OK;
}

static pf_code fill_label(pf_decoder *d, pf_wire w)
{
    uint64_t v[5];
    pf_code code = pf_decoder_scalars(d, w, v, 4, "label");
    if (!code)
        code = check_strings(d, v[1], v[2], "label");
    if (code)
        return code;
    if (!in_table(d, v[4])) {
        if (!v[2])
            return bad_string(d, v[4], "label");
        v[4] = 0; /* nobody looks at the unit of a text, and this one can't be kept */
        d->p->has_unknown_fields = true;
    }
    d->p->label[d->at_label++] =
        (pf_label){(int64_t)v[3], (uint32_t)v[1], (uint32_t)v[2], (uint32_t)v[4]};
    return PF_OK;
}

static pf_code fill_sample(pf_decoder *d, pf_wire w)
{
    pf_sample *s = &d->p->sample[d->at[F_SAMPLE]++];
    *s = (pf_sample){.loc_off = d->at_sample_location, .label_off = d->at_label};
    while (w.p < w.end) {
        pf_field f;
        pf_wire_code bad = pf_wire_next(&w, &f); /* the types were checked while counting */
        if (bad)
            return bad_wire(d, bad, f, "sample");
        pf_code code = PF_OK;
        if (f.number == 1) {
            code = f.type == PF_WIRE_BYTES ? fill_sample_locations(d, f.body)
                                           : fill_sample_location(d, f.num);
        } else if (f.number == 2) {
            if (f.type == PF_WIRE_BYTES)
                code = fill_sample_values(d, f.body);
            else
                d->p->value[d->at_value++] = (int64_t)f.num;
        } else if (f.number == 3) {
            code = fill_label(d, f.body);
        } else {
            d->p->has_unknown_fields = true;
        }
        if (code)
            return code;
    }
    s->loc_n = d->at_sample_location - s->loc_off;
    s->label_n = d->at_label - s->label_off;
    return PF_OK;
}

static pf_code fill_header(pf_decoder *d)
{
    pf_profile *p = d->p;
    const uint64_t texts[] = {
        d->scalar[F_DROP_FRAMES], d->scalar[F_KEEP_FRAMES], d->scalar[F_DEFAULT_SAMPLE_TYPE],
        d->scalar[F_DOC_URL],     d->period_type[0],        d->period_type[1]};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!in_table(d, texts[i]))
            return bad_string(d, texts[i], "profile");
    p->drop_frames = (uint32_t)texts[0];
    p->keep_frames = (uint32_t)texts[1];
    p->default_sample_type = (uint32_t)texts[2];
    p->doc_url = (uint32_t)texts[3];
    p->period_type = (pf_value_type){(uint32_t)texts[4], (uint32_t)texts[5]};
    p->time_nanos = (int64_t)d->scalar[F_TIME_NANOS];
    p->duration_nanos = (int64_t)d->scalar[F_DURATION_NANOS];
    p->period = (int64_t)d->scalar[F_PERIOD];
    return PF_OK;
}

/* Makes room for as many lines as there usually are. */
static pf_code guess_lines(pf_decoder *d)
{
    d->line_cap = d->p->nlocation + (size_t)d->p->nlocation / 2 + 16;
    d->p->line = pf_arena_array(d->a, d->line_cap, sizeof *d->p->line);
    return d->p->line ? PF_OK : pf_arena_fail(d->a, d->err, "the decoded profile");
}

/* ---- all tables at once ---- */

static pf_idindex in_order(uint32_t n)
{
    return (pf_idindex){.n = n, .in_order = true};
}

/* A row must have the id that its place makes likely. */
static pf_code must_be_in_order(uint64_t id, uint32_t place)
{
    return id == place ? PF_OK : PF_INVALID;
}

static pf_code fill_row(pf_decoder *d, pf_field f)
{
    const pf_profile *p = d->p;
    pf_code code;
    switch (f.number) {
    case F_SAMPLE_TYPE:
        return fill_sample_type(d, f.body);
    case F_SAMPLE:
        return fill_sample(d, f.body);
    case F_MAPPING:
        code = fill_mapping(d, f.body);
        return code ? code
                    : must_be_in_order(p->mapping[d->at[F_MAPPING] - 1].id, d->at[F_MAPPING]);
    case F_LOCATION:
        code = fill_location(d, f.body);
        return code ? code
                    : must_be_in_order(p->location[d->at[F_LOCATION] - 1].id, d->at[F_LOCATION]);
    case F_FUNCTION:
        code = fill_function(d, f.body);
        return code ? code
                    : must_be_in_order(p->function[d->at[F_FUNCTION] - 1].id, d->at[F_FUNCTION]);
    case F_STRING:
        return fill_string(d, f.body);
    default:
        return PF_OK;
    }
}

/* Takes it that every table's ids are 1, 2, 3, ... and fails when they are not. */
static pf_code fill_at_once(pf_decoder *d)
{
    d->mappings = in_order(d->p->nmapping);
    d->functions = in_order(d->p->nfunction);
    d->locations = in_order(d->p->nlocation);
    for (pf_wire w = d->bytes; w.p < w.end;) {
        pf_field f;
        pf_wire_code bad = pf_wire_next(&w, &f);
        if (bad)
            return bad_wire(d, bad, f, "profile");
        pf_code code = fill_row(d, f);
        if (code)
            return code;
    }
    return PF_OK;
}

/* ---- table by table ---- */

/* Calls `fill` for each top-level field of that number, in order. */
static inline __attribute__((always_inline)) pf_code
fill_table(pf_decoder *d, unsigned number, pf_code (*fill)(pf_decoder *, pf_wire))
{
    for (pf_wire w = d->stretch[number]; w.p < w.end;) {
        pf_field f;
        pf_wire_code bad = pf_wire_next(&w, &f);
        if (bad)
            return bad_wire(d, bad, f, "profile");
        pf_code code = f.number == number ? fill(d, f.body) : PF_OK;
        if (code)
            return code;
    }
    return PF_OK;
}

static pf_code build_index(pf_decoder *d, pf_idindex *x, const void *rows, uint32_t n,
                           size_t stride, const char *what)
{
    uint64_t id = 0;
    pf_idindex_code bad = pf_idindex_build(x, d->a, rows, n, stride, &id);
    switch (bad) {
    case PF_IDINDEX_OK:
        return PF_OK;
    case PF_IDINDEX_ZERO:
        return pf_fail(d->err, PF_INVALID, "found %s with reserved ID=0", what);
    case PF_IDINDEX_DUPLICATE:
        return pf_fail(d->err, PF_INVALID, "multiple %ss with same id: %" PRIu64, what, id);
    case PF_IDINDEX_NOMEM:
        break;
    }
    return pf_arena_fail(d->a, d->err, "an index of ids");
}

static pf_code fill_symbols(pf_decoder *d)
{
    pf_profile *p = d->p;
    pf_code code = fill_table(d, F_MAPPING, fill_mapping);
    if (!code)
        code = fill_table(d, F_FUNCTION, fill_function);
    if (!code)
        code = build_index(d, &d->mappings, p->mapping, p->nmapping, sizeof *p->mapping, "mapping");
    if (!code)
        code = build_index(d, &d->functions, p->function, p->nfunction, sizeof *p->function,
                           "function");
    if (!code)
        code = fill_table(d, F_LOCATION, fill_location);
    pf_idindex_drop(&d->functions, d->a);
    pf_idindex_drop(&d->mappings, d->a);
    if (!code)
        code = build_index(d, &d->locations, p->location, p->nlocation, sizeof *p->location,
                           "location");
    return code;
}

/* What is referred to before what refers, so that a reference becomes a place at once. */
static pf_code fill_table_by_table(pf_decoder *d)
{
    memset(d->at, 0, sizeof d->at);
    d->at_sample_location = d->at_label = d->at_line = 0;
    d->at_value = 0;
    pf_code code = fill_table(d, F_STRING, fill_string);
    if (!code)
        code = fill_table(d, F_SAMPLE_TYPE, fill_sample_type);
    if (!code)
        code = fill_symbols(d);
    if (!code)
        code = fill_table(d, F_SAMPLE, fill_sample);
    pf_idindex_drop(&d->locations, d->a);
    return code;
}

pf_code pf_decoder_fill(pf_decoder *d)
{
    pf_code code = fill_header(d);
    if (!code)
        code = guess_lines(d);
    if (!code && fill_at_once(d))
        code = fill_table_by_table(d); /* this one knows what is wrong, if anything is */
    if (!code)
        code = fill_comments(d);
    if (code)
        return code;
    d->p->nline = d->at_line;
    pf_arena_shrink(d->a, d->p->line, d->line_cap * sizeof(pf_line), d->at_line * sizeof(pf_line));
    return PF_OK;
}
