/* yaml_reader.h: libyaml's events, narrowed to what a configuration needs: mappings of known keys, lists, and texts of
 * one line. Everything else is an error with file and line.
 *
 *     static const pf_yaml_field fields[] = {{"name", read_name}, {"rights", read_rights}};
 *     pf_yaml_mapping(r, "a token", fields, 2, &token, &seen);
 *
 * A field's function finds its value's first event as the current one and leaves the last one current. The callers'
 * grammar bounds the depth. Not thread-safe.
 */
#ifndef PF_SERVER_ACCESS_YAML_READER_H
#define PF_SERVER_ACCESS_YAML_READER_H

#include "base/error.h"
#include "base/str.h"

#include <yaml.h>

typedef struct pf_yaml {
    yaml_parser_t parser;
    yaml_event_t event;      /* the current one */
    unsigned line;           /* where it begins, from 1 */
    const char *file, *flag; /* for errors; the flag is a literal */
    void *ctx;               /* the caller's */
    pf_error *err;
    bool open; /* the parser and its event are there */
} pf_yaml;

typedef struct pf_yaml_field {
    const char *key;
    pf_code (*read)(pf_yaml *r, void *into);
} pf_yaml_field;

/* Opens a text and steps into its only document: its first event is current. `text` must outlive the reader.
 * Afterwards pf_yaml_close, in any case. PF_NOT_FOUND: there is no document. */
pf_code pf_yaml_open(pf_yaml *r, pf_str text, const char *file, const char *flag, pf_error *err);

/* Behind the document's last event: that nothing follows. *marked is whether the line `...` ended it. */
pf_code pf_yaml_end(pf_yaml *r, bool *marked);
void pf_yaml_close(pf_yaml *r);

pf_code pf_yaml_next(pf_yaml *r);

/* A mapping, from its start to its end; `seen` gets a bit for each field that was there. */
pf_code pf_yaml_mapping(pf_yaml *r, const char *what, const pf_yaml_field *fields, size_t n,
                        void *into, unsigned *seen);

/* A list: `read` is called for each item. */
pf_code pf_yaml_list(pf_yaml *r, const char *what, pf_code (*read)(pf_yaml *, void *), void *into);

/* The current event as a text, borrowed until the next one. */
pf_code pf_yaml_text(pf_yaml *r, const char *what, pf_str *out);

/* PF_INVALID "file:line: reason". */
pf_code pf_yaml_fail(pf_yaml *r, unsigned line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
