#include "server/api/admission.h"

#include "base/clock.h"
#include "base/log.h"
#include "profile/url.h"

#include <stdio.h>
#include <string.h>

#define PF_LOGIN_PREFIX "login:"

enum { AUDIT_A_SECOND = 100 }; /* lines; more are counted alone */

static void put_header(void *req, const char *name, const char *value)
{
    pf_req_add_header(req, name, value);
}

static pf_web_request web_request(const pf_req *req)
{
    pf_str origin = pf_req_header(req, "Origin");
    return (pf_web_request){
        .kind = pf_web_kind_of(pf_req_method_name(req), origin,
                               pf_req_header(req, "Access-Control-Request-Method")),
        .host = pf_req_header(req, "Host"),
        .origin = origin,
        .host_lines = pf_req_header_lines(req, "Host"),
        .origin_lines = pf_req_header_lines(req, "Origin"),
        .sec_fetch_site = pf_req_header(req, "Sec-Fetch-Site"),
        .sec_fetch_mode = pf_req_header(req, "Sec-Fetch-Mode"),
        .sec_fetch_dest = pf_req_header(req, "Sec-Fetch-Dest"),
        .on_loopback = pf_req_on_loopback(req),
        .is_tls = pf_req_is_tls(req),
        .from_proxy = pf_req_from_proxy(req),
    };
}

pf_code pf_admission_web(pf_call *call, bool *answered, pf_error *err)
{
    const pf_origin_rules *rules = call->api->cfg.origins;
    pf_web_request q = web_request(call->req);
    pf_code code = pf_origin_check_host(rules, &q, err);
    if (!code)
        code = pf_origin_check(rules, &q, err);
    if (code)
        pf_audit(call, code, "request of another site", 0);
    pf_origin_each_header(rules, &q, put_header, call->req);
    call->takes_credentials = pf_origin_takes_credentials(rules, &q);
    if (code || q.kind != PF_WEB_PREFLIGHT)
        return code;
    pf_buf none = PF_BUF_INIT;
    pf_req_reply_take(call->req, 204, NULL, &none);
    *answered = true;
    return PF_OK;
}

/* Several lines as one: HTTP/2 clients send each cookie in a line of its own (RFC 9113, 8.2.3). */
static pf_code join_cookies(const pf_req *req, pf_arena *a, pf_str *out, pf_error *err)
{
    size_t lines = pf_req_header_lines(req, "Cookie"), n = 0;
    *out = pf_req_header(req, "Cookie");
    if (lines < 2)
        return PF_OK;
    for (size_t i = 0; i < lines; i++)
        n += pf_req_header_line(req, "Cookie", i).n + 2;
    char *all = pf_arena_alloc(a, n), *at = all;
    if (!all)
        return pf_arena_fail(a, err, "cookies");
    for (size_t i = 0; i < lines; i++) {
        pf_str line = pf_req_header_line(req, "Cookie", i);
        memcpy(at, line.p, line.n);
        at += line.n;
        *at++ = ';';
        *at++ = ' ';
    }
    *out = (pf_str){all, n - 2};
    return PF_OK;
}

/* Of several lines one may be the client's own: then nobody is named. */
static pf_str other_header(void *req, const char *name)
{
    return pf_req_header_lines(req, name) == 1 ? pf_req_header(req, name) : (pf_str){NULL, 0};
}

static bool is_bearer(pf_str authorization)
{
    pf_str scheme = {authorization.p, authorization.n < 7 ? authorization.n : 7};
    return pf_str_eq_nocase(scheme, PF_STR("Bearer "));
}

/* A page of another origin that is allowed to ask in general (`*`) speaks for itself alone: what the browser adds to its
 * requests is not its own. */
