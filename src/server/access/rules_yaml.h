/* rules_yaml.h: an auth file's text read into rules.
 *
 *     end_mark: true                 # optional, must come first: the file ends with the line `...`
 *     tokens:
 *       - name: shop-ci              # unique, 1 to 128 bytes
 *         hash: "…"                  # SHA-256 of the secret, 64 hex digits; or
 *         subject: "CN=ci,O=shop"    # of a client's certificate, in place of `hash`; both unique
 *         rights: [push]             # push, query, write, delete, admin; at least one
 *         services: ["shop", "shop-*"]   # optional, `*` is any text; absent: all
 *         expires: 2027-01-01        # optional, from then on (00:00 UTC) it is of no use; or RFC 3339, or `never`
 *     proxy_login:                   # optional
 *       user_header: X-Forwarded-User
 *       services: ["shop"]           # optional, must come before `rights`
 *       rights: [query]              # the last key
 *     ...
 *
 * It is YAML, and strictly so: one document, no anchors, aliases, tags, directives or block texts, every value on one
 * line, at most 16 MiB. Keys that aren't known, come twice or have a value of the wrong kind are errors: nothing is
 * guessed about access. Errors are PF_INVALID, with file, line and reason, and never quote a hash, since somebody may
 * have written the secret in its place.
 *
 * A file that was cut while it was written must not give anybody more than the whole one would. A cut within a line is
 * seen, because a file must end with a line break, and a token that lacks a key is refused. What could not be seen is a
 * cut just before a line that takes away: `services` or `expires` of the file's last token. So:
 *
 *   - With `end_mark: true` a file that doesn't end with `...` is refused, whatever else it holds.
 *   - Without it, and with rules in force, the last token may not lose the `services` or `expires` that it has there
 *     by saying nothing. Whoever means it writes `services: ["*"]` or `expires: never`, or ends the file with `...`.
 *   - proxy_login has its keys in an order that a cut can't hurt.
 *
 * So what is left is the last token of a file without end_mark that is new, or read at the start: cut before its
 * `services` it is valid for all services. It is never valid for somebody who doesn't hold its secret.
 */
#ifndef PF_SERVER_ACCESS_RULES_YAML_H
#define PF_SERVER_ACCESS_RULES_YAML_H

#include "server/access/rules.h"

enum { PF_RULES_MAX = 16 << 20 }; /* bytes of a file */

/* `file` is its name for errors; `in_force`: see above, may be NULL. Only on PF_OK there are *out, with one reference. */
pf_code pf_rules_parse(pf_str text, const char *file, const pf_rules *in_force, pf_rules **out,
                       pf_error *err);

#endif
