/* pages.c: the small answers: services, version, index, health, metrics, and the text that "/"
 * shows to those who don't browse.
 */
#include "base/metrics.h"
#include "server/api/admission.h"
#include "server/api/openapi.h"
#include "server/api/reply.h"

typedef struct names {
    pf_json *out;
    bool any;
} names;

static bool put_name(void *ctx, pf_str service)
{
    names *n = ctx;
    if (!n->any)
        pf_json_open(n->out, '[');
    n->any = true;
    pf_json_str(n->out, service);
    return !n->out->out->failed;
}

pf_code pf_body_services(pf_call *call, pf_json *out, pf_error *err)
{
    names n = {.out = out};
    pf_op op = pf_call_op(call);
    pf_code code = pf_store_services(call->api->cfg.store, &op, put_name, &n, err);
    if (!code && !n.any)
        code = pf_fail(err, PF_NOT_FOUND, "nothing found");
    if (!code)
        pf_json_close(out, ']');
    return code;
}

pf_code pf_body_version(pf_call *call, pf_json *out, pf_error *err)
{
    (void)err;
    const pf_api_build *v = call->api->cfg.build;
    pf_json_open(out, '{');
    pf_json_put_str(out, "version", pf_str_c(v->version));
    pf_json_put_str(out, "commit", pf_str_c(v->commit));
    pf_json_put_str(out, "build_time", pf_str_c(v->build_time));
    pf_json_put_str(out, "built_with", pf_str_c(v->built_with));
    pf_json_close(out, '}');
    return PF_OK;
}

static void put_methods(pf_json *out, const pf_route *r)
{
    char methods[PF_METHODS_MAX];
    pf_route_methods(r, methods);
    pf_str one, rest = pf_str_c(methods);
    pf_json_key(out, "methods");
    pf_json_open(out, '[');
    while (rest.n) {
        pf_str_cut(rest, ',', &one, &rest);
        pf_json_str(out, pf_str_trim(one));
    }
    pf_json_close(out, ']');
}

static void put_summary(pf_json *out, const char *key, const pf_action *a)
{
    if (a->summary)
        pf_json_put_str(out, key, pf_str_c(a->summary));
}

/* What there is, for people and programs. */
pf_code pf_body_index(pf_call *call, pf_json *out, pf_error *err)
{
    (void)err;
    pf_json_open(out, '{');
    pf_json_put_str(out, "name", PF_STR("profefe"));
    pf_json_put_str(out, "version", pf_str_c(call->api->cfg.build->version));
    pf_json_put_str(out, "openapi", PF_STR("openapi.json"));
    pf_json_key(out, "routes");
    pf_json_open(out, '[');
    const pf_route *r;
    for (size_t i = 0; (r = pf_route_at(i)); i++) {
        if (!r->get.summary && !r->post.summary && !r->del.summary)
            continue;
        pf_json_open(out, '{');
        pf_json_put_str(out, "path", pf_str_c(r->label));
        put_methods(out, r);
        put_summary(out, "get", &r->get);
        put_summary(out, "post", &r->post);
        put_summary(out, "delete", &r->del);
        pf_json_close(out, '}');
    }
    pf_json_close(out, ']');
    pf_json_close(out, '}');
    return PF_OK;
}

pf_code pf_do_openapi(pf_call *call, pf_error *err)
{
    (void)err;
    pf_buf b = PF_BUF_INIT;
    pf_buf_put(&b, pf_openapi_json, pf_openapi_json_len);
    pf_reply_json_take(call->req, &b);
    return PF_OK;
}

pf_code pf_do_metrics(pf_call *call, pf_error *err)
{
    (void)err;
    pf_buf b = PF_BUF_INIT;
    pf_metrics_write(&b);
    pf_req_reply_take(call->req, 200, "text/plain; version=0.0.4; charset=utf-8", &b);
    return PF_OK;
}

/* The names of the addresses in the body, as net/http/pprof would have them: none are known here. But `go tool pprof
 * URL` asks for each binary without functions, and gives the profile up when the answer is an error. */
pf_code pf_do_symbolz(pf_call *call, pf_error *err)
{
    (void)err;
    pf_buf b = PF_BUF_INIT;
    pf_reply_text_take(call->req, &b);
    return PF_OK;
}

pf_code pf_do_healthz(pf_call *call, pf_error *err)
{
    (void)err;
    pf_buf b = PF_BUF_INIT;
    pf_buf_puts(&b, "ok\n");
    pf_reply_text_take(call->req, &b);
    return PF_OK;
}

/* Why is for those who may see it: a full disk, a bad auth file. */
static bool sees_details(pf_call *call)
{
    pf_error none;
    return !pf_admission_identify(call, &none) && pf_principal_may(&call->who, PF_RIGHT_ADMIN);
}

pf_code pf_do_readyz(pf_call *call, pf_error *err)
{
    char problem[PF_ERROR_MSG_MAX];
    pf_buf b = PF_BUF_INIT;
    bool details = sees_details(call);
    pf_code code = atomic_load(&call->api->stopping) ? pf_fail(err, PF_UNAVAILABLE, "shutting down")
                                                     : pf_store_ready(call->api->cfg.store, err);
    if (code)
        return details ? code : pf_fail(err, code, "not ready");
    pf_buf_puts(&b, "ok\n");
    if (details && pf_auth_problem(call->api->cfg.auth, problem, sizeof problem))
        pf_buf_printf(&b, "the auth file is not in force as it stands: %s\n", problem);
    if (details)
        pf_store_problems(call->api->cfg.store, &b);
    pf_reply_text_take(call->req, &b);
    return PF_OK;
}

pf_code pf_reply_welcome(pf_call *call, pf_error *err)
{
    (void)err;
    pf_req *req = call->req;
    pf_str host = pf_req_header(req, "Host");
    if (!host.n || host.n > 255 || pf_str_has_control(host))
        host = PF_STR("localhost:10100");
    pf_buf b = PF_BUF_INIT;
    pf_req_add_header(req, "Vary", "Accept");
    pf_buf_printf(
        &b,
        "profefe%s%s: a repository for pprof profiles.\n"
        "\n"
        "Push one, find it, and open it or many of them merged:\n"
        "\n"
        "  curl --data-binary @cpu.pb.gz 'http://%.*s/api/0/profiles?service=shop&type=cpu"
        "&labels=host=web-1'\n"
        "  curl 'http://%.*s/api/0/profiles?service=shop&from=2020-01-01T00:00:00"
        "&to=2040-01-01T00:00:00'\n"
        "  go tool pprof -top 'http://%.*s/api/0/profiles/merge?service=shop&type=cpu"
        "&from=2020-01-01T00:00:00&to=2040-01-01T00:00:00'\n"
        "\n"
        "Services: /api/0/services   Metrics: /metrics   Health: /healthz, /readyz\n"
        "All of it, for people: /api/0/   for programs: /api/0/openapi.json\n",
        call->api->cfg.auth ? "" : " ", call->api->cfg.auth ? "" : call->api->cfg.build->version,
        PF_FMT(host), PF_FMT(host), PF_FMT(host));
    pf_reply_text_take(req, &b);
    return PF_OK;
}
