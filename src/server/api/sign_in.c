/* sign_in.c: /api/0/session, who the caller is. GET tells, POST with a token signs a browser in, DELETE signs it out.
 *
 * The cookie is access/session.h's: it is signed, not kept, so signing out takes it from the browser alone; a token that
 * is revoked ends all of its sessions.
 */
#include "base/clock.h"
#include "server/access/session.h"
#include "server/api/admission.h"
#include "server/api/reply.h"

#include <stdio.h>

enum { COOKIE_MAX = PF_SESSION_MAX + 400 };
#define LIFETIME (7 * 86400 * PF_NS_PER_SEC)

/* Whether the browser's connection is TLS: its own to this server, or that to a trusted proxy, by its word. */
static bool is_secure(const pf_req *req)
{
    return pf_req_is_tls(req) ||
           (pf_req_from_proxy(req) &&
            pf_str_eq_nocase(pf_req_header(req, "X-Forwarded-Proto"), PF_STR("https")));
}

static void set_cookie(pf_call *call, const char *value, int64_t seconds)
{
    char text[COOKIE_MAX];
    const char *base = call->api->cfg.base_path;
    int n = snprintf(
        text, sizeof text, PF_SESSION_COOKIE "=%s; Path=%s; Max-Age=%lld; HttpOnly; SameSite=Lax%s",
        value, *base ? base : "/", (long long)seconds, is_secure(call->req) ? "; Secure" : "");
    if (n > 0 && (size_t)n < sizeof text)
        pf_req_add_header(call->req, "Set-Cookie", text);
}

static void put_rights(pf_json *out, const pf_principal *who)
{
    pf_json_key(out, "rights");
    pf_json_open(out, '[');
    for (unsigned right = 1; right & PF_RIGHTS_ALL; right <<= 1)
        if (who->rights & right)
            pf_json_str(out, pf_str_c(pf_right_name((pf_right)right)));
    pf_json_close(out, ']');
}

static void put_session(pf_json *out, const pf_call *call, bool signed_in)
{
    const pf_scope *scope = call->who.scope;
    pf_json_open(out, '{');
    pf_json_put_str(out, "name", call->who.name);
    put_rights(out, &call->who);
    if (scope) {
        pf_json_key(out, "services");
        pf_json_open(out, '[');
        for (size_t i = 0; i < scope->n; i++)
            pf_json_str(out, scope->patterns[i]);
        pf_json_close(out, ']');
    }
    pf_json_put_bool(out, "signed_in", signed_in);
    pf_json_put_bool(out, "required", call->api->cfg.auth != NULL);
    pf_json_close(out, '}');
}

pf_code pf_body_session(pf_call *call, pf_json *out, pf_error *err)
{
    pf_req *req = call->req;
    pf_req_add_header(req, "Cache-Control", "no-store");
    pf_code code = pf_admission_identify(call, err);
    if (code && code != PF_UNAUTHENTICATED)
        return code;
    const pf_rule *rule = call->who.rule;
    bool by_cookie = rule && rule->has_hash && !pf_req_header(req, "Authorization").n;
    put_session(out, call, by_cookie);
    return PF_OK;
}

pf_code pf_body_sign_in(pf_call *call, pf_json *out, pf_error *err)
{
    char value[PF_SESSION_MAX];
    int64_t now = pf_clock_wall(NULL), expires;
    pf_req_add_header(call->req, "Cache-Control", "no-store");
    if (!call->api->cfg.auth)
        return pf_fail(err, PF_FORBIDDEN, "there is nothing to sign in to (-auth.file is not set)");
    if (!pf_req_header(call->req, "Authorization").n) /* a session makes no session */
        return pf_fail(err, PF_UNAUTHENTICATED, "missing token");
    pf_code code = pf_admission_identify(call, err);
    if (!code)
        code = pf_auth_session(&call->who, now, LIFETIME, value, &expires, err);
    if (code)
        return code;
    set_cookie(call, value, expires - now / PF_NS_PER_SEC);
    put_session(out, call, true);
    return PF_OK;
}

void pf_admission_clear_session(pf_call *call)
{
    set_cookie(call, "", 0);
}

pf_code pf_body_sign_out(pf_call *call, pf_json *out, pf_error *err)
{
    (void)err;
    pf_admission_clear_session(call);
    pf_json_null(out);
    return PF_OK;
}
