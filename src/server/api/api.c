#include "server/api/api.h"

#include "base/clock.h"
#include "base/heap.h"
#include "server/api/internal.h"
#include "server/api/reply.h"

#include <stdlib.h>

pf_api_config pf_api_config_default(void)
{
    return (pf_api_config){
        .max_body = 64 << 20,
        .max_inflated = 256 << 20,
        .query_max_memory = 64 << 20,
        .query_timeout = 60 * PF_NS_PER_SEC,
        .access_log_fd = -1,
        .base_path = "",
    };
}

pf_op pf_api_op(const pf_api *api, pf_req *req)
{
    return (pf_op){
        .deadline = pf_clock_mono() + api->cfg.query_timeout,
        .cancel = pf_req_cancelled(req),
        .budget = api->cfg.budget,
        .max_memory = api->cfg.query_max_memory,
    };
}

static bool is_read(pf_req *req)
{
    return pf_req_method(req) == PF_METHOD_GET || pf_req_method(req) == PF_METHOD_HEAD;
}

static const pf_action *pick(const pf_route *r, pf_req *req)
{
    static const pf_action none;
    if (is_read(req))
        return &r->get;
    return pf_req_method(req) == PF_METHOD_POST ? &r->post : &none;
}

static size_t max_body(const pf_api *api, const pf_action *a)
{
    bool of_push = a->max_body < 0 || (uint64_t)a->max_body > api->cfg.max_body;
    return of_push ? api->cfg.max_body : (size_t)a->max_body;
}

/* Refuses here, before the body is read, what no handler would take. */
static void admit(void *ctx, pf_req *req, pf_admit *out)
{
    const pf_api *api = ctx;
    const pf_route *r = pf_route_find(pf_req_path(req));
    const pf_action *action = pick(r, req);
    pf_error err;
    pf_req_set_user(req, (void *)r);
    if (action->form)
        out->error_form = action->form;
    if (!pf_route_is_known(r)) {
        pf_fail(&err, PF_NOT_FOUND, "nothing found");
        pf_req_reply_error(req, PF_NOT_FOUND, &err);
    } else if (!action->handler) {
        pf_str method = pf_req_method_name(req);
        pf_fail(&err, PF_NOT_ALLOWED, "method %.*s is not allowed here",
                PF_FMT(((pf_str){method.p, method.n < 32 ? method.n : 32})));
        pf_reply_not_allowed(req, r->post.handler ? "GET, HEAD, POST" : "GET, HEAD", &err);
    } else {
        out->max_body = max_body(api, action);
        out->run = action->run;
    }
}

static void handle(void *ctx, pf_req *req)
{
    const pf_action *action = pick(pf_req_user(req), req);
    action->handler(ctx, req);
    if (action->run == PF_RUN_WORKER) /* a query; the request may be gone by now */
        pf_heap_used();
}

static void finished(void *ctx, pf_req *req, int status, int64_t sent, int64_t duration_ns)
{
    pf_api *api = ctx;
    const pf_route *r = pf_req_user(req);
    if (!r) /* the transport refused it before admit */
        r = pf_route_find(PF_STR("unknown"));
    pf_request_metrics_count(api->metrics, pf_req_method(req), r->label, status,
                     pf_req_target(req).n + pf_req_body(req).n, sent, duration_ns);
    if (!api->access_log)
        return;
    pf_access_log_write(api->access_log, &(pf_access_line){
                                             .rid = pf_req_id(req),
                                             .method = pf_req_method_name(req),
                                             .uri = pf_req_target(req),
                                             .host = pf_req_header(req, "Host"),
                                             .ip = pf_req_peer(req),
                                             .started = pf_req_started(req),
                                             .duration = duration_ns,
                                             .code = status,
                                         });
}

pf_code pf_api_new(const pf_api_config *cfg, pf_api **out, pf_error *err)
{
    pf_api *api = calloc(1, sizeof *api);
    if (!api)
        return pf_fail_nomem(err, "the API");
    api->cfg = *cfg;
    api->metrics = pf_request_metrics_new();
    pf_code code = api->metrics ? PF_OK : pf_fail_nomem(err, "metrics");
    if (!code && cfg->access_log_fd >= 0)
        code = pf_access_log_new(cfg->access_log_fd, &api->access_log, err);
    if (code) {
        pf_api_free(api);
        return code;
    }
    *out = api;
    return PF_OK;
}

/* Profiles hold text from anywhere: whatever a browser makes of an answer, it runs nothing of it. The page's own
 * files have a policy of their own (web.c). */
static const pf_http_header headers[] = {
    {"X-Content-Type-Options", "nosniff"},
    {"Content-Security-Policy", "default-src 'none'; sandbox"},
    {NULL, NULL},
};

pf_http_app pf_api_app(pf_api *api)
{
    return (pf_http_app){
        .ctx = api,
        .headers = headers,
        .admit = admit,
        .handle = handle,
        .finished = finished,
        .error_form = pf_reply_error_form,
    };
}

void pf_api_stopping(pf_api *api)
{
    atomic_store(&api->stopping, true);
}

void pf_api_free(pf_api *api)
{
    if (!api)
        return;
    pf_access_log_free(api->access_log);
    pf_request_metrics_free(api->metrics);
    free(api);
}
