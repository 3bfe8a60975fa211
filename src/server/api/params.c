#include "server/api/params.h"

#include "base/clock.h"
#include "profile/time.h"
#include "profile/url.h"

#include <stdio.h>

enum { SHOWN_MAX = 100 }; /* bytes of a value that an error repeats */

static pf_str shown(pf_str s)
{
    return (pf_str){s.p, s.n < SHOWN_MAX ? s.n : SHOWN_MAX};
}

/* Prefixes what the domain layer says with "bad request: ", as the original does. */
static pf_code wrap(pf_code code, const pf_error *why, pf_error *err)
{
    if (!code)
        return PF_OK;
    return pf_fail_as(err, why, code, code == PF_INVALID ? "bad request: %s" : "%s", why->msg);
}

/* Notes that it is this parameter which is wrong. */
static pf_code about(const char *name, pf_code code, pf_error *err)
{
    if (code == PF_INVALID)
        err->param = name;
    return code;
}

static pf_code get(pf_req *req, const char *name, pf_str *out, pf_error *err)
{
    return about(name, pf_url_param(pf_req_query(req), name, pf_req_arena(req), out, err), err);
}

/* *labels gets what stands in the parameter, still to be parsed. */
static pf_code read_common(pf_req *req, pf_str *service, pf_type *type, pf_str *labels,
                           pf_error *err)
{
    pf_str word;
    pf_code code = get(req, "service", service, err);
    if (code || (code = about("service", pf_service_check(*service, err), err)))
        return code;
    if ((code = get(req, "type", &word, err)) || (code = get(req, "labels", labels, err)))
        return code;
    *type = pf_type_parse(word);
    return PF_OK;
}

/* What a query asks for. */
static pf_code read_asked(pf_req *req, pf_query *out, pf_error *err)
{
    pf_str labels;
    pf_code code = read_common(req, &out->service, &out->type, &labels, err);
    if (code)
        return code;
    code =
        pf_matchers_parse("labels", labels, pf_req_arena(req), &out->labels, &out->matchers, err);
    return about("labels", code, err);
}

/* `now` (ns) is what relative times count from; INT64_MIN: there are none here. */
static pf_code parse_time(const char *name, pf_str text, int64_t now, pf_instant *out,
                          pf_error *err)
{
    const char *why;
    bool read =
        now == INT64_MIN ? pf_time_parse(text, out, &why) : pf_time_parse_at(text, now, out, &why);
    if (!read)
        return pf_fail_param(err, PF_INVALID, name, "bad \"%s\" timestamp \"%.*s\": %s", name,
                             PF_FMT(shown(text)), why);
    return PF_OK;
}

static pf_code unknown_type(pf_req *req, pf_error *err)
{
    pf_str word;
    pf_code code = get(req, "type", &word, err);
    if (code)
        return code;
    if (pf_str_eq(word, PF_STR("allocs")))
        return pf_fail_param(err, PF_INVALID, "type",
                             "unknown profile type \"allocs\": use heap, which holds both");
    return pf_fail_param(err, PF_INVALID, "type",
                         "unknown profile type \"%.*s\": there are cpu, heap, block, mutex, "
                         "goroutine, threadcreate, other, trace",
                         PF_FMT(shown(word)));
}

static pf_code check_external_id(pf_str id, const char *name, pf_error *err)
{
    if (id.n > PF_EXTERNAL_ID_MAX)
        return pf_fail_param(err, PF_INVALID, name,
                             "bad \"%s\": %zu bytes are over the limit of %d", name, id.n,
                             PF_EXTERNAL_ID_MAX);
    if (!pf_str_is_utf8(id) || pf_str_has_control(id))
        return pf_fail_param(err, PF_INVALID, name,
                             "bad \"%s\": not valid UTF-8, or holds a control character", name);
    return PF_OK;
}

/* What makes the push repeatable: a parameter, or the header that other APIs have for it. */
static pf_code read_external_id(pf_req *req, pf_str *out, pf_error *err)
{
    pf_str key = pf_str_trim(pf_req_header(req, "Idempotency-Key"));
    pf_code code = get(req, "external_id", out, err);
    if (code || (code = check_external_id(*out, "external_id", err)) ||
        (code = check_external_id(key, "Idempotency-Key", err)))
        return code;
    if (pf_req_header_lines(req, "Idempotency-Key") > 1 ||
        (out->n && key.n && !pf_str_eq(*out, key)))
        return pf_fail_param(err, PF_INVALID, "external_id",
                             "\"external_id\" and the header Idempotency-Key say different things");
    if (!out->n)
        *out = key;
    return PF_OK;
}

