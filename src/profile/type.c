#include "profile/type.h"

static const struct {
    pf_type type;
    const char *name;
} types[] = {
    {PF_TYPE_CPU, "cpu"},
    {PF_TYPE_HEAP, "heap"},
    {PF_TYPE_BLOCK, "block"},
    {PF_TYPE_MUTEX, "mutex"},
    {PF_TYPE_GOROUTINE, "goroutine"},
    {PF_TYPE_THREADCREATE, "threadcreate"},
    {PF_TYPE_OTHER, "other"},
    {PF_TYPE_TRACE, "trace"},
};

pf_type pf_type_parse(pf_str word)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (pf_str_eq(word, pf_str_c(types[i].name)))
            return types[i].type;
    return PF_TYPE_UNKNOWN;
}

const char *pf_type_name(pf_type type)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].type == type)
            return types[i].name;
    return "unknown";
}

bool pf_type_is_cumulative(pf_type type, pf_str sample_type)
{
    if (type == PF_TYPE_GOROUTINE || type == PF_TYPE_THREADCREATE)
        return false;
    return !pf_str_has_prefix(sample_type, PF_STR("inuse_")) &&
           !pf_str_has_prefix(sample_type, PF_STR("goroutine")) &&
           !pf_str_eq(sample_type, PF_STR("threadcreate")) &&
           !(type == PF_TYPE_HEAP && (pf_str_eq(sample_type, PF_STR("space")) ||
                                      pf_str_eq(sample_type, PF_STR("objects"))));
}
