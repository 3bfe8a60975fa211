#include "view/view.h"

#include <string.h>

pf_code pf_stop_check(const pf_stop *s, pf_error *err)
{
    return s->check ? s->check(s->ctx, err) : PF_OK;
}

pf_code pf_view_nomem(const pf_arena *a, pf_error *err)
{
    if (a->never)
        return pf_fail(err, PF_QUERY_LIMIT,
                       "the view needs more memory than -memory.max-inflight allows");
    if (a->over_limit)
        return pf_fail(err, PF_QUERY_LIMIT, "the view needs more than %zu bytes", a->limit);
    return pf_arena_fail(a, err, "a view");
}

static pf_code no_sample_type(const pf_profile *p, pf_str name, pf_error *err)
{
    char list[256];
    size_t n = 0;
    for (uint32_t i = 0; i < p->nsample_type; i++) {
        pf_str type = p->string[p->sample_type[i].type];
        if (n + type.n + 2 >= sizeof list)
            break;
        memcpy(list + n, i ? ", " : "", i ? 2 : 0);
        n += i ? 2 : 0;
        memcpy(list + n, type.p, type.n);
        n += type.n;
    }
    return pf_fail_param(err, PF_INVALID, "sample_type",
                         "bad \"sample_type\" \"%.*s\": there are %.*s",
                         PF_FMT(((pf_str){name.p, name.n < 100 ? name.n : 100})), (int)n, list);
}

pf_code pf_view_sample_type(const pf_profile *p, pf_str name, uint32_t *out, pf_error *err)
{
    if (!p->nsample_type)
        return pf_fail(err, PF_INVALID, "the profile has no sample types");
    pf_str wanted = name.n ? name : p->string[p->default_sample_type];
    for (uint32_t i = 0; wanted.n && i < p->nsample_type; i++) {
        if (pf_str_eq(p->string[p->sample_type[i].type], wanted)) {
            *out = i;
            return PF_OK;
        }
    }
    *out = p->nsample_type - 1;
    return name.n ? no_sample_type(p, name, err) : PF_OK;
}

static bool has_base_label(const pf_profile *p, const pf_sample *s)
{
    for (uint32_t i = 0; i < s->label_n; i++) {
        const pf_label *l = &p->label[s->label_off + i];
        if (l->str && pf_str_eq(p->string[l->key], PF_STR("pprof::base")) &&
            pf_str_eq(p->string[l->str], PF_STR("true")))
            return true;
    }
    return false;
}

static pf_code find_base(pf_view *v, pf_error *err)
{
    bool *is_base = pf_arena_array(v->arena, v->profile->nsample, sizeof *is_base);
    if (!is_base)
        return pf_view_nomem(v->arena, err);
    for (uint32_t i = 0; i < v->profile->nsample; i++)
        is_base[i] = has_base_label(v->profile, &v->profile->sample[i]);
    v->is_base = is_base;
    return PF_OK;
}

pf_code pf_view_make(pf_view *v, const pf_profile *p, const pf_view_options *o, pf_arena *a,
                     pf_error *err)
{
    *v = (pf_view){.profile = p, .is_diff = o->is_diff, .stop = o->stop, .arena = a};
    pf_code code = pf_view_sample_type(p, o->sample_type, &v->sample_type, err);
    if (!code)
        code = pf_frames_make(&v->frames, p, o->granularity, a, err);
    if (!code && o->is_diff)
        code = find_base(v, err);
    for (uint32_t i = 0; !code && i < p->nsample; i++) {
        bool base;
        int64_t value = pf_view_value(v, i, &base);
        int64_t *sum = base ? &v->base_total : &v->total;
        *sum = pf_wrap_add(*sum, value);
    }
    return code;
}
