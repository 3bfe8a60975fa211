/* Decoding profile.proto in two passes over the bytes.
 *
 *     pass 1, count:  |sample_type|sample sample sample ...|mapping|location ...|function
 * ...|string ...| every top-level field; samples and locations are entered to count what they hold
 *     allocate:        every array at its exact size, so that a hostile body is refused (or refused
 * by the arena's limit) before memory is spent on it pass 2, fill:    mapping, function, location,
 * sample: what is referred to comes before what refers
 *
 * The second pass visits each table by itself. Writers put the rows of a table side by side, so the
 * first pass notes where each kind of field begins and ends and the second reads only that stretch:
 * together they read the bytes about twice. Where somebody has mixed the tables the stretches
 * overlap, and it is at most six times.
 *
 * What is accepted is what google/pprof accepts: a scalar that comes twice has its last value;
 * unknown fields are skipped (and noted); a repeated number may be packed or not.
 */
#include "pprof/idindex.h"
#include "pprof/mistake.h"
#include "pprof/profile.h"
#include "pprof/wire.h"

#include <inttypes.h>

enum { /* fields of Profile */
       F_SAMPLE_TYPE = 1,
       F_SAMPLE,
       F_MAPPING,
       F_LOCATION,
       F_FUNCTION,
       F_STRING,
       F_DROP_FRAMES,
       F_KEEP_FRAMES,
       F_TIME_NANOS,
       F_DURATION_NANOS,
       F_PERIOD_TYPE,
       F_PERIOD,
       F_COMMENT,
       F_DEFAULT_SAMPLE_TYPE,
       F_DOC_URL,
       F_END,
};

typedef struct decoder {
    pf_profile *p;
    pf_arena *a;
    pf_error *err;

    /* Found by the counting pass, by field number. */
    pf_wire stretch[F_END]; /* from the first to behind the last field of that number */
    uint64_t count[F_END];  /* fields, of F_COMMENT numbers */
    uint64_t scalar[F_END]; /* last value */
    uint64_t period_type[2];
    uint64_t nsample_location, nvalue, nlabel, nline;
    uint64_t first_values;   /* values of the first sample */
    uint64_t deviant_values; /* and of the first one that has another number of them */
    bool has_deviant;
    bool framed; /* the bytes are fields from end to end */

    /* Where the filling pass stands. */
    uint32_t at_sample_location, at_label, at_line;
    size_t at_value;
    uint32_t at[F_END];
    pf_idindex mappings, functions, locations;
} decoder;

/* ---- errors ---- */

/* These take their field by value, so that the reading loops need not keep it in memory. */

static __attribute__((cold, noinline)) pf_code
wire_failed(decoder *d, pf_wire_code code, uint64_t number, unsigned type, const char *where)
{
    switch (code) {
    case PF_WIRE_BAD_VARINT:
        return pf_fail(d->err, PF_INVALID, "bad varint in a %s", where);
    case PF_WIRE_NOT_ENOUGH:
        return pf_fail(d->err, PF_INVALID, "not enough data: a %s is cut off", where);
    case PF_WIRE_TOO_MUCH:
        return pf_fail(d->err, PF_INVALID,
                       "too much data: field %" PRIu64 " of a %s is longer than what is left of it",
                       number, where);
    default:
        return pf_fail(d->err, PF_INVALID, "unknown wire type: %u in a %s", type, where);
    }
}

static __attribute__((cold, noinline)) pf_code type_failed(decoder *d, uint64_t number,
                                                           unsigned type, const char *where)
{
    return pf_fail(d->err, PF_INVALID, "type mismatch: field %" PRIu64 " of a %s has wire type %u",
                   number, where, type);
}

#define bad_wire(d, code, f, where) wire_failed(d, code, (f).number, (f).type, where)
#define bad_type(d, f, where) type_failed(d, (f).number, (f).type, where)

static __attribute__((cold, noinline)) pf_code bad_string(decoder *d, uint64_t index,
                                                          const char *where)
{
    return pf_fail(d->err, PF_INVALID,
                   "malformed profile format: a %s refers to string %" PRId64
                   " of a table of %" PRIu32,
                   where, (int64_t)index, d->p->nstring);
}

static pf_code bad_index(decoder *d, pf_idindex_code code, const char *what, uint64_t id)
{
    switch (code) {
    case PF_IDINDEX_ZERO:
        return pf_fail(d->err, PF_INVALID, "found %s with reserved ID=0", what);
    case PF_IDINDEX_DUPLICATE:
        return pf_fail(d->err, PF_INVALID, "multiple %ss with same id: %" PRIu64, what, id);
    default:
        return pf_arena_fail(d->a, d->err, "an index of ids");
    }
}

