/* call.c: a request's way through the API, the same for every route. */
#include "base/clock.h"
#include "base/heap.h"
#include "server/api/admission.h"
#include "server/api/reply.h"

pf_call *pf_call_of(const pf_req *req)
{
    return pf_req_user(req);
}

pf_op pf_call_op(const pf_call *call)
{
    return (pf_op){
        .deadline = pf_clock_mono() + call->api->cfg.query_timeout,
        .cancel = pf_req_cancelled(call->req),
        .revoked = call->who.revoked,
        .scope = call->who.scope,
        .budget = call->api->cfg.budget,
        .max_memory = call->api->cfg.query_max_memory,
    };
}

static const pf_action *pick(const pf_route *r, pf_method method)
{
    static const pf_action none;
    switch (method) {
    case PF_METHOD_GET:
    case PF_METHOD_HEAD:
        return &r->get;
    case PF_METHOD_POST:
        return &r->post;
    case PF_METHOD_DELETE:
        return &r->del;
    case PF_METHOD_OPTIONS:
    case PF_METHOD_OTHER:
        break;
    }
    return &none;
}

static size_t max_body(const pf_api *api, const pf_action *a)
{
    bool of_push = a->max_body < 0 || (uint64_t)a->max_body > api->cfg.max_body;
    return of_push ? api->cfg.max_body : (size_t)a->max_body;
}

static pf_code judge(pf_call *call, pf_error *err)
{
    pf_str method = pf_req_method_name(call->req);
    if (!pf_route_is_known(call->route))
        return pf_fail(err, PF_NOT_FOUND, "nothing found");
    if (!pf_action_is_there(call->action))
        return pf_fail(err, PF_NOT_ALLOWED, "method %.*s is not allowed here",
                       PF_FMT(((pf_str){method.p, method.n < 32 ? method.n : 32})));
    return PF_OK;
}

/* Refuses here, before the body is read, what no handler would take. */
void pf_call_admit(void *ctx, pf_req *req, pf_admit *out)
{
    pf_api *api = ctx;
    pf_error err;
    pf_call *call = pf_arena_zalloc(pf_req_arena(req), sizeof *call);
    if (!call) {
        pf_code code = pf_arena_fail(pf_req_arena(req), &err, "a request");
        pf_req_reply_error(req, code, &err);
        return;
    }
    pf_req_set_user(req, call);
    call->api = api;
    call->req = req;
    call->route = pf_route_find(pf_req_path(req));
    call->action = pick(call->route, pf_req_method(req));
    if (call->action->form)
        out->error_form = call->action->form;
    bool answered = false;
    pf_code code = pf_admission_web(call, &answered, &err);
    if (answered)
        return;
    if (!code)
        code = judge(call, &err);
    if (!code)
        code = pf_admission_check(call, &err);
    if (code) {
        pf_call_fail(call, code, &err);
        return;
    }
    out->max_body = max_body(api, call->action);
    out->run = call->action->run;
}

void pf_call_fail(pf_call *call, pf_code code, const pf_error *err)
{
    char methods[PF_METHODS_MAX];
    if (code == PF_NOT_ALLOWED) {
        pf_route_methods(call->route, methods);
        pf_req_add_header(call->req, "Allow", methods);
    }
    if (code == PF_UNAUTHENTICATED) /* not Basic: a browser would ask for a password by itself */
        pf_req_add_header(call->req, "WWW-Authenticate", "Bearer realm=\"profefe\"");
    /* Clients of the v0 push give a profile up on any 4xx. */
    bool is_push = call->action->rights == PF_RIGHT_PUSH;
    pf_req_reply_error_as(call->req, code == PF_RATE_LIMIT && is_push ? 503 : pf_code_status(code),
                          err);
}

/* The envelope around what the action writes. */
static pf_code reply_body(pf_call *call, pf_error *err)
{
    pf_buf b = {.max = call->api->cfg.query_max_memory};
    pf_json json = {.out = &b};
    pf_reply_open(&b);
    pf_code code = call->action->body(call, &json, err);
    pf_reply_close(&b);
    if (!code && b.over_max)
        code = pf_fail(err, PF_QUERY_LIMIT,
                       "the answer needs more than %zu bytes (-query.max-memory)", b.max);
    if (!code) {
        pf_reply_json_take(call->req, &b);
        return PF_OK;
    }
    pf_buf_free(&b);
    return code;
}

void pf_call_handle(void *api, pf_req *req)
{
    (void)api;
    pf_error err;
    pf_call *call = pf_call_of(req);
    bool is_query = pf_req_run(req) == PF_RUN_WORKER;
    pf_code code = call->action->body ? reply_body(call, &err) : call->action->reply(call, &err);
    if (code)
        pf_call_fail(call, code, &err);
    if (is_query) /* the request may be gone by now */
        pf_heap_used();
}

void pf_call_finished(void *ctx, pf_req *req, int status, int64_t sent, int64_t duration_ns)
{
    pf_api *api = ctx;
    pf_call *call = pf_call_of(req);
    const pf_route *r = call ? call->route : pf_route_find(PF_STR("unknown"));
    pf_request_metrics_count(api->metrics, pf_req_method(req), r->label, status,
                             pf_req_target(req).n + pf_req_body(req).n, sent, duration_ns);
    if (api->access_log)
        pf_access_log_write(api->access_log, &(pf_access_line){
                                                 .rid = pf_req_id(req),
                                                 .method = pf_req_method_name(req),
                                                 .uri = pf_req_target(req),
                                                 .host = pf_req_header(req, "Host"),
                                                 .ip = pf_req_peer(req),
                                                 .started = pf_req_started(req),
                                                 .duration = duration_ns,
                                                 .code = status,
                                                 .who = call ? call->account : (pf_str){NULL, 0},
                                             });
    if (call)
        pf_admission_end(call);
}
