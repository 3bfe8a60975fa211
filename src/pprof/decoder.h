/* decoder.h: what the two passes of decoding share. Internal to decode*.c; decode.c has the essay.
 */
#ifndef PF_PPROF_DECODER_H
#define PF_PPROF_DECODER_H

#include "pprof/idindex.h"
#include "pprof/profile.h"
#include "pprof/wire.h"

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

typedef struct pf_decoder {
    pf_profile *p;
    pf_arena *a;
    pf_error *err;

    pf_wire bytes; /* all of them */

    /* Found by the counting pass, by field number. */
    pf_wire stretch[F_END]; /* from the first to behind the last field of that number */
    uint64_t count[F_END];  /* fields, of F_COMMENT numbers */
    uint64_t scalar[F_END]; /* last value */
    uint64_t period_type[2];
    uint64_t nsample_location, nvalue, nlabel;
    uint64_t first_values;   /* values of the first sample */
    uint64_t deviant_values; /* and of the first one that has another number of them */
    bool has_deviant;
    bool framed; /* the bytes are fields from end to end */

    /* Where the filling pass stands. */
    uint32_t at_sample_location, at_label, at_line;
    size_t line_cap; /* rows that line[] has room for */
    size_t at_value;
    uint32_t at[F_END];
    pf_idindex mappings, functions, locations;
} pf_decoder;

/* The second pass. */
pf_code pf_decoder_fill(pf_decoder *d);

/* Errors. They take their field by value, so that the reading loops need not keep it in memory. */
pf_code pf_decoder_wire_failed(pf_decoder *d, pf_wire_code code, uint64_t number, unsigned type,
                               const char *where);
pf_code pf_decoder_type_failed(pf_decoder *d, uint64_t number, unsigned type, const char *where);

#define bad_wire(d, code, f, where) pf_decoder_wire_failed(d, code, (f).number, (f).type, where)
#define bad_type(d, f, where) pf_decoder_type_failed(d, (f).number, (f).type, where)

/* Reads a message whose fields 1 to n are all scalars into v[1..n], zeroed first. Writers write them in
 * order, so each round tries them in order before it looks at what else may stand there: branches that
 * are always taken the same way. n is a constant, and v[] then lives in registers. */
PF_WIRE_INLINE pf_code pf_decoder_scalars(pf_decoder *d, pf_wire w, uint64_t *v, unsigned n,
                                          const char *where)
{
#pragma GCC unroll 11
    for (unsigned i = 0; i <= n; i++)
        v[i] = 0;
    while (w.p < w.end) {
        const uint8_t *at = w.p;
#pragma GCC unroll 11
        for (unsigned i = 1; i <= n; i++)
            if (!pf_wire_take(&w, i, &v[i]))
                return bad_wire(d, PF_WIRE_BAD_VARINT, ((pf_field){0}), where);
        if (w.p != at)
            continue;
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
#pragma GCC unroll 11
        for (unsigned i = 1; i <= n; i++)
            v[i] = f.number == i ? f.num : v[i];
    }
    return PF_OK;
}

#endif