/* ---- messages of scalars only ---- */

/* Reads a message whose fields 1 to n are all scalars into v[1..n]; v is zeroed first. */
static inline __attribute__((always_inline)) pf_code
read_scalars(decoder *d, pf_wire w, uint64_t *v, unsigned n, const char *where)
{
    for (unsigned i = 0; i <= n; i++)
        v[i] = 0;
    while (w.p < w.end) {
        pf_field f;
        pf_wire_code code = pf_wire_next(&w, &f);
        if (code)
            return bad_wire(d, code, f, where);
        if (f.number - 1 >= n) {
            d->p->has_unknown_fields = true;
            continue;
        }
        if (f.type != PF_WIRE_VARINT)
            return bad_type(d, f, where);
        v[f.number] = f.num;
    }
    return PF_OK;
}

/* ---- pass 1: count ---- */

/* How many numbers a repeated scalar's field adds. */
PF_WIRE_INLINE bool count_numbers(pf_field f, uint64_t *n)
{
    if (f.type == PF_WIRE_BYTES)
        *n += pf_wire_count_varints(f.body);
    else if (f.type == PF_WIRE_VARINT)
        *n += 1;
    else
        return false;
    return true;
}

static pf_code count_sample(decoder *d, pf_wire w)
{
    uint64_t values = 0;
    while (w.p < w.end) {
        pf_field f;
        pf_wire_code code = pf_wire_next(&w, &f);
        if (code)
            return bad_wire(d, code, f, "sample");
        bool typed = true;
        if (f.number == 1)
            typed = count_numbers(f, &d->nsample_location);
        else if (f.number == 2)
            typed = count_numbers(f, &values);
        else if (f.number == 3)
            d->nlabel++, typed = f.type == PF_WIRE_BYTES;
        if (!typed)
            return bad_type(d, f, "sample");
    }
    if (d->count[F_SAMPLE] == 1)
        d->first_values = values;
    else if (values != d->first_values && !d->has_deviant)
        d->has_deviant = true, d->deviant_values = values;
    d->nvalue += values;
    return PF_OK;
}

static pf_code count_location(decoder *d, pf_wire w)
{
    while (w.p < w.end) {
        pf_field f;
        pf_wire_code code = pf_wire_next(&w, &f);
        if (code)
            return bad_wire(d, code, f, "location");
        d->nline += f.number == 4;
    }
    return PF_OK;
}

static pf_code count_scalar(decoder *d, pf_field f)
{
    if (f.number == F_TIME_NANOS && d->scalar[F_TIME_NANOS] != 0)
        return pf_fail(d->err, PF_INVALID, "concatenated profiles detected");
    if (f.type != PF_WIRE_VARINT)
        return bad_type(d, f, "profile");
    d->scalar[f.number] = f.num;
    return PF_OK;
}

static pf_code count_period_type(decoder *d, pf_wire body)
{
    uint64_t v[3];
    pf_code code = read_scalars(d, body, v, 2, "period type");
    d->period_type[0] = v[1];
    d->period_type[1] = v[2];
    d->p->has_period_type = true;
    return code;
}

PF_WIRE_INLINE pf_code count_field(decoder *d, pf_field f)
{
    switch (f.number) {
    case F_COMMENT:
        return count_numbers(f, &d->count[F_COMMENT]) ? PF_OK : bad_type(d, f, "profile");
    case F_DROP_FRAMES:
    case F_KEEP_FRAMES:
    case F_TIME_NANOS:
    case F_DURATION_NANOS:
    case F_PERIOD:
    case F_DEFAULT_SAMPLE_TYPE:
    case F_DOC_URL:
        return count_scalar(d, f);
    }
    if (f.type != PF_WIRE_BYTES)
        return bad_type(d, f, "profile");
    d->count[f.number]++;
    switch (f.number) {
    case F_SAMPLE:
        return count_sample(d, f.body);
    case F_LOCATION:
        return count_location(d, f.body);
    case F_PERIOD_TYPE:
        return count_period_type(d, f.body);
    case F_STRING:
        if (d->count[F_STRING] == 1 && f.body.p != f.body.end)
            return pf_fail(d->err, PF_INVALID, "string_table[0] must be ''");
    }
    return PF_OK;
}

