/* scope.h: which services somebody may see and push to.
 *
 * A scope is a list of names in which `*` stands for any text, also none: "shop", "shop-*", "*". A store leaves out
 * what is not in the scope of an operation (pf_op in storage/storage.h), so that another's service is as absent as one
 * that never was. All texts are borrowed; reading a scope from several threads is safe.
 */
#ifndef PF_PROFILE_SCOPE_H
#define PF_PROFILE_SCOPE_H

#include "base/str.h"

typedef struct pf_scope {
    const pf_str *patterns;
    size_t n;
} pf_scope;

/* NULL is the scope of those who may see all. An empty scope holds nothing. */
bool pf_scope_has(const pf_scope *scope, pf_str service);

/* Whether `text` as a whole is like `pattern`; case matters. Time is at most the product of the lengths. */
bool pf_scope_matches(pf_str pattern, pf_str text);

#endif
