#include "server/api/reply.h"

#include "profile/time.h"
#include "profile/url.h"

#include <stdio.h>

enum { FILENAME_MAX_STEM = 100 };

void pf_reply_open(pf_buf *b)
{
    pf_buf_puts(b, "{\"code\":200,\"body\":");
}

void pf_reply_close(pf_buf *b)
{
    pf_buf_puts(b, "}\n");
}

static void put_totals(pf_json *j, const pf_total *t)
{
    if (!t->types) {
        pf_json_put_null(j, "duration_nanos");
        pf_json_put_null(j, "totals");
        return;
    }
    pf_json_put_int(j, "duration_nanos", t->duration);
    pf_json_key(j, "totals");
    pf_json_open(j, '[');
    for (size_t i = 0; i < t->types->n; i++) {
        pf_json_open(j, '{');
        pf_json_put_str(j, "type", t->types->list[i].type);
        pf_json_put_str(j, "unit", t->types->list[i].unit);
        if (t->has_sum[i])
            pf_json_put_int(j, "value", t->sum[i]);
        else
            pf_json_put_null(j, "value");
        pf_json_close(j, '}');
    }
    pf_json_close(j, ']');
}

void pf_reply_put_time(pf_json *j, const char *key, int64_t ns)
{
    char text[PF_TIME_CHARS + 1];
    pf_time_format(ns, text);
    pf_json_put_str(j, key, pf_str_c(text));
}

void pf_reply_put_meta(pf_json *j, const pf_meta *m, const pf_total *t)
{
    pf_json_open(j, '{');
    pf_json_put_str(j, "id", m->id);
    pf_json_put_str(j, "type", pf_str_c(pf_type_name(m->type)));
    pf_json_put_str(j, "service", m->service);
    if (m->labels.n) {
        pf_json_key(j, "labels");
        pf_json_open(j, '[');
    }
    for (size_t i = 0; i < m->labels.n; i++) {
        pf_json_open(j, '{');
        pf_json_put_str(j, "key", m->labels.pairs[i].key);
        pf_json_put_str(j, "value", m->labels.pairs[i].value);
        pf_json_close(j, '}');
    }
    if (m->labels.n)
        pf_json_close(j, ']');
    pf_reply_put_time(j, "created_at", m->created_at);
    if (t)
        put_totals(j, t);
    pf_json_close(j, '}');
}

static void reply_take(pf_req *req, const char *type, pf_buf *b)
{
    if (b->failed) {
        pf_buf_free(b);
        pf_error err;
        pf_fail_nomem(&err, "an answer");
        pf_req_reply_error(req, err.code, &err);
        return;
    }
    pf_req_reply_take(req, 200, type, b);
}

void pf_reply_json_take(pf_req *req, pf_buf *b)
{
    reply_take(req, PF_JSON, b);
}

void pf_reply_text_take(pf_req *req, pf_buf *b)
{
    reply_take(req, PF_TEXT, b);
}

/* What a file's name has in every system, and a header's value without a second thought. */
static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
}

void pf_reply_disposition(pf_str stem, pf_type type, char out[static PF_DISPOSITION_MAX])
{
    char name[FILENAME_MAX_STEM] = "";
    if (stem.n > FILENAME_MAX_STEM)
        stem.n = FILENAME_MAX_STEM;
    for (size_t i = 0; i < stem.n; i++)
        name[i] = is_plain(stem.p[i]) ? stem.p[i] : '_';
    snprintf(out, PF_DISPOSITION_MAX, "attachment; filename=\"%.*s%s\"", (int)stem.n, name,
             type == PF_TYPE_TRACE ? ".trace" : ".pb.gz");
}

void pf_reply_blob_take(pf_req *req, pf_blob *blob, pf_str stem)
{
    char value[PF_DISPOSITION_MAX];
    pf_reply_disposition(stem, blob->type, value);
    pf_req_add_header(req, "Content-Disposition", value);
    reply_take(req, "application/octet-stream", &blob->bytes);
}

static bool is_of_api(const pf_req *req)
{
    return req && pf_str_has_prefix(pf_req_path(req), PF_STR("/api/"));
}

const char *pf_reply_error_form(void *ctx, pf_req *req, int status, const pf_error *err,
                                pf_buf *out)
{
    (void)ctx;
    if (!is_of_api(req)) {
        pf_buf_printf(out, "%s\n", err->msg);
        return PF_TEXT;
    }
    pf_json j = {.out = out};
    pf_json_open(&j, '{');
    pf_json_put_int(&j, "code", status);
    pf_json_put_str(&j, "error", pf_str_c(err->msg));
    pf_json_put_str(&j, "kind", pf_str_c(pf_code_name(err->code)));
    if (err->param)
        pf_json_put_str(&j, "param", pf_str_c(err->param));
    pf_json_put_str(&j, "request_id", pf_req_id(req));
    pf_json_close(&j, '}');
    pf_buf_putc(out, '\n');
    return PF_JSON;
}

/* The tool prints the text of a failure only when it is text/plain and has this header, as net/http/pprof's answers
 * have; of anything else a person sees "400 Bad Request". It sends no Accept, and whoever reads JSON here says so. */
const char *pf_reply_pprof_error_form(void *ctx, pf_req *req, int status, const pf_error *err,
                                      pf_buf *out)
{
    pf_str format;
    if (pf_req_header_lines(req, "Accept") ||
        pf_url_param(pf_req_query(req), "format", pf_req_arena(req), &format, NULL) ||
        (format.n && !pf_str_eq(format, PF_STR("pprof"))))
        return pf_reply_error_form(ctx, req, status, err, out);
    pf_req_add_header(req, "X-Go-Pprof", "1");
    pf_buf_printf(out, "%s\n", err->msg);
    return PF_TEXT;
}
