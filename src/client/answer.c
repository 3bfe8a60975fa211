/* Reads the JSON that the server answers: {"code":200,"body":…} or {"code":…,"error":"…"}. */
#include "client/internal.h"

#include "profile/time.h"

#include <stdio.h>
#include <string.h>

pf_code pf_answer_body(pf_client *c, const char *what, json_t **root, json_t **body, pf_error *err)
{
    json_error_t why;
    *root = json_loadb(c->answer.data ? c->answer.data : "", c->answer.len, JSON_ALLOW_NUL, &why);
    if (!*root)
        return pf_fail(err, PF_INTERNAL, "%s: the answer is not JSON: %s at byte %d", what,
                       why.text, why.position);
    *body = json_object_get(*root, "body");
    if (*body)
        return PF_OK;
    json_decref(*root);
    return pf_fail(err, PF_INTERNAL, "%s: the answer has no \"body\"", what);
}

void pf_answer_reason(pf_str answer, char *out, size_t n)
{
    json_error_t why;
    json_t *root = json_loadb(answer.n ? answer.p : "", answer.n, 0, &why);
    json_t *text = root ? json_object_get(root, "error") : NULL;
    if (json_is_string(text)) {
        snprintf(out, n, "%s", json_string_value(text));
    } else {
        pf_str line, rest;
        pf_str_cut(pf_str_trim(answer), '\n', &line, &rest);
        if (line.n)
            snprintf(out, n, "%.*s", PF_FMT(line));
        else
            snprintf(out, n, "(nothing)");
    }
    if (root)
        json_decref(root);
}

/* A string member, copied; false when it is missing, of another type, or memory is out. */
static bool text_of(json_t *object, const char *name, pf_arena *a, pf_str *out)
{
    json_t *s = json_object_get(object, name);
    if (!json_is_string(s))
        return false;
    *out = pf_arena_str(a, (pf_str){json_string_value(s), json_string_length(s)});
    return out->p != NULL;
}

static bool labels_of(json_t *object, pf_arena *a, pf_labels *out)
{
    json_t *list = json_object_get(object, "labels");
    *out = (pf_labels){0};
    if (!list || json_is_null(list))
        return true;
    if (!json_is_array(list))
        return false;
    size_t n = json_array_size(list);
    pf_pair *pairs = pf_arena_array(a, n, sizeof *pairs);
    for (size_t i = 0; pairs && i < n; i++) {
        json_t *pair = json_array_get(list, i);
        if (!text_of(pair, "key", a, &pairs[i].key) || !text_of(pair, "value", a, &pairs[i].value))
            return false;
    }
    *out = (pf_labels){pairs, n};
    return pairs != NULL;
}

pf_code pf_answer_meta(json_t *object, const char *what, pf_arena *a, pf_meta *out, pf_error *err)
{
    pf_str type, created;
    pf_instant instant;
    const char *why = "a member is missing or of the wrong type";
    *out = (pf_meta){0};
    if (!text_of(object, "id", a, &out->id) || !text_of(object, "service", a, &out->service) ||
        !text_of(object, "type", a, &type) || !text_of(object, "created_at", a, &created) ||
        !labels_of(object, a, &out->labels) || !pf_time_parse(created, &instant, &why))
        return pf_fail(err, PF_INTERNAL, "%s: the answer is no description of a profile: %s", what,
                       why);
    out->type = pf_type_parse(type);
    out->created_at = instant.ns;
    return PF_OK;
}