static pf_code read_push(pf_req *req, int64_t now, pf_meta *out, pf_str *external_id, pf_error *err)
{
    *out = (pf_meta){.created_at = now};
    pf_str labels;
    pf_code code = read_common(req, &out->service, &out->type, &labels, err);
    if (!code)
        code = about("labels", pf_labels_parse(labels, pf_req_arena(req), &out->labels, err), err);
    if (code || (code = read_external_id(req, external_id, err)))
        return code;
    if (out->type == PF_TYPE_UNKNOWN)
        return unknown_type(req, err);
    pf_str text;
    if ((code = get(req, "created_at", &text, err)) || !text.n)
        return code;
    pf_instant t;
    if ((code = parse_time("created_at", text, INT64_MIN, &t, err)))
        return code;
    if (t.clamped)
        return pf_fail_param(err, PF_INVALID, "created_at",
                             "bad \"created_at\" timestamp \"%.*s\": before 1677 or after 2262",
                             PF_FMT(shown(text)));
    out->created_at = t.ns;
    return PF_OK;
}

pf_code pf_params_push(pf_req *req, int64_t now, pf_meta *out, pf_str *external_id, pf_error *err)
{
    pf_error why;
    return wrap(read_push(req, now, out, external_id, &why), &why, err);
}

static pf_code read_bound(pf_req *req, const char *name, bool is_end, int64_t *out, pf_error *err)
{
    pf_str text;
    pf_instant t;
    pf_code code = get(req, name, &text, err);
    if (code)
        return code;
    if (!text.n)
        return pf_fail_param(err, PF_INVALID, name, "missing \"%s\"", name);
    if ((code = parse_time(name, text, pf_req_started(req), &t, err)))
        return code;
    *out = t.ns;
    /* An end without a fraction includes its whole second. */
    if (is_end && !t.has_fraction && __builtin_add_overflow(t.ns, PF_NS_PER_SEC - 1, out))
        *out = INT64_MAX;
    return PF_OK;
}

static pf_code read_query(pf_req *req, pf_query *out, pf_error *err)
{
    *out = (pf_query){0};
    pf_code code = read_asked(req, out, err);
    if (code || (code = read_bound(req, "from", false, &out->from, err)) ||
        (code = read_bound(req, "to", true, &out->to, err)))
        return code;
    if (out->from > out->to)
        return pf_fail_param(err, PF_INVALID, "from", "\"from\" is after \"to\"");
    pf_str text;
    if ((code = get(req, "limit", &text, err)) || !text.n)
        return code;
    if (!pf_str_to_i64(text, &out->limit))
        return pf_fail_param(err, PF_INVALID, "limit", "bad \"limit\" \"%.*s\": not a whole number",
                             PF_FMT(shown(text)));
    return PF_OK;
}

pf_code pf_params_query(pf_req *req, pf_query *out, pf_error *err)
{
    pf_error why;
    return wrap(read_query(req, out, &why), &why, err);
}

static pf_code read_any_bound(pf_req *req, const char *name, bool is_end, int64_t *out,
                              pf_error *err)
{
    pf_str text;
    pf_code code = get(req, name, &text, err);
    *out = is_end ? INT64_MAX : INT64_MIN;
    return code || !text.n ? code : read_bound(req, name, is_end, out, err);
}

static pf_code read_scope(pf_req *req, bool any_time, pf_query *out, pf_error *err)
{
    pf_code (*read)(pf_req *, const char *, bool, int64_t *, pf_error *) =
        any_time ? read_any_bound : read_bound;
    *out = (pf_query){0};
    pf_code code = read_asked(req, out, err);
    if (!code)
        code = read(req, "from", false, &out->from, err);
    if (!code)
        code = read(req, "to", true, &out->to, err);
    if (!code && out->from > out->to)
        code = pf_fail_param(err, PF_INVALID, "from", "\"from\" is after \"to\"");
    return code;
}