static pf_code count(decoder *d, pf_wire w)
{
    while (w.p < w.end) {
        const uint8_t *from = w.p;
        pf_field f;
        pf_wire_code code = pf_wire_next(&w, &f);
        if (code)
            return bad_wire(d, code, f, "profile");
        if (f.number == 0 || f.number >= F_END) {
            d->p->has_unknown_fields = true;
            continue;
        }
        if (!d->stretch[f.number].p)
            d->stretch[f.number].p = from;
        d->stretch[f.number].end = w.p;
        pf_code failed = count_field(d, f);
        if (failed)
            return failed;
    }
    return PF_OK;
}

/* ---- between the passes ---- */

static pf_code check_counts(decoder *d)
{
    uint64_t types = d->count[F_SAMPLE_TYPE], samples = d->count[F_SAMPLE];
    if (d->count[F_STRING] == 0)
        return pf_fail(d->err, PF_INVALID, "malformed profile format: it has no string table");
    if (samples && !types)
        return pf_fail(d->err, PF_INVALID, "missing sample type information");
    if (samples && (d->first_values != types || d->has_deviant))
        return pf_fail(d->err, PF_INVALID,
                       "mismatch: sample has %" PRIu64 " values vs. %" PRIu64 " types",
                       d->first_values != types ? d->first_values : d->deviant_values, types);
    const uint64_t counts[] = {
        types,
        samples,
        d->count[F_MAPPING],
        d->count[F_LOCATION],
        d->count[F_FUNCTION],
        d->count[F_STRING],
        d->count[F_COMMENT],
        d->nsample_location,
        d->nlabel,
        d->nline,
    };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        if (counts[i] >= UINT32_MAX)
            return pf_fail(d->err, PF_TOO_LARGE, "a profile of more than 4 billion rows");
    return PF_OK;
}

static pf_code allocate(decoder *d)
{
    pf_profile *p = d->p;
    p->nsample_type = (uint32_t)d->count[F_SAMPLE_TYPE];
    p->nsample = (uint32_t)d->count[F_SAMPLE];
    p->nmapping = (uint32_t)d->count[F_MAPPING];
    p->nlocation = (uint32_t)d->count[F_LOCATION];
    p->nfunction = (uint32_t)d->count[F_FUNCTION];
    p->nstring = (uint32_t)d->count[F_STRING];
    p->ncomment = (uint32_t)d->count[F_COMMENT];
    p->nsample_location = (uint32_t)d->nsample_location;
    p->nlabel = (uint32_t)d->nlabel;
    p->nline = (uint32_t)d->nline;
#define TAKE(field, n) (p->field = pf_arena_array(d->a, (n), sizeof *p->field))
    bool all = TAKE(string, p->nstring) && TAKE(sample_type, p->nsample_type) &&
               TAKE(sample, p->nsample) && TAKE(value, d->nvalue) &&
               TAKE(sample_location, p->nsample_location) && TAKE(label, p->nlabel) &&
               TAKE(mapping, p->nmapping) && TAKE(location, p->nlocation) && TAKE(line, p->nline) &&
               TAKE(function, p->nfunction) && TAKE(comment, p->ncomment);
#undef TAKE
    return all ? PF_OK : pf_arena_fail(d->a, d->err, "the decoded profile");
}

/* ---- pass 2: fill ---- */

static inline bool in_table(const decoder *d, uint64_t string)
{
    return string < d->p->nstring;
}

static pf_code fill_string(decoder *d, pf_wire body)
{
    d->p->string[d->at[F_STRING]++] = (pf_str){(const char *)body.p, (size_t)(body.end - body.p)};
    return PF_OK;
}

static pf_code fill_sample_type(decoder *d, pf_wire body)
{
    uint64_t v[3];
    pf_code code = read_scalars(d, body, v, 2, "sample type");
    if (code)
        return code;
    if (!in_table(d, v[1]) || !in_table(d, v[2]))
        return bad_string(d, in_table(d, v[1]) ? v[2] : v[1], "sample type");
    d->p->sample_type[d->at[F_SAMPLE_TYPE]++] = (pf_value_type){(uint32_t)v[1], (uint32_t)v[2]};
    return PF_OK;
}

static pf_code fill_comment(decoder *d, uint64_t string)
{
    if (!in_table(d, string))
        return bad_string(d, string, "comment");
    d->p->comment[d->at[F_COMMENT]++] = (uint32_t)string;
    return PF_OK;
}

