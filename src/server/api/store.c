/* store.c: GET /api/0/store, what the store holds, for the page's panel. */
#include "base/clock.h"
#include "server/api/internal.h"
#include "server/api/reply.h"

static void put_time_if(pf_json *out, const char *key, bool known, int64_t ns)
{
    if (known)
        pf_reply_put_time(out, key, ns);
    else
        pf_json_put_null(out, key);
}

pf_code pf_body_store(pf_call *call, pf_json *out, pf_error *err)
{
    pf_store_stats s;
    pf_code code = pf_store_stats_get(call->api->cfg.store, &s, err);
    if (code)
        return code;
    pf_json_open(out, '{');
    pf_json_put_int(out, "profiles", s.profiles);
    pf_json_put_int(out, "bytes", s.bytes);
    put_time_if(out, "oldest", s.profiles > 0, s.oldest);
    put_time_if(out, "newest", s.profiles > 0, s.newest);
    pf_json_put_int(out, "retention_seconds", s.retention / PF_NS_PER_SEC);
    pf_json_put_int(out, "partitions", s.partitions);
    pf_json_put_double(out, "ingest_per_second", s.ingest, 6);
    pf_json_put_str(out, "version", pf_str_c(call->api->cfg.build->version));
    pf_reply_put_time(out, "now", pf_clock_wall(NULL));
    pf_json_close(out, '}');
    return PF_OK;
}
