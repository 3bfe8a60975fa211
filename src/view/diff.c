#include "view/diff.h"

#include <math.h>
#include <string.h>

static pf_code check_types(const pf_profile *a, const pf_profile *b, pf_error *err)
{
    bool same = a->nsample_type == b->nsample_type;
    for (uint32_t i = 0; same && i < a->nsample_type; i++)
        same = pf_str_eq(a->string[a->sample_type[i].type], b->string[b->sample_type[i].type]) &&
               pf_str_eq(a->string[a->sample_type[i].unit], b->string[b->sample_type[i].unit]);
    return same ? PF_OK : pf_fail(err, PF_INVALID, "the two sides have different sample types");
}

/* Two more strings and a label more for each sample; a label of that key that was there goes. */
static pf_code label_samples(const pf_profile *in, pf_arena *a, pf_profile *out, pf_error *err)
{
    uint32_t key = in->nstring, value = in->nstring + 1;
    size_t labels = in->nsample; /* those of samples may be shared: each gets its own */
    for (uint32_t i = 0; i < in->nsample; i++)
        labels += in->sample[i].label_n;
    pf_str *string = pf_arena_array(a, (size_t)in->nstring + 2, sizeof *string);
    pf_label *label = pf_arena_array(a, labels, sizeof *label);
    pf_sample *sample = pf_arena_array(a, in->nsample, sizeof *sample);
    if (!string || !label || !sample || labels > UINT32_MAX || in->nstring >= UINT32_MAX - 2)
        return pf_view_nomem(a, err);
    memcpy(string, in->string, in->nstring * sizeof *string);
    string[key] = PF_STR("pprof::base");
    string[value] = PF_STR("true");
    uint32_t n = 0;
    for (uint32_t i = 0; i < in->nsample; i++) {
        const pf_sample *s = &in->sample[i];
        sample[i] = *s;
        sample[i].label_off = n;
        for (uint32_t k = 0; k < s->label_n; k++) {
            const pf_label *l = &in->label[s->label_off + k];
            if (!(l->str && pf_str_eq(in->string[l->key], string[key])))
                label[n++] = *l;
        }
        label[n++] = (pf_label){.key = key, .str = value};
        sample[i].label_n = n - sample[i].label_off;
    }
    out->string = string;
    out->nstring += 2;
    out->label = label;
    out->nlabel = n;
    out->sample = sample;
    return PF_OK;
}

static pf_code negate(const pf_profile *in, pf_arena *a, pf_profile *out, pf_error *err)
{
    size_t n = (size_t)in->nsample * in->nsample_type;
    int64_t *value = pf_arena_array(a, n, sizeof *value);
    if (!value)
        return pf_view_nomem(a, err);
    for (size_t i = 0; i < n; i++)
        if (__builtin_sub_overflow((int64_t)0, in->value[i], &value[i]))
            return pf_fail(err, PF_INVALID, "a value of the base can't be negated");
    out->value = value;
    return PF_OK;
}

static void sums_of(const pf_profile *p, int64_t *sum)
{
    for (size_t i = 0; i < p->nsample; i++)
        for (size_t k = 0; k < p->nsample_type; k++)
            sum[k] = pf_wrap_add(sum[k], p->value[i * p->nsample_type + k]);
}

static bool scale(int64_t in, double ratio, int64_t *out)
{
    double v = round((double)in * ratio);
    if (!(v >= -9223372036854775808.0 && v < 9223372036854775808.0))
        return false;
    *out = (int64_t)v;
    return true;
}

/* google/pprof's Profile.ScaleN: values are rounded, and a sample stays when one that was scaled is not zero. */
static pf_code scale_all(const pf_profile *in, const double *ratio, pf_arena *a, pf_profile *out,
                         pf_error *err)
{
    size_t types = in->nsample_type, kept = 0;
    int64_t *value = pf_arena_array(a, in->nsample * types, sizeof *value);
    pf_sample *sample = pf_arena_array(a, in->nsample, sizeof *sample);
    if (!value || !sample)
        return pf_view_nomem(a, err);
    for (uint32_t i = 0; i < in->nsample; i++) {
        bool keep = false;
        for (size_t k = 0; k < types; k++) {
            int64_t v = in->value[i * types + k];
            if (ratio[k] != 1 && !scale(v, ratio[k], &v))
                return pf_fail(err, PF_INVALID, "a normalized value leaves int64");
            value[kept * types + k] = v;
            keep |= ratio[k] != 1 && v != 0;
        }
        if (keep)
            sample[kept++] = in->sample[i];
    }
    out->value = value;
    out->sample = sample;
    out->nsample = (uint32_t)kept;
    return PF_OK;
}

static pf_code normalize(const pf_profile *in, const pf_profile *base, pf_arena *a, pf_profile *out,
                         pf_error *err)
{
    size_t n = in->nsample_type;
    int64_t *sums = pf_arena_zalloc(a, 2 * n * sizeof *sums);
    double *ratio = pf_arena_array(a, n, sizeof *ratio);
    if (!sums || !ratio)
        return pf_view_nomem(a, err);
    sums_of(in, sums);
    sums_of(base, sums + n);
    bool all_ones = true;
    for (size_t i = 0; i < n; i++) {
        ratio[i] = sums[i] ? (double)sums[n + i] / (double)sums[i] : 0;
        all_ones &= ratio[i] == 1;
    }
    return all_ones ? PF_OK : scale_all(in, ratio, a, out, err);
}

pf_code pf_diff_make(const pf_profile *compared, const pf_profile *base, const pf_diff_options *o,
                     pf_merge *m, pf_arena *a, pf_profile *out, pf_error *err)
{
    pf_profile left = *compared, right = *base;
    pf_code code = check_types(compared, base, err);
    if (!code && o->normalize)
        code = normalize(compared, base, a, &left, err);
    if (!code)
        code = negate(base, a, &right, err);
    if (!code)
        code = label_samples(base, a, &right, err);
    if (!code)
        code = pf_merge_add(m, &left, err);
    if (!code)
        code = pf_merge_add(m, &right, err);
    return code ? code : pf_merge_finish(m, out, err);
}
