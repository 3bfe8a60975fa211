#include "server/access/yaml_reader.h"

#include <stdio.h>
#include <string.h>

enum { KEY_SHOWN = 24 }; /* a longer key isn't quoted: it may be a secret in the wrong place */

pf_code pf_yaml_fail(pf_yaml *r, unsigned line, const char *fmt, ...)
{
    char why[PF_ERROR_MSG_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why, sizeof why, fmt, ap);
    va_end(ap);
    return pf_fail_param(r->err, PF_INVALID, r->flag, "%s:%u: %s", r->file, line, why);
}

static pf_code fail_parser(pf_yaml *r)
{
    const yaml_parser_t *p = &r->parser;
    if (p->error == YAML_MEMORY_ERROR)
        return pf_fail_nomem(r->err, "the auth file");
    bool is_reader = p->error == YAML_READER_ERROR;
    return pf_yaml_fail(r, (unsigned)(is_reader ? p->mark.line : p->problem_mark.line) + 1,
                        "it is no YAML: %s", p->problem ? p->problem : "libyaml doesn't say why");
}

static pf_code refuse_properties(pf_yaml *r, const yaml_char_t *anchor, const yaml_char_t *tag)
{
    if (anchor)
        return pf_yaml_fail(r, r->line, "anchors (&) are not supported");
    return tag ? pf_yaml_fail(r, r->line, "tags (!) are not supported") : PF_OK;
}

/* What no part of the file may have. */
static pf_code refuse_extras(pf_yaml *r)
{
    const yaml_event_t *e = &r->event;
    switch (e->type) {
    case YAML_ALIAS_EVENT:
        return pf_yaml_fail(r, r->line, "aliases (*) are not supported: write patterns in quotes");
    case YAML_SCALAR_EVENT:
        return refuse_properties(r, e->data.scalar.anchor, e->data.scalar.tag);
    case YAML_SEQUENCE_START_EVENT:
        return refuse_properties(r, e->data.sequence_start.anchor, e->data.sequence_start.tag);
    case YAML_MAPPING_START_EVENT:
        return refuse_properties(r, e->data.mapping_start.anchor, e->data.mapping_start.tag);
    case YAML_DOCUMENT_START_EVENT:
        if (e->data.document_start.version_directive ||
            e->data.document_start.tag_directives.start !=
                e->data.document_start.tag_directives.end)
            return pf_yaml_fail(r, r->line, "directives (%%) are not supported");
        return PF_OK;
    default:
        return PF_OK;
    }
}

pf_code pf_yaml_next(pf_yaml *r)
{
    yaml_event_delete(&r->event);
    if (!yaml_parser_parse(&r->parser, &r->event)) {
        memset(&r->event, 0, sizeof r->event);
        return fail_parser(r);
    }
    r->line = (unsigned)r->event.start_mark.line + 1;
    return refuse_extras(r);
}

pf_code pf_yaml_open(pf_yaml *r, pf_str text, const char *file, const char *flag, pf_error *err)
{
    *r = (pf_yaml){.file = file, .flag = flag, .err = err};
    if (!yaml_parser_initialize(&r->parser))
        return pf_fail_nomem(err, "the auth file");
    r->open = true;
    yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r->parser, (const unsigned char *)text.p, text.n);
    pf_code code = pf_yaml_next(r); /* of the stream */
    if (!code)
        code = pf_yaml_next(r);
    if (!code && r->event.type == YAML_STREAM_END_EVENT)
        return PF_NOT_FOUND;
    return code ? code : pf_yaml_next(r);
}

pf_code pf_yaml_end(pf_yaml *r, bool *marked)
{
    pf_code code = pf_yaml_next(r);
    if (code)
        return code;
    *marked = r->event.type == YAML_DOCUMENT_END_EVENT && !r->event.data.document_end.implicit;
    code = pf_yaml_next(r);
    if (!code && r->event.type != YAML_STREAM_END_EVENT)
        return pf_yaml_fail(r, r->line, "a second document begins here: there must be one");
    return code;
}

void pf_yaml_close(pf_yaml *r)
{
    if (!r->open)
        return;
    yaml_event_delete(&r->event);
    yaml_parser_delete(&r->parser);
    r->open = false;
}

pf_code pf_yaml_text(pf_yaml *r, const char *what, pf_str *out)
{
    const yaml_event_t *e = &r->event;
    if (e->type != YAML_SCALAR_EVENT)
        return pf_yaml_fail(r, r->line, "%s must be a text", what);
    yaml_scalar_style_t style = e->data.scalar.style;
    if (style == YAML_LITERAL_SCALAR_STYLE || style == YAML_FOLDED_SCALAR_STYLE ||
        e->start_mark.line != e->end_mark.line)
        return pf_yaml_fail(r, r->line, "%s must stand on one line", what);
    *out = (pf_str){(const char *)e->data.scalar.value, e->data.scalar.length};
    return PF_OK;
}

/* The number of the field that the current event names. */
static pf_code find_field(pf_yaml *r, const char *what, const pf_yaml_field *fields, size_t n,
                          size_t *out)
{
    pf_str key;
    pf_code code = pf_yaml_text(r, "a key", &key);
    if (code)
        return code;
    for (*out = 0; *out < n; ++*out)
        if (pf_str_eq(key, pf_str_c(fields[*out].key)))
            return PF_OK;
    char known[256];
    size_t len = 0;
    for (size_t i = 0; i < n && len < sizeof known; i++)
        len +=
            (size_t)snprintf(known + len, sizeof known - len, "%s%s", i ? ", " : "", fields[i].key);
    if (key.n > KEY_SHOWN)
        return pf_yaml_fail(r, r->line, "unknown key in %s: there are %s", what, known);
    return pf_yaml_fail(r, r->line, "unknown key \"%.*s\" in %s: there are %s", PF_FMT(key), what,
                        known);
}

pf_code pf_yaml_mapping(pf_yaml *r, const char *what, const pf_yaml_field *fields, size_t n,
                        void *into, unsigned *seen)
{
    *seen = 0;
    if (r->event.type != YAML_MAPPING_START_EVENT)
        return pf_yaml_fail(r, r->line, "%s must be a mapping (key: value)", what);
    for (;;) {
        size_t i;
        pf_code code = pf_yaml_next(r);
        if (code || r->event.type == YAML_MAPPING_END_EVENT)
            return code;
        code = find_field(r, what, fields, n, &i);
        if (code)
            return code;
        if (*seen & 1u << i)
            return pf_yaml_fail(r, r->line, "\"%s\" stands twice in %s", fields[i].key, what);
        *seen |= 1u << i;
        code = pf_yaml_next(r);
        if (!code)
            code = fields[i].read(r, into);
        if (code)
            return code;
    }
}

pf_code pf_yaml_list(pf_yaml *r, const char *what, pf_code (*read)(pf_yaml *, void *), void *into)
{
    if (r->event.type != YAML_SEQUENCE_START_EVENT)
        return pf_yaml_fail(r, r->line, "%s must be a list", what);
    for (;;) {
        pf_code code = pf_yaml_next(r);
        if (code || r->event.type == YAML_SEQUENCE_END_EVENT)
            return code;
        code = read(r, into);
        if (code)
            return code;
    }
}
