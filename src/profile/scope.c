#include "profile/scope.h"

/* Greedy, with one place to go back to: after a later `*` an earlier one needs no second look. */
bool pf_scope_matches(pf_str pattern, pf_str text)
{
    size_t p = 0, t = 0, star = SIZE_MAX, from = 0;
    while (t < text.n) {
        if (p < pattern.n && pattern.p[p] == '*') {
            star = p++;
            from = t;
        } else if (p < pattern.n && pattern.p[p] == text.p[t]) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++from;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.p[p] == '*')
        p++;
    return p == pattern.n;
}

bool pf_scope_has(const pf_scope *scope, pf_str service)
{
    if (!scope)
        return true;
    for (size_t i = 0; i < scope->n; i++)
        if (pf_scope_matches(scope->patterns[i], service))
            return true;
    return false;
}
