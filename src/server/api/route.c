#include "server/api/internal.h"

#include <string.h>

enum { SYMBOLZ_MAX = 16 << 20 }; /* bytes: a million addresses */

#define READ(handler)                                                                              \
    {                                                                                              \
        handler, PF_RUN_WORKER, 0, NULL                                                            \
    }
#define READ_INLINE(handler)                                                                       \
    {                                                                                              \
        handler, PF_RUN_INLINE, 0, NULL                                                            \
    }
#define NONE                                                                                       \
    {                                                                                              \
        NULL, PF_RUN_INLINE, 0, NULL                                                               \
    }

/* A push of ordinary size is decoded where its last byte arrived: see push.c. */
static const pf_route routes[] = {
    {"/api/0/profiles",
     READ(pf_handle_find),
     {pf_handle_push, PF_RUN_INLINE, PF_BODY_OF_PUSH, NULL}},
    {"/api/0/profiles/merge", READ(pf_handle_merge), NONE},
    {"/api/0/profiles/__pid__", READ(pf_handle_get), NONE},
    {"/api/0/profiles/diff", READ(pf_handle_diff), NONE},
    {"/api/0/types", READ(pf_handle_types), NONE},
    {"/api/0/sample_types", READ(pf_handle_sample_types), NONE},
    {"/api/0/labels", READ(pf_handle_labels), NONE},
    {"/api/0/series", READ(pf_handle_series), NONE},
    {"/api/0/store", READ(pf_handle_store), NONE},
    {"/api/0/services", READ(pf_handle_services), NONE},
    {"/api/0/version", READ_INLINE(pf_handle_version), NONE},
    {"/debug/metrics", READ(pf_handle_metrics), NONE},
    {"/metrics", READ(pf_handle_metrics), NONE},
    {"/symbolz",
     READ_INLINE(pf_handle_symbolz),
     {pf_handle_symbolz, PF_RUN_INLINE, SYMBOLZ_MAX, NULL}},
    {"/healthz", READ_INLINE(pf_handle_healthz), NONE},
    {"/readyz", READ(pf_handle_readyz), NONE},
    {"/api/0/ui/config", READ_INLINE(pf_handle_ui_config), NONE},
    {"/", READ_INLINE(pf_handle_root), NONE},
    {"/assets/__file__", READ_INLINE(pf_handle_asset), NONE},
    {"/speedscope/__file__", READ_INLINE(pf_handle_asset), NONE},
    {"unknown", NONE, NONE},
};

enum { ROUTE_GET = 2, ROUTE_UNKNOWN = sizeof routes / sizeof *routes - 1 };

const pf_route *pf_route_at(size_t i)
{
    return i <= ROUTE_UNKNOWN ? &routes[i] : NULL;
}

bool pf_route_is_known(const pf_route *r)
{
    return r != &routes[ROUTE_UNKNOWN];
}

static const pf_route *find_label(const char *label)
{
    size_t i = 0;
    while (i < ROUTE_UNKNOWN && strcmp(routes[i].label, label) != 0)
        i++;
    return &routes[i];
}

static bool has_suffix(pf_str s, pf_str suffix)
{
    return s.n >= suffix.n && pf_str_eq((pf_str){s.p + s.n - suffix.n, suffix.n}, suffix);
}

/* Where `go tool pprof URL` asks for names: at "/symbolz", or beside the URL's path, unescaped, whose last segment it
 * replaces by "symbolz", or by "symbol" where it holds "/debug/pprof/" (or ends in "/pprof/heap" and its like). Ids may
 * hold '/', so there may be any number of segments between. An escaped "%2Fsymbolz" is part of an id. */
static bool is_symbolz(pf_str path)
{
    if (pf_str_eq(path, PF_STR("/symbolz")))
        return true;
    return (pf_str_has_prefix(path, PF_STR("/api/0/profiles/")) ||
            pf_str_has_prefix(path, PF_STR("/debug/pprof/"))) &&
           (has_suffix(path, PF_STR("/symbolz")) || has_suffix(path, PF_STR("/pprof/symbol")));
}

const pf_route *pf_route_find(pf_str path)
{
    pf_str prefix = PF_STR("/api/0/profiles/");
    if (pf_str_has_prefix(path, PF_STR("/assets/")))
        return find_label("/assets/__file__");
    if (pf_str_has_prefix(path, PF_STR("/speedscope/")))
        return find_label("/speedscope/__file__");
    if (!path.n) /* the base path without a slash */
        path = PF_STR("/");
    while (path.n > 1 && path.p[path.n - 1] == '/')
        path.n--;
    if (is_symbolz(path))
        return find_label("/symbolz");
    for (size_t i = 0; i < ROUTE_UNKNOWN; i++)
        if (i != ROUTE_GET && pf_str_eq(path, pf_str_c(routes[i].label)))
            return &routes[i];
    return &routes[pf_str_has_prefix(path, prefix) ? ROUTE_GET : ROUTE_UNKNOWN];
}