pf_code pf_params_scope(pf_req *req, bool any_time, pf_query *out, pf_error *err)
{
    pf_error why;
    return wrap(read_scope(req, any_time, out, &why), &why, err);
}

static pf_code read_removal(pf_req *req, pf_query *out, pf_error *err)
{
    pf_str word, limit;
    pf_code code = read_scope(req, false, out, err);
    if (code || (code = get(req, "type", &word, err)) || (code = get(req, "limit", &limit, err)))
        return code;
    if (word.n && out->type == PF_TYPE_UNKNOWN)
        return unknown_type(req, err);
    return limit.n ? pf_fail_param(err, PF_INVALID, "limit", "a deletion has no \"limit\"") : PF_OK;
}

static pf_code read_only_those(pf_req *req, const char *const *names, pf_error *err)
{
    unsigned seen = 0; /* a bit a name */
    pf_str piece, raw, value, name;
    for (pf_str left = pf_req_query(req); left.n;) {
        pf_str_cut(left, '&', &piece, &left);
        pf_str_cut(piece, '=', &raw, &value);
        if (!raw.n)
            continue;
        pf_code code = pf_url_unescape(raw, true, pf_req_arena(req), &name, err);
        if (code)
            return code;
        unsigned i = 0;
        while (names[i] && !pf_str_eq(name, pf_str_c(names[i])))
            i++;
        if (!names[i])
            return pf_fail_param(err, PF_INVALID, "query", "unknown parameter \"%.*s\"",
                                 PF_FMT(shown(name)));
        if (seen & 1u << i)
            return pf_fail_param(err, PF_INVALID, names[i], "\"%s\" stands there twice", names[i]);
        seen |= 1u << i;
    }
    return PF_OK;
}

pf_code pf_params_only(pf_req *req, const char *const *names, pf_error *err)
{
    pf_error why;
    return wrap(read_only_those(req, names, &why), &why, err);
}

pf_code pf_params_removal(pf_req *req, pf_query *out, pf_error *err)
{
    pf_error why;
    return wrap(read_removal(req, out, &why), &why, err);
}

/* *any is set when the request has the parameter, even empty. */
static pf_code get_base(pf_req *req, const char *name, pf_str *out, bool *any, pf_error *err)
{
    pf_code code = get(req, name, out, err);
    *any |= !code && out->p;
    return code;
}

static pf_code read_base(pf_req *req, const pf_query *compared, pf_query *out, pf_error *err)
{
    pf_str service, from, to, labels;
    bool any = false;
    *out = *compared;
    pf_code code = get_base(req, "base_service", &service, &any, err);
    if (code || (code = get_base(req, "base_from", &from, &any, err)) ||
        (code = get_base(req, "base_to", &to, &any, err)) ||
        (code = get_base(req, "base_labels", &labels, &any, err)))
        return code;
    if (!any)
        return pf_fail_param(err, PF_INVALID, "base_from", "missing \"base_from\" and \"base_to\"");
    if (service.p && (code = about("base_service", pf_service_check(service, err), err)))
        return code;
    out->service = service.p ? service : compared->service;
    if (from.n && (code = read_bound(req, "base_from", false, &out->from, err)))
        return code;
    if (to.n && (code = read_bound(req, "base_to", true, &out->to, err)))
        return code;
    if (out->from > out->to)
        return pf_fail_param(err, PF_INVALID, "base_from", "\"base_from\" is after \"base_to\"");
    if (!labels.p)
        return PF_OK;
    code = pf_matchers_parse("base_labels", labels, pf_req_arena(req), &out->labels, &out->matchers,
                             err);
    return about("base_labels", code, err);
}

pf_code pf_params_base(pf_req *req, const pf_query *compared, pf_query *out, pf_error *err)
{
    pf_error why;
    return wrap(read_base(req, compared, out, &why), &why, err);
}

pf_code pf_params_text(pf_req *req, const char *name, pf_str *out, pf_error *err)
{
    pf_error why;
    return wrap(get(req, name, out, &why), &why, err);
}

