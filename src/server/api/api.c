#include "server/api/api.h"

#include "base/clock.h"
#include "server/api/internal.h"
#include "server/api/reply.h"

#include <stdlib.h>
#include <unistd.h>

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
    if (!code)
        code = pf_access_log_new(STDERR_FILENO, &api->audit_log, err);
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
        .admit = pf_call_admit,
        .handle = pf_call_handle,
        .finished = pf_call_finished,
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
    pf_access_log_free(api->audit_log);
    pf_request_metrics_free(api->metrics);
    free(api);
}