static pf_code read_credentials(pf_call *call, pf_credentials *c, pf_error *err)
{
    pf_req *req = call->req;
    pf_str authorization = pf_req_header(req, "Authorization");
    *c = (pf_credentials){.now = pf_clock_wall(NULL)};
    if (call->takes_credentials || is_bearer(authorization)) {
        c->authorization = authorization;
        c->many_authorizations = pf_req_header_lines(req, "Authorization") > 1;
    }
    if (!call->takes_credentials)
        return PF_OK;
    c->certificate = pf_req_client_name(req);
    c->from_proxy = pf_req_from_proxy(req);
    c->header = other_header;
    c->ctx = req;
    return join_cookies(req, pf_req_arena(req), &c->cookie, err);
}

/* Not for failures in a trusted proxy's own name: behind it are many. */
static void slow_down(pf_call *call)
{
    pf_req *req = call->req;
    if (pf_req_from_proxy(req) && !pf_req_is_forwarded(req))
        return;
    int64_t delay = pf_failures_note(call->api->cfg.failures, pf_req_peer(req), pf_clock_mono());
    if (delay)
        pf_req_delay(req, delay);
}

/* A proxy's user may be called as a token is, and is somebody else: in limits and logs "login:ann". */
static pf_code name_users_apart(pf_call *call, pf_error *err)
{
    pf_arena *a = pf_req_arena(call->req);
    size_t n = call->who.name.n + sizeof PF_LOGIN_PREFIX - 1;
    char *text = pf_arena_alloc(a, n + 1);
    if (!text)
        return pf_arena_fail(a, err, "a user");
    snprintf(text, n + 1, PF_LOGIN_PREFIX "%.*s", PF_FMT(call->who.name));
    call->account = (pf_str){text, n};
    return PF_OK;
}

pf_code pf_admission_identify(pf_call *call, pf_error *err)
{
    pf_credentials c;
    pf_str stale;
    bool wrong = false;
    if (call->is_identified)
        return PF_OK;
    pf_code code = call->api->cfg.auth ? read_credentials(call, &c, err) : PF_OK;
    if (!code)
        code = pf_auth_identify(call->api->cfg.auth, &c, &call->who, &wrong, err);
    call->account = call->who.name;
    /* Else the browser would send it with every request, each a wrong one. */
    if (code == PF_UNAUTHENTICATED && !c.authorization.n && pf_session_next(&c.cookie, &stale))
        pf_admission_clear_session(call);
    if (!code && call->api->cfg.auth && !call->who.rule)
        code = name_users_apart(call, err);
    call->is_identified = !code;
    if (wrong && c.authorization.n) { /* a cookie is signed: nobody guesses one */
        slow_down(call);
        pf_audit(call, code, "request with a wrong token", 0);
    }
    return code;
}

static const char *right_name(unsigned rights)
{
    return pf_right_name((pf_right)(rights & -rights));
}

static pf_code check_right(pf_call *call, pf_error *err)
{
    unsigned rights = call->action->rights;
    if (call->who.rights & rights)
        return PF_OK;
    return pf_fail(err, PF_FORBIDDEN, "the token \"%.*s\" lacks the right %s",
                   PF_FMT(call->who.name), right_name(rights));
}

/* What is malformed is the action's to refuse; without memory to read it nothing is known of it. */
static pf_code read_service(pf_call *call, pf_error *err)
{
    pf_req *req = call->req;
    pf_code code =
        pf_url_param(pf_req_query(req), "service", pf_req_arena(req), &call->service, err);
    return code == PF_INVALID ? PF_OK : code;
}

static pf_code check_service(pf_call *call, pf_str service, pf_error *err)
{
    if (call->action->rights != PF_RIGHT_PUSH || !service.n ||
        pf_scope_has(call->who.scope, service))
        return PF_OK;
    int n = (int)(service.n < PF_SERVICE_MAX ? service.n : PF_SERVICE_MAX);
    return pf_fail_param(err, PF_FORBIDDEN, "service",
                         "the token \"%.*s\" is not for service \"%.*s\"", PF_FMT(call->who.name),
                         n, service.p);
}

static void set_retry_after(pf_req *req, int64_t seconds)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)seconds);
    pf_req_add_header(req, "Retry-After", text);
}

