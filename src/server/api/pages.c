/* pages.c: the small answers: services, version, health, metrics, and the text that "/"
 * shows to those who don't browse.
 */
#include "base/metrics.h"
#include "server/api/internal.h"
#include "server/api/reply.h"

typedef struct names {
    pf_buf *out;
    bool any;
} names;

static bool put_name(void *ctx, pf_str service)
{
    names *n = ctx;
    pf_buf_putc(n->out, n->any ? ',' : '[');
    n->any = true;
    pf_buf_put_json(n->out, service);
    return !n->out->failed;
}

void pf_handle_services(pf_api *api, pf_req *req)
{
    pf_error err;
    pf_buf b = {.max = api->cfg.query_max_memory};
    names n = {.out = &b};
    pf_op op = pf_api_op(api, req);
    pf_reply_open(&b);
    pf_code code = pf_store_services(api->cfg.store, &op, put_name, &n, &err);
    if (!code && !n.any)
        code = pf_fail(&err, PF_NOT_FOUND, "nothing found");
    if (code) {
        pf_buf_free(&b);
        pf_req_reply_error(req, code, &err);
        return;
    }
    pf_buf_putc(&b, ']');
    pf_reply_close(&b);
    pf_reply_json_take(req, &b);
}

void pf_handle_version(pf_api *api, pf_req *req)
{
    const pf_api_build *v = api->cfg.build;
    pf_buf b = PF_BUF_INIT;
    const struct {
        const char *key, *value;
    } fields[] = {
        {"{\"version\":", v->version},
        {",\"commit\":", v->commit},
        {",\"build_time\":", v->build_time},
        {",\"built_with\":", v->built_with},
    };
    pf_reply_open(&b);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        pf_buf_puts(&b, fields[i].key);
        pf_buf_put_json(&b, pf_str_c(fields[i].value));
    }
    pf_buf_putc(&b, '}');
    pf_reply_close(&b);
    pf_reply_json_take(req, &b);
}

void pf_handle_metrics(pf_api *api, pf_req *req)
{
    (void)api;
    pf_buf b = PF_BUF_INIT;
    pf_metrics_write(&b);
    pf_req_reply_take(req, 200, "text/plain; version=0.0.4; charset=utf-8", &b);
}

/* The names of the addresses in the body, as net/http/pprof would have them: none are known here. But `go tool pprof
 * URL` asks for each binary without functions, and gives the profile up when the answer is an error. */
void pf_handle_symbolz(pf_api *api, pf_req *req)
{
    (void)api;
    pf_buf b = PF_BUF_INIT;
    pf_reply_text_take(req, &b);
}

void pf_handle_healthz(pf_api *api, pf_req *req)
{
    (void)api;
    pf_buf b = PF_BUF_INIT;
    pf_buf_puts(&b, "ok\n");
    pf_reply_text_take(req, &b);
}

void pf_handle_readyz(pf_api *api, pf_req *req)
{
    pf_error err;
    pf_code code = PF_OK;
    if (atomic_load(&api->stopping))
        code = pf_fail(&err, PF_UNAVAILABLE, "shutting down");
    else
        code = pf_store_ready(api->cfg.store, &err);
    if (code) {
        pf_req_reply_error(req, code, &err);
        return;
    }
    pf_handle_healthz(api, req);
}

void pf_handle_text(pf_api *api, pf_req *req)
{
    pf_str host = pf_req_header(req, "Host");
    if (!host.n || host.n > 255 || pf_str_has_control(host))
        host = PF_STR("localhost:10100");
    pf_buf b = PF_BUF_INIT;
    pf_req_add_header(req, "Vary", "Accept");
    pf_buf_printf(
        &b,
        "profefe %s: a repository for pprof profiles.\n"
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
        "Services: /api/0/services   Metrics: /metrics   Health: /healthz, /readyz\n",
        api->cfg.build->version, PF_FMT(host), PF_FMT(host), PF_FMT(host));
    pf_reply_text_take(req, &b);
}
