/* target.h: the request target as it stood on the request line, cut into path and query. */
#ifndef PF_SERVER_HTTP_TARGET_H
#define PF_SERVER_HTTP_TARGET_H

#include "base/str.h"

/* What of a raw request target is path and what query; both point into `target` (or are "/"). Takes origin form
 * ("/a?b"), absolute form ("http://host/a?b"), "*" and, for CONNECT, "host:port". NULL, or what is wrong with it, as
 * a sentence for the client. */
const char *pf_target_split(pf_str method, pf_str target, pf_str *path, pf_str *query);

/* Takes the base path off a path that is it or lies under it. */
void pf_target_unprefix(pf_str *path, pf_str base);

bool pf_is_token(pf_str s); /* RFC 9110 5.6.2: methods, names of headers */

#endif
