/* internal.h: what the files of this room share: the API's state, a call, and the table of routes.
 *
 *     admit       Host, Origin -> route, method -> who -> may they? -> the body, please     admission.h
 *     handle      the action; its error, or the envelope around its JSON
 *     finished    counted, logged, let go
 */
#ifndef PF_SERVER_API_INTERNAL_H
#define PF_SERVER_API_INTERNAL_H

#include "base/json.h"
#include "server/access/principal.h"
#include "server/api/access_log.h"
#include "server/api/api.h"
#include "server/api/request_metrics.h"

/* Audit lines in this second. */
typedef struct pf_audit_rate {
    _Atomic int64_t second;
    atomic_uint lines;
} pf_audit_rate;

struct pf_api {
    pf_api_config cfg;
    pf_request_metrics *metrics;
    pf_access_log *access_log; /* NULL: off */
    pf_access_log *audit_log;
    pf_audit_rate audit_rate[2]; /* of strangers, of those who are known */
    atomic_bool stopping;
};

typedef struct pf_call pf_call;

/* Replies, or sees to it that somebody will; or says what was wrong, and the caller replies with that. */
typedef pf_code (*pf_reply_fn)(pf_call *call, pf_error *err);

/* Writes one JSON value: the body of the envelope. */
typedef pf_code (*pf_body_fn)(pf_call *call, pf_json *out, pf_error *err);

enum { PF_BODY_OF_PUSH = -1 };

/* What a method does on a path: one of `reply` and `body` does it; neither: the method is not allowed. */
typedef struct pf_action {
    pf_reply_fn reply;
    pf_body_fn body;
    pf_run run; /* PF_RUN_INLINE: quick, without disk; may find out otherwise and pf_req_move */
    int64_t
        max_body; /* bytes; 0: it takes none; PF_BODY_OF_PUSH, and at most: -http.max-body-size */
    pf_error_form form;  /* how this protocol says that something failed; NULL: the API's */
    unsigned rights;     /* any of these pf_right will do; 0: the action is open to all */
    const char *summary; /* for people, in a line; NULL: not for the index */
} pf_action;

/* A path that is known, and who answers it. See route.c. */
typedef struct pf_route {
    const char *label; /* the path in metrics: "/api/0/profiles/__pid__" */
    pf_action get;     /* HEAD too */
    pf_action post;
    pf_action del;
} pf_route;

bool pf_action_is_there(const pf_action *a);

/* Never NULL: an unknown path has a route of its own without actions. */
const pf_route *pf_route_find(pf_str path);
bool pf_route_is_known(const pf_route *r);
const pf_route *pf_route_at(size_t i); /* all of them, NULL behind the last; for the metrics */

/* The methods that it has, for an Allow header: "GET, HEAD, POST". */
enum { PF_METHODS_MAX = 64 };
void pf_route_methods(const pf_route *r, char out[static PF_METHODS_MAX]);

/* One request of the API. Lives in the request's arena, from its admission until it is finished. */
struct pf_call {
    pf_api *api;
    pf_req *req;
    const pf_route *route;
    const pf_action *action;

    pf_principal who; /* nobody until it is identified */
    pf_str account;   /* who.name, told apart from other kinds of names: for limits and logs */
    bool is_identified;
    bool takes_credentials; /* what the browser adds by itself counts */
    pf_limits_query query;  /* counts among queries at once */
    bool is_charged;        /* the push counts in its rates */
    pf_str service;         /* that it asks for or pushes to; empty: none, or not known yet */
};

/* NULL where the transport has refused the request before it was admitted. */
pf_call *pf_call_of(const pf_req *req);

/* The three calls of the transport (http.h). */
void pf_call_admit(void *api, pf_req *req, pf_admit *out);
void pf_call_handle(void *api, pf_req *req);
void pf_call_finished(void *api, pf_req *req, int status, int64_t sent, int64_t duration_ns);

/* What one query may see and take from now on; given up when the client hangs up or its token is revoked. */
pf_op pf_call_op(const pf_call *call);

/* Replies with an error, with what belongs to it: a 405 its Allow, a 401 its WWW-Authenticate. */
void pf_call_fail(pf_call *call, pf_code code, const pf_error *err);

/* The actions, each in the file that api.h names. */
pf_code pf_do_push(pf_call *call, pf_error *err);
pf_code pf_do_find(pf_call *call, pf_error *err);
pf_code pf_do_get(pf_call *call, pf_error *err);
pf_code pf_do_merge(pf_call *call, pf_error *err);
pf_code pf_body_remove(pf_call *call, pf_json *out, pf_error *err);
pf_code pf_body_remove_ids(pf_call *call, pf_json *out, pf_error *err);
pf_code pf_do_diff(pf_call *call, pf_error *err);
pf_code pf_do_openapi(pf_call *call, pf_error *err);
pf_code pf_do_metrics(pf_call *call, pf_error *err);
pf_code pf_do_symbolz(pf_call *call, pf_error *err);
pf_code pf_do_healthz(pf_call *call, pf_error *err);
pf_code pf_do_readyz(pf_call *call, pf_error *err);
pf_code pf_do_root(pf_call *call, pf_error *err);
pf_code pf_do_asset(pf_call *call, pf_error *err);
pf_code pf_body_types(pf_call *call, pf_json *out, pf_error *err);
pf_code pf_body_sample_types(pf_call *call, pf_json *out, pf_error *err);
pf_code pf_body_labels(pf_call *call, pf_json *out, pf_error *err);
pf_code pf_body_series(pf_call *call, pf_json *out, pf_error *err);
pf_code pf_body_store(pf_call *call, pf_json *out, pf_error *err);
pf_code pf_body_services(pf_call *call, pf_json *out, pf_error *err);
pf_code pf_body_version(pf_call *call, pf_json *out, pf_error *err);
pf_code pf_body_ui_config(pf_call *call, pf_json *out, pf_error *err);
pf_code pf_body_session(pf_call *call, pf_json *out, pf_error *err);
pf_code pf_body_sign_in(pf_call *call, pf_json *out, pf_error *err);
pf_code pf_body_sign_out(pf_call *call, pf_json *out, pf_error *err);
pf_code pf_body_index(pf_call *call, pf_json *out, pf_error *err);

/* The text that "/" shows to those who don't browse (pages.c). */
pf_code pf_reply_welcome(pf_call *call, pf_error *err);

#endif
