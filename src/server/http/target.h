/* target.h: the request target as it stood on the request line, cut into path and query. */
#ifndef PF_SERVER_HTTP_TARGET_H
#define PF_SERVER_HTTP_TARGET_H

#include "base/str.h"

/* What of a raw request target is host, path and query; they point into `target` (the path may be a literal "/").
 * Takes origin form ("/a?b"), absolute form ("http://host/a?b"), the only one with an authority, "*" and, for CONNECT,
 * "host:port". NULL, or what is wrong with it, as a sentence for the client. */
const char *pf_target_split(pf_str method, pf_str target, pf_str *authority, pf_str *path,
                            pf_str *query);

/* Takes the base path off a path that is it or lies under it. */
void pf_target_unprefix(pf_str *path, pf_str base);

/* "host", "host:80", "[::1]:80" as in RFC 3986 3.2.2, never empty; no user before it, nothing but digits behind the
 * colon. */
bool pf_is_authority(pf_str s);
bool pf_is_token(pf_str s); /* RFC 9110 5.6.2: methods, names of headers */

#endif
