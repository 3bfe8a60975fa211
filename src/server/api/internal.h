/* internal.h: what the files of this room share.
 */
#ifndef PF_SERVER_API_INTERNAL_H
#define PF_SERVER_API_INTERNAL_H

#include "server/api/access_log.h"
#include "server/api/api.h"
#include "server/api/request_metrics.h"

struct pf_api {
    pf_api_config cfg;
    pf_request_metrics *metrics;
    pf_access_log *access_log; /* NULL: off */
    atomic_bool stopping;
};

typedef void (*pf_handler)(pf_api *api, pf_req *req);

enum { PF_BODY_OF_PUSH = -1 };

/* What a method does on a path. */
typedef struct pf_action {
    pf_handler handler; /* NULL: the method is not allowed */
    pf_run run; /* PF_RUN_INLINE: quick, without disk; may find out otherwise and pf_req_move */
    int64_t
        max_body; /* bytes; 0: it takes none; PF_BODY_OF_PUSH, and at most: -http.max-body-size */
    pf_error_form form; /* how this protocol says that something failed; NULL: the API's */
} pf_action;

/* A path that is known, and who answers it. See route.c. */
typedef struct pf_route {
    const char *label; /* the path in metrics: "/api/0/profiles/__pid__" */
    pf_action get;     /* HEAD too */
    pf_action post;
} pf_route;

/* Never NULL: an unknown path has a route of its own without handlers. */
const pf_route *pf_route_find(pf_str path);
bool pf_route_is_known(const pf_route *r);
const pf_route *pf_route_at(size_t i); /* all of them, NULL behind the last; for the metrics */

/* The handlers, each in the file that its comment in api.h names. */
void pf_handle_push(pf_api *api, pf_req *req);
void pf_handle_find(pf_api *api, pf_req *req);
void pf_handle_get(pf_api *api, pf_req *req);
void pf_handle_merge(pf_api *api, pf_req *req);
void pf_handle_diff(pf_api *api, pf_req *req);
void pf_handle_types(pf_api *api, pf_req *req);
void pf_handle_sample_types(pf_api *api, pf_req *req);
void pf_handle_labels(pf_api *api, pf_req *req);
void pf_handle_series(pf_api *api, pf_req *req);
void pf_handle_store(pf_api *api, pf_req *req);
void pf_handle_services(pf_api *api, pf_req *req);
void pf_handle_version(pf_api *api, pf_req *req);
void pf_handle_metrics(pf_api *api, pf_req *req);
void pf_handle_symbolz(pf_api *api, pf_req *req);
void pf_handle_healthz(pf_api *api, pf_req *req);
void pf_handle_readyz(pf_api *api, pf_req *req);
void pf_handle_root(pf_api *api, pf_req *req);
void pf_handle_text(pf_api *api, pf_req *req);
void pf_handle_asset(pf_api *api, pf_req *req);
void pf_handle_ui_config(pf_api *api, pf_req *req);

/* Answers with a view of the selection, in the format that the request asks for (view.c). */
void pf_view_reply(pf_api *api, pf_req *req, const pf_selection *sel);

/* True when the request asks for more than the stored bytes: another format than pprof, or a filter. */
bool pf_view_is_wanted(pf_req *req);

/* The limits of one query of `req`: deadline from now, memory, given up when the client hangs up.
 */
pf_op pf_api_op(const pf_api *api, pf_req *req);

#endif
