/* params.h: the parameters of a request, read and checked (docs/api.md, "Parameters").
 *
 * Texts live in the request's arena. Errors are PF_INVALID `bad request: …` naming parameter and
 * value.
 */
#ifndef PF_SERVER_API_PARAMS_H
#define PF_SERVER_API_PARAMS_H

#include "profile/meta.h"
#include "server/http/http.h"

/* service, type, labels and created_at of a push; created_at is `now` when absent. The type must be
 * known. */
pf_code pf_params_push(pf_req *req, int64_t now, pf_meta *out, pf_error *err);

/* service, type, labels, from, to and limit of a query. An unknown type means any. */
pf_code pf_params_query(pf_req *req, pf_query *out, pf_error *err);

/* The ids of `/api/0/profiles/<id>+<id>…`, at least one. Unescaped; not yet looked at. */
pf_code pf_params_ids(pf_req *req, pf_str **ids, size_t *n, pf_error *err);

#endif