static pf_code begin_query(pf_call *call, pf_str service, pf_error *err)
{
    if (call->action->rights != PF_RIGHT_QUERY)
        return PF_OK;
    /* One that the caller doesn't see counts for the caller alone: else its limit would tell that it is there, and could
     * be used up by whoever may not use it. */
    if (!pf_scope_has(call->who.scope, service))
        service = (pf_str){NULL, 0};
    pf_code code = pf_limits_query_begin(call->api->cfg.limits, call->account, service,
                                         pf_clock_mono(), &call->query, err);
    if (code)
        set_retry_after(call->req, 1);
    return code;
}

pf_code pf_admission_check(pf_call *call, pf_error *err)
{
    if (!call->action->rights)
        return PF_OK;
    pf_code code = pf_admission_identify(call, err);
    if (code)
        return code;
    code = check_right(call, err);
    if (!code)
        code = read_service(call, err);
    if (!code)
        code = check_service(call, call->service, err);
    if (!code)
        code = begin_query(call, call->service, err);
    if (code)
        pf_audit(call, code, "request", 0);
    return code;
}

pf_code pf_admission_push(pf_call *call, pf_str service, pf_error *err)
{
    int64_t retry_after = 0;
    pf_error why;
    if (call->is_charged) /* before it moved to a worker */
        return PF_OK;
    call->service = service;
    pf_code code = check_service(call, service, err); /* of what will be stored */
    if (code) {
        pf_audit(call, code, "push", (int64_t)pf_req_body(call->req).n);
        return code;
    }
    call->is_charged = true;
    code = pf_limits_push(call->api->cfg.limits, call->account, service, pf_req_body(call->req).n,
                          pf_clock_mono(), &retry_after, &why);
    if (!code)
        return PF_OK;
    pf_audit(call, code, "push", (int64_t)pf_req_body(call->req).n);
    set_retry_after(call->req, retry_after);
    return pf_fail_as(err, &why, code, "%s", why.msg);
}

void pf_admission_end(pf_call *call)
{
    pf_limits_query_end(call->api->cfg.limits, &call->query);
    pf_principal_release(&call->who);
}

/* Whether a line may be written now; *left_out is how many were not since the last that was. What strangers do does not
 * keep the lines of those who are known from being written. */
static bool may_audit(pf_audit_rate *r, int64_t second, unsigned *left_out)
{
    if (atomic_exchange(&r->second, second) != second) {
        unsigned lines = atomic_exchange(&r->lines, 1);
        *left_out = lines > AUDIT_A_SECOND ? lines - AUDIT_A_SECOND : 0;
        return true;
    }
    *left_out = 0;
    return atomic_fetch_add(&r->lines, 1) < AUDIT_A_SECOND;
}

void pf_audit(pf_call *call, pf_code code, const char *what, int64_t amount)
{
    unsigned left_out;
    pf_req *req = call->req;
    pf_log_level level = code ? PF_LOG_LEVEL_WARN : PF_LOG_LEVEL_INFO;
    if (!call->api->audit_log || !pf_log_enabled(level) ||
        !may_audit(&call->api->audit_rate[call->is_identified], pf_clock_mono() / PF_NS_PER_SEC,
                   &left_out))
        return;
    pf_buf line = PF_BUF_INIT;
    const pf_log_field fields[] = {
        PF_S("what", what),
        PF_S("result", code ? pf_code_name(code) : "done"),
        PF_V("who", call->account),
        PF_V("method", pf_req_method_name(req)),
        PF_V("path", pf_req_path(req)),
        PF_V("service", call->service),
        PF_I("amount", amount),
        PF_V("ip", pf_req_peer(req)),
        PF_V("rid", pf_req_id(req)),
        PF_I("left_out", left_out),
    };
    pf_log_format_line(&line, level, "audit", fields, sizeof fields / sizeof *fields - !left_out);
    if (!line.failed)
        pf_access_log_put(call->api->audit_log, pf_buf_str(&line));
    pf_buf_free(&line);
}
