/* push.c: POST /api/0/profiles, a new profile.
 *
 *     body -> Content-Encoding undone -> gunzip -> decode and validate -> the store
 *     the store, when it is on disk -> pushed(): the answer
 *
 * A push of ordinary size is decoded on the HTTP thread, which spares two changes of thread; a large one,
 * or one that inflates to much, moves to a worker, so that it holds nobody else up.
 *
 * An execution trace goes to the store as it came. Everything that the request holds meanwhile
 * stands in its arena and counts against the memory in flight.
 */
#include "base/clock.h"
#include "pprof/gzip.h"
#include "pprof/zstd.h"
#include "server/api/admission.h"
#include "server/api/params.h"
#include "server/api/reply.h"

#include <string.h>

enum { INLINE_BODY = 64 << 10, INLINE_INFLATED = 512 << 10 }; /* bytes decoded on an HTTP thread */

static size_t inflated_max(const pf_api *api, pf_req *req)
{
    bool small = pf_req_run(req) == PF_RUN_INLINE && api->cfg.max_inflated > INLINE_INFLATED;
    return small ? INLINE_INFLATED : api->cfg.max_inflated;
}

static void pushed(pf_write *w, pf_code code, const pf_error *err)
{
    pf_req *req = w->ctx;
    if (code) {
        pf_req_reply_error(req, code, err);
        return;
    }
    pf_buf b = PF_BUF_INIT;
    pf_json json = {.out = &b};
    w->meta.id = pf_str_c(w->id);
    pf_reply_open(&b);
    pf_reply_put_meta(&json, &w->meta, NULL);
    pf_reply_close(&b);
    pf_reply_json_take(req, &b);
}

typedef pf_code (*undo_fn)(pf_str bytes, size_t max, pf_arena *a, pf_str *out, pf_error *err);

static undo_fn undo_of(pf_str encoding)
{
    if (pf_str_eq_nocase(encoding, PF_STR("gzip")) || pf_str_eq_nocase(encoding, PF_STR("x-gzip")))
        return pf_gunzip;
    return pf_str_eq_nocase(encoding, PF_STR("zstd")) ? pf_unzstd : NULL;
}

/* The body without its Content-Encoding, which is undone once. */
static pf_code decoded_body(pf_api *api, pf_req *req, pf_str *body, pf_error *err)
{
    *body = pf_req_body(req);
    pf_str encoding = pf_str_trim(pf_req_header(req, "Content-Encoding"));
    bool many = pf_req_header_lines(req, "Content-Encoding") > 1;
    if (!many && (!encoding.n || pf_str_eq_nocase(encoding, PF_STR("identity"))))
        return PF_OK;
    undo_fn undo = many ? NULL : undo_of(encoding);
    if (!undo) {
        pf_req_add_header(req, "Accept-Encoding", "gzip, zstd, identity");
        return pf_fail(err, PF_UNSUPPORTED,
                       "unsupported Content-Encoding \"%.*s\"%s: gzip, zstd or none",
                       PF_FMT(encoding), many ? " and more" : "");
    }
    pf_error why;
    pf_code code = undo(*body, inflated_max(api, req), pf_req_arena(req), body, &why);
    if (code == PF_INVALID)
        return pf_fail(err, PF_MALFORMED,
                       "bad request: Content-Encoding is %.*s, the body is not: %s",
                       PF_FMT(encoding), why.msg);
    return code ? pf_fail_as(err, &why, code, "%s", why.msg) : PF_OK;
}

static pf_code decode(pf_api *api, pf_req *req, pf_write *w, pf_error *err)
{
    pf_arena *a = pf_req_arena(req);
    pf_code code = PF_OK;
    w->inflated = w->body;
    if (pf_is_gzip(w->body))
        code = pf_gunzip(w->body, inflated_max(api, req), a, &w->inflated, err);
    else if (w->body.n > api->cfg.max_inflated)
        code = pf_fail(err, PF_TOO_LARGE, "a profile of %zu bytes is over the limit of %zu",
                       w->body.n, api->cfg.max_inflated);
    if (code)
        return code;
    pf_profile *p = pf_arena_zalloc(a, sizeof *p);
    if (!p)
        return pf_arena_fail(a, err, "a profile");
    if ((code = pf_profile_decode(p, a, w->inflated, err)))
        return code;
    if (!p->nsample_type) /* without samples google/pprof takes it, but nothing can be made of it */
        return pf_fail(err, PF_INVALID, "missing sample type information");
    w->profile = p;
    if (p->time_nanos > 0)
        w->meta.created_at = p->time_nanos;
    return PF_OK;
}

#define FORM_HINT "; it was sent as a form: curl needs --data-binary instead of -d"

/* `curl -d @file` calls what it sends a form, and leaves line ends and zero bytes out. With --data-binary it calls
 * it a form, too: only a body that has none of them is suspect. */
static bool was_sent_as_form(pf_req *req, const pf_error *why)
{
    pf_str type = PF_STR("application/x-www-form-urlencoded");
    pf_str sent = pf_req_header(req, "Content-Type"), body = pf_req_body(req);
    if (sent.n < type.n || !pf_str_eq_nocase((pf_str){sent.p, type.n}, type))
        return false;
    for (size_t i = 0; i < body.n; i++)
        if (body.p[i] == '\n' || body.p[i] == '\r' || body.p[i] == 0)
            return false;
    return !strstr(why->msg, "--data-binary"); /* not a second time */
}

static pf_code prepare(pf_call *call, pf_write *w, pf_error *err)
{
    pf_api *api = call->api;
    pf_req *req = call->req;
    pf_code code = pf_params_push(req, pf_clock_wall(NULL), &w->meta, &w->external_id, err);
    if (!code)
        code = pf_admission_push(call, w->meta.service, err);
    if (code || (code = decoded_body(api, req, &w->body, err)))
        return code;
    pf_error why;
    if (w->meta.type == PF_TYPE_TRACE)
        code = w->body.n ? PF_OK : pf_fail(&why, PF_INVALID, "an empty body");
    else
        code = decode(api, req, w, &why);
    if (code == PF_INVALID)
        return pf_fail(err, PF_MALFORMED, "malformed profile (%s%s)", why.msg,
                       was_sent_as_form(req, &why) ? FORM_HINT : "");
    return code ? pf_fail_as(err, &why, code, "%s", why.msg) : PF_OK;
}

pf_code pf_do_push(pf_call *call, pf_error *err)
{
    pf_req *req = call->req;
    bool is_inline = pf_req_run(req) == PF_RUN_INLINE;
    if (is_inline && pf_req_body(req).n > INLINE_BODY) {
        pf_req_move(req);
        return PF_OK;
    }
    pf_arena *a = pf_req_arena(req);
    pf_write *w = pf_arena_zalloc(a, sizeof *w);
    pf_code code = w ? prepare(call, w, err) : pf_arena_fail(a, err, "a push");
    if (code == PF_TOO_LARGE && is_inline) {
        pf_req_move(req);
        return PF_OK;
    }
    if (!code) /* its token may have ended while its body came */
        code = pf_op_check(&(pf_op){.revoked = call->who.revoked}, err);
    if (code)
        return code;
    w->arena = a;
    w->done = pushed;
    w->ctx = req;
    pf_store_write(call->api->cfg.store, w);
    return PF_OK;
}
