#include "server/api/internal.h"
#include "server/api/reply.h"

#include <stdio.h>
#include <string.h>

enum { SYMBOLZ_MAX = 16 << 20 }; /* bytes: a million addresses */

enum { ANY = PF_RIGHTS_ALL, OPEN = 0 }; /* somebody who is known, with whatever right; everybody */

#define ON_WORKER(fn, may, text)                                                                   \
    {                                                                                              \
        .reply = fn, .run = PF_RUN_WORKER, .rights = may, .summary = text                          \
    }
#define BODY_ON_WORKER(fn, may, text)                                                              \
    {                                                                                              \
        .body = fn, .run = PF_RUN_WORKER, .rights = may, .summary = text                           \
    }
#define PPROF_ON_WORKER(fn, may, text)                                                             \
    {                                                                                              \
        .reply = fn, .run = PF_RUN_WORKER, .rights = may, .form = pf_reply_pprof_error_form,       \
        .summary = text                                                                            \
    }
#define INLINE(fn, may, text)                                                                      \
    {                                                                                              \
        .reply = fn, .run = PF_RUN_INLINE, .rights = may, .summary = text                          \
    }
#define BODY_INLINE(fn, may, text)                                                                 \
    {                                                                                              \
        .body = fn, .run = PF_RUN_INLINE, .rights = may, .summary = text                           \
    }

/* A push of ordinary size is decoded where its last byte arrived: see push.c. */
static const pf_route routes[] = {
    {"/api/0/profiles",
     .get = ON_WORKER(pf_do_find, PF_RIGHT_QUERY,
                      "lists profiles: service, type, labels, from, to, limit"),
     .post = {.reply = pf_do_push,
              .run = PF_RUN_INLINE,
              .max_body = PF_BODY_OF_PUSH,
              .rights = PF_RIGHT_PUSH,
              .summary = "stores a profile: service, type, labels"},
     .del = BODY_ON_WORKER(pf_body_remove, PF_RIGHT_DELETE,
                           "deletes them: service, type, labels, from, to, dry_run")},
    {"/api/0/profiles/merge",
     .get = PPROF_ON_WORKER(pf_do_merge, PF_RIGHT_QUERY,
                            "gives what such a list holds as one profile, or a view of it")},
    {"/api/0/profiles/__pid__",
     .get = PPROF_ON_WORKER(pf_do_get, PF_RIGHT_QUERY,
                            "gives a profile by its id, or several, joined by +, as one"),
     .del = BODY_ON_WORKER(pf_body_remove_ids, PF_RIGHT_DELETE,
                           "deletes a profile by its id, or several, joined by +: dry_run")},
    {"/api/0/profiles/diff",
     .get = PPROF_ON_WORKER(pf_do_diff, PF_RIGHT_QUERY, "holds two selections against each other")},
    {"/api/0/types",
     .get = BODY_ON_WORKER(pf_body_types, PF_RIGHT_QUERY, "lists a service's types of profile")},
    {"/api/0/sample_types",
     .get = BODY_ON_WORKER(pf_body_sample_types, PF_RIGHT_QUERY, "lists what they have measured")},
    {"/api/0/labels",
     .get = BODY_ON_WORKER(pf_body_labels, PF_RIGHT_QUERY, "lists their labels and values")},
    {"/api/0/series",
     .get = BODY_ON_WORKER(pf_body_series, PF_RIGHT_QUERY, "gives values over time")},
    {"/api/0/services",
     .get = BODY_ON_WORKER(pf_body_services, PF_RIGHT_QUERY, "lists the services")},
    {"/api/0/store",
     .get = BODY_ON_WORKER(pf_body_store, PF_RIGHT_ADMIN, "tells what the store holds")},
    {"/api/0/session", .get = BODY_INLINE(pf_body_session, OPEN, "tells who the caller is"),
     .post = BODY_INLINE(pf_body_sign_in, OPEN, "signs a browser in: a token in, a cookie out"),
     .del = BODY_INLINE(pf_body_sign_out, OPEN, "signs a browser out")},
    {"/api/0/version", .get = BODY_INLINE(pf_body_version, ANY, "tells which server this is")},
    {"/api/0/openapi.json", .get = INLINE(pf_do_openapi, ANY, "tells all of this to programs")},
    {"/api/0", .get = BODY_INLINE(pf_body_index, ANY, "is this index")},
    {"/debug/metrics", .get = ON_WORKER(pf_do_metrics, PF_RIGHT_ADMIN, NULL)},
    {"/metrics",
     .get = ON_WORKER(pf_do_metrics, PF_RIGHT_ADMIN, "gives the server's metrics to Prometheus")},
    {"/symbolz", .get = INLINE(pf_do_symbolz, ANY, NULL),
     .post = {.reply = pf_do_symbolz,
              .run = PF_RUN_INLINE,
              .max_body = SYMBOLZ_MAX,
              .rights = ANY,
              .summary = "names addresses, for go tool pprof"}},
    {"/healthz", .get = INLINE(pf_do_healthz, OPEN, "tells that the server runs")},
    {"/readyz", .get = ON_WORKER(pf_do_readyz, OPEN, "tells whether it takes profiles")},
    {"/api/0/ui/config", .get = BODY_INLINE(pf_body_ui_config, OPEN, NULL)},
    {"/", .get = INLINE(pf_do_root, OPEN, "is the page")},
    {"/assets/__file__", .get = INLINE(pf_do_asset, OPEN, NULL)},
    {"/speedscope/__file__", .get = INLINE(pf_do_asset, OPEN, NULL)},
    {.label = "unknown"},
};

enum { ROUTE_GET = 2, ROUTE_UNKNOWN = sizeof routes / sizeof *routes - 1 };

const pf_route *pf_route_at(size_t i)
{
    return i <= ROUTE_UNKNOWN ? &routes[i] : NULL;
}

bool pf_action_is_there(const pf_action *a)
{
    return a->reply || a->body;
}

void pf_route_methods(const pf_route *r, char out[static PF_METHODS_MAX])
{
    snprintf(out, PF_METHODS_MAX, "GET, HEAD%s%s", pf_action_is_there(&r->post) ? ", POST" : "",
             pf_action_is_there(&r->del) ? ", DELETE" : "");
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