/* The one top-level field that is a number and repeated. */
static pf_code fill_comments(decoder *d)
{
    pf_code code = PF_OK;
    for (pf_wire w = d->stretch[F_COMMENT]; !code && w.p < w.end;) {
        pf_field f;
        if (pf_wire_next(&w, &f) || f.number != F_COMMENT)
            continue; /* what is not well-formed was found while counting */
        if (f.type == PF_WIRE_VARINT)
            code = fill_comment(d, f.num);
        while (!code && f.body.p < f.body.end) {
            uint64_t v;
            if (!pf_wire_varint(&f.body, &v))
                return bad_wire(d, PF_WIRE_BAD_VARINT, f, "comment");
            code = fill_comment(d, v);
        }
    }
    return code;
}

static pf_code fill_mapping(decoder *d, pf_wire body)
{
    uint64_t v[11];
    pf_code code = read_scalars(d, body, v, 10, "mapping");
    if (code)
        return code;
    if (!in_table(d, v[5]) || !in_table(d, v[6]))
        return bad_string(d, in_table(d, v[5]) ? v[6] : v[5], "mapping");
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

static pf_code fill_function(decoder *d, pf_wire w)
{
    pf_function *fn = &d->p->function[d->at[F_FUNCTION]++];
    uint64_t id = 0, name = 0, system_name = 0, filename = 0, start_line = 0;
    while (w.p < w.end) {
        pf_field f;
        pf_wire_code code = pf_wire_next(&w, &f);
        if (code)
            return bad_wire(d, code, f, "function");
        switch (f.number) {
        case 1:
            id = f.num;
            break;
        case 2:
            name = f.num;
            break;
        case 3:
            system_name = f.num;
            break;
        case 4:
            filename = f.num;
            break;
        case 5:
            start_line = f.num;
            break;
        default:
            d->p->has_unknown_fields = true;
            continue;
        }
        if (f.type != PF_WIRE_VARINT)
            return bad_type(d, f, "function");
    }
    uint64_t last = name > system_name ? name : system_name;
    last = last > filename ? last : filename;
    if (!in_table(d, last))
        return bad_string(d, last, "function");
    *fn = (pf_function){id, (int64_t)start_line, (uint32_t)name, (uint32_t)system_name,
                        (uint32_t)filename};
    return PF_OK;
}

PF_WIRE_INLINE pf_code fill_line(decoder *d, pf_wire w)
{
    uint64_t function = 0, line = 0, column = 0;
    while (w.p < w.end) {
        pf_field f;
        pf_wire_code code = pf_wire_next(&w, &f);
        if (code)
            return bad_wire(d, code, f, "line");
        switch (f.number) {
        case 1:
            function = f.num;
            break;
        case 2:
            line = f.num;
            break;
        case 3:
            column = f.num;
            break;
        default:
            d->p->has_unknown_fields = true;
            continue;
        }
        if (f.type != PF_WIRE_VARINT)
            return bad_type(d, f, "line");
    }
    d->p->line[d->at_line++] =
        (pf_line){(int64_t)line, (int64_t)column, pf_idindex_find(&d->functions, function)};
    return PF_OK;
}

static pf_code check_lines(decoder *d, const pf_location *l)
{
    for (uint32_t i = l->line_off; i < d->at_line; i++)
        if (d->p->line[i].function == PF_NO_INDEX)
            return pf_fail(d->err, PF_INVALID,
                           "location id: %" PRIu64 " has a line with nil function", l->id);
    return PF_OK;
}

static pf_code fill_location(decoder *d, pf_wire w)
{
    pf_location *l = &d->p->location[d->at[F_LOCATION]++];
    *l = (pf_location){.line_off = d->at_line};
    while (w.p < w.end) {
        pf_field f;
        pf_wire_code bad = pf_wire_next(&w, &f);
        if (bad)
            return bad_wire(d, bad, f, "location");
        if (f.number - 1 >= 5) {
            d->p->has_unknown_fields = true;
            continue;
        }
        if (f.type != (f.number == 4 ? PF_WIRE_BYTES : PF_WIRE_VARINT))
            return bad_type(d, f, "location");
        pf_code code = PF_OK;
        switch (f.number) {
        case 1:
            l->id = f.num;
            break;
        case 2:
            l->mapping_id = f.num;
            break;
        case 3:
            l->address = f.num;
            break;
        case 4:
            code = fill_line(d, f.body);
            break;
        case 5:
            l->folded = f.num;
            break;
        }
        if (code)
            return code;
    }
    l->mapping = pf_idindex_find(&d->mappings, l->mapping_id);
    l->line_n = d->at_line - l->line_off;
    return check_lines(d, l);
}

static __attribute__((cold, noinline)) pf_code no_location(decoder *d, uint64_t id)
{
    return pf_fail(d->err, PF_INVALID, "sample has nil location: there is none with id %" PRIu64,
                   id);
}

static inline pf_code fill_sample_location(decoder *d, uint64_t id)
{
    uint32_t place = pf_idindex_find(&d->locations, id);
    d->p->sample_location[d->at_sample_location++] = place;
    return place == PF_NO_INDEX ? no_location(d, id) : PF_OK;
}

static pf_code fill_sample_locations(decoder *d, pf_wire w)
{
    while (w.p < w.end) {
        uint64_t id;
        if (!pf_wire_varint(&w, &id))
            return bad_wire(d, PF_WIRE_BAD_VARINT, (pf_field){0}, "sample's locations");
        pf_code code = fill_sample_location(d, id);
        if (code)
            return code;
    }
    return PF_OK;
}

static pf_code fill_sample_values(decoder *d, pf_wire w)
{
    while (w.p < w.end) {
        uint64_t v;
        if (!pf_wire_varint(&w, &v))
            return bad_wire(d, PF_WIRE_BAD_VARINT, (pf_field){0}, "sample's values");
        d->p->value[d->at_value++] = (int64_t)v;
    }
    return PF_OK;
}

static pf_code fill_label(decoder *d, pf_wire w)
{
    uint64_t v[5];
    pf_code code = read_scalars(d, w, v, 4, "label");
    if (code)
        return code;
    if (!in_table(d, v[1]) || !in_table(d, v[2]))
        return bad_string(d, in_table(d, v[1]) ? v[2] : v[1], "label");
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

static pf_code fill_sample(decoder *d, pf_wire w)
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

/* Calls `fill` for each top-level field of that number, in order. */
static inline __attribute__((always_inline)) pf_code fill_table(decoder *d, unsigned number,
                                                                pf_code (*fill)(decoder *, pf_wire))
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

static pf_code fill_header(decoder *d)
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

/* The tables that refer to others come after them, since references become places at once. */
static pf_code fill_symbols(decoder *d)
{
    pf_profile *p = d->p;
    uint64_t id = 0;
    pf_code code = fill_table(d, F_MAPPING, fill_mapping);
    if (!code)
        code = fill_table(d, F_FUNCTION, fill_function);
    if (code)
        return code;
    pf_idindex_code bad =
        pf_idindex_build(&d->mappings, d->a, p->mapping, p->nmapping, sizeof *p->mapping, &id);
    if (bad)
        return bad_index(d, bad, "mapping", id);
    bad =
        pf_idindex_build(&d->functions, d->a, p->function, p->nfunction, sizeof *p->function, &id);
    if (bad)
        return bad_index(d, bad, "function", id);
    code = fill_table(d, F_LOCATION, fill_location);
    if (code)
        return code;
    pf_idindex_drop(&d->functions, d->a);
    pf_idindex_drop(&d->mappings, d->a);
    bad =
        pf_idindex_build(&d->locations, d->a, p->location, p->nlocation, sizeof *p->location, &id);
    return bad ? bad_index(d, bad, "location", id) : PF_OK;
}

static pf_code fill(decoder *d)
{
    pf_code code = fill_header(d);
    if (!code)
        code = fill_table(d, F_STRING, fill_string);
    if (!code)
        code = fill_table(d, F_SAMPLE_TYPE, fill_sample_type);
    if (!code)
        code = fill_comments(d);
    if (!code)
        code = fill_symbols(d);
    if (!code)
        code = fill_table(d, F_SAMPLE, fill_sample);
    pf_idindex_drop(&d->locations, d->a);
    return code;
}

pf_code pf_profile_decode(pf_profile *p, pf_arena *a, pf_str bytes, pf_error *err)
{
    *p = (pf_profile){0};
    if (bytes.n == 0)
        return pf_fail(err, PF_INVALID, "empty input file");
    decoder d = {.p = p, .a = a, .err = err};
    const uint8_t *from = (const uint8_t *)bytes.p;
    pf_code code = count(&d, (pf_wire){from, from + bytes.n});
    d.framed = !code;
    if (!code)
        code = check_counts(&d);
    if (!code)
        code = allocate(&d);
    if (!code)
        code = fill(&d);
    const char *mistake = code == PF_INVALID ? pf_mistake_of(bytes, !d.framed) : NULL;
    return mistake ? pf_fail(err, PF_INVALID, "%s", mistake) : code;
}
