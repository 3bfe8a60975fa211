/* The calls of client.h: each writes its URL, does it, and reads the answer. */
#include "client/internal.h"

#include "profile/time.h"

#include <string.h>

/* As a URL query wants it: everything but RFC 3986's unreserved characters as %XX. */
static void put_escaped(pf_buf *out, pf_str s)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.n; i++) {
        unsigned char b = (unsigned char)s.p[i];
        bool plain = (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || (b >= '0' && b <= '9') ||
                     b == '-' || b == '_' || b == '.' || b == '~';
        if (plain) {
            pf_buf_putc(out, (char)b);
        } else {
            pf_buf_putc(out, '%');
            pf_buf_putc(out, hex[b >> 4]);
            pf_buf_putc(out, hex[b & 15]);
        }
    }
}

static void url_begin(pf_client *c, const char *path)
{
    pf_buf_clear(&c->url);
    pf_buf_puts(&c->url, c->base);
    pf_buf_puts(&c->url, path);
}

static void put_param(pf_client *c, char sep, const char *name, pf_str value)
{
    pf_buf_putc(&c->url, sep);
    pf_buf_puts(&c->url, name);
    pf_buf_putc(&c->url, '=');
    put_escaped(&c->url, value);
}

/* Keys and values are escaped, then the whole as every parameter is. */
static void put_labels(pf_client *c, pf_labels labels)
{
    pf_buf text = PF_BUF_INIT;
    for (size_t i = 0; i < labels.n; i++) {
        if (i)
            pf_buf_putc(&text, ',');
        put_escaped(&text, labels.pairs[i].key);
        pf_buf_putc(&text, '=');
        put_escaped(&text, labels.pairs[i].value);
    }
    if (labels.n)
        put_param(c, '&', "labels", pf_buf_str(&text));
    c->url.failed |= text.failed;
    pf_buf_free(&text);
}

/* Without the zone, which the original's parser refuses; always with a fraction, since a `to`
 * without one would mean its whole second. */
static void put_time(pf_client *c, const char *name, int64_t ns)
{
    char text[PF_TIME_CHARS + 3];
    size_t n = pf_time_format(ns, text);
    n -= n && text[n - 1] == 'Z';
    if (!memchr(text, '.', n)) {
        text[n++] = '.';
        text[n++] = '0';
    }
    put_param(c, '&', name, (pf_str){text, n});
}

static void put_query(pf_client *c, const pf_query *q)
{
    put_param(c, '?', "service", q->service);
    if (q->type != PF_TYPE_UNKNOWN)
        put_param(c, '&', "type", pf_str_c(pf_type_name(q->type)));
    put_time(c, "from", q->from);
    put_time(c, "to", q->to);
    put_labels(c, q->labels);
    if (q->limit > 0)
        pf_buf_printf(&c->url, "&limit=%lld", (long long)q->limit);
}

pf_code pf_client_push(pf_client *c, const pf_push *push, pf_arena *a, pf_meta *out, pf_error *err)
{
    url_begin(c, "/api/0/profiles");
    put_param(c, '?', "service", push->service);
    put_param(c, '&', "type", pf_str_c(pf_type_name(push->type)));
    put_labels(c, push->labels);
    if (push->created_at)
        put_time(c, "created_at", push->created_at);
    pf_code code = pf_client_call_do(c, "push", &push->body, err);
    json_t *root, *body;
    if (code || (code = pf_answer_body(c, "push", &root, &body, err)))
        return code;
    code = pf_answer_meta(body, "push", a, out, err);
    json_decref(root);
    return code;
}

pf_code pf_client_find(pf_client *c, const pf_query *q, pf_arena *a, pf_metas *out, pf_error *err)
{
    *out = (pf_metas){0};
    url_begin(c, "/api/0/profiles");
    put_query(c, q);
    pf_code code = pf_client_call_do(c, "find", NULL, err);
    json_t *root, *body;
    if (code || (code = pf_answer_body(c, "find", &root, &body, err)))
        return code;
    if (!json_is_array(body)) {
        json_decref(root);
        return pf_fail(err, PF_INTERNAL, "find: the answer is not a list");
    }
    size_t n = json_array_size(body);
    pf_meta *v = pf_arena_array(a, n, sizeof *v);
    if (!v)
        code = pf_arena_fail(a, err, "list of profiles");
    for (size_t i = 0; !code && i < n; i++)
        code = pf_answer_meta(json_array_get(body, i), "find", a, &v[i], err);
    json_decref(root);
    *out = (pf_metas){v, code ? 0 : n};
    return code;
}

pf_code pf_client_get(pf_client *c, const pf_str *ids, size_t n, pf_str *body, pf_error *err)
{
    url_begin(c, "/api/0/profiles/");
    for (size_t i = 0; i < n; i++) {
        if (i)
            pf_buf_putc(&c->url, '+');
        put_escaped(&c->url, ids[i]);
    }
    pf_code code = pf_client_call_do(c, "get", NULL, err);
    *body = PF_STR("");
    if (!code)
        *body = pf_buf_str(&c->answer);
    return code;
}

pf_code pf_client_merge(pf_client *c, const pf_query *q, pf_str *body, pf_error *err)
{
    url_begin(c, "/api/0/profiles/merge");
    put_query(c, q);
    pf_code code = pf_client_call_do(c, "merge", NULL, err);
    *body = PF_STR("");
    if (!code)
        *body = pf_buf_str(&c->answer);
    return code;
}

pf_code pf_client_services(pf_client *c, pf_arena *a, pf_strs *out, pf_error *err)
{
    *out = (pf_strs){0};
    url_begin(c, "/api/0/services");
    pf_code code = pf_client_call_do(c, "services", NULL, err);
    json_t *root, *body;
    if (code || (code = pf_answer_body(c, "services", &root, &body, err)))
        return code;
    size_t n = json_array_size(body);
    pf_str *v = pf_arena_array(a, n, sizeof *v);
    if (!json_is_array(body))
        code = pf_fail(err, PF_INTERNAL, "services: the answer is not a list");
    else if (!v)
        code = pf_arena_fail(a, err, "list of services");
    for (size_t i = 0; v && !code && i < n; i++) {
        json_t *s = json_array_get(body, i);
        if (!json_is_string(s)) {
            code = pf_fail(err, PF_INTERNAL, "services: entry %zu is not a string", i);
            break;
        }
        v[i] = pf_arena_str(a, (pf_str){json_string_value(s), json_string_length(s)});
        if (!v[i].p)
            code = pf_arena_fail(a, err, "list of services");
    }
    json_decref(root);
    *out = (pf_strs){v, code ? 0 : n};
    return code;
}

pf_code pf_client_ping(pf_client *c, pf_error *err)
{
    url_begin(c, "/api/0/version");
    return pf_client_call_do(c, "version", NULL, err);
}
