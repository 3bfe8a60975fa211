#include "server/api/reply.h"

#include "profile/time.h"

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

static void put_totals(pf_buf *b, const pf_total *t)
{
    if (!t->types) {
        pf_buf_puts(b, ",\"duration_nanos\":null,\"totals\":null");
        return;
    }
    pf_buf_printf(b, ",\"duration_nanos\":%lld,\"totals\":[", (long long)t->duration);
    for (size_t i = 0; i < t->types->n; i++) {
        pf_buf_puts(b, i ? ",{\"type\":" : "{\"type\":");
        pf_buf_put_json(b, t->types->list[i].type);
        pf_buf_puts(b, ",\"unit\":");
        pf_buf_put_json(b, t->types->list[i].unit);
        if (t->has_sum[i])
            pf_buf_printf(b, ",\"value\":%lld}", (long long)t->sum[i]);
        else
            pf_buf_puts(b, ",\"value\":null}");
    }
    pf_buf_putc(b, ']');
}

void pf_reply_put_meta(pf_buf *b, const pf_meta *m, const pf_total *t)
{
    char created[PF_TIME_CHARS + 1];
    pf_time_format(m->created_at, created);
    pf_buf_puts(b, "{\"id\":");
    pf_buf_put_json(b, m->id);
    pf_buf_printf(b, ",\"type\":\"%s\",\"service\":", pf_type_name(m->type));
    pf_buf_put_json(b, m->service);
    for (size_t i = 0; i < m->labels.n; i++) {
        pf_buf_puts(b, i ? ",{\"key\":" : ",\"labels\":[{\"key\":");
        pf_buf_put_json(b, m->labels.pairs[i].key);
        pf_buf_puts(b, ",\"value\":");
        pf_buf_put_json(b, m->labels.pairs[i].value);
        pf_buf_putc(b, '}');
    }
    pf_buf_printf(b, "%s,\"created_at\":\"%s\"", m->labels.n ? "]" : "", created);
    if (t)
        put_totals(b, t);
    pf_buf_putc(b, '}');
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

void pf_reply_json_finish(pf_req *req, pf_code code, pf_buf *b, const pf_error *err)
{
    if (code) {
        pf_buf_free(b);
        pf_req_reply_error(req, code, err);
        return;
    }
    pf_reply_close(b);
    pf_reply_json_take(req, b);
}

void pf_reply_text_take(pf_req *req, pf_buf *b)
{
    reply_take(req, "text/plain; charset=utf-8", b);
}

/* What a file's name has in every system, and a header's value without a second thought. */
static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
}

void pf_reply_disposition(pf_str stem, pf_type type, char out[static PF_DISPOSITION_MAX])
{
    char name[FILENAME_MAX_STEM];
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

const char *pf_reply_error_form(void *ctx, pf_req *req, int status, const char *msg, pf_buf *out)
{
    (void)ctx;
    if (!req || !pf_str_has_prefix(pf_req_path(req), PF_STR("/api/"))) {
        pf_buf_printf(out, "%s\n", msg);
        return "text/plain; charset=utf-8";
    }
    pf_buf_printf(out, "{\"code\":%d,\"error\":", status);
    pf_buf_put_json(out, pf_str_c(msg));
    pf_buf_puts(out, "}\n");
    return PF_JSON;
}

void pf_reply_not_allowed(pf_req *req, const char *allow, const pf_error *err)
{
    pf_req_add_header(req, "Allow", allow);
    pf_req_reply_error(req, PF_NOT_ALLOWED, err);
}
