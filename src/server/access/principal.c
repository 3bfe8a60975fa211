#include "server/access/principal.h"

#include "server/access/rules.h"

static const struct {
    const char *name;
    pf_right right;
} rights[PF_RIGHTS] = {{"push", PF_RIGHT_PUSH},
                       {"query", PF_RIGHT_QUERY},
                       {"write", PF_RIGHT_WRITE},
                       {"delete", PF_RIGHT_DELETE},
                       {"admin", PF_RIGHT_ADMIN}};

bool pf_principal_may(const pf_principal *who, pf_right right)
{
    return (who->rights & right) == (unsigned)right;
}

void pf_principal_release(pf_principal *who)
{
    pf_rules_release(who->rules);
    *who = (pf_principal){0};
}

const char *pf_right_name(pf_right right)
{
    for (size_t i = 0; i < PF_RIGHTS; i++)
        if (rights[i].right == right)
            return rights[i].name;
    return "?";
}

bool pf_right_parse(pf_str name, pf_right *out)
{
    for (size_t i = 0; i < PF_RIGHTS; i++)
        if (pf_str_eq(name, pf_str_c(rights[i].name))) {
            *out = rights[i].right;
            return true;
        }
    return false;
}