pf_code pf_params_flag(pf_req *req, const char *name, bool *out, pf_error *err)
{
    pf_str word;
    pf_code code = pf_params_text(req, name, &word, err);
    *out = !code && (pf_str_eq(word, PF_STR("true")) || pf_str_eq(word, PF_STR("1")));
    if (code || *out || !word.n || pf_str_eq(word, PF_STR("false")) || pf_str_eq(word, PF_STR("0")))
        return code;
    return pf_params_bad(name, word, "true or false", err);
}

pf_code pf_params_bad(const char *name, pf_str value, const char *why, pf_error *err)
{
    return pf_fail_param(err, PF_INVALID, name, "bad request: bad \"%s\" \"%.*s\": %s", name,
                         PF_FMT(shown(value)), why);
}

pf_code pf_params_number(pf_req *req, const char *name, int64_t least, int64_t most, int64_t absent,
                         int64_t *out, pf_error *err)
{
    pf_str text;
    pf_code code = pf_params_text(req, name, &text, err);
    *out = absent;
    if (code || !text.n)
        return code;
    if (!pf_str_to_i64(text, out))
        return pf_params_bad(name, text, "not a whole number", err);
    if (*out < least || *out > most) {
        char why[80];
        snprintf(why, sizeof why, "not within %lld to %lld", (long long)least, (long long)most);
        return pf_params_bad(name, text, why, err);
    }
    return PF_OK;
}

pf_code pf_params_mergeable(pf_type type, pf_error *err)
{
    if (type != PF_TYPE_UNKNOWN && type != PF_TYPE_TRACE)
        return PF_OK;
    return pf_fail_param(err, PF_NOT_ALLOWED, "type", "can't merge profiles of %s type",
                         pf_type_name(type));
}

/* google/pprof, internal/driver/config.go: the fields of config, and choices of a field that stand for themselves. Those
 * that are supported here are left out. */
static const char *const unsupported[] = {
    "tagfocus",  "tagignore",      "tagshow",       "taghide",   "tagroot",
    "tagleaf",   "prune_from",     "noinlines",     "call_tree", "relative_percentages",
    "unit",      "compact_labels", "source_path",   "trim_path", "intel_syntax",
    "nodecount", "nodefraction",   "edgefraction",  "trim",      "mean",
    "divide_by", "drop_negative",  "sample_index",  "sort",      "cum",
    "flat",      "functions",      "filefunctions", "files",     "lines",
    "addresses", "showcolumns",
};

pf_code pf_params_check_options(pf_req *req, pf_error *err)
{
    pf_str text;
    for (size_t i = 0; pf_req_query(req).n && i < sizeof unsupported / sizeof *unsupported; i++) {
        pf_code code = pf_params_text(req, unsupported[i], &text, err);
        if (code)
            return code;
        if (text.n)
            return pf_fail_param(
                err, PF_INVALID, unsupported[i],
                "bad request: \"%s\" is not supported here; there are focus, ignore, "
                "hide, show, show_from, sample_type, granularity",
                unsupported[i]);
    }
    return PF_OK;
}

static pf_code read_ids(pf_req *req, pf_str **ids, size_t *n, pf_error *err)
{
    pf_str path = pf_req_path(req), prefix = PF_STR("/api/0/profiles/"), rest;
    path = (pf_str){path.p + prefix.n, path.n - prefix.n};
    while (path.n && path.p[path.n - 1] == '/')
        path.n--;
    while (path.n && path.p[0] == '/')
        path = (pf_str){path.p + 1, path.n - 1};
    pf_arena *a = pf_req_arena(req);
    pf_code code = pf_url_unescape(path, false, a, &rest, err);
    if (code)
        return code;
    size_t count = 1;
    for (size_t i = 0; i < rest.n; i++)
        count += rest.p[i] == '+';
    *ids = pf_arena_array(a, count, sizeof **ids);
    if (!*ids)
        return pf_arena_fail(a, err, "a list of ids");
    for (*n = 0; *n < count; (*n)++) {
        pf_str_cut(rest, '+', &(*ids)[*n], &rest);
        if (!(*ids)[*n].n)
            return pf_fail_param(err, PF_INVALID, "id", "bad profile id \"\": empty");
    }
    return PF_OK;
}

pf_code pf_params_ids(pf_req *req, pf_str **ids, size_t *n, pf_error *err)
{
    pf_error why;
    return wrap(read_ids(req, ids, n, &why), &why, err);
}
