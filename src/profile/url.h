/* url.h: the escapes of URLs, as Go's net/url undoes them.
 *
 * Results live in the arena; a text without escapes is returned as it is, not copied.
 */
#ifndef PF_PROFILE_URL_H
#define PF_PROFILE_URL_H

#include "base/arena.h"
#include "base/error.h"

/* Undoes %xx, and '+' as a space where `plus_is_space` (in a query, not in a path). PF_INVALID
 * `invalid URL escape "%zz"`. */
pf_code pf_url_unescape(pf_str s, bool plus_is_space, pf_arena *a, pf_str *out, pf_error *err);

/* The value of the first parameter called `name` in a raw query, unescaped; {NULL, 0} when there is
 * none. Pairs are separated by '&'. An escape that can't be undone is PF_INVALID `bad "name" …`. */
pf_code pf_url_param(pf_str query, const char *name, pf_arena *a, pf_str *out, pf_error *err);

#endif
