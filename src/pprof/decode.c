/* Decoding profile.proto in two passes over the bytes.
 *
 *     |sample_type|sample sample sample ...|mapping|location ...|function ...|string ...|
 *
 *     count      every top-level field; samples are entered to count what they hold
 *     allocate   every array at its exact size, so that a hostile body is refused, maybe by the
 *                arena's limit, before memory is spent on it; only lines are guessed, at three for
 *                two locations, and counted when that does not do
 *     fill       once more over all fields: see below
 *
 * References are by id and become places in tables. Ids are nearly always 1, 2, 3, ... in order, so
 * filling takes that for granted, which makes a place of an id even before the row it names has come
 * (Go writes locations and functions between the samples). When a row shows that it is not so, filling
 * starts again and goes table by table, with an index of ids for each: what is referred to before what
 * refers. The counting pass has noted where each kind of field begins and ends; so this reads the bytes
 * twice where tables are written side by side, at worst six times.
 *
 * What is accepted is what google/pprof accepts: a scalar that comes twice has its last value;
 * unknown fields are skipped (and noted); a repeated number may be packed or not.
 */
#include "pprof/decoder.h"
#include "pprof/mistake.h"

#include <inttypes.h>

__attribute__((cold)) pf_code pf_decoder_wire_failed(pf_decoder *d, pf_wire_code code,
                                                     uint64_t number, unsigned type,
                                                     const char *where)
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

__attribute__((cold)) pf_code pf_decoder_type_failed(pf_decoder *d, uint64_t number, unsigned type,
                                                     const char *where)
{
    return pf_fail(d->err, PF_INVALID, "type mismatch: field %" PRIu64 " of a %s has wire type %u",
                   number, where, type);
}

/* ---- pass 1: count ---- */

/* How many numbers a repeated scalar's field adds. */
PF_WIRE_INLINE bool count_numbers(const pf_decoder *d, pf_field f, uint64_t *n)
{
    if (f.type == PF_WIRE_BYTES)
        *n += pf_wire_count_varints(f.body, d->bytes.end);
    else if (f.type == PF_WIRE_VARINT)
        *n += 1;
    else
        return false;
    return true;
}

static pf_code count_sample(pf_decoder *d, pf_wire w)
{
    uint64_t values = 0;
    while (w.p < w.end) {
        pf_field f;
        pf_wire_code code = pf_wire_next(&w, &f);
        if (code)
            return bad_wire(d, code, f, "sample");
        bool typed = true;
        if (f.number == 1)
            typed = count_numbers(d, f, &d->nsample_location);
        else if (f.number == 2)
            typed = count_numbers(d, f, &values);
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

static pf_code count_scalar(pf_decoder *d, pf_field f)
{
    if (f.number == F_TIME_NANOS && d->scalar[F_TIME_NANOS] != 0)
        return pf_fail(d->err, PF_INVALID, "concatenated profiles detected");
    if (f.type != PF_WIRE_VARINT)
        return bad_type(d, f, "profile");
    d->scalar[f.number] = f.num;
    return PF_OK;
}

static pf_code count_period_type(pf_decoder *d, pf_wire body)
{
    uint64_t v[3];
    pf_code code = pf_decoder_scalars(d, body, v, 2, "period type");
    d->period_type[0] = v[1];
    d->period_type[1] = v[2];
    d->p->has_period_type = true;
    return code;
}

PF_WIRE_INLINE pf_code count_field(pf_decoder *d, pf_field f)
{
    switch (f.number) {
    case F_COMMENT:
        return count_numbers(d, f, &d->count[F_COMMENT]) ? PF_OK : bad_type(d, f, "profile");
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
    case F_PERIOD_TYPE:
        return count_period_type(d, f.body);
    case F_STRING:
        if (d->count[F_STRING] == 1 && f.body.p != f.body.end)
            return pf_fail(d->err, PF_INVALID, "string_table[0] must be ''");
    }
    return PF_OK;
}

static pf_code count(pf_decoder *d, pf_wire w)
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

static pf_code check_counts(pf_decoder *d)
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
    };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        if (counts[i] >= UINT32_MAX)
            return pf_fail(d->err, PF_TOO_LARGE, "a profile of more than 4 billion rows");
    return PF_OK;
}

static pf_code allocate(pf_decoder *d)
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
#define SIZE(field, n) ((n) * sizeof *p->field)
    size_t sum = SIZE(string, p->nstring) + SIZE(sample_type, p->nsample_type) +
                 SIZE(sample, p->nsample) + SIZE(value, d->nvalue) +
                 SIZE(sample_location, p->nsample_location) + SIZE(label, p->nlabel) +
                 SIZE(mapping, p->nmapping) + SIZE(location, p->nlocation) +
                 SIZE(function, p->nfunction) + SIZE(comment, p->ncomment);
#undef SIZE
#define TAKE(field, n) (p->field = pf_arena_array(d->a, (n), sizeof *p->field))
    bool all = pf_arena_could_hold(d->a, sum) && TAKE(string, p->nstring) &&
               TAKE(sample_type, p->nsample_type) && TAKE(sample, p->nsample) &&
               TAKE(value, d->nvalue) && TAKE(sample_location, p->nsample_location) &&
               TAKE(label, p->nlabel) && TAKE(mapping, p->nmapping) &&
               TAKE(location, p->nlocation) && TAKE(function, p->nfunction) &&
               TAKE(comment, p->ncomment);
#undef TAKE
    return all ? PF_OK : pf_arena_fail(d->a, d->err, "the decoded profile");
}

pf_code pf_profile_decode(pf_profile *p, pf_arena *a, pf_str bytes, pf_error *err)
{
    *p = (pf_profile){0};
    if (bytes.n == 0)
        return pf_fail(err, PF_INVALID, "empty input file");
    const uint8_t *from = (const uint8_t *)bytes.p;
    pf_decoder d = {.p = p, .a = a, .err = err, .bytes = {from, from + bytes.n}};
    pf_code code = count(&d, d.bytes);
    d.framed = !code;
    if (!code)
        code = check_counts(&d);
    if (!code)
        code = allocate(&d);
    if (!code)
        code = pf_decoder_fill(&d);
    const char *mistake = code == PF_INVALID ? pf_mistake_of(bytes, !d.framed) : NULL;
    return mistake ? pf_fail(err, PF_INVALID, "%s", mistake) : code;
}
