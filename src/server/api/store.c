/* store.c: GET /api/0/store, what the store holds, for the page's panel. */
#include "base/clock.h"
#include "profile/time.h"
#include "server/api/internal.h"
#include "server/api/reply.h"

static void put_time(pf_buf *b, const char *key, bool known, int64_t ns)
{
    char text[PF_TIME_CHARS + 1];
    pf_time_format(ns, text);
    pf_buf_printf(b, known ? ",\"%s\":\"%s\"" : ",\"%s\":null", key, text);
}

void pf_handle_store(pf_api *api, pf_req *req)
{
    pf_error err;
    pf_store_stats s;
    pf_code code = pf_store_stats_get(api->cfg.store, &s, &err);
    if (code) {
        pf_req_reply_error(req, code, &err);
        return;
    }
    pf_buf b = PF_BUF_INIT;
    pf_reply_open(&b);
    pf_buf_printf(&b, "{\"profiles\":%lld,\"bytes\":%lld", (long long)s.profiles,
                  (long long)s.bytes);
    put_time(&b, "oldest", s.profiles > 0, s.oldest);
    put_time(&b, "newest", s.profiles > 0, s.newest);
    pf_buf_printf(&b,
                  ",\"retention_seconds\":%lld,\"partitions\":%lld,\"ingest_per_second\":%.6g"
                  ",\"version\":",
                  (long long)(s.retention / PF_NS_PER_SEC), (long long)s.partitions, s.ingest);
    pf_buf_put_json(&b, pf_str_c(api->cfg.build->version));
    put_time(&b, "now", true, pf_clock_wall(NULL));
    pf_buf_putc(&b, '}');
    pf_reply_close(&b);
    pf_reply_json_take(req, &b);
}
