/* json.h: JSON as it is written, without commas to think of.
 *
 *     pf_json j = {.out = &buf};
 *     pf_json_open(&j, '{');
 *     pf_json_key(&j, "names");
 *     pf_json_open(&j, '[');
 *     pf_json_str(&j, PF_STR("a"));
 *     pf_json_str(&j, PF_STR("b"));
 *     pf_json_close(&j, ']');
 *     pf_json_close(&j, '}');              {"names":["a","b"]}
 *
 * Appends to `out`, whose `failed` tells at the end whether all of it found room. Whoever writes sees to it that what
 * is opened is closed. Texts that are not UTF-8 are shown with U+FFFD. Not thread-safe.
 */
#ifndef PF_BASE_JSON_H
#define PF_BASE_JSON_H

#include "base/buf.h"

typedef struct pf_json {
    pf_buf *out;
    bool comma; /* before the next key or element */
} pf_json;

void pf_json_open(pf_json *j, char bracket); /* '{' or '[' */
void pf_json_close(pf_json *j, char bracket);
void pf_json_key(pf_json *j, const char *key); /* a literal that needs no escapes */

void pf_json_str(pf_json *j, pf_str s);
void pf_json_int(pf_json *j, int64_t v);
void pf_json_double(pf_json *j, double v, int digits); /* finite; at most `digits` of them count */
void pf_json_bool(pf_json *j, bool v);
void pf_json_null(pf_json *j);

/* Key and value in one. */
void pf_json_put_str(pf_json *j, const char *key, pf_str s);
void pf_json_put_int(pf_json *j, const char *key, int64_t v);
void pf_json_put_double(pf_json *j, const char *key, double v, int digits);
void pf_json_put_bool(pf_json *j, const char *key, bool v);
void pf_json_put_null(pf_json *j, const char *key);

#endif
